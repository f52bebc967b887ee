/** Normalisation layers. */
import { full, zeros } from "../engine/array.ts"
import { batchNorm, groupNorm, layerNorm } from "../engine/fused/normalize.ts"
import { formatShape, UsageError } from "../engine/shape.ts"
import { constant, isTraining, pending, type Tensor, Variable } from "../engine/tensor.ts"

/**
 * {@link groupNorm} as a layer, for `[batch, channels, ...]`; `eps` is 1e-5 unless given. Parameters `weight` (ones) and
 * `bias` (zeros), `[channels]` each, as PyTorch's.
 *
 * @throws UsageError when the channels do not divide into the groups.
 */
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

/**
 * {@link layerNorm} as a layer, over the last axes, whose sizes are given: `[..., ...sizes]`; `eps` is 1e-5 unless given.
 * Parameters `weight` (ones) and `bias` (zeros) of these sizes, as PyTorch's.
 */
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

/** A layer used twice in a program moves its statistics twice, the second time from where the first left them. */
function move(running: Variable, batch: Tensor, share: number): void {
  running.assign(
    pending(running)
      .mul(1 - share)
      .add(batch.mul(share)),
  )
}

/**
 * Batch normalisation of `[batch, channels, height, width]`: (x - mean) / sqrt(variance + eps) weight + bias, with `eps` 1e-5
 * and `momentum` 0.1 unless given. In training it uses the batch's statistics and moves the running ones by `momentum`
 * toward them (the running variance is the unbiased one); otherwise it uses the running ones. Parameters and statistics are
 * `[channels]`; `num_batches_tracked` counts the batches, as in PyTorch's files.
 *
 * @throws UsageError for another number of axes or channels, and in training for one value a channel.
 */
export class BatchNorm2d {
  readonly eps: number
  readonly momentum: number
  readonly weight: Variable
  readonly bias: Variable
  readonly runningMean: Variable
  readonly runningVar: Variable
  readonly numBatchesTracked: Variable

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
    this.numBatchesTracked = new Variable(zeros([], "int64"), { role: "buffer" })
  }

  forward(x: Tensor): Tensor {
    const channels = this.weight.shape[0]
    if (x.rank !== 4 || x.shape[1] !== channels)
      throw new UsageError(
        `BatchNorm2d: input is ${formatShape(x.shape)}, expected [batch, ${channels}, height, width]`,
      )
    if (!isTraining()) {
      const perChannel = (v: Tensor): Tensor => v.reshape([1, v.shape[0], ...x.shape.slice(2).map(() => 1)])
      const scale = this.weight.div(this.runningVar.add(this.eps).sqrt())
      return x.mul(perChannel(scale)).add(perChannel(this.bias.sub(this.runningMean.mul(scale))))
    }
    const count = x.shape[0] * x.shape[2] * x.shape[3]
    if (count === 1)
      throw new UsageError(
        `BatchNorm2d: input ${formatShape(x.shape)} has one value a channel, training needs several (a larger batch)`,
      )
    const { y, mean, variance } = batchNorm(x, this, this.eps)
    move(this.runningMean, mean, this.momentum)
    move(this.runningVar, variance.mul(count / (count - 1)), this.momentum)
    this.numBatchesTracked.assign(pending(this.numBatchesTracked).add(constant(1, "int64")))
    return y
  }
}
