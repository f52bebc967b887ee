/** One number for a whole confusion matrix: accuracy, balanced accuracy, correlation, agreement beyond chance. */
import type { Arrayable } from "../engine/array.ts"
import { integer } from "../stats/check.ts"
import { type Confusion, type ConfusionOptions, confusionOf, countsOf } from "./confusion.ts"
import { classNumbers, tableOf, type WeightOptions, weightedMean, weightsOf } from "./labels.ts"

/** Sums of a confusion matrix. */
function margins({ labels, counts }: Confusion): {
  readonly truth: Float64Array
  readonly guess: Float64Array
  readonly right: number
  readonly total: number
} {
  const n = labels.length
  const truth = new Float64Array(n)
  const guess = new Float64Array(n)
  let right = 0
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      truth[i] += counts.data[i * n + j]
      guess[j] += counts.data[i * n + j]
    }
    right += counts.data[i * n + i]
  }
  return { truth, guess, right, total: truth.reduce((a, b) => a + b, 0) }
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, v, i) => sum + v * b[i], 0)

/**
 * Accuracy, the share of labels predicted right: sum of w_i over i with predicted_i = target_i, over sum of w_i; weights are 1
 * unless given. Of two classes it is (TP + TN) / all.
 *
 * @throws RangeError for lists of different length or none, and for weights that are negative or none.
 */
export function accuracy(
  target: ArrayLike<number>,
  predicted: ArrayLike<number>,
  { weights }: WeightOptions = {},
): number {
  const { right, total } = margins(confusionOf("accuracy", target, predicted, undefined, weights))
  return right / total
}

/** Options of {@link balancedAccuracy}. */
export interface BalancedOptions extends WeightOptions {
  /** Whether chance is moved to 0: (b - 1/k) / (1 - 1/k) for k true classes. */
  readonly adjusted?: boolean
}

/**
 * Balanced accuracy, the mean recall of the classes that are true somewhere: chance gets 1 / classes however unequal they
 * are.
 *
 * @throws RangeError for lists that do not fit each other, or one class with `adjusted`.
 */
export function balancedAccuracy(
  target: ArrayLike<number>,
  predicted: ArrayLike<number>,
  { adjusted = false, weights }: BalancedOptions = {},
): number {
  const name = "balancedAccuracy"
  const recalls = countsOf(confusionOf(name, target, predicted, undefined, weights))
    .filter(({ tp, fn }) => tp + fn > 0)
    .map(({ tp, fn }) => tp / (tp + fn))
  const mean = recalls.reduce((a, b) => a + b, 0) / recalls.length
  if (!adjusted) return mean
  if (recalls.length === 1)
    throw new RangeError(`${name}: target has one class, expected two or more to adjust for chance`)
  const chance = 1 / recalls.length
  return (mean - chance) / (1 - chance)
}

/**
 * Matthews' correlation coefficient, the correlation of truth and prediction, from -1 to 1; for two classes (TP TN - FP FN)
 * / sqrt((TP + FP)(TP + FN)(TN + FP)(TN + FN)), for more Gorodkin's (2004). It is 0, as for chance, where either is one
 * class throughout.
 *
 * @throws RangeError for lists that do not fit each other.
 */
export function mcc(target: ArrayLike<number>, predicted: ArrayLike<number>, { weights }: WeightOptions = {}): number {
  const { truth, guess, right, total } = margins(confusionOf("mcc", target, predicted, undefined, weights))
  const spread = (total * total - dot(truth, truth)) * (total * total - dot(guess, guess))
  return spread === 0 ? 0 : (right * total - dot(truth, guess)) / Math.sqrt(spread)
}

/** Options of {@link cohenKappa}. */
export interface KappaOptions extends ConfusionOptions {
  /** What a disagreement costs: 1, or the distance of the labels' places in order, or its square. */
  readonly cost?: "equal" | "linear" | "quadratic"
  /** The value where chance alone would agree always: both use one label, the same. */
  readonly zeroDivision?: number
}

/**
 * Cohen's kappa, 1 - cost / cost by chance: 1 for agreement, 0 for as much as two independent raters with these margins
 * have. Sources: Cohen 1960, 1968.
 *
 * @throws RangeError for lists that do not fit each other.
 */
export function cohenKappa(
  target: ArrayLike<number>,
  predicted: ArrayLike<number>,
  { cost = "equal", zeroDivision = 0, labels, weights }: KappaOptions = {},
): number {
  const name = "cohenKappa"
  if (!["equal", "linear", "quadratic"].includes(cost)) {
    throw new RangeError(`${name}: cost is "${cost}", expected "equal", "linear" or "quadratic"`)
  }
  const confusion = confusionOf(name, target, predicted, labels, weights)
  const { truth, guess, total } = margins(confusion)
  const n = truth.length
  let observed = 0
  let expected = 0
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const price = cost === "equal" ? Number(i !== j) : cost === "linear" ? Math.abs(i - j) : (i - j) ** 2
      observed += price * confusion.counts.data[i * n + j]
      expected += (price * truth[i] * guess[j]) / total
    }
  }
  return expected === 0 ? zeroDivision : 1 - observed / expected
}

/** Options of {@link topKAccuracy}. */
export interface TopKOptions extends WeightOptions {
  /** How many guesses each example has. */
  readonly k?: number
}

/**
 * The share of examples whose class is among the `k` with the largest scores [examples, classes]; of equal scores the
 * higher class number comes first, as in scikit-learn. Targets are class numbers from 0.
 *
 * @throws RangeError when shapes do not fit, a target is no class, or k is not from 1 to classes.
 */
export function topKAccuracy(
  target: ArrayLike<number>,
  scores: Arrayable,
  { k = 5, weights }: TopKOptions = {},
): number {
  const name = "topKAccuracy"
  const { columns, data, rows } = tableOf(name, "scores", scores, target.length)
  const labels = classNumbers(name, target, columns)
  if (integer(name, "k", k, 1) > columns)
    throw new RangeError(`${name}: k is ${k}, expected at most ${columns} classes`)
  const hits = new Float64Array(rows)
  for (let i = 0; i < rows; i++) {
    const own = data[i * columns + labels[i]]
    let before = 0
    for (let c = 0; c < columns; c++) {
      const other = data[i * columns + c]
      if (other > own || (other === own && c > labels[i])) before++
    }
    hits[i] = Number(before < k)
  }
  return weightedMean(hits, weightsOf(name, weights, rows))
}
