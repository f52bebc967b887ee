/** The multivariate normal law, its marginals and conditionals. */

import { type Arrayable, asArray, type NdArray, toNumbers, zeros } from "../../engine/array.ts"
import { cholesky, choleskySolve } from "../../linalg/cholesky.ts"
import { solveTriangular } from "../../linalg/triangular.ts"
import { finite, integer } from "../check.ts"
import { covarianceMatrix } from "../covariance.ts"
import { generatorOf, type Source } from "../law.ts"

/** Mean [dimension] and covariance [dimension, dimension], symmetric and positive definite. */
export interface MultivariateNormalOptions {
  mean: ArrayLike<number>
  covariance: Arrayable
}

/** The multivariate normal law; see {@link multivariateNormal}. */
export interface MultivariateNormal {
  readonly name: string
  readonly kind: "continuous"
  readonly dimension: number
  /** [dimension]. */
  readonly mean: readonly number[]
  /** [dimension, dimension]. */
  readonly covariance: NdArray<"float64">
  /** log density at x [dimension], in nats. @throws RangeError on NaN or another length. */
  logProb(x: ArrayLike<number>): number
  pdf(x: ArrayLike<number>): number
  /** Differential entropy in nats. */
  entropy(): number
  /** E[exp(t . X)]. @throws RangeError on NaN or another length. */
  mgf(t: ArrayLike<number>): number
  /** Draws as rows, [count, dimension]. */
  sample(count?: number, source?: Source): NdArray<"float64">
  /** The law of the coordinates `axes`, in that order. @throws RangeError for an axis that is not there or named twice. */
  marginal(axes: readonly number[]): MultivariateNormal
  /**
   * The law of the coordinates not in `axes`, in rising order, given that those in `axes` have `values`:
   * mean u2 + S21 S11^-1 (z - u1), covariance S22 - S21 S11^-1 S12.
   *
   * @throws RangeError for axes that are not there, named twice or all, or values that do not match them.
   */
  conditional(axes: readonly number[], values: ArrayLike<number>): MultivariateNormal
  /** The likeliest law for rows [count, dimension]: their mean, and their covariance with divisor count. */
  fit(rows: Arrayable): MultivariateNormal
}

/**
 * The multivariate normal law, density exp(-(x - u)^T S^-1 (x - u) / 2) / sqrt((2 pi)^k det S); for S = s^2 I the
 * constant is (2 pi s^2)^(-k/2) (notes 000, equation 1.2.11, print 1 / (s^k sqrt(2 pi))). The blocks S12 and S21 are
 * bound by no condition of their own (notes 004 ask them to be positive semi-definite).
 *
 * @throws RangeError unless mean is finite and covariance symmetric, positive definite and of its size.
 */
