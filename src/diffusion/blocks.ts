/** Blocks of the U-Net, with the parameter names of diffusers. */
import { silu } from "../engine/fused/activation.ts"
import { attention } from "../engine/fused/attention.ts"
import { upsampleConv2d } from "../engine/fused/pool.ts"
import { UsageError } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import { mergeHeads, splitHeads } from "../nn/attention.ts"
import { Conv2d } from "../nn/conv.ts"
import { dropout } from "../nn/layers.ts"
import { Linear } from "../nn/linear.ts"
import { GroupNorm } from "../nn/norm.ts"

/** Options shared by the blocks. */
export interface BlockOptions {
  readonly groups: number
  readonly eps: number
  readonly dropout: number
}

/** The time embedding's two linear maps: `[batch, width] -> [batch, embedding]`. */
export class TimeEmbedding {
  readonly linear_1: Linear
  readonly linear_2: Linear

  constructor(width: number, embedding: number) {
    this.linear_1 = new Linear(width, embedding)
    this.linear_2 = new Linear(embedding, embedding)
  }

  forward(x: Tensor): Tensor {
    return this.linear_2.forward(silu(this.linear_1.forward(x)))
  }
}

/** Two normalised convolutions around the time embedding, beside a shortcut. */
export class ResnetBlock {
  readonly norm1: GroupNorm
  readonly conv1: Conv2d
  readonly timeEmbProj: Linear
  readonly norm2: GroupNorm
  readonly conv2: Conv2d
  readonly convShortcut: Conv2d | null
  readonly dropout: number

  constructor(inputs: number, outputs: number, embedding: number, { groups, eps, dropout }: BlockOptions) {
    this.norm1 = new GroupNorm(groups, inputs, { eps })
    this.conv1 = new Conv2d(inputs, outputs, 3, { padding: 1 })
    this.timeEmbProj = new Linear(embedding, outputs)
    this.norm2 = new GroupNorm(groups, outputs, { eps })
    this.conv2 = new Conv2d(outputs, outputs, 3, { padding: 1 })
    this.convShortcut = inputs === outputs ? null : new Conv2d(inputs, outputs, 1)
    this.dropout = dropout
  }

  /** `x [batch, in, h, w]` and the embedding after its SiLU `[batch, embedding]` give `[batch, out, h, w]`. */
  forward(x: Tensor, embedding: Tensor): Tensor {
    const shift = this.timeEmbProj.forward(embedding)
    const h = this.conv1.forward(silu(this.norm1.forward(x))).add(shift.reshape([...shift.shape, 1, 1]))
    const y = this.conv2.forward(dropout(silu(this.norm2.forward(h)), this.dropout))
    return (this.convShortcut?.forward(x) ?? x).add(y)
  }
}

/** Self-attention over the positions of a map, added to it. */
export class AttentionBlock {
  readonly groupNorm: GroupNorm
  readonly toQ: Linear
  readonly toK: Linear
  readonly toV: Linear
  readonly toOut: readonly [Linear]
  readonly heads: number

  constructor(channels: number, headSize: number, { groups, eps }: BlockOptions) {
    if (channels % headSize !== 0)
      throw new UsageError(`attention: ${channels} channels do not divide into heads of ${headSize}`)
    this.groupNorm = new GroupNorm(groups, channels, { eps })
    this.toQ = new Linear(channels, channels)
    this.toK = new Linear(channels, channels)
    this.toV = new Linear(channels, channels)
    this.toOut = [new Linear(channels, channels)]
    this.heads = channels / headSize
  }

  forward(x: Tensor): Tensor {
    const [batch, channels, height, width] = x.shape
    const tokens = this.groupNorm
      .forward(x)
      .reshape([batch, channels, height * width])
      .transpose([0, 2, 1])
    const [q, k, v] = [this.toQ, this.toK, this.toV].map((layer) => splitHeads(layer.forward(tokens), this.heads))
    const y = this.toOut[0].forward(mergeHeads(attention(q, k, v)))
    return y.transpose([0, 2, 1]).reshape(x.shape).add(x)
  }
}

/** A 3x3 convolution of stride 2: half the size. */
export class Downsampler {
  readonly conv: Conv2d

  constructor(channels: number) {
    this.conv = new Conv2d(channels, channels, 3, { stride: 2, padding: 1 })
  }

  forward(x: Tensor): Tensor {
    return this.conv.forward(x)
  }
}

/** Nearest upsampling and a 3x3 convolution: twice the size. */
export class Upsampler {
  readonly conv: Conv2d

  constructor(channels: number) {
    this.conv = new Conv2d(channels, channels, 3, { padding: 1 })
  }

  forward(x: Tensor): Tensor {
    return upsampleConv2d(x, this.conv.weight, this.conv.bias)
  }
}
