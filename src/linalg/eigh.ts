/** Eigenvalues and eigenvectors of symmetric matrices. */

import type { Arrayable } from "../engine/array.ts"
import { rescale, transposed } from "./blas.ts"
import { finite, perMatrix, type Real, real, symmetricOf } from "./matrix.ts"
import { reduceSymmetric, undoSymmetric } from "./tridiagonal.ts"
import { tridiagonalDivide } from "./tridiagonal-divide.ts"
import { tridiagonalQl } from "./tridiagonal-ql.ts"

/** What {@link eigh} gives: A = V diag(values) V^T. */
export interface Eigh {
  /** Ascending, [..., n]. */
  readonly values: Real
  /** Orthonormal eigenvectors as columns, [..., n, n]. */
  readonly vectors: Real
}

/** Eigensystem of one symmetric [n, n], overwritten; eigenvectors are the rows of `rows`. */
export function eigenRows(where: string, n: number, a: Float64Array): { values: Float64Array; rows: Float64Array } {
  const scale = rescale(a)
  const t = reduceSymmetric(n, a)
  const rows = tridiagonalDivide(where, n, t.d, t.e)
  undoSymmetric(t, n, rows)
  for (let i = 0; i < n; i++) t.d[i] /= scale
  return { values: finite(where, t.d), rows }
}

/**
 * Eigenvalues and orthonormal eigenvectors of symmetric [..., n, n]: A = V diag(values) V^T (the spectral theorem),
 * by Householder tridiagonalisation and divide and conquer. Repeated eigenvalues get an orthonormal basis of their
 * eigenspace; notes 000 §2.5 say a diagonalisable matrix has none (the identity has), which is corrected here.
 *
 * @throws RangeError where the matrix is not symmetric.
 */
export function eigh(a: Arrayable): Eigh {
  const s = symmetricOf("eigh", a)
  const n = s.rows
  return perMatrix(s, (x) => {
    const { values, rows } = eigenRows("eigh", n, x)
    return { values: real([n], values), vectors: real([n, n], transposed(n, n, rows)) }
  })
}

/** Eigenvalues, ascending, [..., n], of symmetric [..., n, n]: {@link eigh} without the vectors, a fraction of the work. */
export function eigvalsh(a: Arrayable): Real {
  const s = symmetricOf("eigvalsh", a)
  const n = s.rows
  return perMatrix(s, (x) => {
    const scale = rescale(x)
    const { d, e } = reduceSymmetric(n, x)
    tridiagonalQl("eigvalsh", 0, n, d, e)
    for (let i = 0; i < n; i++) d[i] /= scale
    return { values: real([n], finite("eigvalsh", d).sort()) }
  }).values
}
