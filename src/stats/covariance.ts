/** How variables move together: covariance, covariance matrices, Pearson's and Spearman's correlation. */

import { type Arrayable, asArray, type NdArray, toNumbers, zeros } from "../engine/array.ts"
import { integer, observations } from "./check.ts"
import { type DdofOptions, ranks } from "./descriptive.ts"

function pair(where: string, a: ArrayLike<number>, b: ArrayLike<number>, least: number): [Float64Array, Float64Array] {
  const x = observations(where, "x", a, least)
  const y = observations(where, "y", b, least)
  if (x.length !== y.length)
    throw new RangeError(`${where}: x has ${x.length} values, y has ${y.length}, expected as many`)
  return [x, y]
}

/** Deviations from the mean. */
function centred(x: Float64Array): Float64Array {
  let center = 0
  for (const v of x) center += v / x.length
  const out = x.map((v) => v - center)
  let rest = 0
  for (const v of out) rest += v
  rest /= x.length
  return out.map((v) => v - rest)
}

function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i]
  return sum
}

/**
 * The covariance sum (x - mean x) (y - mean y) / (n - ddof); ddof 0 is the notes' convention, 1 NumPy's `cov`.
 *
 * @throws RangeError for values that do not pair up, no more than ddof, or a NaN.
 */
export function covariance(a: ArrayLike<number>, b: ArrayLike<number>, { ddof = 0 }: DdofOptions = {}): number {
  integer("covariance", "ddof", ddof)
  const [x, y] = pair("covariance", a, b, ddof + 1)
  return dot(centred(x), centred(y)) / (x.length - ddof)
}

/** Columns of rows [samples, variables], centred. */
function columnsOf(where: string, rows: Arrayable, least: number): Float64Array[] {
  const x = asArray(rows, "float64")
  if (x.shape.length !== 2 || x.shape[0] < least || x.shape[1] < 1) {
    throw new RangeError(`${where}: rows have shape [${x.shape.join(", ")}], expected [${least} or more, 1 or more]`)
  }
  const [count, width] = x.shape
  const values = toNumbers(x)
  return Array.from({ length: width }, (_, j) =>
    centred(
      observations(
        where,
        `column ${j}`,
        Float64Array.from({ length: count }, (_, i) => values[i * width + j]),
      ),
    ),
  )
}

/**
 * The covariance matrix [variables, variables] of rows [samples, variables], divisor samples - ddof (notes 003,
 * definition 2.26, divide by the number of samples). Symmetric and positive semi-definite; the rows are centred first.
 *
 * @throws RangeError for another shape, no more rows than ddof, or a NaN.
 */
export function covarianceMatrix(rows: Arrayable, { ddof = 0 }: DdofOptions = {}): NdArray<"float64"> {
  integer("covarianceMatrix", "ddof", ddof)
  const columns = columnsOf("covarianceMatrix", rows, ddof + 1)
  const width = columns.length
  const out = zeros([width, width], "float64")
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      const value = dot(columns[i], columns[j]) / (columns[0].length - ddof)
      out.data[i * width + j] = value
      out.data[j * width + i] = value
    }
  }
  return out
}

function cosine(where: string, x: Float64Array, y: Float64Array): number {
  const scale = Math.sqrt(dot(x, x)) * Math.sqrt(dot(y, y))
  if (!(scale > 0)) throw new RangeError(`${where}: a variable is constant, its correlation is not defined`)
  return Math.max(-1, Math.min(1, dot(x, y) / scale))
}

/**
 * Pearson's correlation cov(x, y) / (std x std y), from -1 to 1.
 *
 * @throws RangeError for a constant variable, values that do not pair up, fewer than two, or a NaN.
 */
export function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [x, y] = pair("correlation", a, b, 2)
  return cosine("correlation", centred(x), centred(y))
}

/** The matrix [variables, variables] of Pearson's correlations of rows [samples, variables]. @throws as {@link correlation}. */
export function correlationMatrix(rows: Arrayable): NdArray<"float64"> {
  const columns = columnsOf("correlationMatrix", rows, 2)
  const width = columns.length
  const out = zeros([width, width], "float64")
  for (let i = 0; i < width; i++) {
    for (let j = 0; j <= i; j++) {
      const value = i === j && dot(columns[i], columns[i]) > 0 ? 1 : cosine("correlationMatrix", columns[i], columns[j])
      out.data[i * width + j] = value
      out.data[j * width + i] = value
    }
  }
  return out
}

/** Spearman's rank correlation: Pearson's of the ranks, ties sharing their mean rank. @throws as {@link correlation}. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [x, y] = pair("spearman", a, b, 2)
  return cosine("spearman", centred(ranks(x)), centred(ranks(y)))
}
