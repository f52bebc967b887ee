import { expect, test } from "vitest"
import { fromNumbers, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { evaluate } from "../engine/evaluate.ts"
import { concat } from "../engine/ops/movement.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { denoiser, type Network } from "./denoiser.ts"
import { PixelPrior } from "./pixel-prior.ts"
import { gaussian, type Process } from "./process.ts"
import { geometric } from "./schedule.ts"
import { LearnedSchedule, learned } from "./schedule-learned.ts"

/** A network of two pixels that says the same whatever it sees: black, white, middle and width before softplus. */
const saying = (outputs: readonly (readonly [number, number])[]): Network => ({
  shape: [1, 1, 2],
  forward: (x) =>
    concat(
      outputs.map((row) => constant(fromNumbers("float32", [1, 1, 1, 2], row)).broadcastTo(x.shape)),
      1,
    ),
})

const softplus = (v: number): number => Math.log1p(Math.exp(v))

/** E[x0 | x_t] by adding up: black and white, and each byte by the Gaussian's density there. */
function byHand(x: number, signal: number, sigma: number, [black, white, middle, raw]: readonly number[]): number {
  const width = softplus(raw) + 1 / 255
  const bytes: [at: number, log: number][] = [
    [-1, black],
    [1, white],
  ]
  // Bytes beyond black and white too, so that the Gaussian is whole.
  for (let k = -1500; k <= 1755; k++) {
    const at = -1 + (2 * k) / 255
    bytes.push([at, Math.log(2 / 255 / (width * Math.sqrt(2 * Math.PI))) - (at - middle) ** 2 / (2 * width ** 2)])
  }
  const logs = bytes.map(([at, log]) => log - (x - signal * at) ** 2 / (2 * sigma ** 2))
  const most = Math.max(...logs)
  const weights = logs.map((l) => Math.exp(l - most))
  const total = weights.reduce((a, b) => a + b)
  return weights.reduce((sum, w, i) => sum + w * bytes[i][0], 0) / total
}

/** x0 at a time of two numbers x_t. */
async function meansOf(network: Network, process: Process, t: number, x: readonly number[]): Promise<Float64Array> {
  const model = denoiser(new PixelPrior(network, process), process, { predict: "x0" })
  const run = compile((xt: Tensor, at: Tensor) => model.at(xt, at).x0)
  const dtype = process.isContinuous ? "float32" : "int32"
  const found = await run(fromNumbers("float32", [1, 1, 1, 2], x), fromNumbers(dtype, [1], [t]))
  await run.dispose()
  return toNumbers(found)
}

test("x0 is the posterior mean of bytes under the prior, at every level of noise", async () => {
  const process = gaussian(geometric(100))
  const cases: readonly (readonly [number, number])[][] = [
    [
      [1, 0],
      [-1, 0.5],
      [0.2, -0.5],
      [-1, 0.4],
    ],
    [
      [0, -4],
      [0, -3],
      [-0.7, 0.9],
      [-4, -6],
    ],
  ]
  for (const outputs of cases) {
    for (const t of [1, 10, 15, 20, 25, 30, 40, 60, 80, 100]) {
      const [signal, sigma] = [process.signal(t), process.sigma(t)]
      for (const [k, clean] of [-1, -0.95, -0.2, 0.31, 0.9, 1].entries()) {
        const x = [signal * clean + sigma * Math.sin(k), signal * clean - 0.4 * sigma]
        const found = await meansOf(saying(outputs), process, t, x)
        for (const i of [0, 1]) {
          const prior = outputs.map((row) => row[i])
          expect(Math.abs(found[i] - byHand(x[i], signal, sigma, prior))).toBeLessThan(1e-4)
        }
      }
    }
  }
})

test("with little noise x0 is the byte that was noised, exactly", async () => {
  const process = gaussian(geometric(100))
  const prior = saying([
    [2, 2],
    [-3, -3],
    [0, 0],
    [0, 0],
  ])
  for (const byte of [0, 9, 128, 254, 255]) {
    const clean = (2 * byte) / 255 - 1
    const found = await meansOf(prior, process, 1, [
      process.signal(1) * clean + process.sigma(1),
      process.signal(1) * clean - process.sigma(1),
    ])
    for (const v of found) expect(Math.abs(v - clean)).toBeLessThan(5e-6)
  }
})

test("the noise is known from what the network is told, where that is learned too", async () => {
  const schedule = new LearnedSchedule({ least: -8, most: 4 })
  const process = learned(schedule, { steps: 50 })
  const prior: readonly (readonly [number, number])[] = [
    [1, -1],
    [0, 0],
    [0.1, 0.3],
    [-2, 0],
  ]
  const [signal, sigma] = [process.signal(25), process.sigma(25)]
  const found = await meansOf(saying(prior), process, 25, [0.4, -0.8])
  for (const [i, x] of [0.4, -0.8].entries())
    expect(
      Math.abs(
        found[i] -
          byHand(
            x,
            signal,
            sigma,
            prior.map((row) => row[i]),
          ),
      ),
    ).toBeLessThan(1e-4)
})

test("points, and networks without four outputs a channel, are refused by name", () => {
  const process = gaussian(geometric(10))
  expect(() => new PixelPrior({ shape: [2], forward: (x) => x }, process)).toThrow(
    "PixelPrior: got samples of shape [2], expected images",
  )
  const plain = new PixelPrior({ shape: [1, 1, 2], forward: (x) => x }, process)
  const x = constant(fromNumbers("float32", [1, 1, 1, 2], [0, 0]))
  expect(() => plain.forward(x, constant(fromNumbers("int32", [1], [3])))).toThrow(
    "PixelPrior: the network gave [1, 1, 1, 2] for [1, 1, 1, 2], expected four times the channels",
  )
  expect(evaluate([x.value])[0].shape).toEqual([1, 1, 1, 2])
})
