/** Gradient descent on a quadratic: the number of steps grows like the condition number. */

import { fileURLToPath } from "node:url"
import { cond, eigvalsh, matmul, norm, type Real, scale, subtract } from "../src/linalg/index.ts"

/** A Hessian diag(1, kappa) turned by 0.6 radians. */
export function hessianOf(kappa: number): Real {
  const c = Math.cos(0.6)
  const s = Math.sin(0.6)
  const data = Float64Array.of(c * c + kappa * s * s, (1 - kappa) * c * s, (1 - kappa) * c * s, s * s + kappa * c * c)
  return { dtype: "float64", shape: [2, 2], data }
}

/** Steps x <- x - eta H x, with the best fixed eta = 2 / (lambda_min + lambda_max), until the gradient is 1e-6 of the first. */
export function stepsToConverge(hessian: Real, limit = 1e6): number {
  const { data } = eigvalsh(hessian)
  const eta = 2 / (data[0] + data[1])
  let x: Real = { dtype: "float64", shape: [2], data: Float64Array.of(1, 1) }
  const first = norm(matmul(hessian, x))
  for (let step = 0; step < limit; step++) {
    const slope = matmul(hessian, x)
    if (norm(slope) <= 1e-6 * first) return step
    x = subtract(x, scale(eta, slope))
  }
  return limit
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const kappa of [1, 10, 100, 1000])
    console.log(`condition number ${cond(hessianOf(kappa)).toFixed(1)}: ${stepsToConverge(hessianOf(kappa))} steps`)
}
