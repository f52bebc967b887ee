/** What a denoiser is trained on: squared errors, weighed by time. */
import { randomNormal } from "../engine/create.ts"
import type { Tensor, Variable } from "../engine/tensor.ts"
import { type Module, variables } from "../nn/module.ts"
import type { Objective } from "../train/objective.ts"
import type { Denoiser, Network } from "./denoiser.ts"
import { perSample } from "./denoiser-reverse.ts"
import { type TimeDraw, type Times, timeDraw } from "./objective-times.ts"
import type { Weighting } from "./objective-weight.ts"

/** Options of {@link simple}. */
export interface SimpleOptions {
  readonly times?: Times
}

/** Options of {@link weighted}. */
export interface WeightedOptions extends SimpleOptions {
  /** Weight of a squared error of x0 by the signal-to-noise ratio; without one, 1 for that of the network's own output. */
  readonly weight?: Weighting | null
}

/** The loss of each sample, `[batch]`, at times `[batch]`. */
export type SampleLoss = (x0: Tensor, t: Tensor, labels?: Tensor, given?: Tensor) => Tensor

/** The mean of sample losses over drawn times; what draws them and the network are saved together. */
export function overTimes(
  network: Module,
  draw: TimeDraw,
  lossOf: SampleLoss | ((x0: Tensor, t: Tensor, labels?: Tensor, given?: Tensor) => SampleTerms),
): Objective {
  const all: ReadonlyMap<string, Variable> = new Map([...variables(network), ...draw.variables])
  return {
    variables: all,
    loss: ({ x, y, given }) => {
      const { t, weight, learn } = draw.draw(x.shape[0])
      const found = lossOf(x, t, y, given)
      const { total, terms = {} } = "total" in found ? found : { total: found }
      learn?.(total)
      const mean = (each: Tensor): Tensor => (weight === undefined ? each : each.mul(weight)).mean()
      return {
        total: mean(total),
        terms: Object.fromEntries(Object.entries(terms).map(([name, each]) => [name, mean(each)])),
      }
    },
  }
}

/** The loss of each sample with its parts, all `[batch]`. */
export interface SampleTerms {
  readonly total: Tensor
  readonly terms?: Readonly<Record<string, Tensor>>
}

/** The mean of each sample's numbers: `[batch, ...] -> [batch]`. */
export function meanPerSample(x: Tensor): Tensor {
  const count = x.shape.slice(1).reduce((n, d) => n * d, 1)
  return perSample(x).mul(1 / count)
}

/**
 * The simplified objective: E || target - network(x_t, t) ||^2 over uniform times and noise, as a mean over elements.
 * The target is eps, x0, v, velocity or EDM's, as the denoiser says: with eps it is DDPM's, with velocity and the `flow`
 * process conditional flow matching. Source: Ho et al. 2020, equation 14; Lipman et al. 2023, equation 9.
 *
 * @example train(simple(denoiser(network, gaussian(cosine()), { predict: "v" })), loader(images))
 * @throws RangeError for `loss-aware` times of a process in continuous time.
 */
export function simple(model: Denoiser<Network & Module>, { times = "uniform" }: SimpleOptions = {}): Objective {
  return weighted(model, { times })
}

/**
 * E w(snr) || x0 - prediction of x0 ||^2 over times and noise, as a mean over elements, for any prediction: the error of
 * the network's own output times w and the factor between the two.
 *
 * @example weighted(model, { weight: minSnr(5) })
 * @throws RangeError for `loss-aware` times of a process in continuous time.
 */
export function weighted(
  model: Denoiser<Network & Module>,
  { times = "uniform", weight = null }: WeightedOptions = {},
): Objective {
  return overTimes(model.network, timeDraw(model.process, times), (x0, t, labels, given) => {
    const eps = randomNormal(x0.shape)
    const level = model.level(t, x0.rank)
    const { signal, sigma } = level
    const xt = x0.mul(signal).add(eps.mul(sigma))
    const { output } = model.answer(xt, level, labels, given)
    const error = meanPerSample(output.sub(model.targetAt(x0, eps, level)).square())
    if (weight === null) return error
    return error.mul(weight(signal.div(sigma).square()).mul(model.gain(level)).reshape(error.shape))
  })
}
