/** Scaled dot-product attention, and a linear map with bias. */
import { apply, type Op } from "../graph.ts"
import { where } from "../ops/compare.ts"
import { matmul } from "../ops/matmul.ts"
import { softmax } from "../ops/softmax.ts"
import { formatShape, UsageError } from "../shape.ts"
import type { Tensor } from "../tensor.ts"
import { fused } from "./fused.ts"

const attentionOp = fused<{ readonly scale: number }>(
  "attention",
  "softmax(q k^T * scale + mask) v",
  ([q, k, v, mask], { scale }) => {
    const scores = matmul(q, k, { transposeB: true }).mul(scale)
    return matmul(softmax(mask === undefined ? scores : scores.add(mask)), v)
  },
)

/** Options of {@link attention}. */
export interface AttentionOptions {
  /**
   * Broadcasts to `[..., queries, keys]`. A float is added to the scores before the softmax: 0 to attend, -1e9 or less
   * to hide. A boolean is true where a query may attend, as `lowerTriangle` gives it. A query that may attend
   * nowhere attends everywhere.
   */
  readonly mask?: Tensor
  /** Factor of the scores; by default 1 / sqrt(size of a head). */
  readonly scale?: number
}

/**
 * Attention of queries `[..., queries, size]` to keys `[..., keys, size]` and values `[..., keys, width]`:
 * softmax(scale q k^T + mask) v, of shape `[..., queries, width]`, with scale 1 / sqrt(size) by default. Leading axes
 * (batch, heads) broadcast. Source: Vaswani et al. 2017, section 3.2.1.
 *
 * @throws UsageError when queries and keys differ in size, or keys and values in number.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, { mask, scale }: AttentionOptions = {}): Tensor {
  if (q.shape.at(-1) !== k.shape.at(-1) || k.shape.at(-2) !== v.shape.at(-2)) {
    throw new UsageError(
      `attention: queries ${formatShape(q.shape)}, keys ${formatShape(k.shape)} and values ${formatShape(v.shape)} do not fit`,
    )
  }
  const hiding = mask?.dtype === "bool" ? where(mask, q.like(0), -1e9) : mask
  const inputs = hiding === undefined ? [q, k, v] : [q, k, v, hiding]
  return apply(attentionOp, inputs, { scale: scale ?? 1 / Math.sqrt(q.shape[q.rank - 1]) })
}

const linearOp = fused<object>("linear", "x weight^T + bias", ([x, weight, bias]) => {
  const y = matmul(x, weight, { transposeB: true })
  return bias === undefined ? y : y.add(bias)
})

/**
 * Linear map of the last axis, y = x weight^T + bias: `[..., in]` with weight `[out, in]` and bias `[out]` gives `[..., out]`.
 *
 * @throws UsageError when the sizes do not fit.
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  if (weight.rank !== 2)
    throw new UsageError(`linear: weight is ${formatShape(weight.shape)}, expected two axes, [out, in]`)
  if (x.shape.at(-1) !== weight.shape[1]) {
    throw new UsageError(
      `linear: input has ${x.shape.at(-1)} features, weight expects ${weight.shape[1]} (input ${formatShape(x.shape)}, weight ${formatShape(weight.shape)})`,
    )
  }
  if (bias !== null && (bias.rank !== 1 || bias.shape[0] !== weight.shape[0])) {
    throw new UsageError(`linear: bias is ${formatShape(bias.shape)}, expected [${weight.shape[0]}]`)
  }
  return apply(linearOp, bias === null ? [x, weight] : [x, weight, bias], {})
}

/** All records of this file. */
export const attentionOps: readonly Op[] = [attentionOp, linearOp] as readonly Op[]
