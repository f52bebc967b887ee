/** The uniform law on an interval. */

import { finite, observations, real } from "../check.ts"
import { continuous } from "../continuous.ts"
import type { Continuous, Entropic, Fitting, Generating, Moments } from "../law.ts"
import { tailsFromShares } from "../special/tails.ts"

/** Ends of the interval. */
export interface UniformOptions {
  low?: number
  high?: number
}

/** The uniform law; see {@link uniform}. */
export interface Uniform extends Continuous, Moments, Entropic, Generating, Fitting<Uniform> {
  readonly low: number
  readonly high: number
}

/**
 * The uniform law on [low, high], density 1 / (high - low).
 *
 * @throws RangeError unless low and high are finite and low is below high.
 */
export function uniform({ low = 0, high = 1 }: UniformOptions = {}): Uniform {
  finite("uniform", "low", low)
  finite("uniform", "high", high)
  const width = high - low
  if (!(width > 0 && width < Infinity))
    throw new RangeError(`uniform: got low ${low}, high ${high}, expected low < high`)
  return Object.freeze({
    ...continuous({
      name: "uniform",
      support: [low, high],
      logProb: () => -Math.log(width),
      tails: (x) => tailsFromShares((x - low) / width, (high - x) / width),
      quantile: (p, q) => (p <= q ? low + p * width : high - q * width),
      draw: (generator) => generator.uniform(low, high),
    }),
    low,
    high,
    mean: low + width / 2,
    variance: (width * width) / 12,
    skewness: 0,
    kurtosis: -1.2,
    entropy: () => Math.log(width),
    mgf(t: number) {
      const scaled = real("uniform.mgf", "t", t) * width
      if (scaled === 0) return 1
      // factored about the larger end, so that only a true overflow overflows
      return scaled > 0
        ? Math.exp(t * high) * (-Math.expm1(-scaled) / scaled)
        : Math.exp(t * low) * (Math.expm1(scaled) / scaled)
    },
    fit(values: ArrayLike<number>) {
      const x = observations("uniform.fit", "observations", values, 2)
      let least = x[0]
      let most = x[0]
      for (const v of x) {
        if (v < least) least = v
        if (v > most) most = v
      }
      if (least === most)
        throw new RangeError(`uniform.fit: all ${x.length} observations are ${least}, no interval holds them`)
      return uniform({ low: least, high: most })
    },
  })
}
