/** Raising the noise level before a step, as EDM's sampler does. */
import { type Grid, type Level, levelAt, type Move, timeAt } from "./grid.ts"
import type { Target } from "./path.ts"

/** Options of stochastic samplers in the way of EDM. Levels are sigma / signal. */
export interface Churn {
  /** How much noise is added over all steps (S_churn): each raises its level by churn / N, at most sqrt(2) - 1 of it. */
  readonly churn?: number | undefined
  /** Noise is added at levels from here on (S_tmin). */
  readonly churnMin?: number | undefined
  /** Noise is added at levels up to here (S_tmax). */
  readonly churnMax?: number | undefined
  /** Standard deviation of the added noise, as a multiple of what the level asks for (S_noise). */
  readonly churnNoise?: number | undefined
}

/**
 * The raised level and the weight of fresh noise in y = x / signal that raises it; null where nothing is added.
 * The level becomes r (1 + min(churn / N, sqrt(2) - 1)), at most that of the last time.
 */
export function churned(
  { process }: Target,
  { moves, isScaled, clock }: Grid,
  { from }: Move,
  { churn = 0, churnMin = 0, churnMax = Number.POSITIVE_INFINITY, churnNoise = 1 }: Churn,
): { level: Level; added: number } | null {
  if (!(churn >= 0 && churnMin >= 0 && churnMax >= churnMin && churnNoise >= 0))
    throw new RangeError(
      `churn: got churn ${churn}, churnMin ${churnMin}, churnMax ${churnMax}, churnNoise ${churnNoise}, expected none below 0 and churnMin <= churnMax`,
    )
  const gamma = from.ratio >= churnMin && from.ratio <= churnMax ? Math.min(churn / moves.length, Math.SQRT2 - 1) : 0
  if (gamma === 0) return null
  if (clock === "network" && isScaled) throw new RangeError("churn: a path of EDM's classes adds no noise (no churn)")
  const ratio = from.ratio * (1 + gamma)
  if (!isScaled) return { level: { ...from, ratio }, added: churnNoise * Math.sqrt(ratio ** 2 - from.ratio ** 2) }
  const most = levelAt(process, process.steps).ratio
  if (!Number.isFinite(from.ratio))
    throw new RangeError("churn: no signal is left at the first time, so noise cannot be added to it (churnMax)")
  const raised = Math.min(ratio, most)
  if (raised <= from.ratio) return null
  const level = levelAt(process, timeAt(process, raised))
  return { level, added: churnNoise * Math.sqrt(level.ratio ** 2 - from.ratio ** 2) }
}
