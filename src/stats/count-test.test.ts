import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { Generator } from "../engine/random.ts"
import { chiSquaredTest, independenceTest } from "./count-test.ts"
import { categorical } from "./laws/categorical.ts"

const { chi } = JSON.parse(readFileSync(new URL("./fixtures/tests.json", import.meta.url), "utf8"))

test("chi-squared tests of counts and of tables are SciPy's", () => {
  const cases: [{ statistic: number; pValue: number; df: number }, number[]][] = [
    [chiSquaredTest(chi.seen), chi.equal],
    [chiSquaredTest(chi.seen, { expected: chi.expected }), chi.given],
    [chiSquaredTest(chi.seen, { expected: chi.expected, ddof: 2 }), chi.ddof],
    [independenceTest(chi.table), chi.independence],
    [independenceTest(chi.small), chi.yates],
    [independenceTest(chi.small, { correction: false }), chi.plain],
  ]
  for (const [found, [statistic, pValue, df]] of cases) {
    expect(found.statistic).toBeCloseTo(statistic, 11)
    expect(found.pValue).toBeCloseTo(pValue, 12)
    if (df !== undefined) expect(found.df).toBe(df)
  }
})

test("under the null hypothesis a chi-squared test of many counts rejects in 5 of 100 trials", () => {
  const law = categorical({ probs: [0.2, 0.3, 0.1, 0.4] })
  const g = new Generator(1)
  let rejected = 0
  const trials = 2000
  for (let i = 0; i < trials; i++) {
    const counts = [0, 0, 0, 0]
    for (const k of law.sample(200, g)) counts[k]++
    if (chiSquaredTest(counts, { expected: law.probs.map((p) => 200 * p) }).pValue < 0.05) rejected++
  }
  expect(Math.abs(rejected / trials - 0.05)).toBeLessThan(4.5 * Math.sqrt((0.05 * 0.95) / trials))
})

test("counts and tables that are none are refused by name", () => {
  expect(() => chiSquaredTest([1])).toThrow("chiSquaredTest: observed has 1 numbers, expected at least 2 numbers")
  expect(() => chiSquaredTest([1, -1])).toThrow("chiSquaredTest: observed[1] is -1")
  expect(() => chiSquaredTest([1, 2], { expected: [0, 3] })).toThrow("chiSquaredTest: expected[0] is 0")
  expect(() => chiSquaredTest([1, 2], { expected: [2, 2] })).toThrow("expected adds up to 4, observed to 3")
  expect(() => chiSquaredTest([1, 2], { ddof: 1 })).toThrow("leave 0 degrees of freedom")
  expect(() => chiSquaredTest([0, 0])).toThrow("the observed counts add up to 0")
  expect(() => independenceTest([[1, 2]])).toThrow("independenceTest: table has shape [1, 2]")
  expect(() =>
    independenceTest([
      [1, 0],
      [2, 0],
    ]),
  ).toThrow("independenceTest: column 1 has no counts")
})
