/** Whether probabilities mean what they say: reliability, calibration error, Brier score, logarithmic loss. */
import type { Arrayable } from "../engine/array.ts"
import { integer } from "../stats/check.ts"
import { sortedQuantile } from "../stats/descriptive.ts"
import type { BinaryOptions } from "./confusion.ts"
import {
  besideTarget,
  classNumbers,
  isTable,
  listOf,
  positives,
  type Table,
  tableOf,
  weightedMean,
  weightsOf,
} from "./labels.ts"

/** Probabilities of the positive class, one an example. */
function probabilitiesOf(name: string, p: Float64Array): Float64Array {
  const bad = p.findIndex((v) => v < 0 || v > 1)
  if (bad >= 0) {
    throw new RangeError(
      `${name}: probabilities[${bad}] is ${p[bad]}, expected a number from 0 to 1 (apply a sigmoid to logits first)`,
    )
  }
  return p
}

/** Rows of class probabilities. Rows of float32 add up to 1 within some 1e-6. */
function probabilityTable(name: string, values: Arrayable, count: number): Table {
  const table = tableOf(name, "probabilities", values, count)
  for (let i = 0; i < table.rows; i++) {
    const row = table.data.subarray(i * table.columns, (i + 1) * table.columns)
    const sum = row.reduce((a, b) => a + b, 0)
    if (row.some((v) => v < 0) || Math.abs(sum - 1) > 1e-4) {
      throw new RangeError(
        `${name}: row ${i} of probabilities adds up to ${sum} with its least at ${Math.min(...row)}, expected numbers from 0 that add up to 1 (apply softmax to logits first)`,
      )
    }
  }
  return table
}

/** Options of {@link reliability}. */
export interface ReliabilityOptions extends BinaryOptions {
  /** How many bins. */
  readonly bins?: number
  /** `uniform`: bins of equal width; `quantile`: of equally many examples. */
  readonly strategy?: "uniform" | "quantile"
}

/** The examples whose probability lies in (lower, upper]; the first bin holds its lower end too. */
export interface ReliabilityBin {
  readonly lower: number
  readonly upper: number
  /** How many examples, or how much weight. */
  readonly count: number
  /** Mean probability that was stated; the middle of an empty bin. */
  readonly confidence: number
  /** Share of positives that there were; 0 in an empty bin. */
  readonly frequency: number
}

/**
 * Reliability of stated probabilities of the positive label: in each bin, what was stated and what came true. Calibrated
 * ones have both equal. Bins without examples are kept, with count 0.
 *
 * @throws RangeError for lists that do not fit each other, or probabilities outside [0, 1].
 */
export function reliability(
  target: ArrayLike<number>,
  probabilities: ArrayLike<number>,
  { bins = 10, strategy = "uniform", positive = 1, weights }: ReliabilityOptions = {},
): ReliabilityBin[] {
  const name = "reliability"
  const isPositive = positives(name, target, positive)
  const p = probabilitiesOf(name, besideTarget(name, "probabilities", probabilities, isPositive.length))
  const w = weightsOf(name, weights, p.length)
  integer(name, "bins", bins, 1)
  if (strategy !== "uniform" && strategy !== "quantile") {
    throw new RangeError(`${name}: strategy is "${strategy}", expected "uniform" or "quantile"`)
  }
  const sorted = strategy === "quantile" ? p.slice().sort() : p
  const edges = Float64Array.from({ length: bins + 1 }, (_, k) =>
    strategy === "quantile" ? sortedQuantile(sorted, k / bins) : k / bins,
  )
  const count = new Float64Array(bins)
  const stated = new Float64Array(bins)
  const found = new Float64Array(bins)
  const inner = edges.subarray(1, bins)
  for (let i = 0; i < p.length; i++) {
    const k = below(inner, p[i])
    count[k] += w[i]
    stated[k] += w[i] * p[i]
    found[k] += w[i] * isPositive[i]
  }
  return Array.from(count, (n, k) => ({
    lower: edges[k],
    upper: edges[k + 1],
    count: n,
    confidence: n === 0 ? (edges[k] + edges[k + 1]) / 2 : stated[k] / n,
    frequency: n === 0 ? 0 : found[k] / n,
  }))
}

/** How many of the rising edges lie below x. */
function below(edges: Float64Array, x: number): number {
  let low = 0
  let high = edges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (edges[middle] < x) low = middle + 1
    else high = middle
  }
  return low
}

/** Options of {@link calibrationError}. */
export interface CalibrationOptions extends ReliabilityOptions {
  /** `mean` (default): expected calibration error; `max`: the worst bin; `rms`: the root of the mean square. */
  readonly norm?: "mean" | "max" | "rms"
}

