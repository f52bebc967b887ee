/** The Poisson law. */

import type { Generator } from "../../engine/random.ts"
import { observations, positive, real } from "../check.ts"
import { discrete } from "../discrete.ts"
import type { Discrete, Entropic, Fitting, Generating, Moments } from "../law.ts"
import { normalQuantile } from "../special/erf.ts"
import { logPoissonTerm } from "../special/gamma.ts"
import { gammaTails } from "../special/incomplete-gamma.ts"
import { mirrored } from "../special/tails.ts"
import { drawBinomial, sumOutwards } from "./binomial.ts"
import { drawGamma } from "./gamma.ts"

/** Expected count. */
export interface PoissonOptions {
  rate?: number
}

/** The Poisson law; see {@link poisson}. */
export interface Poisson extends Discrete, Moments, Entropic, Generating, Fitting<Poisson> {
  readonly rate: number
}

/**
 * The Poisson law, mass rate^k e^-rate / k! on 0, 1, 2, ...
 *
 * @throws RangeError unless rate is finite and above 0.
 */
export function poisson({ rate = 1 }: PoissonOptions = {}): Poisson {
  positive("poisson", "rate", rate)
  const logProb = (k: number): number => logPoissonTerm(k, rate)
  return Object.freeze({
    ...discrete({
      name: "poisson",
      support: [0, Infinity],
      logProb,
      // P(X <= k) is the upper tail of the gamma law of shape k + 1
      tails: (k) => mirrored(gammaTails(k + 1, rate)),
      guess: (p, q) => rate + Math.sqrt(rate) * (p <= q ? normalQuantile(p) : -normalQuantile(q)),
      draw: (generator) => drawPoisson(rate, generator),
    }),
    rate,
    mean: rate,
    variance: rate,
    skewness: 1 / Math.sqrt(rate),
    kurtosis: 1 / rate,
    entropy() {
      if (rate < 1e4) return sumOutwards(logProb, Math.floor(rate), 0, Infinity)
      return 0.5 * Math.log(2 * Math.PI * Math.E * rate) - (1 / 12 + (1 / 24 + 19 / 360 / rate) / rate) / rate
    },
    mgf: (t: number) => Math.exp(rate * Math.expm1(real("poisson.mgf", "t", t))),
    fit(values: ArrayLike<number>) {
      const x = observations("poisson.fit", "observations", values)
      let sum = 0
      for (let i = 0; i < x.length; i++) {
        if (!(Number.isInteger(x[i]) && x[i] >= 0)) {
          throw new RangeError(`poisson.fit: observations[${i}] is ${x[i]}, expected an integer of at least 0`)
        }
        sum += x[i]
      }
      if (sum === 0) throw new RangeError("poisson.fit: all observations are 0, the rate would be 0")
      return poisson({ rate: sum / x.length })
    },
  })
}

/**
 * A draw from the Poisson law: a gamma draw says when the m-th event happens, which settles most of a large rate;
 * a small one is counted by waiting times. Source: Ahrens and Dieter 1974.
 */
export function drawPoisson(rate: number, generator: Generator): number {
  let left = rate
  let count = 0
  while (left > 16) {
    const m = Math.floor((7 * left) / 8)
    const time = drawGamma(m, generator)
    if (time > left) return count + drawBinomial(m - 1, left / time, generator)
    count += m
    left -= time
  }
  let time = -Math.log1p(-generator.uniform())
  while (time < left) {
    count++
    time -= Math.log1p(-generator.uniform())
  }
  return count
}
