/** Laws of single samplers, of paths, and of what all samplers are asked with, on data whose best denoiser is known. */
import { expect, test } from "vitest"
import { denoiser, type Network, type Predict } from "../../src/diffusion/denoiser.ts"
import { gaussian, type Process } from "../../src/diffusion/process.ts"
import { edm, flow, subVp, ve } from "../../src/diffusion/process-sde.ts"
import { type AnyOptions, plans, samplers } from "../../src/diffusion/samplers/all.ts"
import { ddpm } from "../../src/diffusion/samplers/ancestral.ts"
import { ddim } from "../../src/diffusion/samplers/ddim.ts"
import { langevin } from "../../src/diffusion/samplers/langevin.ts"
import { levelAt } from "../../src/diffusion/samplers/plan/grid.ts"
import { respaced } from "../../src/diffusion/samplers/plan/spacing.ts"
import { probabilityFlow } from "../../src/diffusion/samplers/probability-flow.ts"
import { last, type SampleStep } from "../../src/diffusion/samplers/sampler.ts"
import { cosine, schedule, zeroSnr } from "../../src/diffusion/schedule.ts"
import { lessEqual, where } from "../../src/engine/ops/compare.ts"
import { Generator } from "../../src/engine/random.ts"
import { configure } from "../../src/engine/runtime.ts"
import { type Tensor, Variable } from "../../src/engine/tensor.ts"
import { EvenLevels, LevelNetwork } from "./levels.ts"
import { type Mixture, MixtureNetwork, moments } from "./mixture.ts"
import { known, linear1, one, process } from "./sampler-truth.ts"
import { mean, momentsOf, variance } from "./statistics.ts"

// The programs here are small: a second thread would only wait.
configure({ threads: 1 })

const [m, s] = [one.mean[0], one.std]

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
  const run = (options: AnyOptions): Promise<SampleStep> =>
    last(ddim(model, { count: 7, steps: 2, labels, ...options }))
  for (const batch of [2, 3, 7]) expect([...(await run({ batch })).x.data]).toEqual([...labels].map((l) => 2 * l))
  const { x } = await run({ replace: (v) => (v === weight ? average : v) })
  expect([...x.data]).toEqual([...labels].map((l) => 5 * l))
})

test("counts, batches, labels, eta and paths that make no sense are refused by name, at the call", () => {
  const model = known([one])
  expect(() => ddim(model, { count: 0 })).toThrow("sampler: got count 0, expected a whole number from 1")
  expect(() => ddim(model, { batch: 0 })).toThrow("sampler: got batch 0, expected a whole number from 1")
  expect(() => ddpm(model, { steps: 1001 })).toThrow("sampler: got 1001 steps, expected a whole number")
  expect(() => ddpm(model, { count: 3, labels: Int32Array.of(1) })).toThrow(
    "sampler: got 1 labels for 3 samples, expected one each",
  )
  for (const eta of [-0.1, 1.5, Number.NaN])
    expect(() => ddim(model, { eta })).toThrow(`ddim: got eta ${eta}, expected a number from 0 to 1`)
  expect(() => ddim(model, { clip: 0 })).toThrow("sampler: got clip 0, expected a number above 0, or null")
  expect(() => ddim(model, { threshold: { ratio: 2 } })).toThrow("sampler: got a threshold of ratio 2 and max 1")
  expect(() => ddim(model, { spacing: "leading", offset: 900 })).toThrow("an offset of 900 leads to time 1881")
  expect(() => samplers.unipc(model, { order: 4 as 3 })).toThrow("unipc: got order 4, expected 1, 2 or 3")
  expect(() => samplers.dpmSolver(model, { algorithm: "euler" as "dpmsolver" })).toThrow(
    "got algorithm euler, expected",
  )
  expect(() => samplers.pndm(model, { spacing: "karras" })).toThrow("pndm: got spacing karras, expected even times")
  expect(() => samplers.heun(model, { churn: -1 })).toThrow("churn: got churn -1")
  expect(() => langevin(model, { stepSize: 5 })).toThrow(
    "langevin: got stepSize 5, expected a number above 0 and below 4",
  )
  expect(() => probabilityFlow(model, { rtol: 0 })).toThrow("probabilityFlow: got rtol 0")
  const last = denoiser(new MixtureNetwork([one], gaussian(zero), "v"), gaussian(zero), { predict: "v" })
  expect(() => samplers.heun(last, { spacing: "trailing" })).toThrow("heun: no signal is left at the first time")
  expect(() => samplers.pndm(last, { spacing: "trailing" })).toThrow("pndm: no signal is left at the first time")
  expect(() => probabilityFlow(last, { sigmaMax: null })).toThrow("levels begin where some signal is left")
  expect(() => ddim(model, { sigmaMax: 0.001 })).toThrow("sampler: got sigmaMax 0.001, expected more than 0.006")
  expect(() => samplers.euler(last, { spacing: "karras" })).toThrow("karras levels begin where some signal is left")
})

