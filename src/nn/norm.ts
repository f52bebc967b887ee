/** Normalisation layers. */
import { full, zeros } from "../engine/array.ts"
import { batchNorm, groupNorm, layerNorm } from "../engine/fused/normalize.ts"
import { UsageError } from "../engine/shape.ts"
import { isTraining, type Tensor, Variable } from "../engine/tensor.ts"

/** Normalisation over groups of channels of `[batch, channels, ...]`, scaled and shifted a channel. */
export class GroupNorm {
  readonly groups: number
  readonly eps: number
  readonly weight: Variable
  readonly bias: Variable

  constructor(groups: number, channels: number, { eps = 1e-5 }: { readonly eps?: number } = {}) {
    if (channels % groups !== 0)
      throw new UsageError(`GroupNorm: ${channels} channels do not divide into ${groups} groups`)
    this.groups = groups
    this.eps = eps
    this.weight = new Variable(full([channels], 1))
    this.bias = new Variable(zeros([channels]))
  }

  forward(x: Tensor): Tensor {
    return groupNorm(x, this.groups, this, this.eps)
  }
}

/** Normalisation over the last axes, whose sizes are given: `[..., size]`. */
export class LayerNorm {
  readonly eps: number
  readonly weight: Variable
  readonly bias: Variable

  constructor(sizes: number | readonly number[], { eps = 1e-5 }: { readonly eps?: number } = {}) {
    const shape = typeof sizes === "number" ? [sizes] : sizes
    this.eps = eps
    this.weight = new Variable(full(shape, 1))
    this.bias = new Variable(zeros(shape))
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight.rank, this, this.eps)
  }
}

/**
 * Batch normalisation of `[batch, channels, height, width]`. In training it uses the batch's statistics and moves the
 * running ones by `momentum` toward them (the running variance is the unbiased one); otherwise it uses the running ones.
 */
export class BatchNorm2d {
  readonly eps: number
  readonly momentum: number
  readonly weight: Variable
  readonly bias: Variable
  readonly runningMean: Variable
  readonly runningVar: Variable

  constructor(
    channels: number,
    { eps = 1e-5, momentum = 0.1 }: { readonly eps?: number; readonly momentum?: number } = {},
  ) {
    this.eps = eps
    this.momentum = momentum
    this.weight = new Variable(full([channels], 1))
    this.bias = new Variable(zeros([channels]))
    this.runningMean = new Variable(zeros([channels]), { role: "buffer" })
    this.runningVar = new Variable(full([channels], 1), { role: "buffer" })
  }

  forward(x: Tensor): Tensor {
    if (!isTraining()) {
      const perChannel = (v: Tensor): Tensor => v.reshape([1, v.shape[0], ...x.shape.slice(2).map(() => 1)])
      const scale = this.weight.div(this.runningVar.add(this.eps).sqrt())
      return x.mul(perChannel(scale)).add(perChannel(this.bias.sub(this.runningMean.mul(scale))))
    }
    const { y, mean, variance } = batchNorm(x, this, this.eps)
    const count = x.shape.reduce((n, d) => n * d, 1) / x.shape[1]
    const unbiased = count > 1 ? variance.mul(count / (count - 1)) : variance
    this.runningMean.assign(this.runningMean.mul(1 - this.momentum).add(mean.mul(this.momentum)))
    this.runningVar.assign(this.runningVar.mul(1 - this.momentum).add(unbiased.mul(this.momentum)))
    return y
  }
}
