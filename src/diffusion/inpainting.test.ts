import { describe, expect, test } from "vitest"
import { type Mixture, MixtureNetwork } from "../../test/laws/mixture.ts"
import { column, mean, variance } from "../../test/laws/statistics.ts"
import { fromNumbers, type NdArray } from "../engine/array.ts"
import { configure } from "../engine/runtime.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { type Denoiser, denoiser, type Network } from "./denoiser.ts"
import { inpainted, masked } from "./inpainting.ts"
import { gaussian, type Process } from "./process.ts"
import { ve } from "./process-sde.ts"
import { plans, type Sampler, type SamplerName, samplers } from "./samplers/all.ts"
import { ddpm } from "./samplers/ancestral.ts"
import { repaint } from "./samplers/repaint.ts"
import { last } from "./samplers/sampler.ts"
import { cosine, linear } from "./schedule.ts"

configure({ threads: 1 })

/** Two Gaussians on the diagonal: who knows one coordinate, knows the other's side. */
const two: Mixture = [
  { weight: 0.5, mean: [-1, -1], std: 0.25 },
  { weight: 0.5, mean: [1, 1], std: 0.25 },
]
const process = gaussian(cosine(200))
const model = (of: Process = process): Denoiser => denoiser(new MixtureNetwork(two, of, "v"), of, { predict: "v" })

const count = 400
/** Points whose first coordinate is on one side or the other, and is known. */
const known = fromNumbers(
  "float32",
  [count, 2],
  Array.from({ length: count }, (_, i) => [i % 2 === 0 ? -1.1 : 0.9, Number.NaN]).flat(),
)
const given = masked(known, fromNumbers("float32", [2], [1, 0]))
const rightSide = (x: NdArray<"float32">): number =>
  mean(Array.from({ length: count }, (_, i) => Number(x.data[2 * i + 1] > 0 === (i % 2 === 1))))

describe.each(Object.keys(samplers).filter((name) => name !== "langevin") as SamplerName[])("%s", (name) => {
  test("leaves what is known as it is, bit for bit or to rounding, and fills the hole on its side", async () => {
    const lacks = name === "pndm" || name === "predictorCorrector"
    const own = denoiser(new MixtureNetwork(two, gaussian(linear(200)), "eps"), gaussian(linear(200)))
    const { x } = await last((samplers[name] as Sampler)(inpainted(own), { count, given, seed: 4 }))
    const apart = column(x.data, 2, 0).map((v, i) => Math.abs(v - known.data[2 * i]))
    expect(Math.max(...apart)).toBeLessThan(lacks ? 0.05 : 1e-5)
    // Without what is known it is 0.5. Those that add no noise on the way have only their first to be led by.
    expect(rightSide(x)).toBeGreaterThan(0.65)
  })
})

test("what is known has at every time the law of known data with noise, with and without resampling", async () => {
  for (const sampler of [ddpm, repaint]) {
    let seen = 0
    for await (const { time, x } of sampler(inpainted(model()), { count, given, steps: 20, seed: 5 })) {
      if (time === 0) continue
      const [signal, sigma] = [process.signal(time), process.sigma(time)]
      const z = column(x.data, 2, 0).map((v, i) => (v - signal * known.data[2 * i]) / sigma)
      expect(Math.abs(mean(z))).toBeLessThan(4 / Math.sqrt(count))
      expect(Math.abs(variance(z) - 1)).toBeLessThan(4 * Math.sqrt(2 / count))
      seen++
    }
    expect(seen).toBeGreaterThan(15)
  }
})

/** The best denoiser of two coordinates of mean 0, variance 1 and covariance rho: along the diagonals they are independent. */
class PairNetwork implements Network {
  readonly shape: readonly number[] = [2]
  readonly rho: number
  readonly process: Process

  constructor(rho: number, process: Process) {
    this.rho = rho
    this.process = process
  }

