/** Training on the variational bound itself, or on a little of it beside the simple objective. */
import { randomNormal } from "../engine/create.ts"
import type { Module } from "../nn/module.ts"
import type { Objective } from "../train/objective.ts"
import type { Denoiser, Network } from "./denoiser.ts"
import { reverseOf } from "./denoiser-reverse.ts"
import { boundTerms } from "./likelihood-terms.ts"
import { meanPerSample, overTimes } from "./objective.ts"
import { type Times, timeDraw } from "./objective-times.ts"

/** Options of {@link vlb}. */
export interface VlbOptions {
  readonly times?: Times
  /** As in `bound`: 256 for images, `null` for points, unless given. */
  readonly bins?: number | null
}

/** Options of {@link hybrid}. */
export interface HybridOptions extends VlbOptions {
  /** Weight of the bound, in bits a dimension. */
  readonly weight?: number
}

/** @throws RangeError when the process is continuous: its bound is not a sum over times. */
function wholeTimes(where: string, { process, shape }: Denoiser): number {
  if (process.isContinuous)
    throw new RangeError(`${where}: the bound is a sum over whole times, and the process is continuous`)
  // T times a term in nats, as bits a dimension.
  return process.steps / (shape.reduce((n, d) => n * d, 1) * Math.log(2))
}

/**
 * The variational bound: E_t [T L_t] in bits a dimension, without L_T, which nothing changes. x0 is not clipped, since a
 * bound on it would stop its gradient. With `loss-aware` times it trains best.
 * Source: Ho et al. 2020, equation 5; Nichol and Dhariwal 2021, section 3.3.
 */
export function vlb(
  model: Denoiser<Network & Module>,
  { times = "uniform", bins = model.shape.length === 3 ? 256 : null }: VlbOptions = {},
): Objective {
  const unit = wholeTimes("vlb", model)
  return overTimes(model.network, timeDraw(model.process, times), (x0, t, labels, given) => {
    const xt = model.process.noised(x0, randomNormal(x0.shape), t)
    const step = reverseOf(model, model.at(xt, t, labels, given), xt, t, { clip: null })
    return boundTerms(model.process, x0, xt, t, step, bins).mul(unit)
  })
}

/**
 * The simple objective, which the mean is trained on, plus a little of the bound, which the variance is trained on alone:
 * L_simple + weight T L_t, where the mean in L_t is a constant. Source: Nichol and Dhariwal 2021, equation 16 and
 * section 3.1 (weight 0.001; `RESCALED_MSE` in their code).
 *
 * @throws RangeError when the denoiser's variance is not learned: the bound would train nothing.
 */
export function hybrid(
  model: Denoiser<Network & Module>,
  { times = "uniform", weight = 0.001, bins = model.shape.length === 3 ? 256 : null }: HybridOptions = {},
): Objective {
  const unit = wholeTimes("hybrid", model)
  if (model.variance !== "learned")
    throw new RangeError(`hybrid: the variance is ${model.variance}, expected learned (the bound trains it alone)`)
  return overTimes(model.network, timeDraw(model.process, times), (x0, t, labels, given) => {
    const eps = randomNormal(x0.shape)
    const xt = model.process.noised(x0, eps, t)
    const answer = model.at(xt, t, labels, given)
    const simple = meanPerSample(answer.output.sub(model.target(x0, eps, t)).square())
    const step = reverseOf(model, answer.detached(), xt, t, { clip: null })
    const bound = boundTerms(model.process, x0, xt, t, step, bins).mul(unit)
    return { total: simple.add(bound.mul(weight)), terms: { simple, bound } }
  })
}
