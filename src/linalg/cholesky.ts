/** Cholesky factorisation, by blocks, and solves with it. */

import type { Arrayable } from "../engine/array.ts"
import { dotAt } from "./blas.ts"
import { block, flip, gemm } from "./gemm.ts"
import { eps, finite, LinAlgError, perMatrix, type Real, real, squareMatrixOf, symmetricOf } from "./matrix.ts"
import { rightSideOf, solveTriangle } from "./triangular.ts"

const panel = 32

/**
 * Factors a symmetric A [n, n] in place, reading and writing its lower triangle only: A = L L^T.
 * Returns -1, or the index of the first pivot that is not positive beyond rounding, 4 sqrt(n) eps a_kk.
 */
export function reduceCholesky(n: number, a: Float64Array): number {
  const diagonal = Float64Array.from({ length: n }, (_, i) => a[i * n + i])
  const noise = 4 * Math.sqrt(n) * eps
  for (let from = 0; from < n; from += panel) {
    const to = Math.min(n, from + panel)
    for (let i = from; i < n; i++) {
      const row = i * n + from
      const end = Math.min(i, to)
      for (let j = from; j < end; j++) {
        a[i * n + j] = (a[i * n + j] - dotAt(a, row, a, j * n + from, j - from)) / a[j * n + j]
      }
      if (i < to) {
        const d = a[i * n + i] - dotAt(a, row, a, row, i - from)
        if (!(d > noise * diagonal[i])) return i
        a[i * n + i] = Math.sqrt(d)
      }
    }
    for (let j = to; j < n; j += 64) {
      const wide = Math.min(64, n - j)
      const right = flip(block(a, j * n + from, n))
      gemm(n - j, wide, to - from, -1, block(a, j * n + from, n), right, block(a, j * n + j, n))
    }
  }
  return -1
}

/**
 * Cholesky factor L, lower triangular with a positive diagonal, of symmetric positive definite matrices [..., n, n]:
 * A = L L^T, unique. (Notes 003, D1.11.) Notes 004 §3 give every semi-definite matrix one; a singular matrix is refused
 * here, since its factor is not unique and solves nothing (nearestPositiveDefinite lifts it).
 *
 * @throws LinAlgError where a pivot is not positive beyond rounding; RangeError where the matrix is not symmetric.
 */
export function cholesky(a: Arrayable): Real {
  const s = symmetricOf("cholesky", a)
  const n = s.rows
  return perMatrix(s, (x) => {
    const bad = reduceCholesky(n, x)
    if (bad >= 0) {
      throw new LinAlgError(
        `cholesky: matrix is not positive definite, leading minor ${bad + 1} is not positive (see nearestPositiveDefinite)`,
      )
    }
    for (let i = 0; i < n; i++) x.fill(0, i * n + i + 1, (i + 1) * n)
    return { l: real([n, n], x) }
  }).l
}

/**
 * Solves A x = b given the factor L of A = L L^T [n, n]: L z = b forward, then L^T x = z backward; b is [n] or
 * [n, columns]. (Notes 003, R1.8.)
 *
 * @throws LinAlgError where the factor's diagonal is not positive, or the solution overflows.
 */
export function choleskySolve(l: Arrayable, b: Arrayable): Real {
  const { rows: n, data } = squareMatrixOf("choleskySolve", l, "factor")
  for (let i = 0; i < n; i++) {
    const d = data[i * n + i]
    if (!(d > 0))
      throw new LinAlgError(`choleskySolve: diagonal entry ${i} of the factor is ${d}, expected a positive one`)
  }
  const x = rightSideOf("choleskySolve", b, n)
  const t = block(data, 0, n)
  solveTriangle(n, x.columns, t, true, false, x.data, 0, x.columns)
  solveTriangle(n, x.columns, flip(t), false, false, x.data, 0, x.columns)
  return real(x.shape, finite("choleskySolve", x.data))
}
