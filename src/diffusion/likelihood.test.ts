import { expect, test } from "vitest"
import { mean } from "../../test/laws/statistics.ts"
import { Generator } from "../engine/random.ts"
import { type ErrorOf, gaussianKl, klWeight, reverseVariance } from "./likelihood.ts"
import { gaussian } from "./process.ts"
import { cosine, linear, schedule } from "./schedule.ts"

const near = (a: number, b: number, tolerance: number): void =>
  expect(Math.abs(a - b), `${a} and ${b}`).toBeLessThan(tolerance * Math.max(1, Math.abs(b)))

test("the divergence of two Gaussians is the mean log ratio of their densities, and 0 only between equals [A19]", () => {
  const p = { mean: [0.3, -1, 2], variance: [0.5, 1.2, 2] }
  const q = { mean: [0, -0.6, 1], variance: [0.8, 1, 3.5] }
  const random = new Generator(1)
  const logRatio = (): number =>
    p.mean.reduce((sum, m, i) => {
      const x = random.normal(m, Math.sqrt(p.variance[i]))
      const log = (c: number, v: number): number => -0.5 * Math.log(v) - (x - c) ** 2 / (2 * v)
      return sum + log(m, p.variance[i]) - log(q.mean[i], q.variance[i])
    }, 0)
  const draws = Float64Array.from({ length: 200_000 }, logRatio)
  const spread = Math.sqrt(mean(draws.map((v) => v * v)) - mean(draws) ** 2)
  expect(Math.abs(gaussianKl(p, q) - mean(draws))).toBeLessThan((4 * spread) / Math.sqrt(draws.length))

  // 1/2 [log |Sq| / |Sp| - d + tr(Sq^-1 Sp) + delta^T Sq^-1 delta]
  const formula = p.mean.reduce((sum, m, i) => {
    const [vp, vq] = [p.variance[i], q.variance[i]]
    return sum + 0.5 * (Math.log(vq / vp) - 1 + vp / vq + (m - q.mean[i]) ** 2 / vq)
  }, 0)
  near(gaussianKl(p, q), formula, 1e-14)
  expect(gaussianKl(p, p)).toBe(0)
  for (const other of [
    { ...p, mean: [0.3, -1, 2.001] },
    { ...p, variance: [0.5, 1.2, 2.001] },
  ]) {
    expect(gaussianKl(p, other)).toBeGreaterThan(0)
    expect(gaussianKl(other, p)).toBeGreaterThan(0)
  }
  // Sigma = 2 I and means one apart: dividing by the determinant instead would give 1/2 of 1/4.
  const [a, b] = [
    { mean: [0, 0], variance: 2 },
    { mean: [0.6, 0.8], variance: [2, 2] },
  ]
  near(2 * gaussianKl(a, b), 0.5, 1e-15)
  // Nearly equal variances: the naive formula has lost all digits of 6.25e-21.
  near(gaussianKl({ mean: [0], variance: 1 + 2 ** -33 }, { mean: [0], variance: 1 }) * 2 ** 68, 1, 1e-9)
})

test("coordinates that do not match and variances that are none are refused", () => {
  const p = { mean: [0, 0], variance: 1 }
  expect(() => gaussianKl(p, { mean: [0], variance: 1 })).toThrow("q's mean has 1 coordinates, p's mean has 2")
  expect(() => gaussianKl(p, { mean: [0, 0], variance: [1] })).toThrow("q's variance has 1 coordinates")
  for (const variance of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => gaussianKl(p, { ...p, variance })).toThrow(`variance ${variance} of coordinate 0, expected a positive`)
})

const processes = [gaussian(linear()), gaussian(cosine(100)), gaussian(schedule("three", [0.1, 0.2, 0.05]))]
const variances = ["small", "large"] as const

/** Calls `visit` at times of several processes, with data, noise and a wrong guess of the noise. */
function eachCase(
  visit: (at: {
    process: (typeof processes)[number]
    t: number
    variance: "small" | "large"
    x0: number[]
    xt: number[]
    eps: number[]
    guess: number[]
  }) => void,
): void {
  const random = new Generator(8)
  const list = (): number[] => Array.from({ length: 5 }, () => random.normal())
  for (const process of processes) {
    for (const t of [1, 2, 3, Math.ceil(process.steps / 2), process.steps]) {
      for (const variance of variances) {
        const [x0, eps, guess] = [list(), list(), list()]
        const xt = x0.map((x, i) => process.signal(t) * x + process.sigma(t) * eps[i])
        visit({ process, t, variance, x0, xt, eps, guess })
      }
    }
  }
}
const squared = (a: readonly number[], b: readonly number[]): number => a.reduce((s, v, i) => s + (v - b[i]) ** 2, 0)

test("the divergence of reverse steps of equal variance is the weighted error of the mean [A20]", () => {
  eachCase(({ process, t, variance, x0, xt, guess }) => {
    const { x0Weight, xtWeight } = process.posterior(t)
    const means = [x0, guess].map((clean) => clean.map((x, i) => x0Weight * x + xtWeight * xt[i]))
    const spread = reverseVariance(process, t, variance)
    const divergence = gaussianKl({ mean: means[0], variance: spread }, { mean: means[1], variance: spread })
    near(klWeight(process, t, { of: "mean", variance }) * squared(means[0], means[1]), divergence, 1e-12)
  })
})

