/** Least squares, pseudo-inverse, rank: systems without a unique solution, by the SVD. */

import type { Arrayable } from "../engine/array.ts"
import { block, flip, gemm } from "./gemm.ts"
import { eps, finite, matrixOf, perMatrix, type Real, real, stackOf, toleranceOf } from "./matrix.ts"
import { plainSvd, plainSvdvals } from "./svd.ts"
import { rightSideOf } from "./triangular.ts"

/** How many singular values count as nonzero: those above `tolerance`, by default max(m, n) eps times the largest. */
export function rankOf(where: string, m: number, n: number, s: Float64Array, tolerance: number | undefined): number {
  const least = toleranceOf(where, tolerance, Math.max(m, n) * eps * s[0])
  let rank = 0
  while (rank < s.length && s[rank] > least) rank++
  return rank
}

/** What {@link lstsq} gives. */
export interface LeastSquares {
  /** The solution, [n] or [n, columns]. */
  readonly x: Real
  /** Squared length of b - A x for each column, [columns]. */
  readonly residuals: Real
  readonly rank: number
  /** Singular values of A, descending, [min(m, n)]. */
  readonly s: Real
}

/**
 * Least squares: the x that minimises ||A x - b||, and among those the shortest. A is [m, n] of any rank, b is [m] or
 * [m, columns]; x = V S^+ U^T b (notes 003, R1.14, where S^-1 stands for nonzero singular values only).
 *
 * @param options.tolerance singular values at or below it count as zero; default max(m, n) eps times the largest.
 */
export function lstsq(a: Arrayable, b: Arrayable, { tolerance }: { tolerance?: number } = {}): LeastSquares {
  const { rows: m, cols: n, data } = matrixOf("lstsq", a)
  const right = rightSideOf("lstsq", b, m)
  const r = right.columns
  const { u, s, vt } = plainSvd("lstsq", m, n, data.slice(), false)
  const k = s.length
  const rank = rankOf("lstsq", m, n, s, tolerance)
  const c = new Float64Array(k * r)
  gemm(rank, r, m, 1, flip(block(u, 0, k)), block(right.data, 0, r), block(c, 0, r))
  for (let i = 0; i < rank; i++) for (let j = 0; j < r; j++) c[i * r + j] /= s[i]
  const x = new Float64Array(n * r)
  gemm(n, r, rank, 1, flip(block(vt, 0, n)), block(c, 0, r), block(x, 0, r))
  finite("lstsq", x)
  gemm(m, r, n, -1, block(data, 0, n), block(x, 0, r), block(right.data, 0, r))
  const residuals = new Float64Array(r)
  for (let i = 0; i < m; i++) for (let j = 0; j < r; j++) residuals[j] += right.data[i * r + j] ** 2
  const shape = right.shape.length === 1 ? [n] : [n, r]
  return { x: real(shape, x), residuals: real([r], residuals), rank, s: real([k], s) }
}

/**
 * Moore-Penrose pseudo-inverse [..., n, m] of [..., m, n]: A^+ = V S^+ U^T. It is the inverse where there is one.
 *
 * @param options.tolerance singular values at or below it count as zero; default max(m, n) eps times the largest.
 */
export function pinv(a: Arrayable, { tolerance }: { tolerance?: number } = {}): Real {
  const st = stackOf("pinv", a)
  const { rows: m, cols: n } = st
  return perMatrix(st, (x) => {
    const { u, s, vt } = plainSvd("pinv", m, n, x, false)
    const k = s.length
    const rank = rankOf("pinv", m, n, s, tolerance)
    for (let i = 0; i < rank; i++) for (let j = 0; j < n; j++) vt[i * n + j] /= s[i]
    const out = new Float64Array(n * m)
    gemm(n, m, rank, 1, flip(block(vt, 0, n)), flip(block(u, 0, k)), block(out, 0, m))
    return { inverse: real([n, m], finite("pinv", out)) }
  }).inverse
}

/** Rank of [m, n]: the number of singular values above `tolerance`, by default max(m, n) eps times the largest. */
export function matrixRank(a: Arrayable, { tolerance }: { tolerance?: number } = {}): number {
  const { rows: m, cols: n, data } = matrixOf("matrixRank", a)
  return rankOf("matrixRank", m, n, plainSvdvals("matrixRank", m, n, data.slice()), tolerance)
}
