/** Euler's method on the probability flow, with fresh noise between steps if asked for. */
import type { Denoiser } from "../denoiser.ts"
import { type Churn, churned, heardBefore } from "./plan/churn.ts"
import { type Form, mix, symbols } from "./plan/form.ts"
import { type Level, remaining } from "./plan/grid.ts"
import { type PathOptions, pathOf, type Target } from "./plan/path.ts"
import { type Ask, clockOf, type Plan, question, reachedBy } from "./plan/plan.ts"
import { runPlan, type SamplerOptions, type SampleStep } from "./sampler.ts"

/** Options of {@link euler}. */
export interface EulerOptions extends SamplerOptions, PathOptions, Churn {}

/** The plan of {@link euler}. */
export function eulerPlan(
  target: Target,
  { steps = Math.min(50, target.process.steps), churn, churnMin, churnMax, churnNoise, ...path }: EulerOptions = {},
): Plan {
  const grid = pathOf("euler", target, { ...path, steps })
  const own = symbols(1)
  const { kept, x0, z } = own
  const unit = (level: Level): number => (grid.isScaled ? level.signal : 1)
  const asks = grid.moves.map((move): Ask => {
    const { from, to } = move
    const reached = reachedBy(to.time, grid.clock)
    const noisy = churned(target, grid, move, { churn, churnMin, churnMax, churnNoise })
    if (noisy === null) {
      // y' = y + (r' - r) (y - x0) / r for y = x / signal and r = sigma / signal, put so that no signal is no trouble.
      const left = remaining(from, to, grid)
      const ofX = grid.clock === "network" ? left : to.sigma / from.sigma
      return {
        ...question(target, grid, from, kept[0]),
        next: [mix([ofX, kept[0]], [unit(to) * (1 - left), x0])],
        reached,
      }
    }
    const { level, added } = noisy
    const left = remaining(level, to, grid)
    const y = mix([1 / unit(from), kept[0]], [added, z])
    const step = (clean: Form): Form => mix([unit(to) * left, y], [unit(to) * (1 - left), clean])
    if (grid.clock === "process")
      return { ...question(target, grid, level, mix([unit(level), y])), next: [step(x0)], reached }
    return { ...question(target, grid, from, kept[0]), next: [step(heardBefore(own, grid, from, level, y))], reached }
  })
  return { name: "euler", buffers: 1, start: grid.start, clock: clockOf(target, grid), asks, noised: grid.noised }
}

/**
 * With y = x / signal and r = sigma / signal: y' = y + (r' - r) (y - x0) / r, the step of Euler on dy/dr = (y - x0) / r,
 * which is DDIM without noise. With `churn` the level is first raised by fresh noise (Karras et al. 2022, algorithm 2
 * without its correction). Error: first order.
 */
export function euler(model: Denoiser, options: EulerOptions = {}): AsyncGenerator<SampleStep> {
  return runPlan(model, eulerPlan(model, options), options)
}
