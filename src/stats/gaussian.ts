/** Gaussians by mean and covariance: their divergence, their distance, and how far a point lies out. */

import type { Arrayable } from "../engine/array.ts"
import { largest, transposed } from "../linalg/blas.ts"
import { cholesky, reduceCholesky } from "../linalg/cholesky.ts"
import { eigenRows } from "../linalg/eigh.ts"
import { block, flip, gemm } from "../linalg/gemm.ts"
import { eps, LinAlgError, type Real, real, show, symmetricOf, vectorOf } from "../linalg/matrix.ts"
import { plainNorm } from "../linalg/norm.ts"
import { svdvals } from "../linalg/svd.ts"
import { solveTriangular } from "../linalg/triangular.ts"
import { covarianceMatrix } from "./covariance.ts"
import type { DdofOptions } from "./descriptive.ts"
import { pointsOf } from "./points.ts"

/** A mean [dimension] and a covariance [dimension, dimension], symmetric and positive semi-definite. */
export interface Gaussian {
  readonly mean: ArrayLike<number>
  readonly covariance: Arrayable
}

/** A Gaussian's parts, checked: `covariance` is a symmetric copy. */
export interface Parts {
  readonly dimension: number
  readonly mean: Float64Array
  readonly covariance: Real
}

/** The parts of a Gaussian. @throws RangeError where they do not fit, are not finite or not symmetric. */
export function partsOf(where: string, name: string, { mean, covariance }: Gaussian): Parts {
  const m = vectorOf(where, Float64Array.from(mean), `${name}.mean`)
  const { batch, rows, data } = symmetricOf(where, covariance, `${name}.covariance`)
  if (batch.length > 0 || rows !== m.length) {
    throw new RangeError(
      `${where}: ${name}.covariance has shape ${show([...batch, rows, rows])}, expected ${show([m.length, m.length])}`,
    )
  }
  return { dimension: rows, mean: m, covariance: real([rows, rows], data) }
}

/** The parts of two Gaussians of one space. @throws RangeError where their dimensions differ. */
export function twoOf(where: string, a: Gaussian, b: Gaussian): [Parts, Parts] {
  const p = partsOf(where, "a", a)
  const q = partsOf(where, "b", b)
  if (p.dimension !== q.dimension)
    throw new RangeError(`${where}: a has dimension ${p.dimension}, b has ${q.dimension}, expected the same`)
  return [p, q]
}

/** Mean [dimension] and covariance [dimension, dimension] of rows [count, dimension], divisor count - ddof. */
export function fitGaussian(rows: Arrayable, { ddof = 1 }: DdofOptions = {}): { mean: Float64Array; covariance: Real } {
  const { count, dimension, data } = pointsOf("fitGaussian", "rows", rows)
  const covariance = covarianceMatrix(real([count, dimension], data), { ddof })
  const mean = new Float64Array(dimension)
  for (let i = 0; i < data.length; i++) mean[i % dimension] += data[i] / count
  return { mean, covariance }
}

/** Variances below this share of the largest are told from rounding by eigenvalues, which cost more than Cholesky. */
const clear = 1e-10

/** F [rank, dimension] with F^T F the covariance; directions without variance, up to rounding, are left out. */
function factorRows(where: string, name: string, { dimension: n, covariance }: Parts): Real {
  const lower = covariance.data.slice()
  if (reduceCholesky(n, lower) < 0) {
    let least = Infinity
    let most = 0
    for (let i = 0; i < n; i++) {
      for (let j = i + 1; j < n; j++) lower[i * n + j] = 0
      least = Math.min(least, lower[i * n + i] ** 2)
      most = Math.max(most, covariance.data[i * n + i])
    }
    if (least > clear * most) return real([n, n], transposed(n, n, lower))
  }
  const { values, rows } = eigenRows(where, n, covariance.data.slice())
  const noise = n * eps * largest(values)
  if (values[0] < -Math.max(noise, clear * largest(values)))
    throw new LinAlgError(`${where}: ${name}.covariance has the eigenvalue ${values[0]}, expected none below 0`)
  let first = 0
  while (first < n && values[first] <= noise) first++
  const out = rows.slice(first * n)
  for (let r = first; r < n; r++) {
    const root = Math.sqrt(values[r])
    for (let j = 0; j < n; j++) out[(r - first) * n + j] *= root
  }
  return real([n - first, n], out)
}

/** What Frechet's distance of two Gaussians is made of: `means + traces - 2 * (sum of the singular values of F G^T)`. */
export interface FrechetParts {
  /** F [rank, dimension], with F^T F the covariance of a. */
  readonly f: Real
  /** G [rank, dimension], with G^T G the covariance of b. */
  readonly g: Real
  /** ||m - m'||^2 */
  readonly means: number
  /** Tr(S + S') */
  readonly traces: number
}

