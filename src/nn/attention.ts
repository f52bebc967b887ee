/** Multi-head attention with PyTorch's parameters. */
import { zeros } from "../engine/array.ts"
import { type AttentionOptions, attention, linear } from "../engine/fused/attention.ts"
import { UsageError } from "../engine/shape.ts"
import { type Tensor, Variable } from "../engine/tensor.ts"
import { glorotUniform } from "./init.ts"
import { Linear } from "./linear.ts"

/** Tokens `[batch, tokens, width]` as heads `[batch, heads, tokens, width / heads]`. */
export function splitHeads(x: Tensor, heads: number): Tensor {
  const [batch, tokens, width] = x.shape
  return x.reshape([batch, tokens, heads, width / heads]).transpose([0, 2, 1, 3])
}

/** Heads `[batch, heads, tokens, size]` as tokens `[batch, tokens, heads * size]`: the inverse of {@link splitHeads}. */
export function mergeHeads(x: Tensor): Tensor {
  const [batch, heads, tokens, size] = x.shape
  return x.transpose([0, 2, 1, 3]).reshape([batch, tokens, heads * size])
}

/**
 * Multi-head attention of queries `[batch, tokens, width]` to keys and values of the same width (the queries
 * themselves by default). Parameters `in_proj_weight [3 width, width]`, `in_proj_bias`, `out_proj`: PyTorch's
 * `nn.MultiheadAttention` with `batch_first`. A head is {@link attention} of width / heads numbers; a mask, if there is one,
 * broadcasts to `[batch, heads, queries, keys]`.
 *
 * @throws UsageError when the width does not divide into the heads.
 */
export class MultiheadAttention {
  readonly heads: number
  readonly inProjWeight: Variable
  readonly inProjBias: Variable
  readonly outProj: Linear

  constructor(width: number, heads: number) {
    if (width % heads !== 0)
      throw new UsageError(`MultiheadAttention: width ${width} does not divide into ${heads} heads`)
    this.heads = heads
    this.inProjWeight = new Variable(glorotUniform([3 * width, width]))
    this.inProjBias = new Variable(zeros([3 * width]))
    this.outProj = new Linear(width, width)
    this.outProj.bias!.initial = zeros([width])
  }

  forward(query: Tensor, key: Tensor = query, value: Tensor = key, options: AttentionOptions = {}): Tensor {
    const weights = this.inProjWeight.split(3, 0)
    const biases = this.inProjBias.split(3, 0)
    const [q, k, v] = [query, key, value].map((x, i) => splitHeads(linear(x, weights[i], biases[i]), this.heads))
    return this.outProj.forward(mergeHeads(attention(q, k, v, options)))
  }
}
