import { expect, test } from "vitest"
import { Generator } from "../engine/random.ts"
import { solve } from "../linalg/solve.ts"
import { correlation, covariance } from "./covariance.ts"
import { mean, std, variance } from "./descriptive.ts"
import { crossEntropy, klDivergence } from "./information.ts"
import { bernoulli } from "./laws/bernoulli.ts"
import { binomial } from "./laws/binomial.ts"
import { categorical } from "./laws/categorical.ts"
import { cauchy } from "./laws/cauchy.ts"
import { gamma } from "./laws/gamma.ts"
import { normal } from "./laws/normal.ts"
import { uniform } from "./laws/uniform.ts"
import { logLikelihood, maximumLikelihood } from "./likelihood.ts"

test("49 heads in 80 tosses are likeliest at p = .6125, by formula and by search [D31]", () => {
  expect(binomial({ trials: 80 }).fit([49]).p).toBe(0.6125)
  expect(bernoulli().fit([...Array(49).fill(1), ...Array(31).fill(0)]).p).toBe(0.6125)
  const found = maximumLikelihood(([p]) => binomial({ trials: 80, p }), [49], { start: [0.5] })
  expect(found.parameters[0]).toBeCloseTo(0.6125, 8)
  // the curvature gives the standard error sqrt(p (1 - p) / n)
  expect(found.standardErrors?.[0]).toBeCloseTo(Math.sqrt((0.6125 * 0.3875) / 80), 5)
  // the argument of the least -log L is p itself, and not -log p = .49
  const costs = Array.from({ length: 9999 }, (_, i) => -binomial({ trials: 80, p: (i + 1) / 1e4 }).logProb(49))
  expect((costs.indexOf(Math.min(...costs)) + 1) / 1e4).toBe(0.6125)
  const likelihood = (p: number): number => binomial({ trials: 80, p }).pmf(49)
  for (let p = 0.01; p < 1; p += 0.01) expect(likelihood(p)).toBeLessThanOrEqual(likelihood(0.6125))
  expect(Math.abs(likelihood(0.6125 + 1e-4) - likelihood(0.6125 - 1e-4)) / 2e-4).toBeLessThan(1e-5)
})

test("the search finds what the families' own fits find, with the error bars of theory", () => {
  const x = normal({ mean: 3, std: 2 }).sample(300, 1)
  const found = maximumLikelihood(([mean, logStd]) => normal({ mean, std: Math.exp(logStd) }), x, { start: [0, 0] })
  expect(found.parameters[0]).toBeCloseTo(mean(x), 7)
  expect(Math.exp(found.parameters[1])).toBeCloseTo(std(x), 7)
  expect(found.standardErrors?.[0]).toBeCloseTo(std(x) / Math.sqrt(300), 5)
  expect(found.standardErrors?.[1]).toBeCloseTo(1 / Math.sqrt(600), 5)
  expect(found.logLikelihood).toBeCloseTo(logLikelihood(normal().fit(x), x), 9)
  const y = gamma({ shape: 2.5, scale: 3 }).sample(200, 2)
  const own = gamma({ shape: 1 }).fit(y)
  const searched = maximumLikelihood(([shape, scale]) => gamma({ shape, scale }), y, { start: [1, 1] })
  expect(searched.parameters[0]).toBeCloseTo(own.shape, 5)
  expect(searched.parameters[1]).toBeCloseTo(own.scale, 5)
  const z = cauchy({ loc: 5, scale: 0.5 }).sample(200, 3)
  const centre = maximumLikelihood(([loc, scale]) => cauchy({ loc, scale }), z, { start: [4, 1] })
  expect(centre.law.loc).toBeCloseTo(cauchy().fit(z).loc, 6)
  // at a border there is no curvature to invert
  const edge = maximumLikelihood(([high]) => uniform({ low: 0, high }), [0.2, 0.9, 0.4], { start: [2] })
  expect(edge.parameters[0]).toBeCloseTo(0.9, 6)
  expect(edge.covariance).toBe(undefined)
})

test("on a grid of categorical laws likelihood, cross-entropy and KL divergence pick the same one, the seen frequencies [D32]", () => {
  const draws = categorical({ probs: [0.15, 0.35, 0.5] }).sample(200, 4)
  const seen = categorical({ probs: [1, 0, 0] }).fit(draws).probs
  const steps = 200
  const best = { likelihood: -Infinity, cross: Infinity, kl: Infinity }
  const at = { likelihood: "", cross: "", kl: "" }
  let offset: number | undefined
  for (let i = 1; i < steps; i++) {
    for (let j = 1; i + j < steps; j++) {
      const q = [i / steps, j / steps, (steps - i - j) / steps]
      const likelihood = logLikelihood(categorical({ probs: q }), draws)
      const cross = crossEntropy(seen, q)
      const kl = klDivergence(seen, q)
      // -(1/n) log L is the cross-entropy, which is KL plus the entropy of the data
      if (Math.abs(-likelihood / 200 - cross) > 1e-12) expect.fail(`${q}`)
      offset ??= cross - kl
      if (Math.abs(cross - kl - offset) > 1e-12) expect.fail(`${q}`)
      const key = q.join(" ")
      if (likelihood > best.likelihood) [best.likelihood, at.likelihood] = [likelihood, key]
      if (cross < best.cross) [best.cross, at.cross] = [cross, key]
      if (kl < best.kl) [best.kl, at.kl] = [kl, key]
    }
  }
  expect(at.cross).toBe(at.likelihood)
  expect(at.kl).toBe(at.likelihood)
  expect(at.likelihood.split(" ").map(Number)).toEqual(seen.map((p) => Math.round(p * steps) / steps))
  expect(best.kl).toBeCloseTo(0, 10)
})

