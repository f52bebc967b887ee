/** What networks of diffusion make of an embedded time. */
import { silu } from "../engine/fused/activation.ts"
import type { Tensor } from "../engine/tensor.ts"
import { Linear } from "./linear.ts"

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
