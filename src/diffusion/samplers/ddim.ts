/** DDIM: the sampler that needs few steps and, with eta 0, no noise but the first. */
import type { Denoiser } from "../denoiser.ts"
import { runSampler, type SamplerOptions, type SampleStep } from "./sampler.ts"

/** Options of {@link ddim}. */
export interface DdimOptions extends SamplerOptions {
  /** 0 is deterministic, 1 has the variance of ancestral sampling. */
  readonly eta?: number
}

/**
 * x_s = sqrt(abar_s) x0 + sqrt(1 - abar_s - sigma^2) eps + sigma z with
 * sigma = eta sqrt((1 - abar_s) / (1 - abar_t) (1 - abar_t / abar_s)). eps is the one that belongs to the clipped x0.
 * Source: Song et al. 2021, equations 12 and 16.
 */
export function ddim(
  model: Denoiser,
  { eta = 0, steps = Math.min(50, model.process.steps), ...options }: DdimOptions = {},
): AsyncGenerator<SampleStep> {
  if (!(eta >= 0 && eta <= 1)) throw new RangeError(`ddim: got eta ${eta}, expected a number from 0 to 1`)
  return runSampler(
    model,
    (t, s) => {
      const [at, as] = [model.process.alphaBar(t), model.process.alphaBar(s)]
      const sigma = eta * Math.sqrt(((1 - as) / (1 - at)) * (1 - at / as))
      return { x0: Math.sqrt(as), xt: 0, eps: Math.sqrt(Math.max(0, 1 - as - sigma * sigma)), noise: sigma }
    },
    { ...options, steps },
  )
}
