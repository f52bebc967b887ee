/** Which noise levels a sampler visits: some of the process's times, or levels spaced by a formula. */
import { beta } from "../../../stats/laws/beta.ts"

/**
 * `trailing`, `leading` and `linspace` choose whole times (Lin et al. 2023, table 2): the ends of N equal parts of
 * 1 ... T, their beginnings, or N evenly spaced times with both ends. `karras`, `exponential`, `beta` and
 * `lambda` (which is `exponential` by another name) choose levels of sigma / signal between the last and the first,
 * which may lie between two times.
 */
export type Spacing = TimeSpacing | LevelSpacing

/** Spacings of whole times. */
export type TimeSpacing = "trailing" | "leading" | "linspace"

/** Spacings of levels by a formula. */
export type LevelSpacing = "karras" | "exponential" | "beta" | "lambda"

/** All spacings, by name. */
export const spacings: readonly Spacing[] = [
  "trailing",
  "leading",
  "linspace",
  "karras",
  "exponential",
  "beta",
  "lambda",
]

/** Whether levels are spaced by a formula, not chosen among the whole times. */
export function isByLevel(spacing: Spacing): spacing is LevelSpacing {
  return spacing === "karras" || spacing === "exponential" || spacing === "beta" || spacing === "lambda"
}

/** Nearest whole number, halves to the even one, as NumPy and Python round. */
export function roundHalfEven(x: number): number {
  const low = Math.floor(x)
  const rest = x - low
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low
}

/** `count` numbers from `start` to `end`, evenly spaced; only `start` for a count of 1. */
export function evenly(start: number, end: number, count: number): number[] {
  const step = count > 1 ? (end - start) / (count - 1) : 0
  return Array.from({ length: count }, (_, i) => (i === count - 1 && count > 1 ? end : start + i * step))
}

/** `count` times from T down to 1, evenly spaced: the ends of equal parts of 1 ... T. */
export function respaced(total: number, count: number): number[] {
  checkCount(total, count)
  return Array.from({ length: count }, (_, i) => roundHalfEven(((count - i) * total) / count))
}

/**
 * `count` whole times of 1 ... `total`, falling.
 *
 * @throws RangeError when there are more than times, or an offset leads out of them.
 */
export function timesOf(total: number, count: number, spacing: TimeSpacing = "trailing", offset = 0): number[] {
  checkCount(total, count)
  if (spacing !== "leading" && offset !== 0)
    throw new RangeError(
      `sampler: got an offset of ${offset} with ${spacing} times, expected it with leading ones alone`,
    )
  if (spacing === "trailing") return respaced(total, count)
  if (spacing === "linspace") return evenly(total - 1, 0, count).map((t) => 1 + roundHalfEven(t))
  const part = Math.floor(total / count)
  const times = Array.from({ length: count }, (_, i) => 1 + (count - 1 - i) * part + offset)
  if (!(Number.isInteger(offset) && offset >= 0 && times[0] <= total))
    throw new RangeError(
      `sampler: an offset of ${offset} leads to time ${times[0]}, expected 0 or more and at most ${total} (a smaller offset)`,
    )
  return times
}

function checkCount(total: number, count: number): void {
  if (!(Number.isInteger(count) && count >= 1 && count <= total))
    throw new RangeError(`sampler: got ${count} steps, expected a whole number from 1 to ${total}`)
}

/** Options of {@link levelsOf}. */
export interface LevelOptions {
  /** Karras' exponent: the larger, the more levels lie near the clean end. */
  readonly rho?: number
  /** Both shapes of the beta law. */
  readonly shape?: number
}

/**
 * `count` levels falling from `most` to `least`, both included.
 * karras: (most^(1/rho) + u (least^(1/rho) - most^(1/rho)))^rho with u from 0 to 1 (Karras et al. 2022, equation 5).
 * exponential: the logarithm falls evenly, so log(signal / sigma) rises evenly (Lu et al. 2022 call it uniform logSNR).
 * beta: least + (most - least) q(1 - u), q the quantile of the beta law (Lee et al. 2024).
 */
export function levelsOf(
  count: number,
  spacing: LevelSpacing,
  most: number,
  least: number,
  { rho = 7, shape = 0.6 }: LevelOptions = {},
): number[] {
  if (spacing === "exponential" || spacing === "lambda")
    return evenly(Math.log(most), Math.log(least), count).map(Math.exp)
  if (spacing === "karras") {
    const [high, low] = [most ** (1 / rho), least ** (1 / rho)]
    return evenly(0, 1, count).map((u) => (high + u * (low - high)) ** rho)
  }
  const law = beta({ alpha: shape, beta: shape })
  return evenly(0, 1, count).map((u) => least + law.quantile(1 - u) * (most - least))
}
