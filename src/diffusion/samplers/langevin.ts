/** Langevin dynamics, annealed: many small steps up the score with noise, at one level after another. */
import type { Denoiser } from "../denoiser.ts"
import { mix, symbols } from "./plan/form.ts"
import { gridOf } from "./plan/grid.ts"
import type { Target } from "./plan/path.ts"
import { type Ask, clockOf, type Plan, question } from "./plan/plan.ts"
import type { Spacing } from "./plan/spacing.ts"
import { runPlan, type SamplerOptions, type SampleStep } from "./sampler.ts"

/** Options of {@link langevin}. */
export interface LangevinOptions extends SamplerOptions {
  /** Noise levels, from the process's last time to its first. */
  readonly steps?: number
  /** How they are spaced; `exponential`, as in the paper, unless given. */
  readonly spacing?: Spacing
  /** The largest sigma / signal: noisier levels are left out. */
  readonly sigmaMax?: number | null
  /** Langevin steps at each level. */
  readonly inner?: number
  /** Size of a step, as a share of the level's variance: in y = x / signal it is `stepSize` (sigma / signal)^2. */
  readonly stepSize?: number
  /** Whether the result is the denoised sample; else it keeps the trace of noise of the last level. */
  readonly denoise?: boolean
}

/** The plan of {@link langevin}. */
export function langevinPlan(
  target: Target,
  {
    steps = Math.min(10, target.process.steps),
    spacing = "exponential",
    sigmaMax,
    inner = 100,
    stepSize = 0.1,
    denoise = true,
  }: LangevinOptions = {},
): Plan {
  if (!(Number.isInteger(inner) && inner >= 1))
    throw new RangeError(`langevin: got inner ${inner}, expected a whole number from 1`)
  if (!(stepSize > 0 && stepSize < 4))
    throw new RangeError(
      `langevin: got stepSize ${stepSize}, expected a number above 0 and below 4, from where steps diverge`,
    )
  const grid = gridOf(target.process, { steps, spacing, sigmaMax })
  const { moves, start, noised } = grid
  const { kept, x0, eps, z } = symbols(1)
  const levels = moves.map((move) => move.from)
  if (!Number.isFinite(levels[0].ratio))
    throw new RangeError("langevin: no signal is left at the first time, where there is no level to begin with")
  const asks = levels.flatMap((level, k): Ask[] => {
    const { time, signal } = level
    const ask = (next: Ask["next"], reached: number | null): Ask => ({
      ...question(target, grid, level, mix([signal, kept[0]])),
      next,
      reached,
      shown: signal,
    })
    // With a = stepSize r^2 and the score -eps / r of y: y + a / 2 score + sqrt(a) z.
    const move = mix([1, kept[0]], [(-stepSize / 2) * level.ratio, eps], [Math.sqrt(stepSize) * level.ratio, z])
    const all = Array.from({ length: inner }, (_, i) => ask([move], i === inner - 1 ? time : null))
    const isDenoised = denoise && k === levels.length - 1
    if (!isDenoised) return all
    return [...all.slice(0, -1), { ...all[inner - 1], reached: null }, { ...ask([x0], 0), shown: 1 }]
  })
  return { name: "langevin", buffers: 1, start: start / levels[0].signal, clock: clockOf(target, grid), asks, noised }
}

/**
 * At each level y <- y + a / 2 score(y) + sqrt(a) z, `inner` times, with y = x / signal and a = `stepSize` r^2,
 * r = sigma / signal (the paper's a_i = epsilon r_i^2 / r_L^2 with `stepSize` = epsilon / r_L^2). At a level where the data
 * with their noise have variance v the samples come to have v / (1 - a / (4 v)): a bias of the order of a.
 * Source: Song and Ermon 2019, algorithm 1; the last denoising from Jolicoeur-Martineau et al. 2021.
 */
export function langevin(model: Denoiser, options: LangevinOptions = {}): AsyncGenerator<SampleStep> {
  return runPlan(model, langevinPlan(model, options), options)
}
