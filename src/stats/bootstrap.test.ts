import { expect, test } from "vitest"
import { bootstrap } from "./bootstrap.ts"
import { mean, median, std, variance } from "./descriptive.ts"
import { normal } from "./laws/normal.ts"

test("the bootstrap's standard error of a mean is s / sqrt n, its percentiles are the normal interval", () => {
  const x = normal({ mean: 5, std: 2 }).sample(400, 1)
  const found = bootstrap(x, mean, { resamples: 4000, method: "percentile" })
  expect(found.estimate).toBe(mean(x))
  expect(Math.abs(found.standardError / (std(x) / 20) - 1)).toBeLessThan(0.05)
  expect(Math.abs(found.bias)).toBeLessThan(0.01)
  const reach = (1.96 * std(x)) / 20
  expect(Math.abs(found.interval[0] - (mean(x) - reach))).toBeLessThan(0.02)
  expect(Math.abs(found.interval[1] - (mean(x) + reach))).toBeLessThan(0.02)
  expect(found.draws.length).toBe(4000)
  expect(bootstrap(x, mean, { resamples: 50, source: 3 })).toEqual(bootstrap(x, mean, { resamples: 50, source: 3 }))
})

test("the plug-in variance is biased by -1/n of itself, and the bootstrap sees it", () => {
  const x = normal().sample(12, 2)
  const found = bootstrap(x, (s) => variance(s), { resamples: 20_000, method: "basic" })
  expect(found.bias / found.estimate).toBeCloseTo(-1 / 12, 2)
  expect(found.interval[0]).toBeCloseTo(2 * found.estimate - found.draws[Math.round(0.975 * 19_999)], 2)
})

test("for a skewed statistic the corrected interval errs less, and on both sides, where percentiles lie too low", () => {
  const repetitions = 400
  const n = 25
  const draws = normal().sample(repetitions * n, 3)
  // how often the true variance 1 lies below and above the interval
  const missed = { bca: [0, 0], percentile: [0, 0] }
  for (let i = 0; i < repetitions; i++) {
    const sample = draws.subarray(n * i, n * i + n)
    for (const method of ["bca", "percentile"] as const) {
      const [low, high] = bootstrap(sample, (s) => variance(s), { resamples: 400, method, source: i }).interval
      if (1 < low) missed[method][0]++
      if (1 > high) missed[method][1]++
    }
  }
  expect(missed.bca[0] + missed.bca[1]).toBeLessThan(0.8 * (missed.percentile[0] + missed.percentile[1]))
  expect(missed.bca[0]).toBeGreaterThan(missed.percentile[0])
  expect(missed.bca[1]).toBeLessThan(missed.percentile[1])
  expect((missed.bca[0] + missed.bca[1]) / repetitions).toBeLessThan(0.11)
})

test("samples too small and statistics that fail are refused by name", () => {
  expect(() => bootstrap([1], mean)).toThrow("bootstrap: values has 1 numbers")
  expect(() => bootstrap([1, 2], () => Number.NaN)).toThrow("bootstrap: the statistic is NaN on a resample")
  expect(() => bootstrap([1, 2], median, { resamples: 1 })).toThrow("bootstrap: resamples is 1")
  expect(() => bootstrap([1, 2], median, { level: 1.5 })).toThrow("bootstrap: level is 1.5")
})
