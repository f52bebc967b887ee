/** The U-Net that denoises images: structure and parameter names of diffusers' UNet2DModel. */
import { silu } from "../engine/fused/activation.ts"
import { concat } from "../engine/ops/movement.ts"
import { formatShape, UsageError } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import { Conv2d } from "../nn/conv.ts"
import { Embedding } from "../nn/linear.ts"
import { GroupNorm } from "../nn/norm.ts"
import { Downsampler, Upsampler } from "../nn/resample.ts"
import { ResnetBlock } from "../nn/resnet.ts"
import { AttentionBlock } from "../nn/self-attention.ts"
import { TimeEmbedding } from "../nn/time-embedding.ts"
import { timestepEmbedding } from "./embedding.ts"

/** Options of {@link UNet}. An empty object is a small network for 28x28 gray images. */
export interface UNetOptions {
  /** Channels of the images; default 1. */
  readonly channels?: number
  /** Side of square images, or height and width; default 28. */
  readonly size?: number | readonly [height: number, width: number]
  /**
   * Side of the blocks of pixels that are taken as channels before the first level and given back after the last:
   * 2 leaves out the costliest level and loses nothing of the image. 1, the default, is diffusers' network.
   * Source: Hoogeboom et al. 2023, "simple diffusion", section 3.2.
   */
  readonly patch?: number
  /** Channels of the first level; default 32. */
  readonly width?: number
  /** Channels of each level, as multiples of the width; every level but the last halves the size. Default 1, 2, 4. */
  readonly multipliers?: readonly number[]
  /** Residual blocks a level on the way down; one more on the way up. Default 1. */
  readonly layers?: number
  /** Levels with attention, from 0; the last by default. The middle always has it. */
  readonly attention?: readonly number[]
  /** Channels of an attention head, at most; a level with fewer has one head. Default 32. */
  readonly headSize?: number
  /** Groups of the normalisations, which must divide the channels of every level; default 8. */
  readonly groups?: number
  /** Share of numbers that residual blocks drop in training; default 0. */
  readonly dropout?: number
  /** Channels it gives for each channel of the image: 2 for a learned variance; default 1. */
  readonly outputs?: number
  /** Number of labels it can be told, one of them for none where it is guided, or `null` (default). */
  readonly classes?: number | null
}

interface Level {
  readonly resnets: readonly ResnetBlock[]
  readonly attentions: readonly AttentionBlock[]
}

/**
 * A U-Net, `[batch, channels, height, width], times [batch], labels [batch] -> [batch, outputs channels, height, width]`:
 * residual blocks told the time, attention, a halving after each level, and the way back with what the way down left.
 * Parameters have the names of diffusers' UNet2DModel. Source: Ronneberger et al. 2015; Ho et al. 2020, appendix B.
 *
 * @throws UsageError when the size is no multiple of patch 2^(levels - 1); and from `forward` for other images, or labels
 * where they are missing.
 */
export class UNet {
  readonly shape: readonly number[]
  readonly width: number
  readonly patch: number
  readonly convIn: Conv2d
  readonly timeEmbedding: TimeEmbedding
  readonly classEmbedding: Embedding | null
  readonly downBlocks: readonly (Level & { readonly downsamplers: readonly Downsampler[] })[]
  readonly midBlock: Level
  readonly upBlocks: readonly (Level & { readonly upsamplers: readonly Upsampler[] })[]
  readonly convNormOut: GroupNorm
  readonly convOut: Conv2d

