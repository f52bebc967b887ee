/** Vector kernels the decompositions share: sums kept in several registers, four rows read at a time. */

/** Sum of x[i] y[i] over n entries, from the given places. */
export function dotAt(x: Float64Array, xAt: number, y: Float64Array, yAt: number, n: number): number {
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let i = 0
  for (; i + 4 <= n; i += 4) {
    const p = xAt + i
    const q = yAt + i
    s0 += x[p] * y[q]
    s1 += x[p + 1] * y[q + 1]
    s2 += x[p + 2] * y[q + 2]
    s3 += x[p + 3] * y[q + 3]
  }
  for (; i < n; i++) s0 += x[xAt + i] * y[yAt + i]
  return s0 + s1 + (s2 + s3)
}

/** y += alpha x over n entries. */
export function axpyAt(alpha: number, x: Float64Array, xAt: number, y: Float64Array, yAt: number, n: number): void {
  for (let i = 0; i < n; i++) y[yAt + i] += alpha * x[xAt + i]
}

/** (x, y) <- (c x + s y, c y - s x) over n entries: a plane rotation of two rows. */
export function rotateAt(
  x: Float64Array,
  xAt: number,
  y: Float64Array,
  yAt: number,
  n: number,
  c: number,
  s: number,
): void {
  for (let i = 0; i < n; i++) {
    const u = x[xAt + i]
    const v = y[yAt + i]
    x[xAt + i] = c * u + s * v
    y[yAt + i] = c * v - s * u
  }
}

/**
 * The plane rotation that sends (f, g) to (r, 0), r >= 0: writes c, s, r. Tiny pairs are scaled up first, since c and s
 * from a rounded length would not be a rotation.
 */
export function givens(f: number, g: number, out: Float64Array): void {
  const square = f * f + g * g
  if (square > 1e-280 && square < 1e280) {
    const r = Math.sqrt(square)
    out[0] = f / r
    out[1] = g / r
    out[2] = r
    return
  }
  const most = Math.max(Math.abs(f), Math.abs(g))
  const scale = most === 0 ? 1 : 2 ** -Math.max(-1000, Math.min(1000, Math.floor(Math.log2(most))))
  const x = f * scale
  const y = g * scale
  const r = Math.sqrt(x * x + y * y)
  out[0] = r === 0 ? 1 : x / r
  out[1] = r === 0 ? 0 : y / r
  out[2] = r / scale
}

/** y = A x with A [m, n] row-major from `at`, `row` entries a row: rows are dotted four at a time. */
export function gemv(
  m: number,
  n: number,
  a: Float64Array,
  at: number,
  row: number,
  x: Float64Array,
  xAt: number,
  y: Float64Array,
  yAt: number,
): void {
  let i = 0
  for (; i + 4 <= m; i += 4) {
    const p0 = at + i * row
    const p1 = p0 + row
    const p2 = p1 + row
    const p3 = p2 + row
    let s0 = 0
    let s1 = 0
    let s2 = 0
    let s3 = 0
    for (let j = 0; j < n; j++) {
      const v = x[xAt + j]
      s0 += a[p0 + j] * v
      s1 += a[p1 + j] * v
      s2 += a[p2 + j] * v
      s3 += a[p3 + j] * v
    }
    y[yAt + i] = s0
    y[yAt + i + 1] = s1
    y[yAt + i + 2] = s2
    y[yAt + i + 3] = s3
  }
  for (; i < m; i++) y[yAt + i] = dotAt(a, at + i * row, x, xAt, n)
}

/** y += alpha A^T x with A [m, n] row-major: four rows are added at a time. */
export function gemvT(
  m: number,
  n: number,
  alpha: number,
  a: Float64Array,
  at: number,
  row: number,
  x: Float64Array,
  xAt: number,
  y: Float64Array,
  yAt: number,
): void {
  let i = 0
  for (; i + 4 <= m; i += 4) {
    const p0 = at + i * row
    const p1 = p0 + row
    const p2 = p1 + row
    const p3 = p2 + row
    const x0 = alpha * x[xAt + i]
    const x1 = alpha * x[xAt + i + 1]
    const x2 = alpha * x[xAt + i + 2]
    const x3 = alpha * x[xAt + i + 3]
    for (let j = 0; j < n; j++) {
      y[yAt + j] += x0 * a[p0 + j] + x1 * a[p1 + j] + (x2 * a[p2 + j] + x3 * a[p3 + j])
    }
  }
  for (; i < m; i++) axpyAt(alpha * x[xAt + i], a, at + i * row, y, yAt, n)
}

