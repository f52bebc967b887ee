/** Optimal transport between Gaussians, in closed form; their barycenter by a fixed point. */

import { block, gemm } from "../linalg/gemm.ts"
import { eps, LinAlgError, type Real, real } from "../linalg/matrix.ts"
import { ofEigenvalues } from "../linalg/sqrtm.ts"
import { integer, positive } from "../stats/check.ts"
import { frechetDistance, type Gaussian, type Parts, partsOf, twoOf } from "../stats/gaussian.ts"
import { sharesOf } from "../stats/points.ts"

/** A Gaussian as results give it. */
export interface GaussianParts extends Gaussian {
  /** [dimension]. */
  readonly mean: Float64Array
  /** [dimension, dimension]. */
  readonly covariance: Real
}

/** The affine map x -> mean_b + matrix (x - mean_a). */
export interface GaussianMap {
  /** Symmetric and positive semi-definite, [dimension, dimension]. */
  readonly matrix: Real
  /** The image of a point [dimension]. @throws RangeError for another length. */
  apply(x: ArrayLike<number>): Float64Array
}

/** Weights, and when to stop. */
export interface GaussianBarycenterOptions {
  /** Weight of each Gaussian, divided by their sum; all equal when left out. */
  weights?: ArrayLike<number>
  /** Stop when a step changes the covariance by less than this share of its norm. */
  tolerance?: number
  maxIterations?: number
}

/** What {@link gaussianBarycenter} gives. */
export interface GaussianBarycenter extends GaussianParts {
  readonly iterations: number
  /** Share of its norm by which the last step changed the covariance. */
  readonly error: number
  readonly hasConverged: boolean
}

/** A B A for symmetric A and B, symmetric to the last bit. */
function sandwich(n: number, a: Float64Array, b: Float64Array): Float64Array {
  const half = new Float64Array(n * n)
  gemm(n, n, n, 1, block(a, 0, n), block(b, 0, n), block(half, 0, n))
  const out = new Float64Array(n * n)
  gemm(n, n, n, 1, block(half, 0, n), block(a, 0, n), block(out, 0, n))
  for (let i = 1; i < n; i++)
    for (let j = 0; j < i; j++) out[i * n + j] = out[j * n + i] = (out[i * n + j] + out[j * n + i]) / 2
  return out
}

/** The principal root of a symmetric positive semi-definite [n, n]; what is below 0 by rounding counts as 0. */
function rootOf(where: string, name: string, n: number, a: Float64Array): Float64Array {
  return ofEigenvalues(where, n, a.slice(), (values) => {
    const most = Math.abs(values[n - 1])
    if (values[0] < -1e-10 * most)
      throw new LinAlgError(`${where}: ${name} has the eigenvalue ${values[0]}, expected none below 0`)
    for (let i = 0; i < n; i++) values[i] = Math.sqrt(Math.max(0, values[i]))
  })
}

/** The inverse of a principal root. @throws LinAlgError where the matrix is not positive definite. */
function inverseRootOf(where: string, name: string, n: number, a: Float64Array): Float64Array {
  return ofEigenvalues(where, n, a.slice(), (values) => {
    const least = n * eps * Math.abs(values[n - 1])
    for (let i = 0; i < n; i++) {
      if (!(values[i] > least))
        throw new LinAlgError(`${where}: ${name} is singular (eigenvalue ${values[i]}), expected positive definite`)
      values[i] = 1 / Math.sqrt(values[i])
    }
  })
}

/**
 * The 2-Wasserstein distance of two Gaussians: the root of {@link frechetDistance}. @throws as {@link frechetDistance}.
 */
export function gaussianWasserstein(a: Gaussian, b: Gaussian): number {
  return Math.sqrt(frechetDistance(a, b))
}

function matrixOfMap(where: string, p: Parts, q: Parts): Float64Array {
  const n = p.dimension
  const root = rootOf(where, "a.covariance", n, p.covariance.data)
  const inverse = inverseRootOf(where, "a.covariance", n, p.covariance.data)
  return sandwich(n, inverse, rootOf(where, "b.covariance", n, sandwich(n, root, q.covariance.data)))
}

/**
 * The optimal map from one Gaussian to another: x -> m_b + A (x - m_a) with
 * A = S_a^-1/2 (S_a^1/2 S_b S_a^1/2)^1/2 S_a^-1/2, the only symmetric positive one with A S_a A = S_b.
 *
 * @throws RangeError for parts that do not fit, LinAlgError where a's covariance is singular or b's has a negative
 * eigenvalue.
 */
