/** The Levy law: stable of index 1/2, one-sided, without a finite mean. */

import { finite, observations, positive } from "../check.ts"
import { continuous } from "../continuous.ts"
import type { Continuous, Entropic, Fitting } from "../law.ts"
import { erf, erfc, erfcinv, erfinv, logErfc } from "../special/erf.ts"

/** Left end of the support, and scale. */
export interface LevyOptions {
  loc?: number
  scale?: number
}

/** The Levy law; see {@link levy}. Its mean is infinite, so no moment is given. */
export interface Levy extends Continuous, Entropic, Fitting<Levy> {
  readonly loc: number
  readonly scale: number
}

/**
 * The Levy law, density sqrt(scale / (2 pi)) e^(-scale / (2 y)) / y^(3/2) with y = x - loc > 0: that of scale / Z^2
 * for a standard normal Z. `fit` keeps loc.
 *
 * @throws RangeError unless loc is finite and scale finite and above 0.
 */
export function levy({ loc = 0, scale = 1 }: LevyOptions = {}): Levy {
  finite("levy", "loc", loc)
  positive("levy", "scale", scale)
  return Object.freeze({
    ...continuous({
      name: "levy",
      support: [loc, Infinity],
      logProb(x) {
        if (x === loc) return -Infinity
        const z = (x - loc) / scale
        return -0.5 / z - 1.5 * Math.log(z) - 0.5 * Math.log(2 * Math.PI) - Math.log(scale)
      },
      tails(x) {
        const r = Math.sqrt(scale / (2 * (x - loc)))
        const upper = erf(r)
        return { lower: erfc(r), upper, logLower: logErfc(r), logUpper: r < 1 ? Math.log(upper) : Math.log1p(-erfc(r)) }
      },
      quantile: (p, q) => loc + scale / (2 * (p <= q ? erfcinv(p) : erfinv(q)) ** 2),
      draw: (generator) => loc + scale / generator.normal() ** 2,
    }),
    loc,
    scale,
    entropy: () => (1 + 3 * 0.5772156649015329 + Math.log(16 * Math.PI)) / 2 + Math.log(scale),
    fit(values: ArrayLike<number>) {
      const x = observations("levy.fit", "observations", values)
      let sum = 0
      for (let i = 0; i < x.length; i++) {
        if (!(x[i] > loc)) throw new RangeError(`levy.fit: observations[${i}] is ${x[i]}, expected above loc ${loc}`)
        sum += 1 / (x[i] - loc)
      }
      return levy({ loc, scale: x.length / sum })
    },
  })
}
