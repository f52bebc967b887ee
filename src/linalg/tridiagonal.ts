/** Symmetric to tridiagonal form by blocks of reflectors, and the way back for eigenvectors. */

import { axpyAt, dotAt, gemvT, symv } from "./blas.ts"
import { block, flip, gemm } from "./gemm.ts"
import { gather, reflect, reflectRight } from "./householder.ts"

const panel = 32

/** A = Q T Q^T with T tridiagonal. */
export interface Tridiagonal {
  readonly n: number
  /** Diagonal of T, [n]. */
  readonly d: Float64Array
  /** Off-diagonal of T, [n - 1]. */
  readonly e: Float64Array
  /** Rows are the reflectors, [n - 1, n]: the row j acts on coordinates j + 1 ... n. */
  readonly v: Float64Array
  readonly taus: Float64Array
}

/**
 * Reduces a symmetric A [n, n], of which only the lower triangle is read and which is overwritten.
 * Half of the work is one symmetric matrix-vector product a column, half is matrix products
 * (Dongarra, Sorensen and Hammarling 1989).
 */
export function reduceSymmetric(n: number, a: Float64Array): Tridiagonal {
  const d = new Float64Array(n)
  const e = new Float64Array(Math.max(0, n - 1))
  const taus = new Float64Array(Math.max(0, n - 1))
  const v = new Float64Array(Math.max(0, n - 1) * n)
  const w = new Float64Array(panel * n)
  const column = new Float64Array(n)
  const coefficients = new Float64Array(panel)
  for (let from = 0; from < n - 1; from += panel) {
    const to = Math.min(n - 1, from + panel)
    for (let j = from; j < to; j++) {
      const done = j - from
      for (let i = j; i < n; i++) column[i] = a[i * n + j]
      for (let q = 0; q < done; q++) {
        const vAt = (from + q) * n
        axpyAt(-w[q * n + j], v, vAt + j, column, j, n - j)
        axpyAt(-v[vAt + j], w, q * n + j, column, j, n - j)
      }
      d[j] = column[j]
      const at = j * n + j + 1
      const length = n - j - 1
      v.set(column.subarray(j + 1), at)
      e[j] = reflect(v, at, length, taus, j)
      const tau = taus[j]
      const wAt = done * n + j + 1
      symv(length, a, (j + 1) * n + j + 1, n, v, at, w, wAt)
      for (let q = 0; q < done; q++) coefficients[q] = dotAt(w, q * n + j + 1, v, at, length)
      gemvT(done, length, -1, v, from * n + j + 1, n, coefficients, 0, w, wAt)
      for (let q = 0; q < done; q++) coefficients[q] = dotAt(v, (from + q) * n + j + 1, v, at, length)
      gemvT(done, length, -1, w, j + 1, n, coefficients, 0, w, wAt)
      for (let i = 0; i < length; i++) w[wAt + i] *= tau
      const alpha = -0.5 * tau * dotAt(w, wAt, v, at, length)
      axpyAt(alpha, v, at, w, wAt, length)
    }
    const k = to - from
    for (let j = to; j < n; j += 64) {
      const wide = Math.min(64, n - j)
      const corner = block(a, j * n + j, n)
      gemm(n - j, wide, k, -1, flip(block(v, from * n + j, n)), block(w, j, n), corner)
      gemm(n - j, wide, k, -1, flip(block(w, j, n)), block(v, from * n + j, n), corner)
    }
  }
  d[n - 1] = a[n * n - 1]
  return { n, d, e, v, taus }
}

/** Rows of Z [count, n] that are eigenvectors of T become those of A, in place: Z <- Z Q^T. */
export function undoSymmetric(t: Tridiagonal, count: number, z: Float64Array): void {
  const { n, v, taus } = t
  const blocks = Math.ceil((n - 1) / panel)
  for (let b = blocks - 1; b >= 0; b--) {
    const from = b * panel
    const k = Math.min(panel, n - 1 - from)
    const h = gather(from + 1, k, n - from - 1, v, from * n + from + 1, n, taus, from)
    reflectRight(h, true, count, z, from + 1, n)
  }
}
