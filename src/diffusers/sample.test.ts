import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { schedulerClasses } from "../diffusion/samplers/compat/classes.ts"
import { last } from "../diffusion/samplers/sampler.ts"
import { linear } from "../diffusion/schedule.ts"
import { UNet } from "../diffusion/unet.ts"
import { readSafetensors } from "../io/safetensors.ts"
import { seeded } from "../nn/init.ts"
import { AutoencoderKL } from "../vae/autoencoder.ts"
import { schedulerConfig } from "./describe.ts"
import { memoryFiles } from "./files.ts"
import { readDiffusers } from "./read.ts"
import { type DiffusersSampleOptions, sampleDiffusers } from "./sample.ts"
import { diffusersFiles } from "./write.ts"

const fixtures = fileURLToPath(new URL("fixtures/", import.meta.url))
const oracle = readSafetensors(await readFile(`${fixtures}oracle.safetensors`)).tensors
const nested = await readDiffusers(`${fixtures}nested`)

const pipelines: readonly [string, DiffusersSampleOptions][] = [
  ["ddpm", { steps: 10 }],
  ["ddim", { steps: 10, scheduler: "DDIMScheduler" }],
  ["ddim-noise", { steps: 5, eta: 0.5, scheduler: "DDIMScheduler" }],
]

test.each(pipelines)("a whole %s pipeline gives diffusers' images from torch's seed", async (name, options) => {
  for (const [kind, seed] of [
    ["", 11],
    ["-list", [11, 12]],
  ] as const) {
    const { images } = await last(sampleDiffusers(nested, { ...options, count: 2, seed }))
    const expected = oracle.get(`pipeline.${name}${kind}`)!
    expect(images.shape).toEqual(expected.shape)
    // Images in [0, 1] that are neither all black nor all white, or the comparison would say little.
    expect(images.data.filter((v) => v > 0.01 && v < 0.99).length).toBeGreaterThan(50)
    const apart = images.data.reduce((m, v, i) => Math.max(m, Math.abs(v - Number(expected.data[i]))), 0)
    expect(apart, `${name}${kind}`).toBeLessThan(2e-4)
  }
})

const schedulers = schedulerClasses.filter((name) => !name.startsWith("EDM"))

test.each(schedulers)("%s made of the folder's configuration gives what it gives in diffusers", async (scheduler) => {
  const { x } = await last(sampleDiffusers(nested, { count: 2, steps: 8, seed: 11, scheduler }))
  const expected = oracle.get(`scheduler.${scheduler}`)!.data as Float32Array
  const scale = expected.reduce((m, v) => Math.max(m, Math.abs(v)), 0)
  expect(x.data.reduce((m, v, i) => Math.max(m, Math.abs(v - expected[i])), 0) / scale).toBeLessThan(1e-3)
})

test("with an autoencoder the last step's images are decoded, whatever the batch", async () => {
  const unet = seeded(
    1,
    () => new UNet({ channels: 2, size: 8, width: 8, multipliers: [1, 1], headSize: 4, groups: 4 }),
  )
  const vae = seeded(2, () => new AutoencoderKL({ channels: 3, widths: [4, 8], groups: 2, latentChannels: 2 }))
  const scheduler = schedulerConfig(linear(20), { className: "DDIMScheduler" })
  const model = await readDiffusers(memoryFiles(await diffusersFiles({ unet, vae, scheduler })))
  const once = await last(sampleDiffusers(model, { count: 3, steps: 2, seed: 4 }))
  expect([once.x.shape, once.images.shape]).toEqual([
    [3, 2, 8, 8],
    [3, 3, 16, 16],
  ])
  const apart = await last(sampleDiffusers(model, { count: 3, steps: 2, seed: 4, batch: 2 }))
  for (const [i, v] of once.images.data.entries()) expect(Math.abs(apart.images.data[i] - v)).toBeLessThan(1e-5)
  const own = await last(sampleDiffusers(model, { count: 1, steps: 2, seed: 4, noise: "per-sample" }))
  const more = await last(sampleDiffusers(model, { count: 2, steps: 2, seed: 4, noise: "per-sample" }))
  for (const [i, v] of own.x.data.entries()) expect(Math.abs(more.x.data[i] - v)).toBeLessThan(1e-5)
})

test("a folder without a network or a scheduler cannot be sampled", async () => {
  const alone = await readDiffusers(`${fixtures}nested/unet`)
  expect(() => sampleDiffusers(alone)).toThrow("sampleDiffusers: the folder has no scheduler, and both are needed")
  const vae = await readDiffusers(`${fixtures}autoencoder`)
  expect(() => sampleDiffusers(vae)).toThrow("the folder has no unet")
  expect(() => sampleDiffusers(nested, { noise: "per-sample", seed: [1] })).toThrow("noise per-sample takes one seed")
})
