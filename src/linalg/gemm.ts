/** Matrix product on the host: packed panels, a 4 x 4 tile of sums in registers, blocks that fit the caches. */

/** A rectangle inside a buffer: entry [i, j] is `data[at + i * row + j * col]`. */
export interface Block {
  readonly data: Float64Array
  readonly at: number
  readonly row: number
  readonly col: number
}

/** A row-major rectangle that starts at `at`, with `row` entries from one row to the next. */
export function block(data: Float64Array, at: number, row: number): Block {
  return { data, at, row, col: 1 }
}

/** The same rectangle transposed, without moving anything. */
export function flip(b: Block): Block {
  return { data: b.data, at: b.at, row: b.col, col: b.row }
}

const depth = 256
const height = 128
const packedA = new Float64Array(height * depth)
let packedB = new Float64Array(depth * 64)
const tile = new Float64Array(16)

/**
 * C += alpha A B, with A [m, k], B [k, n] and C [m, n] any rectangles; C's entries must be adjacent along its rows.
 * After Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication".
 */
export function gemm(m: number, n: number, k: number, alpha: number, a: Block, b: Block, c: Block): void {
  if (m === 0 || n === 0 || k === 0) return
  if (m * n * k <= 1000 || k < 3 || n === 1) {
    small(m, n, k, alpha, a, b, c)
    return
  }
  const wide = (n + 3) & ~3
  if (packedB.length < depth * wide) packedB = new Float64Array(depth * wide)
  for (let k0 = 0; k0 < k; k0 += depth) {
    const kb = Math.min(depth, k - k0)
    packB(b, k0, kb, n)
    for (let i0 = 0; i0 < m; i0 += height) {
      const mb = Math.min(height, m - i0)
      packA(a, i0, mb, k0, kb, alpha)
      for (let j = 0; j < n; j += 4) {
        const bAt = j * kb
        for (let i = 0; i < mb; i += 4) {
          const cAt = c.at + (i0 + i) * c.row + j
          if (i + 4 <= mb && j + 4 <= n) {
            micro(packedA, i * kb, packedB, bAt, kb, c.data, cAt, c.row)
          } else {
            tile.fill(0)
            micro(packedA, i * kb, packedB, bAt, kb, tile, 0, 4)
            const rows = Math.min(4, mb - i)
            const cols = Math.min(4, n - j)
            for (let r = 0; r < rows; r++) {
              for (let s = 0; s < cols; s++) c.data[cAt + r * c.row + s] += tile[r * 4 + s]
            }
          }
        }
      }
    }
  }
}

/** Rows i0 ... i0 + mb of alpha A, four at a time, their entries side by side; missing rows are zeros. */
function packA(a: Block, i0: number, mb: number, k0: number, kb: number, alpha: number): void {
  const { data, row, col } = a
  for (let i = 0; i < mb; i += 4) {
    let p = i * kb
    const rows = Math.min(4, mb - i)
    let q = a.at + (i0 + i) * row + k0 * col
    if (rows === 4) {
      for (let t = 0; t < kb; t++) {
        packedA[p] = alpha * data[q]
        packedA[p + 1] = alpha * data[q + row]
        packedA[p + 2] = alpha * data[q + 2 * row]
        packedA[p + 3] = alpha * data[q + 3 * row]
        p += 4
        q += col
      }
    } else {
      for (let t = 0; t < kb; t++) {
        for (let r = 0; r < 4; r++) packedA[p + r] = r < rows ? alpha * data[q + r * row] : 0
        p += 4
        q += col
      }
    }
  }
}

/** All columns of B for the current depth, four at a time; missing columns are zeros. */
function packB(b: Block, k0: number, kb: number, n: number): void {
  const { data, row, col } = b
  for (let j = 0; j < n; j += 4) {
    let p = j * kb
    const cols = Math.min(4, n - j)
    let q = b.at + k0 * row + j * col
    if (cols === 4) {
      for (let t = 0; t < kb; t++) {
        packedB[p] = data[q]
        packedB[p + 1] = data[q + col]
        packedB[p + 2] = data[q + 2 * col]
        packedB[p + 3] = data[q + 3 * col]
        p += 4
        q += row
      }
    } else {
      for (let t = 0; t < kb; t++) {
        for (let s = 0; s < 4; s++) packedB[p + s] = s < cols ? data[q + s * col] : 0
        p += 4
        q += row
      }
    }
  }
}

function micro(
  a: Float64Array,
  aAt: number,
  b: Float64Array,
  bAt: number,
  kb: number,
  c: Float64Array,
  cAt: number,
  row: number,
): void {
  let c00 = 0
  let c01 = 0
  let c02 = 0
  let c03 = 0
  let c10 = 0
  let c11 = 0
  let c12 = 0
  let c13 = 0
  let c20 = 0
  let c21 = 0
  let c22 = 0
  let c23 = 0
  let c30 = 0
  let c31 = 0
  let c32 = 0
  let c33 = 0
  const end = bAt + 4 * kb
  for (let p = bAt, q = aAt; p < end; p += 4, q += 4) {
    const b0 = b[p]
    const b1 = b[p + 1]
    const b2 = b[p + 2]
    const b3 = b[p + 3]
    let x = a[q]
    c00 += x * b0
    c01 += x * b1
    c02 += x * b2
    c03 += x * b3
    x = a[q + 1]
    c10 += x * b0
    c11 += x * b1
    c12 += x * b2
    c13 += x * b3
    x = a[q + 2]
    c20 += x * b0
    c21 += x * b1
    c22 += x * b2
    c23 += x * b3
    x = a[q + 3]
    c30 += x * b0
    c31 += x * b1
    c32 += x * b2
    c33 += x * b3
  }
  let at = cAt
  c[at] += c00
  c[at + 1] += c01
  c[at + 2] += c02
  c[at + 3] += c03
  at += row
  c[at] += c10
  c[at + 1] += c11
  c[at + 2] += c12
  c[at + 3] += c13
  at += row
  c[at] += c20
  c[at + 1] += c21
  c[at + 2] += c22
  c[at + 3] += c23
  at += row
  c[at] += c30
  c[at + 1] += c31
  c[at + 2] += c32
  c[at + 3] += c33
}

/** The plain loops, for products too small or too thin to be worth packing. */
function small(m: number, n: number, k: number, alpha: number, a: Block, b: Block, c: Block): void {
  const x = a.data
  const y = b.data
  const out = c.data
  if (n === 1) {
    for (let i = 0; i < m; i++) {
      let sum = 0
      let p = a.at + i * a.row
      let q = b.at
      for (let t = 0; t < k; t++, p += a.col, q += b.row) sum += x[p] * y[q]
      out[c.at + i * c.row] += alpha * sum
    }
    return
  }
  for (let i = 0; i < m; i++) {
    for (let t = 0; t < k; t++) {
      const v = alpha * x[a.at + i * a.row + t * a.col]
      let q = b.at + t * b.row
      let p = c.at + i * c.row
      for (let j = 0; j < n; j++, q += b.col) out[p++] += v * y[q]
    }
  }
}