/**
 * Expected calibration error, sum over bins of count / n |frequency - confidence|. For several classes give
 * {@link topLabel}'s. Source: Naeini et al. 2015.
 *
 * @throws RangeError as {@link reliability}.
 */
export function calibrationError(
  target: ArrayLike<number>,
  probabilities: ArrayLike<number>,
  { norm = "mean", ...options }: CalibrationOptions = {},
): number {
  if (!["mean", "max", "rms"].includes(norm)) {
    throw new RangeError(`calibrationError: norm is "${norm}", expected "mean", "max" or "rms"`)
  }
  const full = reliability(target, probabilities, options).filter(({ count }) => count > 0)
  const gaps = full.map(({ frequency, confidence }) => Math.abs(frequency - confidence))
  if (norm === "max") return Math.max(...gaps)
  const shares = Float64Array.from(full, ({ count }) => count)
  if (norm === "mean") return weightedMean(gaps, shares)
  return Math.sqrt(
    weightedMean(
      gaps.map((g) => g * g),
      shares,
    ),
  )
}

/** What {@link topLabel} gives: a binary problem. */
export interface TopLabel {
  /** 1 where the likeliest class was right. */
  readonly target: Float64Array
  /** Its probability. */
  readonly probabilities: Float64Array
}

/**
 * Class probabilities [examples, classes] as a binary problem: was the likeliest class right, and how likely was it said
 * to be. Of equal ones the first counts.
 *
 * @throws RangeError when shapes do not fit, a row is no law, or a target is no class number.
 */
export function topLabel(target: ArrayLike<number>, probabilities: Arrayable): TopLabel {
  const { rows, columns, data } = probabilityTable("topLabel", probabilities, target.length)
  const labels = classNumbers("topLabel", target, columns)
  const right = new Float64Array(rows)
  const best = new Float64Array(rows)
  for (let i = 0; i < rows; i++) {
    const row = data.subarray(i * columns, (i + 1) * columns)
    const top = row.reduce((a, v, c) => (v > row[a] ? c : a), 0)
    right[i] = Number(top === labels[i])
    best[i] = Math.min(1, row[top])
  }
  return { target: right, probabilities: best }
}

/**
 * Brier score, the mean squared error of stated probabilities: mean (p - y)^2 for one probability of the positive label an
 * example, mean over examples of sum over classes (p_c - y_c)^2 for rows [examples, classes] and class numbers. A proper
 * score: stating what one believes is best. Source: Brier 1950.
 *
 * @throws RangeError for lists that do not fit each other, or what is no probability.
 */
export function brier(
  target: ArrayLike<number>,
  probabilities: Arrayable,
  { positive = 1, weights }: BinaryOptions = {},
): number {
  const name = "brier"
  const w = weightsOf(name, weights, target.length)
  if (!isTable(probabilities)) {
    const isPositive = positives(name, target, positive)
    const p = probabilitiesOf(name, listOf(name, "probabilities", probabilities, isPositive.length))
    return weightedMean(
      p.map((v, i) => (v - isPositive[i]) ** 2),
      w,
    )
  }
  const { rows, columns, data } = probabilityTable(name, probabilities, target.length)
  const labels = classNumbers(name, target, columns)
  const errors = new Float64Array(rows)
  for (let i = 0; i < data.length; i++) {
    const row = Math.floor(i / columns)
    errors[row] += (data[i] - Number(labels[row] === i % columns)) ** 2
  }
  return weightedMean(errors, w)
}

/** Where logarithms stop: the distance of 1 from the next double. */
const least = 2 ** -52

/**
 * Logarithmic loss or cross-entropy, the mean of -log p of what came true, in nats: for one probability of the positive
 * label an example, or rows [examples, classes] and class numbers. Probabilities are kept within [2^-52, 1 - 2^-52], so a
 * certain error costs 36.04 and not Infinity, as in scikit-learn.
 *
 * @throws RangeError for lists that do not fit each other, or what is no probability.
 */
export function logLoss(
  target: ArrayLike<number>,
  probabilities: Arrayable,
  { positive = 1, weights }: BinaryOptions = {},
): number {
  const name = "logLoss"
  const w = weightsOf(name, weights, target.length)
  const cost = (p: number): number => -Math.log(Math.min(Math.max(p, least), 1 - least))
  if (!isTable(probabilities)) {
    const isPositive = positives(name, target, positive)
    const p = probabilitiesOf(name, listOf(name, "probabilities", probabilities, isPositive.length))
    return weightedMean(
      p.map((v, i) => cost(isPositive[i] === 1 ? v : 1 - v)),
      w,
    )
  }
  const { columns, data } = probabilityTable(name, probabilities, target.length)
  const labels = classNumbers(name, target, columns)
  return weightedMean(
    labels.map((y, i) => cost(data[i * columns + y])),
    w,
  )
}
