/** Bases and projections: range, null space, Gram-Schmidt. */

import type { Arrayable } from "../engine/array.ts"
import { axpyAt, dotAt, rescale, transposed } from "./blas.ts"
import { block, flip, gemm } from "./gemm.ts"
import { rankOf } from "./lstsq.ts"
import { eps, LinAlgError, matrixOf, type Real, real } from "./matrix.ts"
import { plainSvd } from "./svd.ts"

/** Orthonormal basis of the range of [m, n] as columns, [m, rank]. The zero matrix has none: its basis is [m, 0]. */
export function orth(a: Arrayable, { tolerance }: { tolerance?: number } = {}): Real {
  return rangeOf("orth", a, tolerance)
}

function rangeOf(where: string, a: Arrayable, tolerance: number | undefined): Real {
  const { rows: m, cols: n, data } = matrixOf(where, a)
  const { u, s } = plainSvd(where, m, n, data.slice(), false)
  const rank = rankOf(where, m, n, s, tolerance)
  const out = new Float64Array(m * rank)
  for (let i = 0; i < m; i++) for (let j = 0; j < rank; j++) out[i * rank + j] = u[i * s.length + j]
  return real([m, rank], out)
}

/** Orthonormal basis of the null space {x: A x = 0} of [m, n] as columns, [n, n - rank]; [n, 0] for full column rank. */
export function nullSpace(a: Arrayable, { tolerance }: { tolerance?: number } = {}): Real {
  const { rows: m, cols: n, data } = matrixOf("nullSpace", a)
  const { s, vt } = plainSvd("nullSpace", m, n, data.slice(), true)
  const rank = rankOf("nullSpace", m, n, s, tolerance)
  return real([n, n - rank], transposed(n - rank, n, vt.slice(rank * n)))
}

/** Orthogonal projection [m, m] onto the range of A [m, n]: P = Q Q^T, P P = P = P^T, and A - P A = 0. */
export function projection(a: Arrayable, { tolerance }: { tolerance?: number } = {}): Real {
  const q = rangeOf("projection", a, tolerance)
  const [m, rank] = q.shape
  const out = new Float64Array(m * m)
  gemm(m, m, rank, 1, block(q.data, 0, rank), flip(block(q.data, 0, rank)), block(out, 0, m))
  return real([m, m], out)
}

/**
 * Gram-Schmidt: columns [m, n] made orthonormal one after the other, each spanning with those before it what it spanned
 * before. Modified, and every column done twice, which is orthogonal to working precision (Giraud et al. 2005).
 *
 * @throws LinAlgError where a column depends on those before it (use {@link orth}).
 */
export function gramSchmidt(a: Arrayable): Real {
  const { rows: m, cols: n, data } = matrixOf("gramSchmidt", a)
  const q = transposed(m, n, data)
  for (let j = 0; j < n; j++) {
    const at = j * m
    rescale(q.subarray(at, at + m))
    const before = Math.sqrt(dotAt(q, at, q, at, m))
    for (let pass = 0; pass < 2; pass++) {
      for (let i = 0; i < j; i++) axpyAt(-dotAt(q, i * m, q, at, m), q, i * m, q, at, m)
    }
    const length = Math.sqrt(dotAt(q, at, q, at, m))
    if (!(length > 4 * Math.sqrt(m) * (j + 1) * eps * before))
      throw new LinAlgError(`gramSchmidt: column ${j} depends on the columns before it (use orth)`)
    for (let i = at; i < at + m; i++) q[i] /= length
  }
  return real([m, n], transposed(n, m, q))
}
