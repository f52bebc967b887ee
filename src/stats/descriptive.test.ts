import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { Generator } from "../engine/random.ts"
import { covariance } from "./covariance.ts"
import {
  centralMoment,
  kurtosis,
  mean,
  median,
  quantile,
  ranks,
  skewness,
  standardize,
  std,
  sum,
  variance,
} from "./descriptive.ts"
import { expectation } from "./expectation.ts"
import { bernoulli } from "./laws/bernoulli.ts"
import { beta } from "./laws/beta.ts"
import { exponential } from "./laws/exponential.ts"
import { gamma } from "./laws/gamma.ts"
import { laplace } from "./laws/laplace.ts"
import { normal } from "./laws/normal.ts"
import { poisson } from "./laws/poisson.ts"
import { uniform } from "./laws/uniform.ts"

const fixture = JSON.parse(readFileSync(new URL("./fixtures/tests.json", import.meta.url), "utf8"))
const { x, z, describe } = fixture

test("mean, variance, skewness, kurtosis, quantiles and ranks are NumPy's and SciPy's", () => {
  expect(mean(x)).toBeCloseTo(describe.mean, 12)
  expect(variance(x)).toBeCloseTo(describe.variance0, 11)
  expect(variance(x, { ddof: 1 })).toBeCloseTo(describe.variance1, 11)
  expect(skewness(x)).toBeCloseTo(describe.skewness, 12)
  expect(skewness(x, { bias: false })).toBeCloseTo(describe.skewnessUnbiased, 12)
  expect(kurtosis(x)).toBeCloseTo(describe.kurtosis, 11)
  expect(kurtosis(x, { bias: false })).toBeCloseTo(describe.kurtosisUnbiased, 11)
  for (const [p, expected] of describe.quantiles) expect(quantile(x, p)).toBeCloseTo(expected, 12)
  expect(Array.from(ranks(z))).toEqual(describe.ranks)
  expect(median([3, 1, 2, 10])).toBe(2.5)
})

test("a large offset does not spoil the sum or the variance", () => {
  expect(sum([1e16, 1, -1e16, 1])).toBe(2)
  const shifted = [4, 7, 13, 16].map((v) => v + 1e9)
  expect(variance(shifted, { ddof: 1 })).toBe(30)
})

test("Var X = E X^2 - (E X)^2 is the variance of every law, 1/4 for a fair coin, and that of its draws [D01]", () => {
  const coin = bernoulli()
  expect(coin.variance).toBe(0.25)
  expect(expectation(coin, (v) => v * v) - expectation(coin, (v) => v) ** 2).toBe(0.25)
  const laws = [
    coin,
    poisson({ rate: 4.2 }),
    normal({ mean: 3, std: 2 }),
    uniform({ low: -1, high: 5 }),
    exponential({ rate: 0.3 }),
    gamma({ shape: 2.5, scale: 1.7 }),
    beta({ alpha: 2, beta: 3 }),
    laplace({ loc: 1, scale: 2 }),
  ]
  const count = 40_000
  for (const law of laws) {
    const first = expectation(law, (v) => v)
    const second = expectation(law, (v) => v * v)
    expect(Math.abs(first - law.mean)).toBeLessThan(1e-9)
    expect(Math.abs(second - first ** 2 - law.variance)).toBeLessThan(1e-8)
    const draws = law.sample(count, 1)
    expect(Math.abs(mean(draws) - law.mean)).toBeLessThan(4.5 * Math.sqrt(law.variance / count))
    // the variance of a sample variance is (m4 - var^2) / n
    const fourth = expectation(law, (v) => (v - law.mean) ** 4)
    expect(Math.abs(variance(draws) - law.variance)).toBeLessThan(
      4.5 * Math.sqrt((fourth - law.variance ** 2) / count) + law.variance / count,
    )
  }
  // covariance in the same two forms
  const a = normal().sample(500, 2)
  const b = a.map((v, i) => v * v + Math.sin(i))
  const product = mean(a.map((v, i) => v * b[i])) - mean(a) * mean(b)
  expect(covariance(a, b)).toBeCloseTo(product, 12)
  expect(covariance(a, a)).toBeCloseTo(variance(a), 14)
})

test("skewness is of the standardised variable: 2 for an exponential law of any scale [D25]", () => {
  for (const scale of [0.01, 1, 2, 500]) {
    const law = exponential({ rate: 1 / scale })
    const third = expectation(law, (v) => (v - law.mean) ** 3)
    expect(third / law.variance ** 1.5).toBeCloseTo(2, 9)
    expect(law.skewness).toBe(2)
  }
  // the third central moment alone depends on the unit: 16 at scale 2
  expect(expectation(exponential({ rate: 0.5 }), (v) => (v - 2) ** 3)).toBeCloseTo(16, 8)
  const draws = exponential().sample(3000, 3)
  const scaled = draws.map((v) => 7 * v - 4)
  expect(skewness(scaled)).toBeCloseTo(skewness(draws), 11)
  expect(kurtosis(scaled)).toBeCloseTo(kurtosis(draws), 10)
  expect(centralMoment(scaled, 3) / centralMoment(draws, 3)).toBeCloseTo(343, 8)
  expect(skewness(draws.map((v) => -v))).toBeCloseTo(-skewness(draws), 12)
  const standard = standardize(draws)
  expect(mean(standard)).toBeCloseTo(0, 13)
  expect(std(standard)).toBeCloseTo(1, 13)
  expect(centralMoment(standard, 3)).toBeCloseTo(skewness(draws), 12)
})

test("on 10,000 random samples quantiles stay inside, rise with p, and shift and scale with the sample", () => {
  const g = new Generator(4)
  for (let i = 0; i < 10_000; i++) {
    const values = Float64Array.from({ length: 1 + g.integer(12) }, () => g.normal(0, 10))
    const [p, q] = [g.uniform(), g.uniform()].sort()
    const at = quantile(values, p)
    if (!(at <= quantile(values, q) && at >= quantile(values, 0) && at <= quantile(values, 1))) expect.fail(`${values}`)
    const moved = quantile(
      values.map((v) => 2 * v + 3),
      p,
    )
    if (!(Math.abs(moved - (2 * at + 3)) < 1e-12 * (1 + Math.abs(at)))) expect.fail(`${values}`)
    if (!(variance(values) >= 0)) expect.fail(`${values}`)
  }
})

test("empty samples, NaN and samples too small or constant are refused by name", () => {
  expect(() => mean([])).toThrow("mean: values has 0 numbers, expected at least one number")
  expect(() => mean([1, Number.NaN])).toThrow("mean: values[1] is NaN, expected a finite number")
  expect(() => variance([1], { ddof: 1 })).toThrow("variance: got 1 values with ddof 1")
  expect(() => skewness([2, 2, 2])).toThrow("skewness: all 3 values are 2, the variance is 0")
  expect(() => kurtosis([1, 2], { bias: false })).toThrow("kurtosis: values has 2 numbers")
  expect(() => quantile([1, 2], 1.5)).toThrow("quantile: p is 1.5, expected a number from 0 to 1")
  expect(() => standardize([5, 5])).toThrow("standardize: all 2 values are 5")
  expect(sum([])).toBe(0)
})
