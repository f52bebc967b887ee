/** Rates of right and wrong labels: precision, recall and their kin, for two classes or averaged over several. */
import { finite, real } from "../stats/check.ts"
import { type Confusion, type Counts, confusionOf, countsOf } from "./confusion.ts"
import type { WeightOptions } from "./labels.ts"

/** Options of the rates. */
export interface RateOptions extends WeightOptions {
  /** All labels, also those that do not occur; default: those that occur, rising. */
  readonly labels?: readonly number[]
  /**
   * How several classes become one number. `binary` (default): the rate of the label `positive`, where there are at most
   * two. `macro`: the mean of the classes' rates; `weighted`: that weighted by how often each class is true; `micro`: the
   * rate of all classes' counts together.
   */
  readonly average?: "binary" | "macro" | "micro" | "weighted"
  /** The label whose rate `binary` is. */
  readonly positive?: number
  /** The value of a rate that is 0 / 0. With NaN, such classes are left out of averages. */
  readonly zeroDivision?: number
}

type Rate = (counts: Counts) => readonly [number, number]

const rates = {
  precision: ({ tp, fp }) => [tp, tp + fp],
  recall: ({ tp, fn }) => [tp, tp + fn],
  specificity: ({ tn, fp }) => [tn, tn + fp],
  npv: ({ tn, fn }) => [tn, tn + fn],
  iou: ({ tp, fp, fn }) => [tp, tp + fp + fn],
} satisfies Record<string, Rate>

const fRate = (beta: number): Rate => {
  const b = beta * beta
  return ({ tp, fp, fn }) => [(1 + b) * tp, (1 + b) * tp + b * fn + fp]
}

function ratio([part, whole]: readonly [number, number], zeroDivision: number): number {
  return whole === 0 ? zeroDivision : part / whole
}

function rateOf(
  name: string,
  rate: Rate,
  target: ArrayLike<number>,
  predicted: ArrayLike<number>,
  { labels, average = "binary", positive = 1, zeroDivision = 0, weights }: RateOptions,
): number {
  const confusion = confusionOf(name, target, predicted, labels, weights)
  const counts = countsOf(confusion)
  if (average === "binary") return ratio(rate(ofPositive(name, confusion, counts, positive)), zeroDivision)
  if (average === "micro") return ratio(rate(counts.reduce(added)), zeroDivision)
  if (average !== "macro" && average !== "weighted") {
    throw new RangeError(`${name}: average is "${average}", expected "binary", "macro", "micro" or "weighted"`)
  }
  let sum = 0
  let total = 0
  for (const c of counts) {
    const value = ratio(rate(c), zeroDivision)
    const share = average === "macro" ? 1 : c.tp + c.fn
    if (Number.isNaN(value) || share === 0) continue
    sum += share * value
    total += share
  }
  return ratio([sum, total], zeroDivision)
}

function added(a: Counts, b: Counts): Counts {
  return { tp: a.tp + b.tp, fp: a.fp + b.fp, fn: a.fn + b.fn, tn: a.tn + b.tn }
}

function ofPositive(name: string, { labels, counts }: Confusion, each: readonly Counts[], positive: number): Counts {
  const others = labels.filter((label) => label !== positive)
  if (others.length > 1) {
    throw new RangeError(
      `${name}: there are labels [${labels.join(", ")}], expected ${positive} and one more (pass average: "macro", "micro" or "weighted")`,
    )
  }
  const at = labels.indexOf(positive)
  return at >= 0 ? each[at] : { tp: 0, fp: 0, fn: 0, tn: counts.data[0] }
}

/**
 * Precision or positive predictive value, TP / (TP + FP): the share of those found that are right.
 *
 * @throws RangeError for lists that do not fit each other, or more than two labels without an average.
 */
export function precision(target: ArrayLike<number>, predicted: ArrayLike<number>, options: RateOptions = {}): number {
  return rateOf("precision", rates.precision, target, predicted, options)
}

/** Recall, sensitivity or true positive rate, TP / (TP + FN): the share of the right ones that were found. @throws as {@link precision}. */
export function recall(target: ArrayLike<number>, predicted: ArrayLike<number>, options: RateOptions = {}): number {
  return rateOf("recall", rates.recall, target, predicted, options)
}

/** Specificity or true negative rate, TN / (TN + FP): the recall of the others. @throws as {@link precision}. */
export function specificity(
  target: ArrayLike<number>,
  predicted: ArrayLike<number>,
  options: RateOptions = {},
): number {
  return rateOf("specificity", rates.specificity, target, predicted, options)
}

