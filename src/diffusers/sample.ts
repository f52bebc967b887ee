/** Samples of a model folder as diffusers' pipelines make them: its scheduler, its arithmetic, torch's noise. */
import { type Denoiser, denoiser } from "../diffusion/denoiser.ts"
import { gaussian } from "../diffusion/process.ts"
import { samplers } from "../diffusion/samplers/all.ts"
import type { SchedulerClass } from "../diffusion/samplers/compat/classes.ts"
import { fromScheduler } from "../diffusion/samplers/compat/config.ts"
import { type SampleStep, toImages } from "../diffusion/samplers/sampler.ts"
import { array, type NdArray } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import type { Tensor, Variable } from "../engine/tensor.ts"
import type { AutoencoderKL } from "../vae/autoencoder.ts"
import type { DiffusersModel } from "./read.ts"
import { type SchedulerSettings, schedulerSettings } from "./scheduler-config.ts"
import { torchNoise } from "./torch-random.ts"
import type { UNet2D } from "./unet.ts"

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

/** The network and the scheduler, of another class where one is named. @throws RangeError where one is not there. */
function partsOf(
  { unet, schedulerFile }: DiffusersModel,
  scheduler?: SchedulerClass,
): { readonly unet: UNet2D; readonly settings: SchedulerSettings } {
  if (unet === null || schedulerFile === null)
    throw new RangeError(
      `sampleDiffusers: the folder has no ${unet === null ? "unet" : "scheduler"}, and both are needed (name the whole pipeline's folder)`,
    )
  return {
    unet,
    settings: schedulerSettings(schedulerFile, "sampleDiffusers", scheduler ?? schedulerFile["_class_name"]),
  }
}

/**
 * Samples a model folder: step by step what `DDPMPipeline`, `DDIMPipeline` or `LDMPipeline` gives for the same seed.
 * With an autoencoder the last step's images are the decoded ones.
 *
 * @throws RangeError when the folder has no network or no scheduler, the scheduler means nothing here, or takes no `eta`.
 */
export function sampleDiffusers(
  model: DiffusersModel,
  { count = 1, steps, seed = 0, noise = "torch", scheduler, eta, ...rest }: DiffusersSampleOptions = {},
): AsyncGenerator<SampleStep> {
  const { unet, settings } = partsOf(model, scheduler)
  if (noise === "per-sample" && typeof seed !== "number")
    throw new RangeError("sampleDiffusers: noise per-sample takes one seed, a number")
  const { sampler, schedule, predict, options } = fromScheduler(settings)
  if (eta !== undefined && sampler !== "ddim")
    throw new RangeError(
      `sampleDiffusers: got eta for ${settings._class_name}, which takes none (only DDIMScheduler does)`,
    )
  const run = samplers[sampler](denoiser(unet, gaussian(schedule), { predict, clip: options.clip }), {
    ...options,
    ...rest,
    count,
    steps: steps ?? (sampler === "ddpm" ? schedule.steps : Math.min(50, schedule.steps)),
    ...(eta !== undefined && { eta }),
    ...(noise === "torch" ? { noise: torchNoise(seed, count, unet.shape) } : { seed: seed as number }),
  })
  return decodedSteps(run, model, Math.min(count, rest.batch ?? 16))
}

/**
 * The denoiser of a model folder, for samplers of ours: its network with the noise schedule, the prediction and the bound
 * of its scheduler.
 *
 * @throws RangeError as {@link sampleDiffusers}, and for EDM's schedulers, whose networks see levels in another way.
 */
export function diffusersDenoiser(
  model: DiffusersModel,
  { scheduler }: Pick<DiffusersSampleOptions, "scheduler"> = {},
): Denoiser<UNet2D> {
  const { unet, settings } = partsOf(model, scheduler)
  if ("sigma_data" in settings)
    throw new RangeError(
      `diffusersDenoiser: the scheduler is ${settings._class_name}, whose network other samplers cannot ask (sample it by its own scheduler)`,
    )
  const { schedule, predict, options } = fromScheduler(settings)
  return denoiser(unet, gaussian(schedule), { predict, clip: options.clip })
}

/** Steps of latents whose last has images, decoded `rows` at a time; where there is no autoencoder, the steps as they are. */
export function decodedSteps(
  steps: AsyncGenerator<SampleStep>,
  { vae }: Pick<DiffusersModel, "vae">,
  rows = 16,
): AsyncGenerator<SampleStep> {
  return vae === null ? steps : withImages(steps, vae, rows)
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