/** y = A x for a symmetric A [n, n] of which only the lower triangle is read, once. */
export function symv(
  n: number,
  a: Float64Array,
  at: number,
  row: number,
  x: Float64Array,
  xAt: number,
  y: Float64Array,
  yAt: number,
): void {
  for (let i = 0; i < n; i++) y[yAt + i] = 0
  let i = 0
  for (; i + 4 <= n; i += 4) {
    const p0 = at + i * row
    const p1 = p0 + row
    const p2 = p1 + row
    const p3 = p2 + row
    const x0 = x[xAt + i]
    const x1 = x[xAt + i + 1]
    const x2 = x[xAt + i + 2]
    const x3 = x[xAt + i + 3]
    let s0 = 0
    let s1 = 0
    let s2 = 0
    let s3 = 0
    for (let j = 0; j < i; j++) {
      const a0 = a[p0 + j]
      const a1 = a[p1 + j]
      const a2 = a[p2 + j]
      const a3 = a[p3 + j]
      const v = x[xAt + j]
      s0 += a0 * v
      s1 += a1 * v
      s2 += a2 * v
      s3 += a3 * v
      y[yAt + j] += a0 * x0 + a1 * x1 + (a2 * x2 + a3 * x3)
    }
    const b10 = a[p1 + i]
    const b20 = a[p2 + i]
    const b30 = a[p3 + i]
    const b21 = a[p2 + i + 1]
    const b31 = a[p3 + i + 1]
    const b32 = a[p3 + i + 2]
    y[yAt + i] += s0 + a[p0 + i] * x0 + b10 * x1 + b20 * x2 + b30 * x3
    y[yAt + i + 1] += s1 + b10 * x0 + a[p1 + i + 1] * x1 + b21 * x2 + b31 * x3
    y[yAt + i + 2] += s2 + b20 * x0 + b21 * x1 + a[p2 + i + 2] * x2 + b32 * x3
    y[yAt + i + 3] += s3 + b30 * x0 + b31 * x1 + b32 * x2 + a[p3 + i + 3] * x3
  }
  for (; i < n; i++) {
    const p = at + i * row
    const v = x[xAt + i]
    let sum = a[p + i] * v
    for (let j = 0; j < i; j++) {
      sum += a[p + j] * x[xAt + j]
      y[yAt + j] += a[p + j] * v
    }
    y[yAt + i] += sum
  }
}

/** The transpose [n, m] of a row-major [m, n], in fresh storage, by tiles. */
export function transposed(m: number, n: number, a: Float64Array): Float64Array {
  const out = new Float64Array(m * n)
  for (let i0 = 0; i0 < m; i0 += 16) {
    const iEnd = Math.min(m, i0 + 16)
    for (let j0 = 0; j0 < n; j0 += 16) {
      const jEnd = Math.min(n, j0 + 16)
      for (let i = i0; i < iEnd; i++) for (let j = j0; j < jEnd; j++) out[j * m + i] = a[i * n + j]
    }
  }
  return out
}

/** The largest absolute value. */
export function largest(a: Float64Array): number {
  let most = 0
  for (let i = 0; i < a.length; i++) {
    const v = Math.abs(a[i])
    if (v > most) most = v
  }
  return most
}

/**
 * Brings the largest entry near 1, in place, where squares of the entries could overflow or vanish.
 * Returns the power of two that was multiplied in (1 where nothing had to change), which is exact to undo.
 */
export function rescale(a: Float64Array): number {
  const most = largest(a)
  if (most === 0 || (most > 1e-100 && most < 1e100)) return 1
  const scale = 2 ** -Math.max(-1000, Math.min(1000, Math.floor(Math.log2(most))))
  for (let i = 0; i < a.length; i++) a[i] *= scale
  return scale
}
