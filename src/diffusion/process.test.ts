import { expect, test } from "vitest"
import { mean, normalKs, variance } from "../../test/laws/statistics.ts"
import { array } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { randomNormal } from "../engine/create.ts"
import { evaluate } from "../engine/evaluate.ts"
import { gradients } from "../engine/grad.ts"
import { fillNormal, fold, Generator, keyOf } from "../engine/random.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { Prediction } from "./denoiser.ts"
import { gaussian, type Process } from "./process.ts"
import { cosine, linear, schedule } from "./schedule.ts"

/** The notes' example: alpha = .9, .8, .95. */
const three = gaussian(schedule("three", [0.1, 0.2, 0.05]))

const normals = (n: number, ...stream: number[]): Float64Array =>
  fillNormal(new Float64Array(n), fold(keyOf(11), ...stream))

/** x_0, x_1, ..., x_T of n paths, step by step through the kernel. */
function simulate(process: Process, x0: Float64Array): Float64Array[] {
  const paths = [x0]
  for (let t = 1; t <= process.steps; t++) {
    const { signal, variance } = process.kernel(t)
    const z = normals(x0.length, t)
    paths.push(paths[t - 1].map((x, i) => signal * x + Math.sqrt(variance) * z[i]))
  }
  return paths
}

test("mu + sigma eps has the mean, the variance and the law of N(mu, sigma^2), and so has a sum of two such, if independent [A01]", () => {
  const n = 20_000
  const [x, y] = [normals(n, 1).map((e) => 1 + 2 * e), normals(n, 2).map((e) => -0.5 + 0.7 * e)]
  const check = (values: Float64Array, m: number, s: number): void => {
    expect(Math.abs(mean(values) - m)).toBeLessThan((4 * s) / Math.sqrt(n))
    expect(Math.abs(variance(values) / s ** 2 - 1)).toBeLessThan(4 * Math.sqrt(2 / n))
    expect(normalKs(values, m, s)).toBeGreaterThan(0.01)
  }
  check(x, 1, 2)
  const [a, b] = [0.6, -1.5]
  check(
    x.map((v, i) => a * v + b * y[i]),
    a * 1 + b * -0.5,
    Math.hypot(a * 2, b * 0.7),
  )
  // Normal and uncorrelated is not independent: Y = +-X is both, and X + Y is 0 half of the time.
  const random = new Generator(3)
  const centred = x.map((v) => (v - 1) / 2)
  const signed = centred.map((v) => (random.uniform() < 0.5 ? v : -v))
  check(signed, 0, 1)
  expect(Math.abs(mean(centred.map((v, i) => v * signed[i])))).toBeLessThan(0.03)
  expect(
    normalKs(
      centred.map((v, i) => v + signed[i]),
      0,
      Math.SQRT2,
    ),
  ).toBeLessThan(1e-9)
})

test("the gradient through mu + sigma eps is that of the expectation: for E[x^2] 2 mu and 2 sigma [A01]", async () => {
  const n = 200_000
  const run = compile((mu: Tensor, sigma: Tensor) => {
    const x = mu.add(sigma.mul(randomNormal([n])))
    return gradients(x.square().mean(), [mu, sigma])
  })
  const [byMu, bySigma] = await run(0.8, 1.3)
  await run.dispose()
  expect(Math.abs(Number(byMu.data[0]) - 1.6)).toBeLessThan((4 * 2 * 1.3) / Math.sqrt(n))
  expect(Math.abs(Number(bySigma.data[0]) - 2.6)).toBeLessThan((4 * 2 * 2.5) / Math.sqrt(n))
})

test("the joint density of a path is the product of its kernels: given x_(t-1), the past says nothing more [A02]", () => {
  // x_0 ~ N(0, 0.6): the joint covariance follows from the marginals alone, and the chain rule over the whole past
  // from its Schur complements; neither knows that the chain is Markov.
  const start = 0.6
  const at = (t: number): number => three.alphaBar(t) * start + 1 - three.alphaBar(t)
  const covariance = (s: number, t: number): number =>
    Math.sqrt(three.alphaBar(Math.max(s, t)) / three.alphaBar(Math.min(s, t))) * at(Math.min(s, t))
  const path = [0.4, -0.3, 0.9, 0.2]
  const logNormal = (x: number, m: number, v: number): number =>
    -0.5 * Math.log(2 * Math.PI * v) - (x - m) ** 2 / (2 * v)

  let byKernels = logNormal(path[0], 0, start)
  for (let t = 1; t <= 3; t++) {
    const { signal, variance } = three.kernel(t)
    byKernels += logNormal(path[t], signal * path[t - 1], variance)
  }
  let byTable = 0
  // Cholesky's factor, row by row: its diagonal is the spread of x_t given all that came before.
  const factor: number[][] = []
  const whitened: number[] = []
  for (let t = 0; t <= 3; t++) {
    const row: number[] = []
    for (let s = 0; s < t; s++)
      row.push((covariance(s, t) - row.reduce((sum, l, k) => sum + l * factor[s][k], 0)) / factor[s][s])
    const left = covariance(t, t) - row.reduce((sum, l) => sum + l * l, 0)
    byTable += logNormal(
      path[t],
      row.reduce((sum, l, k) => sum + l * whitened[k], 0),
      left,
    )
    row.push(Math.sqrt(left))
    whitened.push((path[t] - row.slice(0, t).reduce((sum, l, k) => sum + l * whitened[k], 0)) / row[t])
    factor.push(row)
  }
  expect(Math.abs(byKernels - byTable)).toBeLessThan(1e-12)
})

