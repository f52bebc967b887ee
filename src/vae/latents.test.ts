import { expect, test } from "vitest"
import { type Batch, type Dataset, dataset, range } from "../data/dataset.ts"
import { loader } from "../data/loader.ts"
import { array, type NdArray, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { fillNormal, keyOf } from "../engine/random.ts"
import { configure } from "../engine/runtime.ts"
import { placeholder, type Tensor } from "../engine/tensor.ts"
import { seeded } from "../nn/init.ts"
import { parameters } from "../nn/module.ts"
import { train } from "../train/loop.ts"
import { AutoencoderKL } from "./autoencoder.ts"
import { codec } from "./codec.ts"
import { channelSpreads, latents, spreadOf } from "./latents.ts"
import { reconstruction } from "./objective.ts"

configure({ threads: 1 })

const options = { widths: [4, 8], groups: 2, latentChannels: 3, midAttention: false, scale: 0.7, shift: 0.2 }
const network = seeded(0, () => new AutoencoderKL(options))
const x = array("float32", [10, 1, 8, 8], fillNormal(new Float32Array(640), keyOf(1)))
const images = dataset(
  x,
  array(
    "int32",
    [10],
    Int32Array.from({ length: 10 }, (_, i) => i % 3),
  ),
  { classes: 3 },
)

/** The encoder's scaled means, by the network's own methods and one image at a time. */
async function encoded(of: NdArray<"float32">): Promise<number[][]> {
  const run = compile((x: Tensor) => network.scaled(network.encode(x).mode()))
  const rows: number[][] = []
  for (let i = 0; i < of.shape[0]; i++)
    rows.push([...toNumbers(await run(array("float32", [1, 1, 8, 8], of.data.slice(64 * i, 64 * i + 64))))])
  await run.dispose()
  return rows
}

/** The images, and how many of them were read. */
function counting(): { readonly counted: Dataset; read(): number } {
  let count = 0
  const batch = (indices: Int32Array): Batch => {
    count += indices.length
    return images.batch(indices)
  }
  return { counted: { ...images, batch }, read: () => count }
}

function expectNear(a: ArrayLike<number>, b: ArrayLike<number>): void {
  expect(a.length).toBe(b.length)
  for (let i = 0; i < a.length; i++) expect(Math.abs(a[i] - b[i])).toBeLessThan(2e-5)
}

test("the objective is the mean squared error of samples' images and the weighed divergence, each a mean over numbers", async () => {
  const run = compile((x: Tensor) => {
    const { total, terms } = reconstruction(network, { kl: 0.3 }).loss({ x })
    return [total, terms!["error"], terms!["kl"]]
  })
  const [total, error, kl] = (await run(x)).map((a) => toNumbers(a)[0])
  await run.dispose()
  const posterior = compile((x: Tensor) => {
    const q = network.encode(x)
    return [q.mean, q.logVar]
  })
  const [mean, logVar] = (await posterior(x)).map((a) => toNumbers(a))
  await posterior.dispose()
  const nats = mean.reduce((s, m, i) => s + (m * m + Math.exp(logVar[i]) - 1 - logVar[i]) / 2, 0) / 10
  expect(kl).toBeCloseTo(nats, 3)
  expect(total).toBeCloseTo(error + (0.3 * nats) / 64, 5)
  expect(error).toBeGreaterThan(0.5)
  expect(() => reconstruction(network, { kl: -1 })).toThrow("reconstruction: got kl -1")
  const odd = placeholder("x", { dtype: "float32", shape: [1, 1, 9, 9] })
  expect(() => reconstruction(network).loss({ x: odd })).toThrow("expected the same (sides that 2 divides)")
})

test("trained on it, an autoencoder's images come nearer to what it is given, and its latents tell fewer nats at a higher price", async () => {
  const found: { error: number; kl: number }[] = []
  for (const kl of [1e-4, 1]) {
    const own = seeded(0, () => new AutoencoderKL(options))
    const run = train(reconstruction(own, { kl }), loader(images, { batch: 10, seed: 1 }), { steps: 60, ema: null })
    const seen: { error: number; kl: number }[] = []
    for await (const { terms } of run) seen.push(terms as { error: number; kl: number })
    await run.dispose()
    if (kl < 1) expect(seen.at(-1)!.error).toBeLessThan(0.8 * seen[0].error)
    found.push(seen.at(-1)!)
  }
  expect(found[1].kl).toBeLessThan(0.5 * found[0].kl)
})

test("arrays go through in rows of any number, each for itself, and averaged weights may take the place of the own", async () => {
  const coder = codec(network, { batch: 4 })
  const z = await coder.encode(x)
  expect(z.shape).toEqual([10, 3, 4, 4])
  expectNear(z.data, (await encoded(x)).flat())
  const y = await coder.decode(z)
  const back = await coder.reconstruct(x)
  expectNear(y.data, back.y.data)
  expect(back.kl.shape).toEqual([10])
  expect(back.kl.data.every((v) => v > 0)).toBe(true)
  await expect(coder.decode(array("float32", [0, 3, 4, 4], new Float32Array(0)))).rejects.toThrow("codec: got [0, 3, 4")
  await coder.dispose()

  const other = seeded(9, () => new AutoencoderKL(options))
  const pairs = new Map([...parameters(network)].map(([name, v]) => [v, parameters(other).get(name)!]))
  const replaced = codec(network, { batch: 4, replace: (v) => pairs.get(v) ?? v })
  const own = codec(other, { batch: 4 })
  expectNear((await replaced.encode(x)).data, (await own.encode(x)).data)
  await replaced.dispose()
  await own.dispose()
})

test("items are encoded once, with their labels, whatever batch they are asked for in", async () => {
  const { counted, read } = counting()
  const set = latents(counted, network)
  expect(set.shape).toEqual([3, 4, 4])
  expect(set.classes).toBe(3)
  expect(() => set.batch(range(2))).toThrow("latents: item 0 is not at hand (wait for prepare(indices)")
  await Promise.all([set.prepare(range(6)), set.prepare(range(10))])
  await set.prepare(Int32Array.of(3, 3, 8))
  expect(read()).toBe(10)
  const { x: z, y } = set.batch(Int32Array.of(7, 2, 7))
  const truth = await encoded(x)
  expectNear(z.data, [...truth[7], ...truth[2], ...truth[7]])
  expect([...y!.data]).toEqual([1, 2, 1])
  await set.dispose()
})

test("half of the items are of the mirrored image, the same ones for the same seed and epoch", async () => {
  const set = latents(images, network, { flip: true, seed: 4 })
  await set.prepare(range(10))
  const flipped = array(
    "float32",
    x.shape,
    x.data.map((_, i) => x.data[i - (i % 8) + 7 - (i % 8)]),
  )
  const forms = [await encoded(x), await encoded(flipped)]
  let mirrored = 0
  for (let epoch = 0; epoch < 20; epoch++) {
    const { data } = set.batch(range(10), epoch).x
    expect(data).toEqual(set.batch(range(10), epoch).x.data)
    for (let i = 0; i < 10; i++) {
      const row = data.subarray(48 * i, 48 * i + 48)
      const apart = forms.map((form) => Math.max(...row.map((v, k) => Math.abs(v - form[i][k]))))
      expect(Math.min(...apart)).toBeLessThan(2e-5)
      if (apart[1] < apart[0]) mirrored++
    }
  }
  expect(Math.abs(mirrored - 100)).toBeLessThan(4 * Math.sqrt(50))
  await set.dispose()
})

test("with little room those made first are made again, and those prepared last are at hand", async () => {
  const { counted, read } = counting()
  const set = latents(counted, network, { cacheBytes: 1 })
  for (let i = 0; i < 10; i++) await set.prepare(Int32Array.of(i))
  expect(read()).toBe(10)
  const last = Int32Array.of(6, 7, 8, 9)
  expect(set.batch(last).x.shape[0]).toBe(4)
  expect(() => set.batch(Int32Array.of(0))).toThrow("latents: item 0 is not at hand")
  await set.prepare(Int32Array.of(0))
  expect(read()).toBe(11)
  expectNear(set.batch(Int32Array.of(0)).x.data, (await encoded(x))[0])
  await set.dispose()
})

test("spreads are means and deviations, of all numbers and by channel", () => {
  const data = Float32Array.of(1, 3, 10, 14, 5, 7, 20, 24)
  const z = array("float32", [2, 2, 1, 2], data)
  expect(spreadOf(z).mean).toBeCloseTo(10.5, 10)
  expect(channelSpreads(z)).toEqual([
    { mean: 4, std: Math.sqrt(5) },
    { mean: 17, std: Math.sqrt(29) },
  ])
})

test("images that the encoder does not take are refused by name", () => {
  const odd = dataset(array("float32", [2, 1, 7, 7], new Float32Array(98)))
  expect(() => latents(odd, network)).toThrow(
    "latents: items are [1, 7, 7], expected [1, height, width] with sides that 2 divides",
  )
})
