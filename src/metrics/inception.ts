/** The inception score's form: how sure a classifier is of each image, and how different its answers are. */
import { fold, Generator, keyOf } from "../engine/random.ts"
import { integer } from "../stats/check.ts"
import { type Batches, FeatureBank } from "./batches.ts"

/** Options of {@link inceptionScore}. */
export interface InceptionOptions {
  /** Parts the set is cut into; the score is the mean over them. */
  readonly splits?: number
  /** Seed of the order in which images are dealt to the parts, or `null` for the order they come in. */
  readonly seed?: number | null
}

/** What {@link inceptionScore} gives. */
export interface InceptionScore {
  /** From 1 to the number of classes. */
  readonly value: number
  /** Standard deviation over the parts (divisor: their number). */
  readonly std: number
  readonly splits: number
}

/** Keeps the order of images apart from other users of the same seed. */
const orderStream = 0x69736f

/** How far probabilities of an image may be from adding up to 1. */
const slack = 1e-4

/**
 * exp(E KL(p(y|x) || p(y))) of the class probabilities [batch, classes] that a classifier gives: 1 when all images get
 * the same answer, the number of classes when each is sure and all are met equally. It sees no real images, and is
 * Inception's score only with Inception's classes. Source: Salimans et al. 2016.
 *
 * @throws RangeError for rows that are no probabilities, or fewer rows than splits.
 */
export async function inceptionScore(
  probabilities: Batches | FeatureBank,
  { splits = 10, seed = 0 }: InceptionOptions = {},
): Promise<InceptionScore> {
  integer("inceptionScore", "splits", splits, 1)
  const bank = await FeatureBank.of("inceptionScore", "probabilities", probabilities)
  const { count, width } = bank
  if (count < splits)
    throw new RangeError(`inceptionScore: splits is ${splits}, expected at most ${count}, the number of images`)
  const order =
    seed === null
      ? Int32Array.from({ length: count }, (_, i) => i)
      : new Generator(fold(keyOf(seed), orderStream)).permutation(count)
  const scores = Array.from({ length: splits }, (_, s) => {
    const part = order.subarray(Math.floor((s * count) / splits), Math.floor(((s + 1) * count) / splits))
    return scoreOf(bank.take(part), part, width)
  })
  const value = scores.reduce((sum, v) => sum + v / splits, 0)
  const std = Math.sqrt(scores.reduce((sum, v) => sum + (v - value) ** 2 / splits, 0))
  return { value, std, splits }
}

/** The score of one part, rows p [images, classes]: sum p log p / images minus sum q log q of their mean q. */
function scoreOf(p: Float64Array, images: Int32Array, classes: number): number {
  const mean = new Float64Array(classes)
  let sum = 0
  for (const [i, image] of images.entries()) {
    const row = p.subarray(i * classes, (i + 1) * classes)
    let total = 0
    for (const v of row) total += v
    if (!(Math.abs(total - 1) <= slack && row.every((v) => v >= 0))) {
      throw new RangeError(
        `inceptionScore: row ${image} adds up to ${total}, its least entry is ${Math.min(...row)}, expected probabilities (take the softmax of logits)`,
      )
    }
    for (let c = 0; c < classes; c++) {
      const v = row[c] / total
      mean[c] += v / images.length
      if (v > 0) sum += (v * Math.log(v)) / images.length
    }
  }
  for (const q of mean) if (q > 0) sum -= q * Math.log(q)
  return Math.exp(Math.max(0, sum))
}
