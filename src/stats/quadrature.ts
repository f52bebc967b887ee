/** Integrals of functions of one variable, adaptively, over finite and infinite ranges. */

import { real } from "./check.ts"

/** When to stop, and where the integrand is known to bend. */
export interface IntegrateOptions {
  /** Wanted error relative to the integral of |f|. */
  relative?: number
  /** Wanted absolute error; the looser of the two counts. */
  absolute?: number
  /** Points where f has a kink, a jump or a narrow peak: no panel straddles them. */
  breaks?: readonly number[]
  /** Most panels before giving up. */
  panels?: number
}

/** An integral and an estimate of its absolute error. */
export interface Integral {
  readonly value: number
  readonly error: number
}

interface Panel {
  readonly low: number
  readonly high: number
  readonly value: number
  readonly size: number
  readonly error: number
}

const points = 15

// Nodes and weights of Gauss and Legendre's rule on [-1, 1], by Newton's steps on the polynomial
const [nodes, weights] = (() => {
  const x: number[] = []
  const w: number[] = []
  for (let i = 0; i < points; i++) {
    let at = Math.cos((Math.PI * (i + 0.75)) / (points + 0.5))
    let slope = 0
    for (let step = 0; step < 20; step++) {
      let before = 1
      let value = at
      for (let k = 2; k <= points; k++) [before, value] = [value, ((2 * k - 1) * at * value - (k - 1) * before) / k]
      slope = (points * (at * value - before)) / (at * at - 1)
      const move = value / slope
      at -= move
      if (Math.abs(move) < 1e-16) break
    }
    x.push(at)
    w.push(2 / ((1 - at * at) * slope * slope))
  }
  return [x, w] as const
})()

/** Gauss and Legendre's rule on one panel: the integrals of f and of |f|. */
function rule(f: (x: number) => number, low: number, high: number): [number, number] {
  const half = (high - low) / 2
  const middle = low + half
  let sum = 0
  let size = 0
  for (let i = 0; i < points; i++) {
    const x = middle + half * nodes[i]
    const value = f(x)
    if (!Number.isFinite(value)) {
      throw new RangeError(
        `integrate: f(${x}) is ${value}, expected a finite number (name the singular point in breaks)`,
      )
    }
    sum += weights[i] * value
    size += weights[i] * Math.abs(value)
  }
  return [sum * half, size * half]
}

/** A panel by two half rules, its error by how far the whole rule is from them. */
function panel(f: (x: number) => number, low: number, high: number): Panel {
  const middle = low + (high - low) / 2
  const [whole] = rule(f, low, high)
  const [left, leftSize] = rule(f, low, middle)
  const [right, rightSize] = rule(f, middle, high)
  return { low, high, value: left + right, size: leftSize + rightSize, error: Math.abs(left + right - whole) }
}

/**
 * int_low^high f(x) dx. The panel with the largest error is halved until the sum is good enough; an infinite end is
 * brought to 1 by x = a + s t / (1 - t), s the length of the last finite stretch. f is never asked for its value at the ends or at the breaks.
 *
 * @throws RangeError when an end is NaN, f is not finite somewhere, or the panels do not suffice.
 */
export function integrate(
  f: (x: number) => number,
  low: number,
  high: number,
  { relative = 1e-11, absolute = 0, breaks = [], panels = 2000 }: IntegrateOptions = {},
): Integral {
  real("integrate", "low", low)
  real("integrate", "high", high)
  if (low === high) return { value: 0, error: 0 }
  if (low > high) {
    const { value, error } = integrate(f, high, low, { relative, absolute, breaks, panels })
    return { value: -value, error }
  }
  const inside = [...breaks].filter((x) => x > low && x < high).sort((a, b) => a - b)
  if (low === -Infinity && high === Infinity && inside.length === 0) inside.push(0)
  const ends = [low, ...inside, high]
  const queue: { f: (x: number) => number; at: Panel }[] = []
  for (let i = 0; i + 1 < ends.length; i++) {
    const from = ends[i]
    const to = ends[i + 1]
    if (from > -Infinity && to < Infinity) queue.push({ f, at: panel(f, from, to) })
    else {
      // the last finite stretch says how fast f may change out there
      const finite = ends.filter((x) => Math.abs(x) < Infinity)
      const stretch = to === Infinity ? from - finite[finite.length - 2] : finite[1] - to
      const scale = stretch > 0 ? stretch : Math.max(1, Math.abs(to === Infinity ? from : to))
      const folded =
        to === Infinity
          ? (t: number): number => (scale * f(from + (scale * t) / (1 - t))) / (1 - t) ** 2
          : (t: number): number => (scale * f(to - (scale * t) / (1 - t))) / (1 - t) ** 2
      for (const [a, b] of [
        [0, 0.5],
        [0.5, 1],
      ]) {
        queue.push({ f: folded, at: panel(folded, a, b) })
      }
    }
  }
  for (;;) {
    let value = 0
    let size = 0
    let error = 0
    let worst = 0
    for (let i = 0; i < queue.length; i++) {
      value += queue[i].at.value
      size += queue[i].at.size
      error += queue[i].at.error
      if (queue[i].at.error > queue[worst].at.error) worst = i
    }
    // halving a panel divides its error by 2^30, so the last halving is never needed for the values themselves
    if (error <= Math.max(absolute, relative * size) || error <= 1e-15 * size) return { value, error }
    if (queue.length >= panels) {
      throw new RangeError(
        `integrate: error ${error} after ${panels} panels, wanted ${Math.max(absolute, relative * size)} (name kinks in breaks, or allow a larger error)`,
      )
    }
    const {
      f: g,
      at: { low: a, high: b },
    } = queue[worst]
    const middle = a + (b - a) / 2
    if (!(middle > a && middle < b)) return { value, error }
    queue[worst] = { f: g, at: panel(g, a, middle) }
    queue.push({ f: g, at: panel(g, middle, b) })
  }
}
