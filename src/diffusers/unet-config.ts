/** The configuration of diffusers' UNet2DModel: its keys, defaults and bounds. */
import { z } from "zod"

/** How the blocks of one level are made. */
export const downBlocks = [
  "DownBlock2D",
  "AttnDownBlock2D",
  "ResnetDownsampleBlock2D",
  "SkipDownBlock2D",
  "AttnSkipDownBlock2D",
] as const
/** The same on the way up. */
export const upBlocks = [
  "UpBlock2D",
  "AttnUpBlock2D",
  "ResnetUpsampleBlock2D",
  "SkipUpBlock2D",
  "AttnSkipUpBlock2D",
] as const

/** A configuration of UNet2DModel with every key filled in; names and meanings are diffusers'. */
export interface UNet2DConfig {
  readonly sample_size: number | readonly number[] | null
  readonly in_channels: number
  readonly out_channels: number
  readonly center_input_sample: boolean
  readonly time_embedding_type: "positional" | "fourier" | "learned"
  readonly time_embedding_dim: number | null
  readonly freq_shift: number
  readonly flip_sin_to_cos: boolean
  readonly down_block_types: readonly (typeof downBlocks)[number][]
  readonly mid_block_type: "UNetMidBlock2D" | null
  readonly up_block_types: readonly (typeof upBlocks)[number][]
  readonly block_out_channels: readonly number[]
  readonly layers_per_block: number
  readonly mid_block_scale_factor: number
  readonly downsample_padding: number
  readonly downsample_type: "conv" | "resnet" | null
  readonly upsample_type: "conv" | "resnet" | null
  readonly dropout: number
  readonly act_fn: "silu" | "swish" | "mish" | "gelu" | "relu"
  readonly attention_head_dim: number | null
  readonly norm_num_groups: number | null
  readonly attn_norm_num_groups: number | null
  readonly norm_eps: number
  readonly resnet_time_scale_shift: "default" | "scale_shift"
  readonly add_attention: boolean
  readonly class_embed_type: "timestep" | "identity" | null
  readonly num_class_embeds: number | null
  readonly num_train_timesteps: number | null
}

/** Whole numbers from 1 to a bound that no network reaches, so that a damaged file asks for no memory. */
export const count = (most: number): z.ZodNumber => z.number().int().min(1).max(most)
/** Sizes of images: one number, or height and width. */
export const sizes: z.ZodType<number | number[]> = z.union([count(65_536), z.array(count(65_536)).length(2)])
/** Channels of the levels. */
export const widths: z.ZodType<number[]> = z.array(count(65_536)).min(1).max(16)
/** Names of activations, in any case of letters. */
export const activation: z.ZodType<UNet2DConfig["act_fn"], unknown> = z.preprocess(
  (word) => (typeof word === "string" ? word.toLowerCase() : word),
  z.enum(["silu", "swish", "mish", "gelu", "relu"]),
)

/** One of the names, which old files begin with `UNetRes`. */
const blocks = <const T extends readonly [string, ...string[]]>(names: T): z.ZodType<T[number][], unknown> =>
  z
    .array(z.preprocess((name) => (typeof name === "string" ? name.replace(/^UNetRes/, "") : name), z.enum(names)))
    .min(1)
    .max(16)

/** The schema of {@link UNet2DConfig}: an absent key has diffusers' default, which `null` does not mean. */
export const unetSchema: z.ZodType<UNet2DConfig, unknown> = z
  .object({
    sample_size: sizes.nullable().default(null),
    in_channels: count(65_536).default(3),
    out_channels: count(65_536).default(3),
    center_input_sample: z.boolean().default(false),
    time_embedding_type: z.enum(["positional", "fourier", "learned"]).default("positional"),
    time_embedding_dim: z.number().int().min(0).max(1_000_000).nullable().default(null),
    freq_shift: z.number().default(0),
    flip_sin_to_cos: z.boolean().default(true),
    down_block_types: blocks(downBlocks).default([
      "DownBlock2D",
      "AttnDownBlock2D",
      "AttnDownBlock2D",
      "AttnDownBlock2D",
    ]),
    mid_block_type: z.enum(["UNetMidBlock2D"]).nullable().default("UNetMidBlock2D"),
    up_block_types: blocks(upBlocks).default(["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"]),
    block_out_channels: widths.default([224, 448, 672, 896]),
    layers_per_block: count(64).default(2),
    mid_block_scale_factor: z
      .number()
      .refine((v) => v !== 0, "expected another number than 0")
      .default(1),
    downsample_padding: z.number().int().min(0).max(1).default(1),
    downsample_type: z.enum(["conv", "resnet"]).nullable().default("conv"),
    upsample_type: z.enum(["conv", "resnet"]).nullable().default("conv"),
    dropout: z.number().min(0).max(0.999999).default(0),
    act_fn: activation.default("silu"),
    attention_head_dim: count(65_536).nullable().default(8),
    norm_num_groups: count(65_536).nullable().default(32),
    attn_norm_num_groups: count(65_536).nullable().default(null),
    norm_eps: z.number().min(0).max(1).default(1e-5),
    resnet_time_scale_shift: z.enum(["default", "scale_shift"]).default("default"),
    add_attention: z.boolean().default(true),
    class_embed_type: z.enum(["timestep", "identity"]).nullable().default(null),
    num_class_embeds: count(10_000_000).nullable().default(null),
    num_train_timesteps: count(10_000_000).nullable().default(null),
  })
  .superRefine((c, context) => {
    const fault = (key: string, message: string): void => context.addIssue({ code: "custom", path: [key], message })
    const levels = c.block_out_channels.length
    for (const key of ["down_block_types", "up_block_types"] as const)
      if (c[key].length !== levels) fault(key, `expected ${levels} entries, as many as block_out_channels`)
    if (c.time_embedding_type === "learned" && c.num_train_timesteps === null)
      fault("num_train_timesteps", "expected a number, since time_embedding_type is learned")
    const half = Math.floor(c.block_out_channels[0] / 2)
    if (c.time_embedding_type === "positional" && (half === c.freq_shift || half === 0))
      fault("freq_shift", `expected another number than half of block_out_channels[0], ${half}, which divides by 0`)
    const skips = c.down_block_types.map((name) => name.includes("Skip"))
    const ups = c.up_block_types.map((name) => name.includes("Skip"))
    // Only blocks that change the size have layers for the colours beside them; the last of either way does not.
    if (skips.slice(0, -1).includes(true) && c.in_channels !== 3)
      fault("in_channels", "expected 3, as blocks named Skip take")
    if (ups.slice(0, -1).includes(true) && c.out_channels !== 3)
      fault("out_channels", "expected 3, as blocks named Skip give")
    if (c.norm_num_groups === null && (skips.includes(false) || ups.includes(false)))
      fault("norm_num_groups", "expected a number (only blocks named Skip choose their own)")
  })
