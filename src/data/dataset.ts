/** What a data set is, and the small ways to make one: from arrays, from a rule, from a part of another. */

import type { Arrayable, NdArray } from "../engine/array.ts"
import { array, asArray, castArray, sizeOf, toNumbers } from "../engine/array.ts"
import { fold, Generator, keyOf } from "../engine/random.ts"

/** Some items of a data set: `x` is [batch, ...shape], `y` holds one class label an item, [batch]. */
export interface Batch {
  readonly x: NdArray<"float32">
  readonly y?: NdArray<"int32">
}

/**
 * Items that can be asked for by number, all of one shape.
 * Images are [channels, height, width], float32 in [-1, 1]. A procedural set is endless in spirit: its length is large,
 * and item `i` depends on `i` and the seed alone.
 */
export interface Dataset {
  /** Name for logs and errors. */
  readonly name: string
  /** Number of items, at most 2^31 - 1. */
  readonly length: number
  /** Shape of one item, such as [1, 28, 28] or [2]. */
  readonly shape: readonly number[]
  /** Number of classes, when items are labelled; labels are 0 ... classes - 1. */
  readonly classes?: number
  /** A line about where the items come from and what was done to them, for people. */
  readonly about?: string
  /**
   * The items at `indices`, in that order, in new arrays. Where items are changed at random, `epoch` says which of their
   * forms is meant. Throws RangeError for an index outside the set.
   */
  batch(indices: Int32Array, epoch?: number): Batch
  /** Resolves when the items at `indices` are at hand, so that `batch` need not wait for files. */
  prepare?(indices: Int32Array): Promise<void>
}

/** How {@link dataset} reads plain arrays. */
export interface DatasetOptions {
  /** Name for logs and errors. */
  name?: string
  /** Shape of one item, for data given as one flat list; default: what follows the first axis of `x`. */
  shape?: readonly number[]
  /** Number of classes; default: the largest label plus one. */
  classes?: number
}

/**
 * A data set of one's own arrays: `dataset([[0, 1], [1, 0]], [0, 1])`.
 *
 * `x` is [count, ...shape] as an array, a typed array with `shape`, or nested lists; values are taken as they are, cast to
 * float32 (float32 arrays are not copied). `y` is [count] whole numbers from 0.
 *
 * @throws RangeError when counts differ, a value is not finite, or a label is not a class number.
 */
export function dataset(
  x: Arrayable,
  y?: Arrayable,
  { name = "dataset", shape, classes }: DatasetOptions = {},
): Dataset {
  const items = castArray(asArray(x), "float32")
  const whole = items.shape
  if (whole.length === 0) throw new RangeError("dataset: x is one number, expected items along a first axis")
  const item = shape ?? whole.slice(1)
  const count = shape === undefined ? whole[0] : items.data.length / sizeOf(shape)
  if (!Number.isSafeInteger(count)) {
    throw new RangeError(`dataset: x has ${items.data.length} values, not a multiple of an item ${bracket(item)}`)
  }
  const bad = items.data.findIndex((v) => !Number.isFinite(v))
  if (bad >= 0) throw new RangeError(`dataset: x holds ${items.data[bad]} in item ${Math.floor(bad / sizeOf(item))}`)
  const labels = y === undefined ? undefined : labelsOf(asArray(y), count, classes)
  const step = sizeOf(item)
  return {
    name,
    length: count,
    shape: item,
    ...(labels && { classes: labels.classes }),
    batch: (indices) => {
      const data = new Float32Array(indices.length * step)
      forEachIndex(name, count, indices, (i, at) => {
        data.set(items.data.subarray(i * step, (i + 1) * step), at * step)
      })
      const batchX = array("float32", [indices.length, ...item], data)
      return labels ? { x: batchX, y: pick(labels.values, indices) } : { x: batchX }
    },
  }
}

/** What {@link procedural} needs: a size, and the rule that writes item `i` and returns its label. */
export interface Rule {
  readonly name: string
  readonly length: number
  readonly shape: readonly number[]
  readonly classes?: number
  /** Writes item `i` into `out` (its own part of the batch, holding zeros) and returns its label, 0 where there is none. */
  write(i: number, out: Float32Array): number
}

/** A data set whose items are computed when asked for. */
export function procedural({ name, length, shape, classes, write }: Rule): Dataset {
  if (!(Number.isInteger(length) && length >= 1 && length < 2 ** 31)) {
    throw new RangeError(`${name}: got count ${length}, expected a whole number from 1 to 2^31 - 1`)
  }
  const step = sizeOf(shape)
  return {
    name,
    length,
    shape,
    ...(classes !== undefined && { classes }),
    batch: (indices) => {
      const data = new Float32Array(indices.length * step)
      const labels = new Int32Array(indices.length)
      forEachIndex(name, length, indices, (i, at) => {
        labels[at] = write(i, data.subarray(at * step, (at + 1) * step))
      })
      const x = array("float32", [indices.length, ...shape], data)
      return classes === undefined ? { x } : { x, y: array("int32", [indices.length], labels) }
    },
  }
}

