/** Raising the noise level before a step, as EDM's sampler does. */
import { type Form, mix, type Symbols } from "./form.ts"
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
  { moves, clock, arithmetic: { round: f, sqrt }, churned: count = moves.length }: Grid,
  { from }: Move,
  { churn = 0, churnMin = 0, churnMax = Number.POSITIVE_INFINITY, churnNoise = 1 }: Churn,
): { level: Level; added: number } | null {
  if (!(churn >= 0 && churnMin >= 0 && churnMax >= churnMin && churnNoise >= 0))
    throw new RangeError(
      `churn: got churn ${churn}, churnMin ${churnMin}, churnMax ${churnMax}, churnNoise ${churnNoise}, expected none below 0 and churnMin <= churnMax`,
    )
  const gamma = from.ratio >= churnMin && from.ratio <= churnMax ? Math.min(churn / count, Math.SQRT2 - 1) : 0
  if (gamma === 0) return null
  const ratio = f(from.ratio * f(1 + gamma))
  if (clock === "network")
    return { level: { ...from, ratio }, added: churnNoise * sqrt(f(f(ratio ** 2) - f(from.ratio ** 2))) }
  const most = levelAt(process, process.steps).ratio
  if (!Number.isFinite(from.ratio))
    throw new RangeError("churn: no signal is left at the first time, so noise cannot be added to it (churnMax)")
  const raised = Math.min(ratio, most)
  if (raised <= from.ratio) return null
  const level = levelAt(process, timeAt(process, raised))
  return { level, added: churnNoise * Math.sqrt(level.ratio ** 2 - from.ratio ** 2) }
}

/**
 * x0 as diffusers' steps have it after noise was added: they ask at the level before, and take the answer for that of
 * the noisy sample y (but read v by the level before).
 */
export function heardBefore({ kept, x0 }: Symbols, { scales }: Grid, from: Level, raised: Level, y: Form): Form {
  if (scales === undefined) throw new RangeError("churn: this path has no way to add noise after a question (no churn)")
  const [before, after] = [scales(from), scales(from, raised)].map((s) => s.x0)
  // The output is what x0 holds besides the sample.
  const share = after[1] / before[1]
  return mix([after[0], y], [share, x0], [-share * before[0], kept[0]])
}
