import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { meanInterval, proportionInterval, varianceInterval } from "./interval.ts"
import { binomial } from "./laws/binomial.ts"
import { normal } from "./laws/normal.ts"
import { studentT } from "./laws/student-t.ts"

const fixture = JSON.parse(readFileSync(new URL("./fixtures/tests.json", import.meta.url), "utf8"))

test("the t interval uses the 97.5th percentile, 2.093024 for 20 values, and covers the mean in 95 +- 1 of 100 repetitions [D38]", () => {
  expect(studentT({ df: 19 }).quantile(0.975)).toBeCloseTo(2.0930241, 7)
  const after = [138, 132, 140, 142, 136, 142, 147, 135, 140]
  const [low, high] = meanInterval(after)
  expect(low).toBeCloseTo(135.68548, 5)
  expect(high).toBeCloseTo(142.53674, 5)
  meanInterval(fixture.x).forEach((v, i) => {
    expect(v).toBeCloseTo(fixture.tInterval[i], 11)
  })
  const repetitions = 20_000
  const n = 9
  const law = normal({ mean: 140, std: 4.5 })
  const draws = law.sample(repetitions * n, 1)
  let covered = 0
  let spread = 0
  for (let i = 0; i < repetitions; i++) {
    const sample = draws.subarray(n * i, n * i + n)
    const [a, b] = meanInterval(sample)
    if (a <= law.mean && law.mean <= b) covered++
    const [c, d] = varianceInterval(sample)
    if (c <= law.variance && law.variance <= d) spread++
  }
  expect(Math.abs(covered / repetitions - 0.95)).toBeLessThan(0.01)
  expect(Math.abs(spread / repetitions - 0.95)).toBeLessThan(0.01)
})

test("proportion intervals are SciPy's; the exact one never covers too rarely, Wilson's about right on average", () => {
  for (const [k, n, method, low, high] of fixture.proportion) {
    const found = proportionInterval(k, n, { method })
    expect(found[0]).toBeCloseTo(low, 12)
    expect(found[1]).toBeCloseTo(high, 12)
  }
  let sum = 0
  for (let i = 1; i < 40; i++) {
    const p = i / 40
    const law = binomial({ trials: 25, p })
    const coverage = { exact: 0, wilson: 0 }
    for (let k = 0; k <= 25; k++) {
      for (const method of ["exact", "wilson"] as const) {
        const [a, b] = proportionInterval(k, 25, { method })
        if (a <= p && p <= b) coverage[method] += law.pmf(k)
      }
    }
    expect(coverage.exact).toBeGreaterThanOrEqual(0.95)
    sum += coverage.wilson / 39
  }
  expect(Math.abs(sum - 0.95)).toBeLessThan(0.01)
})

test("levels, counts and samples out of range are refused by name", () => {
  expect(() => meanInterval([1, 2], { level: 0 })).toThrow("meanInterval: level is 0")
  expect(() => meanInterval([1])).toThrow("meanInterval: values has 1 numbers")
  expect(() => varianceInterval([])).toThrow("varianceInterval: values has 0 numbers")
  expect(() => proportionInterval(3, 2)).toThrow("proportionInterval: got 3 successes in 2 trials")
  expect(() => proportionInterval(1, 2, { method: "wald" as never })).toThrow(
    'method is wald, expected "wilson" or "exact"',
  )
})
