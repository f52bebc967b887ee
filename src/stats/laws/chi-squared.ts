/** The chi-squared law. */

import { observations, positive, real } from "../check.ts"
import { continuous } from "../continuous.ts"
import type { Continuous, Entropic, Fitting, Generating, Moments } from "../law.ts"
import { digamma, trigamma } from "../special/digamma.ts"
import { gammaTails, inverseIncompleteGamma } from "../special/incomplete-gamma.ts"
import { drawGamma, gammaEntropy, logGammaDensity, logMoments } from "./gamma.ts"

/** Degrees of freedom. */
export interface ChiSquaredOptions {
  df: number
}

/** The chi-squared law; see {@link chiSquared}. */
export interface ChiSquared extends Continuous, Moments, Entropic, Generating, Fitting<ChiSquared> {
  readonly df: number
}

/**
 * The chi-squared law of `df` degrees of freedom, that of a sum of df squared standard normals: gamma of shape df / 2
 * and scale 2.
 *
 * @throws RangeError unless df is finite and above 0.
 */
export function chiSquared({ df }: ChiSquaredOptions): ChiSquared {
  positive("chiSquared", "df", df)
  return Object.freeze({
    ...continuous({
      name: "chiSquared",
      support: [0, Infinity],
      logProb: (x) => logGammaDensity(df / 2, x / 2) - Math.LN2,
      tails: (x) => gammaTails(df / 2, x / 2),
      quantile: (p, q) => 2 * inverseIncompleteGamma(df / 2, p, q),
      draw: (generator) => 2 * drawGamma(df / 2, generator),
    }),
    df,
    mean: df,
    variance: 2 * df,
    skewness: Math.sqrt(8 / df),
    kurtosis: 12 / df,
    entropy: () => gammaEntropy(df / 2) + Math.LN2,
    mgf(t: number) {
      const s = 2 * real("chiSquared.mgf", "t", t)
      return s < 1 ? Math.exp((-df / 2) * Math.log1p(-s)) : Infinity
    },
    fit(values: ArrayLike<number>) {
      const x = observations("chiSquared.fit", "observations", values)
      const target = logMoments("chiSquared.fit", x).meanLog - Math.LN2
      // digamma(df / 2) = mean log(x / 2), by Newton's steps from Minka's start (2000, appendix C)
      let half = target > -2.22 ? Math.exp(target) + 0.5 : -1 / (target + 0.5772156649015329)
      for (let i = 0; i < 50; i++) {
        const step = (digamma(half) - target) / trigamma(half)
        half = half - step > 0 ? half - step : half / 2
        if (Math.abs(step) < 1e-15 * half) break
      }
      return chiSquared({ df: 2 * half })
    },
  })
}
