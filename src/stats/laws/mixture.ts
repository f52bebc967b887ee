/** Mixtures: laws drawn from by first choosing one of several. */

import { integer, probabilities, probability, real } from "../check.ts"
import { type Continuous, type Discrete, type Generating, generatorOf, type Source, type Spread } from "../law.ts"
import { logSumExp } from "../special/logs.ts"
import { solveTail } from "../special/solve.ts"
import type { Tails } from "../special/tails.ts"
import { cumulative, drawIndex } from "./categorical.ts"

/** Components of one kind, and a weight each (equal when left out). */
export interface MixtureOptions<C extends Continuous | Discrete> {
  components: readonly C[]
  weights?: ArrayLike<number>
}

/** A mixture has a mean, a variance or a moment generating function where each of its components has. */
export type Mixture<C extends Continuous | Discrete> = ([C] extends [Continuous] ? Continuous : Discrete) &
  ([C] extends [Spread] ? Spread : unknown) &
  ([C] extends [Generating] ? Generating : unknown) & {
    readonly weights: readonly number[]
    readonly components: readonly C[]
  }

/**
 * The mixture with density or mass sum w_i p_i(x).
 *
 * @throws RangeError for no components, for both continuous and discrete ones, or weights that do not match them or
 * do not add up to 1.
 */
export function mixture<C extends Continuous | Discrete>({ components, weights }: MixtureOptions<C>): Mixture<C> {
  const n = components.length
  if (n === 0) throw new RangeError("mixture: components is empty, expected at least one law")
  if (weights !== undefined && weights.length !== n) {
    throw new RangeError(`mixture: got ${n} components and ${weights.length} weights, expected as many`)
  }
  const { kind } = components[0]
  if (components.some((c) => c.kind !== kind)) {
    throw new RangeError(
      "mixture: got continuous and discrete components, expected one kind (it would have neither density nor mass)",
    )
  }
  const w = weights === undefined ? new Float64Array(n).fill(1 / n) : probabilities("mixture", "weights", weights)
  const logW = w.map((v) => Math.log(v))
  const upTo = cumulative(w)
  const used = components.filter((_, i) => w[i] > 0)
  const support = [Math.min(...used.map((c) => c.support[0])), Math.max(...used.map((c) => c.support[1]))] as const
  const sum = (f: (c: C) => number): number =>
    components.reduce((total, c, i) => total + (w[i] > 0 ? w[i] * f(c) : 0), 0)
  const logSum = (f: (c: C) => number): number =>
    logSumExp(components.map((c, i) => (w[i] > 0 ? logW[i] + f(c) : -Infinity)))
  const checked = (where: string, x: number): number => real(`mixture.${where}`, "x", x)
  const tails = (x: number): Tails => ({
    lower: sum((c) => c.cdf(x)),
    upper: sum((c) => c.sf(x)),
    logLower: Math.min(
      0,
      logSum((c) => c.logCdf(x)),
    ),
    logUpper: Math.min(
      0,
      logSum((c) => c.logSf(x)),
    ),
  })
  const logProb = (x: number): number => logSum((c) => c.logProb(x))
  const at = (p: number, q: number): number => {
    if (p === 0) return support[0]
    if (q === 0) return support[1]
    const each = used.map((c) => (p <= q ? c.quantile(p) : c.upperQuantile(q)))
    const low = Math.min(...each)
    const high = Math.max(...each)
    if (low === high) return low
    if (kind === "discrete")
      return least((x) => (p <= q ? tails(x).lower >= p * (1 - 1e-14) : tails(x).upper <= q * (1 + 1e-14)), low, high)
    return solveTail({ tails, logProb, p, q, start: (low + high) / 2, axis: "real", scale: high - low, low, high })
  }
  const logDensity = (where: string, x: number): number => logProb(checked(where, x))
  const shared = {
    name: "mixture",
    kind,
    support,
    weights: Array.from(w),
    components: Array.from(components),
    logProb: (x: number) => logDensity("logProb", x),
    [kind === "continuous" ? "pdf" : "pmf"]: (x: number) => Math.exp(logDensity("pdf", x)),
    cdf: (x: number) => tails(checked("cdf", x)).lower,
    sf: (x: number) => tails(checked("sf", x)).upper,
    logCdf: (x: number) => tails(checked("logCdf", x)).logLower,
    logSf: (x: number) => tails(checked("logSf", x)).logUpper,
    quantile: (p: number) => at(probability("mixture.quantile", "p", p), 1 - p),
    upperQuantile: (q: number) => at(1 - q, probability("mixture.upperQuantile", "q", q)),
    sample(count = 1, source: Source = 0) {
      const generator = generatorOf(source)
      const out = new Float64Array(integer("mixture.sample", "count", count))
      for (let i = 0; i < out.length; i++) {
        out[i] = components[drawIndex(upTo, generator.uniform())].sample(1, generator)[0]
      }
      return out
    },
  }
  return Object.freeze({
    ...shared,
    ...spreadOf(components, w),
    ...generatingOf(components, sum),
  }) as unknown as Mixture<C>
}

/** Mean and variance by the laws of total expectation and variance, where every component has both. */
function spreadOf(components: readonly (Continuous | Discrete)[], w: Float64Array): Partial<Spread> {
  const parts: Spread[] = []
  for (const c of components) {
    if (!("mean" in c && "variance" in c && typeof c.mean === "number" && typeof c.variance === "number")) return {}
    parts.push({ mean: c.mean, variance: c.variance })
  }
  const mean = parts.reduce((sum, c, i) => sum + w[i] * c.mean, 0)
  return { mean, variance: parts.reduce((sum, c, i) => sum + w[i] * (c.variance + (c.mean - mean) ** 2), 0) }
}

function generatingOf<C>(components: readonly C[], sum: (f: (c: C) => number) => number): Partial<Generating> {
  if (!components.every((c) => typeof c === "object" && c !== null && "mgf" in c)) return {}
  return { mgf: (t: number) => sum((c) => (c as Generating).mgf(t)) }
}

/** The least double of (low, high] that is enough, where `high` is and all above an enough one are. */
function least(isEnough: (x: number) => boolean, low: number, high: number): number {
  if (isEnough(low)) return low
  let below = low
  let above = high
  while (above - below > 1) {
    const middle = Math.floor(below + (above - below) / 2)
    if (!(middle > below && middle < above)) break
    if (isEnough(middle)) above = middle
    else below = middle
  }
  // most laws live on integers: then nothing just below one is enough
  if (Number.isInteger(above) && !isEnough(above - Math.max(Math.abs(above) * 2 ** -53, Number.MIN_VALUE))) return above
  for (;;) {
    const middle = below / 2 + above / 2
    if (!(middle > below && middle < above)) return above
    if (isEnough(middle)) above = middle
    else below = middle
  }
}
