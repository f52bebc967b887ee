/** Counts of what was predicted for what was true: all classification rates are made of them. */
import { array, type NdArray } from "../engine/array.ts"
import { besideTarget, numbersOf, type WeightOptions, weightsOf } from "./labels.ts"

/** Options of {@link confusionMatrix}. */
export interface ConfusionOptions extends WeightOptions {
  /**
   * All labels, in the order wanted; default: those that occur, rising. `[1, 0]` gives the layout of notes 003,
   * definition 3.54: [[TP, FN], [FP, TN]].
   */
  readonly labels?: readonly number[]
}

/** What was predicted for what was true. */
export interface Confusion {
  /** The label of each row and column. */
  readonly labels: readonly number[]
  /** [truth, predicted]: how many examples, or how much weight. */
  readonly counts: NdArray<"float64">
}

/**
 * The confusion matrix: counts[i][j] examples of label i were predicted as label j.
 *
 * @throws RangeError when lists differ in length, are empty, or hold a label that `labels` does not.
 */
export function confusionMatrix(
  target: ArrayLike<number>,
  predicted: ArrayLike<number>,
  { labels, weights }: ConfusionOptions = {},
): Confusion {
  return confusionOf("confusionMatrix", target, predicted, labels, weights)
}

/** {@link confusionMatrix} in another's name. */
export function confusionOf(
  name: string,
  target: ArrayLike<number>,
  predicted: ArrayLike<number>,
  given: readonly number[] | undefined,
  weights: ArrayLike<number> | undefined,
): Confusion {
  const truth = numbersOf(name, "target", target)
  const guess = besideTarget(name, "predicted", predicted, truth.length)
  const w = weightsOf(name, weights, truth.length)
  const labels = given ?? [...new Set([...truth, ...guess])].sort((a, b) => a - b)
  const place = new Map(labels.map((label, i) => [label, i]))
  if (place.size !== labels.length) throw new RangeError(`${name}: labels [${labels.join(", ")}] repeat`)
  const counts = new Float64Array(labels.length ** 2)
  for (let i = 0; i < truth.length; i++) {
    const row = place.get(truth[i])
    const column = place.get(guess[i])
    if (row === undefined || column === undefined) {
      const missing = row === undefined ? truth[i] : guess[i]
      throw new RangeError(`${name}: label ${missing} of example ${i} is not among labels [${labels.join(", ")}]`)
    }
    counts[row * labels.length + column] += w[i]
  }
  return { labels, counts: array("float64", [labels.length, labels.length], counts) }
}

/** Outcomes for one label against all others: true and false positives, false and true negatives. */
export interface Counts {
  readonly tp: number
  readonly fp: number
  readonly fn: number
  readonly tn: number
}

/** Outcomes of every label against all others, in the order of the labels. */
export function countsOf({ labels, counts }: Confusion): Counts[] {
  const n = labels.length
  const total = counts.data.reduce((a, b) => a + b, 0)
  return labels.map((_, k) => {
    let row = 0
    let column = 0
    for (let i = 0; i < n; i++) {
      row += counts.data[k * n + i]
      column += counts.data[i * n + k]
    }
    const tp = counts.data[k * n + k]
    return { tp, fp: column - tp, fn: row - tp, tn: total - row - column + tp }
  })
}

/** Options of {@link binaryCounts}. */
export interface BinaryOptions extends WeightOptions {
  /** The label that counts as positive; all others are negative. */
  readonly positive?: number
}

/**
 * True and false positives, false and true negatives of one label against all others.
 *
 * @throws RangeError when lists differ in length or are empty.
 */
export function binaryCounts(
  target: ArrayLike<number>,
  predicted: ArrayLike<number>,
  { positive = 1, weights }: BinaryOptions = {},
): Counts {
  const name = "binaryCounts"
  const truth = numbersOf(name, "target", target)
  const guess = besideTarget(name, "predicted", predicted, truth.length)
  const w = weightsOf(name, weights, truth.length)
  const out = [0, 0, 0, 0]
  for (let i = 0; i < truth.length; i++) {
    out[(guess[i] === positive ? 0 : 2) + Number((truth[i] === positive) !== (guess[i] === positive))] += w[i]
  }
  return { tp: out[0], fp: out[1], fn: out[3], tn: out[2] }
}
