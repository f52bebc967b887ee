/** Clouds of points as the distances between samples read them: checked once, plain doubles. */

import type { Arrayable } from "../engine/array.ts"
import { realOf, show } from "../linalg/matrix.ts"

/** Points as rows, [count, dimension]; `data` belongs to the caller and must not be written. */
export interface Points {
  readonly count: number
  readonly dimension: number
  readonly data: Float64Array
}

/** Points [count, dimension], or numbers [count] as points of a line. @throws RangeError for another shape, none, or a NaN. */
export function pointsOf(where: string, name: string, x: Arrayable): Points {
  const { shape, data } = realOf(where, x, name)
  if (shape.length !== 1 && shape.length !== 2)
    throw new RangeError(`${where}: ${name} has shape ${show(shape)}, expected points [count, dimension] or [count]`)
  return { count: shape[0], dimension: shape[1] ?? 1, data }
}

/** Two clouds of one space. @throws RangeError where the dimensions differ, and as {@link pointsOf}. */
export function cloudsOf(where: string, x: Arrayable, y: Arrayable): [Points, Points] {
  const a = pointsOf(where, "x", x)
  const b = pointsOf(where, "y", y)
  if (a.dimension !== b.dimension)
    throw new RangeError(`${where}: points of x have ${a.dimension} coordinates, those of y ${b.dimension}`)
  return [a, b]
}

/** The squared Euclidean distance of point i of x and point j of y. */
export function squaredDistance(x: Points, i: number, y: Points, j: number): number {
  const { dimension } = x
  let sum = 0
  for (let k = 0, a = i * dimension, b = j * dimension; k < dimension; k++) sum += (x.data[a + k] - y.data[b + k]) ** 2
  return sum
}

/**
 * Weights of `count` things as shares that add up to 1: all equal when left out, otherwise divided by their sum.
 *
 * @throws RangeError for another number of them, one that is negative or not finite, or a sum of 0.
 */
export function sharesOf(
  where: string,
  name: string,
  weights: ArrayLike<number> | undefined,
  count: number,
): Float64Array {
  if (weights === undefined) return new Float64Array(count).fill(1 / count)
  if (weights.length !== count)
    throw new RangeError(`${where}: ${name} has ${weights.length} entries, expected ${count}`)
  const out = Float64Array.from(weights)
  let most = 0
  for (let i = 0; i < count; i++) {
    if (!(out[i] >= 0 && out[i] < Infinity))
      throw new RangeError(`${where}: ${name}[${i}] is ${weights[i]}, expected a finite number of at least 0`)
    most = Math.max(most, out[i])
  }
  if (most === 0) throw new RangeError(`${where}: ${name} adds up to 0, expected some weight`)
  let sum = 0
  for (let i = 0; i < count; i++) sum += out[i] /= most
  for (let i = 0; i < count; i++) out[i] /= sum
  return out
}