  constructor({
    channels = 1,
    size = 28,
    patch = 1,
    width = 32,
    multipliers = [1, 2, 4],
    layers = 1,
    attention = [multipliers.length - 1],
    headSize = 32,
    groups = 8,
    dropout = 0,
    outputs = 1,
    classes = null,
  }: UNetOptions = {}) {
    const sizes = typeof size === "number" ? [size, size] : size
    const halvings = patch * 2 ** (multipliers.length - 1)
    for (const n of sizes) {
      if (!(Number.isInteger(n) && n > 0 && n % halvings === 0)) {
        throw new UsageError(
          `UNet: size ${n} cannot be halved ${multipliers.length - 1} times${patch > 1 ? ` after patches of ${patch}` : ""}; use a multiple of ${halvings} or fewer multipliers`,
        )
      }
    }
    const options = { groups, eps: 1e-5, dropout }
    const widths = multipliers.map((m) => width * m)
    const embedding = 4 * width
    const resnet = (from: number, to: number): ResnetBlock => new ResnetBlock(from, to, embedding, options)
    const attentionOf = (width: number): AttentionBlock => {
      const size = Math.min(headSize, width)
      if (width % size !== 0) throw new UsageError(`attention: ${width} channels do not divide into heads of ${size}`)
      return new AttentionBlock(width, size, options)
    }
    const attend = (level: number, count: number): AttentionBlock[] =>
      attention.includes(level) ? Array.from({ length: count }, () => attentionOf(widths[level])) : []

    this.shape = [channels, ...sizes]
    this.width = width
    this.patch = patch
    this.convIn = new Conv2d(channels * patch * patch, width, 3, { padding: 1 })
    this.timeEmbedding = new TimeEmbedding(width, embedding)
    this.classEmbedding = classes === null ? null : new Embedding(classes, embedding)
    const last = widths.length - 1
    this.downBlocks = widths.map((to, i) => ({
      resnets: Array.from({ length: layers }, (_, j) => resnet(j > 0 ? to : (widths[i - 1] ?? width), to)),
      attentions: attend(i, layers),
      downsamplers: i < last ? [new Downsampler(to)] : [],
    }))
    this.midBlock = {
      resnets: [resnet(widths[last], widths[last]), resnet(widths[last], widths[last])],
      attentions: [attentionOf(widths[last])],
    }
    this.upBlocks = [...widths].reverse().map((to, k) => {
      const i = last - k
      const before = widths[Math.min(i + 1, last)]
      const skip = widths[i - 1] ?? width
      return {
        resnets: Array.from({ length: layers + 1 }, (_, j) =>
          resnet((j === 0 ? before : to) + (j === layers ? skip : to), to),
        ),
        attentions: attend(i, layers + 1),
        upsamplers: i > 0 ? [new Upsampler(to)] : [],
      }
    })
    this.convNormOut = new GroupNorm(groups, width)
    this.convOut = new Conv2d(width, outputs * channels * patch * patch, 3, { padding: 1 })
  }

  /**
   * @param x noisy images `[batch, channels, height, width]`
   * @param t times `[batch]`, int32 from 0
   * @param labels classes `[batch]`, int32, for a network that was built with `classes`
   */
  forward(x: Tensor, t: Tensor, labels?: Tensor): Tensor {
    if (x.shape.slice(1).join() !== this.shape.join()) {
      throw new UsageError(`UNet: input is ${formatShape(x.shape)}, expected [batch, ${this.shape.join(", ")}]`)
    }
    let embedding = this.timeEmbedding.forward(timestepEmbedding(t, this.width))
    if (this.classEmbedding !== null) {
      if (labels === undefined) throw new UsageError("UNet: the network was built with classes and got no labels")
      embedding = embedding.add(this.classEmbedding.forward(labels))
    }
    // Every residual block applies SiLU to the same embedding: once is enough.
    const active = silu(embedding)

    let h = this.convIn.forward(toPatches(x, this.patch))
    const skips = [h]
    for (const { resnets, attentions, downsamplers } of this.downBlocks) {
      for (const [j, resnet] of resnets.entries()) {
        h = resnet.forward(h, active)
        h = attentions[j]?.forward(h) ?? h
        skips.push(h)
      }
      for (const down of downsamplers) {
        h = down.forward(h)
        skips.push(h)
      }
    }
    const [first, second] = this.midBlock.resnets
    h = second.forward(this.midBlock.attentions[0].forward(first.forward(h, active)), active)
    for (const { resnets, attentions, upsamplers } of this.upBlocks) {
      for (const [j, resnet] of resnets.entries()) {
        h = resnet.forward(concat([h, skips.pop()!], 1), active)
        h = attentions[j]?.forward(h) ?? h
      }
      for (const up of upsamplers) h = up.forward(h)
    }
    return fromPatches(this.convOut.forward(silu(this.convNormOut.forward(h))), this.patch)
  }
}

/** Blocks of `side` x `side` pixels as channels: `[batch, c, h, w] -> [batch, c side^2, h / side, w / side]`. */
function toPatches(x: Tensor, side: number): Tensor {
  if (side === 1) return x
  const [batch, channels, height, width] = x.shape
  const blocks = x.reshape([batch, channels, height / side, side, width / side, side]).transpose([0, 1, 3, 5, 2, 4])
  return blocks.reshape([batch, channels * side * side, height / side, width / side])
}

/** The inverse of {@link toPatches}. */
function fromPatches(x: Tensor, side: number): Tensor {
  if (side === 1) return x
  const [batch, channels, height, width] = x.shape
  const blocks = x.reshape([batch, channels / side ** 2, side, side, height, width]).transpose([0, 1, 4, 2, 5, 3])
  return blocks.reshape([batch, channels / side ** 2, height * side, width * side])
}
