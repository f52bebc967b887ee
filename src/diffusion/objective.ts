/** What a denoiser is trained on. */
import { randomInteger, randomNormal } from "../engine/create.ts"
import { type Module, variables } from "../nn/module.ts"
import type { Objective } from "../train/objective.ts"
import type { Denoiser, Network } from "./denoiser.ts"

/**
 * The simplified objective: E || target - network(x_t, t) ||^2 over uniform times and noise, as a mean over elements.
 * The target is eps, x0 or v, as the denoiser says. Source: Ho et al. 2020, equation 14.
 */
export function simple(model: Denoiser<Network & Module>): Objective {
  return {
    variables: variables(model.network),
    loss: ({ x, y }) => {
      const t = randomInteger([x.shape[0]], model.process.steps).add(1)
      const eps = randomNormal(x.shape)
      const xt = model.process.noised(x, eps, t)
      const output = model.network.forward(xt, t.sub(1), y)
      const total = output
        .sub(model.target(x, eps, t))
        .square()
        .mean()
      return { total, terms: {} }
    },
  }
}
