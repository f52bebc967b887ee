/** What a sample is like: mean, variance, quantiles, moments, ranks. */

import { integer, observations, probability } from "./check.ts"

/** The divisor of a second moment is n - ddof: 0 for the law of the sample itself, 1 for an unbiased estimate. */
export interface DdofOptions {
  ddof?: number
}

/** The sum, with what each addition rounds away carried along (Neumaier 1974). @throws RangeError on NaN. */
export function sum(values: ArrayLike<number>): number {
  return total(observations("sum", "values", values, 0))
}

function total(x: Float64Array): number {
  let at = 0
  let rest = 0
  for (const v of x) {
    const next = at + v
    rest += Math.abs(at) >= Math.abs(v) ? at - next + v : v - next + at
    at = next
  }
  return at + rest
}

/** The arithmetic mean. @throws RangeError for no values or a NaN. */
export function mean(values: ArrayLike<number>): number {
  return total(observations("mean", "values", values)) / values.length
}

/** Sum of squared deviations from the mean, with the mean's own rounding taken out. */
function squares(x: Float64Array): number {
  const center = total(x) / x.length
  const deviations = x.map((v) => v - center)
  return total(deviations.map((v) => v * v)) - total(deviations) ** 2 / x.length
}

function divisor(where: string, n: number, ddof: number): number {
  integer(where, "ddof", ddof)
  if (n <= ddof) throw new RangeError(`${where}: got ${n} values with ddof ${ddof}, expected more values than ddof`)
  return n - ddof
}

/**
 * The variance sum (x - mean)^2 / (n - ddof).
 *
 * @throws RangeError for no more values than ddof, or a NaN.
 */
export function variance(values: ArrayLike<number>, { ddof = 0 }: DdofOptions = {}): number {
  const x = observations("variance", "values", values)
  return Math.max(0, squares(x)) / divisor("variance", x.length, ddof)
}

/** The standard deviation, the root of {@link variance}. @throws RangeError as it does. */
export function std(values: ArrayLike<number>, options: DdofOptions = {}): number {
  return Math.sqrt(variance(values, options))
}

/**
 * The p-quantile by linear interpolation at position p (n - 1), NumPy's default (Hyndman and Fan's type 7).
 *
 * @throws RangeError for no values, a NaN, or p outside [0, 1].
 */
export function quantile(values: ArrayLike<number>, p: number): number {
  const x = observations("quantile", "values", values).sort()
  return sortedQuantile(x, probability("quantile", "p", p))
}

/** {@link quantile} of values in rising order, without a check. */
export function sortedQuantile(x: Float64Array, p: number): number {
  const at = p * (x.length - 1)
  const below = Math.floor(at)
  const share = at - below
  if (share === 0) return x[below]
  const rise = x[below + 1] - x[below]
  // from the nearer end, as NumPy does
  return share < 0.5 ? x[below] + rise * share : x[below + 1] - rise * (1 - share)
}

/** The median, the 1/2-quantile. @throws RangeError for no values or a NaN. */
export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5)
}

/** The k-th central moment, mean (x - mean)^k. @throws RangeError for no values or a NaN. */
export function centralMoment(values: ArrayLike<number>, k: number): number {
  const x = observations("centralMoment", "values", values)
  integer("centralMoment", "k", k)
  const center = total(x) / x.length
  return total(x.map((v) => (v - center) ** k)) / x.length
}

/** Whether to correct a standardised moment for the bias it has under a normal law. */
export interface BiasOptions {
  bias?: boolean
}

/**
 * The skewness m3 / m2^(3/2) of central moments (notes 003, example 12, leave the division out, so that theirs depends
 * on the unit); without bias times sqrt(n (n - 1)) / (n - 2).
 *
 * @throws RangeError for equal values, or fewer than 3 without bias.
 */
export function skewness(values: ArrayLike<number>, { bias = true }: BiasOptions = {}): number {
  const x = observations("skewness", "values", values, bias ? 1 : 3)
  const n = x.length
  const g = centralMoment(x, 3) / spreadOf("skewness", x) ** 1.5
  return bias ? g : (g * Math.sqrt(n * (n - 1))) / (n - 2)
}

/**
 * The excess kurtosis m4 / m2^2 - 3; without bias (n - 1) / ((n - 2) (n - 3)) ((n + 1) g + 6).
 *
 * @throws RangeError for equal values, or fewer than 4 without bias.
 */
export function kurtosis(values: ArrayLike<number>, { bias = true }: BiasOptions = {}): number {
  const x = observations("kurtosis", "values", values, bias ? 1 : 4)
  const n = x.length
  const g = centralMoment(x, 4) / spreadOf("kurtosis", x) ** 2 - 3
  return bias ? g : ((n - 1) / ((n - 2) * (n - 3))) * ((n + 1) * g + 6)
}

function spreadOf(where: string, x: Float64Array): number {
  const spread = centralMoment(x, 2)
  if (spread === 0) throw new RangeError(`${where}: all ${x.length} values are ${x[0]}, the variance is 0`)
  return spread
}

/** (x - mean) / std, with divisor n - ddof. @throws RangeError for equal values, no more than ddof, or a NaN. */
export function standardize(values: ArrayLike<number>, options: DdofOptions = {}): Float64Array {
  const x = observations("standardize", "values", values)
  const width = std(x, options)
  if (width === 0) throw new RangeError(`standardize: all ${x.length} values are ${x[0]}, the variance is 0`)
  const center = mean(x)
  return x.map((v) => (v - center) / width)
}

/** Ranks from 1 to n, ties sharing their mean rank. @throws RangeError on NaN. */
export function ranks(values: ArrayLike<number>): Float64Array {
  const x = observations("ranks", "values", values, 0)
  const order = Array.from(x.keys()).sort((a, b) => x[a] - x[b])
  const out = new Float64Array(x.length)
  for (let i = 0; i < order.length; ) {
    let j = i
    while (j + 1 < order.length && x[order[j + 1]] === x[order[i]]) j++
    for (let k = i; k <= j; k++) out[order[k]] = (i + j) / 2 + 1
    i = j + 1
  }
  return out
}
