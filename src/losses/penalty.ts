/** Penalties on parameters: L1 and L2 regularisation, and the step that makes exact zeros. */
import { relu, sign } from "../engine/ops/elementwise.ts"
import { UsageError } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import { expectNumber } from "./reduction.ts"

function total(name: string, parameters: Iterable<Tensor>, each: (p: Tensor) => Tensor): Tensor {
  const parts = [...parameters].map((p) => each(p).sum())
  if (parts.length === 0) throw new UsageError(`${name}: got no parameters`)
  return parts.reduce((a, b) => a.add(b))
}

/**
 * Sum of the absolute values of all parameters, |p|_1: times lambda it is L1 regularisation, or the lasso's penalty. Its
 * gradient is the sign, 0 at 0; a gradient step therefore jumps over 0, and {@link softThreshold} stops there.
 *
 * @example const objective = mseLoss(output, target).add(l1Penalty(parameters(network).values()).mul(1e-4))
 * @throws UsageError when there are none.
 */
export function l1Penalty(parameters: Iterable<Tensor>): Tensor {
  return total("l1Penalty", parameters, (p) => p.abs())
}

/**
 * Sum of the squares of all parameters, |p|_2^2 without a half: times lambda it is L2 regularisation (notes 003,
 * definition 3.48 and example 35). Its gradient is 2 p, so under plain gradient descent lambda |p|^2 is the weight
 * decay 2 lambda of an optimizer. It shrinks without ever making zeros. Under Adam the two differ: there the penalty's
 * gradient is divided by its own size, while AdamW's decay is not.
 *
 * @throws UsageError when there are none.
 */
export function l2Penalty(parameters: Iterable<Tensor>): Tensor {
  return total("l2Penalty", parameters, (p) => p.square())
}

/**
 * Each element brought towards 0 by `threshold` and stopped there, sign(x) max(|x| - threshold, 0): the proximal map of
 * threshold |x|_1. A gradient step on the smooth part followed by this, with threshold rate * lambda, minimises an L1
 * penalised loss and makes exact zeros. Source: Daubechies et al. 2004.
 *
 * @throws UsageError for a negative threshold.
 */
export function softThreshold(x: Tensor, threshold: number): Tensor {
  expectNumber(
    "softThreshold",
    "threshold",
    threshold,
    threshold >= 0 && threshold < Infinity,
    "a finite number from 0",
  )
  return sign(x).mul(relu(x.abs().sub(threshold)))
}
