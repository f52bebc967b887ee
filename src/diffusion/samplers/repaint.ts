/** RePaint's resampling: ancestral sampling that goes back up and down again. */
import type { Denoiser } from "../denoiser.ts"
import type { AncestralOptions } from "./ancestral.ts"
import { mix, symbols } from "./plan/form.ts"
import { between } from "./plan/grid.ts"
import { pathOf, type Target } from "./plan/path.ts"
import { type Ask, clockOf, type Plan, question, reachedBy } from "./plan/plan.ts"
import { runPlan, type SampleStep } from "./sampler.ts"

/** Options of {@link repaint}. */
export interface RepaintOptions extends Omit<AncestralOptions, "variance" | "compat"> {
  readonly variance?: "small" | "large"
  /** Steps that are gone back at a time. */
  readonly jump?: number
  /** How often each stretch of that many steps is taken: 1 is ancestral sampling. */
  readonly repeats?: number
}

/** The plan of {@link repaint}. */
export function repaintPlan(
  target: Target,
  {
    variance = target.variance === "large" ? "large" : "small",
    steps = Math.min(50, target.process.steps),
    jump = Math.max(1, Math.round(steps / 25)),
    repeats = 10,
    ...path
  }: RepaintOptions = {},
): Plan {
  for (const [name, value] of Object.entries({ jump, repeats }))
    if (!(Number.isInteger(value) && value >= 1))
      throw new RangeError(`repaint: got ${name} ${value}, expected a whole number from 1`)
  const grid = pathOf("ddpm", target, { ...path, steps })
  const { kept, x0, z } = symbols(1)
  const { moves } = grid
  const asks: Ask[] = []
  /** The step of move k, which then goes back up to where move `up` begins. */
  const ask = (k: number, up: number | null): Ask => {
    const move = moves[k]
    const q = between(move, grid)
    const spread = move.to.sigma === 0 ? 0 : variance === "small" ? q.variance : q.forward
    if (up === null) {
      return {
        ...question(target, grid, move.from, kept[0]),
        next: [mix([q.x0, x0], [q.xt, kept[0]], [Math.sqrt(spread), z])],
        reached: reachedBy(move.to.time, grid.clock),
      }
    }
    // Down by one Gaussian and up by another is one Gaussian.
    const top = moves[up].from
    const ratio = top.signal / move.to.signal
    const added = Math.max(0, top.sigma ** 2 - (ratio * move.to.sigma) ** 2)
    return {
      ...question(target, grid, move.from, kept[0]),
      next: [mix([ratio * q.x0, x0], [ratio * q.xt, kept[0]], [Math.sqrt(ratio ** 2 * spread + added), z])],
      reached: null,
    }
  }
  for (let from = 0; from < moves.length; from += jump) {
    const end = Math.min(moves.length, from + jump)
    for (let r = 1; r <= repeats; r++) {
      const isLast = r === repeats
      for (let k = from; k < end; k++) {
        const isTurn = k === end - 1 && !isLast
        const step = ask(k, isTurn ? from : null)
        asks.push(isLast ? step : { ...step, reached: null })
      }
    }
  }
  return { name: "repaint", buffers: 1, start: grid.start, clock: clockOf(target, grid), asks, noised: grid.noised }
}

/**
 * Ancestral sampling in which every stretch of `jump` steps is taken `repeats` times, each time from the samples noised
 * again to where it began: x_t = a x_s + sqrt(sigma_t^2 - a^2 sigma_s^2) z with a = signal_t / signal_s. For {@link inpainted}
 * denoisers: what fills the hole gets to see, several times at each level, what is around it. The network is asked
 * `steps` times `repeats`. Source: Lugmayr et al. 2022, algorithm 1 (jump 10 of 250 steps, 10 repeats).
 */
export function repaint(model: Denoiser, options: RepaintOptions = {}): AsyncGenerator<SampleStep> {
  return runPlan(model, repaintPlan(model, options), options)
}
