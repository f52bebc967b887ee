/** Classifiers of noisy samples, for guidance: networks for points and images, and what they are trained on. */
import { randomNormal } from "../engine/create.ts"
import { silu } from "../engine/fused/activation.ts"
import { argMax } from "../engine/ops/along.ts"
import { equal } from "../engine/ops/compare.ts"
import { UsageError } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import { crossEntropyLoss } from "../losses/classification.ts"
import { Conv2d } from "../nn/conv.ts"
import { Linear } from "../nn/linear.ts"
import { type Module, variables } from "../nn/module.ts"
import { GroupNorm } from "../nn/norm.ts"
import { Downsampler } from "../nn/resample.ts"
import { ResnetBlock, type ResnetOptions } from "../nn/resnet.ts"
import { TimeEmbedding } from "../nn/time-embedding.ts"
import type { Objective } from "../train/objective.ts"
import { timestepEmbedding } from "./embedding.ts"
import type { NoisyClassifier } from "./guidance.ts"
import { type Times, timeDraw } from "./objective-times.ts"
import type { Process } from "./process.ts"

/** Options of {@link PointClassifier}. */
export interface PointClassifierOptions {
  /** Coordinates of a point; default 2. */
  readonly dims?: number
  /** Default 2. */
  readonly classes?: number
  /** Numbers a hidden layer has; default 64. */
  readonly width?: number
  /** Number of hidden residual layers; default 2. */
  readonly layers?: number
}

/** A classifier of noisy points, `[batch, dims], times [batch] -> logits [batch, classes]`; built as `PointNet` is. */
export class PointClassifier implements NoisyClassifier {
  readonly width: number
  readonly input: Linear
  readonly time: Linear
  readonly hidden: readonly Linear[]
  readonly output: Linear

  constructor({ dims = 2, classes = 2, width = 64, layers = 2 }: PointClassifierOptions = {}) {
    this.width = width
    this.input = new Linear(dims, width)
    this.time = new Linear(width, width)
    this.hidden = Array.from({ length: layers }, () => new Linear(width, width))
    this.output = new Linear(width, classes)
  }

  forward(x: Tensor, t: Tensor): Tensor {
    let h = this.input.forward(x).add(this.time.forward(timestepEmbedding(t, this.width)))
    for (const layer of this.hidden) h = h.add(layer.forward(silu(h)))
    return this.output.forward(silu(h))
  }
}

/** Options of {@link ImageClassifier}. */
export interface ImageClassifierOptions {
  /** Channels of the images; default 1. */
  readonly channels?: number
  /** Default 10. */
  readonly classes?: number
  /** Channels of the first level; default 32. */
  readonly width?: number
  /** Channels of each level, as multiples of the width; every level but the last halves the size. Default 1, 2, 4. */
  readonly multipliers?: readonly number[]
  /** Groups of the normalisations, which must divide the channels of every level; default 8. */
  readonly groups?: number
}

/**
 * A classifier of noisy images, `[batch, channels, height, width], times [batch] -> logits [batch, classes]`: one residual
 * block a level as on the way down of a U-Net, then the mean over positions and a linear map.
 */
export class ImageClassifier implements NoisyClassifier {
  readonly width: number
  readonly convIn: Conv2d
  readonly timeEmbedding: TimeEmbedding
  readonly resnets: readonly ResnetBlock[]
  readonly downsamplers: readonly Downsampler[]
  readonly convNormOut: GroupNorm
  readonly output: Linear

  constructor({
    channels = 1,
    classes = 10,
    width = 32,
    multipliers = [1, 2, 4],
    groups = 8,
  }: ImageClassifierOptions = {}) {
    const options: ResnetOptions = { groups, eps: 1e-5, dropout: 0 }
    const widths = multipliers.map((m) => m * width)
    const last = widths.length - 1
    this.width = width
    this.convIn = new Conv2d(channels, width, 3, { padding: 1 })
    this.timeEmbedding = new TimeEmbedding(width, 4 * width)
    this.resnets = widths.map((to, i) => new ResnetBlock(widths[i - 1] ?? width, to, 4 * width, options))
    this.downsamplers = widths.slice(0, last).map((w) => new Downsampler(w))
    this.convNormOut = new GroupNorm(groups, widths[last])
    this.output = new Linear(widths[last], classes)
  }

  forward(x: Tensor, t: Tensor): Tensor {
    const active = silu(this.timeEmbedding.forward(timestepEmbedding(t, this.width)))
    let h = this.convIn.forward(x)
    for (const [i, resnet] of this.resnets.entries()) {
      h = resnet.forward(h, active)
      h = this.downsamplers[i]?.forward(h) ?? h
    }
    return this.output.forward(silu(this.convNormOut.forward(h)).mean({ axes: [2, 3] }))
  }
}

/**
 * The objective of a classifier of noisy samples: the cross-entropy of log p(y | xt) over uniform times, with the share
 * of right answers as the term `accuracy`. Source: Dhariwal and Nichol 2021, section 4.
 *
 * @throws UsageError where the data have no labels.
 */
export function noisyClassification(
  classifier: NoisyClassifier & Module,
  process: Process,
  { times = "stratified" }: { readonly times?: Exclude<Times, "loss-aware"> } = {},
): Objective {
  const draw = timeDraw(process, times)
  return {
    variables: variables(classifier),
    loss: ({ x, y }) => {
      if (y === undefined) throw new UsageError("noisyClassification: the data have no labels")
      const { t } = draw.draw(x.shape[0])
      const xt = process.noised(x, randomNormal(x.shape), t)
      const logits = classifier.forward(xt, process.told(t))
      const accuracy = equal(argMax(logits, 1).cast("int32"), y).cast("float32").mean()
      return { total: crossEntropyLoss(logits, y), terms: { accuracy } }
    },
  }
}
