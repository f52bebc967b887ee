import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { meanInterval } from "./interval.ts"
import { ksTest } from "./ks-test.ts"
import { exponential } from "./laws/exponential.ts"
import { normal } from "./laws/normal.ts"
import { studentT } from "./laws/student-t.ts"
import { uniform } from "./laws/uniform.ts"
import {
  type Alternative,
  type MeanTest,
  pValue,
  tTest,
  tTestPaired,
  tTestSummary,
  tTestTwoSample,
  zTest,
} from "./t-test.ts"

const fixture = JSON.parse(readFileSync(new URL("./fixtures/tests.json", import.meta.url), "utf8"))
const { x, y } = fixture
const paired: number[] = x.slice(0, 12)
const sides: Alternative[] = ["two-sided", "less", "greater"]

function same(found: MeanTest, expected: (number | null)[]): void {
  const own = [found.statistic, found.pValue, found.df, ...found.interval]
  own.forEach((v, i) => {
    const other = expected[i]
    if (other === null) expect(Math.abs(v)).toBe(Infinity)
    else expect(Math.abs(v / other - 1)).toBeLessThan(1e-10)
  })
}

test("the one-sample t statistic is (mean - mu) / (s / sqrt n), with SciPy's p-value and interval on every side [D35]", () => {
  for (const alternative of sides) same(tTest(x, { mean: 5, alternative }), fixture.t[alternative].one)
  const found = tTest(x, { mean: 5 })
  const center = x.reduce((a: number, b: number) => a + b, 0) / x.length
  const s = Math.sqrt(x.reduce((sum: number, v: number) => sum + (v - center) ** 2, 0) / (x.length - 1))
  expect(found.statistic).toBeCloseTo((center - 5) / (s / Math.sqrt(x.length)), 12)
  meanInterval(x).forEach((v, i) => {
    expect(v).toBeCloseTo(found.interval[i], 12)
  })
  // a test at level .05 rejects exactly the means outside the interval of level .95
  for (const mean of [found.interval[0] - 1e-6, found.interval[1] + 1e-6])
    expect(tTest(x, { mean }).pValue).toBeLessThan(0.05)
  for (const mean of [found.interval[0] + 1e-6, found.interval[1] - 1e-6])
    expect(tTest(x, { mean }).pValue).toBeGreaterThan(0.05)
})

test("paired, pooled and Welch tests are SciPy's on every side", () => {
  for (const alternative of sides) {
    const expected = fixture.t[alternative]
    same(tTestPaired(paired, y, { alternative, level: 0.9 }), expected.paired)
    same(tTestTwoSample(x, y, { alternative, equalVariance: true }), expected.pooled)
    same(tTestTwoSample(x, y, { alternative }), expected.welch)
  }
})

test("the drug trial has t = -5.258506 and p = 5.906e-6 (pooled) or 7.771e-6 (Welch, df 34.26): the null hypothesis falls [D36]", () => {
  const drug = { mean: 143.25, std: 4.37, count: 20 }
  const placebo = { mean: 149.55, std: 3.1, count: 20 }
  const pooled = tTestSummary(drug, placebo, { equalVariance: true })
  expect(pooled.statistic).toBeCloseTo(-5.258506, 6)
  expect(pooled.df).toBe(38)
  expect(pooled.pValue).toBeCloseTo(5.906e-6, 9)
  const welch = tTestSummary(drug, placebo)
  expect(welch.statistic).toBeCloseTo(-5.258506, 6)
  expect(welch.df).toBeCloseTo(34.2585, 4)
  expect(welch.pValue).toBeCloseTo(7.771e-6, 9)
  expect(welch.pValue).toBeLessThan(0.05)
  // the notes go on with t = 1.61 and p = .058, which is one-sided
  expect(studentT({ df: 38 }).sf(1.61)).toBeCloseTo(0.0578, 4)
  expect(pValue(studentT({ df: 38 }), 1.61)).toBeCloseTo(0.1157, 3)
  // the nine values a group that are printed
  const after = [
    [138, 132, 140, 142, 136, 142, 147, 135, 140],
    [146, 150, 143, 148, 145, 142, 154, 156, 152],
  ]
  const visible = tTestTwoSample(after[0], after[1])
  expect(visible.statistic).toBeCloseTo(-4.226499, 6)
  expect(visible.df).toBeCloseTo(15.857, 3)
  expect(visible.pValue).toBeCloseTo(6.5375e-4, 8)
})