export function multivariateNormal({ mean, covariance }: MultivariateNormalOptions): MultivariateNormal {
  const u = Array.from(mean)
  const k = u.length
  if (k === 0) throw new RangeError("multivariateNormal: mean is empty, expected at least one number")
  for (let i = 0; i < k; i++) finite("multivariateNormal", `mean[${i}]`, u[i])
  const { shape, data } = asArray(covariance, "float64")
  if (shape.length !== 2 || shape[0] !== k || shape[1] !== k) {
    throw new RangeError(
      `multivariateNormal: covariance has shape [${shape.join(", ")}], expected [${k}, ${k}] for a mean of ${k} numbers`,
    )
  }
  const sigma: NdArray<"float64"> = { dtype: "float64", shape: [k, k], data: Float64Array.from(data as Float64Array) }
  const factor = factorOf(sigma)
  let logDet = 0
  for (let i = 0; i < k; i++) logDet += 2 * Math.log(factor.data[i * k + i])
  const constant = -0.5 * (k * Math.log(2 * Math.PI) + logDet)
  const vector = (where: string, x: ArrayLike<number>): Float64Array => {
    if (x.length !== k) throw new RangeError(`multivariateNormal.${where}: got ${x.length} numbers, expected ${k}`)
    const out = Float64Array.from(x)
    for (let i = 0; i < k; i++) finite(`multivariateNormal.${where}`, `entry ${i}`, out[i])
    return out
  }
  const logProb = (x: ArrayLike<number>): number => {
    const centred = vector("logProb", x).map((v, i) => v - u[i])
    const z = solveTriangular(factor, centred, { lower: true }).data
    return constant - 0.5 * z.reduce((sum, v) => sum + v * v, 0)
  }
  return Object.freeze({
    name: "multivariateNormal",
    kind: "continuous" as const,
    dimension: k,
    mean: u,
    covariance: sigma,
    logProb,
    pdf: (x: ArrayLike<number>) => Math.exp(logProb(x)),
    entropy: () => 0.5 * (k * (1 + Math.log(2 * Math.PI)) + logDet),
    mgf(t: ArrayLike<number>) {
      const at = vector("mgf", t)
      let log = 0
      for (let i = 0; i < k; i++) {
        log += at[i] * u[i]
        for (let j = 0; j < k; j++) log += 0.5 * at[i] * at[j] * sigma.data[i * k + j]
      }
      return Math.exp(log)
    },
    sample(count = 1, source: Source = 0) {
      const generator = generatorOf(source)
      const out = zeros([integer("multivariateNormal.sample", "count", count), k], "float64")
      const z = new Float64Array(k)
      for (let row = 0; row < count; row++) {
        for (let i = 0; i < k; i++) z[i] = generator.normal()
        for (let i = 0; i < k; i++) {
          let sum = u[i]
          for (let j = 0; j <= i; j++) sum += factor.data[i * k + j] * z[j]
          out.data[row * k + i] = sum
        }
      }
      return out
    },
    marginal(axes: readonly number[]) {
      checkAxes("marginal", axes, k)
      return multivariateNormal({ mean: axes.map((i) => u[i]), covariance: blockOf(sigma, axes, axes) })
    },
    conditional(axes: readonly number[], values: ArrayLike<number>) {
      checkAxes("conditional", axes, k)
      const rest = u.map((_, i) => i).filter((i) => !axes.includes(i))
      if (rest.length === 0) throw new RangeError("multivariateNormal.conditional: every axis is given, none is left")
      if (values.length !== axes.length) {
        throw new RangeError(`multivariateNormal.conditional: got ${values.length} values for ${axes.length} axes`)
      }
      const given = Float64Array.from(
        values,
        (v, i) => finite("multivariateNormal.conditional", `values[${i}]`, v) - u[axes[i]],
      )
      const l11 = factorOf(blockOf(sigma, axes, axes))
      const s12 = blockOf(sigma, axes, rest)
      const weighted = choleskySolve(l11, given).data
      const m = rest.length
      const center = rest.map((r, j) => {
        let sum = u[r]
        for (let i = 0; i < axes.length; i++) sum += s12.data[i * m + j] * weighted[i]
        return sum
      })
      // S21 S11^-1 S12 as a product of one matrix with itself, so that what is left stays symmetric
      const half = solveTriangular(l11, s12, { lower: true }).data
      const left = blockOf(sigma, rest, rest)
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < m; j++) {
          let sum = 0
          for (let r = 0; r < axes.length; r++) sum += half[r * m + i] * half[r * m + j]
          left.data[i * m + j] -= sum
        }
      }
      return multivariateNormal({ mean: center, covariance: left })
    },
    fit(rows: Arrayable) {
      const x = asArray(rows, "float64")
      if (x.shape.length !== 2 || x.shape[1] !== k || x.shape[0] <= k) {
        throw new RangeError(
          `multivariateNormal.fit: rows have shape [${x.shape.join(", ")}], expected [${k + 1} or more, ${k}]`,
        )
      }
      const values = toNumbers(x)
      const center = new Float64Array(k)
      for (let i = 0; i < values.length; i++) center[i % k] += values[i] / x.shape[0]
      return multivariateNormal({ mean: center, covariance: covarianceMatrix(x) })
    },
  })
}

/** Cholesky's factor of a covariance, its refusal in the words of this law. */
function factorOf(sigma: NdArray<"float64">): NdArray<"float64"> {
  try {
    return cholesky(sigma)
  } catch (cause) {
    throw new RangeError(
      `multivariateNormal: covariance is no covariance of full rank, expected symmetric and positive definite (${(cause as Error).message})`,
      { cause },
    )
  }
}

function checkAxes(where: string, axes: readonly number[], dimension: number): void {
  if (axes.length === 0) throw new RangeError(`multivariateNormal.${where}: axes is empty, expected at least one axis`)
  axes.forEach((axis, i) => {
    if (!(Number.isInteger(axis) && axis >= 0 && axis < dimension)) {
      throw new RangeError(
        `multivariateNormal.${where}: axes[${i}] is ${axis}, expected an integer from 0 to ${dimension - 1}`,
      )
    }
    if (axes.indexOf(axis) !== i) throw new RangeError(`multivariateNormal.${where}: axis ${axis} is named twice`)
  })
}

function blockOf(a: NdArray<"float64">, rows: readonly number[], columns: readonly number[]): NdArray<"float64"> {
  const out = zeros([rows.length, columns.length], "float64")
  rows.forEach((r, i) => {
    columns.forEach((c, j) => {
      out.data[i * columns.length + j] = a.data[r * a.shape[1] + c]
    })
  })
  return out
}