/** Fifty steps to almost pure noise, and what becomes of a coin's +-1 and of a single point under them. */
const fifty = gaussian(linear(50, { start: 0.002, end: 0.2 }))
const coins = new Generator(5)

test("the kernel has mean sqrt(1 - beta) x and variance beta, so unit variance stays 1 at every time [A03]", () => {
  const beta = fifty.schedule.beta[20]
  expect(fifty.kernel(20)).toEqual({ signal: Math.sqrt(fifty.alphaBar(20) / fifty.alphaBar(19)), variance: beta })
  expect(Math.abs(fifty.kernel(20).signal - Math.sqrt(1 - beta))).toBeLessThan(1e-15)
  const n = 100_000
  const paths = simulate(
    fifty,
    Float64Array.from({ length: n }, () => (coins.uniform() < 0.5 ? -1 : 1)),
  )
  for (const x of paths) expect(Math.abs(variance(x) - 1)).toBeLessThan(0.01)
  const { signal, variance: added } = fifty.kernel(50)
  const change = paths[50].map((x, i) => x - signal * paths[49][i])
  expect(Math.abs(mean(change))).toBeLessThan((4 * Math.sqrt(added)) / Math.sqrt(n))
  expect(Math.abs(variance(change) / added - 1)).toBeLessThan(4 * Math.sqrt(2 / n))
})

test("kernels compose: two steps are one kernel between their ends", () => {
  for (const [t, s] of [
    [50, 0],
    [30, 7],
    [9, 8],
  ]) {
    let [signal, spread] = [1, 0]
    for (let tau = s + 1; tau <= t; tau++) {
      const step = fifty.kernel(tau)
      signal *= step.signal
      spread = step.signal ** 2 * spread + step.variance
    }
    expect(Math.abs(fifty.kernel(t, s).signal - signal)).toBeLessThan(1e-14)
    expect(Math.abs(fifty.kernel(t, s).variance - spread)).toBeLessThan(1e-14)
  }
})

test("x_t written out in the noises of all steps equals the recursion, and their weights square to 1 - alphaBar [A04]", () => {
  for (const process of [three, fifty, gaussian(cosine(100))]) {
    const noises = normals(process.steps + 1, 9)
    let x = 0.7
    for (let t = 1; t <= process.steps; t++) {
      const { signal, variance } = process.kernel(t)
      x = signal * x + Math.sqrt(variance) * noises[t]
      const weights = process.noiseWeights(t)
      const written = weights.reduce((sum, w, tau) => sum + w * noises[tau], process.signal(t) * 0.7)
      expect(Math.abs(written - x)).toBeLessThan(1e-12)
      const rest = weights.reduce((sum, w) => sum + w * w, 0)
      expect(Math.abs(rest - (1 - process.alphaBar(t)))).toBeLessThan(1e-12)
      for (let tau = 1; tau <= t; tau++) {
        const [now, before] = [process.alphaBar(tau), process.alphaBar(tau - 1)]
        const printed = Math.max(0, process.alphaBar(t) / now - process.alphaBar(t) / before)
        expect(Math.abs(weights[tau] ** 2 - printed)).toBeLessThan(1e-12)
      }
    }
  }
})

test("one draw of N(sqrt(alphaBar) x0, 1 - alphaBar) is the same law as the walk through all steps [A05]", async () => {
  const n = 20_000
  const x0 = 0.8
  const walked = simulate(fifty, new Float64Array(n).fill(x0))
  const run = compile((t: Tensor) => fifty.noised(constant(x0).broadcastTo([n]), randomNormal([n]), t.broadcastTo([n])))
  for (const t of [1, 10, 50]) {
    const [m, s] = [fifty.signal(t) * x0, fifty.sigma(t)]
    for (const values of [walked[t], (await run(array("int32", [1], Int32Array.of(t)))).data as Float32Array]) {
      expect(Math.abs(mean(values) - m)).toBeLessThan((4 * s) / Math.sqrt(n))
      expect(Math.abs(variance(values) / s ** 2 - 1)).toBeLessThan(4 * Math.sqrt(2 / n))
      expect(normalKs(values, m, s)).toBeGreaterThan(0.01)
    }
  }
  await run.dispose()
})

