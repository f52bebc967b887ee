/** Ancestral sampling: the reverse Markov chain of DDPM. */
import type { Denoiser } from "../denoiser.ts"
import { runSampler, type SamplerOptions, type SampleStep } from "./sampler.ts"

/** Options of {@link ddpm}. */
export interface AncestralOptions extends SamplerOptions {
  /** `small` is the posterior's variance (right where the data are one point), `large` the forward one (right where they are standard normal). */
  readonly variance?: "small" | "large"
}

/**
 * x_s ~ N(posterior mean of (x0, x_t), sigma^2), from T down to 0; no noise in the last step.
 * Source: Ho et al. 2020, algorithm 2, with the posterior between any two times.
 */
export function ddpm(
  model: Denoiser,
  { variance = "small", ...options }: AncestralOptions = {},
): AsyncGenerator<SampleStep> {
  return runSampler(
    model,
    (t, s) => {
      const q = model.process.posterior(t, s)
      const spread = s === 0 ? 0 : Math.sqrt(variance === "small" ? q.variance : q.forwardVariance)
      return { x0: q.x0Weight, xt: q.xtWeight, eps: 0, noise: spread }
    },
    options,
  )
}
