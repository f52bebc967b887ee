/** Entropic optimal transport by Sinkhorn's iterations, their scale kept in logarithms. */

import type { Arrayable } from "../engine/array.ts"
import { LinAlgError, matrixOf, type Real, real } from "../linalg/matrix.ts"
import { integer, positive } from "../stats/check.ts"
import { sharesOf } from "../stats/points.ts"
import { pick, submatrix, weighted } from "./part.ts"

/** When to stop, and how to get there. */
export interface SinkhornSteps {
  /** Weight epsilon of the entropy, in units of the cost; default a hundredth of the largest |cost|. */
  regularization?: number
  /** Stop when the plan's row sums are off by this much in all. */
  tolerance?: number
  /** Most iterations, over all stages. */
  maxIterations?: number
  /** Factor from one stage's epsilon to the next, from the largest cost down; 1 starts at the last one. */
  scaling?: number
}

/** The weights, and {@link SinkhornSteps}. */
export interface SinkhornOptions extends SinkhornSteps {
  /** Weights [n] of the rows and [m] of the columns, divided by their sums; all equal when left out. */
  source?: ArrayLike<number>
  target?: ArrayLike<number>
}

/** What {@link sinkhorn} gives. */
export interface Sinkhorn {
  /** plan_ij = source_i target_j exp((f_i + g_j - cost_ij) / epsilon), [n, m]; its column sums are the target. */
  readonly plan: Real
  /** Sum of plan times cost: at least the exact transport's. */
  readonly cost: number
  /** Sum of plan times cost plus epsilon KL(plan, source x target), by the dual: sum source f + sum target g. */
  readonly value: number
  /** Dual potentials [n] and [m]. */
  readonly f: Float64Array
  readonly g: Float64Array
  readonly iterations: number
  /** Sum over rows of |row sum - source|. */
  readonly error: number
  /** Whether the error came down to the tolerance before the iterations ran out. */
  readonly hasConverged: boolean
  readonly regularization: number
}

/** Scalings are taken into the potentials before they leave 10^-20 ... 10^20. */
const widest = 1e20

/** The steps' options with their defaults, checked; `scale` is the largest |cost|. */
export function stepsOf(
  where: string,
  { regularization, tolerance = 1e-9, maxIterations = 10_000, scaling = 0.5 }: SinkhornSteps,
  scale: number,
): Required<SinkhornSteps> {
  integer(where, "maxIterations", maxIterations, 1)
  positive(where, "tolerance", tolerance)
  if (!(scaling > 0 && scaling <= 1))
    throw new RangeError(`${where}: scaling is ${scaling}, expected a number above 0, at most 1`)
  const last = regularization ?? (scale > 0 ? scale / 100 : 1)
  return { regularization: positive(where, "regularization", last), tolerance, maxIterations, scaling }
}

/** The largest |entry|. */
export function sizeOfCost(cost: Float64Array): number {
  let most = 0
  for (let k = 0; k < cost.length; k++) most = Math.max(most, Math.abs(cost[k]))
  return most
}

/**
 * out_i = -epsilon log sum_j exp(logWeight_j + (price_j - cost_ij) / epsilon), a soft minimum over the columns of
 * [n, m]; or over the rows, for each column.
 */
export function softMinimum(
  n: number,
  m: number,
  cost: Float64Array,
  isByRow: boolean,
  logWeight: Float64Array,
  price: Float64Array,
  epsilon: number,
): Float64Array {
  const [count, others] = isByRow ? [n, m] : [m, n]
  const [step, stride] = isByRow ? [m, 1] : [1, m]
  const out = new Float64Array(count)
  const terms = new Float64Array(others)
  for (let i = 0; i < count; i++) {
    let high = -Infinity
    for (let j = 0, at = i * step; j < others; j++, at += stride) {
      const term = logWeight[j] + (price[j] - cost[at]) / epsilon
      terms[j] = term
      if (term > high) high = term
    }
    let sum = 0
    for (let j = 0; j < others; j++) sum += Math.exp(terms[j] - high)
    out[i] = -epsilon * (high + Math.log(sum))
  }
  return out
}

