/** Confidence intervals: sets that cover the true value in a stated share of repetitions. */

import { fraction, integer, observations } from "./check.ts"
import { mean, std } from "./descriptive.ts"
import { beta } from "./laws/beta.ts"
import { chiSquared } from "./laws/chi-squared.ts"
import { normal } from "./laws/normal.ts"
import { studentT } from "./laws/student-t.ts"

/** Options of confidence intervals. */
export interface IntervalOptions {
  /** The share of repetitions in which the interval covers the true value; default 0.95. */
  level?: number
}

/**
 * t interval of the mean, mean +- c s / sqrt n with c the (1 + level) / 2 quantile of Student's t with n - 1 degrees
 * of freedom. The level is a property of the procedure over repetitions, not the chance that this interval is right
 * (notes 003, definition 2.24, say the latter).
 *
 * @throws RangeError for fewer than two values, a NaN, or a level outside (0, 1).
 */
export function meanInterval(
  values: ArrayLike<number>,
  { level = 0.95 }: IntervalOptions = {},
): readonly [number, number] {
  const x = observations("meanInterval", "values", values, 2)
  fraction("meanInterval", "level", level)
  const c = studentT({ df: x.length - 1 }).upperQuantile((1 - level) / 2)
  const reach = (c * std(x, { ddof: 1 })) / Math.sqrt(x.length)
  const center = mean(x)
  return [center - reach, center + reach]
}

/**
 * Interval of the variance of a normal law: (n - 1) s^2 over the (1 + level) / 2 and the (1 - level) / 2 quantile of
 * chi-squared with n - 1 degrees of freedom, s^2 the sample variance with divisor n - 1. Other laws need another interval.
 *
 * @throws RangeError for fewer than two values, a NaN, or a level outside (0, 1).
 */
export function varianceInterval(
  values: ArrayLike<number>,
  { level = 0.95 }: IntervalOptions = {},
): readonly [number, number] {
  const x = observations("varianceInterval", "values", values, 2)
  fraction("varianceInterval", "level", level)
  const law = chiSquared({ df: x.length - 1 })
  const squares = std(x, { ddof: 1 }) ** 2 * (x.length - 1)
  return [squares / law.upperQuantile((1 - level) / 2), squares / law.quantile((1 - level) / 2)]
}

/** Options of {@link proportionInterval}. */
export interface ProportionOptions extends IntervalOptions {
  /** Wilson's score interval (default), or Clopper and Pearson's, which never covers too rarely. */
  method?: "wilson" | "exact"
}

/**
 * Interval of a proportion seen k = `successes` times in n = `trials`. Wilson's is (k + z^2/2 +- z sqrt(k (n - k) / n + z^2/4))
 * / (n + z^2) with z the (1 + level) / 2 quantile of the standard normal (Wilson 1927). The exact one has the quantiles
 * (1 - level) / 2 of beta(k, n - k + 1) and (1 + level) / 2 of beta(k + 1, n - k) (Clopper and Pearson 1934).
 *
 * @throws RangeError unless 0 <= successes <= trials are integers and trials is above 0, for a level outside (0, 1), and for an
 * unknown method.
 */
export function proportionInterval(
  successes: number,
  trials: number,
  { level = 0.95, method = "wilson" }: ProportionOptions = {},
): readonly [number, number] {
  integer("proportionInterval", "trials", trials, 1)
  integer("proportionInterval", "successes", successes)
  if (successes > trials) throw new RangeError(`proportionInterval: got ${successes} successes in ${trials} trials`)
  const outside = (1 - fraction("proportionInterval", "level", level)) / 2
  const failures = trials - successes
  if (method === "exact") {
    return [
      successes === 0 ? 0 : beta({ alpha: successes, beta: failures + 1 }).quantile(outside),
      failures === 0 ? 1 : beta({ alpha: successes + 1, beta: failures }).upperQuantile(outside),
    ]
  }
  if (method !== "wilson")
    throw new RangeError(`proportionInterval: method is ${String(method)}, expected "wilson" or "exact"`)
  const z2 = normal().upperQuantile(outside) ** 2
  const center = (successes + z2 / 2) / (trials + z2)
  const reach = Math.sqrt(z2 * ((successes * failures) / trials + z2 / 4)) / (trials + z2)
  return [successes === 0 ? 0 : center - reach, failures === 0 ? 1 : center + reach]
}
