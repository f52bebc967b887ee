import { expect, test } from "vitest"
import { mean } from "../../test/laws/statistics.ts"
import { glyphs } from "../data/glyphs.ts"
import { loader } from "../data/loader.ts"
import { fromNumbers, type NdArray, sizeOf } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { evaluate } from "../engine/evaluate.ts"
import { configure } from "../engine/runtime.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { seeded } from "../nn/init.ts"
import { variables } from "../nn/module.ts"
import { adamW } from "../optim/adam.ts"
import { train } from "../train/loop.ts"
import type { TensorBatch } from "../train/objective.ts"
import { ImageClassifier } from "./classifier.ts"
import { Concatenated, dropLabels, given, smaller, smallerImages } from "./conditioning.ts"
import { denoiser, type Network } from "./denoiser.ts"
import { simple } from "./objective.ts"
import { gaussian } from "./process.ts"
import { ddim } from "./samplers/ddim.ts"
import { probabilityFlow } from "./samplers/probability-flow.ts"
import { last } from "./samplers/sampler.ts"
import { cosine, linear } from "./schedule.ts"
import { UNet } from "./unet.ts"

configure({ threads: 1 })

test("labels are dropped at the share that was asked for, and others stay as they are", async () => {
  const seen = dropLabels(
    { variables: new Map(), loss: ({ y }: TensorBatch) => ({ total: y!.cast("float32").sum(), terms: { y: y! } }) },
    { none: 10, share: 0.3 },
  )
  const run = compile((y: Tensor) => seen.loss({ x: y, y }).terms!["y"], { seed: 4 })
  const labels = Int32Array.from({ length: 20_000 }, (_, i) => i % 10)
  const { data } = await run(fromLabels(labels))
  await run.dispose()
  const dropped = [...data].filter((v) => Number(v) === 10).length
  expect(Math.abs(dropped / 20_000 - 0.3)).toBeLessThan(4 * Math.sqrt(0.21 / 20_000))
  for (const [i, v] of data.entries()) if (Number(v) !== 10) expect(Number(v)).toBe(labels[i])
})

const fromLabels = (y: Int32Array): NdArray<"int32"> => ({ dtype: "int32", shape: [y.length], data: y })

test("small images are means of blocks, in programs and outside", () => {
  const x = fromNumbers(
    "float32",
    [2, 2, 4, 6],
    Array.from({ length: 96 }, (_, i) => Math.sin(i * i)),
  )
  const found = smallerImages(x, 2)
  expect(found.shape).toEqual([2, 2, 2, 3])
  const same = evaluate([smaller(constant(x), 2).value])[0].data
  for (const [i, v] of found.data.entries()) expect(v).toBeCloseTo(Number(same[i]), 6)
  expect(found.data[0]).toBeCloseTo((x.data[0] + x.data[1] + x.data[6] + x.data[7]) / 4, 6)
  expect(() => smallerImages(x, 4)).toThrow("smallerImages: got [2, 2, 4, 6] by 4")
})

test("what is given follows the noisy image as channels, each pixel repeated, and only the image's channels come back", () => {
  let seen: Tensor | undefined
  const within: Network = {
    shape: [3, 4, 4],
    forward: (x) => {
      seen = x
      return x.mul(2)
    },
  }
  const network = new Concatenated(within, 2)
  expect(network.shape).toEqual([1, 4, 4])
  const x = constant(
    fromNumbers(
      "float32",
      [1, 1, 4, 4],
      Array.from({ length: 16 }, (_, i) => i),
    ),
  )
  const small = constant(fromNumbers("float32", [1, 2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]))
  const t = constant(Int32Array.of(3))
  const y = network.forward(x, t, undefined, small)
  expect([...evaluate([y.value])[0].data]).toEqual(Array.from({ length: 16 }, (_, i) => 2 * i))
  expect([...evaluate([seen!.value])[0].data].slice(16, 32)).toEqual([1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4])
  expect(() => network.forward(x, t)).toThrow("Concatenated: got nothing given, expected [batch, 2, 4 / k, 4 / k]")
  expect(() => new Concatenated(within, 3)).toThrow("Concatenated: got 3 channels given for a network of [3, 4, 4]")
})

test("each sample sees its own row of what is given, in any batch and every kind of sampler", async () => {
  // x0 is what is given: so are the samples.
  const network: Network = { shape: [2], forward: (x, _, __, row) => x.mul(0).add(row!) }
  const model = denoiser(network, gaussian(linear(50)), { predict: "x0" })
  const rows = fromNumbers(
    "float32",
    [5, 2],
    Array.from({ length: 10 }, (_, i) => i / 10),
  )
  for (const sampler of [ddim, probabilityFlow])
    for (const batch of [2, 64]) {
      const { x } = await last(sampler(model, { count: 5, steps: 4, batch, given: rows }))
      for (const [i, v] of x.data.entries()) expect(v).toBeCloseTo(rows.data[i], 5)
    }
})

test("a network that is given small glyphs learns to enlarge them, with less error than one that is not", async () => {
  const options = { size: 28, patch: 4, width: 16, multipliers: [1], groups: 4, attention: [] }
  const process = gaussian(cosine(100))
  const data = loader(glyphs({ seed: 1 }), { batch: 32, seed: 1 })
  const plain = denoiser(
    seeded(2, () => new UNet(options)),
    process,
    { predict: "x0" },
  )
  const network = seeded(2, () => new Concatenated(new UNet({ ...options, channels: 2 }), 1))
  const model = denoiser(network, process, { predict: "x0" })
  const losses: number[] = []
  for (const objective of [simple(plain), given(simple(model), (x) => smaller(x, 4))]) {
    const run = train(objective, data, { optimizer: adamW({ lr: 4e-3 }), steps: 80, seed: 3 })
    const last: number[] = []
    for await (const { step, loss } of run) if (step > 60) last.push(loss)
    await run.dispose()
    losses.push(mean(last))
  }
  expect(losses[1]).toBeLessThan(0.7 * losses[0])
  // What is made, made small again, is what was given.
  const truth = glyphs({ seed: 9 }).batch(Int32Array.from({ length: 16 }, (_, i) => i)).x as NdArray<"float32">
  const small = smallerImages(truth, 4)
  const { x } = await last(ddim(model, { count: 16, steps: 10, given: small }))
  const error = mean(smallerImages(x, 4).data.map((v, i) => (v - small.data[i]) ** 2))
  const other = mean(smallerImages(x, 4).data.map((v, i) => (v - small.data[(i + 49) % small.data.length]) ** 2))
  expect(error).toBeLessThan(0.25 * other)
  expect(sizeOf(x.shape)).toBe(16 * 784)
})

test("a classifier of noisy images gives a logit a class and has a gradient for every parameter", async () => {
  const network = seeded(1, () => new ImageClassifier({ width: 8, multipliers: [1, 2], groups: 4, classes: 5 }))
  const run = compile((x: Tensor, t: Tensor) => network.forward(x, t))
  const { shape, data } = await run(
    fromNumbers(
      "float32",
      [2, 1, 8, 8],
      Array.from({ length: 128 }, (_, i) => Math.cos(i)),
    ),
    fromLabels(Int32Array.of(3, 50)),
  )
  await run.dispose()
  expect(shape).toEqual([2, 5])
  expect([...data].every((v) => Number.isFinite(Number(v)))).toBe(true)
  expect(variables(network).size).toBeGreaterThan(20)
})
