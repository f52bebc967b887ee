/** Both tails of a distribution function at one point, plain and in logarithms: whichever is small keeps its digits. */

import { log1mexp } from "./logs.ts"

/** P(X <= x) and P(X > x), and their natural logarithms. */
export interface Tails {
  readonly lower: number
  readonly upper: number
  readonly logLower: number
  readonly logUpper: number
}

/** All mass above the point. */
export const allAbove: Tails = { lower: 0, upper: 1, logLower: -Infinity, logUpper: 0 }

/** All mass at or below the point. */
export const allBelow: Tails = { lower: 1, upper: 0, logLower: 0, logUpper: -Infinity }

/** Tails from the logarithm of the lower one, which may be rounded up past 0. */
export function tailsFromLogLower(log: number): Tails {
  const logLower = Math.min(0, log)
  return { lower: Math.exp(logLower), upper: -Math.expm1(logLower), logLower, logUpper: log1mexp(logLower) }
}

/** Tails from both shares, each known with its own accuracy. */
export function tailsFromShares(lower: number, upper: number): Tails {
  return {
    lower,
    upper,
    logLower: lower > 0.5 ? Math.log1p(-upper) : Math.log(lower),
    logUpper: upper > 0.5 ? Math.log1p(-lower) : Math.log(upper),
  }
}

/** The same tails seen from the other side: lower and upper exchanged. */
export function mirrored(tails: Tails): Tails {
  return { lower: tails.upper, upper: tails.lower, logLower: tails.logUpper, logUpper: tails.logLower }
}
