/** Student's t law. */

import { finite, observations, positive } from "../check.ts"
import { continuous } from "../continuous.ts"
import type { Continuous, Entropic, Fitting } from "../law.ts"
import { digammaRest } from "../special/digamma.ts"
import { logBeta, logGammaRatio } from "../special/gamma.ts"
import { betaTails, inverseIncompleteBeta } from "../special/incomplete-beta.ts"
import { tailsFromShares } from "../special/tails.ts"
import { drawGamma } from "./gamma.ts"

/** Degrees of freedom, centre and scale. */
export interface StudentTOptions {
  df: number
  loc?: number
  scale?: number
}

/** Student's t law; see {@link studentT}. A moment is undefined where its integral has no value. */
export interface StudentT extends Continuous, Entropic, Fitting<StudentT> {
  readonly df: number
  readonly loc: number
  readonly scale: number
  /** loc for df > 1, else undefined. */
  readonly mean: number | undefined
  /** scale^2 df / (df - 2) for df > 2, Infinity for 1 < df <= 2, else undefined. */
  readonly variance: number | undefined
  /** 0 for df > 3, else undefined. */
  readonly skewness: number | undefined
  /** 6 / (df - 4) for df > 4, Infinity for 2 < df <= 4, else undefined. */
  readonly kurtosis: number | undefined
}

/**
 * Student's t law, density Gamma((df+1)/2) / (sqrt(df pi) Gamma(df/2)) (1 + z^2/df)^(-(df+1)/2) / scale with
 * z = (x - loc) / scale.
 *
 * @throws RangeError unless df and scale are finite and above 0 and loc is finite.
 */
export function studentT({ df, loc = 0, scale = 1 }: StudentTOptions): StudentT {
  positive("studentT", "df", df)
  finite("studentT", "loc", loc)
  positive("studentT", "scale", scale)
  const logFront = logGammaRatio(df / 2, 0.5) - 0.5 * (Math.log(df) + Math.log(Math.PI)) - Math.log(scale)
  return Object.freeze({
    ...continuous({
      name: "studentT",
      support: [-Infinity, Infinity],
      logProb: (x) => logFront - ((df + 1) / 2) * logOnePlusSquare((x - loc) / scale / Math.sqrt(df)),
      tails(x) {
        const z = (x - loc) / scale
        const r = (z / Math.sqrt(df)) ** 2
        // the share beyond |z| on both sides is I(df/2, 1/2) at df / (df + z^2)
        const both = betaTails(df / 2, 0.5, 1 / (1 + r), r === Infinity ? 1 : r / (1 + r))
        const logBeyond = r === Infinity ? farTail(df, z) : both.logLower - Math.LN2
        const beyond = r === Infinity ? Math.exp(logBeyond) : both.lower / 2
        const rest = 0.5 + both.upper / 2
        const logRest = tailsFromShares(beyond, rest).logUpper
        return z < 0
          ? { lower: beyond, upper: rest, logLower: logBeyond, logUpper: logRest }
          : { lower: rest, upper: beyond, logLower: logRest, logUpper: logBeyond }
      },
      quantile(p, q) {
        const share = Math.min(p, q)
        const { x, y } = inverseIncompleteBeta(df / 2, 0.5, 2 * share, 1 - 2 * share)
        const z = x === 0 ? farQuantile(df, share) : Math.sqrt(df) * Math.sqrt(y / x)
        return loc + scale * (p <= q ? -z : z)
      },
      draw: (generator) => loc + (scale * generator.normal()) / Math.sqrt((2 * drawGamma(df / 2, generator)) / df),
    }),
    df,
    loc,
    scale,
    mean: df > 1 ? loc : undefined,
    variance: df > 2 ? (scale * scale * df) / (df - 2) : df > 1 ? Infinity : undefined,
    skewness: df > 3 ? 0 : undefined,
    kurtosis: df > 4 ? 6 / (df - 4) : df > 2 ? Infinity : undefined,
    entropy() {
      const rise = Math.log1p(1 / df) + digammaRest(df / 2) - digammaRest((df + 1) / 2)
      return ((df + 1) / 2) * rise + 0.5 * Math.log(df) + logBeta(df / 2, 0.5) + Math.log(scale)
    },
    fit(values: ArrayLike<number>) {
      const x = observations("studentT.fit", "observations", values, 3)
      const spread = x.slice().sort()
      if (spread[0] === spread[spread.length - 1]) {
        throw new RangeError(`studentT.fit: all ${x.length} observations are ${x[0]}, scale would be 0`)
      }
      return fitStudentT(x)
    },
  })
}

