/** Implicit double-shift QR on a Hessenberg matrix (Francis 1961), down to standardised 1 x 1 and 2 x 2 blocks. */

import { rotateAt } from "./blas.ts"
import { eps, LinAlgError } from "./matrix.ts"

/** A Hessenberg matrix under way to real Schur form, A = Z H Z^T. */
export interface Schurable {
  readonly n: number
  /** [n, n], Hessenberg on entry. */
  readonly h: Float64Array
  /** Z^T [n, n], or undefined where only eigenvalues are wanted. */
  readonly zt: Float64Array | undefined
}

const tiny = 1e-290
const v = new Float64Array(3)

/**
 * Brings rows and columns `from` ... `to` (inclusive) of H to real Schur form, updating all of H and Z where Z is
 * kept, and the active part alone where it is not.
 *
 * @throws LinAlgError where an eigenvalue needs more than 90 sweeps.
 */
export function francis(where: string, s: Schurable, from: number, to: number): void {
  const { n, h } = s
  let norm = 0
  for (let i = from; i <= to; i++) {
    for (let j = Math.max(from, i - 1); j <= to; j++) norm = Math.max(norm, Math.abs(h[i * n + j]))
  }
  let hi = to
  let sweep = 0
  while (hi >= from) {
    // What is slow to converge lies under the rounding of the largest entries, and is measured by those.
    const low = activeFrom(n, h, from, hi, sweep > 20 ? eps * norm : tiny)
    if (low > from) h[low * n + low - 1] = 0
    if (low >= hi - 1) {
      if (low === hi - 1) standardise(s, low)
      hi = low - 1
      sweep = 0
      continue
    }
    if (++sweep > 90) throw new LinAlgError(`${where}: eigenvalue ${hi} did not converge in 90 sweeps`)
    doubleSweep(s, low, hi, sweep)
  }
}

/** First row of the unreduced block that ends in row `hi`: where a subdiagonal is negligible (Ahues and Tisseur 1997). */
function activeFrom(n: number, h: Float64Array, from: number, hi: number, floor: number): number {
  for (let l = hi; l > from; l--) {
    const sub = Math.abs(h[l * n + l - 1])
    if (sub <= floor) return l
    const d0 = h[(l - 1) * n + l - 1]
    const d1 = h[l * n + l]
    let size = Math.abs(d0) + Math.abs(d1)
    if (size === 0) {
      if (l - 2 >= from) size += Math.abs(h[(l - 1) * n + l - 2])
      if (l + 1 <= hi) size += Math.abs(h[(l + 1) * n + l])
    }
    if (sub <= eps * size) {
      const up = Math.abs(h[(l - 1) * n + l])
      const most = Math.max(sub, up)
      const least = Math.min(sub, up)
      const far = Math.max(Math.abs(d1), Math.abs(d0 - d1))
      const near = Math.min(Math.abs(d1), Math.abs(d0 - d1))
      const sum = far + most
      if (least * (most / sum) <= Math.max(tiny, eps * (near * (far / sum)))) return l
    }
  }
  return from
}

