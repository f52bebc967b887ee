/** Features as measures read them: batches from a stream, checked, and kept where a measure needs them all. */
import { type Arrayable, asArray, isArray, type NdArray, toNumbers } from "../engine/array.ts"

/**
 * A stream of batches: a list, a generator or an asynchronous one of arrays whose first axis is the batch; one array is a
 * stream of one batch. Each is read once, and kept only where the measure says so.
 */
export type Batches = NdArray | Iterable<Arrayable> | AsyncIterable<Arrayable>

/** Rows of features [count, width]; `data` belongs to the caller. */
export interface Rows {
  readonly count: number
  readonly width: number
  readonly data: Float32Array | Float64Array
}

/** The arrays of a stream, one after another. */
export async function* eachBatch(batches: Batches): AsyncGenerator<NdArray> {
  if (isArray(batches)) yield batches
  else for await (const batch of batches) yield asArray(batch)
}

/**
 * A batch of features as rows [count, width]. Axes of size 1 behind the second are dropped: networks often give
 * [batch, features, 1, 1].
 *
 * @throws RangeError for another shape, another width than `width`, or a number that is not finite, by its row.
 */
export function rowsOf(where: string, batch: NdArray, width?: number): Rows {
  const { shape } = batch
  if (shape.length < 2 || shape.slice(2).some((n) => n !== 1) || shape[1] < 1) {
    throw new RangeError(
      `${where}: a batch of features is [${shape.join(", ")}], expected [batch, features] (flatten or average the axes behind)`,
    )
  }
  if (width !== undefined && shape[1] !== width)
    throw new RangeError(`${where}: a batch has ${shape[1]} features, expected ${width} like those before it`)
  const data = batch.dtype === "float32" ? (batch.data as Float32Array) : toNumbers(batch)
  const bad = data.findIndex((v) => !Number.isFinite(v))
  if (bad >= 0) {
    throw new RangeError(
      `${where}: feature ${bad % shape[1]} of row ${Math.floor(bad / shape[1])} of a batch is ${data[bad]}, expected a finite number`,
    )
  }
  return { count: shape[0], width: shape[1], data }
}

/** All features of a set, in memory, in the precision they came in. */
export class FeatureBank {
  readonly #where: string
  readonly #blocks: (Float32Array | Float64Array)[] = []
  /** Row at which each block begins. */
  readonly #starts: number[] = []
  #count = 0
  #width: number | undefined

  constructor(where: string) {
    this.#where = where
  }

  /** Reads a whole stream, or gives the bank it is. @throws RangeError as {@link rowsOf}, and when there are no rows. */
  static async of(where: string, what: string, batches: Batches | FeatureBank): Promise<FeatureBank> {
    if (batches instanceof FeatureBank) return batches
    const bank = new FeatureBank(where)
    for await (const batch of eachBatch(batches)) bank.add(rowsOf(where, batch, bank.#width))
    if (bank.count === 0) throw new RangeError(`${where}: ${what} has no rows, expected some features`)
    return bank
  }

  /** Number of rows. */
  get count(): number {
    return this.#count
  }

  /** Features a row. */
  get width(): number {
    return this.#width ?? 0
  }

  /** Keeps a copy of rows. @throws RangeError where they have another width than those before. */
  add({ count, width, data }: Rows): void {
    if (count === 0) return
    this.#width ??= width
    if (width !== this.#width)
      throw new RangeError(
        `${this.#where}: a batch has ${width} features, expected ${this.#width} like those before it`,
      )
    this.#blocks.push(data.slice(0, count * width))
    this.#starts.push(this.#count)
    this.#count += count
  }

  /** Copies row `index` into `out` from `at`. */
  copy(index: number, out: Float64Array, at: number): void {
    let low = 0
    let high = this.#starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#starts[middle] <= index) low = middle
      else high = middle - 1
    }
    const from = (index - this.#starts[low]) * this.width
    out.set(this.#blocks[low].subarray(from, from + this.width), at)
  }

  /** The rows at `indices` in double precision, [indices, width]. */
  take(indices: ArrayLike<number>): Float64Array {
    const out = new Float64Array(indices.length * this.width)
    for (let i = 0; i < indices.length; i++) this.copy(indices[i], out, i * this.width)
    return out
  }
}

/** Two banks of one width. @throws RangeError as {@link FeatureBank.of}, and where the widths differ. */
export async function twoBanks(
  where: string,
  generated: Batches | FeatureBank,
  reference: Batches | FeatureBank,
): Promise<[FeatureBank, FeatureBank]> {
  const a = await FeatureBank.of(where, "generated", generated)
  const b = await FeatureBank.of(where, "reference", reference)
  if (a.width !== b.width) {
    throw new RangeError(
      `${where}: generated has ${a.width} features, reference has ${b.width}, expected as many (of one network)`,
    )
  }
  return [a, b]
}
