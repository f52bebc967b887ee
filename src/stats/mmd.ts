/** Maximum mean discrepancy: the distance of two samples in the space of a kernel, and the test that they are alike. */

import type { Arrayable } from "../engine/array.ts"
import type { Generator } from "../engine/random.ts"
import { block, flip, gemm } from "../linalg/gemm.ts"
import { finite, integer, positive } from "./check.ts"
import { median } from "./descriptive.ts"
import { generatorOf, type Source } from "./law.ts"
import { cloudsOf, type Points, squaredDistance } from "./points.ts"

/**
 * A kernel k(x, y): gaussian exp(-|x - y|^2 / (2 bandwidth^2)), the bandwidth by default the median distance of two
 * points of the pooled sample; polynomial (scale x . y + offset)^degree, by default (x . y / dimension + 1)^3, that of
 * the kernel inception distance; energy -|x - y|, with which the squared discrepancy is the energy distance.
 */
export type Kernel =
  | { readonly kind: "gaussian"; readonly bandwidth?: number }
  | { readonly kind: "polynomial"; readonly degree?: number; readonly scale?: number; readonly offset?: number }
  | { readonly kind: "energy" }

/** The kernel, and which estimate. */
export interface MmdOptions {
  kernel?: Kernel
  /** Leave out the pairs of a point with itself, which makes the mean right (default), or keep them: never negative. */
  isUnbiased?: boolean
}

/** Number of permutations and where they come from. */
export interface MmdTestOptions extends MmdOptions {
  permutations?: number
  source?: Source
}

/** What {@link mmdTest} gives. */
export interface MmdTest {
  /** The squared discrepancy of the two samples. */
  readonly statistic: number
  /** Share of orders of the pooled sample, the given one included, whose statistic is at least as large. */
  readonly pValue: number
  readonly permutations: number
}

/** Most pairs that are held at a time: a gigabyte. */
const most = 2 ** 27

/** One entry of a kernel matrix from the squared distance or the inner product of two points. */
interface Rule {
  readonly from: "distance" | "product"
  of(value: number): number
}

function ruleOf(where: string, kernel: Kernel, x: Points, y: Points): Rule {
  if (kernel.kind === "energy") return { from: "distance", of: (d) => -Math.sqrt(d) }
  if (kernel.kind === "gaussian") {
    const width = positive(where, "kernel.bandwidth", kernel.bandwidth ?? medianDistance(where, x, y))
    return { from: "distance", of: (d) => Math.exp(-d / (2 * width * width)) }
  }
  if (kernel.kind !== "polynomial")
    throw new RangeError(
      `${where}: kernel.kind is ${String((kernel as { kind: unknown }).kind)}, expected gaussian, polynomial or energy`,
    )
  const { degree = 3, scale = 1 / x.dimension, offset = 1 } = kernel
  integer(where, "kernel.degree", degree, 1)
  positive(where, "kernel.scale", scale)
  finite(where, "kernel.offset", offset)
  return { from: "product", of: (dot) => (scale * dot + offset) ** degree }
}

/** The median distance of two different points of the pooled sample, of its first 1,000 and 1,000 if there are more. */
function medianDistance(where: string, x: Points, y: Points): number {
  const some = [x, y].flatMap((p) => Array.from({ length: Math.min(p.count, 1000) }, (_, i) => [p, i] as const))
  const distances: number[] = []
  for (let i = 0; i < some.length; i++)
    for (let j = 0; j < i; j++) distances.push(Math.sqrt(squaredDistance(...some[i], ...some[j])))
  const middle = median(distances)
  if (!(middle > 0))
    throw new RangeError(`${where}: the median distance of the points is 0, so no bandwidth follows (name one)`)
  return middle
}

/** The kernel matrix [x, y]. */
function matrix(where: string, rule: Rule, x: Points, y: Points): Float64Array {
  if (x.count * y.count > most)
    throw new RangeError(`${where}: ${x.count} x ${y.count} pairs are more than ${most} (take a part of the points)`)
  const out = new Float64Array(x.count * y.count)
  if (rule.from === "product") {
    const d = x.dimension
    gemm(x.count, y.count, d, 1, block(x.data, 0, d), flip(block(y.data, 0, d)), block(out, 0, y.count))
  } else {
    for (let i = 0, at = 0; i < x.count; i++)
      for (let j = 0; j < y.count; j++, at++) out[at] = squaredDistance(x, i, y, j)
  }
  for (let i = 0; i < out.length; i++) out[i] = rule.of(out[i])
  return out
}

