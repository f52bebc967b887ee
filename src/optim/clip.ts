/** Bounds on gradients. */
import { minimum, reciprocal } from "../engine/ops/elementwise.ts"
import type { Tensor } from "../engine/tensor.ts"

/** Euclidean norm of all gradients taken as one vector. */
export function globalNorm(gradients: readonly Tensor[]): Tensor {
  return gradients
    .map((g) => g.square().sum())
    .reduce((a, b) => a.add(b))
    .sqrt()
}

/** Gradients scaled down together so that their global norm is at most `max`: g min(1, max / (norm + 1e-6)). */
export function clipByGlobalNorm(
  gradients: readonly Tensor[],
  max: number,
  norm: Tensor = globalNorm(gradients),
): Tensor[] {
  const scale = minimum(reciprocal(norm.add(1e-6)).mul(max), 1)
  return gradients.map((g) => g.mul(scale))
}

/** Every element of the gradients brought within [-max, max]. */
export function clipByValue(gradients: readonly Tensor[], max: number): Tensor[] {
  return gradients.map((g) => minimum(minimum(g, max).neg(), max).neg())
}