test("the same divergence is the error of the noise times beta^2 / (2 sigma^2 alpha (1 - alphaBar)) [A21]", () => {
  eachCase(({ process, t, variance, xt, eps, guess }) => {
    const { xtWeight, epsWeight } = process.posteriorByNoise(t)
    const means = [eps, guess].map((noise) => noise.map((e, i) => xtWeight * xt[i] + epsWeight * e))
    const byMean = klWeight(process, t, { of: "mean", variance }) * squared(means[0], means[1])
    near(klWeight(process, t, { variance }) * squared(eps, guess), byMean, 1e-10)
    const beta = process.schedule.beta[t]
    const spread = reverseVariance(process, t, variance)
    const printed = beta ** 2 / (2 * spread * (1 - beta) * (1 - process.alphaBar(t)))
    near(klWeight(process, t, { of: "eps", variance }), printed, 1e-10)
  })
  // The notes' worked L_0: alpha_1 = .9, sigma_1^2 = .05, errors .3 and -.2.
  const { beta } = processes[2].schedule
  near((beta[1] ** 2 / (2 * 0.9 * 0.1 * 0.05)) * 0.25, 0.2778, 1e-4)
  near(klWeight(processes[2], 1) * 0.25 * (0.1 / 0.05), 0.2778, 1e-4)
})

test("T times the mean over uniform times is the sum over times: how a sampled time stands for the whole bound [A21]", () => {
  const process = processes[1]
  const error = (t: number): number => klWeight(process, t) * (1 + Math.sin(t)) ** 2
  const all = Array.from({ length: process.steps }, (_, i) => error(i + 1))
  const sum = all.reduce((a, b) => a + b, 0)
  const random = new Generator(4)
  const draws = Float64Array.from({ length: 400_000 }, () => error(1 + random.integer(process.steps)))
  const spread = Math.sqrt(mean(draws.map((v) => v * v)) - mean(draws) ** 2)
  const [estimate, tolerance] = [mean(draws), (4 * spread) / Math.sqrt(draws.length)]
  expect(Math.abs(process.steps * estimate - sum)).toBeLessThan(process.steps * tolerance)
})

/** The weighted errors of two linked answers: of the noise, and of another quantity made of it and x_t. */
function linked(of: ErrorOf, make: (xt: number, eps: number, signal: number, sigma: number) => number): void {
  eachCase(({ process, t, variance, xt, eps, guess }) => {
    const [signal, sigma] = [process.signal(t), process.sigma(t)]
    const answers = [eps, guess].map((noise) => noise.map((e, i) => make(xt[i], e, signal, sigma)))
    const byNoise = klWeight(process, t, { of: "eps", variance }) * squared(eps, guess)
    near(klWeight(process, t, { of, variance }) * squared(answers[0], answers[1]), byNoise, 1e-9)
  })
}

test("it is the error of x0 times alphaBar' beta^2 / (2 sigma^2 (1 - alphaBar)^2) [A22]", () => {
  linked("x0", (xt, eps, signal, sigma) => (xt - sigma * eps) / signal)
  for (const process of processes) {
    const [t, beta] = [2, process.schedule.beta[2]]
    const printed = (process.alphaBar(1) * beta ** 2) / (1 - process.alphaBar(2)) ** 2
    near(klWeight(process, t, { of: "x0" }), printed / (2 * reverseVariance(process, t)), 1e-12)
  }
})

test("it is the error of the score times beta^2 / (2 sigma^2 alpha) [A23]", () => {
  linked("score", (_, eps, __, sigma) => -eps / sigma)
  for (const process of processes) {
    const beta = process.schedule.beta[2]
    near(klWeight(process, 2, { of: "score" }), beta ** 2 / (1 - beta) / (2 * reverseVariance(process, 2)), 1e-12)
  }
})

test("it is the error of v with its own weight, too", () => {
  linked("v", (xt, eps, signal, sigma) => signal * eps - (sigma * (xt - sigma * eps)) / signal)
})

test("the reverse variance is beta or its posterior share, and at the first time beta for both [A35]", () => {
  for (const process of processes) {
    expect(process.posterior(1).variance).toBe(0)
    expect(reverseVariance(process, 1, "small")).toBe(process.schedule.beta[1])
    for (let t = 2; t <= process.steps; t++) {
      const beta = process.schedule.beta[t]
      const share = (1 - process.alphaBar(t - 1)) / (1 - process.alphaBar(t))
      near(reverseVariance(process, t, "small"), share * beta, 1e-15)
      expect(reverseVariance(process, t, "large")).toBe(beta)
      for (const of of ["mean", "x0", "eps", "v", "score"] as const)
        expect(klWeight(process, t, { of })).toBeGreaterThan(0)
    }
    expect(Number.isFinite(klWeight(process, 1))).toBe(true)
  }
})
