/** Self-attention over the positions of a map, with the parameter names of diffusers' Attention. */
import { attention } from "../engine/fused/attention.ts"
import { UsageError } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import { mergeHeads, splitHeads } from "./attention.ts"
import { Linear } from "./linear.ts"
import { GroupNorm } from "./norm.ts"

/** Options of {@link AttentionBlock}. */
export interface AttentionBlockOptions {
  /** Groups of the normalisation before it; `null` for none. */
  readonly groups: number | null
  readonly eps: number
  /** Divisor of the output. */
  readonly divisor?: number
}

/** Self-attention over the positions of a map, added to it: as many heads of `headSize` as the channels hold. */
export class AttentionBlock {
  readonly groupNorm: GroupNorm | null
  readonly toQ: Linear
  readonly toK: Linear
  readonly toV: Linear
  readonly toOut: readonly [Linear]
  readonly heads: number
  readonly divisor: number

  constructor(channels: number, headSize: number, { groups, eps, divisor = 1 }: AttentionBlockOptions) {
    this.heads = Math.floor(channels / headSize)
    if (!(this.heads >= 1))
      throw new UsageError(`attention: ${channels} channels do not hold a head of ${headSize} (a smaller head size)`)
    const inner = this.heads * headSize
    this.groupNorm = groups === null ? null : new GroupNorm(groups, channels, { eps })
    this.toQ = new Linear(channels, inner)
    this.toK = new Linear(channels, inner)
    this.toV = new Linear(channels, inner)
    this.toOut = [new Linear(inner, channels)]
    this.divisor = divisor
  }

  forward(x: Tensor): Tensor {
    const [batch, channels, height, width] = x.shape
    const tokens = (this.groupNorm?.forward(x) ?? x).reshape([batch, channels, height * width]).transpose([0, 2, 1])
    const [q, k, v] = [this.toQ, this.toK, this.toV].map((layer) => splitHeads(layer.forward(tokens), this.heads))
    const y = this.toOut[0].forward(mergeHeads(attention(q, k, v)))
    const sum = y.transpose([0, 2, 1]).reshape(x.shape).add(x)
    return this.divisor === 1 ? sum : sum.div(this.divisor)
  }
}
