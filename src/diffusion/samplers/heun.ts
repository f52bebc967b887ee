/** Heun's method on the probability flow: EDM's sampler, stochastic if asked for. */
import type { Denoiser } from "../denoiser.ts"
import { type Churn, churned } from "./plan/churn.ts"
import { type Form, mix, symbols } from "./plan/form.ts"
import type { Level } from "./plan/grid.ts"
import { type PathOptions, pathOf, type Target } from "./plan/path.ts"
import { type Ask, clockOf, type Plan, question, reachedBy, straight } from "./plan/plan.ts"
import { runPlan, type SamplerOptions, type SampleStep } from "./sampler.ts"

/** Options of {@link heun}. */
export interface HeunOptions extends SamplerOptions, PathOptions, Churn {}

/** The plan of {@link heun}. */
export function heunPlan(
  target: Target,
  { steps = Math.min(25, target.process.steps), churn, churnMin, churnMax, churnNoise, ...path }: HeunOptions = {},
): Plan {
  const grid = pathOf("heun", target, { ...path, steps })
  const { straight: count = 0 } = grid
  if (!Number.isFinite(grid.moves[count].from.ratio))
    throw new RangeError(
      "heun: no signal is left at the first time, where the flow has no slope (sigmaMax 80, or ddim or dpmSolver)",
    )
  const own = symbols(2)
  const { kept, x0, z } = own
  const unit = (level: Level): number => (grid.isScaled ? level.signal : 1)
  const slope = (y: Form, { ratio }: Level): Form => mix([1 / ratio, y], [-1 / ratio, x0])
  const asks = grid.moves.flatMap((move, k): Ask[] => {
    const { from, to } = move
    const reached = reachedBy(to.time, grid.clock)
    if (k < count) {
      const { end, ...asked } = straight(target, grid, move, own, kept[0])
      return [{ ...asked, next: [end, kept[1]], reached }]
    }
    const noisy = churned(target, grid, move, { churn, churnMin, churnMax, churnNoise })
    const start = noisy?.level ?? from
    const y = mix([1 / unit(from), kept[0]], [noisy?.added ?? 0, z])
    const width = grid.arithmetic.round(to.ratio - start.ratio)
    const predicted = mix([unit(to), y], [unit(to) * width, slope(y, start)])
    const first: Ask = {
      ...question(target, grid, start, mix([unit(start), y])),
      // The second array is y and half of the first slope.
      next: [predicted, mix([1, y], [width / 2, slope(y, start)])],
      reached: null,
    }
    if (to.sigma === 0) return [{ ...first, reached }]
    const there = mix([1 / unit(to), kept[0]])
    const second: Ask = {
      ...question(target, grid, to, kept[0]),
      next: [mix([unit(to), kept[1]], [(unit(to) * width) / 2, slope(there, to)]), kept[1]],
      reached,
    }
    return [first, second]
  })
  return { name: "heun", buffers: 2, start: grid.start, clock: clockOf(target, grid), asks, noised: grid.noised }
}

/**
 * With y = x / signal and r = sigma / signal: a step of Euler to the next level, and there the mean of the two slopes
 * (y - x0) / r; the last step, to the data, is Euler's. The network is asked twice a step. With `churn` the level is
 * first raised by fresh noise. Error: second order. Levels are Karras', from 80 down and with one straight step to there,
 * unless `spacing` or `sigmaMax` is given; they want ten steps or more.
 * Source: Karras et al. 2022, algorithms 1 and 2.
 */
export function heun(model: Denoiser, options: HeunOptions = {}): AsyncGenerator<SampleStep> {
  return runPlan(model, heunPlan(model, options), options)
}
