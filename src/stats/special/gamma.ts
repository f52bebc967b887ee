/** The gamma function, its logarithm and the ratios of it that probabilities are made of. */

import { real } from "../check.ts"
import { log1pmx, sinPi } from "./logs.ts"
import { zeta } from "./zeta.ts"

const halfLogTwoPi = 0.9189385332046727
const oneMinusEuler = 0.42278433509846713

// log Gamma(2 + z) = (1 - euler) z + sum (-1)^k (zeta(k) - 1) z^k / k: the coefficients from k = 2
const aroundTwo: readonly number[] = Array.from({ length: 27 }, (_, i) => {
  const k = i + 2
  return ((k % 2 === 0 ? 1 : -1) * zeta(k, 2)) / k
})

function lgammaAroundTwo(z: number): number {
  let sum = 0
  for (let i = aroundTwo.length - 1; i >= 0; i--) sum = (sum + aroundTwo[i]) * z
  return (sum + oneMinusEuler) * z
}

/**
 * What Stirling's formula leaves out: log Gamma(x) - (x - 1/2) log x + x - log(2 pi) / 2 for x > 0; about 1 / (12 x).
 */
export function stirlingError(x: number): number {
  if (!(x > 0)) throw new RangeError(`stirlingError: x is ${x}, expected a number above 0`)
  if (x < 10) return lgamma(x) - (x - 0.5) * Math.log(x) + x - halfLogTwoPi
  const y = 1 / (x * x)
  const tail = 1 / 1188 + y * (-691 / 360360 + y * (1 / 156 - y * (3617 / 122400)))
  return (1 / 12 + y * (-1 / 360 + y * (1 / 1260 + y * (-1 / 1680 + y * tail)))) / x
}

/**
 * log |Gamma(x)|; Infinity at the poles 0, -1, -2, ...
 * A series about 2 (where it is 0) for small x, Stirling's series from 10 on, Euler's reflection below 0, where near
 * its zeros the accuracy is absolute.
 */
export function lgamma(x: number): number {
  real("lgamma", "x", x)
  if (x <= 0) {
    if (x === Math.floor(x)) return Infinity
    if (x > -0.5) return lgamma(1 + x) - Math.log(-x)
    return Math.log(Math.PI / Math.abs(sinPi(x))) - lgamma(1 - x)
  }
  if (x === Infinity) return Infinity
  if (x >= 10) return (x - 0.5) * Math.log(x) - x + halfLogTwoPi + stirlingError(x)
  if (x < 0.5) return lgammaAroundTwo(x) - Math.log1p(x) - Math.log(x)
  if (x < 1.5) return lgammaAroundTwo(x - 1) - Math.log1p(x - 1)
  let at = x
  let product = 1
  while (at > 2.5) {
    at -= 1
    product *= at
  }
  return Math.log(product) + lgammaAroundTwo(at - 2)
}

/** log Gamma(1 + x) for x > -1, accurate near 0 where it is -0.577 x. */
export function lgamma1p(x: number): number {
  if (!(x > -1)) throw new RangeError(`lgamma1p: x is ${x}, expected a number above -1`)
  return Math.abs(x) <= 0.5 ? lgammaAroundTwo(x) - Math.log1p(x) : lgamma(1 + x)
}

/**
 * Gamma(x), the factorial of x - 1; Infinity from 171.63 on.
 *
 * @throws RangeError at the poles 0, -1, -2, ... where it has no value.
 */
export function gammaFunction(x: number): number {
  real("gammaFunction", "x", x)
  if (x <= 0 && x === Math.floor(x))
    throw new RangeError(`gammaFunction: x is ${x}, a pole (use lgamma for log |Gamma|)`)
  if (x < 0.5) return Math.PI / (sinPi(x) * gammaFunction(1 - x))
  if (x > 171.7) return Infinity
  if (x >= 10) {
    const half = x ** (0.5 * x - 0.25)
    return half * Math.exp(halfLogTwoPi + stirlingError(x) - x) * half
  }
  if (x === Math.floor(x)) {
    let product = 1
    for (let k = 2; k < x; k++) product *= k
    return product
  }
  let at = x
  let product = 1
  while (at > 2.5) {
    at -= 1
    product *= at
  }
  return product * Math.exp(lgamma(at))
}

/**
 * log(Gamma(x + d) / Gamma(x)) for x > 0, d >= 0, without the cancellation of a difference of logarithms:
 * relative accuracy is kept for d near 0 and for x far above d.
 */
