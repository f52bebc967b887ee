/** Euler's method to below the next level, and fresh noise up to it. */
import type { Denoiser } from "../denoiser.ts"
import { type Form, mix, symbols } from "./plan/form.ts"
import { remaining } from "./plan/grid.ts"
import { type PathOptions, pathOf, type Target } from "./plan/path.ts"
import { type Ask, clockOf, type Plan, question, reachedBy } from "./plan/plan.ts"
import { runPlan, type SamplerOptions, type SampleStep } from "./sampler.ts"

/** Options of {@link eulerAncestral}. */
export interface EulerAncestralOptions extends SamplerOptions, PathOptions {
  /** Share of the fresh noise: 0 is Euler's method, 1 has the variance of the posterior. */
  readonly eta?: number
}

/** The plan of {@link eulerAncestral}. */
export function eulerAncestralPlan(
  target: Target,
  { eta = 1, steps = Math.min(50, target.process.steps), ...path }: EulerAncestralOptions = {},
): Plan {
  if (!(eta >= 0 && eta <= 1)) throw new RangeError(`eulerAncestral: got eta ${eta}, expected a number from 0 to 1`)
  const grid = pathOf("ancestral", target, { ...path, steps })
  const { round: f, sqrt } = grid.arithmetic
  const { kept, x0, z } = symbols(1)
  const asks = grid.moves.map(({ from, to }): Ask => {
    let next: Form
    if (grid.clock === "network") {
      // The variance of what is added and of what is left, in others' order of operations.
      const [high, low] = [f(from.ratio ** 2), f(to.ratio ** 2)]
      const up = f(eta * sqrt(Math.max(0, f(f(low * f(high - low)) / high))))
      const down = { ...to, ratio: sqrt(Math.max(0, f(low - f(up ** 2)))) }
      const left = remaining(from, down, grid)
      next = mix([left, kept[0]], [1 - left, x0], [up, z])
    } else {
      // Shares of the next level, which stay finite where no signal is left.
      const step = remaining(from, to, grid)
      const up = Math.min(1, eta * Math.sqrt(Math.max(0, 1 - step ** 2)))
      const down = Math.sqrt(1 - up ** 2)
      next = mix([(down * to.sigma) / from.sigma, kept[0]], [to.signal * (1 - down * step), x0], [up * to.sigma, z])
    }
    return {
      ...question(target, grid, from, kept[0]),
      next: [next],
      reached: reachedBy(to.time, grid.clock),
    }
  })
  return {
    name: "eulerAncestral",
    buffers: 1,
    start: grid.start,
    clock: clockOf(target, grid),
    asks,
    noised: grid.noised,
  }
}

/**
 * With r = sigma / signal: up = eta sqrt(r'^2 (r^2 - r'^2) / r^2), down = sqrt(r'^2 - up^2), and
 * y' = y + (down - r) (y - x0) / r + up z for y = x / signal.
 * Source: Song et al. 2021 (DDIM), equation 16, in the form of Crowson's k-diffusion.
 */
export function eulerAncestral(model: Denoiser, options: EulerAncestralOptions = {}): AsyncGenerator<SampleStep> {
  return runPlan(model, eulerAncestralPlan(model, options), options)
}
