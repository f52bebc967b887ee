/** Singular value decomposition of any real matrix. */

import type { Arrayable } from "../engine/array.ts"
import { reduceBidiagonal, undoLeft, undoRight } from "./bidiagonal.ts"
import { bidiagonalDivide } from "./bidiagonal-divide.ts"
import { bidiagonalQr } from "./bidiagonal-qr.ts"
import { rescale, transposed } from "./blas.ts"
import { finite, perMatrix, type Real, real, stackOf } from "./matrix.ts"
import { applyQ, reduceQr } from "./qr.ts"

/** What {@link svd} gives: A = U diag(s) V^T. */
export interface Svd {
  /** Orthonormal columns, [..., m, min(m, n)], or [..., m, m] with `fullMatrices`. */
  readonly u: Real
  /** Singular values, descending, not negative, [..., min(m, n)]. */
  readonly s: Real
  /** Orthonormal rows, [..., min(m, n), n], or [..., n, n] with `fullMatrices`. */
  readonly vt: Real
}

/** A factored matrix in plain storage. */
export interface PlainSvd {
  readonly u: Float64Array
  readonly s: Float64Array
  readonly vt: Float64Array
}

/** From this ratio of rows to columns on it pays to make a QR factorisation first (Chan 1982). */
const tall = 1.2

/** R of a factored matrix, [n, n], with zeros below the diagonal. */
function upperOf(n: number, a: Float64Array): Float64Array {
  const r = a.slice(0, n * n)
  for (let i = 1; i < n; i++) r.fill(0, i * n, i * n + i)
  return r
}

/** The decomposition of one [m, n], overwritten: u [m, k], s, vt [k, n], or u [m, m] and vt [n, n] where `full`. */
export function plainSvd(where: string, m: number, n: number, a: Float64Array, full: boolean): PlainSvd {
  if (m < n) {
    const { u, s, vt } = plainSvd(where, n, m, transposed(m, n, a), full)
    const cols = full ? n : m
    return { u: transposed(m, m, vt), s, vt: transposed(n, cols, u) }
  }
  const scale = rescale(a)
  const cols = full ? m : n
  const isTall = m > tall * n
  const blocks = isTall ? reduceQr(m, n, a) : []
  const core = isTall ? upperOf(n, a) : a
  const height = isTall ? n : m
  const b = reduceBidiagonal(height, n, core)
  const { s, u: left, v } = bidiagonalDivide(where, n, b.d, b.e)
  undoRight(b, n, v)
  const count = isTall ? n : cols
  let rows = left
  if (height > n) {
    rows = new Float64Array(count * height)
    for (let i = 0; i < n; i++) rows.set(left.subarray(i * n, (i + 1) * n), i * height)
    for (let i = n; i < count; i++) rows[i * height + i] = 1
  }
  undoLeft(b, count, rows)
  let u: Float64Array
  if (isTall) {
    u = new Float64Array(m * cols)
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) u[i * cols + j] = rows[j * n + i]
    for (let i = n; i < cols; i++) u[i * cols + i] = 1
    applyQ(blocks, false, cols, u)
  } else {
    u = transposed(count, height, rows)
  }
  for (let i = 0; i < n; i++) s[i] /= scale
  return { u, s: finite(where, s), vt: v }
}

/**
 * Singular value decomposition A = U diag(s) V^T of [..., m, n], any m and n: QR first where m is much larger than n,
 * bidiagonal form, divide and conquer. Notes 003, D1.14 give it for square matrices only and R1.13 relate it to
 * eigenvalues for positive definite ones; both hold for every real matrix.
 *
 * @param options.fullMatrices complete U and V to square matrices; the default keeps min(m, n) columns.
 * @throws RangeError for an empty input, NaN or Infinity.
 */
export function svd(a: Arrayable, { fullMatrices = false }: { fullMatrices?: boolean } = {}): Svd {
  const st = stackOf("svd", a)
  const { rows: m, cols: n } = st
  const k = Math.min(m, n)
  return perMatrix(st, (x) => {
    const { u, s, vt } = plainSvd("svd", m, n, x, fullMatrices)
    return {
      u: real([m, fullMatrices ? m : k], u),
      s: real([k], s),
      vt: real([fullMatrices ? n : k, n], vt),
    }
  })
}

/** Singular values of one [m, n], overwritten, descending. */
export function plainSvdvals(where: string, m: number, n: number, a: Float64Array): Float64Array {
  if (m < n) return plainSvdvals(where, n, m, transposed(m, n, a))
  const scale = rescale(a)
  const isTall = m > tall * n
  if (isTall) reduceQr(m, n, a)
  const { d, e } = reduceBidiagonal(isTall ? n : m, n, isTall ? upperOf(n, a) : a)
  bidiagonalQr(where, 0, n, d, e)
  for (let i = 0; i < n; i++) d[i] /= scale
  return finite(where, d).sort().reverse()
}

/** Singular values, descending, [..., min(m, n)]: {@link svd} without the vectors, a fraction of the work. */
export function svdvals(a: Arrayable): Real {
  const st = stackOf("svdvals", a)
  const { rows: m, cols: n } = st
  return perMatrix(st, (x) => ({ s: real([Math.min(m, n)], plainSvdvals("svdvals", m, n, x)) })).s
}