test("under the null hypothesis a p-value is uniform, so a decision at .05 is wrong in 5 of 100 trials [D37]", () => {
  const trials = 4000
  const draws = normal({ mean: 3, std: 2 }).sample(trials * 16, 1)
  const run = (judge: (sample: Float64Array) => number): Float64Array =>
    Float64Array.from({ length: trials }, (_, i) => judge(draws.subarray(16 * i, 16 * (i + 1))))
  const judges: Record<string, (sample: Float64Array) => number> = {
    "one sample": (s) => tTest(s, { mean: 3 }).pValue,
    "one side": (s) => tTest(s, { mean: 3, alternative: "greater" }).pValue,
    pooled: (s) => tTestTwoSample(s.subarray(0, 6), s.subarray(6), { equalVariance: true }).pValue,
    z: (s) => zTest(s, { mean: 3, std: 2 }).pValue,
  }
  for (const [name, judge] of Object.entries(judges)) {
    const values = run(judge)
    expect(ksTest(values, uniform()).pValue, name).toBeGreaterThan(1e-4)
    const rejected = values.reduce((n, p) => n + (p < 0.05 ? 1 : 0), 0) / trials
    expect(Math.abs(rejected - 0.05), name).toBeLessThan(4.5 * Math.sqrt((0.05 * 0.95) / trials))
  }
  // where the hypothesis is false, p-values crowd at 0
  expect(
    ksTest(
      run((s) => tTest(s, { mean: 2 }).pValue),
      uniform(),
    ).pValue,
  ).toBeLessThan(1e-10)
})

test("Welch's test keeps its level where variances and sizes differ, and the pooled one does not", () => {
  const trials = 3000
  const a = normal({ std: 4 }).sample(trials * 5, 2)
  const b = normal({ std: 1 }).sample(trials * 20, 3)
  const share = (equalVariance: boolean): number => {
    let rejected = 0
    for (let i = 0; i < trials; i++) {
      const found = tTestTwoSample(a.subarray(5 * i, 5 * i + 5), b.subarray(20 * i, 20 * i + 20), { equalVariance })
      if (found.pValue < 0.05) rejected++
    }
    return rejected / trials
  }
  expect(Math.abs(share(false) - 0.05)).toBeLessThan(0.02)
  expect(share(true)).toBeGreaterThan(0.15)
})

test("the z test takes the normal law for the statistic", () => {
  const found = zTest([4, 5, 6, 9], { mean: 5, std: 2 })
  expect(found.statistic).toBeCloseTo(1, 14)
  expect(found.pValue).toBeCloseTo(2 * normal().sf(1), 14)
  expect(found.df).toBe(Infinity)
  expect(found.interval[1]).toBeCloseTo(6 + 1.959963984540054, 12)
  expect(pValue(exponential(), 3, "greater")).toBeCloseTo(Math.exp(-3), 15)
})

test("samples too small, constant or unpaired are refused by name", () => {
  expect(() => tTest([1])).toThrow("tTest: values has 1 numbers, expected at least 2 numbers")
  expect(() => tTest([2, 2, 2])).toThrow("tTest: the values do not vary")
  expect(() => tTest([])).toThrow("tTest: values has 0 numbers")
  expect(() => tTest([1, Number.NaN])).toThrow("tTest: values[1] is NaN")
  expect(() => tTest([1, 2], { level: 1 })).toThrow("tTest: level is 1, expected a number strictly between 0 and 1")
  expect(() => tTest([1, 2], { alternative: "both" as never })).toThrow(
    'tTest: alternative is both, expected "two-sided"',
  )
  expect(() => tTestPaired([1, 2], [1])).toThrow("tTestPaired: x has 2 values, y has 1, expected as many")
  expect(() => tTestSummary({ mean: 0, std: -1, count: 3 }, { mean: 0, std: 1, count: 3 })).toThrow("x.std is -1")
  expect(() => zTest([1], { std: 0 })).toThrow("zTest: std is 0")
})
