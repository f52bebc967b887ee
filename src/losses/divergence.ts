/** The Kullback-Leibler divergence as a loss. */
import { equal, where } from "../engine/ops/compare.ts"
import { exp, log } from "../engine/ops/elementwise.ts"
import { UsageError } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import { expectAlike, type Reduction, reduced } from "./reduction.ts"

/** Options of {@link klDivLoss}. */
export interface KlDivOptions {
  /**
   * `batchmean` sums and divides by the first axis: the mean divergence of rows. `mean` (PyTorch's default, and ours)
   * divides by all elements, which is the divergence divided by the number of classes (notes 003, function 3.8, take it
   * for the divergence).
   */
  readonly reduction?: Reduction | "batchmean"
  /** Whether targets are log-probabilities too. */
  readonly logTarget?: boolean
}

/**
 * Kullback and Leibler's divergence of each element, y (log y - x) for log-probabilities x and probabilities y of one
 * shape (0 log 0 is 0), e^y (y - x) with `logTarget`: torch.nn.KLDivLoss. x are log-probabilities, not numbers 0 or 1
 * as notes 003, function 3.8, have it.
 *
 * @throws UsageError when shapes or dtypes differ, or one number has no batch to be averaged over.
 */
export function klDivLoss(
  input: Tensor,
  target: Tensor,
  { reduction = "mean", logTarget = false }: KlDivOptions = {},
): Tensor {
  const name = "klDivLoss"
  expectAlike(name, input, target)
  const values = logTarget ? exp(target).mul(target.sub(input)) : xlogx(target).sub(target.mul(input))
  if (reduction !== "batchmean") return reduced(name, values, reduction)
  if (input.rank === 0) throw new UsageError(`${name}: input is one number, expected a batch for "batchmean"`)
  return values.sum({ axes: values.shape.map((_, i) => i).slice(1) }).mean()
}

function xlogx(x: Tensor): Tensor {
  const isZero = equal(x, 0)
  return where(isZero, 0, x.mul(log(where(isZero, 1, x))))
}
