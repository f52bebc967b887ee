/** EDM's objective: noise levels from a log-normal law, and weights that make every level count the same. */
import { randomNormal } from "../engine/create.ts"
import { type Module, variables } from "../nn/module.ts"
import type { Objective } from "../train/objective.ts"
import type { Denoiser, Network } from "./denoiser.ts"
import { meanPerSample } from "./objective.ts"
import { edmWeight } from "./objective-weight.ts"

/** Options of {@link edmLoss}. */
export interface EdmLossOptions {
  /** Mean and standard deviation of log sigma. */
  readonly mean?: number
  readonly std?: number
}

/**
 * E w(sigma) || D(x0 + sigma eps, sigma) - x0 ||^2 with log sigma ~ N(mean, std^2) and
 * w = (sigma^2 + sigmaData^2) / (sigma sigmaData)^2, as a mean over elements. Its network learns a unit-variance target
 * at every level. Source: Karras et al. 2022, table 1 (mean -1.2, std 1.2).
 *
 * @throws RangeError when the network does not predict EDM's output, which alone is told levels instead of times.
 */
export function edmLoss(model: Denoiser<Network & Module>, { mean = -1.2, std = 1.2 }: EdmLossOptions = {}): Objective {
  if (model.predict !== "edm")
    throw new RangeError(
      `edmLoss: the network predicts ${model.predict}, expected edm, which any noise level can be asked of`,
    )
  const weight = edmWeight(model.sigmaData)
  return {
    variables: variables(model.network),
    loss: ({ x, y, given }) => {
      const batch = x.shape[0]
      const shape = [batch, ...x.shape.slice(1).map(() => 1)]
      const ratio = randomNormal([batch]).mul(std).add(mean).exp().reshape(shape)
      const eps = randomNormal(x.shape)
      // Signal 1: what EDM's network sees depends on the ratio alone.
      const level = { signal: ratio.mul(0).add(1), sigma: ratio, told: ratio.reshape([batch]) }
      const { output } = model.answer(x.add(eps.mul(ratio)), level, y, given)
      const error = meanPerSample(output.sub(model.targetAt(x, eps, level)).square())
      const factor = weight(ratio.square().pow(-1)).mul(model.gain(level))
      return { total: error.mul(factor.reshape([batch])).mean(), terms: {} }
    },
  }
}
