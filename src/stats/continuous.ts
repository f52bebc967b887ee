/** Builds the shared members of a continuous law from its density, its two tails and a way to draw. */

import type { Generator } from "../engine/random.ts"
import { integer, probability, real } from "./check.ts"
import { type Continuous, generatorOf } from "./law.ts"
import { allAbove, allBelow, type Tails } from "./special/tails.ts"

/** What a continuous law says about itself; points handed in are finite and inside the support, shares inside (0, 1). */
export interface ContinuousCore {
  readonly name: string
  readonly support: readonly [number, number]
  logProb(x: number): number
  tails(x: number): Tails
  /** The point with the shares p below and q above, the smaller of which is exact. */
  quantile(p: number, q: number): number
  draw(generator: Generator): number
}

/** The members every continuous law has, checked: NaN and shares outside [0, 1] are refused by name. */
export function continuous(core: ContinuousCore): Continuous {
  const { name, support } = core
  const [low, high] = support
  const density = (where: string, x: number): number => {
    real(`${name}.${where}`, "x", x)
    return x < low || x > high || Math.abs(x) === Infinity ? -Infinity : core.logProb(x)
  }
  const tails = (where: string, x: number): Tails => {
    real(`${name}.${where}`, "x", x)
    return x <= low ? allAbove : x >= high ? allBelow : core.tails(x)
  }
  const at = (p: number, q: number): number => (p === 0 ? low : q === 0 ? high : core.quantile(p, q))
  return {
    kind: "continuous",
    name,
    support,
    logProb: (x) => density("logProb", x),
    pdf: (x) => Math.exp(density("pdf", x)),
    cdf: (x) => tails("cdf", x).lower,
    sf: (x) => tails("sf", x).upper,
    logCdf: (x) => tails("logCdf", x).logLower,
    logSf: (x) => tails("logSf", x).logUpper,
    quantile: (p) => at(probability(`${name}.quantile`, "p", p), 1 - p),
    upperQuantile: (q) => at(1 - q, probability(`${name}.upperQuantile`, "q", q)),
    sample(count = 1, source = 0) {
      const generator = generatorOf(source)
      const out = new Float64Array(integer(`${name}.sample`, "count", count))
      for (let i = 0; i < out.length; i++) out[i] = core.draw(generator)
      return out
    },
  }
}
