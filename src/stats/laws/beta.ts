/** The beta law. */

import type { Generator } from "../../engine/random.ts"
import { observations, positive, real } from "../check.ts"
import { continuous } from "../continuous.ts"
import type { Continuous, Entropic, Fitting, Generating, Moments } from "../law.ts"
import { digamma, trigamma } from "../special/digamma.ts"
import { logBeta, logBetaTerm } from "../special/gamma.ts"
import { betaTails, inverseIncompleteBeta } from "../special/incomplete-beta.ts"
import { dirichletEntropy } from "./dirichlet.ts"
import { drawLogGamma } from "./gamma.ts"

/** The two shapes: one more than the successes and the failures that a uniform prior has seen. */
export interface BetaOptions {
  alpha: number
  beta: number
}

/** The beta law; see {@link beta}. */
export interface Beta extends Continuous, Moments, Entropic, Generating, Fitting<Beta> {
  readonly alpha: number
  readonly beta: number
}

/**
 * The beta law, density x^(alpha - 1) (1 - x)^(beta - 1) / B(alpha, beta) on [0, 1].
 *
 * @throws RangeError unless alpha and beta are finite and above 0.
 */
export function beta({ alpha, beta: other }: BetaOptions): Beta {
  positive("beta", "alpha", alpha)
  positive("beta", "beta", other)
  const sum = alpha + other
  const mean = alpha / sum
  const variance = ((alpha / sum) * (other / sum)) / (sum + 1)
  return Object.freeze({
    ...continuous({
      name: "beta",
      support: [0, 1],
      logProb(x) {
        if (x === 0) return endDensity(alpha, other)
        if (x === 1) return endDensity(other, alpha)
        return logBetaTerm(alpha, other, x, 1 - x) - Math.log(x) - Math.log1p(-x)
      },
      tails: (x) => betaTails(alpha, other, x),
      quantile: (p, q) => inverseIncompleteBeta(alpha, other, p, q).x,
      draw: (generator) => drawBeta(alpha, other, generator),
    }),
    alpha,
    beta: other,
    mean,
    variance,
    skewness: (2 * (other - alpha) * Math.sqrt(sum + 1)) / ((sum + 2) * Math.sqrt(alpha) * Math.sqrt(other)),
    kurtosis:
      (6 * ((alpha - other) ** 2 * (sum + 1) - alpha * other * (sum + 2))) / (alpha * other * (sum + 2) * (sum + 3)),
    entropy: () => dirichletEntropy([alpha, other]),
    mgf(t: number) {
      real("beta.mgf", "t", t)
      // Kummer's M(alpha, sum, t); for t < 0 by M(a, c, t) = e^t M(c - a, c, -t), all terms positive
      return Math.exp(t < 0 ? t + logKummer(other, sum, -t) : logKummer(alpha, sum, t))
    },
    fit(values: ArrayLike<number>) {
      const x = observations("beta.fit", "observations", values, 2)
      let log = 0
      let logRest = 0
      let first = 0
      let second = 0
      for (let i = 0; i < x.length; i++) {
        if (!(x[i] > 0 && x[i] < 1)) {
          throw new RangeError(`beta.fit: observations[${i}] is ${x[i]}, expected a number strictly between 0 and 1`)
        }
        log += Math.log(x[i]) / x.length
        logRest += Math.log1p(-x[i]) / x.length
        first += x[i] / x.length
      }
      for (const v of x) second += (v - first) ** 2 / x.length
      if (second === 0)
        throw new RangeError(`beta.fit: all ${x.length} observations are ${x[0]}, the shapes would be infinite`)
      return fitShapes(log, logRest, first, Math.max(1e-3, (first * (1 - first)) / second - 1))
    },
  })
}

/** Newton's steps on the concave log-likelihood, from the shapes that match mean and variance. */
function fitShapes(log: number, logRest: number, mean: number, total: number): Beta {
  let a = mean * total
  let b = (1 - mean) * total
  for (let i = 0; i < 200; i++) {
    const common = digamma(a + b)
    const ga = log - digamma(a) + common
    const gb = logRest - digamma(b) + common
    const c = trigamma(a + b)
    const haa = c - trigamma(a)
    const hbb = c - trigamma(b)
    const det = haa * hbb - c * c
    let da = (hbb * ga - c * gb) / det
    let db = (haa * gb - c * ga) / det
    while (a - da <= 0 || b - db <= 0) {
      da /= 2
      db /= 2
    }
    a -= da
    b -= db
    if (Math.abs(da) < 1e-13 * a && Math.abs(db) < 1e-13 * b) break
  }
  return beta({ alpha: a, beta: b })
}

/** log density at 0 of the beta law (a, b). */
function endDensity(a: number, b: number): number {
  return a < 1 ? Infinity : a > 1 ? -Infinity : -logBeta(a, b)
}

/** log of Kummer's function M(a, c, t) = sum (a)_k t^k / ((c)_k k!) for t >= 0, 0 < a < c. */
function logKummer(a: number, c: number, t: number): number {
  let scale = 0
  let term = 1
  let sum = 1
  for (let k = 0; k < 1_000_000; k++) {
    term *= ((a + k) / (c + k)) * (t / (k + 1))
    sum += term
    if (sum > 1e250) {
      sum *= 1e-250
      term *= 1e-250
      scale += 250 * Math.LN10
    }
    if (term < sum * 1e-17 && k > t) break
  }
  return scale + Math.log(sum)
}

/** A draw from the beta law, from two gammas in the logarithm so that small shapes do not give 0 / 0. */
export function drawBeta(a: number, b: number, generator: Generator): number {
  const first = drawLogGamma(a, generator)
  const second = drawLogGamma(b, generator)
  return 1 / (1 + Math.exp(second - first))
}