/** log(1 + u^2) without overflow. */
function logOnePlusSquare(u: number): number {
  const a = Math.abs(u)
  return a < 1e8 ? Math.log1p(u * u) : 2 * Math.log(a)
}

/** log of the tail beyond |z| where z^2 overflows: its leading term. */
function farTail(df: number, z: number): number {
  return -df * (Math.log(Math.abs(z)) - 0.5 * Math.log(df)) - Math.log(df) - logBeta(df / 2, 0.5)
}

/** The |z| of {@link farTail} for a share. */
function farQuantile(df: number, share: number): number {
  return Math.exp(0.5 * Math.log(df) - (Math.log(share) + Math.log(df) + logBeta(df / 2, 0.5)) / df)
}

/**
 * Location and scale of the likeliest t law of given df, by expectation-maximisation with the accelerated scale of
 * Kent, Tyler and Vardi 1994, and its log-likelihood.
 */
export function fitLocationScale(x: Float64Array, df: number): { loc: number; scale: number; logLikelihood: number } {
  const sorted = x.slice().sort()
  const n = x.length
  let loc = sorted[n >> 1]
  let scale = Math.max(sorted[(3 * n) >> 2] - sorted[n >> 2], (sorted[n - 1] - sorted[0]) / n) / 2
  for (let i = 0; i < 5000; i++) {
    let weights = 0
    let first = 0
    for (const v of x) {
      const w = (df + 1) / (df + ((v - loc) / scale) ** 2)
      weights += w
      first += w * v
    }
    const center = first / weights
    let squares = 0
    for (const v of x) squares += ((df + 1) / (df + ((v - loc) / scale) ** 2)) * (v - center) ** 2
    const width = Math.sqrt(squares / weights)
    if (!(width > 0)) {
      throw new RangeError(
        `studentT.fit: the likelihood grows without bound as scale goes to 0 (more than half of the observations are ${center})`,
      )
    }
    const isDone = Math.abs(center - loc) < 1e-13 * width && Math.abs(width - scale) < 1e-13 * width
    loc = center
    scale = width
    if (isDone) break
  }
  const law = studentT({ df, loc, scale })
  let logLikelihood = 0
  for (const v of x) logLikelihood += law.logProb(v)
  return { loc, scale, logLikelihood }
}

/** Golden sections over log df between 0.1 and 1e5 on the profile likelihood. */
function fitStudentT(x: Float64Array): StudentT {
  const ratio = (Math.sqrt(5) - 1) / 2
  const value = (logDf: number): number => fitLocationScale(x, Math.exp(logDf)).logLikelihood
  let left = Math.log(0.1)
  let right = Math.log(1e5)
  let a = right - ratio * (right - left)
  let b = left + ratio * (right - left)
  let fa = value(a)
  let fb = value(b)
  while (right - left > 1e-7) {
    if (fa > fb) {
      right = b
      b = a
      fb = fa
      a = right - ratio * (right - left)
      fa = value(a)
    } else {
      left = a
      a = b
      fa = fb
      b = left + ratio * (right - left)
      fb = value(b)
    }
  }
  const df = Math.exp((left + right) / 2)
  const { loc, scale } = fitLocationScale(x, df)
  return studentT({ df, loc, scale })
}