/** The parts of {@link frechetDistance}, for those who have a faster product. @throws as it does. */
export function frechetParts(where: string, a: Gaussian, b: Gaussian): FrechetParts {
  const [p, q] = twoOf(where, a, b)
  const f = factorRows(where, "a", p)
  const g = factorRows(where, "b", q)
  let traces = 0
  for (const { data } of [f, g]) for (let i = 0; i < data.length; i++) traces += data[i] ** 2
  let means = 0
  for (let i = 0; i < p.dimension; i++) means += (p.mean[i] - q.mean[i]) ** 2
  return { f, g, means, traces }
}

/**
 * Frechet's squared distance of two Gaussians, the FID when they are fitted to features of images:
 * ||m - m'||^2 + Tr(S + S' - 2 (S^1/2 S' S^1/2)^1/2). Its root is the 2-Wasserstein distance.
 *
 * With S = F^T F and S' = G^T G the last trace is the sum of the singular values of F G^T, so covariances of few
 * samples (singular ones) are no trouble. Source: Dowson and Landau 1982; Heusel et al. 2017; notes 003, definition 3.87.
 *
 * @throws RangeError for parts that do not fit, LinAlgError for a covariance with a negative eigenvalue.
 */
export function frechetDistance(a: Gaussian, b: Gaussian): number {
  const { f, g, means, traces } = frechetParts("frechetDistance", a, b)
  const [r, n] = f.shape
  const s = g.shape[0]
  let sum = traces
  if (r > 0 && s > 0) {
    const cross = new Float64Array(r * s)
    gemm(r, s, n, 1, block(f.data, 0, n), flip(block(g.data, 0, n)), block(cross, 0, s))
    const singular = svdvals(real([r, s], cross)).data
    for (let i = 0; i < singular.length; i++) sum -= 2 * singular[i]
  }
  return Math.max(0, sum) + means
}

/**
 * Kullback and Leibler's divergence of Gaussians in nats,
 * (Tr(S_b^-1 S_a) + d^T S_b^-1 d - k + log(det S_b / det S_a)) / 2 with d = m_b - m_a, from Cholesky's factors: with
 * M = L_b^-1 L_a the terms of the trace and of the determinants are m^2 - 1 - log m^2, none of them negative. (Notes
 * 001 §5.4 divide |d|^2 by det S_b, which is right for one dimension only.)
 *
 * @throws RangeError for parts that do not fit, LinAlgError unless both covariances are positive definite.
 */
export function klGaussian(a: Gaussian, b: Gaussian): number {
  const [p, q] = twoOf("klGaussian", a, b)
  const n = p.dimension
  const below = factorOf("klGaussian", "b", q)
  const m = solveTriangular(below, factorOf("klGaussian", "a", p), { lower: true }).data
  const d = solveTriangular(
    below,
    q.mean.map((v, i) => v - p.mean[i]),
    { lower: true },
  ).data
  let sum = 0
  for (let i = 0; i < n; i++) {
    const square = m[i * n + i] ** 2
    sum += d[i] ** 2 + (square - 1 - Math.log(square))
    for (let j = 0; j < i; j++) sum += m[i * n + j] ** 2
  }
  return sum / 2
}

function factorOf(where: string, name: string, { covariance }: Parts): Real {
  try {
    return cholesky(covariance)
  } catch (cause) {
    throw new LinAlgError(`${where}: ${name}.covariance is not positive definite (${(cause as Error).message})`, {
      cause,
    })
  }
}

/**
 * Mahalanobis' distance sqrt((x - y)^T S^-1 (x - y)) of two points [dimension], or of a point from a mean: how many
 * standard deviations it lies out. For S = I it is Euclid's. (Notes 003, definition 2.36, print x - mu and y - mu on
 * the two sides of the pair's form, whose root need not be real.)
 *
 * @param covariance [dimension, dimension], symmetric and positive definite.
 * @throws RangeError for parts that do not fit, LinAlgError where the covariance is not positive definite.
 */
export function mahalanobis(x: ArrayLike<number>, y: ArrayLike<number>, covariance: Arrayable): number {
  const p = partsOf("mahalanobis", "law", { mean: y, covariance })
  const at = vectorOf("mahalanobis", Float64Array.from(x), "x", p.dimension)
  const z = solveTriangular(
    factorOf("mahalanobis", "law", p),
    at.map((v, i) => v - p.mean[i]),
    { lower: true },
  )
  return plainNorm(z.data, 2)
}
