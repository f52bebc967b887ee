/** Monte Carlo: expectations as means over draws, with the error that comes with them. */

import type { Generator } from "../engine/random.ts"
import { fraction, integer } from "./check.ts"
import { generatorOf, type Source } from "./law.ts"
import { normalQuantile } from "./special/erf.ts"

/** Number of draws, level of the interval, and where randomness comes from. */
export interface MonteCarloOptions {
  count?: number
  level?: number
  source?: Source
}

/** A Monte Carlo estimate with its error bar. */
export interface Estimate {
  readonly mean: number
  /** Standard error of the mean, s / sqrt n: it falls with the root of the number of draws. */
  readonly error: number
  /** mean +- z error, the normal interval of the level asked for. */
  readonly interval: readonly [number, number]
  readonly count: number
}

/**
 * Estimates an expectation: `draw` generates one input from the given generator and returns the computed value, and
 * the values are averaged (Welford's way, one pass).
 *
 * @throws RangeError for fewer than two draws, or a value that is not finite.
 */
export function monteCarlo(
  draw: (generator: Generator) => number,
  { count = 10_000, level = 0.95, source = 0 }: MonteCarloOptions = {},
): Estimate {
  integer("monteCarlo", "count", count, 2)
  fraction("monteCarlo", "level", level)
  const generator = generatorOf(source)
  let mean = 0
  let squares = 0
  for (let i = 1; i <= count; i++) {
    const value = draw(generator)
    if (!Number.isFinite(value)) throw new RangeError(`monteCarlo: draw ${i} is ${value}, expected a finite number`)
    const ahead = value - mean
    mean += ahead / i
    squares += ahead * (value - mean)
  }
  const error = Math.sqrt(squares / (count - 1) / count)
  const reach = -normalQuantile((1 - level) / 2) * error
  return { mean, error, interval: [mean - reach, mean + reach], count }
}