/** A schedule that ends without signal. */
const zero = schedule("zero", [0.1, 0.4, 0.7, 1])

test("where no signal is left at the first time, samplers that can begin there do, and give finite samples", async () => {
  const of = gaussian(zero)
  const network: Network = {
    shape: [1],
    forward(x, t) {
      const [signal, sigma] = [(i: number) => of.signal(i), (i: number) => of.sigma(i)].map((f) =>
        of.at(f, t.add(1), 2),
      )
      const noise = sigma.square()
      return x
        .mul(signal)
        .mul(s ** 2)
        .add(noise.mul(m))
        .div(
          signal
            .square()
            .mul(s ** 2)
            .add(noise),
        )
    },
  }
  const model = denoiser(network, of, { predict: "x0" })
  for (const name of ["ddpm", "ddim", "euler", "eulerAncestral", "dpmSolver", "unipc"] as const) {
    const { x } = await last(samplers[name](model, { count: 50, steps: 4, seed: 1 }))
    for (const v of x.data) expect(Math.abs(v)).toBeLessThan(4)
  }
})

test("Langevin steps come to N(m, s^2) with the variance that their size says, and go astray where the score is not known [A31]", async () => {
  const r = 0.5
  const of = new EvenLevels(2, r, r * 1.0000001)
  const copies = 100
  const v = s ** 2 + r ** 2
  const options = { steps: 1, spacing: "trailing", inner: 100, denoise: false, count: 100 } as const
  const scale = Math.hypot(1, r)
  for (const size of [0.4, 2]) {
    const model = denoiser(new LevelNetwork([one], of, "score", copies), of.process, { predict: "score" })
    const { x } = await last(langevin(model, { ...options, stepSize: size, seed: 3 }))
    // The bias is of the order of the step: 5 % for the small one, a third for the large one.
    const expected = v / (1 - (size * r ** 2) / (4 * v))
    expect(Math.abs(mean(x.data) * scale - m)).toBeLessThan(4 * Math.sqrt(expected / x.data.length))
    expect(Math.abs((variance(x.data) * scale ** 2) / expected - 1)).toBeLessThan(4 * Math.sqrt(2 / x.data.length))
  }
  // A network that was trained where data are says nothing elsewhere: what starts there stays there.
  const far = new LevelNetwork([one], of, "score", 1)
  const untrained: Network = {
    shape: [1],
    forward: (x, t) => where(lessEqual(x.mul(scale).sub(m).abs(), 3 * Math.sqrt(v)), far.forward(x, t), x.mul(0)),
  }
  const random = new Generator(1)
  const noise = (_: number, question: number): number[] => [question === 0 ? 12 : random.normal()]
  const lost = await last(
    langevin(denoiser(untrained, of.process, { predict: "score" }), { ...options, stepSize: 0.4, noise }),
  )
  expect(mean(lost.x.data) * scale).toBeGreaterThan(8)
  const found = await last(
    langevin(denoiser(far, of.process, { predict: "score" }), { ...options, stepSize: 0.4, noise }),
  )
  expect(Math.abs(mean(found.x.data) * scale - m)).toBeLessThan(0.4)
})

