/** Entropy, cross-entropy and the divergences of Kullback and Leibler and of Jensen and Shannon for finite laws, in nats. */

import { probabilities } from "./check.ts"
import { xlogy } from "./special/logs.ts"

/**
 * Shannon's entropy -sum p log p, from 0 to log n (notes 003, definition 3.68, print [0, 1]); 0 log 0 is 0.
 *
 * @throws RangeError unless p is a probability vector.
 */
export function entropy(p: ArrayLike<number>): number {
  return 0 - probabilities("entropy", "p", p).reduce((sum, v) => sum + xlogy(v, v), 0)
}

function pair(where: string, p: ArrayLike<number>, q: ArrayLike<number>): [Float64Array, Float64Array] {
  const a = probabilities(where, "p", p)
  const b = probabilities(where, "q", q)
  if (a.length !== b.length)
    throw new RangeError(`${where}: p has ${a.length} entries, q has ${b.length}, expected as many`)
  return [a, b]
}

/** Cross-entropy -sum p log q; Infinity where q is 0 and p is not. @throws RangeError unless both are probability vectors. */
export function crossEntropy(p: ArrayLike<number>, q: ArrayLike<number>): number {
  const [a, b] = pair("crossEntropy", p, q)
  return 0 - a.reduce((sum, v, i) => sum + xlogy(v, b[i]), 0)
}

/**
 * Kullback and Leibler's divergence sum p log(p / q): at least 0, 0 only for p = q, Infinity where q is 0 and p is not.
 *
 * @throws RangeError unless both are probability vectors of one length.
 */
export function klDivergence(p: ArrayLike<number>, q: ArrayLike<number>): number {
  const [a, b] = pair("klDivergence", p, q)
  // p log(p/q) - p + q is at least 0 term by term
  return a.reduce((sum, v, i) => sum + (v === 0 ? b[i] : b[i] === 0 ? Infinity : v * Math.log(v / b[i]) - v + b[i]), 0)
}

/**
 * Jensen and Shannon's divergence KL(p, m) / 2 + KL(q, m) / 2 with m = (p + q) / 2: symmetric, from 0 to log 2 whatever
 * the number of entries (notes 004 §5 guess log n); its root is a distance.
 *
 * @throws RangeError unless both are probability vectors of one length.
 */
export function jsDivergence(p: ArrayLike<number>, q: ArrayLike<number>): number {
  const [a, b] = pair("jsDivergence", p, q)
  let sum = 0
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i], b[i]]
    if (x === 0 || y === 0) {
      sum += (x + y) * Math.LN2
      continue
    }
    // x log(2x / (x + y)) + y log(2y / (x + y)): with d = (x - y) / (x + y) each logarithm is of 1 +- d
    const d = (x - y) / (x + y)
    sum += x * Math.log1p(d) + y * Math.log1p(-d)
  }
  return Math.max(0, Math.min(Math.LN2, sum / 2))
}