test("least squares is maximum likelihood under normal noise, with log(2 pi) / 2 for each observation [D33]", () => {
  const g = new Generator(5)
  const x = Float64Array.from({ length: 60 }, () => g.uniform(-2, 2))
  const y = x.map((v) => 1.5 - 0.7 * v + g.normal(0, 0.4))
  const residuals = (a: number, b: number): Float64Array => y.map((v, i) => v - a - b * x[i])
  const squares = (a: number, b: number): number => residuals(a, b).reduce((sum, r) => sum + r * r, 0)
  // the normal equations
  const sx = x.reduce((s, v) => s + v, 0)
  const sxx = x.reduce((s, v) => s + v * v, 0)
  const sy = y.reduce((s, v) => s + v, 0)
  const sxy = x.reduce((s, v, i) => s + v * y[i], 0)
  const [a, b] = solve(
    [
      [60, sx],
      [sx, sxx],
    ],
    [sy, sxy],
  ).data
  expect(b).toBeCloseTo(covariance(x, y) / variance(x), 12)
  // likelihood of all observations at once, as a law of the index
  const index = Float64Array.from(x.keys())
  const found = maximumLikelihood(
    ([intercept, slope]) => ({ logProb: (i) => normal({ mean: intercept + slope * x[i] }).logProb(y[i]) }),
    index,
    { start: [0, 0] },
  )
  expect(found.parameters[0]).toBeCloseTo(a, 7)
  expect(found.parameters[1]).toBeCloseTo(b, 7)
  // -log L = n log(2 pi) / 2 + (sum of squares) / 2
  for (const [p, q] of [
    [a, b],
    [0, 0],
    [2, -1],
  ]) {
    const nll = -residuals(p, q).reduce((sum, r) => sum + normal().logProb(r), 0)
    expect(nll).toBeCloseTo((60 * Math.log(2 * Math.PI)) / 2 + squares(p, q) / 2, 10)
  }
  expect(-normal().logProb(0)).toBeCloseTo(0.9189, 4)
  // any other noise scale moves the value and not the place
  const wide = maximumLikelihood(
    ([intercept, slope]) => ({ logProb: (i) => normal({ mean: intercept + slope * x[i], std: 3 }).logProb(y[i]) }),
    index,
    { start: [0, 0] },
  )
  expect(wide.parameters[1]).toBeCloseTo(b, 7)
})

test("mean and sum of losses have one minimum; the gradient of the mean has variance sigma^2 / n, of the sum n sigma^2 [D34]", () => {
  const g = new Generator(6)
  const data = normal({ mean: 2, std: 3 }).sample(50, 7)
  const sum = (theta: number): number => data.reduce((s, v) => s + (theta - v) ** 2 / 2, 0)
  let [atSum, atMean] = [0, 0]
  for (let theta = -2; theta < 6; theta += 0.001) {
    if (sum(theta) < sum(atSum)) atSum = theta
    if (sum(theta) / 50 < sum(atMean) / 50) atMean = theta
  }
  expect(atMean).toBe(atSum)
  expect(atMean).toBeCloseTo(mean(data), 2)
  const sizes = [8, 32, 128]
  const repeats = 3000
  for (const n of sizes) {
    const gradients = Float64Array.from({ length: repeats }, () => {
      // of (theta - x)^2 / 2 at theta = 0, averaged over a batch
      let total = 0
      for (let i = 0; i < n; i++) total -= g.normal(2, 3)
      return total / n
    })
    const bound = 4.5 * Math.sqrt(2 / repeats)
    expect(Math.abs(variance(gradients) / (9 / n) - 1)).toBeLessThan(bound)
    expect(Math.abs(variance(gradients.map((v) => n * v)) / (9 * n) - 1)).toBeLessThan(bound)
    expect(
      correlation(
        gradients,
        gradients.map((v) => n * v),
      ),
    ).toBeCloseTo(1, 12)
  }
})

test("starts that are impossible, likelihoods without bound and empty data are refused by name", () => {
  expect(() => maximumLikelihood(([rate]) => normal({ std: rate }), [1], { start: [-1] })).toThrow(
    "maximumLikelihood: the observations are impossible at start [-1]",
  )
  expect(() => maximumLikelihood(([p]) => bernoulli({ p }), [], { start: [0.5] })).toThrow("values has 0 numbers")
  expect(() => maximumLikelihood(([p]) => bernoulli({ p }), [1], { start: [] })).toThrow("start is empty")
  expect(() => maximumLikelihood(() => ({ logProb: () => Infinity }), [1], { start: [1] })).toThrow(
    "the likelihood is unbounded",
  )
  expect(() => logLikelihood(normal(), [Number.NaN])).toThrow("logLikelihood: values[0] is NaN")
})