test("predictor and corrector inflate a Gaussian's variance by what their signal-to-noise ratio says, less for a smaller one", async () => {
  const of = new EvenLevels(60)
  const model = denoiser(new LevelNetwork([one], of, "eps", 80), of.process, { predict: "eps" })
  const off: number[] = []
  for (const snr of [0.16, 0.04]) {
    const { x } = await last(samplers.predictorCorrector(model, { count: 60, steps: 60, seed: 4, snr }))
    off.push(variance(x.data) / s ** 2 - 1)
  }
  expect(off[0]).toBeLessThan(0.12)
  expect(Math.abs(off[1])).toBeLessThan(0.04)
  expect(off[1]).toBeLessThan(off[0])
})

test("the adaptive flow ends where the flow does, to its tolerance, and asks more for a smaller one", async () => {
  const of = new EvenLevels(300)
  const model = denoiser(new LevelNetwork([one], of, "eps", 8), of.process, { predict: "eps" })
  const start = Float32Array.from({ length: 8 }, (_, i) => Math.sin(i + 1))
  const asked: number[] = []
  for (const tolerance of [1e-3, 1e-5]) {
    const options = {
      count: 1,
      steps: 3,
      rtol: tolerance,
      atol: tolerance,
      final: "first",
      noise: () => start,
    } as const
    const { x, evaluations, time } = await last(probabilityFlow(model, options))
    expect(time).toBe(1)
    asked.push(evaluations)
    for (const [i, v] of x.data.entries()) expect(Math.abs(v - of.flowed(start[i], m, s))).toBeLessThan(20 * tolerance)
  }
  expect(asked[1]).toBeGreaterThan(1.3 * asked[0])
})

test("however noisy the last time, Heun, PNDM and the adaptive flow come to the data by their defaults, in few steps", async () => {
  // 20,000 times as much noise as signal, or no signal at all.
  const noisy = [process, gaussian(zeroSnr(cosine())), flow()]
  const off = (name: "heun" | "pndm", of: Process, options: AnyOptions): number => {
    const denoised = (v: number, t: number, centre: number, std: number): number => {
      const { signal, sigma } = levelAt(of, t)
      return (std ** 2 * signal * v + sigma ** 2 * centre) / (std ** 2 * signal ** 2 + sigma ** 2)
    }
    const found = linear1(plans[name]({ process: of, predict: "x0" }, options), { denoised })
    expect(Math.abs(found.mean - m)).toBeLessThan(1e-3)
    return Math.abs(Math.sqrt(found.variance) / s - 1)
  }
  for (const of of noisy) {
    expect(off("heun", of, { steps: 10 })).toBeLessThan(0.3)
    expect(off("heun", of, { steps: 20 })).toBeLessThan(0.06)
    expect(off("heun", of, {})).toBeLessThan(0.035)
    expect(off("pndm", of, { steps: 10 })).toBeLessThan(0.04)
    expect(off("pndm", of, { steps: 20 })).toBeLessThan(0.005)
  }
  // What the defaults avoid: slopes over a step from there.
  expect(off("heun", process, { steps: 10, spacing: "trailing" })).toBeGreaterThan(5)
  expect(off("pndm", process, { steps: 10, spacing: "trailing" })).toBeGreaterThan(2)

  const model = known([one], { copies: 8, predict: "v" })
  const start = Float32Array.from({ length: 8 }, (_, i) => 2 * Math.sin(i + 1))
  const tolerance = 1e-3
  const options = { count: 1, steps: 1, rtol: tolerance, atol: tolerance, final: "first", noise: () => start } as const
  const { x, evaluations } = await last(probabilityFlow(model, options))
  const [far, near] = [levelAt(process, 1000), levelAt(process, 1)]
  for (const [i, v] of x.data.entries()) {
    const end = m + ((start[i] / far.signal - m) * Math.hypot(s, near.ratio)) / Math.hypot(s, far.ratio)
    expect(Math.abs(v - near.signal * end)).toBeLessThan(10 * tolerance)
  }
  const whole = await last(probabilityFlow(model, { ...options, sigmaMax: null }))
  expect(evaluations).toBeLessThan(0.8 * whole.evaluations)
})

