/** What a law (a probability distribution) can answer; a law has the members that exist for it and no others. */

import { Generator } from "../engine/random.ts"

/** Where randomness comes from: a seed, or a generator whose stream goes on. */
export type Source = number | Generator

/** The generator of a source. @throws RangeError when a seed is no integer from 0 to 2^53 - 1. */
export function generatorOf(source: Source): Generator {
  return typeof source === "number" ? new Generator(source) : source
}

/** A law on the real line. */
export interface Univariate {
  /** The family's name, in errors too. */
  readonly name: string
  /** Smallest and largest value that has or borders on probability. */
  readonly support: readonly [number, number]
  /** log of the density or of the mass at x, in nats; -Infinity where there is none. @throws RangeError on NaN. */
  logProb(x: number): number
  /** P(X <= x). @throws RangeError on NaN. */
  cdf(x: number): number
  /** P(X > x), accurate where it is small. @throws RangeError on NaN. */
  sf(x: number): number
  /** log P(X <= x), finite far below where cdf underflows. @throws RangeError on NaN. */
  logCdf(x: number): number
  /** log P(X > x), finite far above where sf underflows. @throws RangeError on NaN. */
  logSf(x: number): number
  /** The smallest x with cdf(x) >= p, for p in [0, 1]. @throws RangeError outside. */
  quantile(p: number): number
  /** The smallest x with sf(x) <= q: the quantile of 1 - q, for q too small for that. @throws RangeError outside. */
  upperQuantile(q: number): number
  /** `count` independent draws; the same source gives the same draws. */
  sample(count?: number, source?: Source): Float64Array
}

/** A law with a density. */
export interface Continuous extends Univariate {
  readonly kind: "continuous"
  /** The density at x. @throws RangeError on NaN. */
  pdf(x: number): number
}

/** A law on integers or on listed points. */
export interface Discrete extends Univariate {
  readonly kind: "discrete"
  /** P(X = x). @throws RangeError on NaN. */
  pmf(x: number): number
}

/** A law whose first four moments exist (they may be infinite). */
export interface Moments {
  readonly mean: number
  readonly variance: number
  /** E[((X - mean) / std)^3]. */
  readonly skewness: number
  /** Excess kurtosis, E[((X - mean) / std)^4] - 3: 0 for the normal law. */
  readonly kurtosis: number
}

/** A law whose first two moments exist. */
export interface Spread {
  readonly mean: number
  readonly variance: number
}

/** A law with a differential entropy (continuous) or Shannon entropy (discrete). */
export interface Entropic {
  /** -E[log p(X)] in nats. */
  entropy(): number
}

/** A law whose moment generating function is finite around 0. */
export interface Generating {
  /** E[e^(t X)], Infinity where the expectation diverges. @throws RangeError on NaN. */
  mgf(t: number): number
}

/** A law whose parameters can be had back from observations. */
export interface Fitting<L> {
  /** The law of this family under which the observations are likeliest. @throws RangeError when there is none. */
  fit(observations: ArrayLike<number>): L
}
