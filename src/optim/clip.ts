/** Bounds on gradients. */
import { minimum, reciprocal } from "../engine/ops/elementwise.ts"
import type { Tensor } from "../engine/tensor.ts"
import { expectOption } from "./optimizer.ts"

/**
 * Euclidean norm of all gradients taken as one vector.
 *
 * @throws RangeError when there are none.
 */
export function globalNorm(gradients: readonly Tensor[]): Tensor {
  if (gradients.length === 0) throw new RangeError("globalNorm: got no gradients")
  return gradients
    .map((g) => g.square().sum())
    .reduce((a, b) => a.add(b))
    .sqrt()
}

/**
 * Gradients scaled down together so that their global norm is at most `max`: g min(1, max / (norm + 1e-6)), as PyTorch's
 * `clip_grad_norm_`. Source: Pascanu et al. 2013.
 */
export function clipByGlobalNorm(
  gradients: readonly Tensor[],
  max: number,
  norm: Tensor = globalNorm(gradients),
): Tensor[] {
  expectOption("clipByGlobalNorm", "max", max)
  const scale = minimum(reciprocal(norm.add(1e-6)).mul(max), 1)
  return gradients.map((g) => g.mul(scale))
}

/** Every element of the gradients brought within [-max, max], as PyTorch's `clip_grad_value_`. */
export function clipByValue(gradients: readonly Tensor[], max: number): Tensor[] {
  expectOption("clipByValue", "max", max)
  return gradients.map((g) => minimum(minimum(g, max).neg(), max).neg())
}
