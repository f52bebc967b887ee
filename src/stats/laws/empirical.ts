/** The law on a list of numbers: a die of any faces, or a sample seen as a law. */

import { finite, integer, probabilities, probability, real } from "../check.ts"
import { type Discrete, type Entropic, type Generating, generatorOf, type Source, type Spread } from "../law.ts"
import { logSumExp, xlogy } from "../special/logs.ts"
import { cumulative, drawIndex } from "./categorical.ts"

/** Points, and the probability of each (all equal when left out). Points listed twice are joined. */
export interface EmpiricalOptions {
  values: ArrayLike<number>
  probs?: ArrayLike<number>
}

/** The law on listed points; see {@link empirical}. Standardised moments are undefined where the variance is 0. */
export interface Empirical extends Discrete, Spread, Entropic, Generating {
  /** The points in rising order. */
  readonly values: readonly number[]
  /** Their probabilities. */
  readonly probs: readonly number[]
  readonly skewness: number | undefined
  readonly kurtosis: number | undefined
}

/**
 * The law P(X = values[i]) = probs[i]; with equal probabilities, the empirical law of a sample, whose variance has
 * the divisor n.
 *
 * @throws RangeError for no values, values that are not finite, or probabilities that do not match or add up to 1.
 */
export function empirical({ values, probs }: EmpiricalOptions): Empirical {
  const n = values.length
  if (n === 0) throw new RangeError("empirical: values is empty, expected at least one number")
  if (probs !== undefined && probs.length !== n) {
    throw new RangeError(`empirical: got ${n} values and ${probs.length} probs, expected as many`)
  }
  const weights = probs === undefined ? new Float64Array(n).fill(1 / n) : probabilities("empirical", "probs", probs)
  const joined = new Map<number, number>()
  for (let i = 0; i < n; i++) {
    const value = finite("empirical", `values[${i}]`, values[i]) + 0
    joined.set(value, (joined.get(value) ?? 0) + weights[i])
  }
  const points = Float64Array.from(joined.keys()).sort()
  const p = points.map((v) => joined.get(v) ?? 0)
  const below = cumulative(p)
  const above = cumulative(p.slice().reverse()).reverse()
  const moment = (order: number, about: number): number =>
    points.reduce((sum, v, i) => sum + p[i] * (v - about) ** order, 0)
  const mean = moment(1, 0)
  const variance = moment(2, mean)
  /** How many points are at most x. */
  const count = (where: string, x: number): number => {
    real(where, "x", x)
    let low = 0
    let high = points.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (points[middle] <= x) low = middle + 1
      else high = middle
    }
    return low
  }
  const cdf = (where: string, x: number): number => {
    const k = count(where, x)
    return k === 0 ? 0 : below[k - 1]
  }
  const sf = (where: string, x: number): number => {
    const k = count(where, x)
    return k === points.length ? 0 : above[k]
  }
  const logProb = (x: number): number => {
    const k = count("empirical.logProb", x)
    return k > 0 && points[k - 1] === x ? Math.log(p[k - 1]) : -Infinity
  }
  return Object.freeze({
    name: "empirical",
    kind: "discrete" as const,
    support: [points[0], points[points.length - 1]] as const,
    values: Array.from(points),
    probs: Array.from(p),
    mean,
    variance,
    skewness: variance > 0 ? moment(3, mean) / variance ** 1.5 : undefined,
    kurtosis: variance > 0 ? moment(4, mean) / variance ** 2 - 3 : undefined,
    logProb,
    pmf: (x: number) => Math.exp(logProb(x)),
    cdf: (x: number) => cdf("empirical.cdf", x),
    sf: (x: number) => sf("empirical.sf", x),
    logCdf: (x: number) => Math.log(cdf("empirical.logCdf", x)),
    logSf: (x: number) => Math.log(sf("empirical.logSf", x)),
    quantile(share: number) {
      probability("empirical.quantile", "p", share)
      const k = below.findIndex((v) => v >= share * (1 - 1e-14))
      return points[k]
    },
    upperQuantile(share: number) {
      probability("empirical.upperQuantile", "q", share)
      for (let k = points.length - 1; k > 0; k--) if (above[k] > share * (1 + 1e-14)) return points[k]
      return points[0]
    },
    entropy: () => 0 - p.reduce((sum, v) => sum + xlogy(v, v), 0),
    mgf(t: number) {
      real("empirical.mgf", "t", t)
      return Math.exp(logSumExp(points.map((v, i) => Math.log(p[i]) + t * v)))
    },
    sample(size = 1, source: Source = 0) {
      const generator = generatorOf(source)
      const out = new Float64Array(integer("empirical.sample", "count", size))
      for (let i = 0; i < out.length; i++) out[i] = points[drawIndex(below, generator.uniform())]
      return out
    },
  })
}
