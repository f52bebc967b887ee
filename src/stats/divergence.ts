/** Divergences of laws that have no sum to add up: Monte Carlo estimates in nats, with their error bars. */

import type { NdArray } from "../engine/array.ts"
import type { Generator } from "../engine/random.ts"
import { integer } from "./check.ts"
import { generatorOf } from "./law.ts"
import { type Estimate, type MonteCarloOptions, monteCarlo } from "./monte-carlo.ts"
import { log1pexp } from "./special/logs.ts"

/** A law on numbers that says its density or mass and draws, as all of them do. */
export interface Scalar {
  readonly name: string
  readonly kind: "continuous" | "discrete"
  logProb(x: number): number
  sample(count?: number, source?: Generator): Float64Array
}

/** A law on vectors that says its density and draws rows [count, dimension], as the multivariate normal does. */
export interface Multivariate {
  readonly name: string
  readonly dimension: number
  logProb(x: ArrayLike<number>): number
  sample(count?: number, source?: Generator): NdArray<"float64">
}

/** log from(x) and log other(x) at a draw x of `from`. */
type Draw = (generator: Generator) => readonly [from: number, other: number]

function draws<L extends Scalar | Multivariate>(where: string, from: L, other: L): Draw {
  const isWide = (law: Scalar | Multivariate): law is Multivariate => "dimension" in law
  if (isWide(from) && isWide(other)) {
    if (from.dimension !== other.dimension)
      throw new RangeError(`${where}: the laws have dimensions ${from.dimension} and ${other.dimension}`)
    return (generator) => {
      const { data } = from.sample(1, generator)
      return [from.logProb(data), other.logProb(data)]
    }
  }
  if (isWide(from) || isWide(other))
    throw new RangeError(`${where}: ${from.name} and ${other.name} are laws of different spaces`)
  if (from.kind !== other.kind)
    throw new RangeError(`${where}: ${from.name} is ${from.kind}, ${other.name} is ${other.kind}, expected the same`)
  return (generator) => {
    const [x] = from.sample(1, generator)
    return [from.logProb(x), other.logProb(x)]
  }
}

/**
 * Kullback and Leibler's divergence E[log p(x) - log q(x)], x drawn from p. It is Infinity, with no error bar, once a
 * draw of p has no density under q.
 *
 * @throws RangeError for laws of different spaces, or fewer than two draws.
 */
export function klMonteCarlo<L extends Scalar | Multivariate>(
  p: L,
  q: L,
  { count = 10_000, level = 0.95, source = 0 }: MonteCarloOptions = {},
): Estimate {
  integer("klMonteCarlo", "count", count, 2)
  const draw = draws("klMonteCarlo", p, q)
  let isApart = false
  const estimate = monteCarlo(
    (generator) => {
      const [a, b] = draw(generator)
      if (b === -Infinity) isApart = true
      return isApart ? 0 : a - b
    },
    { count, level, source: generatorOf(source) },
  )
  return isApart ? { mean: Infinity, error: 0, interval: [Infinity, Infinity], count } : estimate
}

/**
 * Jensen and Shannon's divergence E_p[log p / m] / 2 + E_q[log q / m] / 2 with m = (p + q) / 2: each step draws once
 * from both laws. Every term is at most log 2.
 *
 * @throws RangeError for laws of different spaces, or fewer than two draws.
 */
export function jsMonteCarlo<L extends Scalar | Multivariate>(
  p: L,
  q: L,
  { count = 10_000, level = 0.95, source = 0 }: MonteCarloOptions = {},
): Estimate {
  const fromP = draws("jsMonteCarlo", p, q)
  const fromQ = draws("jsMonteCarlo", q, p)
  // log p / m = log 2 - log(1 + q / p)
  const term = ([a, b]: readonly [number, number]): number => Math.LN2 - log1pexp(b - a)
  return monteCarlo((generator) => (term(fromP(generator)) + term(fromQ(generator))) / 2, { count, level, source })
}
