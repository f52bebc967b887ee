/** Predictor and corrector: ancestral steps, and Langevin steps at each level between them. */
import type { Denoiser } from "../denoiser.ts"
import { mix, symbols } from "./plan/form.ts"
import { between, type Level } from "./plan/grid.ts"
import { type PathOptions, pathOf, type Target } from "./plan/path.ts"
import { type Ask, clockOf, type Plan, question, reachedBy } from "./plan/plan.ts"
import { runPlan, type SamplerOptions, type SampleStep } from "./sampler.ts"

/** Options of {@link predictorCorrector}. */
export interface PredictorCorrectorOptions extends SamplerOptions, PathOptions {
  /** Langevin steps at each level. */
  readonly corrections?: number
  /** Their signal-to-noise ratio: the larger, the longer the steps. */
  readonly snr?: number
}

/** The plan of {@link predictorCorrector}. */
export function predictorCorrectorPlan(
  target: Target,
  { corrections = 1, snr = 0.16, steps = Math.min(100, target.process.steps), ...path }: PredictorCorrectorOptions = {},
): Plan {
  if (!(Number.isInteger(corrections) && corrections >= 0))
    throw new RangeError(`predictorCorrector: got ${corrections} corrections, expected a whole number from 0`)
  if (!(snr > 0)) throw new RangeError(`predictorCorrector: got snr ${snr}, expected a number above 0`)
  if (path.compat === "diffusers")
    throw new RangeError("predictorCorrector: there is no such path of diffusers' to follow (no compat)")
  const grid = pathOf("ddpm", target, { ...path, steps })
  const { kept, x0, eps, z } = symbols(1)
  const asks = grid.moves.flatMap((move): Ask[] => {
    const { from, to } = move
    const q = between(move, grid)
    const ask = (at: Level, next: Ask["next"]): Ask => ({
      ...question(target, grid, at, kept[0]),
      next,
      reached: null,
    })
    const end = reachedBy(to.time, grid.clock)
    const isLast = to.sigma === 0
    const predictor = ask(from, [mix([q.x0, x0], [q.xt, kept[0]], [isLast ? 0 : Math.sqrt(q.forward), z])])
    // x + e s + sqrt(2 e) z with the score s = -eps / sigma and e = 2 a (snr |z| / |s|)^2: |z| / |eps| is put in later.
    const kept2 = (from.signal / to.signal) ** 2
    const step = Math.sqrt(Math.min(1, Math.max(kept2, 0)))
    const corrector = {
      ...ask(to, [mix([1, kept[0]], [-2 * kept2 * snr ** 2 * to.sigma, eps], [2 * snr * step * to.sigma, z])]),
      isAdapted: true,
    }
    const all = isLast ? [predictor] : [predictor, ...Array.from({ length: corrections }, () => corrector)]
    return [...all.slice(0, -1), { ...all[all.length - 1], reached: end }]
  })
  return {
    name: "predictorCorrector",
    buffers: 1,
    start: grid.start,
    clock: clockOf(target, grid),
    asks,
    noised: grid.noised,
  }
}

/**
 * An ancestral step with the forward variance, then at the new level Langevin steps
 * x + e score + sqrt(2 e) z, e = 2 a (snr |z| / |score|)^2, with a = (signal_t / signal_s)^2 of the step (1 where the
 * signal stays as it is). The norms are each sample's own, not the batch's mean as in the paper's code, so a sample does
 * not depend on the others. The network is asked 1 + `corrections` times a step, once in the last.
 * Source: Song et al. 2021 (score SDE), algorithms 2 to 5.
 */
export function predictorCorrector(
  model: Denoiser,
  options: PredictorCorrectorOptions = {},
): AsyncGenerator<SampleStep> {
  return runPlan(model, predictorCorrectorPlan(model, options), options)
}