export function logGammaRatio(x: number, d: number): number {
  if (!(x > 0 && d >= 0)) throw new RangeError(`logGammaRatio: got x ${x}, d ${d}, expected x above 0, d of at least 0`)
  let shift = 0
  let at = x
  if (at < 10 && d > 3) return lgamma(x + d) - lgamma(x)
  while (at < 10) {
    shift -= Math.log1p(d / at)
    at += 1
  }
  const u = d / at
  // (at - 1/2) log(1 + u) + d log(at + d) - d, with the parts of first order in d joined
  const main = at * log1pmx(u) - 0.5 * Math.log1p(u) + d * Math.log(at + d)
  return shift + main - stirlingDrop(at, d)
}

/** stirlingError(x) - stirlingError(x + d) for x >= 10, accurate for small d. */
function stirlingDrop(x: number, d: number): number {
  if (d > 0.1 * x) return stirlingError(x) - stirlingError(x + d)
  const step = -Math.log1p(d / x)
  const coefficients = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156]
  let sum = 0
  let power = 1 / x
  for (let k = 0; k < coefficients.length; k++) {
    sum -= coefficients[k] * power * Math.expm1((2 * k + 1) * step)
    power /= x * x
  }
  return sum
}

/** log B(a, b) = log(Gamma(a) Gamma(b) / Gamma(a + b)) for a, b > 0. */
export function logBeta(a: number, b: number): number {
  if (!(a > 0 && b > 0)) throw new RangeError(`logBeta: got a ${a}, b ${b}, expected numbers above 0`)
  const small = Math.min(a, b)
  const large = Math.max(a, b)
  if (small < 10) return lgamma(small) - logGammaRatio(large, small)
  const errors = stirlingError(small) + stirlingError(large) - stirlingError(small + large)
  const h = small / large
  return halfLogTwoPi - 0.5 * Math.log(large) + errors + (small - 0.5) * Math.log(h / (1 + h)) - large * Math.log1p(h)
}

/** The beta function B(a, b) = Gamma(a) Gamma(b) / Gamma(a + b) for a, b > 0. */
export function betaFunction(a: number, b: number): number {
  return Math.exp(logBeta(a, b))
}

/** log of the number of ways to choose k out of n, for real 0 <= k <= n. */
export function logBinomial(n: number, k: number): number {
  if (!(k >= 0 && k <= n)) throw new RangeError(`logBinomial: got n ${n}, k ${k}, expected 0 <= k <= n`)
  if (k === 0 || k === n) return 0
  return -Math.log1p(n) - logBeta(k + 1, n - k + 1)
}

/**
 * log of x^a e^-x / Gamma(a + 1) for a >= 0, x >= 0: the Poisson probability of a, and what the incomplete gamma
 * functions have in front. From a = 10 on by Loader's deviance, so that nothing large cancels.
 * Source: Loader 2000, "Fast and accurate computation of binomial probabilities".
 */
export function logPoissonTerm(a: number, x: number): number {
  if (x === 0) return a === 0 ? 0 : -Infinity
  if (x === Infinity) return -Infinity
  if (a < 10) return a * Math.log(x) - x - lgamma1p(a)
  return deviance(a, x - a, x / a) - 0.5 * Math.log(a) - halfLogTwoPi - stirlingError(a)
}

/**
 * log of x^a y^b / B(a, b) for y = 1 - x and a, b > 0, by deviances when both are large.
 * Both x and y are asked for, because near 0 the other one cannot be had back from it.
 */
export function logBetaTerm(a: number, b: number, x: number, y: number): number {
  if (x <= 0 || y <= 0) return -Infinity
  const logX = x > 0.5 ? Math.log1p(-y) : Math.log(x)
  const logY = y > 0.5 ? Math.log1p(-x) : Math.log(y)
  if (Math.min(a, b) < 10) return a * logX + b * logY - logBeta(a, b)
  const excess = differenceOfProducts(x, b, y, a)
  const errors = stirlingError(a) + stirlingError(b) - stirlingError(a + b)
  const scale = 0.5 * (Math.log(Math.min(a, b)) - Math.log1p(Math.min(a, b) / Math.max(a, b))) - halfLogTwoPi
  return scale - errors + deviance(a, excess, (x / a) * (a + b)) + deviance(b, -excess, (y / b) * (a + b))
}

/** a log1pmx(excess / a), from the ratio 1 + excess / a where that is small and would cancel. */
function deviance(a: number, excess: number, ratio: number): number {
  return ratio < 0.5 ? a * Math.log(ratio) - excess : a * log1pmx(excess / a)
}

/** x b - y a with the rounding of both products made good (Dekker's exact product). */
function differenceOfProducts(x: number, b: number, y: number, a: number): number {
  const p = x * b
  const q = y * a
  return p - q + (productError(x, b, p) - productError(y, a, q))
}

function productError(a: number, b: number, p: number): number {
  const split = 134217729
  const ca = split * a
  const cb = split * b
  const ah = ca - (ca - a)
  const bh = cb - (cb - b)
  const al = a - ah
  const bl = b - bh
  return ah * bh - p + ah * bl + al * bh + al * bl
}
