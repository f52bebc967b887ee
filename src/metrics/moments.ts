/** Mean and covariance of features, batch by batch. */
import { array, type NdArray } from "../engine/array.ts"
import { type Batches, eachBatch, type Rows, rowsOf } from "./batches.ts"
import { Products } from "./product.ts"

/** What the Frechet distance knows of a set: a Gaussian (see `tweedie/stats`) and how many rows it was fitted to. */
export interface FeatureStatistics {
  readonly count: number
  /** [features] */
  readonly mean: Float64Array
  /** [features, features], divisor count - 1, symmetric to the bit. */
  readonly covariance: NdArray<"float64">
}

/** Doubles of a chunk: large enough for the engine to be busy, 16 MiB. */
const chunkSize = 2 ** 21

/**
 * Mean and covariance of a stream in one pass and little memory: three matrices and a chunk.
 *
 * Rows are gathered to chunks of one size whatever the batches, so the result does not depend on how they were cut. A
 * chunk is centred by its own mean before its product is taken, and joined to what came before by
 * M + M' + (m' - m)(m' - m)^T n n' / (n + n'): as exact as two passes. Source: Chan, Golub and LeVeque 1979.
 */
export class MomentStream {
  readonly #where: string
  #count = 0
  #width = 0
  #capacity = 0
  #chunk = new Float64Array(0)
  #filled = 0
  #mean = new Float64Array(0)
  #scatter = new Float64Array(0)
  #products: Products | undefined
  #pending: Promise<void> = Promise.resolve()

  constructor(where = "featureStatistics") {
    this.#where = where
  }

  /** Takes rows [count, features]; resolves when there is room for more. */
  async add({ count, width, data }: Rows): Promise<void> {
    if (this.#products === undefined) this.#start(width)
    if (width !== this.#width)
      throw new RangeError(
        `${this.#where}: a batch has ${width} features, expected ${this.#width} like those before it`,
      )
    for (let from = 0; from < count; ) {
      const rows = Math.min(count - from, this.#capacity - this.#filled)
      this.#chunk.set(data.subarray(from * width, (from + rows) * width), this.#filled * width)
      this.#filled += rows
      from += rows
      if (this.#filled === this.#capacity) await this.#flush()
    }
  }

  /** The statistics of all rows; the stream is at its end. @throws RangeError where there are fewer than two rows. */
  async finish(): Promise<FeatureStatistics> {
    try {
      if (this.#filled > 0) await this.#flush()
      await this.#pending
    } finally {
      await this.dispose()
    }
    const [count, width, covariance] = [this.#count, this.#width, this.#scatter]
    if (count < 2) throw new RangeError(`${this.#where}: got ${count} rows of features, expected two or more`)
    for (let i = 0; i < width; i++) {
      for (let j = 0; j <= i; j++) {
        const value = (covariance[i * width + j] + covariance[j * width + i]) / 2 / (count - 1)
        covariance[i * width + j] = value
        covariance[j * width + i] = value
      }
    }
    if (!covariance.every(Number.isFinite))
      throw new RangeError(`${this.#where}: the features are so large that their covariance overflows`)
    return { count, mean: this.#mean, covariance: array("float64", [width, width], covariance) }
  }

  /** Frees what the engine holds; for a stream that is left before its end. */
  async dispose(): Promise<void> {
    await this.#pending.catch(() => {})
    await this.#products?.dispose()
  }

  #start(width: number): void {
    this.#width = width
    this.#capacity = Math.max(256, Math.min(8192, Math.floor(chunkSize / width)))
    this.#chunk = new Float64Array(this.#capacity * width)
    this.#mean = new Float64Array(width)
    this.#scatter = new Float64Array(width * width)
    this.#products = new Products(this.#capacity * width * width)
  }

  /** Sends the chunk off; the one before it must be done. Rows that are missing in the last stay 0 and add nothing. */
  async #flush(): Promise<void> {
    const [chunk, rows] = [this.#chunk, this.#filled]
    this.#filled = 0
    await this.#pending
    this.#chunk = new Float64Array(chunk.length)
    this.#pending = this.#join(chunk, rows)
    // Whoever awaits it next is told; until then it is nobody's unhandled failure.
    this.#pending.catch(() => {})
  }

  async #join(chunk: Float64Array, rows: number): Promise<void> {
    const width = this.#width
    const mean = new Float64Array(width)
    for (let i = 0; i < rows; i++) for (let j = 0; j < width; j++) mean[j] += chunk[i * width + j]
    for (let j = 0; j < width; j++) mean[j] /= rows
    for (let i = 0; i < rows; i++) for (let j = 0; j < width; j++) chunk[i * width + j] -= mean[j]
    const scatter = await this.#products!.gram(chunk, width)
    const total = this.#count + rows
    const step = mean.map((m, j) => m - this.#mean[j])
    const weight = (this.#count / total) * rows
    for (let i = 0; i < width; i++) {
      const factor = weight * step[i]
      for (let j = 0, at = i * width; j < width; j++, at++) this.#scatter[at] += scatter[at] + factor * step[j]
    }
    for (let j = 0; j < width; j++) this.#mean[j] += (rows / total) * step[j]
    this.#count = total
  }
}

/** Options of measures that may take long. */
export interface SignalOptions {
  readonly signal?: AbortSignal
}

/**
 * Mean and covariance of a stream of features [batch, features] in double precision: what {@link fid} compares. A set
 * that is compared often (the training images) needs it once.
 *
 * @example await featureStatistics(featuresOf(images, network))
 * @throws RangeError for batches of different width, features that are not finite, or fewer than two rows.
 */
export async function featureStatistics(features: Batches, { signal }: SignalOptions = {}): Promise<FeatureStatistics> {
  const stream = new MomentStream()
  let width: number | undefined
  try {
    for await (const batch of eachBatch(features)) {
      signal?.throwIfAborted()
      const rows = rowsOf("featureStatistics", batch, width)
      width = rows.width
      await stream.add(rows)
    }
    return await stream.finish()
  } finally {
    await stream.dispose()
  }
}
