/** Distances between all points of two clouds: the costs that transport minimises. */

import type { Arrayable } from "../engine/array.ts"
import { finite, LinAlgError, type Real, real } from "../linalg/matrix.ts"
import { cloudsOf, type Points } from "../stats/points.ts"

/** Length of a difference: Euclid's, the sum of absolute coordinates, or the largest of them. */
export type Metric = "euclidean" | "cityblock" | "chebyshev"

/** Options of {@link distances}. */
export interface DistancesOptions {
  /**
   * Of the differences of coordinates: `euclidean` (default), the root of the sum of squares; `cityblock`, the sum of their
   * sizes; `chebyshev`, the largest size.
   */
  metric?: Metric
  /** Power the distance is raised to, above 0; default 1. */
  power?: number
}

/** Most entries of a matrix of distances: four gigabytes. */
const most = 2 ** 29

/** A distance raised to a power. @throws RangeError unless the power is a finite number above 0. */
export function distancesOf(where: string, x: Points, y: Points, metric: Metric, power: number): Float64Array {
  if (!(power > 0 && power < Infinity))
    throw new RangeError(`${where}: power is ${power}, expected a finite number above 0`)
  const { dimension: d } = x
  if (x.count * y.count > most)
    throw new RangeError(
      `${where}: ${x.count} x ${y.count} distances are more than ${most} (take a part of the points)`,
    )
  const out = new Float64Array(x.count * y.count)
  const exponent = metric === "euclidean" ? power / 2 : power
  for (let i = 0, at = 0; i < x.count; i++) {
    for (let j = 0; j < y.count; j++, at++) {
      let sum = 0
      for (let k = 0, a = i * d, b = j * d; k < d; k++, a++, b++) {
        const step = Math.abs(x.data[a] - y.data[b])
        if (metric === "euclidean") sum += step * step
        else if (metric === "cityblock") sum += step
        else if (step > sum) sum = step
      }
      out[at] = exponent === 1 ? sum : exponent === 0.5 ? Math.sqrt(sum) : sum ** exponent
    }
  }
  return out
}

/** A metric by its name. @throws RangeError for another. */
export function metricOf(where: string, metric: Metric): Metric {
  if (metric !== "euclidean" && metric !== "cityblock" && metric !== "chebyshev")
    throw new RangeError(`${where}: metric is ${String(metric)}, expected euclidean, cityblock or chebyshev`)
  return metric
}

/**
 * The distances of every point of x [n, dimension] to every point of y [m, dimension] (or numbers [n], [m]), each
 * raised to `power`: [n, m].
 *
 * @throws RangeError for clouds of different dimension, an unknown metric or a power not above 0; LinAlgError where a
 * power overflows.
 */
export function distances(
  x: Arrayable,
  y: Arrayable,
  { metric = "euclidean", power = 1 }: DistancesOptions = {},
): Real {
  const [a, b] = cloudsOf("distances", x, y)
  const out = distancesOf("distances", a, b, metricOf("distances", metric), power)
  return real([a.count, b.count], finite("distances", out))
}

/**
 * Distances raised to a power in units of the largest distance, so that no power overflows; and that unit, 1 where all
 * distances are 0.
 */
export function scaledDistances(
  where: string,
  x: Points,
  y: Points,
  metric: Metric,
  power: number,
): { cost: Float64Array; unit: number } {
  let size = 0
  for (const { data } of [x, y]) for (let i = 0; i < data.length; i++) size = Math.max(size, Math.abs(data[i]))
  // A power of two costs no digit; it is needed where squares would leave the range of doubles.
  const factor = size > 1e150 || (size > 0 && size < 1e-100) ? 2 ** -Math.floor(Math.log2(size)) : 1
  const [a, b] = factor === 1 ? [x, y] : [x, y].map((p) => ({ ...p, data: p.data.map((v) => v * factor) }))
  const cost = distancesOf(where, a, b, metricOf(where, metric), 1)
  let most = 0
  for (let i = 0; i < cost.length; i++) most = Math.max(most, cost[i])
  if (most === 0) return { cost, unit: 1 }
  for (let i = 0; i < cost.length; i++) cost[i] = power === 1 ? cost[i] / most : (cost[i] / most) ** power
  const unit = most / factor
  if (!(unit < Infinity)) throw new LinAlgError(`${where}: a distance overflows (scale the points down)`)
  return { cost, unit }
}
