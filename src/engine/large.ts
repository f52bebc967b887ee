/** The product of large matrices in float64: asynchronous, with all processors. */
import { type Arrayable, asArray, type NdArray } from "./array.ts"
import { type Compiled, compile } from "./compile.ts"
import { matmul } from "./ops/matmul.ts"
import type { Tensor } from "./tensor.ts"

let product: Compiled<[Tensor, Tensor], Tensor> | undefined

/**
 * A B for matrices `[..., m, k]` and `[..., k, n]` in float64, computed by the engine on all processors: for sizes from
 * a few hundred on, where `matmul` of `tweedie/linalg` would hold up everything else on its thread.
 *
 * @throws UsageError where A has not as many columns as B has rows.
 */
export async function matmulLarge(a: Arrayable, b: Arrayable): Promise<NdArray<"float64">> {
  product ??= compile((x: Tensor, y: Tensor) => matmul(x, y))
  return (await product(asArray(a, "float64"), asArray(b, "float64"))) as NdArray<"float64">
}
