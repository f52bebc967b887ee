import { expect, test } from "vitest"
import { denoiser, type Predict } from "../diffusion/denoiser.ts"
import { PointNet } from "../diffusion/pointnet.ts"
import { gaussian } from "../diffusion/process.ts"
import { flow, ve, vp } from "../diffusion/process-sde.ts"
import { ddim } from "../diffusion/samplers/ddim.ts"
import { last } from "../diffusion/samplers/sampler.ts"
import { cosine, linear, type Schedule, scaledLinear, sqrt, zeroSnr } from "../diffusion/schedule.ts"
import { UNet, type UNetOptions } from "../diffusion/unet.ts"
import { seeded } from "../nn/init.ts"
import { denoiserParts } from "./describe.ts"
import { memoryFiles } from "./files.ts"
import { type DiffusersModel, readDiffusers } from "./read.ts"
import { diffusersDenoiser, sampleDiffusers } from "./sample.ts"
import { torchNoise } from "./torch-random.ts"
import { diffusersFiles, type WriteOptions } from "./write.ts"

const network = (options: UNetOptions = {}): UNet =>
  seeded(3, () => new UNet({ size: 8, width: 8, multipliers: [1, 2], groups: 4, headSize: 4, ...options }))

type Model = ReturnType<typeof denoiser<UNet>>

async function travelled(model: Model, options: WriteOptions = {}): Promise<DiffusersModel> {
  return readDiffusers(memoryFiles(await diffusersFiles(denoiserParts(model), options)))
}

function apart(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length)
  return Array.from(a).reduce((m, v, i) => Math.max(m, Math.abs(v - b[i])), 0)
}

const draws = { count: 3, steps: 5, compat: "diffusers", spacing: "trailing" } as const
const noise = (model: Model) => torchNoise(7, 3, model.shape)
const asDdim = { count: 3, steps: 5, seed: 7, scheduler: "DDIMScheduler" } as const

const schedules: readonly [string, Predict, Schedule, object][] = [
  ["linear", "eps", linear(50), { beta_schedule: "linear", beta_start: 1e-4, beta_end: 0.02 }],
  ["scaled-linear", "x0", scaledLinear(50), { beta_schedule: "scaled_linear", beta_start: 1e-4 }],
  ["cosine", "v", cosine(50), { beta_schedule: "squaredcos_cap_v2" }],
  ["square-root", "eps", sqrt(50), { trained_betas: [...sqrt(50).beta.slice(1)] }],
  ["signal-free", "v", zeroSnr(linear(50)), { trained_betas: expect.any(Array) }],
]

test.each(schedules)(
  "a denoiser of the %s schedule that predicts %s draws the same images once it has travelled",
  async (_, predict, schedule, words) => {
    const model = denoiser(network(), gaussian(schedule), { predict })
    const read = await travelled(model)
    expect(read.scheduler).toMatchObject(words)
    expect(read.warnings).toEqual([])
    const { images } = await last(sampleDiffusers(read, asDdim))
    const here = await last(ddim(model, { ...draws, noise: noise(model) }))
    expect(images.data.filter((v) => v > 0.01 && v < 0.99).length).toBeGreaterThan(10)
    expect(apart(images.data, here.images.data)).toBeLessThan(1e-4)
    // And by any sampler of ours.
    const [again, own] = [diffusersDenoiser(read), model].map((m) => last(ddim(m, { count: 3, steps: 5, seed: 2 })))
    expect(apart((await again).x.data, (await own).x.data)).toBeLessThan(1e-4)
  },
)

test("a process in continuous time that preserves variance travels at its whole times", async () => {
  const model = denoiser(network(), vp({ steps: 40 }), { predict: "v" })
  const { images } = await last(sampleDiffusers(await travelled(model), asDdim))
  const here = await last(ddim(model, { ...draws, noise: noise(model) }))
  expect(apart(images.data, here.images.data)).toBeLessThan(1e-4)
})

test("one class of a network that is told them travels as a network that is told none", async () => {
  const model = denoiser(network({ classes: 4 }), gaussian(cosine(50)), { predict: "v" })
  const drawn = await Promise.all(
    [1, 3].map(async (label) => {
      const read = await travelled(model, { label })
      expect(read.unet!.config.num_class_embeds).toBeNull()
      const { images } = await last(sampleDiffusers(read, asDdim))
      const labels = new Int32Array(3).fill(label)
      const here = await last(ddim(model, { ...draws, noise: noise(model), labels }))
      expect(apart(images.data, here.images.data)).toBeLessThan(1e-5)
      return images.data
    }),
  )
  expect(apart(drawn[0], drawn[1])).toBeGreaterThan(1e-3)
  await expect(travelled(model, { label: 4 })).rejects.toThrow("writeDiffusers: got label 4, expected 0 to 3")
  const plain = denoiser(network(), gaussian(cosine(50)), { predict: "v" })
  await expect(travelled(plain, { label: 0 })).rejects.toThrow("for a network that is told no classes")
})

test("what diffusers has none like is refused by what it is", () => {
  const of = (make: () => unknown): string => {
    try {
      make()
      return "was written"
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError)
      return (error as Error).message
    }
  }
  const process = gaussian(cosine(50))
  expect(of(() => denoiserParts(denoiser(network({ patch: 2 }), process, { predict: "v" })))).toMatch(
    "takes patches of 2, which diffusers' UNet2DModel cannot (train with patch 1)",
  )
  expect(of(() => denoiserParts(denoiser(new PointNet({ width: 8 }), process, { predict: "v" })))).toMatch("no U-Net")
  expect(of(() => denoiserParts(denoiser(network(), flow({ steps: 40 }), { predict: "velocity" })))).toMatch(
    "the process is flow, and DDPMScheduler has only fixed ones that preserve variance",
  )
  expect(of(() => denoiserParts(denoiser(network(), ve({ steps: 40 }), { predict: "x0" })))).toMatch(
    "the process is ve",
  )
  expect(of(() => denoiserParts(denoiser(network(), process, { predict: "score" })))).toMatch(
    "the network predicts score, which diffusers' schedulers cannot take (eps, x0 or v)",
  )
})

test("eta belongs to DDIM, and EDM's networks to their own schedulers", async () => {
  const read = await travelled(denoiser(network(), gaussian(cosine(50)), { predict: "v" }))
  expect(() => sampleDiffusers(read, { eta: 0.5 })).toThrow("got eta for DDPMScheduler, which takes none")
  expect(() => diffusersDenoiser(read, { scheduler: "EDMEulerScheduler" })).toThrow("EDMEulerScheduler, whose network")
})
