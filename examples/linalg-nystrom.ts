/** A covariance matrix of more and more points becomes a covariance operator: eigenvalues of Brownian motion's kernel. */

import { fileURLToPath } from "node:url"
import { eigvalsh, type Real } from "../src/linalg/index.ts"

/** Kernel matrix [n, n] of min(s, t) at the midpoints (i + 1/2) / n of [0, 1]. */
export function brownianKernel(n: number): Real {
  const data = new Float64Array(n * n)
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) data[i * n + j] = (Math.min(i, j) + 0.5) / n
  return { dtype: "float64", shape: [n, n], data }
}

/** The largest eigenvalues of the kernel matrix over n, which approach those of the operator (Nystrom 1930). */
export function matrixEigenvalues(n: number, count: number): number[] {
  return Array.from(eigvalsh(brownianKernel(n)).data.slice(n - count), (v) => v / n).reverse()
}

/** Eigenvalue k = 1, 2, ... of the operator f -> integral of min(s, t) f(t) dt: 4 / (pi^2 (2k - 1)^2). */
export function operatorEigenvalue(k: number): number {
  return 4 / (Math.PI * (2 * k - 1)) ** 2
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const n of [10, 100, 400])
    console.log(
      `${n} points: ${matrixEigenvalues(n, 4)
        .map((v) => v.toFixed(6))
        .join(" ")}`,
    )
  console.log(`operator: ${[1, 2, 3, 4].map((k) => operatorEigenvalue(k).toFixed(6)).join(" ")}`)
}
