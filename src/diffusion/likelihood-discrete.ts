/** The likelihood of whole-numbered data under a Gaussian: what it gives to the bin of each value. */
import { greater, less, where } from "../engine/ops/compare.ts"
import { exp, log, maximum, softplus } from "../engine/ops/elementwise.ts"
import type { Tensor } from "../engine/tensor.ts"

/** Options of {@link discretised}. */
export interface DiscretisedOptions {
  /** Values a number can have, evenly spaced over [-1, 1]: bytes have 256. */
  readonly bins?: number
  /** Least probability of a bin; OpenAI's code has 1e-12. With one, the bins may add up to more than 1. */
  readonly floor?: number
}

/**
 * log P(x) in nats, elementwise, for x on an even grid over [-1, 1] and a Gaussian of the given mean and log standard
 * deviation: the probability of the bin of half-width 1 / (bins - 1) around x, the outermost bins going to infinity.
 *
 * Phi(z) is taken as the logistic function of 2 sqrt(2 / pi) (z + 0.044715 z^3), off by 3e-4 at most, as OpenAI's code
 * has it (written there as 1/2 (1 + tanh(...)), by which figures are compared). Any rising function from 0 to 1 gives bins
 * that add up to 1, so the bound stays one. The difference of two logistic functions is written without cancellation:
 * log(L(b) - L(a)) = log(1 - e^(a - b)) - softplus(a) - softplus(-b).
 *
 * Source: Ho et al. 2020, equation 13; Dhariwal and Nichol's `discretized_gaussian_log_likelihood`, where the outermost
 * bins are those of |x| > 0.999.
 */
export function discretised(
  x: Tensor,
  mean: Tensor,
  logStd: Tensor,
  { bins = 256, floor = 0 }: DiscretisedOptions = {},
): Tensor {
  const half = 1 / (bins - 1)
  const apart = x.sub(mean)
  const inverse = exp(logStd.neg())
  const rate = 2 * Math.sqrt(2 / Math.PI)
  const bent = (z: Tensor): Tensor => z.add(z.square().mul(z).mul(0.044715)).mul(rate)
  const [p, q] = [apart.add(half).mul(inverse), apart.sub(half).mul(inverse)]
  const [upper, lower] = [bent(p), bent(q)]
  // upper - lower in one piece: far away the two are large and close.
  const width = inverse.mul(2 * half * rate).mul(p.square().add(p.mul(q)).add(q.square()).mul(0.044715).add(1))
  const below = softplus(upper.neg()).neg()
  const above = softplus(lower).neg()
  const between = below.add(above).add(log(exp(width.neg()).neg().add(1)))
  const edge = 1 - half / 2
  const found = where(less(x, -edge), below, where(greater(x, edge), above, between))
  return floor > 0 ? maximum(found, Math.log(floor)) : found
}
