/** The configuration of diffusers' AutoencoderKL: its keys and defaults, and what they mean here. */
import { z } from "zod"
import type { AutoencoderOptions } from "../vae/autoencoder.ts"
import { fitted, type Json } from "./json.ts"
import { activation, count, sizes, type UNet2DConfig, widths } from "./unet-config.ts"

/** A configuration of AutoencoderKL with every key filled in; names and meanings are diffusers'. */
export interface AutoencoderKLConfig {
  readonly in_channels: number
  readonly out_channels: number
  readonly down_block_types: readonly ("DownEncoderBlock2D" | "AttnDownEncoderBlock2D")[]
  readonly up_block_types: readonly ("UpDecoderBlock2D" | "AttnUpDecoderBlock2D")[]
  readonly block_out_channels: readonly number[]
  readonly layers_per_block: number
  readonly act_fn: UNet2DConfig["act_fn"]
  readonly latent_channels: number
  readonly norm_num_groups: number
  readonly sample_size: number | readonly number[]
  readonly scaling_factor: number
  readonly shift_factor: number | null
  readonly latents_mean: readonly number[] | null
  readonly latents_std: readonly number[] | null
  /** Says how half precision is used: nothing here. */
  readonly force_upcast: boolean
  readonly use_quant_conv: boolean
  readonly use_post_quant_conv: boolean
  readonly mid_block_add_attention: boolean
}

const perChannel = z.array(z.number()).max(65_536).nullable().default(null)

/** The schema of {@link AutoencoderKLConfig}: an absent key has diffusers' default. */
export const vaeSchema: z.ZodType<AutoencoderKLConfig, unknown> = z
  .object({
    in_channels: count(65_536).default(3),
    out_channels: count(65_536).default(3),
    down_block_types: z
      .array(z.enum(["DownEncoderBlock2D", "AttnDownEncoderBlock2D"]))
      .min(1)
      .max(16)
      .default(["DownEncoderBlock2D"]),
    up_block_types: z
      .array(z.enum(["UpDecoderBlock2D", "AttnUpDecoderBlock2D"]))
      .min(1)
      .max(16)
      .default(["UpDecoderBlock2D"]),
    block_out_channels: widths.default([64]),
    layers_per_block: count(64).default(1),
    act_fn: activation.default("silu"),
    latent_channels: count(4096).default(4),
    norm_num_groups: count(65_536).default(32),
    sample_size: sizes.default(32),
    scaling_factor: z
      .number()
      .refine((v) => v !== 0, "expected another number than 0")
      .default(0.18215),
    shift_factor: z.number().nullable().default(null),
    latents_mean: perChannel,
    latents_std: perChannel,
    force_upcast: z.boolean().default(true),
    use_quant_conv: z.boolean().default(true),
    use_post_quant_conv: z.boolean().default(true),
    mid_block_add_attention: z.boolean().default(true),
  })
  .superRefine((c, context) => {
    const fault = (key: string, message: string): void => context.addIssue({ code: "custom", path: [key], message })
    const levels = c.block_out_channels.length
    for (const key of ["down_block_types", "up_block_types"] as const)
      if (c[key].length !== levels) fault(key, `expected ${levels} entries, as many as block_out_channels`)
    for (const key of ["latents_mean", "latents_std"] as const)
      if (c[key] !== null && c[key].length !== c.latent_channels)
        fault(key, `expected ${c.latent_channels} entries, as many as latent_channels`)
    if (c.latents_std?.some((s) => !(s > 0))) fault("latents_std", "expected numbers above 0")
  })

/** Options of our autoencoder from a configuration of diffusers'. */
export function autoencoderOptions(c: AutoencoderKLConfig): AutoencoderOptions {
  const attended = (types: readonly string[]): number[] =>
    types.flatMap((type, i) => (type.startsWith("Attn") ? [i] : []))
  const last = c.block_out_channels.length - 1
  return {
    channels: c.in_channels,
    outputs: c.out_channels,
    latentChannels: c.latent_channels,
    widths: c.block_out_channels,
    layers: c.layers_per_block,
    groups: c.norm_num_groups,
    activation: c.act_fn,
    attention: attended(c.down_block_types),
    decoderAttention: attended(c.up_block_types).map((k) => last - k),
    midAttention: c.mid_block_add_attention,
    quantConv: c.use_quant_conv,
    postQuantConv: c.use_post_quant_conv,
    scale: c.scaling_factor,
    shift: c.shift_factor ?? 0,
    latentMean: c.latents_mean,
    latentStd: c.latents_std,
  }
}

/** The configuration of diffusers' that makes the same network as our options. */
export function autoencoderConfig(
  o: Required<AutoencoderOptions>,
  sampleSize: number | readonly number[],
): AutoencoderKLConfig {
  const last = o.widths.length - 1
  return fitted(
    {
      in_channels: o.channels,
      out_channels: o.outputs,
      down_block_types: o.widths.map((_, i) =>
        o.attention.includes(i) ? "AttnDownEncoderBlock2D" : "DownEncoderBlock2D",
      ),
      up_block_types: o.widths.map((_, k) =>
        o.decoderAttention.includes(last - k) ? "AttnUpDecoderBlock2D" : "UpDecoderBlock2D",
      ),
      block_out_channels: o.widths,
      layers_per_block: o.layers,
      act_fn: o.activation,
      latent_channels: o.latentChannels,
      norm_num_groups: o.groups,
      sample_size: sampleSize,
      scaling_factor: o.scale,
      shift_factor: o.shift === 0 ? null : o.shift,
      latents_mean: o.latentMean,
      latents_std: o.latentStd,
      use_quant_conv: o.quantConv,
      use_post_quant_conv: o.postQuantConv,
      mid_block_add_attention: o.midAttention,
    } satisfies Json,
    vaeSchema,
    "AutoencoderKL",
  )
}
