import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { draw, type Mixture, MixtureNetwork, moments } from "../../test/laws/mixture.ts"
import { momentsOf } from "../../test/laws/statistics.ts"
import { fromNumbers, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { evaluate } from "../engine/evaluate.ts"
import { concat } from "../engine/ops/movement.ts"
import { Generator } from "../engine/random.ts"
import { configure } from "../engine/runtime.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { denoiser, type Network, type Predict, preserving } from "./denoiser.ts"
import { gaussian, type Process } from "./process.ts"
import { edm, flow, subVp, ve, vp } from "./process-sde.ts"
import { ddim } from "./samplers/ddim.ts"
import { last } from "./samplers/sampler.ts"
import { linear, schedule } from "./schedule.ts"

configure({ threads: 1 })

const fixture = JSON.parse(readFileSync(new URL("fixtures/process.json", import.meta.url), "utf8")) as {
  noised: Record<"x0" | "eps" | "xt" | "velocity", number[][]> & { t: number[] }
  edm: Record<"sigma" | "skip" | "out" | "in" | "noise" | "weight", number>[]
}
const processes: readonly Process[] = [
  gaussian(linear(50)),
  vp({ steps: 50 }),
  subVp({ steps: 50 }),
  ve({ steps: 50 }),
  edm({ steps: 50 }),
  flow({ steps: 50 }),
]
const heads: readonly Predict[] = ["eps", "x0", "v", "score", "velocity", "edm"]

test("noising and v are diffusers' add_noise and get_velocity", async () => {
  const { x0, eps, xt, velocity, t } = fixture.noised
  const process = gaussian(linear(20))
  const model = denoiser({ shape: [4], forward: (x: Tensor) => x }, process, { predict: "v" })
  const run = compile((a: Tensor, b: Tensor, at: Tensor) => [process.noised(a, b, at), model.target(a, b, at)])
  const rows = (list: number[][]) => fromNumbers("float32", [3, 4], list.flat())
  const [noised, v] = await run(
    rows(x0),
    rows(eps),
    Int32Array.from(t, (i) => i + 1),
  )
  await run.dispose()
  for (const [i, value] of xt.flat().entries()) expect(Math.abs(Number(noised.data[i]) - value)).toBeLessThan(2e-6)
  for (const [i, value] of velocity.flat().entries()) expect(Math.abs(Number(v.data[i]) - value)).toBeLessThan(2e-6)
})

test("EDM's input, output and level are scaled as its paper has it, for any process, whose signal only divides x", () => {
  const asked: number[][] = []
  for (const { sigma, skip, out, in: input, noise } of fixture.edm) {
    for (const signal of [1, 0.3]) {
      const network: Network = {
        shape: [1],
        forward: (x, told) => {
          const [a, b] = evaluate([x.value, told.value]).map((v) => v.data[0])
          asked.push([a, b])
          return x.mul(0).add(0.7)
        },
      }
      const model = denoiser(network, edm(), { predict: "edm", sigmaData: 0.5 })
      const scalar = (v: number, ...shape: number[]): Tensor =>
        constant({ dtype: "float64", shape, data: Float64Array.of(v) })
      const level = { signal: scalar(signal, 1, 1), sigma: scalar(signal * sigma, 1, 1), told: scalar(0, 1) }
      const x = 1.3
      const [x0, weight] = evaluate([model.answer(scalar(signal * x, 1, 1), level).x0.value, model.gain(level).value])
      expect(x0.data[0]).toBeCloseTo(skip * x + out * 0.7, 9)
      expect(weight.data[0]).toBeCloseTo(out ** 2, 9)
      const [seen, told] = asked[asked.length - 1]
      expect(seen).toBeCloseTo(input * x, 9)
      expect(told).toBeCloseTo(noise, 9)
    }
  }
  expect(asked).toHaveLength(10)
})

test("for every process and prediction, what a network is trained to give is what its answers are read as", async () => {
  const random = new Generator(6)
  const [x0, eps] = [0, 1].map(() => Float32Array.from({ length: 12 }, () => random.normal()))
  const times = [2, 20, 49]
  const shaped = (data: Float32Array) => ({ dtype: "float32" as const, shape: [3, 4], data })
  for (const process of processes) {
    for (const predict of heads) {
      if (process.alphaBar(50) === 0 && (predict === "eps" || predict === "score" || predict === "edm")) continue
      for (const isWhole of process.isContinuous ? [true, false] : [true]) {
        const run = compile((a: Tensor, b: Tensor, t: Tensor) => {
          const network: Network = { shape: [4], forward: () => model.target(a, b, t) }
          const model = denoiser(network, process, { predict })
          const at = model.at(process.noised(a, b, t), t)
          return [at.x0, at.eps, at.v, at.velocity]
        })
        const found = await run(shaped(x0), shaped(eps), isWhole ? Int32Array.from(times) : Float32Array.from(times))
        await run.dispose()
        for (let i = 0; i < 12; i++) {
          const t = times[Math.floor(i / 4)]
          const [signal, sigma] = [process.signal(t), process.sigma(t)]
          const r = Math.hypot(signal, sigma)
          const expected = [x0[i], eps[i], (signal * eps[i] - sigma * x0[i]) / r, eps[i] - x0[i]]
          for (const [k, v] of expected.entries()) {
            // Going from one to the other divides the rounding of x_t by what there is of the other.
            const tolerance = (2e-5 * r) / Math.min(signal, sigma)
            const what = `${process.levels.name}: ${predict} -> ${k} at ${t}`
            expect(Math.abs(Number(found[k].data[i]) - v), what).toBeLessThan(tolerance)
          }
        }
      }
    }
  }
})

const mixture: Mixture = [
  { weight: 0.6, mean: [-1, 0.5], std: 0.3 },
  { weight: 0.4, mean: [0.8, -0.5], std: 0.2 },
]

test("as a variance-preserving one, a denoiser of any process says the same of the same point behind the scale", async () => {
  const random = new Generator(1)
  const points = Array.from({ length: 6 }, () => draw(mixture, random))
  for (const process of processes) {
    for (const predict of ["v", "x0", "velocity"] as const) {
      const own = denoiser(new MixtureNetwork(mixture, process, predict), process, { predict })
      const plain = preserving(own)
      expect(plain.process.levels.preserving).toBe(true)
      for (const t of [3, 25, 50]) {
        const scale = Math.hypot(process.signal(t), process.sigma(t))
        const run = compile((x: Tensor) => {
          const at = constant(new Int32Array(6).fill(t))
          return [own.at(x.mul(scale), at).x0, plain.at(x, at).x0]
        })
        const [a, b] = (await run(fromNumbers("float32", [6, 2], points.flat()))).map(toNumbers)
        await run.dispose()
        for (const [i, v] of a.entries()) expect(Math.abs(v - b[i]), `${process.levels.name} ${t}`).toBeLessThan(2e-3)
      }
    }
  }
  const model = denoiser(new MixtureNetwork(mixture, processes[0]), processes[0])
  expect(preserving(model)).toBe(model)
})

test("a model of any process is sampled by what knows variance-preserving ones", async () => {
  const expected = moments(mixture)
  for (const process of processes.slice(2)) {
    const network = new MixtureNetwork(mixture, process, "v", 40)
    const { x } = await last(ddim(preserving(denoiser(network, process, { predict: "v" })), { count: 100, steps: 50 }))
    const found = momentsOf(x.data, 2)
    for (let i = 0; i < 2; i++) {
      expect(Math.abs(found.mean[i] - expected.mean[i]), process.levels.name).toBeLessThan(0.08)
      expect(Math.abs(found.covariance[i][i] / expected.covariance[i][i] - 1), process.levels.name).toBeLessThan(0.12)
    }
  }
})

test("a learned variance passes through", () => {
  const network: Network = { shape: [2], forward: (x) => concat([x, x.mul(0).add(0.4)], 1) }
  const model = denoiser(network, flow({ steps: 10 }), { predict: "velocity", variance: "learned" })
  const x = constant(fromNumbers("float32", [1, 2], [0.3, -1]))
  const answer = preserving(model).at(x, constant(Int32Array.of(4)))
  const [share, x0] = evaluate([answer.share!.value, answer.x0.value])
  for (const v of share.data) expect(v).toBeCloseTo(0.7, 6)
  // At u = .4 the radius is sqrt(.36 + .16); the velocity of x_t = r x is r x, so x0 = r x - .4 r x.
  for (const [i, v] of [0.3, -1].entries()) expect(x0.data[i]).toBeCloseTo(0.6 * Math.sqrt(0.52) * v, 5)
})

test("options of a denoiser that make no sense are refused by name", () => {
  const network: Network = { shape: [1], forward: (x) => x }
  const spent = gaussian(schedule("spent", [0.3, 1]))
  expect(() => denoiser(network, spent, { predict: "edm" })).toThrow("where edm says nothing of x0")
  expect(() => denoiser(network, edm(), { sigmaData: 0 })).toThrow(
    "denoiser: got sigmaData 0, expected a number above 0",
  )
})
