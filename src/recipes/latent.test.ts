import { expect, test } from "vitest"
import { type Dataset, procedural, range } from "../data/dataset.ts"
import { loader } from "../data/loader.ts"
import { denoiser } from "../diffusion/denoiser.ts"
import { simple } from "../diffusion/objective.ts"
import { gaussian } from "../diffusion/process.ts"
import { ddpm } from "../diffusion/samplers/ancestral.ts"
import { last } from "../diffusion/samplers/sampler.ts"
import { cosine } from "../diffusion/schedule.ts"
import { UNet } from "../diffusion/unet.ts"
import { fold, Generator, keyOf } from "../engine/random.ts"
import { configure } from "../engine/runtime.ts"
import { seeded } from "../nn/init.ts"
import { freeze, loadStateDict, stateDict } from "../nn/module.ts"
import { adamW } from "../optim/adam.ts"
import { lrCosine } from "../optim/curves.ts"
import { train } from "../train/loop.ts"
import type { Objective } from "../train/objective.ts"
import { AutoencoderKL } from "../vae/autoencoder.ts"
import { codec } from "../vae/codec.ts"
import { channelSpreads, latents, spreadOf } from "../vae/latents.ts"
import { reconstruction } from "../vae/objective.ts"

configure({ threads: 1 })

const side = 16

/** A soft bright disk on black. */
function disk(out: Float32Array, x: number, y: number, radius: number): void {
  for (let i = 0; i < out.length; i++) {
    const distance = Math.hypot((i % side) - x, Math.floor(i / side) - y)
    out[i] = 2 / (1 + Math.exp(2 * (distance - radius))) - 1
  }
}

function disks(seed: number): Dataset {
  return procedural({
    name: "disks",
    length: 100_000,
    shape: [1, side, side],
    write: (i, out) => {
      const random = new Generator(fold(keyOf(seed), i))
      disk(out, random.uniform(4, 11), random.uniform(4, 11), random.uniform(2, 4))
      return 0
    },
  })
}

/** Root mean square distance of an image to the nearest disk: over a grid of them, then nearer and nearer. */
function distance(image: Float32Array): number {
  const drawn = new Float32Array(side * side)
  const error = ([x, y, r]: readonly number[]): number => {
    disk(drawn, x, y, r)
    return Math.sqrt(drawn.reduce((sum, v, i) => sum + (v - image[i]) ** 2, 0) / drawn.length)
  }
  let best = [0, 0, 0]
  let least = Number.POSITIVE_INFINITY
  const look = (p: readonly number[]): void => {
    const found = error(p)
    if (found < least) [least, best] = [found, [...p]]
  }
  for (let x = 4; x <= 11; x++) for (let y = 4; y <= 11; y++) for (const r of [2, 3, 4]) look([x, y, r])
  for (let step = 0.5; step > 0.05; step /= 2)
    for (let k = 0; k < 3; k++) for (const move of [-step, step]) look(best.map((v, i) => (i === k ? v + move : v)))
  return least
}

const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length

async function trained(objective: Objective, data: Dataset, steps: number, lr: number): Promise<void> {
  const run = train(objective, loader(data, { batch: 32, seed: 1 }), {
    optimizer: adamW({ lr: lrCosine(lr, { steps }) }),
    steps,
    ema: 0.98,
    seed: 2,
  })
  for await (const { loss } of run) expect(Number.isFinite(loss)).toBe(true)
  await run.dispose()
}

test("an autoencoder and a DDPM of its latents draw images of the data's kind, and latents as the encoder's [A40]", async () => {
  const data = disks(0)
  const options = { widths: [8, 16, 16], groups: 4, latentChannels: 2, midAttention: false }
  const first = seeded(0, () => new AutoencoderKL({ ...options, scale: 1 }))
  await trained(reconstruction(first, { kl: 1e-3 }), data, 160, 6e-3)
  const { x } = data.batch(range(256))
  // The scale is chosen as in latent diffusion: latents of unit variance.
  const plain = codec(first)
  const { mean, std } = spreadOf(await plain.encode(x))
  await plain.dispose()
  const network = new AutoencoderKL({ ...options, scale: 1 / std, shift: mean })
  await loadStateDict(network, await stateDict(first))
  freeze(network)
  const coder = codec(network)
  const encoded = await coder.encode(x)
  const { y } = await coder.reconstruct(x)
  const size = side * side
  const rowOf = (all: Float32Array, i: number): Float32Array => all.subarray(i * size, (i + 1) * size)
  const back = meanOf(Array.from({ length: 48 }, (_, i) => distance(rowOf(y.data, i))))

  const set = latents(data, network)
  const unet = seeded(1, () => new UNet({ channels: 2, size: 4, width: 24, multipliers: [1], groups: 4 }))
  const model = denoiser(unet, gaussian(cosine(100)), { predict: "v", clip: null })
  await trained(simple(model, { times: "stratified" }), set, 240, 6e-3)
  const { x: z } = await last(ddpm(model, { count: 256, seed: 3, batch: 256 }))
  const drawn = await coder.decode(z)
  await coder.dispose()
  await set.dispose()

  // Independent pixels with the mean and deviation that each has in the data: a model that knows pixels and no disk.
  const random = new Generator(5)
  const noise = Float32Array.from({ length: 48 * size }, (_, i) => {
    const values = Float32Array.from({ length: 256 }, (_, k) => x.data[k * size + (i % size)])
    const at = spreadOf({ data: values })
    return Math.min(1, Math.max(-1, random.normal(at.mean, at.std)))
  })
  const [samples, baseline] = [drawn.data, noise].map((all) =>
    meanOf(Array.from({ length: 48 }, (_, i) => distance(rowOf(all, i)))),
  )
  const [of, by] = [encoded, z].map((a) => channelSpreads(a))
  expect(samples).toBeLessThan(0.2 * baseline)
  // The decoder's own error is most of it.
  expect(samples).toBeLessThan(2 * back)
  for (const [k, { mean, std }] of of.entries()) {
    expect(Math.abs(by[k].mean - mean)).toBeLessThan(0.1)
    expect(Math.abs(by[k].std / std - 1)).toBeLessThan(0.1)
  }
}, 180_000)
