/** The Dirichlet law on probability vectors. */

import { type NdArray, zeros } from "../../engine/array.ts"
import { integer, positive } from "../check.ts"
import { generatorOf, type Source } from "../law.ts"
import { digamma, digammaRest, trigamma } from "../special/digamma.ts"
import { lgamma, stirlingError } from "../special/gamma.ts"
import { drawLogGamma } from "./gamma.ts"

const halfLogTwoPi = 0.9189385332046727

/** One concentration a class, above 0. */
export interface DirichletOptions {
  concentration: ArrayLike<number>
}

/** The Dirichlet law; see {@link dirichlet}. */
export interface Dirichlet {
  readonly name: string
  readonly kind: "continuous"
  readonly concentration: readonly number[]
  /** E[x], one share a class. */
  readonly mean: readonly number[]
  /** Variance of each share. */
  readonly variance: readonly number[]
  /** Covariance of the shares, [classes, classes]; singular, since they add up to 1. */
  readonly covariance: NdArray<"float64">
  /** log density on the simplex; -Infinity off it. @throws RangeError on NaN or another number of classes. */
  logProb(x: ArrayLike<number>): number
  pdf(x: ArrayLike<number>): number
  /** Differential entropy in nats. */
  entropy(): number
  /** Draws as rows, [count, classes]. */
  sample(count?: number, source?: Source): NdArray<"float64">
  /** The likeliest Dirichlet law for rows [count, classes] of shares above 0. @throws RangeError naming a bad row. */
  fit(rows: NdArray): Dirichlet
}

/**
 * The Dirichlet law, density prod x_i^(c_i - 1) Gamma(sum c) / prod Gamma(c_i) on vectors of shares that add up to 1.
 *
 * @throws RangeError for fewer than two classes, or a concentration that is not finite and above 0.
 */
export function dirichlet({ concentration }: DirichletOptions): Dirichlet {
  const c = Array.from(concentration)
  if (c.length < 2) throw new RangeError(`dirichlet: concentration has ${c.length} classes, expected at least 2`)
  for (let i = 0; i < c.length; i++) positive("dirichlet", `concentration[${i}]`, c[i])
  const total = c.reduce((sum, v) => sum + v, 0)
  const mean = c.map((v) => v / total)
  const covariance = zeros([c.length, c.length], "float64")
  for (let i = 0; i < c.length; i++) {
    for (let j = 0; j < c.length; j++) {
      covariance.data[i * c.length + j] = (i === j ? mean[i] * (1 - mean[i]) : -mean[i] * mean[j]) / (total + 1)
    }
  }
  let constant = lgamma(total)
  for (const v of c) constant -= lgamma(v)
  const logProb = (x: ArrayLike<number>): number => {
    if (x.length !== c.length) {
      throw new RangeError(`dirichlet.logProb: x has ${x.length} shares, expected ${c.length}`)
    }
    let sum = 0
    let log = constant
    for (let i = 0; i < c.length; i++) {
      if (Number.isNaN(x[i])) throw new RangeError(`dirichlet.logProb: x[${i}] is NaN, expected a number`)
      if (x[i] < 0) return -Infinity
      sum += x[i]
      if (c[i] !== 1) log += (c[i] - 1) * Math.log(x[i])
    }
    if (Math.abs(sum - 1) > 1e-9) return -Infinity
    if (Number.isNaN(log))
      throw new RangeError("dirichlet.logProb: the density has no limit at this corner of the simplex")
    return log
  }
  return Object.freeze({
    name: "dirichlet",
    kind: "continuous" as const,
    concentration: c,
    mean,
    variance: mean.map((m) => (m * (1 - m)) / (total + 1)),
    covariance,
    logProb,
    pdf: (x: ArrayLike<number>) => Math.exp(logProb(x)),
    entropy: () => dirichletEntropy(c),
    sample(count = 1, source: Source = 0) {
      const generator = generatorOf(source)
      const out = zeros([integer("dirichlet.sample", "count", count), c.length], "float64")
      const logs = new Float64Array(c.length)
      for (let row = 0; row < count; row++) {
        for (let i = 0; i < c.length; i++) logs[i] = drawLogGamma(c[i], generator)
        const high = logs.reduce((a, b) => Math.max(a, b))
        const weight = logs.reduce((sum, v) => sum + Math.exp(v - high), 0)
        for (let i = 0; i < c.length; i++) out.data[row * c.length + i] = Math.exp(logs[i] - high) / weight
      }
      return out
    },
    fit(rows: NdArray) {
      return dirichlet({ concentration: fitConcentration(meanLogs(rows, c.length)) })
    },
  })
}

/**
 * Entropy from concentrations: with Stirling's formula put in, the large logarithms of log B and of the digammas
 * cancel on paper instead of in rounding.
 */
export function dirichletEntropy(concentration: readonly number[]): number {
  const k = concentration.length
  const total = concentration.reduce((sum, v) => sum + v, 0)
  let sum = (0.5 - k) * Math.log(total) - halfLogTwoPi - stirlingError(total) - (total - k) * digammaRest(total)
  for (const c of concentration) {
    sum += 0.5 * Math.log(c) + halfLogTwoPi + stirlingError(c) + (c - 1) * digammaRest(c)
  }
  return sum
}

function meanLogs(rows: NdArray, classes: number): Float64Array {
  if (rows.shape.length !== 2 || rows.shape[1] !== classes || rows.shape[0] < 2) {
    throw new RangeError(`dirichlet.fit: rows have shape [${rows.shape.join(", ")}], expected [2 or more, ${classes}]`)
  }
  const count = rows.shape[0]
  const out = new Float64Array(classes)
  for (let i = 0; i < rows.data.length; i++) {
    const value = Number(rows.data[i])
    if (!(value > 0 && value < 1)) {
      throw new RangeError(
        `dirichlet.fit: row ${Math.floor(i / classes)} has a share of ${value}, expected one inside (0, 1)`,
      )
    }
    out[i % classes] += Math.log(value) / count
  }
  return out
}

/** Newton's steps for the likeliest concentration; the Hessian is a diagonal plus a constant (Minka 2000). */
function fitConcentration(target: Float64Array): Float64Array {
  const k = target.length
  let a = new Float64Array(k).fill(1)
  for (let i = 0; i < 500; i++) {
    const total = a.reduce((sum, v) => sum + v, 0)
    const common = digamma(total)
    const z = trigamma(total)
    const g = a.map((v, j) => common - digamma(v) + target[j])
    const q = a.map((v) => -trigamma(v))
    let top = 0
    let bottom = 1 / z
    for (let j = 0; j < k; j++) {
      top += g[j] / q[j]
      bottom += 1 / q[j]
    }
    const shared = top / bottom
    const next = a.map((v, j) => {
      const moved = v - (g[j] - shared) / q[j]
      return moved > 0 ? moved : v / 2
    })
    const isDone = next.every((v, j) => Math.abs(v - a[j]) < 1e-13 * v)
    a = next
    if (isDone) break
  }
  return a
}
