/** What tests say of samples: moments, and the probability of so large a distance from a distribution. */
import { array } from "../../src/engine/array.ts"
import { evaluate } from "../../src/engine/evaluate.ts"
import { erf } from "../../src/engine/ops/elementwise.ts"
import { constant } from "../../src/engine/tensor.ts"

export function mean(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]
  return sum / values.length
}

/** Mean squared distance from the mean. */
export function variance(values: ArrayLike<number>): number {
  const m = mean(values)
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += (values[i] - m) ** 2
  return sum / values.length
}

/** Column i of rows of the given width. */
export function column(rows: ArrayLike<number>, width: number, i: number): Float64Array {
  return Float64Array.from({ length: rows.length / width }, (_, k) => rows[k * width + i])
}

/** Mean [width] and covariance [width][width] of rows. */
export function momentsOf(rows: ArrayLike<number>, width: number): { mean: number[]; covariance: number[][] } {
  const columns = Array.from({ length: width }, (_, i) => column(rows, width, i))
  const centres = columns.map(mean)
  const covariance = columns.map((a, i) =>
    columns.map((b, j) => mean(a.map((v, k) => (v - centres[i]) * (b[k] - centres[j])))),
  )
  return { mean: centres, covariance }
}

/**
 * Kolmogorov and Smirnov's test: the probability that n draws from N(centre, spread^2) lie at least as far from it as
 * these do (asymptotic, fine from n = 100).
 */
export function normalKs(values: ArrayLike<number>, centre: number, spread: number): number {
  const n = values.length
  const z = Float64Array.from(values, (v) => (v - centre) / spread / Math.SQRT2).sort()
  const [cdf] = evaluate([
    erf(constant(array("float64", [n], z)))
      .add(1)
      .mul(0.5).value,
  ])
  let distance = 0
  for (const [i, p] of cdf.data.entries()) distance = Math.max(distance, p - i / n, (i + 1) / n - p)
  const at = (Math.sqrt(n) + 0.12 + 0.11 / Math.sqrt(n)) * distance
  let p = 0
  for (let k = 1; k <= 100; k++) p += 2 * (-1) ** (k - 1) * Math.exp(-2 * (k * at) ** 2)
  return Math.min(1, Math.max(0, p))
}
