/** An endless stream of batches that can be stopped, saved and continued to the same bits. */

import { fold, Generator, keyOf } from "../engine/random.ts"
import type { Batch, Dataset } from "./dataset.ts"
import { range } from "./dataset.ts"

/** Where a loader stands: the next batch begins at item `position` of the order of `epoch`. Plain JSON. */
export interface LoaderState {
  readonly seed: number
  readonly epoch: number
  readonly position: number
}

/** How a {@link Loader} walks a data set. */
export interface LoaderOptions {
  /** Items a batch, default 128. */
  batch?: number
  /** Seed of the orders, default 0. */
  seed?: number
  /** Whether each epoch has its own random order (default) or that of the data set. */
  shuffle?: boolean
  /** Whether the items left at the end of an epoch, too few for a batch, are passed over (default) or come as a small batch. */
  dropLast?: boolean
}

/** A stream of batches over a data set. */
export interface Loader {
  readonly dataset: Dataset
  /** Items a batch; with `dropLast: false` the last batch of an epoch may hold fewer. */
  readonly batch: number
  /** Batches an epoch. */
  readonly batches: number
  /** The next batch; after the last of an epoch comes the first of the next, in a new order. Never ends. */
  next(): Batch
  /** Resolves when the next batch is at hand; what the two after it need is begun meanwhile. For sets that read files. */
  prepare(): Promise<void>
  /** Where the stream stands. */
  state(): LoaderState
  /** Continues from a saved state: the batches that follow are those that would have followed then, bit for bit. */
  restore(state: LoaderState): void
  /** One pass over the batches of epoch `n`, in its order; the endless stream does not move. For evaluation. */
  epoch(n?: number): IterableIterator<Batch>
}

/**
 * A seeded, resumable stream of batches. Epoch `e` is ordered by a permutation drawn from fold(seed, e), so a state of
 * three numbers is enough to continue.
 *
 * @throws RangeError when the data set is empty, or smaller than one batch with `dropLast`.
 */
export function loader(
  dataset: Dataset,
  { batch = 128, seed = 0, shuffle = true, dropLast = true }: LoaderOptions = {},
): Loader {
  if (!(Number.isInteger(batch) && batch >= 1)) {
    throw new RangeError(`loader: got batch ${batch}, expected a whole number from 1`)
  }
  const { name, length } = dataset
  if (length === 0) throw new RangeError(`loader: ${name} has no items`)
  if (dropLast && length < batch) {
    throw new RangeError(
      `loader: ${name} has ${length} items, a batch needs ${batch} (ask for a smaller batch, or dropLast: false)`,
    )
  }
  keyOf(seed)
  /** Where no batch begins any more, the next epoch does. */
  const settle = (to: LoaderState): LoaderState =>
    (dropLast ? to.position + batch > length : to.position >= length) ? { ...to, epoch: to.epoch + 1, position: 0 } : to
  let at: LoaderState = { seed, epoch: 0, position: 0 }
  /** The orders asked for last: while an epoch ends, the next one's items are being prepared. */
  let held: { seed: number; epoch: number; order: Int32Array }[] = []

  const order = (of: { seed: number; epoch: number }): Int32Array => {
    const found = held.find(({ seed, epoch }) => seed === of.seed && (epoch === of.epoch || !shuffle))
    if (found !== undefined) return found.order
    const made = shuffle
      ? new Generator(fold(keyOf(of.seed), loaderStream, of.epoch)).permutation(length)
      : range(length)
    held = [{ ...of, order: made }, ...held.slice(0, 1)]
    return made
  }
  const stopOf = (state: LoaderState): number => Math.min(state.position + batch, length)
  const indicesAt = (state: LoaderState): Int32Array => order(state).slice(state.position, stopOf(state))

  return {
    dataset,
    batch,
    batches: dropLast ? Math.floor(length / batch) : Math.ceil(length / batch),
    next: () => {
      const result = dataset.batch(indicesAt(at), at.epoch)
      at = settle({ ...at, position: stopOf(at) })
      return result
    },
    prepare: async () => {
      if (dataset.prepare === undefined) return
      const first = dataset.prepare(indicesAt(at))
      let later = at
      for (let k = 0; k < ahead; k++) {
        later = settle({ ...later, position: stopOf(later) })
        // What goes wrong there is told when its turn comes.
        dataset.prepare(indicesAt(later)).catch(() => {})
      }
      await first
    },
    state: () => ({ ...at }),
    restore: ({ seed, epoch, position }) => {
      keyOf(seed)
      if (!(Number.isSafeInteger(epoch) && epoch >= 0)) {
        throw new RangeError(`loader: restored epoch is ${epoch}, expected a whole number from 0`)
      }
      if (!(Number.isInteger(position) && position >= 0 && position < length)) {
        throw new RangeError(
          `loader: restored position is ${position}, ${name} has ${length} items (was the state saved with this data set?)`,
        )
      }
      at = settle({ seed, epoch, position })
    },
    *epoch(n = 0) {
      const items = order({ seed: at.seed, epoch: n })
      const stop = dropLast ? length - (length % batch) : length
      for (let from = 0; from < stop; from += batch)
        yield dataset.batch(items.slice(from, Math.min(from + batch, stop)), n)
    },
  }
}

/** Batches whose items are prepared before their turn. */
const ahead = 2

/** Keeps the draws of a loader apart from those of other users of the same seed. */
const loaderStream = 0x6c6f6164