/** A kernel exp((f_i + g_j - cost_ij) / epsilon), [n, m], into `out`. */
function kernel(
  n: number,
  m: number,
  cost: Float64Array,
  f: Float64Array,
  g: Float64Array,
  epsilon: number,
  out: Float64Array,
): void {
  for (let i = 0, at = 0; i < n; i++)
    for (let j = 0; j < m; j++, at++) out[at] = Math.exp((f[i] + g[j] - cost[at]) / epsilon)
}

/** out = K w for K [n, m]. */
function times(n: number, m: number, k: Float64Array, w: Float64Array, out: Float64Array): void {
  for (let i = 0; i < n; i++) {
    const at = i * m
    let s0 = 0
    let s1 = 0
    let j = 0
    for (; j + 1 < m; j += 2) {
      s0 += k[at + j] * w[j]
      s1 += k[at + j + 1] * w[j + 1]
    }
    if (j < m) s0 += k[at + j] * w[j]
    out[i] = s0 + s1
  }
}

/** out = K^T w for K [n, m]. */
function timesTransposed(n: number, m: number, k: Float64Array, w: Float64Array, out: Float64Array): void {
  out.fill(0)
  for (let i = 0; i < n; i++) {
    const at = i * m
    const weight = w[i]
    for (let j = 0; j < m; j++) out[j] += weight * k[at + j]
  }
}

/** Whether scalings have grown or shrunk too far, or are no numbers. */
function isWide(u: Float64Array): boolean {
  for (let i = 0; i < u.length; i++) if (!(u[i] < widest && u[i] > 1 / widest)) return true
  return false
}

/** Potentials of a plan with positive weights a [n] and b [m]. */
interface Solved {
  readonly f: Float64Array
  readonly g: Float64Array
  readonly iterations: number
  readonly error: number
}

function solve(
  n: number,
  m: number,
  cost: Float64Array,
  a: Float64Array,
  b: Float64Array,
  scale: number,
  { regularization, tolerance, maxIterations, scaling }: Required<SinkhornSteps>,
): Solved {
  const [logA, logB] = [a.map(Math.log), b.map(Math.log)]
  let f: Float64Array = new Float64Array(n)
  let g: Float64Array = new Float64Array(m)
  const k = new Float64Array(n * m)
  const [u, v] = [new Float64Array(n), new Float64Array(m)]
  const [au, bv] = [new Float64Array(n), new Float64Array(m)]
  const [row, column] = [new Float64Array(n), new Float64Array(m)]
  let iterations = 0
  let error = Infinity
  let epsilon = scaling < 1 ? Math.max(regularization, scale) : regularization
  for (;;) {
    const isLast = epsilon === regularization
    const enough = isLast ? tolerance : Math.max(tolerance, 0.01)
    // Each round begins in logarithms, so that every row and column of the kernel has weight.
    rounds: for (;;) {
      f = softMinimum(n, m, cost, true, logB, g, epsilon)
      g = softMinimum(n, m, cost, false, logA, f, epsilon)
      kernel(n, m, cost, f, g, epsilon, k)
      u.fill(1)
      v.fill(1)
      for (;;) {
        for (let j = 0; j < m; j++) bv[j] = b[j] * v[j]
        times(n, m, k, bv, row)
        error = 0
        for (let i = 0; i < n; i++) error += a[i] * Math.abs(u[i] * row[i] - 1)
        iterations++
        const isOver = error <= enough || iterations >= maxIterations
        if (!isOver) {
          for (let i = 0; i < n; i++) {
            u[i] = 1 / row[i]
            au[i] = a[i] * u[i]
          }
          timesTransposed(n, m, k, au, column)
          for (let j = 0; j < m; j++) v[j] = 1 / column[j]
        }
        const isFar = isWide(u) || isWide(v)
        if (isOver || isFar) {
          // A scaling that is no number is left to the next pass in logarithms.
          for (let i = 0; i < n; i++) if (u[i] > 0 && u[i] < Infinity) f[i] += epsilon * Math.log(u[i])
          for (let j = 0; j < m; j++) if (v[j] > 0 && v[j] < Infinity) g[j] += epsilon * Math.log(v[j])
        }
        if (isOver) break rounds
        if (isFar) break
      }
    }
    if (isLast || iterations >= maxIterations) break
    epsilon = Math.max(regularization, epsilon * scaling)
  }
  if (epsilon !== regularization) {
    // The iterations ran out on the way: what there is, at the epsilon asked for, with columns that are right.
    g = softMinimum(n, m, cost, false, logA, f, regularization)
    kernel(n, m, cost, f, g, regularization, k)
    times(n, m, k, b, row)
    error = 0
    for (let i = 0; i < n; i++) error += a[i] * Math.abs(row[i] - 1)
  }
  return { f, g, iterations, error }
}

