/** Derivatives of log Gamma: digamma, trigamma and the polygamma functions. */

import { real } from "../check.ts"
import { lgamma } from "./gamma.ts"
import { cosPi, sinPi } from "./logs.ts"
import { zeta } from "./zeta.ts"

// The positive root of digamma, as the nearest double and what it misses
const root = 1.4616321449683622
const rootRest = 9.5499954299657e-17

// digamma(root + h) = sum over k >= 1 of (-1)^(k+1) zeta(k + 1, root) h^k
const aroundRoot: readonly number[] = Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? 1 : -1) * zeta(i + 2, root))

/**
 * digamma(x), the derivative of log Gamma.
 * Its own series about the root 1.4616, the asymptotic series from 10 on after recurrence, reflection below 0.
 *
 * @throws RangeError at the poles 0, -1, -2, ...
 */
export function digamma(x: number): number {
  real("digamma", "x", x)
  if (x <= 0) {
    if (x === Math.floor(x)) throw new RangeError(`digamma: x is ${x}, a pole`)
    return digamma(1 - x) - (Math.PI * cosPi(x)) / sinPi(x)
  }
  const h = x - root - rootRest
  if (Math.abs(h) < 0.25) {
    let sum = 0
    for (let i = aroundRoot.length - 1; i >= 0; i--) sum = (sum + aroundRoot[i]) * h
    return sum
  }
  let at = x
  let sum = 0
  for (; at < 10; at += 1) sum -= 1 / at
  return sum + Math.log(at) - asymptoticRest(at)
}

/** log x - digamma(x) for x >= 10. */
function asymptoticRest(x: number): number {
  const y = 1 / (x * x)
  const series = 1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132 - y * (691 / 32760 - y / 12)))))
  return 0.5 / x + y * series
}

/** log x - digamma(x) for x > 0, about 1 / (2 x): what entropies need of digamma without cancelling. */
export function digammaRest(x: number): number {
  if (!(x > 0)) throw new RangeError(`digammaRest: x is ${x}, expected a number above 0`)
  return x >= 10 ? asymptoticRest(x) : Math.log(x) - digamma(x)
}

/** trigamma(x), the second derivative of log Gamma. @throws RangeError at the poles 0, -1, -2, ... */
export function trigamma(x: number): number {
  real("trigamma", "x", x)
  if (x > 0) return zeta(2, x)
  if (x === Math.floor(x)) throw new RangeError(`trigamma: x is ${x}, a pole`)
  return (Math.PI / sinPi(x)) ** 2 - zeta(2, 1 - x)
}

/**
 * The n-th derivative of digamma at x > 0: (-1)^(n+1) n! zeta(n + 1, x); n = 0 is digamma itself.
 *
 * @throws RangeError when n is no integer from 0 on, or x is not above 0.
 */
export function polygamma(n: number, x: number): number {
  if (!Number.isInteger(n) || n < 0) throw new RangeError(`polygamma: n is ${n}, expected an integer of at least 0`)
  if (!(x > 0)) throw new RangeError(`polygamma: x is ${x}, expected a number above 0`)
  if (n === 0) return digamma(x)
  const magnitude = n < 20 ? factorial(n) * zeta(n + 1, x) : Math.exp(lgamma(n + 1) + Math.log(zeta(n + 1, x)))
  return n % 2 === 1 ? magnitude : -magnitude
}

function factorial(n: number): number {
  let product = 1
  for (let k = 2; k <= n; k++) product *= k
  return product
}
