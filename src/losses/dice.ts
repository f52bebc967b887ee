/** The Dice loss of masks. */
import type { Tensor } from "../engine/tensor.ts"
import { expectAlike, expectNumber, type ReductionOptions, reduced } from "./reduction.ts"

/** Options of {@link diceLoss}. */
export interface DiceOptions extends ReductionOptions {
  /** Keeps two empty masks from 0 / 0; their loss is 0. */
  readonly eps?: number
}

/**
 * -2 <x, y> / (|x|^2 + |y|^2 + eps) of masks or probabilities x and y [batch, ...], one loss for each item of the batch
 * (a vector is one item): from -1, where they are equal, to 0, where they do not meet. For masks of 0 and 1 it is minus
 * the Dice coefficient 2 TP / (2 TP + FP + FN) = 2 IoU / (1 + IoU); notes 003, definition 3.62 and remark 3.44, lose
 * the 2 above the line and the sign. Add 1 for the loss from 0 to 1. Source: Milletari et al. 2016, "V-Net".
 *
 * @throws UsageError when shapes or dtypes differ, or eps is not above 0.
 */
export function diceLoss(input: Tensor, target: Tensor, { eps = 1e-7, reduction = "mean" }: DiceOptions = {}): Tensor {
  expectAlike("diceLoss", input, target)
  expectNumber("diceLoss", "eps", eps, eps > 0 && eps < Infinity, "a finite number above 0")
  const axes = input.shape.map((_, i) => i).slice(input.rank > 1 ? 1 : 0)
  const both = input.mul(target).sum({ axes }).mul(-2)
  const sizes = input.square().add(target.square()).sum({ axes })
  return reduced("diceLoss", both.div(sizes.add(eps)), reduction)
}
