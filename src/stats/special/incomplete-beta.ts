/** The regularised incomplete beta function I_x(a, b), the distribution function of the beta law, and its inverse. */

import { lgamma1p, logBetaTerm, logGammaRatio } from "./gamma.ts"
import { solveTail } from "./solve.ts"
import { allAbove, allBelow, mirrored, type Tails, tailsFromLogLower, tailsFromShares } from "./tails.ts"

/**
 * Both tails of the beta law (a, b) at x, given x and y = 1 - x: near 1 the second one carries the digits.
 *
 * The continued fraction below the mean; where a < 1 a power series that gives both tails without subtracting from 1.
 * Source: DiDonato and Morris 1992, "Significant digit computation of the incomplete beta function ratios".
 *
 * @throws RangeError outside a, b > 0, x and y in [0, 1].
 */
export function betaTails(a: number, b: number, x: number, y: number = 1 - x): Tails {
  if (!(a > 0 && b > 0 && a < Infinity && b < Infinity)) {
    throw new RangeError(`betaTails: got a ${a}, b ${b}, expected finite numbers above 0`)
  }
  if (!(x >= 0 && x <= 1 && y >= 0 && y <= 1)) {
    throw new RangeError(`betaTails: x is ${x} and 1 - x is ${y}, expected numbers from 0 to 1`)
  }
  if (x === 0) return allAbove
  if (y === 0) return allBelow
  if (Math.min(a, b) >= 1) {
    if (b * x > a * y) return mirrored(tailsFromLogLower(fraction(b, a, y, x)))
    return tailsFromLogLower(fraction(a, b, x, y))
  }
  // the smaller parameter, or of two below 1 the one whose side x is on, leads
  const isLed = Math.max(a, b) < 1 ? x <= 0.5 : a < b
  return isLed ? led(a, b, x, y) : mirrored(led(b, a, y, x))
}

/** Tails for a < 1, and x at most 1/2 when b < 1 too. */
function led(a: number, b: number, x: number, y: number): Tails {
  if (b > 1 && b * x > 0.7) return mirrored(tailsFromLogLower(fraction(b, a, y, x)))
  // I = G (1 + a S), G = x^a / (a B(a, b)), S = sum (1-b)_n x^n / (n! (a + n))
  const logG = a * Math.log(x) - lgamma1p(a) + logGammaRatio(b, a)
  let sum = 0
  let term = 1
  for (let n = 1; n < 2000; n++) {
    term *= ((n - b) / n) * x
    const part = term / (a + n)
    sum += part
    if (Math.abs(part) < Math.abs(sum) * 1e-17) break
  }
  const logLower = Math.min(0, logG + Math.log1p(a * sum))
  const upper = Math.max(0, -Math.expm1(logG) - Math.exp(logG) * a * sum)
  return { ...tailsFromShares(Math.exp(logLower), upper), logLower }
}

/** log I_x(a, b) by the continued fraction of DiDonato and Morris (9.1), Lentz's way. */
function fraction(a: number, b: number, x: number, y: number): number {
  const lambda = a * y - b * x
  let beta = (a / (a + 1)) * (lambda + 1)
  let f = beta
  let c = beta
  let d = 0
  for (let n = 1; n < 1_000_000; n++) {
    const t = a + 2 * n - 1
    const alpha = ((a + n - 1) / t) * ((a + b + n - 1) / t) * n * (b - n) * x * x
    beta = n + (n * (b - n) * x) / t + ((a + n) / (t + 2)) * (lambda + 1 + n * (1 + y))
    d = beta + alpha * d
    if (d === 0) d = 1e-300
    d = 1 / d
    c = beta + alpha / c
    if (c === 0) c = 1e-300
    const delta = c * d
    f *= delta
    if (Math.abs(delta - 1) < 1e-16) return logBetaTerm(a, b, x, y) - Math.log(f)
  }
  throw new RangeError(
    `betaTails: the fraction for a ${a}, b ${b}, x ${x} did not settle (the parameters are too large)`,
  )
}

/** I_x(a, b) = int_0^x t^(a-1) (1-t)^(b-1) dt / B(a, b). @throws RangeError outside a, b > 0, 0 <= x <= 1. */
export function incompleteBeta(a: number, b: number, x: number): number {
  return betaTails(a, b, x).lower
}

/** 1 - I_x(a, b), with its own relative accuracy. @throws RangeError outside a, b > 0, 0 <= x <= 1. */
export function incompleteBetaUpper(a: number, b: number, x: number): number {
  return betaTails(a, b, x).upper
}

/**
 * The x with I_x(a, b) = p, where `q` = 1 - p is what is trusted when it is the smaller one: both x and 1 - x, since
 * near 1 only the second has digits.
 *
 * @throws RangeError outside a, b > 0, 0 <= p <= 1.
 */
export function inverseIncompleteBeta(a: number, b: number, p: number, q: number = 1 - p): { x: number; y: number } {
  if (!(a > 0 && b > 0 && a < Infinity && b < Infinity)) {
    throw new RangeError(`inverseIncompleteBeta: got a ${a}, b ${b}, expected finite numbers above 0`)
  }
  if (!(p >= 0 && p <= 1 && q >= 0 && q <= 1)) {
    throw new RangeError(`inverseIncompleteBeta: got p ${p}, q ${q}, expected numbers from 0 to 1`)
  }
  if (p === 0) return { x: 0, y: 1 }
  if (q === 0) return { x: 1, y: 0 }
  const half = betaTails(a, b, 0.5, 0.5)
  if (p > q ? q >= half.upper : p <= half.lower) return inverseBelowHalf(a, b, p, q)
  const { x, y } = inverseBelowHalf(b, a, q, p)
  return { x: y, y: x }
}

/** The answer where x is at most 1/2, solved for the odds x / (1 - x). */
function inverseBelowHalf(a: number, b: number, p: number, q: number): { x: number; y: number } {
  const start = Math.min(a / b, Math.exp((Math.log(p) + lgamma1p(a) - logGammaRatio(b, a)) / a))
  if (start === 0) return { x: 0, y: 1 }
  const odds = solveTail({
    tails: (o) => (o === Infinity ? allBelow : betaTails(a, b, o / (1 + o), 1 / (1 + o))),
    logProb: (o) => logBetaTerm(a, b, o / (1 + o), 1 / (1 + o)) - Math.log(o),
    p,
    q,
    start,
    axis: "positive",
  })
  return { x: odds / (1 + odds), y: 1 / (1 + odds) }
}
