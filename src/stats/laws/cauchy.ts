/** The Cauchy law: stable, symmetric, and without a mean. */

import { finite, observations, positive } from "../check.ts"
import { continuous } from "../continuous.ts"
import type { Continuous, Entropic, Fitting } from "../law.ts"
import { cosPi, sinPi } from "../special/logs.ts"
import { fitLocationScale } from "./student-t.ts"

/** Centre (the median) and scale (half the interquartile range). */
export interface CauchyOptions {
  loc?: number
  scale?: number
}

/** The Cauchy law; see {@link cauchy}. It has no mean, no variance and no moment generating function. */
export interface Cauchy extends Continuous, Entropic, Fitting<Cauchy> {
  readonly loc: number
  readonly scale: number
}

/**
 * The Cauchy law, density 1 / (pi scale (1 + z^2)) with z = (x - loc) / scale.
 *
 * @throws RangeError unless loc is finite and scale finite and above 0.
 */
export function cauchy({ loc = 0, scale = 1 }: CauchyOptions = {}): Cauchy {
  finite("cauchy", "loc", loc)
  positive("cauchy", "scale", scale)
  return Object.freeze({
    ...continuous({
      name: "cauchy",
      support: [-Infinity, Infinity],
      logProb(x) {
        const z = Math.abs((x - loc) / scale)
        return -Math.log(Math.PI * scale) - (z < 1e8 ? Math.log1p(z * z) : 2 * Math.log(z))
      },
      tails(x) {
        const z = (x - loc) / scale
        const lower = Math.atan2(1, -z) / Math.PI
        const upper = Math.atan2(1, z) / Math.PI
        return {
          lower,
          upper,
          logLower: z > 0 ? Math.log1p(-upper) : Math.log(lower),
          logUpper: z < 0 ? Math.log1p(-lower) : Math.log(upper),
        }
      },
      quantile: (p, q) => loc + scale * (p <= q ? -cosPi(p) / sinPi(p) : cosPi(q) / sinPi(q)),
      draw(generator) {
        const p = generator.uniform(-0.5, 0.5)
        return loc + (scale * sinPi(p)) / Math.max(cosPi(p), 1e-300)
      },
    }),
    loc,
    scale,
    entropy: () => Math.log(4 * Math.PI * scale),
    fit(values: ArrayLike<number>) {
      const x = observations("cauchy.fit", "observations", values, 3)
      if (x.every((v) => v === x[0])) {
        throw new RangeError(`cauchy.fit: all ${x.length} observations are ${x[0]}, scale would be 0`)
      }
      const { loc: center, scale: width } = fitLocationScale(x, 1)
      return cauchy({ loc: center, scale: width })
    },
  })
}
