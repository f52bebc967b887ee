import { expect, test } from "vitest"
import { distanceToNormal, meansOf, runningMeans } from "../../examples/stats-limits.ts"
import { estimatePi, spreadOfThrow } from "../../examples/stats-pi.ts"
import { covariance } from "./covariance.ts"
import { mean, std, variance } from "./descriptive.ts"
import { ksTest } from "./ks-test.ts"
import { cauchy } from "./laws/cauchy.ts"
import { exponential } from "./laws/exponential.ts"
import { normal } from "./laws/normal.ts"
import { uniform } from "./laws/uniform.ts"
import { monteCarlo } from "./monte-carlo.ts"

test("means settle on the expectation: off by less than 4 sigma / sqrt n at n = 1e6, and never for a Cauchy law [D27]", () => {
  for (const law of [uniform({ low: -1, high: 3 }), exponential({ rate: 0.5 })]) {
    const means = runningMeans(law, 1_000_000, 1)
    for (const { n, mean: at } of means.slice(2)) {
      expect(Math.abs(at - law.mean), `${law.name}, n = ${n}`).toBeLessThan(
        (4 * Math.sqrt(law.variance)) / Math.sqrt(n),
      )
    }
    expect(means[means.length - 1].n).toBe(1_000_000)
  }
  // over 40 seeds the spread of normal means falls tenfold from n = 100 to 10,000; that of Cauchy means stays
  const spread = (law: typeof normal | typeof cauchy, n: number): number => {
    const means = Float64Array.from({ length: 40 }, (_, i) => Math.abs(mean(law().sample(n, 100 + i)))).sort()
    return means[20]
  }
  expect(spread(normal, 10_000)).toBeLessThan(spread(normal, 100) / 4)
  expect(spread(cauchy, 10_000)).toBeGreaterThan(spread(cauchy, 100) / 4)
})

test("standardised means of m draws come nearer to the normal law as m grows [D28]", () => {
  for (const law of [exponential(), uniform()]) {
    const distances = [1, 4, 16, 64].map((m) => distanceToNormal(law, m, 20_000, 2))
    for (let i = 1; i < (law.name === "uniform" ? 2 : 4); i++) expect(distances[i]).toBeLessThan(distances[i - 1])
    // Edgeworth's first term at 64, and the noise of 20,000 means (1.95 / sqrt k is its .999 quantile)
    const edgeworth = law.skewness / (6 * Math.sqrt(2 * Math.PI * 64))
    expect(distances[3]).toBeLessThan(edgeworth + 1.95 / Math.sqrt(20_000))
    expect(distances[0]).toBeGreaterThan(0.05)
  }
  // for the uniform law already 12 are enough
  const means = meansOf(uniform(), 12, 5000, 3)
  expect(ksTest(means, normal({ mean: 0.5, std: 1 / 12 })).pValue).toBeGreaterThan(1e-4)
})

test("the error of Monte Carlo falls with slope -1/2 in the logarithms, and its error bar says how large it is [D29]", () => {
  const truth = Math.E - 1
  const sizes = [100, 400, 1600, 6400]
  const repeats = 400
  const points = sizes.map((count) => {
    const errors = new Float64Array(repeats)
    let inside = 0
    let bars = 0
    for (let i = 0; i < repeats; i++) {
      const {
        mean: at,
        error,
        interval,
      } = monteCarlo((g) => Math.exp(g.uniform()), { count, source: i * 10_000 + count })
      errors[i] = at - truth
      bars += error / repeats
      if (interval[0] <= truth && truth <= interval[1]) inside++
    }
    expect(Math.abs(inside / repeats - 0.95)).toBeLessThan(0.05)
    expect(Math.abs(std(errors) / bars - 1)).toBeLessThan(0.15)
    return [Math.log(count), Math.log(std(errors))] as const
  })
  const logs = points.map((p) => p[0])
  const slope =
    covariance(
      logs,
      points.map((p) => p[1]),
    ) / variance(logs)
  expect(Math.abs(slope + 0.5)).toBeLessThan(0.05)
})

test("pi from points in a square is off by less than 4 times 1.64 / sqrt n [D30]", () => {
  expect(spreadOfThrow).toBeCloseTo(1.642, 3)
  for (const [n, seed] of [
    [1000, 1],
    [100_000, 2],
    [1_000_000, 3],
  ]) {
    const { mean: pi, error } = estimatePi(n, seed)
    expect(Math.abs(pi - Math.PI)).toBeLessThan((4 * 1.64) / Math.sqrt(n))
    expect(Math.abs(error / (spreadOfThrow / Math.sqrt(n)) - 1)).toBeLessThan(0.05)
  }
})

test("too few draws and values that are not finite are refused by name", () => {
  expect(() => monteCarlo(() => 1, { count: 1 })).toThrow("monteCarlo: count is 1, expected an integer of at least 2")
  expect(() => monteCarlo(() => Number.NaN)).toThrow("monteCarlo: draw 1 is NaN, expected a finite number")
})