/** One sweep with both eigenvalues of the last 2 x 2 (or an exceptional pair) as shifts, over rows low ... hi. */
function doubleSweep(s: Schurable, low: number, hi: number, sweep: number): void {
  const { n, h, zt } = s
  let h11 = h[(hi - 1) * n + hi - 1]
  let h12 = h[(hi - 1) * n + hi]
  let h21 = h[hi * n + hi - 1]
  let h22 = h[hi * n + hi]
  if (sweep % 20 === 10 || sweep % 20 === 0) {
    const atTop = sweep % 20 === 10
    const at = atTop ? low : hi
    const size = atTop
      ? Math.abs(h[(low + 1) * n + low]) + Math.abs(h[(low + 2) * n + low + 1])
      : Math.abs(h[hi * n + hi - 1]) + Math.abs(h[(hi - 1) * n + hi - 2])
    h11 = 0.75 * size + h[at * n + at]
    h12 = -0.4375 * size
    h21 = size
    h22 = h11
  }
  const scale = Math.abs(h11) + Math.abs(h12) + Math.abs(h21) + Math.abs(h22)
  let re1 = 0
  let re2 = 0
  let im = 0
  if (scale > 0) {
    const mean = (h11 / scale + h22 / scale) / 2
    const part = (h11 / scale - mean) * (h22 / scale - mean) - (h12 / scale) * (h21 / scale)
    const root = Math.sqrt(Math.abs(part))
    if (part >= 0) {
      re1 = mean * scale
      re2 = re1
      im = root * scale
    } else {
      const a = (mean + root) * scale
      const b = (mean - root) * scale
      re1 = Math.abs(a - h22) <= Math.abs(b - h22) ? a : b
      re2 = re1
    }
  }
  let m = hi - 2
  for (; ; m--) {
    firstColumn(n, h, m, re1, re2, im)
    if (m === low) break
    const left = Math.abs(h[m * n + m - 1]) * (Math.abs(v[1]) + Math.abs(v[2]))
    const around = Math.abs(h[(m - 1) * n + m - 1]) + Math.abs(h[m * n + m]) + Math.abs(h[(m + 1) * n + m + 1])
    if (left <= eps * Math.abs(v[0]) * around) break
  }
  // Inside the active block at once; the rest of H, and Z, after the sweep, where reflectors can be paired.
  const kept = {
    from: m,
    count: hi - m,
    tau: new Float64Array(hi - m),
    v1: new Float64Array(hi - m),
    v2: new Float64Array(hi - m),
  }
  for (let k = m; k < hi; k++) {
    const three = k < hi - 1
    if (k > m) {
      v[0] = h[k * n + k - 1]
      v[1] = h[(k + 1) * n + k - 1]
      v[2] = three ? h[(k + 2) * n + k - 1] : 0
    }
    const size = Math.max(Math.abs(v[0]), Math.abs(v[1]), Math.abs(v[2]))
    if (size === 0) continue
    const x = v[0] / size
    const y = v[1] / size
    const z = v[2] / size
    const tail = y * y + z * z
    let tau = 0
    let v1 = 0
    let v2 = 0
    let beta = v[0]
    if (tail > 0) {
      const length = Math.sqrt(x * x + tail)
      const b = x > 0 ? -length : length
      tau = (b - x) / b
      v1 = y / (x - b)
      v2 = z / (x - b)
      beta = b * size
    }
    if (k > m) {
      h[k * n + k - 1] = beta
      h[(k + 1) * n + k - 1] = 0
      if (three) h[(k + 2) * n + k - 1] = 0
    } else if (m > low) {
      h[k * n + k - 1] *= 1 - tau
    }
    if (tau === 0) continue
    kept.tau[k - m] = tau
    kept.v1[k - m] = v1
    kept.v2[k - m] = v2
    if (three) {
      rowsOf3(h, k * n + k, n, hi + 1 - k, tau, v1, v2)
      columnsOf3(h, low * n + k, n, Math.min(k + 3, hi) - low + 1, tau, v1, v2)
    } else {
      rowsOf2(h, k * n + k, n, hi + 1 - k, tau, v1)
      columnsOf2(h, low * n + k, n, hi - low + 1, tau, v1)
    }
  }
  if (zt === undefined) return
  sweepRows(h, n, hi + 1, n, kept)
  sweepColumns(h, n, low, kept)
  sweepRows(zt, n, 0, n, kept)
}

/** The reflectors of one sweep, I - tau (1, v1, v2)(1, v1, v2)^T on rows from, from + 1, ...; the last has two rows. */
interface Sweep {
  readonly from: number
  readonly count: number
  readonly tau: Float64Array
  readonly v1: Float64Array
  readonly v2: Float64Array
}

/** Applies a sweep from the left to the columns left ... right (exclusive), two reflectors in one pass over four rows. */
function sweepRows(a: Float64Array, n: number, left: number, right: number, s: Sweep): void {
  if (left >= right) return
  let q = 0
  for (; q + 2 < s.count; q += 2) {
    const t0 = s.tau[q]
    const x1 = s.v1[q]
    const x2 = s.v2[q]
    const t1 = t0 * x1
    const t2 = t0 * x2
    const u0 = s.tau[q + 1]
    const y1 = s.v1[q + 1]
    const y2 = s.v2[q + 1]
    const u1 = u0 * y1
    const u2 = u0 * y2
    const row = (s.from + q) * n
    const end = row + right
    for (let p0 = row + left, p1 = p0 + n, p2 = p1 + n, p3 = p2 + n; p0 < end; p0++, p1++, p2++, p3++) {
      const a0 = a[p0]
      let a1 = a[p1]
      let a2 = a[p2]
      const a3 = a[p3]
      const first = a0 + x1 * a1 + x2 * a2
      a[p0] = a0 - first * t0
      a1 -= first * t1
      a2 -= first * t2
      const second = a1 + y1 * a2 + y2 * a3
      a[p1] = a1 - second * u0
      a[p2] = a2 - second * u1
      a[p3] = a3 - second * u2
    }
  }
  for (; q < s.count; q++) {
    const at = (s.from + q) * n + left
    if (q < s.count - 1) rowsOf3(a, at, n, right - left, s.tau[q], s.v1[q], s.v2[q])
    else rowsOf2(a, at, n, right - left, s.tau[q], s.v1[q])
  }
}

/** Applies a sweep from the right to the rows 0 ... rows: along each row three entries slide through registers. */
function sweepColumns(a: Float64Array, n: number, rows: number, s: Sweep): void {
  const { tau, v1, v2, count } = s
  for (let i = 0; i < rows; i++) {
    let p = i * n + s.from
    let x = a[p]
    let y = a[p + 1]
    for (let q = 0; q < count - 1; q++, p++) {
      const z = a[p + 2]
      const sum = (x + v1[q] * y + v2[q] * z) * tau[q]
      a[p] = x - sum
      x = y - sum * v1[q]
      y = z - sum * v2[q]
    }
    const sum = (x + v1[count - 1] * y) * tau[count - 1]
    a[p] = x - sum
    a[p + 1] = y - sum * v1[count - 1]
  }
}

