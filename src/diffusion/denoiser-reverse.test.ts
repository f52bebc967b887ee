import { expect, test } from "vitest"
import { logVariances } from "./denoiser-reverse.ts"
import { gaussian } from "./process.ts"
import { karras, linear, schedule } from "./schedule.ts"

/**
 * KL in nats of q(x_s | x_t) from the Gaussian of its mean and variance, on a grid, for data that are -d or d with equal
 * chance, seen through a first step that keeps alphaBar and then one of variance beta.
 */
function excess(d: number, alphaBar: number, beta: number, xt: number): number {
  const process = gaussian(schedule("two", [1 - alphaBar, beta]))
  const { signal, variance } = process.kernel(2, 1)
  const [a, s] = [process.signal(1), process.sigma(1)]
  const [low, h, n] = [-4, 1e-4, 80_000]
  // What the notes' posterior lacks is the law of x_s itself: it knows the data.
  const logs = Float64Array.from({ length: n }, (_, i) => {
    const x = low + i * h
    const [minus, plus] = [-((x + a * d) ** 2), -((x - a * d) ** 2)].map((v) => v / (2 * s * s))
    const marginal = Math.max(minus, plus) + Math.log1p(Math.exp(-Math.abs(plus - minus)))
    return marginal - (xt - signal * x) ** 2 / (2 * variance)
  })
  const top = logs.reduce((m, v) => Math.max(m, v), Number.NEGATIVE_INFINITY)
  const total = logs.reduce((sum, v) => sum + Math.exp(v - top), 0) * h
  const over = (f: (x: number, log: number) => number): number =>
    logs.reduce((sum, v, i) => {
      const log = v - top - Math.log(total)
      return sum + Math.exp(log) * f(low + i * h, log)
    }, 0) * h
  const mean = over((x) => x)
  const spread = over((x) => (x - mean) ** 2)
  return over((x, log) => log + 0.5 * Math.log(2 * Math.PI * spread) + (x - mean) ** 2 / (2 * spread))
}

test("the true reverse step needs the law of the data, and is nearly Gaussian only for a small beta [A12]", () => {
  // Between the two points, where both may be the origin: nats at beta = .5, .1, .02, .001.
  const found = [0.5, 0.1, 0.02, 0.001].map((beta) => excess(0.71, 0.976, beta, 0.1))
  for (const [i, expected] of [0.82, 0.73, 0.27, 8e-5].entries())
    expect(Math.abs(found[i] / expected - 1), `${found[i]}`).toBeLessThan(0.06)
  // With the same kernel and other data it is another step: it is not known without them.
  expect(Math.abs(excess(0.4, 0.976, 0.1, 0.1) / found[1] - 1)).toBeGreaterThan(0.3)
  // For one point it is the posterior, which is Gaussian for any beta.
  for (const beta of [0.5, 0.1]) expect(Math.abs(excess(0, 0.976, beta, 0.1))).toBeLessThan(1e-9)
})

test("the fixed variances are the posterior's and the forward step's, and at the first time what the second has", () => {
  const process = gaussian(linear())
  for (const t of [2, 500, 1000]) {
    const { variance, forwardVariance } = process.posterior(t)
    expect(logVariances(process, t)).toEqual({ small: Math.log(variance), large: Math.log(forwardVariance) })
  }
  const second = Math.log(process.posterior(2).variance)
  expect(logVariances(process, 1)).toEqual({ small: second, large: second })
  // Karras' first step goes from nothing to .002, the second is far smaller; a process of one step has no second.
  for (const other of [gaussian(karras()), gaussian(schedule("one", [0.3]))]) {
    const first = Math.log(other.schedule.beta[1])
    expect(logVariances(other, 1).small).toBeCloseTo(first, 12)
  }
})