/**
 * Entropic optimal transport: the plan of least sum t_ij cost_ij + epsilon KL(t, source x target) with the given
 * marginals, which smooths the exact one and costs a matrix product an iteration. Sinkhorn's iterations with the
 * potentials in logarithms (the kernel is made anew before a scaling leaves the range of doubles) and epsilon lowered
 * in stages (Cuturi 2013; Schmitzer 2019). The smaller epsilon, the more iterations; what was reached is reported.
 *
 * @param cost [n, m], finite.
 * @throws RangeError for weights that do not fit or are negative, and options out of range.
 */
export function sinkhorn(cost: Arrayable, { source, target, ...steps }: SinkhornOptions = {}): Sinkhorn {
  const { rows: n, cols: m, data: c } = matrixOf("sinkhorn", cost, "cost")
  const a = sharesOf("sinkhorn", "source", source, n)
  const b = sharesOf("sinkhorn", "target", target, m)
  const scale = sizeOfCost(c)
  const options = stepsOf("sinkhorn", steps, scale)
  const epsilon = options.regularization
  const from = weighted(a)
  const to = weighted(b)
  const isWhole = from.length === n && to.length === m
  const solved = solve(from.length, to.length, submatrix(c, m, from, to), pick(a, from), pick(b, to), scale, options)

  // Points without weight have potentials too: those that the others imply.
  let { f, g } = solved
  if (!isWhole) {
    const [logA, logB] = [a.map(Math.log), b.map(Math.log)]
    const spread = (values: Float64Array, at: Int32Array, count: number): Float64Array => {
      const out = new Float64Array(count)
      for (const [p, i] of at.entries()) out[i] = values[p]
      return out
    }
    const wide = [spread(f, from, n), spread(g, to, m)]
    f = softMinimum(n, m, c, true, logB, wide[1], epsilon).map((v, i) => (a[i] > 0 ? wide[0][i] : v))
    g = softMinimum(n, m, c, false, logA, wide[0], epsilon).map((v, j) => (b[j] > 0 ? wide[1][j] : v))
  }
  const plan = new Float64Array(n * m)
  let sum = 0
  for (let i = 0, at = 0; i < n; i++) {
    for (let j = 0; j < m; j++, at++) {
      if (a[i] === 0 || b[j] === 0) continue
      plan[at] = a[i] * b[j] * Math.exp((f[i] + g[j] - c[at]) / epsilon)
      sum += plan[at] * c[at]
    }
  }
  let value = 0
  for (let i = 0; i < n; i++) value += a[i] * f[i]
  for (let j = 0; j < m; j++) value += b[j] * g[j]
  if (!Number.isFinite(sum) || !Number.isFinite(value)) {
    throw new LinAlgError(
      `sinkhorn: regularization ${epsilon} is too small for costs up to ${scale} in double precision`,
    )
  }
  const { iterations, error } = solved
  const hasConverged = error <= options.tolerance
  return { plan: real([n, m], plan), cost: sum, value, f, g, iterations, error, hasConverged, regularization: epsilon }
}
