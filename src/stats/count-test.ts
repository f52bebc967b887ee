/** Chi-squared tests of counts: against expected ones, and for independence in a table. */

import { type Arrayable, asArray, toNumbers } from "../engine/array.ts"
import { integer, observations } from "./check.ts"
import { chiSquared } from "./laws/chi-squared.ts"

/** What a chi-squared test found. */
export interface ChiSquaredTest {
  /** sum (observed - expected)^2 / expected. */
  readonly statistic: number
  /** Under the null hypothesis, the probability of a statistic at least as large. */
  readonly pValue: number
  readonly df: number
  /** Counts the null hypothesis expects, in the order of the observed ones. */
  readonly expected: Float64Array
}

/** Expected counts (all equal when left out), and how many parameters were fitted to the observed ones. */
export interface GoodnessOptions {
  expected?: ArrayLike<number>
  ddof?: number
}

/**
 * Pearson's test that counts come from a law with the expected counts, with k - 1 - ddof degrees of freedom.
 *
 * @throws RangeError for fewer than two cells, negative counts, expected counts that are not above 0 or do not add up
 * to the observed total within 1e-8 of it.
 */
export function chiSquaredTest(
  observed: ArrayLike<number>,
  { expected, ddof = 0 }: GoodnessOptions = {},
): ChiSquaredTest {
  const o = counts("chiSquaredTest", "observed", observed)
  integer("chiSquaredTest", "ddof", ddof)
  const sum = o.reduce((a, b) => a + b, 0)
  if (!(sum > 0)) throw new RangeError("chiSquaredTest: the observed counts add up to 0")
  const e =
    expected === undefined
      ? new Float64Array(o.length).fill(sum / o.length)
      : observations("chiSquaredTest", "expected", expected, 2)
  if (e.length !== o.length)
    throw new RangeError(`chiSquaredTest: got ${o.length} observed and ${e.length} expected counts`)
  for (let i = 0; i < e.length; i++) {
    if (!(e[i] > 0)) throw new RangeError(`chiSquaredTest: expected[${i}] is ${e[i]}, expected a number above 0`)
  }
  const wanted = e.reduce((a, b) => a + b, 0)
  if (Math.abs(wanted - sum) > 1e-8 * sum) {
    throw new RangeError(
      `chiSquaredTest: expected adds up to ${wanted}, observed to ${sum} (scale the expected counts)`,
    )
  }
  const df = o.length - 1 - ddof
  if (df < 1) throw new RangeError(`chiSquaredTest: ${o.length} cells with ddof ${ddof} leave ${df} degrees of freedom`)
  return judge(o, e, df, 0)
}

/** Yates' correction takes 1/2 from every deviation of a 2 by 2 table. */
export interface IndependenceOptions {
  correction?: boolean
}

/**
 * Pearson's test that the rows and columns of a table of counts [rows, columns] are independent, with
 * (rows - 1) (columns - 1) degrees of freedom; corrected after Yates when that is 1.
 *
 * @throws RangeError for fewer than two rows or columns, negative counts, or a row or column without any.
 */
export function independenceTest(table: Arrayable, { correction = true }: IndependenceOptions = {}): ChiSquaredTest {
  const x = asArray(table, "float64")
  const [rows, columns] = x.shape
  if (x.shape.length !== 2 || rows < 2 || columns < 2) {
    throw new RangeError(`independenceTest: table has shape [${x.shape.join(", ")}], expected [2 or more, 2 or more]`)
  }
  const o = counts("independenceTest", "table", toNumbers(x))
  const byRow = new Float64Array(rows)
  const byColumn = new Float64Array(columns)
  for (let i = 0; i < o.length; i++) {
    byRow[Math.floor(i / columns)] += o[i]
    byColumn[i % columns] += o[i]
  }
  for (const [name, sums] of [
    ["row", byRow],
    ["column", byColumn],
  ] as const) {
    const empty = sums.indexOf(0)
    if (empty >= 0) throw new RangeError(`independenceTest: ${name} ${empty} has no counts (leave it out)`)
  }
  const sum = byRow.reduce((a, b) => a + b, 0)
  const e = o.map((_, i) => (byRow[Math.floor(i / columns)] * byColumn[i % columns]) / sum)
  const df = (rows - 1) * (columns - 1)
  return judge(o, e, df, df === 1 && correction ? 0.5 : 0)
}

function counts(where: string, name: string, values: ArrayLike<number>): Float64Array {
  const x = observations(where, name, values, 2)
  for (let i = 0; i < x.length; i++) {
    if (x[i] < 0) throw new RangeError(`${where}: ${name}[${i}] is ${x[i]}, expected a count of at least 0`)
  }
  return x
}

function judge(o: Float64Array, e: Float64Array, df: number, correction: number): ChiSquaredTest {
  let statistic = 0
  for (let i = 0; i < o.length; i++) {
    const deviation = Math.abs(o[i] - e[i])
    statistic += (deviation - Math.min(correction, deviation)) ** 2 / e[i]
  }
  return { statistic, pValue: chiSquared({ df }).sf(statistic), df, expected: e }
}
