/** Ancestral sampling: the reverse Markov chain of DDPM. */
import type { Denoiser, Variance } from "../denoiser.ts"
import { mix, symbols } from "./plan/form.ts"
import { between } from "./plan/grid.ts"
import { type PathOptions, pathOf, type Target } from "./plan/path.ts"
import { type Ask, clockOf, type Plan, question, reachedBy } from "./plan/plan.ts"
import { runPlan, type SamplerOptions, type SampleStep } from "./sampler.ts"

/** Options of {@link ddpm}. */
export interface AncestralOptions extends SamplerOptions, PathOptions {
  /**
   * `small` is the posterior's variance (right where the data are one point), `large` the forward one (right where they
   * are standard normal). `learned` and `direct` are the network's, from the second half of its channels: the variance's
   * place between the logarithms of `small` (-1) and `large` (1), or the variance itself. The denoiser's unless given.
   */
  readonly variance?: Variance | "direct"
}

/** The plan of {@link ddpm}. */
export function ddpmPlan(
  target: Target,
  { variance = target.variance ?? "small", steps = target.process.steps, ...path }: AncestralOptions = {},
): Plan {
  const grid = pathOf("ddpm", target, { ...path, steps })
  const isCompat = path.compat === "diffusers"
  const { kept, x0, z } = symbols(1)
  const asks = grid.moves.map((move): Ask => {
    const { from, to } = move
    const q = between(move, grid)
    // diffusers never lets a variance be 0, and leaves noise out only where the network is told time 0.
    const least = isCompat ? Math.max(q.variance, 1e-20) : q.variance
    const isClean = isCompat ? from.time === 0 : to.sigma === 0
    const isRead = variance === "learned" || variance === "direct"
    const spread = isClean ? 0 : isRead ? 1 : grid.arithmetic.sqrt(variance === "small" ? least : q.forward)
    return {
      ...question(target, grid, from, kept[0]),
      next: [mix([q.x0, x0], [q.xt, kept[0]], [spread, z])],
      reached: reachedBy(to.time, grid.clock),
      ...(variance === "learned" && !isClean && { range: { least: Math.log(least), most: Math.log(q.forward) } }),
      ...(variance === "direct" && !isClean && { isVarianceRead: true }),
    }
  })
  return { name: "ddpm", buffers: 1, start: grid.start, clock: clockOf(target, grid), asks, noised: grid.noised }
}

/**
 * x_s ~ N(posterior mean of (x0, x_t), variance), from the noisiest time down to the data; no noise in the last step.
 * With a = signal_t / signal_s and beta = sigma_t^2 - a^2 sigma_s^2 the mean is
 * (signal_s beta x0 + a sigma_s^2 x_t) / sigma_t^2 and the smaller variance (sigma_s / sigma_t)^2 beta.
 * Source: Ho et al. 2020, algorithm 2, with the posterior between any two times; Nichol and Dhariwal 2021, equation 15.
 */
export function ddpm(model: Denoiser, options: AncestralOptions = {}): AsyncGenerator<SampleStep> {
  return runPlan(model, ddpmPlan(model, options), options)
}
