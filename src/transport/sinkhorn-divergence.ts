/** The debiased Sinkhorn divergence: a distance between samples that is smooth and still 0 for equal ones. */

import type { Arrayable } from "../engine/array.ts"
import { real } from "../linalg/matrix.ts"
import { cloudsOf, type Points, sharesOf } from "../stats/points.ts"
import { distancesOf, type Metric, metricOf } from "./distances.ts"
import { pick, weighted } from "./part.ts"
import { type SinkhornSteps, sinkhorn, sizeOfCost, softMinimum, stepsOf } from "./sinkhorn.ts"

/** The cost distance^power, weights of the samples (divided by their sums), and {@link SinkhornSteps}. */
export interface SinkhornDivergenceOptions extends SinkhornSteps {
  metric?: Metric
  power?: number
  xWeights?: ArrayLike<number>
  yWeights?: ArrayLike<number>
}

/** What {@link sinkhornDivergence} gives. */
export interface SinkhornDivergence {
  /** OT(x, y) - OT(x, x) / 2 - OT(y, y) / 2, in units of the cost: distance^power. */
  readonly value: number
  readonly iterations: number
  /** The largest marginal error of the three problems. */
  readonly error: number
  readonly hasConverged: boolean
  readonly regularization: number
}

/** OT of a distribution with itself: one potential, and the mean of old and new converges in a few dozen steps. */
function itself(
  cost: Float64Array,
  weights: Float64Array,
  epsilon: number,
  { tolerance, maxIterations }: Required<SinkhornSteps>,
): { value: number; iterations: number; error: number } {
  const n = weights.length
  const logs = weights.map(Math.log)
  let f = softMinimum(n, n, cost, true, logs, new Float64Array(n), epsilon).map((v) => v / 2)
  for (let iterations = 1; ; iterations++) {
    const next = softMinimum(n, n, cost, true, logs, f, epsilon)
    let error = 0
    let value = 0
    for (let i = 0; i < n; i++) {
      // exp((f - next) / epsilon) is the plan's row sum over the weight.
      error += weights[i] * Math.abs(Math.expm1((f[i] - next[i]) / epsilon))
      value += weights[i] * (f[i] + next[i])
    }
    if (error <= tolerance || iterations >= maxIterations) return { value, iterations, error }
    f = f.map((v, i) => (v + next[i]) / 2)
  }
}

/** The part of a cloud that has weight. */
function weighty(points: Points, shares: Float64Array): [Points, Float64Array] {
  const { dimension: d, data } = points
  const kept = weighted(shares)
  if (kept.length === points.count) return [points, shares]
  const out = new Float64Array(kept.length * d)
  for (const [k, i] of kept.entries()) out.set(data.subarray(i * d, (i + 1) * d), k * d)
  return [{ count: kept.length, dimension: d, data: out }, pick(shares, kept)]
}

/**
 * Sinkhorn's divergence S(x, y) = OT(x, y) - OT(x, x) / 2 - OT(y, y) / 2 of clouds [n, dimension] and [m, dimension]
 * (or numbers), OT the entropic transport's value with cost distance^power. Entropic transport alone is not least at
 * y = x; this is 0 there and, for the powers 1 and 2, never negative. For epsilon to 0 it becomes W_p^p, for epsilon to
 * infinity half the squared discrepancy of the kernel -distance^power. Source: Feydy et al. 2019.
 *
 * @throws RangeError for clouds of different dimension, weights that do not fit, and options out of range.
 */
export function sinkhornDivergence(
  x: Arrayable,
  y: Arrayable,
  { metric = "euclidean", power = 2, xWeights, yWeights, ...steps }: SinkhornDivergenceOptions = {},
): SinkhornDivergence {
  const where = "sinkhornDivergence"
  metricOf(where, metric)
  const [p, q] = cloudsOf(where, x, y)
  const [a, source] = weighty(p, sharesOf(where, "xWeights", xWeights, p.count))
  const [b, target] = weighty(q, sharesOf(where, "yWeights", yWeights, q.count))
  const cost = distancesOf(where, a, b, metric, power)
  const options = stepsOf(where, steps, sizeOfCost(cost))
  const { regularization, tolerance } = options
  const between = sinkhorn(real([a.count, b.count], cost), { source, target, ...options })
  const alone = [
    itself(distancesOf(where, a, a, metric, power), source, regularization, options),
    itself(distancesOf(where, b, b, metric, power), target, regularization, options),
  ]
  const error = Math.max(between.error, ...alone.map((s) => s.error))
  return {
    value: between.value - alone[0].value / 2 - alone[1].value / 2,
    iterations: between.iterations + alone[0].iterations + alone[1].iterations,
    error,
    hasConverged: error <= tolerance,
    regularization,
  }
}
