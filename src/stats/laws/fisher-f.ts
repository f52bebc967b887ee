/** Fisher's F law. */

import { positive } from "../check.ts"
import { continuous } from "../continuous.ts"
import type { Continuous, Entropic } from "../law.ts"
import { digammaRest } from "../special/digamma.ts"
import { logBeta, logBetaTerm } from "../special/gamma.ts"
import { betaTails, inverseIncompleteBeta } from "../special/incomplete-beta.ts"
import { dirichletEntropy } from "./dirichlet.ts"
import { drawLogGamma } from "./gamma.ts"

/** Degrees of freedom of the numerator and of the denominator. */
export interface FisherFOptions {
  df1: number
  df2: number
}

/** Fisher's F law; see {@link fisherF}. A moment is undefined where its integral has no value. */
export interface FisherF extends Continuous, Entropic {
  readonly df1: number
  readonly df2: number
  /** df2 / (df2 - 2), Infinity for df2 <= 2. */
  readonly mean: number
  /** Infinity for 2 < df2 <= 4, undefined for df2 <= 2. */
  readonly variance: number | undefined
  /** Infinity for 4 < df2 <= 6, undefined for df2 <= 4. */
  readonly skewness: number | undefined
  /** Infinity for 4 < df2 <= 8, undefined for df2 <= 4. */
  readonly kurtosis: number | undefined
}

/**
 * Fisher's F law, that of (X / df1) / (Y / df2) for independent chi-squared X and Y.
 *
 * @throws RangeError unless df1 and df2 are finite and above 0.
 */
export function fisherF({ df1, df2 }: FisherFOptions): FisherF {
  positive("fisherF", "df1", df1)
  positive("fisherF", "df2", df2)
  const a = df1 / 2
  const b = df2 / 2
  // with odds = df1 x / df2, odds / (1 + odds) has the beta law (a, b)
  const split = (x: number): [number, number] => {
    const odds = (df1 / df2) * x
    return odds < 1 ? [odds / (1 + odds), 1 / (1 + odds)] : [1 / (1 + 1 / odds), 1 / odds / (1 + 1 / odds)]
  }
  const s = df1 + df2 - 2
  return Object.freeze({
    ...continuous({
      name: "fisherF",
      support: [0, Infinity],
      logProb(x) {
        if (x === 0) return df1 < 2 ? Infinity : df1 > 2 ? -Infinity : 0
        const [share, rest] = split(x)
        if (share === 0 || rest === 0) {
          const log = Math.log(df1 / df2) + Math.log(x)
          return (share === 0 ? a : -b) * log - logBeta(a, b) - Math.log(x)
        }
        return logBetaTerm(a, b, share, rest) - Math.log(x)
      },
      tails(x) {
        const [share, rest] = split(x)
        return betaTails(a, b, share, rest)
      },
      quantile(p, q) {
        const { x, y } = inverseIncompleteBeta(a, b, p, q)
        return (df2 / df1) * (x / y)
      },
      draw: (generator) => (df2 / df1) * Math.exp(drawLogGamma(a, generator) - drawLogGamma(b, generator)),
    }),
    df1,
    df2,
    mean: df2 > 2 ? df2 / (df2 - 2) : Infinity,
    variance: df2 > 4 ? ((2 * s) / df1 / (df2 - 4)) * (df2 / (df2 - 2)) ** 2 : df2 > 2 ? Infinity : undefined,
    skewness:
      df2 > 6
        ? ((2 * df1 + df2 - 2) * Math.sqrt(8 * (df2 - 4))) / ((df2 - 6) * Math.sqrt(df1 * s))
        : df2 > 4
          ? Infinity
          : undefined,
    kurtosis:
      df2 > 8
        ? (12 * (df1 * (5 * df2 - 22) * s + (df2 - 4) * (df2 - 2) ** 2)) / (df1 * (df2 - 6) * (df2 - 8) * s)
        : df2 > 4
          ? Infinity
          : undefined,
    entropy() {
      // that of the beta law, carried over to the odds and scaled
      const rise = Math.log1p(a / b) + digammaRest(b) - digammaRest(a + b)
      return dirichletEntropy([a, b]) + 2 * rise + Math.log(df2 / df1)
    },
  })
}
