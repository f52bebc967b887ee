/** Real Schur form: an orthogonal basis in which a matrix is triangular but for 2 x 2 blocks. */

import type { Arrayable } from "../engine/array.ts"
import { rescale, transposed } from "./blas.ts"
import { francis } from "./francis.ts"
import { formHessenbergQ, reduceHessenberg } from "./hessenberg.ts"
import { finite, perMatrix, type Real, real, squareOf } from "./matrix.ts"

/** What {@link schur} gives: A = Z T Z^T. */
export interface Schur {
  /** Orthogonal, [..., n, n]. */
  readonly z: Real
  /** Upper triangular but for 2 x 2 blocks on the diagonal, one for each complex pair of eigenvalues, [..., n, n]. */
  readonly t: Real
}

/** Schur form of one [n, n], overwritten by T; returns Z^T [n, n]. */
export function reduceSchur(where: string, n: number, a: Float64Array): Float64Array {
  const scale = rescale(a)
  const zt = transposed(n, n, formHessenbergQ(n, reduceHessenberg(n, a)))
  francis(where, { n, h: a, zt }, 0, n - 1)
  if (scale !== 1) for (let i = 0; i < a.length; i++) a[i] /= scale
  finite(where, a)
  return zt
}

/**
 * Real Schur form A = Z T Z^T of [..., n, n], by Hessenberg reduction and Francis' double-shift QR. A 2 x 2 block has
 * equal diagonal entries and off-diagonal entries b, c of opposite sign: its eigenvalues are a +- i sqrt(-b c).
 *
 * @throws RangeError for an empty or non-square input, NaN or Infinity; LinAlgError where the sweeps do not converge.
 */
export function schur(a: Arrayable): Schur {
  const s = squareOf("schur", a)
  const n = s.rows
  return perMatrix(s, (x) => {
    const zt = reduceSchur("schur", n, x)
    return { z: real([n, n], transposed(n, n, zt)), t: real([n, n], x) }
  })
}
