/** The error function, its complement, its inverses, and the normal law's tails and quantiles made of them. */

import { real } from "../check.ts"

const sqrtPi = 1.7724538509055159
const step = 0.5

// e^(-n^2 h^2) for the trapezoid sum of erfcx
const gaussians: readonly number[] = Array.from({ length: 13 }, (_, n) => Math.exp(-n * n * step * step))

/** e^(-x^2) with the rounding of the square made good: the leading 26 bits of x are squared exactly. */
function expMinusSquare(x: number): number {
  if (Math.abs(x) > 40) return 0
  const split = 134217729 * x
  const high = split - (split - x)
  return Math.exp(-high * high) * Math.exp(-(x - high) * (x + high))
}

/**
 * The scaled complement e^(x^2) erfc(x), about 1 / (x sqrt(pi)) for large x; Infinity below -26.6.
 * From 1/2 on the trapezoid rule of (2x/pi) int e^(-t^2) / (x^2 + t^2) dt with its pole's residue, which is
 * exact to e^(-(pi/h)^2) = 7e-18. Source: Hunter and Regan 1972, "A note on the evaluation of the complementary
 * error function".
 */
export function erfcx(x: number): number {
  real("erfcx", "x", x)
  if (x > 1e8) return 1 / (x * sqrtPi)
  if (x < 0.5) {
    const scale = x < -27 ? Infinity : 1 / expMinusSquare(x)
    return x > -0.5 ? scale * (1 - erf(x)) : 2 * scale - erfcx(-x)
  }
  const x2 = x * x
  let sum = 0.5 / x2
  for (let n = gaussians.length - 1; n > 0; n--) sum += gaussians[n] / (x2 + n * n * step * step)
  const residue = x < 2 * Math.PI ? 2 / Math.expm1((2 * Math.PI * x) / step) / expMinusSquare(x) : 0
  return (2 * step * x * sum) / Math.PI - residue
}

/** erf(x) = 2/sqrt(pi) int_0^x e^(-t^2) dt. */
export function erf(x: number): number {
  real("erf", "x", x)
  if (Math.abs(x) > 1) return x > 0 ? 1 - erfc(x) : erfc(-x) - 1
  // e^(-x^2) sum 2^n x^(2n+1) / (1 3 5 ... (2n+1)): every term positive, so nothing cancels
  let term = 1
  let sum = 1
  for (let n = 1; n < 40 && term > sum * 1e-18; n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return ((2 * x) / sqrtPi) * expMinusSquare(x) * sum
}

/** erfc(x) = 1 - erf(x), with full relative accuracy in the right tail down to 1e-308. */
export function erfc(x: number): number {
  real("erfc", "x", x)
  if (x < 0.5) return 1 - erf(x)
  return x > 27.3 ? 0 : expMinusSquare(x) * erfcx(x)
}

/** log erfc(x), finite where erfc underflows. */
export function logErfc(x: number): number {
  real("logErfc", "x", x)
  if (x === Infinity) return -Infinity
  return x < 0.5 ? Math.log1p(-erf(x)) : Math.log(erfcx(x)) - x * x
}

/** The y with log erfc(y) = logQ, for logQ below log(1/2): Newton's steps on a concave function. */
function inverseLogErfc(logQ: number): number {
  if (logQ === -Infinity) return Infinity
  // erfc(y) is about e^(-y^2) / (y sqrt(pi))
  let y = Math.sqrt(Math.max(0.05, -logQ - 0.5 * Math.log(Math.max(1, -logQ)) - 0.57))
  for (let i = 0; i < 30; i++) {
    const scaled = erfcx(y)
    const miss = Math.log(scaled) - y * y - logQ
    const slope = 2 / (sqrtPi * scaled)
    const delta = miss / slope
    // Halley's denominator: the second derivative of log erfc over twice the first
    const next = y + delta / (1 + delta * (y - slope / 2))
    if (Math.abs(next - y) < 1e-9 * y) return next
    y = next > 0 ? next : y / 2
  }
  return y
}

/** The x with erf(x) = y, for -1 <= y <= 1. @throws RangeError outside. */
export function erfinv(y: number): number {
  if (!(y >= -1 && y <= 1)) throw new RangeError(`erfinv: y is ${y}, expected a number from -1 to 1`)
  const a = Math.abs(y)
  if (a > 0.5) return Math.sign(y) * inverseLogErfc(Math.log1p(-a))
  let x = (y * sqrtPi) / 2
  for (let i = 0; i < 30; i++) {
    const delta = ((y - erf(x)) * sqrtPi) / 2 / expMinusSquare(x)
    const next = x + delta / (1 - x * delta)
    if (Math.abs(next - x) <= 1e-9 * Math.abs(x)) return next
    x = next
  }
  return x
}

/** The x with erfc(x) = q, for 0 <= q <= 2. @throws RangeError outside. */
export function erfcinv(q: number): number {
  if (!(q >= 0 && q <= 2)) throw new RangeError(`erfcinv: q is ${q}, expected a number from 0 to 2`)
  if (q < 0.5) return inverseLogErfc(Math.log(q))
  return q > 1.5 ? -inverseLogErfc(Math.log(2 - q)) : erfinv(1 - q)
}

/** The standard normal distribution function at z. */
export function normalCdf(z: number): number {
  return 0.5 * erfc(-z * Math.SQRT1_2)
}

/** log of the standard normal distribution function at z, finite however far to the left. */
export function logNormalCdf(z: number): number {
  return z > 0 ? Math.log1p(-normalCdf(-z)) : logErfc(-z * Math.SQRT1_2) - Math.LN2
}

/** The standard normal quantile: the z below which a share p lies. @throws RangeError outside [0, 1]. */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`normalQuantile: p is ${p}, expected a number from 0 to 1`)
  return -Math.SQRT2 * erfcinv(2 * p)
}

/** The z with log of the standard normal distribution function equal to logP <= 0. @throws RangeError above 0. */
export function normalQuantileLog(logP: number): number {
  if (!(logP <= 0)) throw new RangeError(`normalQuantileLog: logP is ${logP}, expected a number of at most 0`)
  return logP < -2 ? -Math.SQRT2 * inverseLogErfc(logP + Math.LN2) : normalQuantile(Math.exp(logP))
}
