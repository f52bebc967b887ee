/** Encoder and decoder of the convolutional autoencoder: structure and parameter names of diffusers' AutoencoderKL. */
import { silu } from "../engine/fused/activation.ts"
import type { Tensor } from "../engine/tensor.ts"
import { Conv2d } from "../nn/conv.ts"
import { GroupNorm } from "../nn/norm.ts"
import { Downsampler, Upsampler } from "../nn/resample.ts"
import { ResnetBlock } from "../nn/resnet.ts"
import { AttentionBlock } from "../nn/self-attention.ts"

/** What encoder and decoder are made of. */
export interface CoderOptions {
  /** Channels of each level, the finest first; every level but the last halves the size. */
  readonly widths: readonly number[]
  /** Residual blocks a level of the encoder; one more in the decoder. */
  readonly layers: number
  readonly groups: number
  readonly activation: (x: Tensor) => Tensor
  /** Levels with attention, from the finest. */
  readonly attention: readonly number[]
  /** Whether there is attention in the middle. */
  readonly midAttention: boolean
}

interface Level {
  readonly resnets: readonly ResnetBlock[]
  readonly attentions: readonly AttentionBlock[]
}

const eps = 1e-6

function resnet(from: number, to: number, { groups, activation }: CoderOptions): ResnetBlock {
  return new ResnetBlock(from, to, null, { groups, activation, eps })
}

function middle(width: number, options: CoderOptions): Level {
  const first = resnet(width, width, options)
  const attentions = options.midAttention ? [new AttentionBlock(width, width, { groups: options.groups, eps })] : []
  return { resnets: [first, resnet(width, width, options)], attentions }
}

function levelOf(level: number, from: number, to: number, count: number, options: CoderOptions): Level {
  return {
    resnets: Array.from({ length: count }, (_, j) => resnet(j === 0 ? from : to, to, options)),
    attentions: options.attention.includes(level)
      ? Array.from({ length: count }, () => new AttentionBlock(to, to, { groups: options.groups, eps }))
      : [],
  }
}

function through({ resnets, attentions }: Level, x: Tensor): Tensor {
  return resnets.reduce((h, block, j) => {
    const y = block.forward(h)
    return attentions[j]?.forward(y) ?? y
  }, x)
}

/** Images `[batch, inputs, height, width]` to maps `[batch, outputs, height / 2^(levels - 1), ...]`. */
export class Encoder {
  readonly convIn: Conv2d
  readonly downBlocks: readonly (Level & { readonly downsamplers: readonly Downsampler[] })[]
  readonly midBlock: Level
  readonly convNormOut: GroupNorm
  readonly convOut: Conv2d

  constructor(inputs: number, outputs: number, options: CoderOptions) {
    const { widths, layers, groups } = options
    const last = widths.length - 1
    this.convIn = new Conv2d(inputs, widths[0], 3, { padding: 1 })
    this.downBlocks = widths.map((to, i) => ({
      ...levelOf(i, widths[Math.max(0, i - 1)], to, layers, options),
      downsamplers: i < last ? [new Downsampler(to, { padding: 0 })] : [],
    }))
    this.midBlock = middle(widths[last], options)
    this.convNormOut = new GroupNorm(groups, widths[last], { eps })
    this.convOut = new Conv2d(widths[last], outputs, 3, { padding: 1 })
  }

  forward(x: Tensor): Tensor {
    let h = this.convIn.forward(x)
    for (const block of this.downBlocks) {
      h = through(block, h)
      for (const down of block.downsamplers) h = down.forward(h)
    }
    h = throughMiddle(this.midBlock, h)
    return this.convOut.forward(silu(this.convNormOut.forward(h)))
  }
}

function throughMiddle({ resnets: [first, second], attentions }: Level, x: Tensor): Tensor {
  const h = first.forward(x)
  return second.forward(attentions[0]?.forward(h) ?? h)
}

/** Maps `[batch, inputs, height, width]` to images `[batch, outputs, height 2^(levels - 1), ...]`. */
export class Decoder {
  readonly convIn: Conv2d
  readonly upBlocks: readonly (Level & { readonly upsamplers: readonly Upsampler[] })[]
  readonly midBlock: Level
  readonly convNormOut: GroupNorm
  readonly convOut: Conv2d

  constructor(inputs: number, outputs: number, options: CoderOptions) {
    const { widths, layers, groups } = options
    const last = widths.length - 1
    this.convIn = new Conv2d(inputs, widths[last], 3, { padding: 1 })
    this.midBlock = middle(widths[last], options)
    this.upBlocks = widths.toReversed().map((to, k) => {
      const i = last - k
      return {
        ...levelOf(i, widths[Math.min(i + 1, last)], to, layers + 1, options),
        upsamplers: i > 0 ? [new Upsampler(to)] : [],
      }
    })
    this.convNormOut = new GroupNorm(groups, widths[0], { eps })
    this.convOut = new Conv2d(widths[0], outputs, 3, { padding: 1 })
  }

  forward(x: Tensor): Tensor {
    let h = throughMiddle(this.midBlock, this.convIn.forward(x))
    for (const block of this.upBlocks) {
      h = through(block, h)
      for (const up of block.upsamplers) h = up.forward(h)
    }
    return this.convOut.forward(silu(this.convNormOut.forward(h)))
  }
}
