/** The exponential law. */

import { observations, positive, real } from "../check.ts"
import { continuous } from "../continuous.ts"
import type { Continuous, Entropic, Fitting, Generating, Moments } from "../law.ts"
import { log1mexp } from "../special/logs.ts"

/** Events per unit; the mean is 1 / rate. */
export interface ExponentialOptions {
  rate?: number
}

/** The exponential law; see {@link exponential}. */
export interface Exponential extends Continuous, Moments, Entropic, Generating, Fitting<Exponential> {
  readonly rate: number
}

/**
 * The exponential law, density rate e^(-rate x) on x >= 0.
 *
 * @throws RangeError unless rate is finite and above 0.
 */
export function exponential({ rate = 1 }: ExponentialOptions = {}): Exponential {
  positive("exponential", "rate", rate)
  return Object.freeze({
    ...continuous({
      name: "exponential",
      support: [0, Infinity],
      logProb: (x) => Math.log(rate) - rate * x,
      tails: (x) => ({
        lower: -Math.expm1(-rate * x),
        upper: Math.exp(-rate * x),
        logLower: log1mexp(-rate * x),
        logUpper: -rate * x,
      }),
      quantile: (p, q) => (p <= q ? -Math.log1p(-p) : -Math.log(q)) / rate,
      draw: (generator) => -Math.log1p(-generator.uniform()) / rate,
    }),
    rate,
    mean: 1 / rate,
    variance: 1 / (rate * rate),
    skewness: 2,
    kurtosis: 6,
    entropy: () => 1 - Math.log(rate),
    mgf(t: number) {
      real("exponential.mgf", "t", t)
      return t < rate ? rate / (rate - t) : Infinity
    },
    fit(values: ArrayLike<number>) {
      const x = observations("exponential.fit", "observations", values)
      let sum = 0
      for (let i = 0; i < x.length; i++) {
        if (x[i] < 0) throw new RangeError(`exponential.fit: observations[${i}] is ${x[i]}, expected at least 0`)
        sum += x[i]
      }
      if (sum === 0) throw new RangeError("exponential.fit: all observations are 0, the rate would be infinite")
      return exponential({ rate: x.length / sum })
    },
  })
}
