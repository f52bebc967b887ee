/** Taylor's formula with the integral remainder: polynomial and remainder make the function. */

import { fileURLToPath } from "node:url"

/** Integral of f from a to b by Simpson's rule on `pieces` pairs of intervals. */
export function simpson(f: (t: number) => number, a: number, b: number, pieces = 1000): number {
  const h = (b - a) / (2 * pieces)
  let sum = f(a) + f(b)
  for (let i = 1; i < 2 * pieces; i++) sum += (i % 2 === 1 ? 4 : 2) * f(a + i * h)
  return (sum * h) / 3
}

/** sum_{k <= n} f^(k)(x0) (x - x0)^k / k!, from the derivatives at x0. */
export function taylorPolynomial(derivatives: readonly number[], x0: number, x: number): number {
  let term = 1
  let sum = 0
  derivatives.forEach((d, k) => {
    sum += d * term
    term *= (x - x0) / (k + 1)
  })
  return sum
}

function factorial(n: number): number {
  let product = 1
  for (let i = 2; i <= n; i++) product *= i
  return product
}

/** The remainder, integral from x0 to x of f^(n+1)(t) (x - t)^n / n! dt. */
export function integralRemainder(next: (t: number) => number, n: number, x0: number, x: number): number {
  return simpson((t) => next(t) * (x - t) ** n, x0, x) / factorial(n)
}

/** What notes 004 §2 print in its place, integral of f^(n+1)(x - t) / n! dt: the power slipped into the argument. */
export function printedRemainder(next: (t: number) => number, n: number, x0: number, x: number): number {
  return simpson((t) => next(x - t), x0, x) / factorial(n)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(`e = ${taylorPolynomial([1, 1, 1], 0, 1)} + ${integralRemainder(Math.exp, 2, 0, 1)}`)
  console.log(`the printed formula gives ${printedRemainder(Math.exp, 2, 0, 1)} for the remainder`)
}
