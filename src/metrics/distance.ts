/** Distances of all pairs of two sets of features, by products of blocks. */
import type { FeatureBank } from "./batches.ts"
import type { Products } from "./product.ts"

/** Rows a block: products of this size keep the processors busy, and hold 8 MiB. */
const blockRows = 1024

/** Mean of all rows, [features]. */
export function meanOf(bank: FeatureBank): Float64Array {
  const mean = new Float64Array(bank.width)
  const row = new Float64Array(bank.width)
  for (let i = 0; i < bank.count; i++) {
    bank.copy(i, row, 0)
    for (let j = 0; j < row.length; j++) mean[j] += row[j] / bank.count
  }
  return mean
}

/** Part of a set: its first row, and how many. */
export interface Span {
  readonly from: number
  readonly length: number
}

/** A set whose rows are read block by block, moved so that `center` is the origin: what is subtracted stays small. */
export class Cloud {
  readonly count: number
  readonly block: number
  readonly #bank: FeatureBank
  readonly #center: Float64Array

  constructor(bank: FeatureBank, center: Float64Array) {
    this.count = bank.count
    this.block = Math.min(blockRows, bank.count)
    this.#bank = bank
    this.#center = center
  }

  /** Blocks of rows, the last one filled up with zeros. */
  *blocks(): Iterable<Span & { readonly data: Float64Array; readonly norms: Float64Array }> {
    const width = this.#center.length
    for (let from = 0; from < this.count; from += this.block) {
      const length = Math.min(this.block, this.count - from)
      const data = new Float64Array(this.block * width)
      const norms = new Float64Array(this.block)
      for (let i = 0, at = 0; i < length; i++) {
        this.#bank.copy(from + i, data, at)
        for (let j = 0; j < width; j++, at++) {
          data[at] -= this.#center[j]
          norms[i] += data[at] ** 2
        }
      }
      yield { from, length, data, norms }
    }
  }
}

/** Below this share of the norms a distance is rounding, and is computed again from the differences. */
const close = 1e-8

/**
 * Squared distances of all pairs of rows, block by block: entry [a, b] of `squares` [x.block, y.block] is that of rows
 * `i.from + a` and `j.from + b`; what lies past `i.length` and `j.length` is nothing. Equal rows are at distance 0.
 */
export async function* pairs(
  x: Cloud,
  y: Cloud,
  products: Products,
  signal?: AbortSignal,
): AsyncGenerator<{ readonly i: Span; readonly j: Span; readonly squares: Float64Array }> {
  for (const i of x.blocks()) {
    for (const j of y.blocks()) {
      signal?.throwIfAborted()
      const width = i.data.length / x.block
      const squares = await products.inner(i.data, j.data, width)
      for (let a = 0; a < i.length; a++) {
        for (let b = 0, at = a * y.block; b < j.length; b++, at++) {
          const norms = i.norms[a] + j.norms[b]
          let d = norms - 2 * squares[at]
          if (d < close * norms) {
            d = 0
            for (let p = a * width, q = b * width, end = p + width; p < end; p++, q++) d += (i.data[p] - j.data[q]) ** 2
          }
          squares[at] = d
        }
      }
      yield { i, j, squares }
    }
  }
}