/** Leaves in v, scaled, the first column of (H - shift 1)(H - shift 2) started at row m. */
function firstColumn(n: number, h: Float64Array, m: number, re1: number, re2: number, im: number): void {
  const hm = h[m * n + m]
  const next = h[(m + 1) * n + m + 1]
  const sub = h[(m + 1) * n + m]
  const size = Math.abs(hm - re2) + Math.abs(im) + Math.abs(sub)
  const ratio = size === 0 ? 0 : sub / size
  v[0] = ratio * h[m * n + m + 1] + (size === 0 ? 0 : (hm - re1) * ((hm - re2) / size) + im * (im / size))
  v[1] = ratio * (hm + next - re1 - re2)
  v[2] = ratio * h[(m + 2) * n + m + 1]
  const sum = Math.abs(v[0]) + Math.abs(v[1]) + Math.abs(v[2])
  if (sum > 0) for (let i = 0; i < 3; i++) v[i] /= sum
}

function rowsOf3(a: Float64Array, at: number, row: number, count: number, tau: number, v1: number, v2: number): void {
  const t1 = tau * v1
  const t2 = tau * v2
  const end = at + count
  for (let p = at, q = at + row, r = at + 2 * row; p < end; p++, q++, r++) {
    const sum = a[p] + v1 * a[q] + v2 * a[r]
    a[p] -= sum * tau
    a[q] -= sum * t1
    a[r] -= sum * t2
  }
}

function columnsOf3(
  a: Float64Array,
  at: number,
  row: number,
  count: number,
  tau: number,
  v1: number,
  v2: number,
): void {
  const t1 = tau * v1
  const t2 = tau * v2
  for (let i = 0, p = at; i < count; i++, p += row) {
    const sum = a[p] + v1 * a[p + 1] + v2 * a[p + 2]
    a[p] -= sum * tau
    a[p + 1] -= sum * t1
    a[p + 2] -= sum * t2
  }
}

function rowsOf2(a: Float64Array, at: number, row: number, count: number, tau: number, v1: number): void {
  const t1 = tau * v1
  const end = at + count
  for (let p = at, q = at + row; p < end; p++, q++) {
    const sum = a[p] + v1 * a[q]
    a[p] -= sum * tau
    a[q] -= sum * t1
  }
}

function columnsOf2(a: Float64Array, at: number, row: number, count: number, tau: number, v1: number): void {
  const t1 = tau * v1
  for (let i = 0, p = at; i < count; i++, p += row) {
    const sum = a[p] + v1 * a[p + 1]
    a[p] -= sum * tau
    a[p + 1] -= sum * t1
  }
}

/**
 * Rotates the 2 x 2 block at row i so that real eigenvalues stand on its diagonal, and so that a complex pair leaves
 * equal diagonal entries with off-diagonals of opposite sign.
 */
function standardise(s: Schurable, i: number): void {
  const { n, h, zt } = s
  const p = i * n + i
  const a = h[p]
  const b = h[p + 1]
  const c = h[p + n]
  const d = h[p + n + 1]
  if (c === 0) return
  let cos = 1
  let sin = 0
  const half = (a - d) / 2
  const size = Math.max(Math.abs(half), Math.abs(b), Math.abs(c))
  const part = (half / size) * (half / size) + (b / size) * (c / size)
  const isReal = part >= 0
  if (half === 0 && part === 0 && Math.abs(b) >= Math.abs(c)) {
    // b c has underflowed: c is nothing beside b.
    h[p + n] = 0
    return
  }
  if (isReal) {
    // The rotation whose first column is the eigenvector (x, c) of the eigenvalue farther from d: no cancellation.
    const root = Math.sqrt(part) * size
    const x = half + (half < 0 ? -root : root)
    const length = Math.hypot(x, c)
    cos = x / length
    sin = c / length
  } else if (half !== 0) {
    // Equal diagonal: tan 2t = (d - a) / (b + c).
    const angle = Math.atan2(-2 * half, b + c) / 2
    cos = Math.cos(angle)
    sin = Math.sin(angle)
  }
  if (sin !== 0) {
    const lastColumn = zt === undefined ? i + 2 : n
    const firstRow = zt === undefined ? i : 0
    rotateAt(h, i * n + i, h, (i + 1) * n + i, lastColumn - i, cos, sin)
    for (let r = firstRow, at = firstRow * n + i; r <= i + 1; r++, at += n) {
      const x = h[at]
      const y = h[at + 1]
      h[at] = cos * x + sin * y
      h[at + 1] = cos * y - sin * x
    }
    if (zt !== undefined) rotateAt(zt, i * n, zt, (i + 1) * n, n, cos, sin)
  }
  if (isReal) {
    h[p + n] = 0
  } else {
    const mean = (h[p] + h[p + n + 1]) / 2
    h[p] = mean
    h[p + n + 1] = mean
    // Rounding may have turned a barely complex pair into a real one: then the off-diagonals have no opposite signs.
    if (Math.sign(h[p + 1]) * Math.sign(h[p + n]) >= 0) standardise(s, i)
  }
}
