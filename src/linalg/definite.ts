/** Definiteness of symmetric matrices: by eigenvalues, by minors, by Cholesky; the nearest positive definite one. */

import type { Arrayable } from "../engine/array.ts"
import { largest, rescale } from "./blas.ts"
import { reduceCholesky } from "./cholesky.ts"
import { eigenRows } from "./eigh.ts"
import { reduceLu } from "./lu.ts"
import {
  eps,
  finite,
  matrixOf,
  perMatrix,
  type Real,
  real,
  show,
  squareMatrixOf,
  squareOf,
  symmetricOf,
  toleranceOf,
} from "./matrix.ts"
import { ofEigenvalues } from "./sqrtm.ts"

/** The signs of z^T A z: "zero" is the zero matrix, which is semi-definite both ways. */
export type Definiteness =
  | "positive definite"
  | "positive semidefinite"
  | "negative definite"
  | "negative semidefinite"
  | "indefinite"
  | "zero"

function fromSigns(plus: number, minus: number, n: number): Definiteness {
  if (plus > 0 && minus > 0) return "indefinite"
  if (plus > 0) return plus === n ? "positive definite" : "positive semidefinite"
  if (minus > 0) return minus === n ? "negative definite" : "negative semidefinite"
  return "zero"
}

/**
 * Definiteness of a symmetric [n, n] by the signs of its eigenvalues: z^T A z = sum lambda_i z'_i^2 with z' = V^T z
 * (notes 000 §2.6, whose title says eigenvectors). It says when a matrix is indefinite too: signs of both kinds.
 *
 * @param options.tolerance eigenvalues of at most this size count as zero; default n eps times the largest.
 */
export function definiteness(a: Arrayable, { tolerance }: { tolerance?: number } = {}): Definiteness {
  matrixOf("definiteness", a)
  const { rows: n, data } = symmetricOf("definiteness", a)
  const { values } = eigenRows("definiteness", n, data)
  const least = toleranceOf("definiteness", tolerance, n * eps * largest(values))
  let plus = 0
  let minus = 0
  for (const v of values) {
    if (v > least) plus++
    else if (v < -least) minus++
  }
  return fromSigns(plus, minus, n)
}

/** Whether a symmetric [n, n] is positive definite, by trying its Cholesky factorisation: the cheapest test. */
export function isPositiveDefinite(a: Arrayable): boolean {
  matrixOf("isPositiveDefinite", a)
  const { rows: n, data } = symmetricOf("isPositiveDefinite", a)
  return reduceCholesky(n, data) < 0
}

/** Determinant of the rows and columns `index` of a plain [n, n], and 0 where it is rounding noise of their size. */
function minorOf(n: number, a: Float64Array, index: readonly number[]): number {
  const k = index.length
  const sub = new Float64Array(k * k)
  let bound = 1
  for (let i = 0; i < k; i++) {
    let row = 0
    for (let j = 0; j < k; j++) {
      sub[i * k + j] = a[index[i] * n + index[j]]
      row += sub[i * k + j] ** 2
    }
    bound *= Math.sqrt(row)
  }
  let product: number = reduceLu(k, k, sub).sign
  for (let i = 0; i < k; i++) product *= sub[i * k + i]
  return Math.abs(product) <= 4 * k * eps * bound ? 0 : product
}

/**
 * Leading principal minors det A[0..k, 0..k] of a square [n, n], k = 1 ... n; noise of rounding counts as 0.
 *
 * @throws LinAlgError where one overflows.
 */
export function leadingMinors(a: Arrayable): Real {
  const { rows: n, data } = squareMatrixOf("leadingMinors", a)
  const index = Array.from({ length: n }, (_, i) => i)
  const x = data.slice()
  const factor = rescale(x)
  const minors = Float64Array.from(index, (k) => {
    let minor = minorOf(n, x, index.slice(0, k + 1))
    for (let i = 0; i <= k; i++) minor /= factor
    return minor
  })
  return real([n], finite("leadingMinors", minors))
}

/**
 * Definiteness of a symmetric [n, n] by Sylvester's criterion. Positive definite: all leading minors are positive.
 * Negative definite: they alternate, negative first. Semi-definite: all 2^n - 1 principal minors are at least 0 (or
 * (-1)^k times them are), not the leading ones alone. Notes 004 §3 take positive leading minors for semi-definite and
 * all else for indefinite: diag(1, 0) and diag(0, -1) show both wrong.
 *
 * @throws RangeError for n > 16, where the principal minors are too many (use {@link definiteness}).
 */
export function sylvester(a: Arrayable): Definiteness {
  matrixOf("sylvester", a)
  const { rows: n, data } = symmetricOf("sylvester", a)
  if (n > 16) throw new RangeError(`sylvester: matrix is ${show([n, n])}, expected at most [16, 16] (use definiteness)`)
  rescale(data)
  let isPlus = true
  let isMinus = true
  const index: number[] = []
  for (let k = 0; k < n; k++) {
    index.push(k)
    const minor = minorOf(n, data, index)
    if (!(minor > 0)) isPlus = false
    if (!((k % 2 === 0 ? -minor : minor) > 0)) isMinus = false
  }
  if (isPlus) return "positive definite"
  if (isMinus) return "negative definite"
  let plus = 0
  let minus = 0
  for (let set = 1; set < 2 ** n; set++) {
    const chosen = Array.from({ length: n }, (_, i) => i).filter((i) => (set >> i) & 1)
    const minor = minorOf(n, data, chosen)
    if (minor === 0) continue
    if (minor < 0) plus = n
    if ((chosen.length % 2 === 0 ? minor : -minor) < 0) minus = n
  }
  // `plus` and `minus` now mark a broken condition for that sign.
  if (plus === 0 && minus === 0) return "zero"
  return plus === 0 ? "positive semidefinite" : minus === 0 ? "negative semidefinite" : "indefinite"
}

/**
 * The nearest positive definite matrix to [..., n, n] in the Frobenius norm: the symmetric part with its eigenvalues
 * raised to at least `floor` times the largest in size (default 16 n eps, enough for {@link cholesky}). With
 * floor 0 it is the nearest positive semi-definite matrix. (Higham 1988.)
 */
export function nearestPositiveDefinite(a: Arrayable, { floor }: { floor?: number } = {}): Real {
  const s = squareOf("nearestPositiveDefinite", a)
  const n = s.rows
  const share = floor ?? 16 * n * eps
  if (!(share >= 0 && share < 1))
    throw new RangeError(`nearestPositiveDefinite: floor is ${floor}, expected a number from 0, below 1`)
  return perMatrix(s, (x) => {
    for (let i = 1; i < n; i++) {
      for (let j = 0; j < i; j++) x[i * n + j] = x[j * n + i] = x[i * n + j] / 2 + x[j * n + i] / 2
    }
    const out = ofEigenvalues("nearestPositiveDefinite", n, x, (values) => {
      const most = largest(values)
      const least = share * (most > 0 ? most : 1)
      for (let i = 0; i < n; i++) values[i] = Math.max(values[i], least)
    })
    for (let i = 1; i < n; i++) for (let j = 0; j < i; j++) out[i * n + j] = out[j * n + i]
    return { nearest: real([n, n], out) }
  }).nearest
}
