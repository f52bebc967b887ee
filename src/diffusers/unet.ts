/** Diffusers' UNet2DModel for any configuration: the same blocks, parameter names and numbers. */

import { timestepEmbedding } from "../diffusion/embedding.ts"
import { gelu, mish, silu } from "../engine/fused/activation.ts"
import { avgPool2d } from "../engine/fused/pool.ts"
import { cos, relu, sin } from "../engine/ops/elementwise.ts"
import { gather } from "../engine/ops/gather.ts"
import { concat } from "../engine/ops/movement.ts"
import { upsample } from "../engine/ops/resize.ts"
import { formatShape, UsageError } from "../engine/shape.ts"
import { type Tensor, Variable } from "../engine/tensor.ts"
import { Conv2d } from "../nn/conv.ts"
import { normal } from "../nn/init.ts"
import { Embedding } from "../nn/linear.ts"
import { GroupNorm } from "../nn/norm.ts"
import { Downsampler, firDown, firUp, Upsampler } from "../nn/resample.ts"
import { ResnetBlock, type ResnetOptions } from "../nn/resnet.ts"
import { AttentionBlock } from "../nn/self-attention.ts"
import { TimeEmbedding } from "../nn/time-embedding.ts"
import { fitted, type Json } from "./json.ts"
import { type UNet2DConfig, unetSchema } from "./unet-config.ts"

const activations = { silu, swish: silu, mish, gelu: (x: Tensor): Tensor => gelu(x), relu } as const

/** Anything that changes a map's size. */
interface Resampler {
  forward(x: Tensor, embedding: Tensor): Tensor
}

interface Level {
  readonly resnets: readonly ResnetBlock[]
  /** One a residual block; of skip blocks on the way up, one after them all. */
  readonly attentions: readonly AttentionBlock[]
}

interface Down extends Level {
  readonly downsamplers: readonly Resampler[]
  /** Skip blocks: the residual block that halves, and what adds the smaller image to it. */
  readonly resnetDown: ResnetBlock | null
  readonly skipConv: Conv2d | null
}

interface Up extends Level {
  readonly upsamplers: readonly Resampler[]
  readonly isSkip: boolean
  readonly resnetUp: ResnetBlock | null
  readonly skipNorm: GroupNorm | null
  readonly skipConv: Conv2d | null
}

/** The divisor of blocks named Skip. */
const root2 = Math.SQRT2

/** Groups that diffusers chooses where a configuration names none. */
function groupsOf(channels: number): number {
  return Math.max(1, Math.min(Math.floor(channels / 4), 32))
}

/** What the levels of one network share. */
interface Plan {
  readonly config: UNet2DConfig
  readonly embedding: number
  readonly base: ResnetOptions
}

function downOf({ config, embedding, base }: Plan, level: number): Down {
  const { block_out_channels: all, down_block_types: types, layers_per_block: layers } = config
  const [from, to, type] = [all[Math.max(0, level - 1)], all[level], types[level]]
  const [isSkip, hasAttention, halves] = [type.includes("Skip"), type.startsWith("Attn"), level < all.length - 1]
  const own = (inputs: number): ResnetOptions =>
    isSkip ? { ...base, groups: groupsOf(inputs), groupsOut: groupsOf(to), divisor: root2 } : base
  const inputs = Array.from({ length: layers }, (_, j) => (j === 0 ? from : to))
  const resnets = inputs.map((n) => new ResnetBlock(n, to, embedding, own(n)))
  const attentions = hasAttention ? inputs.map(() => attentionOf(config, to, isSkip)) : []
  const byResnet = type === "ResnetDownsampleBlock2D" || (hasAttention && config.downsample_type === "resnet")
  const half = (): Resampler =>
    byResnet
      ? new ResnetBlock(to, to, embedding, { ...base, resample: (x) => avgPool2d(x, 2) })
      : new Downsampler(to, { padding: config.downsample_padding })
  return {
    resnets,
    attentions,
    downsamplers: halves && !isSkip ? [half()] : [],
    resnetDown:
      halves && isSkip ? new ResnetBlock(to, to, embedding, { ...own(to), resample: firDown, shortcut: true }) : null,
    skipConv: halves && isSkip ? new Conv2d(3, to, 1) : null,
  }
}

