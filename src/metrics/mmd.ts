/** The maximum mean discrepancy of two sets of features under a Gaussian kernel. */
import { fold, Generator, keyOf } from "../engine/random.ts"
import { integer, positive } from "../stats/check.ts"
import { median } from "../stats/descriptive.ts"
import { type Batches, FeatureBank, twoBanks } from "./batches.ts"
import { Cloud, meanOf, pairs } from "./distance.ts"
import { drawn } from "./kid.ts"
import type { SignalOptions } from "./moments.ts"
import { type Products, withProducts } from "./product.ts"

/** Options of {@link featureMmd}. */
export interface FeatureMmdOptions extends SignalOptions {
  /** Width of the kernel: by default the median distance of two rows of both sets. */
  readonly bandwidth?: number
  /** Most rows that are taken of each set, at random where it has more. */
  readonly size?: number
  readonly seed?: number
}

/** Keeps the rows that are drawn apart from other users of the same seed. */
const rowStream = 0x6d6d64

/** Most rows of each set whose distances the median is taken of. */
const middling = 1000

/**
 * The squared maximum mean discrepancy of two sets of features under exp(-|x - y|^2 / (2 bandwidth^2)): unbiased, so it
 * may come out slightly negative, of at most `size` rows a set. It sees every moment, where {@link kid} sees three;
 * `mmd` of `tweedie/stats` is the same for other kernels, and its test. Source: Gretton et al. 2012.
 *
 * @throws RangeError for features of two widths or not finite, sets of fewer than two rows, or a median distance of 0.
 */
export async function featureMmd(
  generated: Batches | FeatureBank,
  reference: Batches | FeatureBank,
  { bandwidth, size = 1000, seed = 0, signal }: FeatureMmdOptions = {},
): Promise<number> {
  const where = "featureMmd"
  integer(where, "size", size, 2)
  const whole = await twoBanks(where, generated, reference)
  if (whole.some((bank) => bank.count < 2))
    throw new RangeError(`${where}: the sets have ${whole[0].count} and ${whole[1].count} rows, expected two or more`)
  const random = new Generator(fold(keyOf(seed), rowStream))
  const [a, b] = whole.map((bank) => (bank.count <= size ? bank : part(bank, drawn(bank.count, size, random))))
  const center = meanOf(b)
  const [x, y] = [new Cloud(a, center), new Cloud(b, center)]
  const largest = Math.max(x.block, y.block)
  return withProducts(largest * largest * center.length, async (products) => {
    const width = positive(where, "bandwidth", bandwidth ?? (await medianOf(where, [a, b], center, products)))
    const sum = async (p: Cloud, q: Cloud): Promise<number> => {
      let total = 0
      for await (const { i, j, squares } of pairs(p, q, products, signal)) {
        for (let r = 0; r < i.length; r++) {
          for (let c = 0; c < j.length; c++) {
            if (p === q && i.from + r === j.from + c) continue
            total += Math.exp(squares[r * q.block + c] / (-2 * width * width))
          }
        }
      }
      return total
    }
    const within = async (p: Cloud): Promise<number> => (await sum(p, p)) / (p.count * (p.count - 1))
    return (await within(x)) + (await within(y)) - (2 * (await sum(x, y))) / (x.count * y.count)
  })
}

/** Some rows of a set, in their order. */
function part(bank: FeatureBank, rows: Int32Array): FeatureBank {
  const out = new FeatureBank("featureMmd")
  out.add({ count: rows.length, width: bank.width, data: bank.take(rows) })
  return out
}

/** The median distance of two different rows of both sets, of the first 1,000 of each. */
async function medianOf(
  where: string,
  banks: readonly FeatureBank[],
  center: Float64Array,
  products: Products,
): Promise<number> {
  const pooled = new FeatureBank(where)
  for (const bank of banks) {
    const rows = Int32Array.from({ length: Math.min(bank.count, middling) }, (_, i) => i)
    pooled.add({ count: rows.length, width: bank.width, data: bank.take(rows) })
  }
  const cloud = new Cloud(pooled, center)
  const distances = new Float64Array((cloud.count * (cloud.count - 1)) / 2)
  let at = 0
  for await (const { i, j, squares } of pairs(cloud, cloud, products)) {
    for (let r = 0; r < i.length; r++)
      for (let c = 0; c < j.length && j.from + c < i.from + r; c++)
        distances[at++] = Math.sqrt(squares[r * cloud.block + c])
  }
  const middle = median(distances)
  if (!(middle > 0))
    throw new RangeError(`${where}: the median distance of the rows is 0, so no bandwidth follows (name one)`)
  return middle
}
