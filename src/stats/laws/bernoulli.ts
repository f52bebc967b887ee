/** The Bernoulli law. */

import { observations, probability, real } from "../check.ts"
import { discrete } from "../discrete.ts"
import type { Discrete, Entropic, Fitting, Generating, Spread } from "../law.ts"
import { xlog1py, xlogy } from "../special/logs.ts"
import { tailsFromShares } from "../special/tails.ts"

/** Probability of 1. */
export interface BernoulliOptions {
  p?: number
}

/** The Bernoulli law; see {@link bernoulli}. Standardised moments are undefined where the variance is 0. */
export interface Bernoulli extends Discrete, Spread, Entropic, Generating, Fitting<Bernoulli> {
  readonly p: number
  readonly skewness: number | undefined
  readonly kurtosis: number | undefined
}

/**
 * The Bernoulli law: 1 with probability p, else 0.
 *
 * @throws RangeError unless p is from 0 to 1.
 */
export function bernoulli({ p = 0.5 }: BernoulliOptions = {}): Bernoulli {
  probability("bernoulli", "p", p)
  const variance = p * (1 - p)
  return Object.freeze({
    ...discrete({
      name: "bernoulli",
      support: [0, 1],
      logProb: (k) => (k === 1 ? Math.log(p) : Math.log1p(-p)),
      tails: () => tailsFromShares(1 - p, p),
      guess: () => 0,
      draw: (generator) => (generator.uniform() < p ? 1 : 0),
    }),
    p,
    mean: p,
    variance,
    skewness: variance > 0 ? (1 - 2 * p) / Math.sqrt(variance) : undefined,
    kurtosis: variance > 0 ? (1 - 6 * variance) / variance : undefined,
    entropy: () => 0 - xlogy(p, p) - xlog1py(1 - p, -p),
    mgf: (t: number) => Math.exp(logTwoPoint("bernoulli.mgf", p, t)),
    fit(values: ArrayLike<number>) {
      const x = observations("bernoulli.fit", "observations", values)
      let ones = 0
      for (let i = 0; i < x.length; i++) {
        if (x[i] !== 0 && x[i] !== 1)
          throw new RangeError(`bernoulli.fit: observations[${i}] is ${x[i]}, expected 0 or 1`)
        ones += x[i]
      }
      return bernoulli({ p: ones / x.length })
    },
  })
}

/** log(1 - p + p e^t) without overflow. */
export function logTwoPoint(where: string, p: number, t: number): number {
  real(where, "t", t)
  return t > 1 ? t + Math.log(p + (1 - p) * Math.exp(-t)) : Math.log1p(p * Math.expm1(t))
}