function upOf({ config, embedding, base }: Plan, position: number): Up {
  const all = config.block_out_channels
  const last = all.length - 1
  const level = last - position
  const type = config.up_block_types[position]
  const [before, to, beside] = [all[Math.min(level + 1, last)], all[level], all[Math.max(0, level - 1)]]
  const [isSkip, hasAttention, doubles] = [type.includes("Skip"), type.startsWith("Attn"), level > 0]
  const count = config.layers_per_block + 1
  const resnets = Array.from({ length: count }, (_, j) => {
    const [main, skip] = [j === 0 ? before : to, j === count - 1 ? beside : to]
    // The block with attention divides only the skipped channels by 4: a slip of diffusers that files depend on.
    const groups = hasAttention ? Math.min(main + Math.floor(skip / 4), 32) : groupsOf(main + skip)
    const own = isSkip ? { ...base, groups, groupsOut: groupsOf(to), divisor: root2 } : base
    return new ResnetBlock(main + skip, to, embedding, own)
  })
  const attentions = hasAttention
    ? Array.from({ length: isSkip ? 1 : count }, () => attentionOf(config, to, isSkip))
    : []
  const byResnet = type === "ResnetUpsampleBlock2D" || (hasAttention && config.upsample_type === "resnet")
  const double = (): Resampler =>
    byResnet ? new ResnetBlock(to, to, embedding, { ...base, resample: (x) => upsample(x, 2) }) : new Upsampler(to)
  const skips = doubles && isSkip
  return {
    isSkip,
    resnets,
    attentions,
    upsamplers: doubles && !isSkip ? [double()] : [],
    resnetUp: skips
      ? new ResnetBlock(to, to, embedding, {
          ...base,
          groups: groupsOf(to),
          divisor: root2,
          resample: firUp,
          shortcut: true,
        })
      : null,
    skipConv: skips ? new Conv2d(to, 3, 3, { padding: 1 }) : null,
    skipNorm: skips ? new GroupNorm(groupsOf(to), to, { eps: config.norm_eps }) : null,
  }
}

function attentionOf(config: UNet2DConfig, channels: number, isSkip: boolean): AttentionBlock {
  const { norm_num_groups, norm_eps: eps } = config
  const shared = isSkip ? { groups: 32, divisor: root2 } : { groups: norm_num_groups }
  return new AttentionBlock(channels, config.attention_head_dim ?? channels, { ...shared, eps })
}

function middleOf({ config, embedding, base }: Plan): Level | null {
  if (config.mid_block_type === null) return null
  const width = config.block_out_channels.at(-1)!
  const groups = config.norm_num_groups ?? groupsOf(width)
  const divisor = config.mid_block_scale_factor
  const own: ResnetOptions = { ...base, groups, divisor }
  const attentionGroups = config.attn_norm_num_groups ?? (base.scaleShift ? null : groups)
  const first = new ResnetBlock(width, width, embedding, own)
  const attentions = config.add_attention
    ? [
        new AttentionBlock(width, config.attention_head_dim ?? width, {
          groups: attentionGroups,
          eps: config.norm_eps,
          divisor,
        }),
      ]
    : []
  return { resnets: [first, new ResnetBlock(width, width, embedding, own)], attentions }
}

/** The embedding of times whose weights are part of the network: none where it is a formula. */
class TimeProjection {
  readonly weight: Variable

  constructor(config: UNet2DConfig) {
    const width = config.block_out_channels[0]
    const isLearned = config.time_embedding_type === "learned"
    this.weight = isLearned
      ? new Variable(normal([config.num_train_timesteps!, width], 1))
      : new Variable(normal([width], 16), { role: "buffer" })
  }

  forward(t: Tensor): Tensor {
    if (this.weight.rank === 2) return gather(this.weight, t.cast("int32"), 0)
    const angles = t.cast("float32").log().reshape([t.shape[0], 1]).mul(this.weight).mul(2).mul(Math.PI)
    return concat([sin(angles), cos(angles)], 1)
  }
}

/** A network `[batch, in_channels, height, width], times [batch] -> [batch, out_channels, height, width]`. */
export class UNet2D {
  /** The configuration with diffusers' defaults filled in. */
  readonly config: UNet2DConfig
  readonly convIn: Conv2d
  readonly timeProj: TimeProjection | null
  readonly timeEmbedding: TimeEmbedding
  readonly classEmbedding: Embedding | TimeEmbedding | null
  readonly downBlocks: readonly Down[]
  readonly midBlock: Level | null
  readonly upBlocks: readonly Up[]
  readonly convNormOut: GroupNorm
  readonly convOut: Conv2d

  /**
   * @param config diffusers' keys; absent ones have diffusers' defaults, unknown ones mean nothing
   * @throws RangeError `UNet2D: key: got ..., expected ...`
   */
  constructor(config: Partial<UNet2DConfig> = {}) {
    const c = fitted(config as Json, unetSchema, "UNet2D")
    const all = c.block_out_channels
    const width = all[0]
    const embedding = c.time_embedding_dim || 4 * width
    const base: ResnetOptions = {
      groups: c.norm_num_groups ?? 1,
      eps: c.norm_eps,
      dropout: c.dropout,
      activation: activations[c.act_fn],
      scaleShift: c.resnet_time_scale_shift === "scale_shift",
    }
    const plan: Plan = { config: c, embedding, base }
    const told = c.time_embedding_type === "fourier" ? 2 * width : width

    this.config = c
    this.convIn = new Conv2d(c.in_channels, width, 3, { padding: 1 })
    this.timeProj = c.time_embedding_type === "positional" ? null : new TimeProjection(c)
    this.timeEmbedding = new TimeEmbedding(told, embedding)
    this.classEmbedding =
      c.class_embed_type === "timestep"
        ? new TimeEmbedding(told, embedding)
        : c.class_embed_type === null && c.num_class_embeds !== null
          ? new Embedding(c.num_class_embeds, embedding)
          : null
    this.downBlocks = all.map((_, level) => downOf(plan, level))
    this.midBlock = middleOf(plan)
    this.upBlocks = all.map((_, position) => upOf(plan, position))
    this.convNormOut = new GroupNorm(c.norm_num_groups ?? groupsOf(width), width, { eps: c.norm_eps })
    this.convOut = new Conv2d(width, c.out_channels, 3, { padding: 1 })
  }

