/** Cross-validation: who trains and who tests, in turn. */
import { fold as derive, Generator, keyOf } from "../engine/random.ts"

/** One turn of a cross-validation: item numbers to train on and to test on, both rising. */
export interface Fold {
  readonly train: Int32Array
  readonly test: Int32Array
}

/** Options of {@link kFold} and {@link stratifiedKFold}. */
export interface FoldOptions {
  /** Number of groups, from 2 to the number of items. */
  readonly folds?: number
  /** Whether items are dealt in random order. Without, the groups of `kFold` are runs of neighbours. */
  readonly shuffle?: boolean
  readonly seed?: number
}

/** Keeps the draws of folds apart from those of loaders and splits with the same seed. */
const foldStream = 0x666f6c64

function expectFolds(name: string, folds: number, most: number, what: string): void {
  if (!(Number.isInteger(folds) && folds >= 2 && folds <= most)) {
    throw new RangeError(`${name}: folds is ${folds}, expected a whole number from 2 to ${what}, ${most}`)
  }
}

/** Folds from the group each item is in. */
function foldsOf(group: Int32Array, folds: number): Fold[] {
  const where = (isWanted: (g: number) => boolean): Int32Array =>
    Int32Array.from(Array.from(group.keys()).filter((i) => isWanted(group[i])))
  return Array.from({ length: folds }, (_, k) => ({ train: where((g) => g !== k), test: where((g) => g === k) }))
}

function orderOf(count: number, shuffle: boolean, seed: number): Int32Array {
  return shuffle
    ? new Generator(derive(keyOf(seed), foldStream)).permutation(count)
    : Int32Array.from({ length: count }, (_, i) => i)
}

/**
 * k-fold cross-validation of `count` items: they are shuffled and dealt into k groups whose sizes differ by one at most;
 * each group tests once, while the others train (notes 003, example 26).
 *
 * @throws RangeError for a number of folds that is not from 2 to `count`.
 */
export function kFold(count: number, { folds = 5, shuffle = true, seed = 0 }: FoldOptions = {}): Fold[] {
  if (!(Number.isInteger(count) && count >= 2 && count < 2 ** 31)) {
    throw new RangeError(`kFold: count is ${count}, expected a whole number from 2 to 2^31 - 1`)
  }
  expectFolds("kFold", folds, count, "the number of items")
  const group = new Int32Array(count)
  // The first count mod k groups have one item more.
  const small = Math.floor(count / folds)
  const large = (count % folds) * (small + 1)
  const order = orderOf(count, shuffle, seed)
  for (let i = 0; i < count; i++) {
    group[order[i]] = i < large ? Math.floor(i / (small + 1)) : Math.floor((i - large) / small) + (count % folds)
  }
  return foldsOf(group, folds)
}

/** Leave-one-out: as many folds as items, each testing one. @throws RangeError for fewer than two items. */
export function leaveOneOut(count: number): Fold[] {
  return kFold(count, { folds: count, shuffle: false })
}

/**
 * k-fold cross-validation that keeps the shares of the labels: sorted by label they are dealt one by one, so the number of
 * items of any label, and of all, differs by one at most between groups.
 *
 * @throws RangeError for a number of folds that is not from 2 to the size of the smallest class.
 */
export function stratifiedKFold(
  labels: ArrayLike<number>,
  { folds = 5, shuffle = true, seed = 0 }: FoldOptions = {},
): Fold[] {
  const name = "stratifiedKFold"
  const members = new Map<number, number[]>()
  for (const i of orderOf(labels.length, shuffle, seed)) {
    const label = labels[i]
    if (!Number.isFinite(label)) throw new RangeError(`${name}: label ${i} is ${label}, expected a finite number`)
    const own = members.get(label)
    if (own === undefined) members.set(label, [i])
    else own.push(i)
  }
  if (members.size === 0) throw new RangeError(`${name}: got no labels`)
  const smallest = Math.min(...[...members.values()].map((own) => own.length))
  expectFolds(name, folds, smallest, "the size of the smallest class")
  const group = new Int32Array(labels.length)
  let dealt = 0
  for (const label of [...members.keys()].sort((a, b) => a - b)) {
    for (const i of members.get(label)!) group[i] = dealt++ % folds
  }
  return foldsOf(group, folds)
}

/** What a cross-validation found. */
export interface CrossValidation {
  /** One value a fold. */
  readonly values: readonly number[]
  readonly mean: number
  /** Standard deviation of the values, with divisor k - 1. */
  readonly std: number
}

/**
 * Cross-validation: `evaluate` trains on `fold.train`, measures on `fold.test` and gives the measure; its model is let go.
 * What is judged is a way of training, not one model (notes 003, remark 3.17).
 *
 * @example await crossValidate(kFold(rows.length), ({ train, test }) => rmse(pick(y, test), fit(train).predict(test)))
 * @throws RangeError for fewer than two folds, or a measure that is not a finite number.
 */
export async function crossValidate(
  folds: readonly Fold[],
  evaluate: (fold: Fold, index: number) => number | Promise<number>,
): Promise<CrossValidation> {
  if (folds.length < 2) throw new RangeError(`crossValidate: got ${folds.length} folds, expected two or more`)
  const values: number[] = []
  for (const [k, fold] of folds.entries()) {
    const value = await evaluate(fold, k)
    if (!Number.isFinite(value)) {
      throw new RangeError(`crossValidate: fold ${k} measured ${value}, expected a finite number`)
    }
    values.push(value)
  }
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const square = values.reduce((a, v) => a + (v - mean) ** 2, 0)
  return { values, mean, std: Math.sqrt(square / (values.length - 1)) }
}
