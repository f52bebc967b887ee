/** Maximum likelihood for any family: a search over its parameters, with the error bars of the curvature found. */

import { type NdArray, zeros } from "../engine/array.ts"
import { cholesky, choleskySolve } from "../linalg/cholesky.ts"
import { finite, integer, observations } from "./check.ts"

/** What a likelihood needs of a law. */
export interface Likely {
  logProb(x: number): number
}

/** The log-likelihood of independent observations, sum log p(x_i); -Infinity where one is impossible. */
export function logLikelihood(law: Likely, values: ArrayLike<number>): number {
  let sum = 0
  for (const v of observations("logLikelihood", "values", values)) sum += law.logProb(v)
  return sum
}

/** Where the search starts, and how long it may go on. */
export interface MaximumLikelihoodOptions {
  start: ArrayLike<number>
  iterations?: number
}

/** The parameters under which the observations are likeliest. */
export interface MaximumLikelihood<L> {
  readonly parameters: Float64Array
  readonly law: L
  readonly logLikelihood: number
  /** Inverse of the observed information [parameters, parameters]; undefined where the maximum lies on a border. */
  readonly covariance: NdArray<"float64"> | undefined
  /** Roots of its diagonal. */
  readonly standardErrors: Float64Array | undefined
}

/**
 * argmax over the parameters of sum log p(x_i | parameters). `family` makes the law of a parameter vector and may
 * throw a RangeError where there is none: such places are walked around. Nelder and Mead's simplex from `start`,
 * restarted where it stops, then Newton's steps on central differences.
 *
 * @throws RangeError when the start is not finite or impossible, or the likelihood grows without bound.
 */
export function maximumLikelihood<L extends Likely>(
  family: (parameters: Float64Array) => L,
  values: ArrayLike<number>,
  { start, iterations = 2000 }: MaximumLikelihoodOptions,
): MaximumLikelihood<L> {
  const x = observations("maximumLikelihood", "values", values)
  integer("maximumLikelihood", "iterations", iterations, 1)
  const from = Float64Array.from(start, (v, i) => finite("maximumLikelihood", `start[${i}]`, v))
  if (from.length === 0) throw new RangeError("maximumLikelihood: start is empty, expected at least one parameter")
  const cost = (parameters: Float64Array): number => {
    let law: L
    try {
      law = family(parameters)
    } catch (error) {
      if (error instanceof RangeError) return Infinity
      throw error
    }
    let sum = 0
    for (const v of x) sum -= law.logProb(v)
    if (sum === -Infinity) {
      throw new RangeError(`maximumLikelihood: the likelihood is unbounded near [${Array.from(parameters).join(", ")}]`)
    }
    return Number.isNaN(sum) ? Infinity : sum
  }
  if (cost(from) === Infinity) {
    throw new RangeError(`maximumLikelihood: the observations are impossible at start [${Array.from(from).join(", ")}]`)
  }
  let best: Float64Array = from
  let value = cost(best)
  for (let round = 0; round < 20; round++) {
    best = simplex(cost, best, iterations)
    const lower = cost(best)
    const isDone = value - lower <= 1e-12 * (1 + Math.abs(lower))
    value = lower
    if (isDone) break
  }
  best = polish(cost, best)
  const information = hessian(cost, best)
  let covariance: NdArray<"float64"> | undefined
  try {
    const identity = zeros([best.length, best.length], "float64")
    for (let i = 0; i < best.length; i++) identity.data[i * (best.length + 1)] = 1
    if (information.data.every(Number.isFinite)) covariance = choleskySolve(cholesky(information), identity)
  } catch {
    covariance = undefined
  }
  const errors = covariance?.data
  return {
    parameters: best,
    law: family(best),
    logLikelihood: -cost(best),
    covariance,
    standardErrors: errors && best.map((_, i) => Math.sqrt(errors[i * (best.length + 1)])),
  }
}

type Cost = (x: Float64Array) => number

