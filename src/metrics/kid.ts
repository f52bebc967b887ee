/** The kernel distance of two sets in the space of features (KID). */
import { fold, Generator, keyOf } from "../engine/random.ts"
import { finite, integer, positive } from "../stats/check.ts"
import { type Batches, type FeatureBank, twoBanks } from "./batches.ts"
import type { SignalOptions } from "./moments.ts"
import { type Products, withProducts } from "./product.ts"

/** Options of {@link kid}. */
export interface KidOptions extends SignalOptions {
  /** Number of pairs of subsets. */
  readonly subsets?: number
  /** Rows of each subset: 1,000, or all where a set has fewer. */
  readonly size?: number
  /** Seed of the subsets. */
  readonly seed?: number
  readonly degree?: number
  /** Factor of the inner product: 1 / features by default. */
  readonly scale?: number
  readonly offset?: number
}

/** What {@link kid} gives. */
export interface Kid {
  /** Mean over the subsets: unbiased, so it may come out slightly negative. */
  readonly value: number
  /** Standard deviation over the subsets (divisor: their number); of the mean it is not the error, as subsets overlap. */
  readonly std: number
  readonly subsets: number
  readonly size: number
}

/** Rows of one pair of subsets. */
type Draw = readonly [generated: ArrayLike<number>, reference: ArrayLike<number>]

/** The kernel (scale x . y + offset)^degree. */
interface Polynomial {
  readonly degree: number
  readonly scale: number
  readonly offset: number
}

/** Keeps the draws of subsets apart from other users of the same seed. */
const subsetStream = 0x6b6964

/** `size` different numbers below `count`, in random order. */
export function drawn(count: number, size: number, random: Generator): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i)
  for (let i = 0; i < size; i++) {
    const j = i + random.integer(count - i)
    const held = order[i]
    order[i] = order[j]
    order[j] = held
  }
  return order.slice(0, size)
}

/** Sum of the kernel over inner products; the diagonal of [size, size] is left out where asked for. */
function kernelSum(products: Float64Array, kernel: Polynomial, size: number, isWithin: boolean): number {
  const { degree, scale, offset } = kernel
  const of = (dot: number): number => {
    const v = scale * dot + offset
    return degree === 3 ? v * v * v : v ** degree
  }
  let sum = 0
  for (let i = 0; i < size; i++) {
    let row = 0
    for (let j = 0; j < size; j++) row += of(products[i * size + j])
    sum += isWithin ? row - of(products[i * size + i]) : row
  }
  return sum
}

/** The unbiased squared discrepancy of one pair of subsets. */
async function discrepancy(
  [a, b]: readonly [FeatureBank, FeatureBank],
  [of, against]: Draw,
  kernel: Polynomial,
  products: Products,
): Promise<number> {
  const { width } = a
  const size = of.length
  const [x, y] = [a.take(of), b.take(against)]
  const within = size * (size - 1)
  const xx = kernelSum(await products.inner(x, x, width), kernel, size, true) / within
  const yy = kernelSum(await products.inner(y, y, width), kernel, size, true) / within
  return xx + yy - (2 * kernelSum(await products.inner(x, y, width), kernel, size, false)) / (size * size)
}

/** {@link kid} of given subsets, all of one size. */
export async function kidOf(
  banks: readonly [FeatureBank, FeatureBank],
  draws: Iterable<Draw>,
  size: number,
  kernel: Polynomial,
  signal?: AbortSignal,
): Promise<Kid> {
  const values = await withProducts(size * size * banks[0].width, async (products) => {
    const found: number[] = []
    for (const draw of draws) {
      signal?.throwIfAborted()
      found.push(await discrepancy(banks, draw, kernel, products))
    }
    return found
  })
  const value = values.reduce((sum, v) => sum + v / values.length, 0)
  const std = Math.sqrt(values.reduce((sum, v) => sum + (v - value) ** 2 / values.length, 0))
  return { value: finite("kid", "the distance", value), std, subsets: values.length, size }
}

/**
 * KID, the squared maximum mean discrepancy of two sets of features under the kernel (x . y / features + 1)^3: the mean
 * of unbiased estimates on random subsets, and their deviation. Streams of batches [batch, features], held in memory.
 *
 * Unlike {@link fid} it has no bias, so small sets can be compared with large ones. Source: Binkowski et al. 2018.
 *
 * @throws RangeError for features of two widths or not finite, sets of fewer than two rows, or a size larger than a set.
 */
export async function kid(
  generated: Batches | FeatureBank,
  reference: Batches | FeatureBank,
  { subsets = 100, size, seed = 0, degree = 3, scale, offset = 1, signal }: KidOptions = {},
): Promise<Kid> {
  integer("kid", "subsets", subsets, 1)
  integer("kid", "degree", degree, 1)
  finite("kid", "offset", offset)
  const banks = await twoBanks("kid", generated, reference)
  const [a, b] = banks
  const least = Math.min(a.count, b.count)
  const rows = integer("kid", "size", size ?? Math.min(1000, least), 2)
  if (rows > least)
    throw new RangeError(
      `kid: size is ${rows}, expected at most ${least}: the sets have ${a.count} and ${b.count} rows`,
    )
  const random = new Generator(fold(keyOf(seed), subsetStream))
  const draws = function* (): Iterable<Draw> {
    for (let i = 0; i < subsets; i++) yield [drawn(a.count, rows, random), drawn(b.count, rows, random)]
  }
  const kernel = { degree, scale: positive("kid", "scale", scale ?? 1 / a.width), offset }
  return kidOf(banks, draws(), rows, kernel, signal)
}
