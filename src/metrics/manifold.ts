/** Fidelity and diversity apart: where two sets lie in balls around each other's points, in the space of features. */
import { integer } from "../stats/check.ts"
import { type Batches, type FeatureBank, twoBanks } from "./batches.ts"
import { Cloud, meanOf, pairs } from "./distance.ts"
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
