/** DDIM: the sampler that needs few steps and, with eta 0, no noise but the first. */
import type { Denoiser } from "../denoiser.ts"
import { mix, symbols } from "./plan/form.ts"
import { between } from "./plan/grid.ts"
import { type PathOptions, pathOf, type Target } from "./plan/path.ts"
import { type Ask, clockOf, impliedNoise, type Plan, question, reachedBy } from "./plan/plan.ts"
import { runPlan, type SamplerOptions, type SampleStep } from "./sampler.ts"

/** Options of {@link ddim}. */
export interface DdimOptions extends SamplerOptions, PathOptions {
  /** 0 is deterministic, 1 has the variance of ancestral sampling. */
  readonly eta?: number
  /** Whether eps is the one that belongs to the bounded x0; else as the network says it. With `compat` it is not. */
  readonly rederive?: boolean
}

/** The plan of {@link ddim}. */
export function ddimPlan(
  target: Target,
  {
    eta = 0,
    steps = Math.min(50, target.process.steps),
    compat = null,
    rederive = compat !== "diffusers",
    ...path
  }: DdimOptions = {},
): Plan {
  if (!(eta >= 0 && eta <= 1)) throw new RangeError(`ddim: got eta ${eta}, expected a number from 0 to 1`)
  const grid = pathOf("ddim", target, { ...path, compat, steps })
  const { round: f, sqrt } = grid.arithmetic
  const own = symbols(1)
  const { kept, x0, z } = own
  const asks = grid.moves.map((move): Ask => {
    const { from, to } = move
    const { variance } = between(move, grid)
    // A step that goes back up, as diffusers takes some, has no variance.
    const sigma = eta === 0 ? 0 : f(eta * sqrt(Math.max(0, variance)))
    const before = compat === "diffusers" ? f(1 - to.alphaBar) : to.sigma ** 2
    const direction = sqrt(Math.max(0, f(before - f(sigma ** 2))))
    const eps = rederive ? impliedNoise(own, kept[0], from.signal, from.sigma) : own.eps
    return {
      ...question(target, grid, from, kept[0]),
      next: [mix([to.signal, x0], [direction, eps], [sigma, z])],
      reached: reachedBy(to.time, grid.clock),
    }
  })
  return { name: "ddim", buffers: 1, start: grid.start, clock: clockOf(target, grid), asks, noised: grid.noised }
}

/**
 * x_s = signal_s x0 + sqrt(sigma_s^2 - sigma^2) eps + sigma z with
 * sigma^2 = eta^2 (sigma_s / sigma_t)^2 (sigma_t^2 - (signal_t / signal_s)^2 sigma_s^2), which for a schedule is
 * eta^2 (1 - abar_s) / (1 - abar_t) (1 - abar_t / abar_s). s is the next time of the path (diffusers takes
 * t - floor(T / N) instead; `compat` does too). eps is the one that belongs to the clipped x0.
 * Source: Song et al. 2021, equations 12 and 16.
 */
export function ddim(model: Denoiser, options: DdimOptions = {}): AsyncGenerator<SampleStep> {
  return runPlan(model, ddimPlan(model, options), options)
}