export function gaussianMap(a: Gaussian, b: Gaussian): GaussianMap {
  const [p, q] = twoOf("gaussianMap", a, b)
  const n = p.dimension
  const matrix = matrixOfMap("gaussianMap", p, q)
  return {
    matrix: real([n, n], matrix),
    apply(x) {
      if (x.length !== n) throw new RangeError(`gaussianMap.apply: got ${x.length} numbers, expected ${n}`)
      return Float64Array.from(q.mean, (center, i) => {
        let sum = center
        for (let j = 0; j < n; j++) sum += matrix[i * n + j] * (x[j] - p.mean[j])
        return sum
      })
    },
  }
}

/**
 * The Gaussian at time t in [0, 1] on the geodesic from a to b: every point x of a has gone the share t of its way to
 * the optimal map's T(x). Mean (1 - t) m_a + t m_b, covariance C S_a C with C = (1 - t) I + t A; its distance to a is t
 * times that of b. (The mixture (1 - t) a + t b, which is no Gaussian, is the path without transport.)
 *
 * @throws RangeError for t outside [0, 1], and as {@link gaussianMap}.
 */
export function gaussianGeodesic(a: Gaussian, b: Gaussian, t: number): GaussianParts {
  if (!(t >= 0 && t <= 1)) throw new RangeError(`gaussianGeodesic: t is ${t}, expected a number from 0 to 1`)
  const [p, q] = twoOf("gaussianGeodesic", a, b)
  const n = p.dimension
  const blend = matrixOfMap("gaussianGeodesic", p, q).map((v) => t * v)
  for (let i = 0; i < n; i++) blend[i * n + i] += 1 - t
  return {
    mean: p.mean.map((v, i) => (1 - t) * v + t * q.mean[i]),
    covariance: real([n, n], sandwich(n, blend, p.covariance.data)),
  }
}

/**
 * The 2-Wasserstein barycenter of Gaussians, the one of least sum w_k W_2^2: a Gaussian with the mean of the means and
 * the covariance S = sum w_k (S^1/2 S_k S^1/2)^1/2, found by the fixed point
 * S <- S^-1/2 (sum w_k (S^1/2 S_k S^1/2)^1/2)^2 S^-1/2. Source: Alvarez-Esteban et al. 2016.
 *
 * @throws RangeError for none, parts that do not fit, or weights that do not; LinAlgError where all covariances are
 * singular or one has a negative eigenvalue.
 */
export function gaussianBarycenter(
  gaussians: readonly Gaussian[],
  { weights, tolerance = 1e-13, maxIterations = 1000 }: GaussianBarycenterOptions = {},
): GaussianBarycenter {
  const where = "gaussianBarycenter"
  if (gaussians.length === 0) throw new RangeError(`${where}: got no Gaussians, expected at least one`)
  positive(where, "tolerance", tolerance)
  integer(where, "maxIterations", maxIterations, 1)
  const parts = gaussians.map((g, k) => partsOf(where, `gaussians[${k}]`, g))
  const n = parts[0].dimension
  for (const [k, { dimension }] of parts.entries()) {
    if (dimension !== n)
      throw new RangeError(`${where}: gaussians[${k}] has dimension ${dimension}, gaussians[0] has ${n}`)
  }
  const shares = sharesOf(where, "weights", weights, parts.length)
  const mean = new Float64Array(n)
  let s: Float64Array = new Float64Array(n * n)
  for (const [k, p] of parts.entries()) {
    for (let i = 0; i < n; i++) mean[i] += shares[k] * p.mean[i]
    for (let i = 0; i < n * n; i++) s[i] += shares[k] * p.covariance.data[i]
  }
  for (let iterations = 1; ; iterations++) {
    const root = rootOf(where, "the barycenter's covariance", n, s)
    const inverse = inverseRootOf(where, "the barycenter's covariance", n, s)
    const sum = new Float64Array(n * n)
    for (const [k, p] of parts.entries()) {
      const part = rootOf(where, `gaussians[${k}].covariance`, n, sandwich(n, root, p.covariance.data))
      for (let i = 0; i < n * n; i++) sum[i] += shares[k] * part[i]
    }
    // inverse (sum sum) inverse, as (inverse sum) times its transpose would be less symmetric
    const square = new Float64Array(n * n)
    gemm(n, n, n, 1, block(sum, 0, n), block(sum, 0, n), block(square, 0, n))
    const next = sandwich(n, inverse, square)
    let change = 0
    let size = 0
    for (let i = 0; i < n * n; i++) {
      change += (next[i] - s[i]) ** 2
      size += next[i] ** 2
    }
    s = next
    const error = Math.sqrt(change / size)
    if (error <= tolerance || iterations === maxIterations)
      return { mean, covariance: real([n, n], s), iterations, error, hasConverged: error <= tolerance }
  }
}
