/** Adam and AdamW. */
import { maximum } from "../engine/ops/elementwise.ts"
import type { Tensor } from "../engine/tensor.ts"
import {
  biasCorrection,
  expectOption,
  type Optimizer,
  type OptimizerOptions,
  optimizer,
  type Site,
} from "./optimizer.ts"

/** Options of {@link adam} and {@link adamW}. */
export interface AdamOptions extends OptimizerOptions {
  /** Decay of the running means of the gradient and of its square; default 0.9 and 0.999. */
  readonly betas?: readonly [number, number]
  /** Added to the root of the second moment; default 1e-8. */
  readonly eps?: number
  /** Divides by the largest second moment so far instead of the present one; default false. */
  readonly amsgrad?: boolean
}

function checkOptions(where: string, betas: readonly [number, number], eps: number): void {
  for (const [i, beta] of betas.entries()) expectOption(where, `betas[${i}]`, beta, 0, 1)
  expectOption(where, "eps", eps)
}

function step(
  site: Site,
  g: Tensor,
  p: Tensor,
  [b1, b2]: readonly [number, number],
  eps: number,
  amsgrad: boolean,
): Tensor {
  const [m, v] = [site.slot("m"), site.slot("v")]
  const nextM = m.mul(b1).add(g.mul(1 - b1))
  const nextV = v.mul(b2).add(g.square().mul(1 - b2))
  m.assign(nextM)
  v.assign(nextV)
  let second = nextV
  if (amsgrad) {
    const largest = site.slot("vmax")
    second = maximum(largest, nextV)
    largest.assign(second)
  }
  const scale = biasCorrection(b2, site).sqrt()
  const rate = site.rate.div(biasCorrection(b1, site))
  // The correction of the second moment is moved to scalars: a pass over all parameters less.
  return p.sub(nextM.mul(rate.mul(scale)).div(second.sqrt().add(scale.mul(eps))))
}

/**
 * Adam: m and v are running means of g and g^2, p <- p - lr mHat / (sqrt(vHat) + eps), both corrected for their start
 * at zero. Squares are of each element (the notes print the norm of the gradient). Weight decay, if any, is added to the
 * gradient. Source: Kingma and Ba 2015.
 *
 * @throws RangeError for options below 0, and for betas of 1 or more.
 */
export function adam({ betas = [0.9, 0.999], eps = 1e-8, amsgrad = false, ...options }: AdamOptions = {}): Optimizer {
  checkOptions("adam", betas, eps)
  return optimizer("adam", options, (site) => {
    const { parameter, gradient, weightDecay } = site
    const g = weightDecay === 0 ? gradient : gradient.add(parameter.mul(weightDecay))
    return step(site, g, parameter, betas, eps, amsgrad)
  })
}

/**
 * {@link adam} with weight decay (0.01 unless given) apart from the gradient: p <- (1 - lr decay) p first. Source: Loshchilov
 * and Hutter 2019.
 *
 * @throws RangeError as {@link adam}.
 */
export function adamW({
  betas = [0.9, 0.999],
  eps = 1e-8,
  amsgrad = false,
  weightDecay = 0.01,
  ...options
}: AdamOptions = {}): Optimizer {
  checkOptions("adamW", betas, eps)
  return optimizer("adamW", { ...options, weightDecay }, (site) => {
    const { parameter, gradient, rate } = site
    const decayed = site.weightDecay === 0 ? parameter : parameter.sub(parameter.mul(rate.mul(site.weightDecay)))
    return step(site, gradient, decayed, betas, eps, amsgrad)
  })
}
