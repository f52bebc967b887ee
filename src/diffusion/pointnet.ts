/** A network that denoises points: residual layers of a linear map, told the time. */
import { silu } from "../engine/fused/activation.ts"
import { UsageError } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import { Embedding, Linear } from "../nn/linear.ts"
import { timestepEmbedding } from "./embedding.ts"

/** Options of {@link PointNet}. */
export interface PointNetOptions {
  /** Coordinates of a point; default 2. */
  readonly dims?: number
  /** Numbers a hidden layer has; default 128. */
  readonly width?: number
  /** Number of hidden residual layers; default 3. */
  readonly layers?: number
  /** Numbers it gives for each coordinate: 2 for a learned variance; default 1. */
  readonly outputs?: number
  /** Number of labels it can be told, or `null` (default) for none. */
  readonly classes?: number | null
}

/**
 * A network for points, `[batch, dims], times [batch] -> [batch, outputs dims]`: h = a linear map of x, plus one of the sine
 * embedding of t, plus an embedding of the label; then h + W silu(h) + b for each hidden layer, and a linear map of silu(h).
 *
 * @throws UsageError where it was built with classes and is given no labels.
 */
export class PointNet {
  readonly shape: readonly number[]
  readonly width: number
  readonly input: Linear
  readonly time: Linear
  readonly labels: Embedding | null
  readonly hidden: readonly Linear[]
  readonly output: Linear

  constructor({ dims = 2, width = 128, layers = 3, outputs = 1, classes = null }: PointNetOptions = {}) {
    this.shape = [dims]
    this.width = width
    this.input = new Linear(dims, width)
    this.time = new Linear(width, width)
    this.labels = classes === null ? null : new Embedding(classes, width)
    this.hidden = Array.from({ length: layers }, () => new Linear(width, width))
    this.output = new Linear(width, outputs * dims)
  }

  forward(x: Tensor, t: Tensor, labels?: Tensor): Tensor {
    let h = this.input.forward(x).add(this.time.forward(timestepEmbedding(t, this.width)))
    if (this.labels !== null) {
      if (labels === undefined) throw new UsageError("PointNet: the network was built with classes and got no labels")
      h = h.add(this.labels.forward(labels))
    }
    for (const layer of this.hidden) h = h.add(layer.forward(silu(h)))
    return this.output.forward(silu(h))
  }
}
