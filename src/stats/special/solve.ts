/** Quantiles of continuous laws: the point where a tail has a given size, by Newton's steps inside a bracket. */

import type { Tails } from "./tails.ts"

/** What {@link solveTail} needs to know of a law. */
export interface TailProblem {
  tails(x: number): Tails
  logProb(x: number): number
  /** Wanted share below and above the point; the smaller one is solved for. */
  readonly p: number
  readonly q: number
  readonly start: number
  /** Which numbers the law lives on; steps are taken in log x on the positive axis. */
  readonly axis: "positive" | "real"
  /** Size of a first step on the real axis. */
  readonly scale?: number
  /** Points known to lie on either side. */
  readonly low?: number
  readonly high?: number
}

/**
 * The x whose lower tail is p (and upper tail q): Newton's method on the logarithm of the smaller tail, kept inside
 * a bracket that is halved where a step leaves it.
 */
export function solveTail(problem: TailProblem): number {
  const { tails, logProb, p, q, start, axis, scale = 1 } = problem
  const isLower = p <= q
  const target = Math.log(isLower ? p : q)
  const isPositive = axis === "positive"
  const floor = isPositive ? 0 : -Infinity
  let left = problem.low ?? floor
  let right = problem.high ?? Infinity
  let x = start
  let reach = isPositive ? 1 : Math.max(scale, Math.abs(start))
  // around a root at 0 no relative step is small
  const tiny = isPositive ? 0 : 1e-16 * scale
  for (let i = 0; i < 400; i++) {
    const at = tails(x)
    const log = isLower ? at.logLower : at.logUpper
    const miss = isLower ? log - target : target - log
    if (miss === 0) return x
    if (miss > 0) right = x
    else left = x
    // d log tail / d x, in the coordinate of the steps
    const slope = Math.exp(logProb(x) - log) * (isPositive ? x : 1)
    const step = -miss / slope
    let next = Number.isFinite(step) ? moved(x, step, isPositive) : Number.NaN
    // convergence is quadratic: after so small a step only rounding is left
    if (Math.abs(miss) < 1e-7 && Math.abs(next - x) < 1e-9 * Math.abs(x) + tiny) return next
    if (left > floor && right < Infinity) {
      if (!(next > left && next < right)) next = middle(left, right, isPositive)
    } else {
      const farthest = moved(x, miss > 0 ? -reach : reach, isPositive)
      if (!(miss > 0 ? next > farthest && next < x : next < farthest && next > x)) next = farthest
      reach *= 2
    }
    if (next === left || next === right || next === floor || next === Infinity) return next
    x = next
  }
  return x
}

function moved(x: number, step: number, isPositive: boolean): number {
  return isPositive ? x * Math.exp(step) : x + step
}

function middle(left: number, right: number, isPositive: boolean): number {
  return isPositive ? Math.sqrt(left) * Math.sqrt(right) : left / 2 + right / 2
}