/** The items of `source` at `indices`, in that order. An index may occur more than once. */
export function subset(source: Dataset, indices: Int32Array | readonly number[]): Dataset {
  const chosen = Int32Array.from(indices)
  forEachIndex(source.name, source.length, indices, () => {})
  const innerOf = (at: Int32Array): Int32Array => {
    const inner = new Int32Array(at.length)
    forEachIndex(source.name, chosen.length, at, (i, k) => {
      inner[k] = chosen[i]
    })
    return inner
  }
  return {
    name: source.name,
    length: chosen.length,
    shape: source.shape,
    ...(source.classes !== undefined && { classes: source.classes }),
    ...(source.about !== undefined && { about: source.about }),
    batch: (at, epoch) => source.batch(innerOf(at), epoch),
    ...(source.prepare && { prepare: (at: Int32Array) => source.prepare!(innerOf(at)) }),
  }
}

/** The items of these numbers, when all that they need has been got ready. */
export async function prepared(source: Dataset, indices: Int32Array): Promise<Batch> {
  await source.prepare?.(indices)
  return source.batch(indices)
}

/** Batches of at most `size` items in the order of `source`, each got ready when it is asked for. */
export async function* inOrder(source: Dataset, size: number): AsyncGenerator<Batch> {
  for (let from = 0; from < source.length; from += size) {
    const to = Math.min(source.length, from + size)
    yield await prepared(
      source,
      Int32Array.from({ length: to - from }, (_, i) => from + i),
    )
  }
}

/** The first `count` items of `source`. */
export function take(source: Dataset, count: number): Dataset {
  if (!(Number.isInteger(count) && count >= 0 && count <= source.length)) {
    throw new RangeError(
      `take: got ${count}, expected a whole number up to the ${source.length} items of ${source.name}`,
    )
  }
  return subset(source, range(count))
}

/** The two parts of {@link split}. */
export interface Split {
  readonly train: Dataset
  readonly validation: Dataset
}

/**
 * Two disjoint parts that together are the whole: `validation` gets round(length * fraction) items chosen by `seed`.
 * Both keep the order of `source`, so a part read in order is read in the order of the file.
 *
 * @throws RangeError when the fraction leaves either part empty.
 */
export function split(
  source: Dataset,
  { validation = 0.1, seed = 0 }: { validation?: number; seed?: number } = {},
): Split {
  const count = Math.round(source.length * validation)
  if (!(validation > 0 && validation < 1 && count > 0 && count < source.length)) {
    throw new RangeError(
      `split: validation ${validation} of ${source.length} items leaves an empty part, expected a fraction between 0 and 1`,
    )
  }
  const order = new Generator(fold(keyOf(seed), splitStream)).permutation(source.length)
  return { train: subset(source, order.slice(count).sort()), validation: subset(source, order.slice(0, count).sort()) }
}

/** Keeps the draws of a split apart from those of a loader with the same seed. */
const splitStream = 0x73706c74

/** 0 ... count-1: the indices of the first items. */
export function range(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => i)
}

/** Calls `use(index, position)` for each index. Throws RangeError at the first that is no item of the set. */
export function forEachIndex(
  name: string,
  length: number,
  indices: ArrayLike<number>,
  use: (index: number, position: number) => void,
): void {
  for (let at = 0; at < indices.length; at++) {
    const i = indices[at]
    if (!(Number.isInteger(i) && i >= 0 && i < length)) {
      throw new RangeError(`${name}: index ${i} at position ${at}, expected 0 to ${length - 1}`)
    }
    use(i, at)
  }
}

/** Labels at indices that were already checked. */
export function pick(labels: Int32Array, indices: Int32Array): NdArray<"int32"> {
  return array(
    "int32",
    [indices.length],
    indices.map((i) => labels[i]),
  )
}

function labelsOf(y: NdArray, count: number, given: number | undefined): { values: Int32Array; classes: number } {
  if (y.shape.length !== 1 || y.shape[0] !== count) {
    throw new RangeError(`dataset: y is ${bracket(y.shape)}, expected one label for each of ${count} items: [${count}]`)
  }
  const values = toNumbers(y)
  const classes = given ?? values.reduce((a, b) => Math.max(a, b), -1) + 1
  const bad = values.findIndex((v) => !(Number.isInteger(v) && v >= 0 && v < Math.min(classes, 2 ** 31)))
  if (bad >= 0) {
    throw new RangeError(`dataset: label ${bad} is ${values[bad]}, expected a whole number from 0 to ${classes - 1}`)
  }
  return { values: Int32Array.from(values), classes }
}

function bracket(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`
}
