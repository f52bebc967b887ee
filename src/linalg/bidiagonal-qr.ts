/** Singular values, and vectors where wanted, of a small upper bidiagonal matrix by implicit QR. */

import { givens, rotateAt } from "./blas.ts"
import { eps, LinAlgError } from "./matrix.ts"

/** Singular vectors as rows of a wider array, rotated along: row i of the block is row i of `data`. */
export interface Rows {
  readonly data: Float64Array
  readonly row: number
  readonly at: number
  readonly width: number
}

const pair = new Float64Array(3)

function turn(z: Rows | undefined, i: number, j: number, c: number, s: number): void {
  if (z !== undefined) rotateAt(z.data, i * z.row + z.at, z.data, j * z.row + z.at, z.width, c, s)
}

/** Rotates the entry e[from .. to) that sticks out of the last column `column` away, upwards. */
export function chaseColumn(
  from: number,
  last: number,
  column: number,
  d: Float64Array,
  e: Float64Array,
  v: Rows | undefined,
): void {
  let f = e[last]
  e[last] = 0
  for (let k = last; k >= from && f !== 0; k--) {
    givens(d[k], f, pair)
    const c = pair[0]
    const s = pair[1]
    d[k] = pair[2]
    if (k > from) {
      f = -s * e[k - 1]
      e[k - 1] *= c
    }
    turn(v, k, column, c, s)
  }
}

/**
 * Diagonalises in place the upper bidiagonal with diagonal d[from .. to) and superdiagonal e[from .. to - 1): d becomes
 * the singular values, not ordered, not negative. The rows of `u` and `v` are rotated along. (Golub and Kahan 1965;
 * Golub and Reinsch 1970.)
 *
 * @throws LinAlgError where a value needs more than 80 sweeps, which no finite input is known to do.
 */
export function bidiagonalQr(
  where: string,
  from: number,
  to: number,
  d: Float64Array,
  e: Float64Array,
  u?: Rows,
  v?: Rows,
): void {
  let norm = 0
  for (let i = from; i < to; i++) norm = Math.max(norm, Math.abs(d[i]), i < to - 1 ? Math.abs(e[i]) : 0)
  let sweep = 0
  for (let q = to - 1; q > from; ) {
    const floor = sweep > 8 ? norm : 0
    const isSmall = (k: number): boolean =>
      Math.abs(e[k]) <= eps * (Math.abs(d[k]) + Math.abs(d[k + 1]) + floor) || Math.abs(e[k]) < 1e-300
    if (isSmall(q - 1)) {
      e[q - 1] = 0
      q--
      sweep = 0
      continue
    }
    if (sweep++ === 80) throw new LinAlgError(`${where}: singular value ${q} did not converge in 80 sweeps`)
    let p = q - 1
    while (p > from && !isSmall(p - 1)) p--
    if (p > from) e[p - 1] = 0
    let zero = -1
    for (let k = p; k <= q && zero < 0; k++) {
      const near = (k > p ? Math.abs(e[k - 1]) : 0) + (k < q ? Math.abs(e[k]) : 0)
      if (Math.abs(d[k]) <= eps * (near + floor)) zero = k
    }
    if (zero === q) {
      d[q] = 0
      chaseColumn(p, q - 1, q, d, e, v)
    } else if (zero >= 0) {
      d[zero] = 0
      chaseRow(zero, q, d, e, u)
    } else {
      sweepQr(p, q, d, e, u, v)
    }
  }
  for (let k = from; k < to; k++) {
    if (d[k] < 0) {
      d[k] = -d[k]
      if (v !== undefined) for (let i = 0, at = k * v.row + v.at; i < v.width; i++) v.data[at + i] = -v.data[at + i]
    }
  }
}

/** A zero on the diagonal lets the entry beside it be rotated away to the right. */
function chaseRow(zero: number, q: number, d: Float64Array, e: Float64Array, u: Rows | undefined): void {
  let f = e[zero]
  e[zero] = 0
  for (let k = zero + 1; k <= q && f !== 0; k++) {
    givens(d[k], f, pair)
    const c = pair[0]
    const s = pair[1]
    d[k] = pair[2]
    if (k < q) {
      f = -s * e[k]
      e[k] *= c
    }
    turn(u, k, zero, c, s)
  }
}

/** One shifted QR sweep over rows p ... q; the shift is the eigenvalue of the last 2 x 2 of B^T B nearest its corner. */
function sweepQr(p: number, q: number, d: Float64Array, e: Float64Array, u?: Rows, v?: Rows): void {
  const scale = Math.max(Math.abs(d[q]), Math.abs(d[q - 1]), Math.abs(e[q - 1]), Math.abs(d[p]), Math.abs(e[p]))
  const end = d[q] / scale
  const before = d[q - 1] / scale
  const beside = e[q - 1] / scale
  const b = ((before + end) * (before - end) + beside * beside) / 2
  const c = end * beside * (end * beside)
  const root = Math.sqrt(b * b + c)
  const shift = b === 0 && c === 0 ? 0 : c / (b + (b < 0 ? -root : root))
  const first = d[p] / scale
  let f = (first + end) * (first - end) + shift
  let g = first * (e[p] / scale)
  for (let k = p; k < q; k++) {
    givens(f, g, pair)
    let cos = pair[0]
    let sin = pair[1]
    if (k > p) e[k - 1] = pair[2]
    f = cos * d[k] + sin * e[k]
    e[k] = cos * e[k] - sin * d[k]
    g = sin * d[k + 1]
    d[k + 1] *= cos
    turn(v, k, k + 1, cos, sin)
    givens(f, g, pair)
    cos = pair[0]
    sin = pair[1]
    d[k] = pair[2]
    f = cos * e[k] + sin * d[k + 1]
    d[k + 1] = cos * d[k + 1] - sin * e[k]
    if (k + 1 < q) {
      g = sin * e[k + 1]
      e[k + 1] *= cos
    }
    turn(u, k, k + 1, cos, sin)
  }
  e[q - 1] = f
}
