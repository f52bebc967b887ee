/** Tests about means: Student's, Welch's and the z test. */

import { finite, fraction, integer, observations, positive } from "./check.ts"
import { mean, std } from "./descriptive.ts"
import type { Continuous } from "./law.ts"
import { normal } from "./laws/normal.ts"
import { studentT } from "./laws/student-t.ts"

/** Which deviations from the null hypothesis count as extreme. */
export type Alternative = "two-sided" | "less" | "greater"

/** The alternative, the hypothesised mean (or difference of means), and the level of the interval. */
export interface MeanTestOptions {
  mean?: number
  alternative?: Alternative
  level?: number
}

/** What a test about a mean found. */
export interface MeanTest {
  /** (estimate - hypothesised mean) / standard error. */
  readonly statistic: number
  /** Under the null hypothesis, the probability of a statistic at least as extreme as this one. */
  readonly pValue: number
  /** Degrees of freedom; Infinity for the z test. */
  readonly df: number
  /** The mean, or the difference of means. */
  readonly estimate: number
  readonly standardError: number
  /** A set that covers the true value in a share `level` of repetitions; one-sided as the alternative is. */
  readonly interval: readonly [number, number]
}

/** A sample by its mean, its standard deviation (divisor n - 1) and its size. */
export interface Summary {
  mean: number
  std: number
  count: number
}

/** The p-value of a statistic under the law it has when the null hypothesis holds. */
export function pValue(law: Continuous, statistic: number, alternative: Alternative = "two-sided"): number {
  if (alternative === "less") return law.cdf(statistic)
  if (alternative === "greater") return law.sf(statistic)
  return Math.min(1, 2 * Math.min(law.cdf(statistic), law.sf(statistic)))
}

function conclude(
  where: string,
  law: Continuous,
  estimate: number,
  standardError: number,
  df: number,
  { mean: hypothesis = 0, alternative = "two-sided", level = 0.95 }: MeanTestOptions,
): MeanTest {
  finite(where, "mean", hypothesis)
  fraction(where, "level", level)
  if (!["two-sided", "less", "greater"].includes(alternative)) {
    throw new RangeError(`${where}: alternative is ${alternative}, expected "two-sided", "less" or "greater"`)
  }
  if (!(standardError > 0)) {
    throw new RangeError(
      `${where}: the values do not vary, so the standard error is ${standardError}, expected above 0`,
    )
  }
  const statistic = (estimate - hypothesis) / standardError
  const reach = standardError * law.upperQuantile(alternative === "two-sided" ? (1 - level) / 2 : 1 - level)
  return {
    statistic,
    pValue: pValue(law, statistic, alternative),
    df,
    estimate,
    standardError,
    interval: [
      alternative === "less" ? -Infinity : estimate - reach,
      alternative === "greater" ? Infinity : estimate + reach,
    ],
  }
}

function summarise(where: string, name: string, values: ArrayLike<number>): Summary {
  const x = observations(where, name, values, 2)
  return { mean: mean(x), std: std(x, { ddof: 1 }), count: x.length }
}

/**
 * One-sample t test of the mean: t = (mean - hypothesis) / (s / sqrt n) with s of divisor n - 1 and n - 1 degrees of
 * freedom.
 *
 * @throws RangeError for fewer than two values, values that do not vary, or a NaN.
 */
export function tTest(values: ArrayLike<number>, options: MeanTestOptions = {}): MeanTest {
  const { mean: center, std: width, count } = summarise("tTest", "values", values)
  return conclude("tTest", studentT({ df: count - 1 }), center, width / Math.sqrt(count), count - 1, options)
}

/** t test of the mean difference x - y of paired values. @throws RangeError as {@link tTest}, or when unpaired. */
export function tTestPaired(x: ArrayLike<number>, y: ArrayLike<number>, options: MeanTestOptions = {}): MeanTest {
  if (x.length !== y.length)
    throw new RangeError(`tTestPaired: x has ${x.length} values, y has ${y.length}, expected as many`)
  const a = observations("tTestPaired", "x", x, 2)
  const b = observations("tTestPaired", "y", y, 2)
  return tTest(
    a.map((v, i) => v - b[i]),
    options,
  )
}

/** Whether both samples are taken to have one variance (Student) or each its own (Welch). */
export interface TwoSampleOptions extends MeanTestOptions {
  equalVariance?: boolean
}

/**
 * Two-sample t test of mean x - mean y, Welch's unless `equalVariance`: t = (x - y) / sqrt(s1^2/n1 + s2^2/n2) with
 * the degrees of freedom of Welch and Satterthwaite, or the pooled s^2 (1/n1 + 1/n2) with n1 + n2 - 2.
 *
 * @throws RangeError as {@link tTest}.
 */
export function tTestTwoSample(x: ArrayLike<number>, y: ArrayLike<number>, options: TwoSampleOptions = {}): MeanTest {
  return tTestSummary(summarise("tTestTwoSample", "x", x), summarise("tTestTwoSample", "y", y), options)
}

/** {@link tTestTwoSample} of samples known by their summaries. @throws RangeError for counts below 2 or bad numbers. */
export function tTestSummary(x: Summary, y: Summary, options: TwoSampleOptions = {}): MeanTest {
  for (const [name, s] of [
    ["x", x],
    ["y", y],
  ] as const) {
    finite("tTestSummary", `${name}.mean`, s.mean)
    integer("tTestSummary", `${name}.count`, s.count, 2)
    if (!(s.std >= 0 && s.std < Infinity)) {
      throw new RangeError(`tTestSummary: ${name}.std is ${s.std}, expected a finite number of at least 0`)
    }
  }
  const vx = x.std ** 2 / x.count
  const vy = y.std ** 2 / y.count
  let df = x.count + y.count - 2
  let squared = vx + vy
  if (options.equalVariance) {
    const pooled = ((x.count - 1) * x.std ** 2 + (y.count - 1) * y.std ** 2) / df
    squared = pooled * (1 / x.count + 1 / y.count)
  } else if (squared > 0) {
    df = squared ** 2 / (vx ** 2 / (x.count - 1) + vy ** 2 / (y.count - 1))
  }
  return conclude("tTestSummary", studentT({ df }), x.mean - y.mean, Math.sqrt(squared), df, options)
}

/** The z test takes the standard deviation as known. */
export interface ZTestOptions extends MeanTestOptions {
  std: number
}

/** z test of the mean of a sample whose law has a known standard deviation. @throws RangeError for no values or a NaN. */
export function zTest(values: ArrayLike<number>, options: ZTestOptions): MeanTest {
  const x = observations("zTest", "values", values)
  const width = positive("zTest", "std", options.std)
  return conclude("zTest", normal(), mean(x), width / Math.sqrt(x.length), Infinity, options)
}
