/** Fidelity and diversity apart: where two sets lie in balls around each other's points, in the space of features. */
import { integer } from "../stats/check.ts"
import { type Batches, type FeatureBank, twoBanks } from "./batches.ts"
import type { SignalOptions } from "./moments.ts"
import { type Products, withProducts } from "./product.ts"

/** Options of {@link precisionRecall} and {@link densityCoverage}. */
export interface ManifoldOptions extends SignalOptions {
  /** k: the ball around a point reaches to its k-th nearest neighbour in its own set, the point itself not counted. */
  readonly neighbours?: number
}

/** What {@link precisionRecall} gives. */
export interface PrecisionRecall {
  /** Share of generated points in a ball around a reference point: fidelity. */
  readonly precision: number
  /** Share of reference points in a ball around a generated point: diversity. */
  readonly recall: number
}

/** What {@link densityCoverage} gives. */
export interface DensityCoverage {
  /** Mean number of reference balls a generated point lies in, over k; may exceed 1. */
  readonly density: number
  /** Share of reference balls that a generated point lies in. */
  readonly coverage: number
}

/**
 * Improved precision and recall of streams of features [batch, features], held in memory: a set is described by balls
 * around its points (closed ones, k = 3). Equal sets have 1 and 1; dropping modes costs recall, bad images precision.
 * One outlier in the reference has a large ball, which {@link densityCoverage} mends. Source: Kynkaanniemi et al. 2019.
 *
 * @throws RangeError for features of two widths or not finite, or a set of no more than k rows.
 */
export async function precisionRecall(
  generated: Batches | FeatureBank,
  reference: Batches | FeatureBank,
  { neighbours = 3, signal }: ManifoldOptions = {},
): Promise<PrecisionRecall> {
  const banks = await twoBanks("precisionRecall", generated, reference)
  return (await manifolds("precisionRecall", banks, { closed: neighbours, open: neighbours }, signal)).closed
}

/**
 * Density and coverage of streams of features [batch, features], held in memory, with k = 5: only balls around reference
 * points are used. They are open, as in the authors' code, so equal sets have exactly 1 and 1 (closed ones would make the
 * density (k + 1) / k; a point met more than k times has an empty ball). Source: Naeem et al. 2020.
 *
 * @throws RangeError for features of two widths or not finite, or a set of no more than k rows.
 */
export async function densityCoverage(
  generated: Batches | FeatureBank,
  reference: Batches | FeatureBank,
  { neighbours = 5, signal }: ManifoldOptions = {},
): Promise<DensityCoverage> {
  const banks = await twoBanks("densityCoverage", generated, reference)
  return (await manifolds("densityCoverage", banks, { closed: neighbours, open: neighbours }, signal)).open
}

/** Both measures from the same distances: `closed` is the k of the first, `open` that of the second. */
export async function manifolds(
  where: string,
  [generated, reference]: readonly [FeatureBank, FeatureBank],
  neighbours: { readonly closed: number; readonly open: number },
  signal?: AbortSignal,
): Promise<{ readonly closed: PrecisionRecall; readonly open: DensityCoverage }> {
  for (const k of [neighbours.closed, neighbours.open]) {
    integer(where, "neighbours", k, 1)
    const least = Math.min(generated.count, reference.count)
    if (least <= k) {
      throw new RangeError(
        `${where}: neighbours is ${k}, expected fewer than the rows of each set (${generated.count} and ${reference.count})`,
      )
    }
  }
  const center = meanOf(reference)
  const [x, y] = [new Cloud(generated, center), new Cloud(reference, center)]
  const largest = Math.max(x.block, y.block)
  return withProducts(largest * largest * center.length, async (products) => {
    const ofX = await reaches(x, neighbours, products, signal)
    const ofY = await reaches(y, neighbours, products, signal)
    const isPrecise = new Uint8Array(x.count)
    const isRecalled = new Uint8Array(y.count)
    const isCovered = new Uint8Array(y.count)
    let inside = 0
    for await (const { i, j, squares } of pairs(x, y, products, signal)) {
      for (let a = 0, at = 0; a < i.length; a++, at += y.block - j.length) {
        const row = i.from + a
        for (let b = 0; b < j.length; b++, at++) {
          const column = j.from + b
          const d = squares[at]
          if (d <= ofY.closed[column]) isPrecise[row] = 1
          if (d <= ofX.closed[row]) isRecalled[column] = 1
          if (d < ofY.open[column]) {
            inside++
            isCovered[column] = 1
          }
        }
      }
    }
    const share = (flags: Uint8Array): number => flags.reduce((sum, v) => sum + v, 0) / flags.length
    return {
      closed: { precision: share(isPrecise), recall: share(isRecalled) },
      open: { density: inside / neighbours.open / x.count, coverage: share(isCovered) },
    }
  })
}

/** Rows a block: products of this size keep the processors busy, and hold 8 MiB. */
const blockRows = 1024

function meanOf(bank: FeatureBank): Float64Array {
  const mean = new Float64Array(bank.width)
  const row = new Float64Array(bank.width)
  for (let i = 0; i < bank.count; i++) {
    bank.copy(i, row, 0)
    for (let j = 0; j < row.length; j++) mean[j] += row[j] / bank.count
  }
  return mean
}

/** Part of a set: its first row, and how many. */
interface Span {
  readonly from: number
  readonly length: number
}

/** A set whose rows are read block by block, moved so that the reference is about the origin: distances stay exact. */
class Cloud {
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

/** Squared distances [x.block, y.block] of all pairs of blocks. */
async function* pairs(
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

/** For every point the squared distance of its k-th nearest other point of its set, for two k. */
async function reaches(
  x: Cloud,
  { closed, open }: { readonly closed: number; readonly open: number },
  products: Products,
  signal?: AbortSignal,
): Promise<{ readonly closed: Float64Array; readonly open: Float64Array }> {
  const most = Math.max(closed, open)
  /** The `most` smallest distances of each point, ascending. */
  const nearest = new Float64Array(x.count * most).fill(Infinity)
  for await (const { i, j, squares } of pairs(x, x, products, signal)) {
    for (let a = 0; a < i.length; a++) {
      const first = (i.from + a) * most
      const last = first + most - 1
      for (let b = 0, at = a * x.block; b < j.length; b++, at++) {
        const d = squares[at]
        if (d >= nearest[last] || i.from + a === j.from + b) continue
        let p = last
        for (; p > first && nearest[p - 1] > d; p--) nearest[p] = nearest[p - 1]
        nearest[p] = d
      }
    }
  }
  const at = (k: number): Float64Array => Float64Array.from({ length: x.count }, (_, i) => nearest[i * most + k - 1])
  return { closed: at(closed), open: at(open) }
}