/** Nelder and Mead 1965: reflect, expand, contract or shrink a simplex until it is flat. */
function simplex(cost: Cost, from: Float64Array, iterations: number): Float64Array {
  const n = from.length
  const points = [{ x: from, f: cost(from) }]
  for (let i = 0; i < n; i++) {
    const x = from.slice()
    x[i] += x[i] === 0 ? 0.1 : 0.1 * Math.abs(x[i])
    points.push({ x, f: cost(x) })
  }
  for (let step = 0; step < iterations; step++) {
    points.sort((a, b) => a.f - b.f)
    const worst = points[n]
    const extent = Math.max(...points.map((p) => Math.max(...p.x.map((v, i) => Math.abs(v - points[0].x[i])))))
    if (
      worst.f - points[0].f <= 1e-14 * Math.abs(points[0].f) &&
      extent <= 1e-6 * (1 + Math.max(...points[0].x.map(Math.abs)))
    )
      break
    const center = from.map((_, i) => points.slice(0, n).reduce((sum, p) => sum + p.x[i], 0) / n)
    const along = (t: number): { x: Float64Array; f: number } => {
      const x = center.map((c, i) => c + t * (worst.x[i] - c))
      return { x, f: cost(x) }
    }
    const reflected = along(-1)
    if (reflected.f < points[0].f) {
      const expanded = along(-2)
      points[n] = expanded.f < reflected.f ? expanded : reflected
    } else if (reflected.f < points[n - 1].f) {
      points[n] = reflected
    } else {
      const contracted = along(reflected.f < worst.f ? -0.5 : 0.5)
      if (contracted.f < Math.min(reflected.f, worst.f)) points[n] = contracted
      else {
        for (let i = 1; i <= n; i++) {
          const x = points[i].x.map((v, j) => (v + points[0].x[j]) / 2)
          points[i] = { x, f: cost(x) }
        }
      }
    }
  }
  return points.reduce((a, b) => (b.f < a.f ? b : a)).x
}

/** Newton's steps on central differences, taken only while they do not raise the cost. */
function polish(cost: Cost, from: Float64Array): Float64Array {
  let x = from
  let value = cost(x)
  for (let step = 0; step < 10; step++) {
    const g = gradient(cost, x)
    const h = hessian(cost, x)
    if (![...g, ...h.data].every(Number.isFinite)) return x
    let move: Float64Array
    try {
      move = choleskySolve(cholesky(h), g).data
    } catch {
      return x
    }
    const next = x.map((v, i) => v - move[i])
    const lower = cost(next)
    if (!(lower <= value + 1e-12 * Math.abs(value))) return x
    const isDone = move.every((m, i) => Math.abs(m) <= 1e-10 * (1e-3 + Math.abs(x[i])))
    x = next
    value = lower
    if (isDone) break
  }
  return x
}

function spacing(x: number, power: number): number {
  return 2 ** -power * Math.max(Math.abs(x), 1e-3)
}

/** Central differences of fourth order. */
function gradient(cost: Cost, x: Float64Array): Float64Array {
  return x.map((v, i) => {
    const h = spacing(v, 12)
    const at = (t: number): number => {
      const y = x.slice()
      y[i] += t * h
      return cost(y)
    }
    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)
  })
}

function hessian(cost: Cost, x: Float64Array): NdArray<"float64"> {
  const n = x.length
  const out = zeros([n, n], "float64")
  const at = (i: number, s: number, j: number, t: number): number => {
    const y = x.slice()
    y[i] += s * spacing(x[i], 12)
    y[j] += t * spacing(x[j], 12)
    return cost(y)
  }
  const middle = cost(x)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const h = spacing(x[i], 12) * spacing(x[j], 12)
      const value =
        i === j
          ? (at(i, 1, i, 0) - 2 * middle + at(i, -1, i, 0)) / h
          : (at(i, 1, j, 1) - at(i, 1, j, -1) - at(i, -1, j, 1) + at(i, -1, j, -1)) / (4 * h)
      out.data[i * n + j] = value
      out.data[j * n + i] = value
    }
  }
  return out
}
