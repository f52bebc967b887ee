/** Logarithms and exponentials that keep their relative accuracy where the plain formulas cancel. */

import { real } from "../check.ts"

/** log(1 - e^x) for x <= 0, -Infinity at 0. Source: Maechler 2012, "Accurately computing log(1 - exp(-|a|))". */
export function log1mexp(x: number): number {
  if (!(x <= 0)) throw new RangeError(`log1mexp: x is ${x}, expected a number of at most 0`)
  return x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x))
}

/** log(1 + e^x), the softplus, without overflow. */
export function log1pexp(x: number): number {
  real("log1pexp", "x", x)
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x))
}

/**
 * log(1 + x) - x for x > -1, accurate near 0 where it is -x^2/2.
 * With r = x / (2 + x) it is 2 r^3 (1/3 + r^2/5 + ...) - x r.
 */
export function log1pmx(x: number): number {
  if (!(x >= -1)) throw new RangeError(`log1pmx: x is ${x}, expected a number of at least -1`)
  if (x < -0.5 || x > 1) return x === Infinity ? -Infinity : Math.log1p(x) - x
  const r = x / (2 + x)
  const r2 = r * r
  let sum = 0
  let power = 1
  for (let k = 3; k < 60; k += 2) {
    const term = power / k
    sum += term
    if (term < 1e-17) break
    power *= r2
  }
  return r * (2 * r2 * sum - x)
}

/** log(e^a + e^b) without overflow. */
export function logAddExp(a: number, b: number): number {
  real("logAddExp", "a", a)
  real("logAddExp", "b", b)
  if (a === b) return a + Math.LN2
  const high = Math.max(a, b)
  return high + Math.log1p(Math.exp(Math.min(a, b) - high))
}

/**
 * log of the sum of exponentials, without overflow; -Infinity for no terms, whose sum is 0.
 *
 * @throws RangeError when a term is NaN.
 */
export function logSumExp(terms: ArrayLike<number>): number {
  let high = -Infinity
  for (let i = 0; i < terms.length; i++) {
    real("logSumExp", `terms[${i}]`, terms[i])
    if (terms[i] > high) high = terms[i]
  }
  if (!Number.isFinite(high)) return high
  let sum = 0
  for (let i = 0; i < terms.length; i++) sum += Math.exp(terms[i] - high)
  return high + Math.log(sum)
}

/** x log y, with 0 log 0 = 0. */
export function xlogy(x: number, y: number): number {
  return x === 0 ? 0 : x * Math.log(y)
}

/** x log(1 + y), with 0 log 0 = 0. */
export function xlog1py(x: number, y: number): number {
  return x === 0 ? 0 : x * Math.log1p(y)
}

/** sin(pi x), exact at the integers and accurate for large x. */
export function sinPi(x: number): number {
  const r = x - 2 * Math.round(x / 2)
  if (r > 0.5) return Math.sin(Math.PI * (1 - r))
  if (r < -0.5) return -Math.sin(Math.PI * (1 + r))
  return Math.sin(Math.PI * r)
}

/** cos(pi x), exact at the half-integers and accurate for large x. */
export function cosPi(x: number): number {
  const r = Math.abs(x - 2 * Math.round(x / 2))
  return r <= 0.25 ? Math.cos(Math.PI * r) : Math.sin(Math.PI * (0.5 - r))
}
