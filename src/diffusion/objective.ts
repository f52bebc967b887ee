/** What a denoiser is trained on. */
import { arange, randomInteger, randomNormal, randomUniform } from "../engine/create.ts"
import { minimum, mod } from "../engine/ops/elementwise.ts"
import type { Tensor } from "../engine/tensor.ts"
import { type Module, variables } from "../nn/module.ts"
import type { Objective } from "../train/objective.ts"
import type { Denoiser, Network } from "./denoiser.ts"

/** Options of {@link simple}. */
export interface SimpleOptions {
  /**
   * How times are drawn: `uniform`, each by itself, or `stratified`, one from each of `batch` equal parts of 1 ... T.
   * Both are uniform; the second has less variance. Source: Kingma et al. 2021, appendix I.1.
   */
  readonly times?: "uniform" | "stratified"
}

/** Times `[batch]` (int32, 1 ... T), uniform each, from equal parts of the range together. */
function stratifiedTimes(batch: number, steps: number): Tensor {
  const shifted = randomUniform([1]).add(arange(batch, "float32").mul(1 / batch))
  return minimum(mod(shifted, 1).mul(steps), steps - 1)
    .cast("int32")
    .add(1)
}

/**
 * The simplified objective: E || target - network(x_t, t) ||^2 over uniform times and noise, as a mean over elements.
 * The target is eps, x0 or v, as the denoiser says. Source: Ho et al. 2020, equation 14.
 */
export function simple(model: Denoiser<Network & Module>, { times = "uniform" }: SimpleOptions = {}): Objective {
  return {
    variables: variables(model.network),
    loss: ({ x, y }) => {
      const [batch] = x.shape
      const { steps } = model.process
      const t = times === "uniform" ? randomInteger([batch], steps).add(1) : stratifiedTimes(batch, steps)
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
