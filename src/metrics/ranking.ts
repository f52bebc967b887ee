/** Curves over all thresholds of a score: receiver operating characteristic, precision and recall, and their areas. */
import type { Arrayable } from "../engine/array.ts"
import type { BinaryOptions } from "./confusion.ts"
import {
  besideTarget,
  classNumbers,
  numbersOf,
  positives,
  tableOf,
  type WeightOptions,
  weightedMean,
  weightsOf,
} from "./labels.ts"
import { fallingOrder } from "./order.ts"

/** Positives and negatives at or above each distinct score, from the highest down. */
interface Ranked {
  readonly thresholds: Float64Array
  readonly tp: Float64Array
  readonly fp: Float64Array
}

function ranked(
  name: string,
  target: ArrayLike<number>,
  scores: ArrayLike<number>,
  { positive = 1, weights }: BinaryOptions,
): Ranked {
  const isPositive = positives(name, target, positive)
  const s = besideTarget(name, "scores", scores, isPositive.length)
  const w = weights === undefined ? undefined : weightsOf(name, weights, s.length)
  const order = fallingOrder(s)
  const thresholds = new Float64Array(s.length)
  const tp = new Float64Array(s.length)
  const fp = new Float64Array(s.length)
  let count = 0
  let hits = 0
  let alarms = 0
  let last = Number.NaN
  for (const i of order) {
    const weight = w === undefined ? 1 : w[i]
    if (weight === 0) continue
    if (s[i] !== last) {
      last = s[i]
      thresholds[count++] = last
    }
    if (isPositive[i] === 1) hits += weight
    else alarms += weight
    tp[count - 1] = hits
    fp[count - 1] = alarms
  }
  return { thresholds: thresholds.slice(0, count), tp: tp.slice(0, count), fp: fp.slice(0, count) }
}

function expectSome(name: string, what: string, total: number): void {
  if (!(total > 0)) throw new RangeError(`${name}: target has no ${what} example, expected one at least`)
}

/** A receiver operating characteristic: one point for each threshold, from the highest down. */
export interface RocCurve {
  /** Share of negatives at or above the threshold, FP / (FP + TN), rising from 0 to 1. */
  readonly fpr: Float64Array
  /** Share of positives at or above the threshold, TP / (TP + FN), rising from 0 to 1. */
  readonly tpr: Float64Array
  /** Falling; the first is Infinity, above all scores. */
  readonly thresholds: Float64Array
}

/** Options of {@link rocCurve}. */
export interface RocOptions extends BinaryOptions {
  /** Whether to leave out points on a straight line between their neighbours. */
  readonly dropCollinear?: boolean
}

/**
 * The receiver operating characteristic of scores for a binary target: the rates of true and false positives when all
 * examples scored at or above a threshold are called positive. Lowering the threshold raises both, from (0, 0) to (1, 1).
 *
 * @throws RangeError for lists that do not fit each other, more than two labels, or one alone.
 */
export function rocCurve(
  target: ArrayLike<number>,
  scores: ArrayLike<number>,
  { dropCollinear = true, ...options }: RocOptions = {},
): RocCurve {
  const { thresholds, tp, fp } = ranked("rocCurve", target, scores, options)
  const n = thresholds.length
  expectSome("rocCurve", "positive", tp[n - 1])
  expectSome("rocCurve", "negative", fp[n - 1])
  const kept = [-1]
  for (let i = 0; i < n; i++) {
    const isBent = (a: Float64Array): boolean => a[i + 1] - a[i] !== a[i] - a[i - 1]
    if (!dropCollinear || i === 0 || i === n - 1 || isBent(tp) || isBent(fp)) kept.push(i)
  }
  return {
    fpr: Float64Array.from(kept, (i) => (i < 0 ? 0 : fp[i] / fp[n - 1])),
    tpr: Float64Array.from(kept, (i) => (i < 0 ? 0 : tp[i] / tp[n - 1])),
    thresholds: Float64Array.from(kept, (i) => (i < 0 ? Infinity : thresholds[i])),
  }
}

/**
 * Area under a curve by the trapezoidal rule; x rises or falls throughout.
 *
 * @throws RangeError for fewer than two points, lists of different lengths, or x that turns.
 */
export function auc(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const xs = numbersOf("auc", "x", x)
  const ys = numbersOf("auc", "y", y)
  if (xs.length !== ys.length || xs.length < 2) {
    throw new RangeError(`auc: x has ${xs.length} points and y ${ys.length}, expected two or more of both`)
  }
  let area = 0
  let direction = 0
  for (let i = 1; i < xs.length; i++) {
    const step = xs[i] - xs[i - 1]
    if (step * direction < 0) throw new RangeError(`auc: x turns at ${i}, expected it to rise or to fall throughout`)
    if (step !== 0) direction = Math.sign(step)
    area += (step * (ys[i] + ys[i - 1])) / 2
  }
  return direction < 0 ? -area : area
}

