/** Sinusoidal embeddings of time, as diffusers'. */
import { fromNumbers } from "../engine/array.ts"
import { cos, sin } from "../engine/ops/elementwise.ts"
import { concat } from "../engine/ops/movement.ts"
import { constant, type Tensor } from "../engine/tensor.ts"

/** Options of {@link timestepEmbedding}. */
export interface TimestepOptions {
  /** Cosines before sines. */
  readonly flip?: boolean
  /** Taken from half the width in the exponent's divisor. */
  readonly shift?: number
}

/**
 * Times `[batch]` as vectors `[batch, width]`: sines and cosines of t f_i with f_i = 10000^(-i / (width / 2 - shift)).
 * An odd width gets a zero at the end. Source: Vaswani et al. 2017, section 3.5, in diffusers' order.
 */
export function timestepEmbedding(t: Tensor, width: number, { flip = true, shift = 0 }: TimestepOptions = {}): Tensor {
  const half = Math.floor(width / 2)
  // In float32 step by step, as diffusers: at t = 1000 the angles of exact frequencies would differ in the fifth digit.
  const [f, log] = [Math.fround, Math.fround(-Math.log(10000))]
  const frequencies = Float64Array.from({ length: half }, (_, i) => Math.exp(f(f(log * i) / f(half - shift))))
  const angles = t
    .cast("float32")
    .reshape([t.shape[0], 1])
    .mul(constant(fromNumbers("float32", [1, half], frequencies)))
  const parts = flip ? [cos(angles), sin(angles)] : [sin(angles), cos(angles)]
  if (width % 2 === 1) parts.push(angles.slice([null, [0, 1]]).mul(0))
  return concat(parts, 1)
}
