/** Transport on a line, where mass keeps its order: the monotone coupling of two samples. */

import { observations } from "../stats/check.ts"
import { sharesOf } from "../stats/points.ts"
import { pick, weighted } from "./part.ts"

/** A coupling of two samples piece by piece, in rising order: `mass[k]` goes from x[from[k]] to y[to[k]]. */
export interface Coupling {
  readonly from: Int32Array
  readonly to: Int32Array
  /** Adds up to 1. */
  readonly mass: Float64Array
}

/** Weights of the two samples. They need not add up to 1: each is divided by its sum. */
export interface CouplingOptions {
  xWeights?: ArrayLike<number>
  yWeights?: ArrayLike<number>
}

/** A sample of numbers in rising order, without points of no weight. */
export interface Sorted {
  readonly values: Float64Array
  readonly shares: Float64Array
}

/** Indices of the points that have weight, by rising value. */
function rising(values: Float64Array, shares: Float64Array): Int32Array {
  return weighted(shares).sort((i, j) => values[i] - values[j])
}

/** A weighted sample, sorted. @throws RangeError for no values, values that are not finite, or weights that do not fit. */
export function sortedOf(where: string, name: string, x: ArrayLike<number>, weights?: ArrayLike<number>): Sorted {
  const values = observations(where, name, x)
  const shares = sharesOf(where, `${name}Weights`, weights, values.length)
  if (weights === undefined) return { values: values.sort(), shares }
  const order = rising(values, shares)
  return { values: pick(values, order), shares: pick(shares, order) }
}

/**
 * Walks several sorted samples along their common cumulative weight and reports each stretch on which all quantile
 * functions are constant: the stretch's length and, for each sample, where it is. Lengths that are rounding only are
 * passed over.
 */
export function walk(samples: readonly Sorted[], report: (mass: number, at: Int32Array) => void): void {
  const at = new Int32Array(samples.length)
  const left = Float64Array.from(samples, (s) => s.shares[0])
  let count = 0
  for (const s of samples) count += s.shares.length
  const dust = count * 2 ** -52
  for (;;) {
    let mass = Infinity
    for (const v of left) mass = Math.min(mass, v)
    if (mass > 0) report(mass, at)
    for (let k = 0; k < samples.length; k++) {
      left[k] -= mass
      // A rest that may be rounding goes with the next point, so that equal weights meet exactly.
      while (left[k] <= dust) {
        at[k]++
        if (at[k] === samples[k].shares.length) return
        left[k] += samples[k].shares[at[k]]
      }
    }
  }
}

/**
 * The monotone coupling of two samples [n] and [m], which is optimal for every cost that is a convex function of the
 * distance: the k-th smallest mass of x goes to the k-th smallest of y, in at most n + m - 1 pieces.
 *
 * @throws RangeError for no values, values that are not finite, or weights that do not fit.
 */
export function monotoneCoupling(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  { xWeights, yWeights }: CouplingOptions = {},
): Coupling {
  const [a, b] = [x, y].map((sample, k) => {
    const values = observations("monotoneCoupling", k === 0 ? "x" : "y", sample)
    const [name, weights] = k === 0 ? ["xWeights", xWeights] : ["yWeights", yWeights]
    const shares = sharesOf("monotoneCoupling", name, weights, values.length)
    const order = rising(values, shares)
    return { order, values: pick(values, order), shares: pick(shares, order) }
  })
  const from: number[] = []
  const to: number[] = []
  const pieces: number[] = []
  let sum = 0
  walk([a, b], (mass, [i, j]) => {
    from.push(a.order[i])
    to.push(b.order[j])
    pieces.push(mass)
    sum += mass
  })
  return { from: Int32Array.from(from), to: Int32Array.from(to), mass: Float64Array.from(pieces, (v) => v / sum) }
}