/**
 * Area under the receiver operating characteristic: the chance that a positive example is scored above a negative one,
 * an equal score counting one half (notes 003, definition 3.60, count it 0). It does not change when scores are
 * mapped by a rising function, and says nothing of any one threshold (remark 3.43 claims it does): 1 goes with
 * a recall of 0 where all scores lie below the threshold. Source: Hanley and McNeil 1982.
 *
 * @throws RangeError for lists that do not fit each other, more than two labels, or one alone.
 */
export function rocAuc(target: ArrayLike<number>, scores: ArrayLike<number>, options: BinaryOptions = {}): number {
  const { tp, fp } = ranked("rocAuc", target, scores, options)
  const n = tp.length
  expectSome("rocAuc", "positive", tp[n - 1])
  expectSome("rocAuc", "negative", fp[n - 1])
  let pairs = 0
  for (let i = 0; i < n; i++) {
    const hits = i === 0 ? 0 : tp[i - 1]
    const alarms = i === 0 ? 0 : fp[i - 1]
    // Negatives at this score: below all positives before it, level with those at it.
    pairs += (fp[i] - alarms) * (hits + (tp[i] - hits) / 2)
  }
  return pairs / (tp[n - 1] * fp[n - 1])
}

/** Precision against recall: one point for each threshold, from the highest down. */
export interface PrCurve {
  /** TP / (TP + FP); the first is 1, where nothing is called positive, the last the share of positives. */
  readonly precision: Float64Array
  /** TP / (TP + FN), rising from 0 to 1. */
  readonly recall: Float64Array
  /** Falling; the first is Infinity, above all scores. */
  readonly thresholds: Float64Array
}

/**
 * Precision and recall of scores for a binary target at every distinct threshold.
 *
 * @throws RangeError for lists that do not fit each other, more than two labels, or no positive example.
 */
export function prCurve(target: ArrayLike<number>, scores: ArrayLike<number>, options: BinaryOptions = {}): PrCurve {
  const { thresholds, tp, fp } = ranked("prCurve", target, scores, options)
  const n = thresholds.length
  expectSome("prCurve", "positive", tp[n - 1])
  const after = (first: number, value: (i: number) => number): Float64Array =>
    Float64Array.from({ length: n + 1 }, (_, i) => (i === 0 ? first : value(i - 1)))
  return {
    precision: after(1, (i) => tp[i] / (tp[i] + fp[i])),
    recall: after(0, (i) => tp[i] / tp[n - 1]),
    thresholds: after(Infinity, (i) => thresholds[i]),
  }
}

/**
 * Average precision, sum (R_i - R_(i-1)) P_i over falling thresholds: the area under the steps of {@link prCurve}, without
 * the optimism of straight lines between them. A score that says nothing gets the share of positives.
 *
 * @throws RangeError as {@link prCurve}.
 */
export function averagePrecision(
  target: ArrayLike<number>,
  scores: ArrayLike<number>,
  options: BinaryOptions = {},
): number {
  const { tp, fp } = ranked("averagePrecision", target, scores, options)
  const n = tp.length
  expectSome("averagePrecision", "positive", tp[n - 1])
  let area = 0
  for (let i = 0; i < n; i++) area += ((tp[i] - (i === 0 ? 0 : tp[i - 1])) * tp[i]) / (tp[i] + fp[i])
  return area / tp[n - 1]
}

/** Options of {@link oneVsRest}. */
export interface OneVsRestOptions extends WeightOptions {
  /** `macro` (default): the mean over classes; `weighted`: by how often each class is true. */
  readonly average?: "macro" | "weighted"
}

/**
 * A metric of binary scores for several classes: each class against the rest by its column of scores [examples,
 * classes], and the average. Targets are class numbers from 0.
 *
 * @example oneVsRest(labels, probabilities, rocAuc, { average: "weighted" })
 * @throws RangeError when shapes do not fit, or the metric refuses a class (one that is never true, or always).
 */
export function oneVsRest(
  target: ArrayLike<number>,
  scores: Arrayable,
  metric: (target: ArrayLike<number>, scores: ArrayLike<number>, options: WeightOptions) => number,
  { average = "macro", weights }: OneVsRestOptions = {},
): number {
  const name = "oneVsRest"
  const { columns, data, rows } = tableOf(name, "scores", scores, target.length)
  const labels = classNumbers(name, target, columns)
  const w = weightsOf(name, weights, rows)
  const values = new Float64Array(columns)
  const shares = new Float64Array(columns)
  for (let c = 0; c < columns; c++) {
    const own = labels.map((y) => Number(y === c))
    shares[c] = average === "macro" ? 1 : own.reduce((sum, v, i) => sum + v * w[i], 0)
    values[c] = metric(
      own,
      own.map((_, i) => data[i * columns + c]),
      weights === undefined ? {} : { weights },
    )
  }
  return weightedMean(values, shares)
}
