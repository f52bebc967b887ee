/** Losses of numbers: absolute, squared, and those that are squared near 0 and absolute far away. */
import { less, where } from "../engine/ops/compare.ts"
import type { Tensor } from "../engine/tensor.ts"
import { expectAlike, expectNumber, type ReductionOptions, reduced } from "./reduction.ts"

/**
 * Absolute error |input - target|; its gradient is the sign, 0 where they are equal. With `sum` it is the L1 loss of the
 * notes (003, definition 3.63), with `mean` torch.nn.L1Loss. It grows with an outlier as the outlier does, the squared
 * error as its square.
 *
 * @throws UsageError when shapes or dtypes differ.
 */
export function l1Loss(input: Tensor, target: Tensor, { reduction = "mean" }: ReductionOptions = {}): Tensor {
  expectAlike("l1Loss", input, target)
  return reduced("l1Loss", input.sub(target).abs(), reduction)
}

/**
 * Squared error (input - target)^2, torch.nn.MSELoss. With `sum` it is the L2 loss and the objective of least squares
 * (notes 003, definitions 3.64 and 3.66; the root in the middle line of 3.64 does not belong there), whose least
 * argument is the likeliest mean of normal noise; with `mean` it is that divided by the number of elements (3.65).
 *
 * @throws UsageError when shapes or dtypes differ.
 */
export function mseLoss(input: Tensor, target: Tensor, { reduction = "mean" }: ReductionOptions = {}): Tensor {
  expectAlike("mseLoss", input, target)
  return reduced("mseLoss", input.sub(target).square(), reduction)
}

/** Options of {@link smoothL1Loss}. */
export interface SmoothL1Options extends ReductionOptions {
  /** Where the parabola ends and the straight line begins; 0 is {@link l1Loss}. */
  readonly beta?: number
}

/**
 * d^2 / (2 beta) where |d| < beta, |d| - beta / 2 elsewhere, d = input - target: torch.nn.SmoothL1Loss.
 * It is {@link huberLoss} divided by beta. Source: Girshick 2015, "Fast R-CNN".
 *
 * @throws UsageError when shapes or dtypes differ, or beta is negative.
 */
export function smoothL1Loss(
  input: Tensor,
  target: Tensor,
  { beta = 1, reduction = "mean" }: SmoothL1Options = {},
): Tensor {
  expectAlike("smoothL1Loss", input, target)
  expectNumber("smoothL1Loss", "beta", beta, beta >= 0 && beta < Infinity, "a finite number from 0")
  const d = input.sub(target)
  const size = d.abs()
  if (beta === 0) return reduced("smoothL1Loss", size, reduction)
  const near = less(size, beta)
  return reduced("smoothL1Loss", where(near, d.square().mul(0.5 / beta), size.sub(beta / 2)), reduction)
}

/** Options of {@link huberLoss}. */
export interface HuberOptions extends ReductionOptions {
  /** Where the parabola ends and the straight line begins. */
  readonly delta?: number
}

/**
 * d^2 / 2 where |d| < delta, delta (|d| - delta / 2) elsewhere, d = input - target: torch.nn.HuberLoss.
 * Source: Huber 1964.
 *
 * @throws UsageError when shapes or dtypes differ, or delta is not above 0.
 */
export function huberLoss(input: Tensor, target: Tensor, { delta = 1, reduction = "mean" }: HuberOptions = {}): Tensor {
  expectAlike("huberLoss", input, target)
  expectNumber("huberLoss", "delta", delta, delta > 0 && delta < Infinity, "a finite number above 0")
  const d = input.sub(target)
  const size = d.abs()
  const far = size.sub(delta / 2).mul(delta)
  return reduced("huberLoss", where(less(size, delta), d.square().mul(0.5), far), reduction)
}
