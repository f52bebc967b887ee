/** The binomial law. */

import type { Generator } from "../../engine/random.ts"
import { integer, observations, probability } from "../check.ts"
import { discrete } from "../discrete.ts"
import type { Discrete, Entropic, Fitting, Generating, Spread } from "../law.ts"
import { normalQuantile } from "../special/erf.ts"
import { logBetaTerm } from "../special/gamma.ts"
import { betaTails } from "../special/incomplete-beta.ts"
import { xlog1py, xlogy } from "../special/logs.ts"
import { mirrored } from "../special/tails.ts"
import { logTwoPoint } from "./bernoulli.ts"
import { drawBeta } from "./beta.ts"

/** Number of trials and probability of success in each. */
export interface BinomialOptions {
  trials: number
  p?: number
}

/** The binomial law; see {@link binomial}. Standardised moments are undefined where the variance is 0. */
export interface Binomial extends Discrete, Spread, Entropic, Generating, Fitting<Binomial> {
  readonly trials: number
  readonly p: number
  readonly skewness: number | undefined
  readonly kurtosis: number | undefined
}

/**
 * The binomial law: successes in `trials` independent trials, mass C(n, k) p^k (1 - p)^(n - k). `fit` keeps trials.
 *
 * @throws RangeError unless trials is an integer of at least 0 and p is from 0 to 1.
 */
export function binomial({ trials, p = 0.5 }: BinomialOptions): Binomial {
  integer("binomial", "trials", trials)
  probability("binomial", "p", p)
  const q = 1 - p
  const variance = trials * p * q
  const logProb = (k: number): number => {
    if (k === 0) return xlog1py(trials, -p)
    if (k === trials) return xlogy(trials, p)
    if (variance === 0) return -Infinity
    return logBetaTerm(k + 1, trials - k + 1, p, q) - Math.log1p(trials) - Math.log(p) - Math.log1p(-p)
  }
  return Object.freeze({
    ...discrete({
      name: "binomial",
      support: [0, trials],
      logProb,
      // P(X > k) is the beta law (k + 1, n - k) below p
      tails: (k) => mirrored(betaTails(k + 1, trials - k, p, q)),
      guess: (below, above) =>
        trials * p + Math.sqrt(variance) * (below <= above ? normalQuantile(below) : -normalQuantile(above)),
      draw: (generator) => drawBinomial(trials, p, generator),
    }),
    trials,
    p,
    mean: trials * p,
    variance,
    skewness: variance > 0 ? (q - p) / Math.sqrt(variance) : undefined,
    kurtosis: variance > 0 ? (1 - 6 * p * q) / variance : undefined,
    entropy() {
      if (variance === 0) return 0
      if (variance > 1e6) return 0.5 * Math.log(2 * Math.PI * Math.E * variance) + (4 * p * q - 1) / (12 * variance)
      return sumOutwards(logProb, Math.floor(trials * p), 0, trials)
    },
    mgf: (t: number) => Math.exp(xTimes(trials, logTwoPoint("binomial.mgf", p, t))),
    fit(values: ArrayLike<number>) {
      const x = observations("binomial.fit", "observations", values)
      if (trials === 0) throw new RangeError("binomial.fit: trials is 0, p cannot be told")
      let sum = 0
      for (let i = 0; i < x.length; i++) {
        if (!(Number.isInteger(x[i]) && x[i] >= 0 && x[i] <= trials)) {
          throw new RangeError(`binomial.fit: observations[${i}] is ${x[i]}, expected an integer from 0 to ${trials}`)
        }
        sum += x[i] / trials
      }
      return binomial({ trials, p: Math.min(1, sum / x.length) })
    },
  })
}

/** n log, where no trials weigh nothing even against an infinite logarithm. */
function xTimes(n: number, log: number): number {
  return n === 0 ? 0 : n * log
}

/** -sum p log p from the mode outwards, until terms no longer count. */
export function sumOutwards(logProb: (k: number) => number, mode: number, low: number, high: number): number {
  let sum = 0
  for (const direction of [-1, 1]) {
    for (let k = direction < 0 ? mode : mode + 1; k >= low && k <= high; k += direction) {
      const log = logProb(k)
      if (log === -Infinity) break
      const term = -Math.exp(log) * log
      sum += term
      if (log < -45 || (log < -1 && term < sum * 1e-18)) break
    }
  }
  return sum
}

/**
 * A draw from the binomial law: a beta draw says where the middle of n sorted uniforms lies, which settles half of
 * the trials, until few are left to toss. Source: Devroye 1986, "Non-uniform random variate generation", X.4.4.
 */
export function drawBinomial(trials: number, p: number, generator: Generator): number {
  let n = trials
  let share = p
  let count = 0
  while (n > 16 && share > 0 && share < 1) {
    const i = Math.floor((n + 1) / 2)
    const middle = drawBeta(i, n + 1 - i, generator)
    if (middle <= share) {
      count += i
      n -= i
      share = (share - middle) / (1 - middle)
    } else {
      n = i - 1
      share /= middle
    }
  }
  if (share >= 1) return count + n
  for (let i = 0; i < n; i++) if (generator.uniform() < share) count++
  return count
}
