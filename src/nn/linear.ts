/** Linear and embedding layers. */
import { full } from "../engine/array.ts"
import { linear } from "../engine/fused/attention.ts"
import { gather } from "../engine/ops/gather.ts"
import { UsageError } from "../engine/shape.ts"
import { type Tensor, Variable } from "../engine/tensor.ts"
import { fanInUniform, normal, uniform } from "./init.ts"

function expectSizes(where: string, shape: readonly number[]): void {
  if (!shape.every((n) => Number.isInteger(n) && n >= 1))
    throw new UsageError(`${where}: a weight of shape [${shape.join(", ")}] cannot be (sizes are whole numbers from 1)`)
}

/**
 * y = x W^T + b over the last axis: `[..., in] -> [..., out]`; weight `[out, in]` and bias `[out]`, both uniform within
 * 1 / sqrt(in) at first, as PyTorch's.
 *
 * @throws UsageError for sizes that are no whole numbers from 1, and from `forward` for other inputs.
 */
export class Linear {
  readonly weight: Variable
  readonly bias: Variable | null

  constructor(inputs: number, outputs: number, { bias = true }: { readonly bias?: boolean } = {}) {
    expectSizes("Linear", [outputs, inputs])
    this.weight = new Variable(fanInUniform([outputs, inputs]))
    this.bias = bias ? new Variable(uniform([outputs], 1 / Math.sqrt(inputs))) : null
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias)
  }
}

/**
 * A table of vectors: int32 indices `[...]`, from 0 to count - 1, to `[..., size]`; weight `[count, size]`, standard normal at
 * first.
 */
export class Embedding {
  readonly weight: Variable

  constructor(count: number, size: number) {
    expectSizes("Embedding", [count, size])
    this.weight = new Variable(normal([count, size], 1))
  }

  forward(indices: Tensor): Tensor {
    return gather(this.weight, indices, 0)
  }
}

/** Sets a parameter's initial values to zero and returns its owner: a block that starts as the identity. */
export function zeroed<M extends { readonly weight: Variable; readonly bias: Variable | null }>(layer: M): M {
  layer.weight.initial = full(layer.weight.shape, 0)
  if (layer.bias !== null) layer.bias.initial = full(layer.bias.shape, 0)
  return layer
}
