/** Model folders of diffusers on the command line: knowing one, reading it, and what it draws. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { isDiffusers, readDiffusers } from "../diffusers/read.ts"
import { decodedSteps, diffusersDenoiser, sampleDiffusers } from "../diffusers/sample.ts"
import { type SchedulerClass, schedulerClasses } from "../diffusion/samplers/compat/classes.ts"
import type { SampleStep } from "../diffusion/samplers/sampler.ts"
import type { SampleRequest } from "../recipes/recipe.ts"
import { sampled } from "../recipes/sampling.ts"
import { MisuseError } from "./flags.ts"
import type { Voice } from "./voice.ts"

/** Pipelines that are drawn: a network, a scheduler, and an autoencoder or none. */
const pipelines = ["DDPMPipeline", "DDIMPipeline", "PNDMPipeline", "LDMPipeline"]

/**
 * Whether a folder is a model of diffusers. Both kinds of folder may have a `config.json`; that of a run names its
 * recipe.
 */
export async function isPretrained(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, "config.json"), "utf8").catch(() => "null")
  try {
    const config = JSON.parse(text) as { recipe?: unknown } | null
    if (typeof config?.recipe === "string") return false
  } catch {
    // Damaged, and maybe not what the folder is known by.
  }
  return isDiffusers(folder).catch(() => false)
}

/** How a model folder is read. */
export interface PretrainedOptions {
  readonly scheduler?: SchedulerClass | undefined
  readonly weights?: string | undefined
  readonly size?: readonly number[] | undefined
}

/** What is asked of the folder's own scheduler. */
export interface PipelineRequest {
  readonly count: number
  readonly seed: number
  readonly noise: "torch" | "per-sample"
  readonly steps?: number
  readonly eta?: number
  readonly labels?: Int32Array
}

/** A model folder, ready to draw. */
export interface Pretrained {
  /** Shape of what is noised: of an image, or of a latent one. */
  readonly shape: readonly number[]
  readonly isLatent: boolean
  readonly pipeline: string | null
  readonly scheduler: SchedulerClass
  /** What diffusers' pipeline draws. */
  draw(request: PipelineRequest): AsyncGenerator<SampleStep>
  /** What a sampler of ours draws. */
  sample(request: SampleRequest): AsyncGenerator<SampleStep>
}

/**
 * Reads a model folder for drawing.
 *
 * @throws MisuseError, or the reader's RangeError, in one line.
 */
export async function loadPretrained(
  folder: string,
  { scheduler, weights, size, voice }: PretrainedOptions & { readonly voice: Voice },
): Promise<Pretrained> {
  const side = size === undefined ? null : size.length === 1 ? size[0] : ([size[0], size[1]] as const)
  const read = await readDiffusers(folder, { variant: weights ?? null, size: side })
  for (const line of read.warnings) voice.warn(line)
  const { pipeline, unet, schedulerFile: own } = read
  if (unet === null)
    throw new MisuseError(
      `${folder}: no unet in it, so nothing draws (name the folder of a pipeline, or of a UNet2DModel)`,
    )
  if (pipeline !== null && !pipelines.includes(pipeline) && scheduler === undefined)
    throw new MisuseError(
      `${folder}: the pipeline is ${JSON.stringify(pipeline.slice(0, 80))}, whose steps are not known here, only those of ${pipelines.join(", ")} (with --scheduler DDPMScheduler its unet is drawn all the same)`,
    )
  if (own === null && scheduler === undefined)
    throw new MisuseError(
      `${folder}: no scheduler beside the unet (name the whole pipeline's folder, or a scheduler to take with its defaults: --scheduler DDPMScheduler)`,
    )
  if (unet.config.sample_size === null)
    throw new MisuseError(
      `${folder}: the unet does not say how large its images are (its sample_size is null): give --size`,
    )
  // Diffusers makes any class of another's configuration; where there is none, a class has its defaults.
  const model = { ...read, schedulerFile: own ?? { _class_name: scheduler } }
  const { class_embed_type: told, num_class_embeds: named } = unet.config
  if (told !== null)
    throw new MisuseError(
      `${folder}: the unet is told ${told === "timestep" ? "a number" : "an embedding"} with each image (class_embed_type ${told}), which no flag gives`,
    )
  const classes = named ?? 0
  const expectLabels = (labels: Int32Array | undefined, most: number): void => {
    if ((labels !== undefined) !== classes > 0)
      throw new MisuseError(
        classes > 0
          ? `--label: the unet is told one of ${classes} classes with each image, expected which (--label 0)`
          : "--label: the unet is told no classes",
      )
    const bad = labels?.find((label) => label < 0 || label >= most)
    if (bad !== undefined) throw new MisuseError(`--label: got ${bad}, expected 0 to ${most - 1}`)
  }
  return {
    shape: unet.shape,
    isLatent: read.vae !== null,
    pipeline,
    scheduler: scheduler ?? (own!["_class_name"] as SchedulerClass),
    draw: (request) => {
      expectLabels(request.labels, classes)
      return sampleDiffusers(model, { ...request, ...(scheduler !== undefined && { scheduler }) })
    },
    sample: (request) => {
      // A network that is guided has a class for none, the last.
      const most = request.guidance === undefined ? classes : classes - 1
      expectLabels(request.labels, most)
      const denoiser = diffusersDenoiser(model, scheduler === undefined ? {} : { scheduler })
      return decodedSteps(sampled(denoiser, request, { classes: most }), model)
    },
  }
}

/** Names of schedulers, for flags. */
export const schedulerNames: [SchedulerClass, ...SchedulerClass[]] = schedulerClasses as [
  SchedulerClass,
  ...SchedulerClass[],
]
