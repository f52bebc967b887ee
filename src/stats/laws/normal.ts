/** The normal law. */

import { finite, observations, positive, real } from "../check.ts"
import { continuous } from "../continuous.ts"
import type { Continuous, Entropic, Fitting, Generating, Moments } from "../law.ts"
import { erfc, logErfc, logNormalCdf, normalQuantile } from "../special/erf.ts"

const halfLogTwoPi = 0.9189385332046727

/** Mean and standard deviation; N(mu, sigma^2) has std sigma. */
export interface NormalOptions {
  mean?: number
  std?: number
}

/** The normal law; see {@link normal}. */
export interface Normal extends Continuous, Moments, Entropic, Generating, Fitting<Normal> {
  readonly std: number
}

/**
 * The normal (Gaussian) law N(mean, std^2), density exp(-(x - mean)^2 / (2 std^2)) / sqrt(2 pi std^2).
 * Its distribution function runs from -infinity (notes 003, definition 2.14, print 0).
 *
 * @throws RangeError unless mean is finite and std finite and above 0.
 */
export function normal({ mean = 0, std = 1 }: NormalOptions = {}): Normal {
  finite("normal", "mean", mean)
  positive("normal", "std", std)
  return Object.freeze({
    ...continuous({
      name: "normal",
      support: [-Infinity, Infinity],
      logProb(x) {
        const z = (x - mean) / std
        return -0.5 * z * z - halfLogTwoPi - Math.log(std)
      },
      tails(x) {
        const z = (x - mean) / std
        const r = z * Math.SQRT1_2
        return {
          lower: 0.5 * erfc(-r),
          upper: 0.5 * erfc(r),
          logLower: z > 0 ? logNormalCdf(z) : logErfc(-r) - Math.LN2,
          logUpper: z < 0 ? logNormalCdf(-z) : logErfc(r) - Math.LN2,
        }
      },
      quantile: (p, q) => mean + std * (p <= q ? normalQuantile(p) : -normalQuantile(q)),
      draw: (generator) => generator.normal(mean, std),
    }),
    mean,
    std,
    variance: std * std,
    skewness: 0,
    kurtosis: 0,
    entropy: () => halfLogTwoPi + 0.5 + Math.log(std),
    mgf(t: number) {
      real("normal.mgf", "t", t)
      return Math.exp(mean * t + 0.5 * (std * t) ** 2)
    },
    fit(values: ArrayLike<number>) {
      const x = observations("normal.fit", "observations", values, 2)
      let sum = 0
      for (const v of x) sum += v
      const center = sum / x.length
      let squares = 0
      for (const v of x) squares += (v - center) ** 2
      if (squares === 0) throw new RangeError(`normal.fit: all ${x.length} observations are ${x[0]}, std would be 0`)
      return normal({ mean: center, std: Math.sqrt(squares / x.length) })
    },
  })
}
