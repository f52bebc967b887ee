/** The categorical law on classes 0, 1, ..., k - 1. */

import { integer, observations, probabilities, real } from "../check.ts"
import { type Entropic, type Fitting, generatorOf, type Source } from "../law.ts"
import { logSumExp, xlogy } from "../special/logs.ts"

/** One probability a class, or logits whose softmax they are. */
export type CategoricalOptions =
  | { probs: ArrayLike<number>; logits?: never }
  | { logits: ArrayLike<number>; probs?: never }

/** The categorical law; see {@link categorical}. Classes are labels: no mean, no order, no distribution function. */
export interface Categorical extends Entropic, Fitting<Categorical> {
  readonly name: string
  readonly kind: "discrete"
  readonly probs: readonly number[]
  /** log P(X = k); -Infinity for what is no class. @throws RangeError on NaN. */
  logProb(k: number): number
  pmf(k: number): number
  sample(count?: number, source?: Source): Float64Array
}

/**
 * The categorical law P(X = j) = p_j, as a product p_j^[x = j] over the classes. `fit` counts, and keeps the number
 * of classes.
 *
 * @throws RangeError unless probs are non-negative and add up to 1, or logits are numbers not all -Infinity.
 */
export function categorical(options: CategoricalOptions): Categorical {
  const logs = options.logits === undefined ? undefined : normalised(options.logits)
  const probs =
    logs === undefined ? probabilities("categorical", "probs", options.probs ?? []) : logs.map((v) => Math.exp(v))
  const upTo = cumulative(probs)
  const logProb = (k: number): number => {
    real("categorical.logProb", "k", k)
    if (!(Number.isInteger(k) && k >= 0 && k < probs.length)) return -Infinity
    return logs === undefined ? Math.log(probs[k]) : logs[k]
  }
  return Object.freeze({
    name: "categorical",
    kind: "discrete" as const,
    probs: Array.from(probs),
    logProb,
    pmf: (k: number) => Math.exp(logProb(k)),
    entropy: () => 0 - probs.reduce((sum, p) => sum + xlogy(p, p), 0),
    sample(count = 1, source: Source = 0) {
      const generator = generatorOf(source)
      const out = new Float64Array(integer("categorical.sample", "count", count))
      for (let i = 0; i < out.length; i++) out[i] = drawIndex(upTo, generator.uniform())
      return out
    },
    fit(values: ArrayLike<number>) {
      const x = observations("categorical.fit", "observations", values)
      const counts = new Float64Array(probs.length)
      for (let i = 0; i < x.length; i++) {
        if (!(Number.isInteger(x[i]) && x[i] >= 0 && x[i] < counts.length)) {
          throw new RangeError(
            `categorical.fit: observations[${i}] is ${x[i]}, expected a class from 0 to ${counts.length - 1}`,
          )
        }
        counts[x[i]]++
      }
      return categorical({ probs: counts.map((n) => n / x.length) })
    },
  })
}

function normalised(logits: ArrayLike<number>): Float64Array {
  if (logits.length === 0) throw new RangeError("categorical: logits is empty, expected at least one class")
  for (let i = 0; i < logits.length; i++) {
    if (!(logits[i] < Infinity)) {
      throw new RangeError(`categorical: logits[${i}] is ${logits[i]}, expected a number below Infinity`)
    }
  }
  const high = Array.from(logits).reduce((a, b) => Math.max(a, b))
  if (high === -Infinity) throw new RangeError("categorical: all logits are -Infinity, expected at least one above")
  const shifted = Float64Array.from(logits, (v) => v - high)
  const total = logSumExp(shifted)
  return shifted.map((v) => v - total)
}

/** Running sums of probabilities, the last one exactly 1. */
export function cumulative(probs: ArrayLike<number>): Float64Array {
  const out = Float64Array.from(probs)
  for (let i = 1; i < out.length; i++) out[i] += out[i - 1]
  let last = out.length - 1
  // trailing classes of probability 0 must stay out of reach of rounding
  while (last > 0 && probs[last] === 0) last--
  out.fill(1, last)
  return out
}

/** The first index whose running sum exceeds u, by halving. */
export function drawIndex(upTo: Float64Array, u: number): number {
  let low = 0
  let high = upTo.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (upTo[middle] > u) high = middle
    else low = middle + 1
  }
  return low
}
