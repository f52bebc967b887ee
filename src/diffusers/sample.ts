/** Samples of a model folder as diffusers' pipelines make them: its scheduler, its arithmetic, torch's noise. */
import { denoiser } from "../diffusion/denoiser.ts"
import { gaussian } from "../diffusion/process.ts"
import { samplers } from "../diffusion/samplers/all.ts"
import { fromScheduler } from "../diffusion/samplers/compat/config.ts"
import { type SampleStep, toImages } from "../diffusion/samplers/sampler.ts"
import { array, type NdArray } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import type { Tensor, Variable } from "../engine/tensor.ts"
import type { AutoencoderKL } from "../vae/autoencoder.ts"
import type { DiffusersModel } from "./read.ts"
import { type SchedulerClass, schedulerSettings } from "./scheduler-config.ts"
import { torchNoise } from "./torch-random.ts"

/** Options of {@link sampleDiffusers}. */
export interface DiffusersSampleOptions {
  /** How many samples to make. */
  readonly count?: number
  /** Steps of the scheduler; by default all of DDPM's, and 50 of any other's. */
  readonly steps?: number
  /** One seed for all samples, as `torch.Generator().manual_seed(seed)`, or one each. */
  readonly seed?: number | bigint | readonly (number | bigint)[]
  /** `torch` draws what diffusers draws; by `per-sample` a sample depends on its number and the seed alone. */
  readonly noise?: "torch" | "per-sample"
  /** Which scheduler class to make of the folder's configuration; its own by default. */
  readonly scheduler?: SchedulerClass
  /** DDIM: 0 is deterministic, 1 has the variance of ancestral sampling. */
  readonly eta?: number
  readonly batch?: number
  /** Class labels, one a sample, for networks that take them. */
  readonly labels?: Int32Array
  readonly replace?: (variable: Variable) => Variable
  readonly signal?: AbortSignal
}

/**
 * Samples a model folder: step by step what `DDPMPipeline`, `DDIMPipeline` or `LDMPipeline` gives for the same seed.
 * With an autoencoder the last step's images are the decoded ones.
 *
 * @throws RangeError when the folder has no network or no scheduler, or the scheduler means nothing here.
 */
export function sampleDiffusers(
  { unet, vae, schedulerFile }: DiffusersModel,
  { count = 1, steps, seed = 0, noise = "torch", scheduler, eta, ...rest }: DiffusersSampleOptions = {},
): AsyncGenerator<SampleStep> {
  if (unet === null || schedulerFile === null)
    throw new RangeError(
      `sampleDiffusers: the folder has no ${unet === null ? "unet" : "scheduler"}, and both are needed (name the whole pipeline's folder)`,
    )
  if (noise === "per-sample" && typeof seed !== "number")
    throw new RangeError("sampleDiffusers: noise per-sample takes one seed, a number")
  const settings = schedulerSettings(schedulerFile, "sampleDiffusers", scheduler ?? schedulerFile["_class_name"])
  const { sampler, schedule, predict, options } = fromScheduler(settings)
  const model = denoiser(unet, gaussian(schedule), { predict, clip: options.clip })
  const run = samplers[sampler](model, {
    ...options,
    ...rest,
    count,
    steps: steps ?? (sampler === "ddpm" ? schedule.steps : Math.min(50, schedule.steps)),
    ...(eta !== undefined && { eta }),
    ...(noise === "torch" ? { noise: torchNoise(seed, count, unet.shape) } : { seed: seed as number }),
  })
  return vae === null ? run : withImages(run, vae, Math.min(count, rest.batch ?? 16))
}

/** Steps whose last has its latents as images. */
async function* withImages(
  steps: AsyncGenerator<SampleStep>,
  vae: AutoencoderKL,
  rows: number,
): AsyncGenerator<SampleStep> {
  for await (const step of steps)
    yield step.step < step.steps ? step : { ...step, images: await decoded(vae, step.x, rows) }
}

async function decoded(vae: AutoencoderKL, latents: NdArray<"float32">, rows: number): Promise<NdArray<"float32">> {
  const run = compile((z: Tensor) => vae.decode(vae.unscaled(z)))
  try {
    const [count, ...shape] = latents.shape
    const size = latents.data.length / count
    const parts: NdArray[] = []
    for (let start = 0; start < count; start += rows) {
      const part = new Float32Array(rows * size)
      part.set(latents.data.subarray(start * size, (start + rows) * size))
      parts.push(await run(array("float32", [rows, ...shape], part)))
    }
    const [, ...image] = parts[0].shape
    const length = parts[0].data.length / rows
    const all = new Float32Array(count * length)
    for (const [i, { data }] of parts.entries())
      all.set((data as Float32Array).subarray(0, Math.min(rows, count - i * rows) * length), i * rows * length)
    return toImages(array("float32", [count, ...image], all))
  } finally {
    await run.dispose()
  }
}
