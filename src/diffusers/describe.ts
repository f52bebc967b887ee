/** What was made here in diffusers' words: the configurations of a U-Net and of a noise schedule. */
import type { Denoiser, Predict, Variance } from "../diffusion/denoiser.ts"
import { cosine, linear, type Schedule, scaledLinear } from "../diffusion/schedule.ts"
import { UNet } from "../diffusion/unet.ts"
import type { AttentionBlock } from "../nn/self-attention.ts"
import { fitted } from "./json.ts"
import { type SchedulerSettings, schedulerSettings } from "./scheduler-config.ts"
import { UNet2D } from "./unet.ts"
import { type UNet2DConfig, unetSchema } from "./unet-config.ts"

/** One head's size for all levels as diffusers has it: a number, or `null` for one head a level. */
function headSize(attentions: readonly AttentionBlock[]): number | null {
  const widths = attentions.map((a) => a.toQ.weight.shape[0])
  const sizes = [...new Set(attentions.map((a, i) => widths[i] / a.heads))]
  if (attentions.every((a) => a.heads === 1)) return null
  if (sizes.length === 1) return sizes[0]
  throw new RangeError(
    `unetConfig: attention heads are of sizes ${sizes.join(", ")}, which diffusers cannot say (a headSize that divides every attended level)`,
  )
}

/**
 * The configuration of diffusers' UNet2DModel that has the same parameters and gives the same output.
 *
 * @throws RangeError for a network that diffusers has none like: one with patches, or with heads of several sizes.
 */
export function unetConfig(network: UNet): UNet2DConfig {
  const { shape, patch, downBlocks, midBlock, upBlocks, convNormOut, convOut, classEmbedding } = network
  if (patch !== 1)
    throw new RangeError(
      `unetConfig: the network takes patches of ${patch}, which diffusers' UNet2DModel cannot (train with patch 1)`,
    )
  const [channels, height, width] = shape
  const first = downBlocks[0].resnets[0]
  const named = (with_: string, without: string, attended: readonly unknown[]): string =>
    attended.length > 0 ? with_ : without
  const attentions = [...downBlocks, midBlock, ...upBlocks].flatMap((level) => level.attentions)
  return fitted(
    {
      sample_size: height === width ? height : [height, width],
      in_channels: channels,
      out_channels: convOut.weight.shape[0],
      block_out_channels: downBlocks.map(({ resnets }) => resnets[0].conv1.weight.shape[0]),
      down_block_types: downBlocks.map((b) => named("AttnDownBlock2D", "DownBlock2D", b.attentions)),
      up_block_types: upBlocks.map((b) => named("AttnUpBlock2D", "UpBlock2D", b.attentions)),
      layers_per_block: downBlocks[0].resnets.length,
      attention_head_dim: headSize(attentions),
      norm_num_groups: convNormOut.groups,
      norm_eps: convNormOut.eps,
      dropout: first.dropout,
      num_class_embeds: classEmbedding === null ? null : classEmbedding.weight.shape[0],
    },
    unetSchema,
    "unetConfig",
  )
}

const predictions: Readonly<Partial<Record<Predict, string>>> = { eps: "epsilon", x0: "sample", v: "v_prediction" }

/** What a scheduler's configuration needs to know of a model. */
export interface SchedulerOptions {
  readonly predict?: Predict
  /** Bound on |x0|, or none. */
  readonly clip?: number | null
  /** Which class of diffusers samples by default. */
  readonly className?: "DDPMScheduler" | "DDIMScheduler"
  /** Variance of ancestral sampling. */
  readonly variance?: Variance
  /** Which times fewer steps visit; trailing ones begin where there is most noise. */
  readonly spacing?: "leading" | "trailing" | "linspace"
}

function isNear(a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((v, i) => Math.abs(v - b[i]) <= 1e-12)
}

/** The betas by diffusers' names where it has one for them, one by one otherwise. */
function betasOf({ steps, beta }: Schedule): Readonly<Record<string, unknown>> {
  const betas = beta.slice(1)
  if (isNear(beta, cosine(steps).beta)) return { beta_schedule: "squaredcos_cap_v2" }
  const [start, end] = [betas[0], betas[steps - 1]]
  if (end < 1 && isNear(beta, linear(steps, { start, end }).beta))
    return { beta_schedule: "linear", beta_start: start, beta_end: end }
  if (end < 1 && isNear(beta, scaledLinear(steps, { start, end }).beta))
    return { beta_schedule: "scaled_linear", beta_start: start, beta_end: end }
  return { trained_betas: [...betas] }
}

/**
 * The scheduler's configuration for a model of this schedule: DDPM's, unless named otherwise.
 *
 * @throws RangeError for predictions that diffusers has no word for.
 */
export function schedulerConfig(
  schedule: Schedule,
  {
    predict = "eps",
    clip = 1,
    className = "DDPMScheduler",
    variance = "small",
    spacing = "leading",
  }: SchedulerOptions = {},
): SchedulerSettings {
  const prediction = predictions[predict]
  if (prediction === undefined)
    throw new RangeError(
      `schedulerConfig: the network predicts ${predict}, which diffusers' schedulers cannot take (eps, x0 or v)`,
    )
  return schedulerSettings(
    {
      num_train_timesteps: schedule.steps,
      ...betasOf(schedule),
      prediction_type: prediction,
      timestep_spacing: spacing,
      clip_sample: clip !== null,
      ...(clip !== null && { clip_sample_range: clip }),
      ...(className === "DDPMScheduler" && {
        variance_type: variance === "learned" ? "learned_range" : `fixed_${variance}`,
      }),
    },
    "schedulerConfig",
    className,
  )
}

/** A U-Net and the scheduler that samples it. */
export interface DenoiserParts {
  readonly unet: UNet | UNet2D
  readonly scheduler: SchedulerSettings
}

/**
 * A denoiser as diffusers has it, for {@link writeDiffusers}: network, noise schedule, what is predicted, the bound on x0
 * and the variance of steps. Fewer steps than all visit trailing times, as samplers here do.
 *
 * @throws RangeError for what diffusers has none like, with what it has: another network than a U-Net without patches, a
 *   process that does not preserve variance or is learned, or a prediction other than eps, x0 and v.
 */
export function denoiserParts({ network, process, predict, clip, variance }: Denoiser): DenoiserParts {
  if (!(network instanceof UNet || network instanceof UNet2D))
    throw new RangeError("denoiserParts: the network is no U-Net of images, and DDPMPipeline has no other")
  const { name, preserving, isLearned, told } = process.levels
  if (!preserving || isLearned || told !== undefined)
    throw new RangeError(
      `denoiserParts: the process is ${name}, and DDPMScheduler has only fixed ones that preserve variance (train with the process discrete or vp)`,
    )
  if (network instanceof UNet) unetConfig(network)
  return {
    unet: network,
    scheduler: schedulerConfig(process.schedule, { predict, clip, variance, spacing: "trailing" }),
  }
}