test("whatever the process and the prediction, samples of a Gaussian have its mean and variance", async () => {
  const copies = 60
  const n = 50 * copies
  const data = 0.7
  /** The best network in EDM's form: told log(sigma / signal) / 4, asked about y / sqrt(ratio^2 + data^2). */
  const edmNetwork: Network = {
    shape: [copies],
    forward(x, t) {
      const square = t.cast("float32").mul(8).exp().reshape([x.shape[0], 1])
      const size = square.add(data ** 2).sqrt()
      const y = x.mul(size)
      const x0 = y
        .mul(s ** 2)
        .add(square.mul(m))
        .div(square.add(s ** 2))
      const kept = y.mul(data ** 2).div(size.square())
      return x0.sub(kept).div(square.sqrt().mul(data).div(size))
    },
  }
  for (const of of [
    gaussian(cosine(100)),
    ve({ max: 20, steps: 100 }),
    subVp({ steps: 100 }),
    flow({ steps: 100 }),
    edm({ max: 20, steps: 100 }),
  ]) {
    const ends = of.signal(of.steps) === 0
    const models = [
      denoiser(new MixtureNetwork([one], of, "velocity", copies), of, { predict: "velocity" }),
      denoiser(new MixtureNetwork([one], of, "v", copies), of, { predict: "v" }),
      ...(ends ? [] : [denoiser(edmNetwork, of, { predict: "edm", sigmaData: data })]),
    ]
    for (const [k, model] of models.entries()) {
      const names = ["ddpm", "ddim", "dpmSolver", "heun"] as const
      // All samplers on one prediction, one of them on the others.
      for (const name of k === 0 ? names : [names[k + 1] ?? "unipc"]) {
        const options = { count: n / copies, steps: 50, seed: 8 }
        const { x } = await last(samplers[name](model, options))
        const plan = plans[name]({ process: of, predict: "x0" }, options)
        const expected = linear1(plan, {
          denoised(v, t, centre, std) {
            const { signal, sigma } = levelAt(of, t)
            const noise = sigma ** 2
            return (std ** 2 * signal * v + noise * centre) / (std ** 2 * signal ** 2 + noise)
          },
        })
        const error = Math.sqrt(expected.variance / n)
        expect(Math.abs(mean(x.data) - expected.mean)).toBeLessThan(4 * error)
        expect(Math.abs(variance(x.data) / expected.variance - 1)).toBeLessThan(4 * Math.sqrt(2 / n))
        // And that is not far from the data's.
        expect(Math.abs(expected.mean - m)).toBeLessThan(0.05)
        expect(Math.abs(expected.variance / s ** 2 - 1)).toBeLessThan(0.25)
      }
    }
    const model = denoiser(new MixtureNetwork([one], of, "velocity", copies), of, { predict: "velocity" })
    const { x } = await last(probabilityFlow(model, { count: n / copies, steps: 2, seed: 8, rtol: 1e-3, atol: 1e-3 }))
    expect(Math.abs(mean(x.data) - m)).toBeLessThan((4 * s) / Math.sqrt(n) + 0.01)
    expect(Math.abs(variance(x.data) / s ** 2 - 1)).toBeLessThan(4 * Math.sqrt(2 / n) + 0.02)
  }
})