/** Sum of a matrix [n, m], and that of its diagonal. */
function sums(a: Float64Array, n: number, m: number): { all: number; diagonal: number } {
  let all = 0
  let diagonal = 0
  for (let i = 0; i < n; i++) {
    let row = 0
    for (let j = 0; j < m; j++) row += a[i * m + j]
    all += row
    if (i < m) diagonal += a[i * m + i]
  }
  return { all, diagonal }
}

/** Mean of a kernel over the pairs of one sample from its sums. */
const within = (all: number, diagonal: number, n: number, isUnbiased: boolean): number =>
  isUnbiased ? (all - diagonal) / (n * (n - 1)) : all / (n * n)

function samplesOf(where: string, x: Arrayable, y: Arrayable, isUnbiased: boolean): [Points, Points] {
  const [a, b] = cloudsOf(where, x, y)
  if (isUnbiased && (a.count < 2 || b.count < 2))
    throw new RangeError(`${where}: samples have ${a.count} and ${b.count} points, expected two or more of each`)
  return [a, b]
}

/**
 * The squared maximum mean discrepancy E k(x, x') + E k(y, y') - 2 E k(x, y) of samples [n, dimension] and
 * [m, dimension] (or numbers). Unbiased, it may come out slightly negative. Source: Gretton et al. 2012.
 *
 * @throws RangeError for samples of different dimension, too few points, or a kernel that does not exist.
 */
export function mmd(
  x: Arrayable,
  y: Arrayable,
  { kernel = { kind: "gaussian" }, isUnbiased = true }: MmdOptions = {},
): number {
  const [a, b] = samplesOf("mmd", x, y, isUnbiased)
  const rule = ruleOf("mmd", kernel, a, b)
  const mean = (p: Points): number => {
    const { all, diagonal } = sums(matrix("mmd", rule, p, p), p.count, p.count)
    return within(all, diagonal, p.count, isUnbiased)
  }
  const { all } = sums(matrix("mmd", rule, a, b), a.count, b.count)
  const found = mean(a) + mean(b) - (2 * all) / (a.count * b.count)
  return finite("mmd", "the discrepancy", isUnbiased ? found : Math.max(0, found))
}

/**
 * The test that two samples come from one law: {@link mmd} beside its values when the pooled points are dealt anew.
 * The p-value is exact: under the hypothesis it is at most a with probability at most a.
 *
 * @throws RangeError as {@link mmd}, and unless permutations is a whole number from 1.
 */
export function mmdTest(
  x: Arrayable,
  y: Arrayable,
  { kernel = { kind: "gaussian" }, isUnbiased = true, permutations = 999, source = 0 }: MmdTestOptions = {},
): MmdTest {
  integer("mmdTest", "permutations", permutations, 1)
  const [a, b] = samplesOf("mmdTest", x, y, isUnbiased)
  const rule = ruleOf("mmdTest", kernel, a, b)
  const n = a.count
  const count = n + b.count
  const data = new Float64Array(count * a.dimension)
  data.set(a.data)
  data.set(b.data, a.data.length)
  const pooled = { count, dimension: a.dimension, data }
  const gram = matrix("mmdTest", rule, pooled, pooled)
  const rows = Float64Array.from({ length: count }, (_, i) => sums(gram.subarray(i * count), 1, count).all)
  const total = sums(rows, 1, count).all
  const trace = sums(gram, count, count).diagonal

  /** The statistic of the points `order[0 ... n - 1]` against the others. */
  const statistic = (order: Int32Array): number => {
    let inner = 0
    let diagonal = 0
    let edge = 0
    for (let i = 0; i < n; i++) {
      const at = order[i] * count
      for (let j = 0; j < i; j++) inner += gram[at + order[j]]
      diagonal += gram[at + order[i]]
      edge += rows[order[i]]
    }
    const all = 2 * inner + diagonal
    const cross = edge - all
    return (
      within(all, diagonal, n, isUnbiased) +
      within(total - all - 2 * cross, trace - diagonal, count - n, isUnbiased) -
      (2 * cross) / (n * (count - n))
    )
  }
  const generator: Generator = generatorOf(source)
  const found = finite("mmdTest", "the discrepancy", statistic(Int32Array.from({ length: count }, (_, i) => i)))
  // Orders that swap equal points must count as ties, whatever their sums round to.
  const least = found - (1e-12 * sums(rows.map(Math.abs), 1, count).all) / (count * count)
  let above = 1
  for (let k = 0; k < permutations; k++) if (statistic(generator.permutation(count)) >= least) above++
  return { statistic: found, pValue: above / (permutations + 1), permutations }
}
