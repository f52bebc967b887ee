/** Binary cross-entropy, of probabilities and of logits. */
import { greater, where } from "../engine/ops/compare.ts"
import { log, maximum, softplus, stopGradient } from "../engine/ops/elementwise.ts"
import type { Tensor } from "../engine/tensor.ts"
import { expectAlike, type ReductionOptions, reduced, type Weights, weighted, weightsLike } from "./reduction.ts"

/** Options of {@link bceLoss}. */
export interface BceOptions extends ReductionOptions {
  /** Factor of each element's loss; it broadcasts. The mean still divides by the number of elements. */
  readonly weight?: Weights
}

/** Where torch stops dividing by x (1 - x): its constant is a float32. */
const narrow: number = Math.fround(1e-12)

/**
 * log x, not below -100, whose slope is (1 - x) / max(x (1 - x), 1e-12): that of log where x is inside (0, 1), finite at
 * its ends. The slope is not that of the clamped value, so the value passes by the gradient and a twin gives the slope.
 */
function clampedLog(x: Tensor): Tensor {
  const inside = greater(x.mul(x.neg().add(1)), narrow)
  const edge = x.sub(x.square().mul(0.5)).div(narrow)
  const twin = where(inside, log(where(inside, x, 1)), edge)
  return stopGradient(maximum(log(x), -100)).add(twin.sub(stopGradient(twin)))
}

/**
 * Binary cross-entropy -w (y log x + (1 - y) log(1 - x)) of probabilities x in [0, 1] (what a sigmoid gave) and targets y
 * in [0, 1]: torch.nn.BCELoss. Logarithms are not below -100 and the gradient is (x - y) / max(x (1 - x), 1e-12), so both
 * are finite at x = 0 and 1. Outside [0, 1] the result is NaN (a program cannot refuse a value), and notes 003,
 * function 3.3, allow x and y at the two ends only. {@link bceWithLogitsLoss} is more exact.
 *
 * @throws UsageError when shapes or dtypes differ, or the weight does not broadcast.
 */
export function bceLoss(input: Tensor, target: Tensor, { weight, reduction = "mean" }: BceOptions = {}): Tensor {
  expectAlike("bceLoss", input, target)
  const rest = target.neg().add(1)
  const values = target.mul(clampedLog(input)).add(rest.mul(clampedLog(input.neg().add(1))))
  return reduced("bceLoss", weighted("bceLoss", values.neg(), weight), reduction)
}

/** Options of {@link bceWithLogitsLoss}. */
export interface BceWithLogitsOptions extends BceOptions {
  /** Factor of the positive part, y log sigmoid(x): above 1 for recall, below 1 for precision. It broadcasts. */
  readonly posWeight?: Weights
}

/**
 * Binary cross-entropy of logits, -w (p y log s(x) + (1 - y) log(1 - s(x))) with the sigmoid s and the positive weight
 * p, as (1 - y) x + (1 + (p - 1) y) softplus(-x): finite for every finite x. torch.nn.BCEWithLogitsLoss. The network
 * ends without a sigmoid; put one after it where probabilities are wanted.
 *
 * @throws UsageError when shapes or dtypes differ, or a weight does not broadcast.
 */
export function bceWithLogitsLoss(
  input: Tensor,
  target: Tensor,
  { weight, posWeight, reduction = "mean" }: BceWithLogitsOptions = {},
): Tensor {
  const name = "bceWithLogitsLoss"
  expectAlike(name, input, target)
  const missed = softplus(input.neg())
  const scale = posWeight === undefined ? undefined : weightsLike(name, posWeight, input).sub(1).mul(target).add(1)
  const values = target
    .neg()
    .add(1)
    .mul(input)
    .add(weighted(name, missed, scale))
  return reduced(name, weighted(name, values, weight), reduction)
}
