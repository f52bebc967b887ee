/** The residual block of convolutional networks, with the parameter names of diffusers' ResnetBlock2D. */
import { silu } from "../engine/fused/activation.ts"
import type { Tensor } from "../engine/tensor.ts"
import { Conv2d } from "./conv.ts"
import { dropout } from "./layers.ts"
import { Linear } from "./linear.ts"
import { GroupNorm } from "./norm.ts"

/** Options of {@link ResnetBlock}. */
export interface ResnetOptions {
  /** Groups of the first normalisation, and of the second unless `groupsOut` says otherwise. */
  readonly groups: number
  readonly groupsOut?: number
  readonly eps: number
  readonly dropout?: number
  readonly activation?: (x: Tensor) => Tensor
  /** Whether the embedding shifts the map before the second normalisation, or scales and shifts it after. */
  readonly scaleShift?: boolean
  /** Divisor of the output. */
  readonly divisor?: number
  /** Halves or doubles the size, of the block's input as of its inside. */
  readonly resample?: ((x: Tensor) => Tensor) | null
  /** Whether the input goes through a 1x1 convolution; by default where the channels change. */
  readonly shortcut?: boolean
}

/** Two normalised convolutions beside a shortcut, told an embedding (of the time) unless that is `null`. */
export class ResnetBlock {
  readonly norm1: GroupNorm
  readonly conv1: Conv2d
  readonly timeEmbProj: Linear | null
  readonly norm2: GroupNorm
  readonly conv2: Conv2d
  readonly convShortcut: Conv2d | null
  readonly dropout: number
  readonly activation: (x: Tensor) => Tensor
  readonly scaleShift: boolean
  readonly divisor: number
  readonly resample: ((x: Tensor) => Tensor) | null

  constructor(
    inputs: number,
    outputs: number,
    embedding: number | null,
    {
      groups,
      groupsOut = groups,
      eps,
      dropout = 0,
      activation = silu,
      scaleShift = false,
      divisor = 1,
      resample = null,
      shortcut = inputs !== outputs,
    }: ResnetOptions,
  ) {
    this.norm1 = new GroupNorm(groups, inputs, { eps })
    this.conv1 = new Conv2d(inputs, outputs, 3, { padding: 1 })
    this.timeEmbProj = embedding === null ? null : new Linear(embedding, scaleShift ? 2 * outputs : outputs)
    this.norm2 = new GroupNorm(groupsOut, outputs, { eps })
    this.conv2 = new Conv2d(outputs, outputs, 3, { padding: 1 })
    this.convShortcut = shortcut ? new Conv2d(inputs, outputs, 1) : null
    this.dropout = dropout
    this.activation = activation
    this.scaleShift = scaleShift
    this.divisor = divisor
    this.resample = resample
  }

  /** `x [batch, in, h, w]` and the embedding after its activation `[batch, embedding]` give `[batch, out, h, w]`. */
  forward(x: Tensor, embedding?: Tensor): Tensor {
    const resample = this.resample ?? ((y: Tensor) => y)
    const told = embedding === undefined ? undefined : this.timeEmbProj?.forward(embedding)
    const perChannel = told?.reshape([...told.shape, 1, 1])
    const first = this.conv1.forward(resample(this.activation(this.norm1.forward(x))))
    let h: Tensor
    if (perChannel === undefined) h = this.norm2.forward(first)
    else if (this.scaleShift) {
      const [scale, shift] = perChannel.split(2, 1)
      h = this.norm2.forward(first).mul(scale.add(1)).add(shift)
    } else h = this.norm2.forward(first.add(perChannel))
    const y = this.conv2.forward(dropout(this.activation(h), this.dropout))
    const base = resample(x)
    const sum = (this.convShortcut?.forward(base) ?? base).add(y)
    return this.divisor === 1 ? sum : sum.div(this.divisor)
  }
}
