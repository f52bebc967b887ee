/** Householder reflectors, singly and in blocks: the orthogonal half of QR, the eigenproblems and the SVD. */

import { dotAt } from "./blas.ts"
import { block, flip, gemm } from "./gemm.ts"

/**
 * Turns x (n entries from `at`) into the vector v of the reflector H = I - tau v v^T, v[0] = 1, that sends x to
 * beta e1. Writes tau to `taus[slot]`, returns beta, whose sign is opposite to x[0]'s (no cancellation).
 */
export function reflect(x: Float64Array, at: number, n: number, taus: Float64Array, slot: number): number {
  const alpha = x[at]
  const tail = n > 1 ? dotAt(x, at + 1, x, at + 1, n - 1) : 0
  x[at] = 1
  // Squares this small have lost their digits; the entries are nothing beside a matrix that was scaled to 1e-100 or more.
  if (tail < 1e-280) {
    x.fill(0, at + 1, at + n)
    taus[slot] = 0
    return alpha
  }
  const length = Math.sqrt(alpha * alpha + tail)
  const beta = alpha > 0 ? -length : length
  taus[slot] = (beta - alpha) / beta
  const scale = 1 / (alpha - beta)
  for (let i = at + 1; i < at + n; i++) x[i] *= scale
  return beta
}

/** k reflectors as one: H_0 H_1 ... = I - V T V^T; the rows of `v` [k, length] are the vectors, zeros written out. */
export interface Reflectors {
  /** First row of the matrix that the block acts on. */
  readonly from: number
  readonly k: number
  readonly length: number
  readonly v: Float64Array
  readonly vAt: number
  readonly vRow: number
  /** Upper triangular [k, k]. */
  readonly t: Float64Array
}

/** Gathers k reflectors into one block (compact WY form; Schreiber and Van Loan 1989). */
export function gather(
  from: number,
  k: number,
  length: number,
  v: Float64Array,
  vAt: number,
  vRow: number,
  taus: Float64Array,
  tauAt: number,
): Reflectors {
  const gram = new Float64Array(k * k)
  const rows = block(v, vAt, vRow)
  gemm(k, k, length, 1, rows, flip(rows), block(gram, 0, k))
  const t = new Float64Array(k * k)
  for (let j = 0; j < k; j++) {
    const tau = taus[tauAt + j]
    for (let i = 0; i < j; i++) {
      let sum = 0
      for (let l = i; l < j; l++) sum += t[i * k + l] * gram[l * k + j]
      t[i * k + j] = -tau * sum
    }
    t[j * k + j] = tau
  }
  return { from, k, length, v, vAt, vRow, t }
}

/** C <- (I - V T V^T) C, or its transpose applied, to the `length` rows of C [., n] that begin at `at`. */
export function reflectLeft(
  h: Reflectors,
  transpose: boolean,
  n: number,
  c: Float64Array,
  at: number,
  row: number,
): void {
  const { k, length } = h
  const v = block(h.v, h.vAt, h.vRow)
  const t = block(h.t, 0, k)
  const w = block(new Float64Array(k * n), 0, n)
  gemm(k, n, length, 1, v, block(c, at, row), w)
  const tw = block(new Float64Array(k * n), 0, n)
  gemm(k, n, k, 1, transpose ? flip(t) : t, w, tw)
  gemm(length, n, k, -1, flip(v), tw, block(c, at, row))
}

/** C <- C (I - V T V^T), or with its transpose, on the `length` columns of C [m, .] that begin at `at`. */
export function reflectRight(
  h: Reflectors,
  transpose: boolean,
  m: number,
  c: Float64Array,
  at: number,
  row: number,
): void {
  const { k, length } = h
  const v = block(h.v, h.vAt, h.vRow)
  const t = block(h.t, 0, k)
  const w = block(new Float64Array(m * k), 0, k)
  gemm(m, k, length, 1, block(c, at, row), flip(v), w)
  const wt = block(new Float64Array(m * k), 0, k)
  gemm(m, k, k, 1, w, transpose ? flip(t) : t, wt)
  gemm(m, length, k, -1, wt, v, block(c, at, row))
}
