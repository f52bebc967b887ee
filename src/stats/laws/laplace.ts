/** The Laplace law. */

import { finite, observations, positive, real } from "../check.ts"
import { continuous } from "../continuous.ts"
import type { Continuous, Entropic, Fitting, Generating, Moments } from "../law.ts"

/** Centre and scale. */
export interface LaplaceOptions {
  loc?: number
  scale?: number
}

/** The Laplace law; see {@link laplace}. */
export interface Laplace extends Continuous, Moments, Entropic, Generating, Fitting<Laplace> {
  readonly loc: number
  readonly scale: number
}

/**
 * The Laplace (two-sided exponential) law, density exp(-|x - loc| / scale) / (2 scale).
 *
 * @throws RangeError unless loc is finite and scale finite and above 0.
 */
export function laplace({ loc = 0, scale = 1 }: LaplaceOptions = {}): Laplace {
  finite("laplace", "loc", loc)
  positive("laplace", "scale", scale)
  return Object.freeze({
    ...continuous({
      name: "laplace",
      support: [-Infinity, Infinity],
      logProb: (x) => -Math.abs(x - loc) / scale - Math.LN2 - Math.log(scale),
      tails(x) {
        const z = (x - loc) / scale
        const share = 0.5 * Math.exp(-Math.abs(z))
        const logShare = -Math.abs(z) - Math.LN2
        return z < 0
          ? { lower: share, upper: 1 - share, logLower: logShare, logUpper: Math.log1p(-share) }
          : { lower: 1 - share, upper: share, logLower: Math.log1p(-share), logUpper: logShare }
      },
      quantile: (p, q) => loc + scale * (p <= q ? Math.log(2 * p) : -Math.log(2 * q)),
      draw(generator) {
        const size = -Math.log1p(-generator.uniform())
        return loc + scale * (generator.bits() & 1 ? size : -size)
      },
    }),
    loc,
    scale,
    mean: loc,
    variance: 2 * scale * scale,
    skewness: 0,
    kurtosis: 3,
    entropy: () => 1 + Math.LN2 + Math.log(scale),
    mgf(t: number) {
      const s = real("laplace.mgf", "t", t) * scale
      return Math.abs(s) < 1 ? Math.exp(loc * t) / ((1 - s) * (1 + s)) : Infinity
    },
    fit(values: ArrayLike<number>) {
      const x = observations("laplace.fit", "observations", values, 2).sort()
      const center = (x[(x.length - 1) >> 1] + x[x.length >> 1]) / 2
      let sum = 0
      for (const v of x) sum += Math.abs(v - center)
      if (sum === 0) throw new RangeError(`laplace.fit: all ${x.length} observations are ${x[0]}, scale would be 0`)
      return laplace({ loc: center, scale: sum / x.length })
    },
  })
}