  /**
   * Shape of one sample, `[in_channels, height, width]`.
   *
   * @throws RangeError when the configuration's `sample_size` is null.
   */
  get shape(): readonly number[] {
    const { sample_size: size, in_channels: channels } = this.config
    if (size === null)
      throw new RangeError("UNet2D: sample_size is null, so the network does not say how large its images are")
    return [channels, ...(typeof size === "number" ? [size, size] : size)]
  }

  /**
   * @param x noisy images `[batch, in_channels, height, width]`
   * @param t times `[batch]`, from 0, or noise levels above 0 for `time_embedding_type` fourier
   * @param labels classes `[batch]`, int32; times for `class_embed_type` timestep, embeddings `[batch, size]` for identity
   */
  forward(x: Tensor, t: Tensor, labels?: Tensor): Tensor {
    const { in_channels: channels, center_input_sample, time_embedding_type } = this.config
    const halvings = 2 ** (this.downBlocks.length - 1)
    if (x.rank !== 4 || x.shape[1] !== channels || x.shape.slice(2).some((n) => n % halvings !== 0))
      throw new UsageError(
        `UNet2D: input is ${formatShape(x.shape)}, expected [batch, ${channels}, height, width] with sides in multiples of ${halvings}`,
      )
    const sample = center_input_sample ? x.mul(2).sub(1) : x
    const embedding = this.told(t, labels)
    let h = this.convIn.forward(sample)
    const skips = [h]
    let small = sample
    for (const { resnets, attentions, downsamplers, resnetDown, skipConv } of this.downBlocks) {
      for (const [j, resnet] of resnets.entries()) {
        h = resnet.forward(h, embedding)
        h = attentions[j]?.forward(h) ?? h
        skips.push(h)
      }
      for (const down of downsamplers) {
        h = down.forward(h, embedding)
        skips.push(h)
      }
      if (resnetDown !== null) {
        small = firDown(small)
        h = skipConv!.forward(small).add(resnetDown.forward(h, embedding))
        skips.push(h)
      }
    }
    if (this.midBlock !== null) {
      const { resnets, attentions } = this.midBlock
      h = resnets[0].forward(h, embedding)
      h = resnets[1].forward(attentions[0]?.forward(h) ?? h, embedding)
    }
    let image: Tensor | null = null
    for (const { resnets, attentions, upsamplers, isSkip, resnetUp, skipNorm, skipConv } of this.upBlocks) {
      for (const [j, resnet] of resnets.entries()) {
        h = resnet.forward(concat([h, skips.pop()!], 1), embedding)
        if (!isSkip) h = attentions[j]?.forward(h) ?? h
      }
      if (isSkip) {
        h = attentions[0]?.forward(h) ?? h
        image = image === null ? null : firUp(image)
      }
      if (resnetUp !== null) {
        const seen = skipConv!.forward(silu(skipNorm!.forward(h)))
        image = image === null ? seen : image.add(seen)
        h = resnetUp.forward(h, embedding)
      }
      for (const up of upsamplers) h = up.forward(h, embedding)
    }
    let y = this.convOut.forward(silu(this.convNormOut.forward(h)))
    if (image !== null) y = y.add(image)
    if (time_embedding_type === "fourier") y = y.div(t.cast("float32").reshape([t.shape[0], 1, 1, 1]))
    return y
  }

  /** What the residual blocks are told of times and classes, after their activation: `[batch, embedding]`. */
  private told(t: Tensor, labels: Tensor | undefined): Tensor {
    const { act_fn, class_embed_type } = this.config
    let embedding = this.timeEmbedding.forward(this.projected(t))
    const takesLabels = this.classEmbedding !== null || class_embed_type === "identity"
    if (takesLabels !== (labels !== undefined))
      throw new UsageError(
        takesLabels
          ? "UNet2D: the network is told classes and got no labels"
          : "UNet2D: the network is told no classes and got labels",
      )
    if (labels !== undefined) {
      if (this.classEmbedding === null) embedding = embedding.add(labels)
      else {
        const given = this.classEmbedding instanceof TimeEmbedding ? this.projected(labels) : labels
        embedding = embedding.add(this.classEmbedding.forward(given))
      }
    }
    // Every residual block applies its activation to the same embedding: once is enough.
    return activations[act_fn](embedding)
  }

  private projected(t: Tensor): Tensor {
    if (this.timeProj !== null) return this.timeProj.forward(t)
    const { block_out_channels, flip_sin_to_cos: flip, freq_shift: shift } = this.config
    return timestepEmbedding(t, block_out_channels[0], { flip, shift })
  }
}
