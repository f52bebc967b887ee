/** Kolmogorov and Smirnov's tests: whether a sample follows a law, and whether two samples follow one. */

import { observations } from "./check.ts"
import { kolmogorovLimitSf, kolmogorovSf, smirnovSf } from "./kolmogorov.ts"
import type { Continuous } from "./law.ts"
import type { Alternative } from "./t-test.ts"

/** What a Kolmogorov-Smirnov test found. */
export interface KsTest {
  /** The largest distance between the two distribution functions, on the side the alternative names. */
  readonly statistic: number
  /** Under the null hypothesis, the probability of a distance at least as large. */
  readonly pValue: number
}

/** "greater" asks whether the sample's distribution function lies above the other, "less" below. */
export interface KsOptions {
  alternative?: Alternative
}

/**
 * Whether a sample follows a continuous law: D = sup |F_n - F|, with the exact law of D up to n = 1000 (see
 * {@link kolmogorovSf}).
 *
 * @throws RangeError for no values or a NaN.
 */
export function ksTest(
  values: ArrayLike<number>,
  law: Pick<Continuous, "cdf">,
  { alternative = "two-sided" }: KsOptions = {},
): KsTest {
  const x = observations("ksTest", "values", values).sort()
  const n = x.length
  let above = 0
  let below = 0
  for (let i = 0; i < n; i++) {
    const at = law.cdf(x[i])
    above = Math.max(above, (i + 1) / n - at)
    below = Math.max(below, at - i / n)
  }
  if (alternative === "greater") return { statistic: above, pValue: smirnovSf(n, above) }
  if (alternative === "less") return { statistic: below, pValue: smirnovSf(n, below) }
  const statistic = Math.max(above, below)
  return { statistic, pValue: kolmogorovSf(n, statistic) }
}

/**
 * Whether two samples follow one continuous law: D = sup |F_n - G_m|, two-sided. Exact by counting lattice paths while
 * n m is at most 4 million, else by Kolmogorov's limit at sqrt(n m / (n + m)) D. The exact count is for samples
 * without ties; with ties its p-value is too large.
 *
 * @throws RangeError for an empty sample or a NaN.
 */
export function ksTestTwoSample(a: ArrayLike<number>, b: ArrayLike<number>): KsTest {
  const x = observations("ksTestTwoSample", "x", a).sort()
  const y = observations("ksTestTwoSample", "y", b).sort()
  const n = x.length
  const m = y.length
  // distances are counted in units of 1 / (n m), where they are integers
  let distance = 0
  for (let i = 0, j = 0; i < n && j < m; ) {
    const at = Math.min(x[i], y[j])
    while (i < n && x[i] === at) i++
    while (j < m && y[j] === at) j++
    distance = Math.max(distance, Math.abs(i * m - j * n))
  }
  const statistic = distance / (n * m)
  if (distance === 0) return { statistic, pValue: 1 }
  const pValue = n * m <= 4e6 ? straying(n, m, distance) : kolmogorovLimitSf(Math.sqrt((n * m) / (n + m)) * statistic)
  return { statistic, pValue: Math.min(1, pValue) }
}

/**
 * Probability that a random order of n and m values has |i m - j n| >= distance somewhere. Its path is followed
 * backwards: the last of i + j values belongs to the first sample with probability i / (i + j).
 */
function straying(n: number, m: number, distance: number): number {
  const row = new Float64Array(m + 1)
  for (let i = 0; i <= n; i++) {
    for (let j = 0; j <= m; j++) {
      if (Math.abs(i * m - j * n) >= distance) row[j] = 1
      else if (i + j === 0) row[j] = 0
      else row[j] = ((i > 0 ? row[j] * i : 0) + (j > 0 ? row[j - 1] * j : 0)) / (i + j)
    }
  }
  return row[m]
}
