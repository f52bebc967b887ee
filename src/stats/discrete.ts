/** Builds the shared members of a law on the integers from its mass, its two tails and a way to draw. */

import type { Generator } from "../engine/random.ts"
import { integer, probability, real } from "./check.ts"
import { type Discrete, generatorOf } from "./law.ts"
import { allAbove, allBelow, type Tails } from "./special/tails.ts"

/** What a law on integers says about itself; points handed in are integers inside the support. */
export interface DiscreteCore {
  readonly name: string
  readonly support: readonly [number, number]
  logProb(k: number): number
  tails(k: number): Tails
  /** Roughly the quantile: where the search starts. */
  guess(p: number, q: number): number
  draw(generator: Generator): number
}

// Shares that equal a value of the distribution function but for rounding count as equal to it
const rounding = 1e-14

/** The members every law on integers has, checked: NaN and shares outside [0, 1] are refused by name. */
export function discrete(core: DiscreteCore): Discrete {
  const { name, support } = core
  const [low, high] = support
  const mass = (where: string, x: number): number => {
    real(`${name}.${where}`, "x", x)
    return x < low || x > high || !Number.isInteger(x) ? -Infinity : core.logProb(x)
  }
  const tails = (where: string, x: number): Tails => {
    const k = Math.floor(real(`${name}.${where}`, "x", x))
    return k < low ? allAbove : k >= high ? allBelow : core.tails(k)
  }
  const at = (p: number, q: number, isEnough: (t: Tails) => boolean): number => {
    if (p === 0) return low
    if (q === 0) return high
    const start = Math.min(
      Math.max(Math.round(core.guess(p, q)), low),
      high === Infinity ? Number.MAX_SAFE_INTEGER : high,
    )
    return firstEnough((k) => k >= high || isEnough(core.tails(k)), start, low)
  }
  return {
    kind: "discrete",
    name,
    support,
    logProb: (x) => mass("logProb", x),
    pmf: (x) => Math.exp(mass("pmf", x)),
    cdf: (x) => tails("cdf", x).lower,
    sf: (x) => tails("sf", x).upper,
    logCdf: (x) => tails("logCdf", x).logLower,
    logSf: (x) => tails("logSf", x).logUpper,
    quantile(p) {
      probability(`${name}.quantile`, "p", p)
      return at(p, 1 - p, (t) => t.lower >= p * (1 - rounding))
    },
    upperQuantile(q) {
      probability(`${name}.upperQuantile`, "q", q)
      return at(1 - q, q, (t) => t.upper <= q * (1 + rounding))
    },
    sample(count = 1, source = 0) {
      const generator = generatorOf(source)
      const out = new Float64Array(integer(`${name}.sample`, "count", count))
      for (let i = 0; i < out.length; i++) out[i] = core.draw(generator)
      return out
    },
  }
}

/** The least integer from `low` on that is enough, where all above an enough one are: doubling steps, then halves. */
function firstEnough(isEnough: (k: number) => boolean, start: number, low: number): number {
  let step = 1
  let above = start
  let below = start
  if (isEnough(start)) {
    do {
      above = below
      below = above - step
      step *= 2
    } while (below >= low && isEnough(below))
    below = Math.max(below, low - 1)
  } else {
    do {
      below = above
      above = below + step
      step *= 2
    } while (!isEnough(above))
  }
  while (above - below > 1) {
    const half = Math.floor(below + (above - below) / 2)
    if (isEnough(half)) above = half
    else below = half
  }
  return above
}
