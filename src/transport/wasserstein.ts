/** Wasserstein's distance of samples, point clouds and laws of one variable, exactly. */

import type { Arrayable } from "../engine/array.ts"
import { real } from "../linalg/matrix.ts"
import { cloudsOf, sharesOf } from "../stats/points.ts"
import { type IntegrateOptions, integrate } from "../stats/quadrature.ts"
import { type Metric, scaledDistances } from "./distances.ts"
import { sortedOf, walk } from "./monotone.ts"
import { optimalTransport } from "./optimal-transport.ts"

/** The order p, and weights of the samples; weights are divided by their sum. */
export interface WassersteinLineOptions {
  /** From 1 to Infinity. */
  p?: number
  xWeights?: ArrayLike<number>
  yWeights?: ArrayLike<number>
}

/** As on the line, and the distance of two points. Infinity is no order here. */
export interface WassersteinOptions extends WassersteinLineOptions {
  metric?: Metric
}

/** The order p, and how precisely to integrate. */
export interface WassersteinLawsOptions extends IntegrateOptions {
  p?: number
}

function orderOf(where: string, p: number, most: number): number {
  if (!(p >= 1 && p <= most))
    throw new RangeError(
      `${where}: p is ${p}, expected ${most === Infinity ? "a number from 1, or Infinity" : "a finite number from 1"}`,
    )
  return p
}

/**
 * The p-Wasserstein distance of two samples of numbers [n] and [m], in time n log n:
 * (integral over t from 0 to 1 of |U^-1(t) - V^-1(t)|^p)^(1/p), U^-1 and V^-1 their quantile functions; for p = Infinity
 * the largest |U^-1(t) - V^-1(t)|. For p = 1 it is the area between the distribution functions too; notes 003, lemma
 * 3.1, say so for all p, but point masses at 0 and 3 are 3 apart for every p, and that area's root is 3^(1/p).
 *
 * @throws RangeError for no values, values that are not finite, weights that do not fit, or p below 1.
 */
export function wasserstein1d(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  { p = 1, xWeights, yWeights }: WassersteinLineOptions = {},
): number {
  return onLine("wasserstein1d", x, y, p, xWeights, yWeights)
}

function onLine(
  where: string,
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  p: number,
  xWeights: ArrayLike<number> | undefined,
  yWeights: ArrayLike<number> | undefined,
): number {
  orderOf(where, p, Infinity)
  const a = sortedOf(where, "x", x, xWeights)
  const b = sortedOf(where, "y", y, yWeights)
  const gaps: number[] = []
  const pieces: number[] = []
  let unit = 0
  walk([a, b], (mass, [i, j]) => {
    const gap = Math.abs(a.values[i] - b.values[j])
    gaps.push(gap)
    pieces.push(mass)
    unit = Math.max(unit, gap)
  })
  if (unit === 0 || p === Infinity) return unit
  let cost = 0
  let sum = 0
  for (let k = 0; k < gaps.length; k++) {
    cost += pieces[k] * (gaps[k] / unit) ** p
    sum += pieces[k]
  }
  return unit * (cost / sum) ** (1 / p)
}

/**
 * The p-Wasserstein distance of two laws of one variable from their quantile functions, by adaptive integration:
 * (integral over t from 0 to 1 of |U^-1(t) - V^-1(t)|^p)^(1/p). It takes any law of `tweedie/stats`.
 *
 * @throws RangeError for p below 1 or infinite, or where the integral does not come out: a moment of order p is missing.
 */
export function wassersteinLaws(
  u: { quantile(t: number): number },
  v: { quantile(t: number): number },
  { p = 1, relative = 1e-10, ...options }: WassersteinLawsOptions = {},
): number {
  orderOf("wassersteinLaws", p, Number.MAX_VALUE)
  const gap = (t: number): number => Math.abs(u.quantile(t) - v.quantile(t)) ** p
  try {
    return integrate(gap, 0, 1, { relative, ...options }).value ** (1 / p)
  } catch (cause) {
    throw new RangeError(
      `wassersteinLaws: the integral of |U^-1 - V^-1|^${p} does not come out (${(cause as Error).message})`,
      { cause },
    )
  }
}

/**
 * The p-Wasserstein distance of two clouds of points [n, dimension] and [m, dimension] (or numbers): the root
 * (least sum of mass times distance^p)^(1/p) over all ways to move the mass of x to y. Numbers go by
 * {@link wasserstein1d}, points by {@link optimalTransport}. It is a metric: symmetric, 0 only between equal
 * distributions, and no detour is shorter.
 *
 * @throws RangeError for clouds of different dimension, weights that do not fit, or p below 1; LinAlgError where a
 * distance overflows.
 */
export function wasserstein(
  x: Arrayable,
  y: Arrayable,
  { p = 1, xWeights, yWeights, metric = "euclidean" }: WassersteinOptions = {},
): number {
  const [a, b] = cloudsOf("wasserstein", x, y)
  if (a.dimension === 1) return onLine("wasserstein", a.data, b.data, p, xWeights, yWeights)
  orderOf("wasserstein", p, Number.MAX_VALUE)
  const source = sharesOf("wasserstein", "xWeights", xWeights, a.count)
  const target = sharesOf("wasserstein", "yWeights", yWeights, b.count)
  const { cost, unit } = scaledDistances("wasserstein", a, b, metric, p)
  const found = optimalTransport(real([a.count, b.count], cost), { source, target })
  return unit * Math.max(0, found.cost) ** (1 / p)
}