test("the posterior is Bayes' product of kernel and marginal, normalised on a grid [A08]", () => {
  const [x0, eps] = [1.3, -0.4]
  const x3 = three.signal(3) * x0 + three.sigma(3) * eps
  const { x0Weight, xtWeight, variance: spread, forwardVariance } = three.posterior(3)
  expect(x0Weight * x0 + xtWeight * x3).toBeCloseTo(0.9088923655, 10)
  expect(spread).toBeCloseTo(0.0443037975, 10)
  expect(forwardVariance).toBe(0.05)
  expect(spread).toBeCloseTo(1 / (0.95 / 0.05 + 1 / (1 - three.alphaBar(2))), 12)

  for (const [process, t, s] of [
    [three, 3, 2],
    [three, 3, 1],
    [fifty, 30, 12],
  ] as const) {
    const kernel = process.kernel(t, s)
    const xt = 0.37
    const [h, reach] = [1e-3, 8]
    let [total, first, second] = [0, 0, 0]
    for (let x = -reach; x <= reach; x += h) {
      const log =
        -((xt - kernel.signal * x) ** 2) / (2 * kernel.variance) -
        (x - process.signal(s) * x0) ** 2 / (2 * (1 - process.alphaBar(s)))
      const p = Math.exp(log)
      total += p
      first += p * x
      second += p * x * x
    }
    const q = process.posterior(t, s)
    expect(q.x0Weight * x0 + q.xtWeight * xt).toBeCloseTo(first / total, 9)
    expect(q.variance).toBeCloseTo(second / total - (first / total) ** 2, 9)
  }
})

test("x0 comes back from x_t and its noise, at the last time too [A09]", () => {
  for (const process of [gaussian(linear()), gaussian(cosine())]) {
    const x0 = Float32Array.of(-1, -0.3, 0, 0.6, 1)
    for (const time of [1, 2, 500, process.steps]) {
      const t = constant(new Int32Array(5).fill(time))
      const clean = constant(x0)
      const eps = constant(Float32Array.of(0.5, -2, 1, 3, -0.1))
      const xt = process.noised(clean, eps, t)
      const back = new Prediction(
        xt,
        eps,
        "eps",
        process.at((i) => process.signal(i), t, 1),
        process.at((i) => process.sigma(i), t, 1),
      ).x0
      const [values] = evaluate([back.value])
      for (const [i, v] of values.data.entries()) expect(Math.abs(v - x0[i])).toBeLessThan(1e-10)
    }
  }
})

test("the posterior mean by the noise equals that by x0, and with 1 / sqrt(alphaBar) it does not [A10]", () => {
  for (const process of [three, fifty, gaussian(linear()), gaussian(cosine(100))]) {
    const [x0, eps] = [1.3, -0.4]
    for (let t = 1; t <= process.steps; t++) {
      for (const s of new Set([t - 1, 0])) {
        const xt = process.signal(t) * x0 + process.sigma(t) * eps
        const byX0 = process.posterior(t, s)
        const byNoise = process.posteriorByNoise(t, s)
        const [a, b] = [byX0.x0Weight * x0 + byX0.xtWeight * xt, byNoise.xtWeight * xt + byNoise.epsWeight * eps]
        expect(Math.abs(a - b)).toBeLessThan(1e-12 / process.signal(t))
      }
    }
  }
  const x3 = three.signal(3) * 1.3 + three.sigma(3) * -0.4
  const { xtWeight, epsWeight } = three.posteriorByNoise(3)
  expect(xtWeight * x3 + epsWeight * -0.4).toBeCloseTo(0.9088923655, 10)
  // As printed in the notes 000: with the wrong divisor, and with the wrong sign.
  const share = 0.05 / three.sigma(3)
  expect((x3 - share * -0.4) / Math.sqrt(three.alphaBar(3))).toBeCloseTo(1.0711, 4)
  expect((x3 + share * -0.4) / Math.sqrt(0.95)).toBeCloseTo(0.8359, 4)
})

test("times outside the process, and noise where no signal is left, are refused", () => {
  expect(() => three.alphaBar(4)).toThrow("process: time 4 is outside 0 ... 3")
  expect(() => three.noiseWeights(-1)).toThrow("process: time -1 is outside 0 ... 3")
  expect(() => three.kernel(2, 2)).toThrow("kernel: got times 2 and 2, expected 0 <= s < t")
  expect(() => three.posterior(0)).toThrow("posterior: got times -1 and 0, expected 0 <= s < t")
  const spent = gaussian(schedule("spent", [0.5, 1]))
  expect(() => spent.posteriorByNoise(2)).toThrow("posteriorByNoise: no signal is left at time 2")
  expect(spent.posterior(2)).toEqual({ x0Weight: Math.sqrt(0.5), xtWeight: 0, variance: 0.5, forwardVariance: 1 })
})
