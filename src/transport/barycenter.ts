/** Barycenters and displacement of samples: means in the geometry of transport. */

import type { Arrayable } from "../engine/array.ts"
import { matrixOf, type Real, real } from "../linalg/matrix.ts"
import { cloudsOf, sharesOf } from "../stats/points.ts"
import { sortedOf, walk } from "./monotone.ts"

/** Options of {@link barycenter1d}. Weights are not negative, and divided by their sums. */
export interface BarycenterOptions {
  /** Weight of each sample in the mean; equal unless given. */
  weights?: ArrayLike<number>
  /** Weights of the numbers inside each sample, equal where not given. */
  sampleWeights?: readonly (ArrayLike<number> | undefined)[]
}

/** A law on finitely many numbers, rising, with weights that add up to 1. */
export interface Atoms {
  readonly values: Float64Array
  readonly weights: Float64Array
}

/** A law on finitely many points [count, dimension], with weights that add up to 1. */
export interface Cloud {
  readonly points: Real
  readonly weights: Float64Array
}

/**
 * The 2-Wasserstein barycenter of samples of numbers, exactly: its quantile function is the weighted mean of theirs.
 * With two samples and weights (1 - t, t) it is the displacement interpolation from the first to the second, on which
 * W_2 grows linearly in t.
 *
 * @throws RangeError for no samples, an empty one, values that are not finite, or weights that do not fit.
 */
export function barycenter1d(
  samples: readonly ArrayLike<number>[],
  { weights, sampleWeights }: BarycenterOptions = {},
): Atoms {
  if (samples.length === 0) throw new RangeError("barycenter1d: got no samples, expected at least one")
  if (sampleWeights !== undefined && sampleWeights.length !== samples.length) {
    throw new RangeError(
      `barycenter1d: got ${samples.length} samples and ${sampleWeights.length} sampleWeights, expected as many`,
    )
  }
  const shares = sharesOf("barycenter1d", "weights", weights, samples.length)
  const sorted = samples.map((x, k) => sortedOf("barycenter1d", `samples[${k}]`, x, sampleWeights?.[k]))
  const values: number[] = []
  const masses: number[] = []
  let sum = 0
  walk(sorted, (mass, at) => {
    let value = 0
    for (let k = 0; k < sorted.length; k++) value += shares[k] * sorted[k].values[at[k]]
    sum += mass
    if (values.length > 0 && values[values.length - 1] === value) masses[masses.length - 1] += mass
    else {
      values.push(value)
      masses.push(mass)
    }
  })
  return { values: Float64Array.from(values), weights: Float64Array.from(masses, (v) => v / sum) }
}

/**
 * Where the mass of a plan is at time t in [0, 1] on its way: the point (1 - t) x_i + t y_j with the weight plan_ij, one
 * for each pair that moves (those of no mass are left out). For an optimal plan of squared distances this is the
 * geodesic of W_2 from P_0 = x to P_1 = y (notes 003, remark 3.57, run the index of the other path backwards: it is
 * (1 - t) P_0 + t P_1).
 *
 * @param plan [n, m], as {@link optimalTransport} gives it, at least 0.
 * @throws RangeError for clouds and a plan that do not fit, a plan with a negative entry or no mass, or t outside [0, 1].
 */
export function displacement(x: Arrayable, y: Arrayable, plan: Arrayable, t: number): Cloud {
  if (!(t >= 0 && t <= 1)) throw new RangeError(`displacement: t is ${t}, expected a number from 0 to 1`)
  const [a, b] = cloudsOf("displacement", x, y)
  const { rows, cols, data } = matrixOf("displacement", plan, "plan")
  if (rows !== a.count || cols !== b.count) {
    throw new RangeError(`displacement: plan is [${rows}, ${cols}], expected [${a.count}, ${b.count}] for these points`)
  }
  const { dimension } = a
  const points: number[] = []
  const masses: number[] = []
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++, at++) {
      if (data[at] === 0) continue
      masses.push(data[at])
      for (let k = 0; k < dimension; k++)
        points.push((1 - t) * a.data[i * dimension + k] + t * b.data[j * dimension + k])
    }
  }
  const weights = sharesOf("displacement", "plan", masses, masses.length)
  return { points: real([masses.length, dimension], Float64Array.from(points)), weights }
}