  forward(x: Tensor, t: Tensor): Tensor {
    const [signal, sigma] = this.process.scales(t.add(1), 2)
    const turn = constant(
      fromNumbers(
        "float32",
        [2, 2],
        [1, 1, 1, -1].map((v) => v / Math.SQRT2),
      ),
    )
    const spread = constant(fromNumbers("float32", [1, 2], [1 + this.rho, 1 - this.rho]))
    const total = signal.square().mul(spread).add(sigma.square())
    return x.matmul(turn).mul(signal.mul(spread).div(total)).matmul(turn)
  }
}

test("resampling brings the hole to its law given what is known, which replacement alone misses", async () => {
  const rho = 0.9
  const own = denoiser(new PairNetwork(rho, process), process, { predict: "x0" })
  const x = fromNumbers("float32", [1, 2], [1.5, 0])
  const hole = masked(x, fromNumbers("float32", [2], [1, 0]))
  const many = { count: 3000, given: hole, steps: 50, seed: 6 }
  const found: number[] = []
  for (const repeats of [1, 4, 16]) {
    const { x: made } = await last(repaint(inpainted(own), { ...many, repeats, jump: 2 }))
    found.push(mean(column(made.data, 2, 1)))
  }
  // E[x_2 | x_1 = 1.5] = 1.35.
  const apart = found.map((m) => Math.abs(m - rho * 1.5))
  expect(apart[0]).toBeGreaterThan(0.1)
  expect(apart[1]).toBeLessThan(apart[0])
  expect(apart[2]).toBeLessThan(apart[1])
  expect(apart[2]).toBeLessThan(0.05)
})

test("with one repeat RePaint is ancestral sampling, and otherwise asks as often as it says", async () => {
  const options = { count: 20, steps: 12, seed: 3 }
  const { x } = await last(ddpm(model(), options))
  const { x: same } = await last(repaint(model(), { ...options, repeats: 1 }))
  expect([...same.data]).toEqual([...x.data])
  for (const [steps, jump, repeats] of [
    [12, 4, 3],
    [10, 4, 2],
  ]) {
    const done = await last(repaint(model(), { count: 2, steps, jump, repeats }))
    expect(done.evaluations).toBe(steps * repeats)
    expect(plans.repaint(model(), { steps, jump, repeats }).asks.length).toBe(steps * repeats)
  }
})

test("a process that keeps no unit variance is inpainted too", async () => {
  const of = ve({ steps: 200, max: 20 })
  const own = denoiser(new MixtureNetwork(two, of, "score"), of, { predict: "score" })
  const { x } = await last(repaint(inpainted(own), { count, given, steps: 60, seed: 4 }))
  expect(Math.max(...column(x.data, 2, 0).map((v, i) => Math.abs(v - known.data[2 * i])))).toBeLessThan(1e-5)
  expect(rightSide(x)).toBeGreaterThan(0.97)
})

test("masks are for pixels, channels or samples, and what lies in the hole is not seen", () => {
  const x = fromNumbers("float32", [2, 1, 2, 2], [1, 2, Number.NaN, 4, 5, 6, 7, 8])
  expect([...masked(x, fromNumbers("float32", [2, 2], [1, 1, 0, 0.5])).data]).toEqual([
    1, 2, 0, 4, 1, 1, 0, 0.5, 5, 6, 0, 8, 1, 1, 0, 0.5,
  ])
  expect(masked(x, fromNumbers("float32", [2, 1, 2, 2], [0, 0, 0, 0, 1, 1, 1, 1])).shape).toEqual([2, 2, 2, 2])
  expect(() => masked(x, fromNumbers("float32", [3], [1, 1, 1]))).toThrow("masked: got a mask [3]")
  expect(() => masked(x, fromNumbers("float32", [2], [2, 0]))).toThrow("masked: got 2 in the mask")
  expect(() => masked(x, fromNumbers("float32", [2, 2], [1, 1, 1, 1]))).toThrow("masked: got NaN where")
})

test("what makes no sense is refused", async () => {
  await expect(last(ddpm(inpainted(model()), { steps: 2 }))).rejects.toThrow("inpainted: got nothing given")
  expect(() => ddpm(inpainted(model()), { count: 3, given })).toThrow("sampler: got 400 rows given for 3 samples")
  expect(() => repaint(model(), { jump: 0 })).toThrow("repaint: got jump 0, expected a whole number from 1")
})
