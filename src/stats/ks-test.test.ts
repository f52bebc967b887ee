import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { kolmogorovLimitSf, kolmogorovSf, smirnovSf } from "./kolmogorov.ts"
import { ksTest, ksTestTwoSample } from "./ks-test.ts"
import { gamma } from "./laws/gamma.ts"
import { normal } from "./laws/normal.ts"
import { uniform } from "./laws/uniform.ts"

const fixture = JSON.parse(readFileSync(new URL("./fixtures/tests.json", import.meta.url), "utf8"))
const { x, y } = fixture

test("Kolmogorov's and Smirnov's laws are exact up to n = 1000 and in the tail, to 1e-7 beyond", () => {
  for (const [n, d, expected] of fixture.kolmogorov) {
    const got = kolmogorovSf(n, d)
    // one minus a distribution function near 1 has the rounding of 1; the expansion for large n has its own error
    const bound = n <= 1000 ? 1e-12 : 1e-7
    expect(Math.abs(got - expected), `D_${n} >= ${d}: ${got}, expected ${expected}`).toBeLessThan(bound)
    if (n * d * d > 4) expect(Math.abs(got / expected - 1)).toBeLessThan(1e-9)
  }
  for (const [n, d, expected] of fixture.smirnov) {
    expect(Math.abs(smirnovSf(n, d) - expected), `D+_${n} >= ${d}`).toBeLessThan(1e-10 * expected + 1e-300)
  }
  for (const [z, expected] of fixture.limit) expect(Math.abs(kolmogorovLimitSf(z) / expected - 1)).toBeLessThan(1e-12)
  // n = 1: D is at least d unless the draw lies within d of both ends
  expect(kolmogorovSf(1, 0.7)).toBeCloseTo(2 * 0.3, 14)
  expect(kolmogorovSf(10, 0.01)).toBe(1)
  expect(kolmogorovSf(10, 1)).toBe(0)
})

test("one- and two-sample tests are SciPy's", () => {
  const law = gamma({ shape: 2, scale: 3 })
  for (const alternative of ["two-sided", "less", "greater"] as const) {
    const found = ksTest(x, law, { alternative })
    expect(found.statistic).toBeCloseTo(fixture.ks[alternative][0], 12)
    expect(found.pValue).toBeCloseTo(fixture.ks[alternative][1], 10)
  }
  const shifted = y.map((v: number) => v + 1)
  expect(ksTestTwoSample(x, shifted).statistic).toBeCloseTo(fixture.ks2[0], 12)
  expect(ksTestTwoSample(x, shifted).pValue).toBeCloseTo(fixture.ks2[1], 12)
  const far = ksTestTwoSample(
    x,
    y.map((v: number) => v - 9),
  )
  expect(Math.abs(far.pValue / fixture.ks2far[1] - 1)).toBeLessThan(1e-10)
})

test("p-values are uniform where the law is right and small where it is not", () => {
  const draws = normal().sample(60_000, 1)
  const values = Float64Array.from(
    { length: 2000 },
    (_, i) => ksTest(draws.subarray(30 * i, 30 * i + 30), normal()).pValue,
  )
  expect(ksTest(values, uniform()).pValue).toBeGreaterThan(1e-4)
  expect(ksTest(draws.subarray(0, 500), normal({ mean: 0.5 })).pValue).toBeLessThan(1e-6)
  const pairs = Float64Array.from(
    { length: 1000 },
    (_, i) => ksTestTwoSample(draws.subarray(60 * i, 60 * i + 29), draws.subarray(60 * i + 29, 60 * i + 60)).pValue,
  )
  // the statistic is discrete, so its p-values are a little large
  const small = pairs.reduce((n, p) => n + (p < 0.1 ? 1 : 0), 0) / 1000
  expect(small).toBeGreaterThan(0.05)
  expect(small).toBeLessThan(0.14)
  expect(ksTestTwoSample(draws.subarray(0, 3000), draws.subarray(3000, 6000)).pValue).toBeGreaterThan(1e-4)
})

test("empty samples and NaN are refused by name", () => {
  expect(() => ksTest([], normal())).toThrow("ksTest: values has 0 numbers")
  expect(() => ksTestTwoSample([1], [Number.NaN])).toThrow("ksTestTwoSample: y[0] is NaN")
  expect(() => kolmogorovSf(0, 0.5)).toThrow("kolmogorovSf: n is 0")
  expect(() => kolmogorovSf(3, Number.NaN)).toThrow("kolmogorovSf: d is NaN")
})
