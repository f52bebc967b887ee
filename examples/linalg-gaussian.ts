/** The Gaussian function g = h exp(x^T A x + b^T x + c): its gradient, critical point, integral and contours. */

import { fileURLToPath } from "node:url"
import {
  criticalPoint,
  det,
  dot,
  gaussianHeight,
  inv,
  matmul,
  quadraticForm,
  type Real,
  scale,
} from "../src/linalg/index.ts"

/** A Gaussian function of two or more variables, A symmetric [n, n], b [n]. */
export interface Gaussian {
  readonly a: Real
  readonly b: Real
  readonly c: number
  readonly height: number
}

/** q(x) = x^T A x + b^T x + c. */
export function exponent(g: Gaussian, x: Real): number {
  return quadraticForm(g.a, x) + dot(g.b, x) + g.c
}

/** g(x) = h exp(q(x)). */
export function valueAt(g: Gaussian, x: Real): number {
  return g.height * Math.exp(exponent(g, x))
}

/** grad g = g grad q, with grad q = 2 A x + b. (Notes 000, eq 2.8.19.) */
export function gradientAt(g: Gaussian, x: Real): Float64Array {
  const value = valueAt(g, x)
  const slope = matmul(g.a, x).data
  return slope.map((v, i) => value * (2 * v + g.b.data[i]))
}

/** The normal density with mean mu [n] and covariance S [n, n]: A = -S^-1 / 2, b = -2 A mu, c = mu^T A mu. */
export function normalDensity(mean: Real, covariance: Real): Gaussian {
  const a = scale(-0.5, inv(covariance))
  return { a, b: scale(-2, matmul(a, mean)), c: quadraticForm(a, mean), height: gaussianHeight(a) }
}

/** The height that notes 000 §2.8.2 print, 1 / sqrt((2 pi)^n det A), which takes A for the covariance. */
export function printedHeight(a: Real): number {
  return 1 / Math.sqrt((2 * Math.PI) ** a.shape[0] * det(a))
}

/** Integral of g over the plane, by sums over a square grid (exponentially exact for a Gaussian). */
export function integral(g: Gaussian, reach = 20, step = 0.1): number {
  let sum = 0
  const data = new Float64Array(2)
  const x: Real = { dtype: "float64", shape: [2], data }
  for (let s = -reach; s <= reach; s += step) {
    for (let t = -reach; t <= reach; t += step) {
      data[0] = s
      data[1] = t
      sum += valueAt(g, x)
    }
  }
  return sum * step * step
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mean: Real = { dtype: "float64", shape: [2], data: Float64Array.of(1, -2) }
  const covariance: Real = { dtype: "float64", shape: [2, 2], data: Float64Array.of(2, 0, 0, 3) }
  const g = normalDensity(mean, covariance)
  console.log(`critical point ${criticalPoint(g.a, g.b).point.data}, a ${criticalPoint(g.a, g.b).kind}`)
  console.log(`height ${g.height}, integral ${integral(g)}; printed height ${printedHeight(g.a)}`)
}