/** Negative predictive value, TN / (TN + FN): the precision of the others. @throws as {@link precision}. */
export function npv(target: ArrayLike<number>, predicted: ArrayLike<number>, options: RateOptions = {}): number {
  return rateOf("npv", rates.npv, target, predicted, options)
}

/** Options of {@link fBeta}. */
export interface FBetaOptions extends RateOptions {
  /** How many times as much recall counts as precision. */
  readonly beta?: number
}

/**
 * (1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP): the weighted harmonic mean of precision and recall (notes 003,
 * definition 3.58, leave "weighted" out). It is 0 / 0 only where nothing is positive and nothing was found.
 *
 * @throws RangeError as {@link precision}, and for a negative beta.
 */
export function fBeta(
  target: ArrayLike<number>,
  predicted: ArrayLike<number>,
  { beta = 1, ...options }: FBetaOptions = {},
): number {
  if (finite("fBeta", "beta", beta) < 0) throw new RangeError(`fBeta: beta is ${beta}, expected a number from 0`)
  return rateOf("fBeta", fRate(beta), target, predicted, options)
}

/** F1, 2 TP / (2 TP + FN + FP): {@link fBeta} with beta 1, and the {@link dice} coefficient. @throws as {@link precision}. */
export function f1(target: ArrayLike<number>, predicted: ArrayLike<number>, options: RateOptions = {}): number {
  return rateOf("f1", fRate(1), target, predicted, options)
}

/**
 * Dice coefficient of two masks or labellings, 2 |A and B| / (|A| + |B|) = 2 TP / (2 TP + FP + FN), which is 2 IoU / (1 +
 * IoU) (notes 003, remark 3.44, lose the 2 above the line). It is the same number as {@link f1}. @throws as
 * {@link precision}.
 */
export function dice(target: ArrayLike<number>, predicted: ArrayLike<number>, options: RateOptions = {}): number {
  return rateOf("dice", fRate(1), target, predicted, options)
}

/**
 * Jaccard index of two masks or labellings, intersection over union, TP / (TP + FP + FN). The mean IoU of a segmentation
 * is `average: "macro"`. `boxIou` is that of rectangles. @throws as {@link precision}.
 */
export function iou(target: ArrayLike<number>, predicted: ArrayLike<number>, options: RateOptions = {}): number {
  return rateOf("iou", rates.iou, target, predicted, options)
}

/** All rates of one label against the others. */
export interface ClassRates {
  readonly label: number
  /** How many examples, or how much weight, the label has. */
  readonly support: number
  readonly precision: number
  readonly recall: number
  readonly specificity: number
  readonly npv: number
  readonly f1: number
  readonly iou: number
}

/**
 * The rates of every label against the others, without an average.
 *
 * @throws RangeError for lists that do not fit each other.
 */
export function perClass(
  target: ArrayLike<number>,
  predicted: ArrayLike<number>,
  { labels, zeroDivision = 0, weights }: Pick<RateOptions, "labels" | "zeroDivision" | "weights"> = {},
): ClassRates[] {
  const confusion = confusionOf("perClass", target, predicted, labels, weights)
  return countsOf(confusion).map((c, k) => {
    const of = (rate: Rate): number => ratio(rate(c), zeroDivision)
    return {
      label: confusion.labels[k],
      support: c.tp + c.fn,
      precision: of(rates.precision),
      recall: of(rates.recall),
      specificity: of(rates.specificity),
      npv: of(rates.npv),
      f1: of(fRate(1)),
      iou: of(rates.iou),
    }
  })
}

/** A box by two corners, [left, top, right, bottom]. */
export type Box = readonly [number, number, number, number]

/**
 * Intersection over union of two boxes; 0 where they do not meet, and for two boxes without area.
 *
 * @throws RangeError for a box whose right is before its left, or bottom before its top.
 */
export function boxIou(a: Box, b: Box): number {
  const area = (name: string, [left, top, right, bottom]: Box): number => {
    for (const v of [left, top, right, bottom]) real("boxIou", name, v)
    if (right < left || bottom < top) {
      throw new RangeError(
        `boxIou: ${name} is [${left}, ${top}, ${right}, ${bottom}], expected [left, top, right, bottom] with left <= right and top <= bottom`,
      )
    }
    return (right - left) * (bottom - top)
  }
  const both = area("a", a) + area("b", b)
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0])
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1])
  const shared = width > 0 && height > 0 ? width * height : 0
  return shared === 0 ? 0 : shared / (both - shared)
}
