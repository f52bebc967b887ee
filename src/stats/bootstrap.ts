/** The bootstrap: how a statistic varies, from resampling the one sample there is. */

import { fraction, integer, observations } from "./check.ts"
import { mean, sortedQuantile, std } from "./descriptive.ts"
import { generatorOf, type Source } from "./law.ts"
import { normalCdf, normalQuantile } from "./special/erf.ts"

/** Number of resamples, level and kind of the interval, and where randomness comes from. */
export interface BootstrapOptions {
  resamples?: number
  level?: number
  /** "percentile": quantiles of the resampled statistics; "basic": mirrored; "bca": corrected for bias and skewness. */
  method?: "percentile" | "basic" | "bca"
  source?: Source
}

/** What the bootstrap found. */
export interface Bootstrap {
  /** The statistic of the sample itself. */
  readonly estimate: number
  /** Mean of the resampled statistics minus the estimate. */
  readonly bias: number
  /** Standard deviation of the resampled statistics. */
  readonly standardError: number
  readonly interval: readonly [number, number]
  /** The resampled statistics, in rising order. */
  readonly draws: Float64Array
}

/**
 * Bootstrap of a statistic: it is computed on samples of the same size drawn with replacement from the observations.
 * Source: Efron and Tibshirani 1993, "An introduction to the bootstrap", chapters 6, 13 and 14.
 *
 * @throws RangeError for fewer than two values, a NaN, or a statistic that is not finite on a resample.
 */
export function bootstrap(
  values: ArrayLike<number>,
  statistic: (sample: Float64Array) => number,
  { resamples = 2000, level = 0.95, method = "bca", source = 0 }: BootstrapOptions = {},
): Bootstrap {
  const x = observations("bootstrap", "values", values, 2)
  integer("bootstrap", "resamples", resamples, 2)
  const outside = (1 - fraction("bootstrap", "level", level)) / 2
  const generator = generatorOf(source)
  const checked = (sample: Float64Array): number => {
    const value = statistic(sample)
    if (!Number.isFinite(value))
      throw new RangeError(`bootstrap: the statistic is ${value} on a resample, expected a finite number`)
    return value
  }
  const estimate = checked(x.slice())
  const draws = new Float64Array(resamples)
  for (let i = 0; i < resamples; i++) draws[i] = checked(x.map(() => x[generator.integer(x.length)]))
  draws.sort()
  let interval: readonly [number, number]
  if (method === "bca") {
    interval = corrected(x, checked, estimate, draws, outside)
  } else {
    const low = sortedQuantile(draws, outside)
    const high = sortedQuantile(draws, 1 - outside)
    interval = method === "basic" ? [2 * estimate - high, 2 * estimate - low] : [low, high]
  }
  return { estimate, bias: mean(draws) - estimate, standardError: std(draws, { ddof: 1 }), interval, draws }
}

/** The BCa interval: percentiles shifted by the median bias and by the acceleration, which the jackknife gives. */
function corrected(
  x: Float64Array,
  statistic: (sample: Float64Array) => number,
  estimate: number,
  draws: Float64Array,
  outside: number,
): readonly [number, number] {
  const n = draws.length
  let below = 0
  for (const v of draws) below += v < estimate ? 1 : v === estimate ? 0.5 : 0
  // a statistic at the end of its resamples has no finite bias, so half a resample is kept on either side
  const shift = normalQuantile(Math.min(n - 0.5, Math.max(0.5, below)) / n)
  const left = Array.from(x, (_, i) => statistic(x.filter((_, j) => j !== i)))
  const center = mean(left)
  let cubes = 0
  let squares = 0
  for (const v of left) {
    cubes += (center - v) ** 3
    squares += (center - v) ** 2
  }
  const acceleration = squares > 0 ? cubes / (6 * squares ** 1.5) : 0
  const at = (p: number): number => {
    const z = shift + normalQuantile(p)
    return sortedQuantile(draws, Math.min(1, Math.max(0, normalCdf(shift + z / (1 - acceleration * z)))))
  }
  return [at(outside), at(1 - outside)]
}
