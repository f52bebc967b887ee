/** Laws of every sampler the package exports, on data whose best denoiser is known. */
import { readdirSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { type Denoiser, denoiser, type Network, type Predict } from "../../src/diffusion/denoiser.ts"
import * as diffusion from "../../src/diffusion/index.ts"
import { gaussian, type Process } from "../../src/diffusion/process.ts"
import { ddpm } from "../../src/diffusion/samplers/ancestral.ts"
import { ddim } from "../../src/diffusion/samplers/ddim.ts"
import { last, respaced, type SamplerOptions, type SampleStep } from "../../src/diffusion/samplers/sampler.ts"
import { cosine, linear } from "../../src/diffusion/schedule.ts"
import { configure } from "../../src/engine/runtime.ts"
import { type Tensor, Variable } from "../../src/engine/tensor.ts"
import { type Component, type Mixture, MixtureNetwork, moments } from "./mixture.ts"
import { mean, momentsOf, normalKs, variance } from "./statistics.ts"

// The programs here are small: a second thread would only wait.
configure({ threads: 1 })

/** How a sampler's step from time t to s makes its mean of x0 and x_t, and the variance it adds. */
interface Step {
  readonly x0: number
  readonly xt: number
  readonly added: number
}

interface Row {
  readonly name: string
  readonly sample: (model: Denoiser, options: SamplerOptions) => AsyncGenerator<SampleStep>
  readonly step: (process: Process, t: number, s: number) => Step
}

const ancestral =
  (variance: "small" | "large") =>
  (process: Process, t: number, s: number): Step => {
    const q = process.posterior(t, s)
    return {
      x0: q.x0Weight,
      xt: q.xtWeight,
      added: s === 0 ? 0 : variance === "small" ? q.variance : q.forwardVariance,
    }
  }

/** Song et al. 2021, equation 12, with eps = (x_t - sqrt(abar_t) x0) / sqrt(1 - abar_t) put in. */
const implicit =
  (eta: number) =>
  (process: Process, t: number, s: number): Step => {
    const [at, as] = [process.alphaBar(t), process.alphaBar(s)]
    const added = eta ** 2 * ((1 - as) / (1 - at)) * (1 - at / as)
    const xt = Math.sqrt((1 - as - added) / (1 - at))
    return { x0: Math.sqrt(as) - xt * Math.sqrt(at), xt, added }
  }

/** Every sampler, in every kind of its options; a new one needs a row here. */
const rows: readonly Row[] = [
  { name: "ddpm, small variance", sample: ddpm, step: ancestral("small") },
  {
    name: "ddpm, large variance",
    sample: (m, o) => ddpm(m, { ...o, variance: "large" }),
    step: ancestral("large"),
  },
  { name: "ddim", sample: ddim, step: implicit(0) },
  { name: "ddim, eta 0.5", sample: (m, o) => ddim(m, { ...o, eta: 0.5 }), step: implicit(0.5) },
  { name: "ddim, eta 1", sample: (m, o) => ddim(m, { ...o, eta: 1 }), step: implicit(1) },
]

test("every sampler that is exported is under the laws", async () => {
  const folder = new URL("../../src/diffusion/samplers/", import.meta.url)
  const files = readdirSync(folder).filter((f) => !f.endsWith(".test.ts") && f !== "sampler.ts")
  const found = await Promise.all(
    files.map(async (f) => Object.keys((await import(new URL(f, folder).href)) as object)),
  )
  const names = found.flat()
  expect([...new Set(rows.map((r) => r.name.split(",")[0]))].sort()).toEqual(names.sort())
  for (const name of names) expect(Object.keys(diffusion)).toContain(name)
})

const process = gaussian(cosine())
const one: Component = { weight: 1, mean: [0.3], std: 0.5 }
const [m, s] = [one.mean[0], one.std]

const known = (mixture: Mixture, { copies = 1, predict = "eps" as Predict, of = process } = {}): Denoiser =>
  denoiser(new MixtureNetwork(mixture, of, predict, copies), of, { predict })

/** Mean and variance of what a sampler makes of N(m, s^2), in closed form: every step is linear. */
function exact({ step }: Row, of: Process, steps: number): { mean: number; variance: number } {
  let [centre, spread] = [0, 1]
  const times = [...respaced(of.steps, steps), 0]
  for (let k = 0; k < steps; k++) {
    const [t, to] = [times[k], times[k + 1]]
    const [signal, noise] = [of.signal(t), 1 - of.alphaBar(t)]
    const total = signal ** 2 * s ** 2 + noise
    const w = step(of, t, to)
    const slope = (w.x0 * signal * s ** 2) / total + w.xt
    centre = slope * centre + (w.x0 * m * noise) / total
    spread = slope ** 2 * spread + w.added
  }
  return { mean: centre, variance: spread }
}

describe.each(rows)("$name", (row) => {
  test("samples a Gaussian of known score with the mean and variance its own steps say, to Monte Carlo error", async () => {
    const n = 10_000
    for (const [of, steps] of [
      [process, 25],
      [gaussian(linear(200, { end: 0.1 })), 7],
    ] as const) {
      const { x } = await last(row.sample(known([one], { copies: 80, of }), { count: n / 80, steps, seed: 2 }))
      const expected = exact(row, of, steps)
      const spread = Math.sqrt(expected.variance)
      expect(Math.abs(mean(x.data) - expected.mean)).toBeLessThan((4 * spread) / Math.sqrt(n))
      expect(Math.abs(variance(x.data) / expected.variance - 1)).toBeLessThan(4 * Math.sqrt(2 / n))
      expect(normalKs(x.data, expected.mean, spread)).toBeGreaterThan(0.001)
    }
  })

  test("comes to the data as the steps grow: mean and variance within 1 % of theirs at 1000", () => {
    const { mean, variance } = exact(row, process, 1000)
    expect(Math.abs(mean / m - 1)).toBeLessThan(0.001)
    expect(Math.abs(variance / s ** 2 - 1)).toBeLessThan(0.01)
    const off = [125, 250, 500].map((steps) => Math.abs(exact(row, process, steps).variance / s ** 2 - 1))
    expect(off[0]).toBeGreaterThan(1.7 * off[1])
    expect(off[1]).toBeGreaterThan(1.7 * off[2])
  })

  const three: Mixture = [
    { weight: 0.5, mean: [-1, 0.5], std: 0.3 },
    { weight: 0.3, mean: [1, 0], std: 0.2 },
    { weight: 0.2, mean: [0, -1.5], std: 0.1 },
  ]

  test("sample i depends on seed and i alone: not on batch, on count, or on the others", async () => {
    const model = known(three)
    const run = async (options: SamplerOptions): Promise<number[]> => [
      ...(await last(row.sample(model, { count: 11, steps: 12, seed: 5, ...options }))).x.data,
    ]
    const expected = await run({})
    expect(await run({})).toEqual(expected)
    for (const batch of [1, 4, 11, 64])
      for (const [i, v] of (await run({ batch })).entries()) expect(Math.abs(v - expected[i])).toBeLessThan(1e-5)
    for (const [i, v] of (await run({ count: 3 })).entries()) expect(Math.abs(v - expected[i])).toBeLessThan(1e-5)
    const other = await run({ seed: 6 })
    expect(Math.min(...other.map((v, i) => Math.abs(v - expected[i])))).toBeGreaterThan(1e-6)
    expect(new Set(expected.map((v) => v.toFixed(3))).size).toBeGreaterThan(15)
  })

  test("goes from the last time to 0 in the steps asked for, and says where it is", async () => {
    const seen: SampleStep[] = []
    for await (const step of row.sample(known(three), { count: 2, steps: 6 })) seen.push(step)
    expect(seen.map((step) => step.step)).toEqual([1, 2, 3, 4, 5, 6])
    expect(seen.map((step) => step.time)).toEqual([...respaced(1000, 6).slice(1), 0])
    for (const { x, x0, images, steps } of seen) {
      expect([steps, x.shape, x0.shape, images.shape]).toEqual([6, [2, 2], [2, 2], [2, 2]])
      expect(Math.min(...images.data)).toBeGreaterThanOrEqual(0)
      expect(Math.max(...images.data)).toBeLessThanOrEqual(1)
    }
    // No noise in the last step: the sample is the clean one.
    expect(seen[5].x.data).toEqual(seen[5].x0.data)
    // What was given away is not written to again.
    expect(seen[0].x.data).not.toEqual(seen[1].x.data)
  })

  test("stops when its signal is aborted, and when its caller has seen enough", async () => {
    const stopped = AbortSignal.abort()
    await expect(last(row.sample(known(three), { steps: 5, signal: stopped }))).rejects.toThrow(stopped.reason)
    const controller = new AbortController()
    let steps = 0
    const run = async (): Promise<void> => {
      for await (const _ of row.sample(known(three), { count: 2, steps: 50, signal: controller.signal }))
        if (++steps === 3) controller.abort()
    }
    await expect(run()).rejects.toThrow("aborted")
    expect(steps).toBe(3)
    for await (const { step } of row.sample(known(three), { count: 2, steps: 50 })) if ((steps = step) === 2) break
    expect(steps).toBe(2)
  })
})

test("times are evenly spaced, begin at T, stay above 0, and are all of them when all are asked for", () => {
  for (const total of [1, 2, 10, 50, 999, 1000]) {
    for (const count of new Set([1, 2, 3, 7, 10, 49, 50, 333, total].filter((n) => n <= total))) {
      const times = respaced(total, count)
      expect(times).toHaveLength(count)
      expect(times[0]).toBe(total)
      for (const [i, t] of times.entries()) {
        expect(Number.isInteger(t) && t >= 1).toBe(true)
        const gap = t - (times[i + 1] ?? 0)
        expect(Math.abs(gap - total / count)).toBeLessThanOrEqual(1)
        expect(gap).toBeGreaterThanOrEqual(1)
      }
    }
    expect(respaced(total, total)).toEqual(Array.from({ length: total }, (_, i) => total - i))
  }
  for (const bad of [0, 1001, 2.5, Number.NaN])
    expect(() => respaced(1000, bad)).toThrow(`sampler: got ${bad} steps, expected a whole number from 1 to 1000`)
})

test("ancestral samples of a Gaussian have its mean and variance within 2 %, with either fixed variance [A34] [A35]", async () => {
  // The smaller variance is right to 1 % from 1000 steps on, the larger from 300.
  for (const [variance, of] of [
    ["small", process],
    ["large", gaussian(cosine(300))],
  ] as const) {
    const { x } = await last(ddpm(known([one], { copies: 200, of }), { count: 100, batch: 100, seed: 2, variance }))
    const found = momentsOf(x.data, 1)
    expect(Math.abs(found.mean[0] / m - 1)).toBeLessThan(0.02)
    expect(Math.abs(found.covariance[0][0] / s ** 2 - 1)).toBeLessThan(0.02)
  }
})

test("ancestral and DDIM samples of a mixture have its mean, covariance and shares, to Monte Carlo error [A34]", async () => {
  const mixture: Mixture = [
    { weight: 0.5, mean: [-1.2, 0.4], std: 0.3 },
    { weight: 0.3, mean: [0.9, 0.8], std: 0.2 },
    { weight: 0.2, mean: [0.3, -1.1], std: 0.15 },
  ]
  const expected = moments(mixture)
  const model = known(mixture, { copies: 50, of: gaussian(cosine(300)) })
  const options = { count: 100, batch: 100, seed: 3 }
  for (const run of [
    ddpm(model, { ...options, variance: "small" }),
    ddpm(model, { ...options, variance: "large" }),
    ddim(model, { ...options, steps: 150 }),
  ]) {
    const { x } = await last(run)
    const n = x.data.length / 2
    const found = momentsOf(x.data, 2)
    const products = (i: number, j: number): Float64Array =>
      Float64Array.from(
        { length: n },
        (_, k) => (x.data[2 * k + i] - found.mean[i]) * (x.data[2 * k + j] - found.mean[j]),
      )
    for (let i = 0; i < 2; i++) {
      const spread = Math.sqrt(expected.covariance[i][i])
      expect(Math.abs(found.mean[i] - expected.mean[i])).toBeLessThan((4 * spread) / Math.sqrt(n))
      for (let j = 0; j <= i; j++) {
        const error = Math.sqrt(variance(products(i, j)) / n)
        expect(Math.abs(found.covariance[i][j] - expected.covariance[i][j])).toBeLessThan(4 * error)
      }
    }
    for (const c of mixture) {
      const near = Array.from({ length: n }, (_, k) =>
        Math.hypot(x.data[2 * k] - c.mean[0], x.data[2 * k + 1] - c.mean[1]),
      )
      const share = near.filter((d) => d < 4 * c.std).length / n
      // Within 4 spreads lies all of a normal in the plane but exp(-8).
      expect(Math.abs(share - c.weight)).toBeLessThan(4 * Math.sqrt((c.weight * (1 - c.weight)) / n) + 0.002)
    }
  }
})

test("DDIM without noise follows the probability flow, and its error halves when its steps double", async () => {
  // One step with x0 = x_t gives the first noise itself.
  const mirror: Network = { shape: [8], forward: (x) => x }
  const options = { count: 25, seed: 4 }
  const start = (await last(ddim(denoiser(mirror, process, { predict: "x0" }), { ...options, steps: 1 }))).x.data
  const total = Math.sqrt(process.alphaBar(1000) * s ** 2 + 1 - process.alphaBar(1000))
  const end = Float64Array.from(start, (x) => m + (s * (x - process.signal(1000) * m)) / total)
  const errors: number[] = []
  for (const steps of [10, 20, 40, 80]) {
    const { x } = await last(ddim(known([one], { copies: 8 }), { ...options, steps }))
    errors.push(Math.sqrt(mean(end.map((e, i) => (x.data[i] - e) ** 2))))
  }
  for (let k = 1; k < errors.length; k++) {
    const order = Math.log2(errors[k - 1] / errors[k])
    expect(order).toBeGreaterThan(0.9)
    expect(order).toBeLessThan(1.1)
  }
})

test("DDIM with eta 1 is ancestral sampling with the posterior's variance, sample for sample", async () => {
  const model = known([
    { weight: 0.7, mean: [-1, 0], std: 0.2 },
    { weight: 0.3, mean: [1, 0.5], std: 0.4 },
  ])
  const options = { count: 40, steps: 30, seed: 9 }
  const [a, b] = [await last(ddim(model, { ...options, eta: 1 })), await last(ddpm(model, options))]
  for (const [i, v] of a.x.data.entries()) expect(Math.abs(v - b.x.data[i])).toBeLessThan(1e-5)
})

test("whatever the network predicts, the samples are the same [A24]", async () => {
  const mixture: Mixture = [
    { weight: 0.5, mean: [-1], std: 0.3 },
    { weight: 0.5, mean: [1], std: 0.1 },
  ]
  for (const run of [ddpm, ddim]) {
    const samples = async (predict: Predict): Promise<Float32Array> =>
      (await last(run(known(mixture, { predict }), { count: 30, steps: 40, seed: 7 }))).x.data
    const expected = await samples("eps")
    for (const predict of ["x0", "v", "score"] as const)
      for (const [i, v] of (await samples(predict)).entries()) expect(Math.abs(v - expected[i])).toBeLessThan(2e-3)
  }
})

test("x0 is kept within the denoiser's bound, and eps is the one that belongs to it", async () => {
  // The answer is always 3: with a bound of 1 the sample is exactly 1, and without it exactly 3.
  const network: Network = { shape: [1, 2, 2], forward: (x: Tensor) => x.mul(0).add(3) }
  for (const [clip, expected] of [
    [1, 1],
    [null, 3],
  ] as const) {
    const model = denoiser(network, process, { predict: "x0", clip })
    const seen: SampleStep[] = []
    for await (const step of ddim(model, { count: 2, steps: 5 })) seen.push(step)
    for (const { x0 } of seen) expect([...x0.data]).toEqual(new Array(8).fill(expected))
    for (const v of seen[4].x.data) expect(v).toBeCloseTo(expected, 6)
    // Without noise between the steps, x_t - sqrt(abar) x0 keeps its direction: the first noise, shrunk.
    const parts = seen
      .slice(0, 4)
      .map(({ x, time }) => (x.data[0] - process.signal(time) * expected) / process.sigma(time))
    for (const part of parts) expect(part).toBeCloseTo(parts[0], 3)
  }
})

test("labels go to their samples in any batch, and averaged weights take the place of the network's", async () => {
  const weight = new Variable([2])
  const average = new Variable([5])
  const network: Network = {
    shape: [1],
    forward: (x: Tensor, _, labels) =>
      x
        .mul(0)
        .add(labels!.cast("float32").reshape([x.shape[0], 1]))
        .mul(weight),
  }
  const model = denoiser(network, process, { predict: "x0" })
  const labels = Int32Array.of(3, 1, 4, 1, 5, 9, 2)
  const run = (options: SamplerOptions): Promise<SampleStep> =>
    last(ddim(model, { count: 7, steps: 2, labels, ...options }))
  for (const batch of [2, 3, 7]) expect([...(await run({ batch })).x.data]).toEqual([...labels].map((l) => 2 * l))
  const { x } = await run({ replace: (v) => (v === weight ? average : v) })
  expect([...x.data]).toEqual([...labels].map((l) => 5 * l))
})

test("counts, batches, labels and eta that make no sense are refused by name", async () => {
  const model = known([one])
  await expect(last(ddim(model, { count: 0 }))).rejects.toThrow("sampler: got count 0, expected a whole number from 1")
  await expect(last(ddim(model, { batch: 0 }))).rejects.toThrow("sampler: got batch 0, expected a whole number from 1")
  await expect(last(ddpm(model, { steps: 1001 }))).rejects.toThrow("sampler: got 1001 steps, expected a whole number")
  await expect(last(ddpm(model, { count: 3, labels: Int32Array.of(1) }))).rejects.toThrow(
    "sampler: got 1 labels for 3 samples, expected one each",
  )
  for (const eta of [-0.1, 1.5, Number.NaN])
    expect(() => ddim(model, { eta })).toThrow(`ddim: got eta ${eta}, expected a number from 0 to 1`)
})
