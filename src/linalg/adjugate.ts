/** The adjugate (classical adjoint) of a square matrix. */

import type { Arrayable } from "../engine/array.ts"
import { block, flip, gemm } from "./gemm.ts"
import { reduceLu } from "./lu.ts"
import { finite, type Real, real, squareMatrixOf } from "./matrix.ts"
import { plainSvd } from "./svd.ts"

function signOf(n: number, orthogonal: Float64Array): number {
  const x = orthogonal.slice()
  let sign: number = reduceLu(n, n, x).sign
  for (let i = 0; i < n; i++) sign *= Math.sign(x[i * n + i])
  return sign
}

/**
 * Adjugate of [n, n]: the transposed matrix of cofactors, A adj(A) = det(A) I, which is det(A) A^-1 where A is
 * invertible and exists for every matrix: it has rank 1 for rank n - 1 and is zero below. From the SVD,
 * adj(A) = det(U) det(V) V adj(S) U^T, which stays accurate when A is singular.
 * Not the adjoint: notes 003 (R1.1, §1.9) take the adjugate of a real matrix for its transpose.
 */
export function adjugate(a: Arrayable): Real {
  const { rows: n, data } = squareMatrixOf("adjugate", a)
  const { u, s, vt } = plainSvd("adjugate", n, n, data.slice(), true)
  const sign = signOf(n, u) * signOf(n, vt)
  for (let i = 0; i < n; i++) {
    let product = sign
    for (let j = 0; j < n; j++) if (j !== i) product *= s[j]
    for (let j = 0; j < n; j++) vt[i * n + j] *= product
  }
  const out = new Float64Array(n * n)
  gemm(n, n, n, 1, flip(block(vt, 0, n)), flip(block(u, 0, n)), block(out, 0, n))
  return real([n, n], finite("adjugate", out))
}
