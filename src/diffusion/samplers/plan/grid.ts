/** The path of a sampler: noise levels from noisy to clean, and between which two each step moves. */
import { type Arithmetic, float64 } from "./arithmetic.ts"
import { isByLevel, levelsOf, type Spacing, timesOf } from "./spacing.ts"

/** What samplers ask of a process: the signal and the noise at whole times 0 ... T, and between them if it knows. */
export interface Levels {
  readonly steps: number
  readonly isContinuous?: boolean
  signal(t: number): number
  sigma(t: number): number
}

/** A noise level: x = signal x0 + sigma eps. */
export interface Level {
  readonly time: number
  readonly signal: number
  readonly sigma: number
  /** sigma / signal: the level of a process that leaves the signal as it is. */
  readonly ratio: number
  /** log(signal / sigma), half the logarithm of the signal-to-noise ratio. */
  readonly lambda: number
  /** signal^2 / (signal^2 + sigma^2). */
  readonly alphaBar: number
}

/** One step. */
export interface Move {
  readonly from: Level
  readonly to: Level
}

/** All steps of a sampler. */
export interface Grid {
  readonly moves: readonly Move[]
  readonly clock: "process" | "network"
  /** What a step's numbers are worked out in. */
  readonly arithmetic: Arithmetic
  /** Whether samples are kept in the process's scale, x; else as y = x / signal. */
  readonly isScaled: boolean
  /** The standard deviation of the first sample. */
  readonly start: number
  /** How many of the first moves are straight: {@link GridOptions.straightTo}. */
  readonly straight?: number
  /** Over how many steps noise is added, where it is not all of them. */
  readonly churned?: number
  /** Weights of x0 and of noise that make a sample of a time. */
  readonly noised: (time: number) => { readonly signal: number; readonly sigma: number }
  /**
   * How the network is asked, where it is not by what it predicts, and how its answer is heard of a sample that was
   * `raised` to a noisier level after the question.
   */
  readonly scales?: (level: Level, raised?: Level) => Scales
}

/** How a network is asked about a sample of a level, and what its answer says. */
export interface Scales {
  /** Its input is the sample divided by this. */
  readonly divisor: number
  /** x0 as weights of the sample and of the network's output. */
  readonly x0: readonly [sample: number, output: number]
}

/** How the path is chosen. */
export interface GridOptions {
  readonly steps: number
  /** See {@link Spacing}. */
  readonly spacing?: Spacing | undefined
  /** Added to `leading` times. */
  readonly offset?: number
  /** Where the last step ends: at the data, without noise, or at the process's first time, 1. */
  readonly final?: "zero" | "first"
  /** Exponent of `karras`. */
  readonly rho?: number
  /** Levels noisier than this sigma / signal are left out. */
  readonly sigmaMax?: number | null | undefined
  /** The first step goes to this sigma / signal, where the process begins with more, and the others are spaced from there. */
  readonly straightTo?: number | undefined
}

/** A level from its parts. */
export function level(time: number, signal: number, sigma: number): Level {
  const alphaBar = signal ** 2 / (signal ** 2 + sigma ** 2)
  return { time, signal, sigma, ratio: sigma / signal, lambda: Math.log(signal / sigma), alphaBar }
}

/** The level of a time; between the whole times of a schedule its angle, arctan(sigma / signal), is interpolated. */
export function levelAt(process: Levels, time: number): Level {
  if (time === 0) return level(0, process.signal(0), 0)
  if (process.isContinuous || Number.isInteger(time)) return level(time, process.signal(time), process.sigma(time))
  const low = Math.max(1, Math.floor(time))
  const [a, b] = [levelAt(process, low), levelAt(process, low + 1)]
  const part = time - low
  const angle = (1 - part) * Math.atan2(a.sigma, a.signal) + part * Math.atan2(b.sigma, b.signal)
  const size = (1 - part) * Math.hypot(a.signal, a.sigma) + part * Math.hypot(b.signal, b.sigma)
  return level(time, size * Math.cos(angle), size * Math.sin(angle))
}

/** The time, not always whole, at which sigma / signal has a value: the inverse of {@link levelAt} from time 1 on. */
export function timeAt(process: Levels, ratio: number): number {
  const angleOf = (t: number): number => Math.atan2(process.sigma(t), process.signal(t))
  const angle = Math.atan(ratio)
  let [low, high] = [1, process.steps]
  if (angle <= angleOf(low)) return low
  if (angle >= angleOf(high)) return high
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (angleOf(middle) <= angle) low = middle
    else high = middle
  }
  if (!process.isContinuous) {
    const part = (angle - angleOf(low)) / (angleOf(high) - angleOf(low))
    // Whole times come out whole, not within rounding of it.
    return part < 1e-9 ? low : part > 1 - 1e-9 ? high : low + part
  }
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (angleOf(middle) <= angle) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** q(x_s | x_t, x0) between two levels: weights of its mean, its variance, and that of the forward kernel. */
export interface Between {
  readonly x0: number
  readonly xt: number
  readonly variance: number
  readonly forward: number
}

/**
 * How much of x - x0 a step of Euler's leaves, in the scale of sigma / signal: r' / r. In the float32 of others
 * 1 + (r' - r) / r, with the width of the step rounded.
 */
export function remaining(from: Level, to: Level, { clock, arithmetic: { round: f } }: Grid): number {
  return clock === "network" ? 1 + f(to.ratio - from.ratio) / from.ratio : to.ratio / from.ratio
}

/**
 * The posterior of a step: with a = signal_t / signal_s and forward variance b = sigma_t^2 - a^2 sigma_s^2 its mean is
 * (signal_s b x0 + a sigma_s^2 x_t) / sigma_t^2 and its variance (sigma_s / sigma_t)^2 b. For a schedule in float32
 * b is 1 - abar_t / abar_s, as diffusers computes it.
 */
export function between({ from, to }: Move, { clock, arithmetic: { round: f, sqrt } }: Grid): Between {
  if (clock === "network") {
    const kept = f(from.alphaBar / to.alphaBar)
    const [now, before, forward] = [f(1 - from.alphaBar), f(1 - to.alphaBar), f(1 - kept)]
    return {
      x0: f(f(to.signal * forward) / now),
      xt: f(f(sqrt(kept) * before) / now),
      variance: f(f(before / now) * forward),
      forward,
    }
  }
  const ratio = from.signal / to.signal
  const forward = from.sigma ** 2 - (ratio * to.sigma) ** 2
  const share = (to.sigma / from.sigma) ** 2
  return { x0: (to.signal * forward) / from.sigma ** 2, xt: ratio * share, variance: share * forward, forward }
}

/**
 * The path from the noisiest level to the cleanest: `steps` moves, fewer where two levels fall together.
 *
 * @throws RangeError when the options do not go together with the process.
 */
export function gridOf(
  process: Levels,
  { steps, spacing = "trailing", offset = 0, final = "zero", rho = 7, sigmaMax = null, straightTo }: GridOptions,
): Grid {
  const least = levelAt(process, 1).ratio
  if (sigmaMax !== null && !(sigmaMax > least))
    throw new RangeError(`sampler: got sigmaMax ${sigmaMax}, expected more than ${least}, the level of the first time`)
  const options = { spacing, offset, final, rho }
  const last = levelAt(process, process.steps)
  const isSteep =
    straightTo !== undefined &&
    last.ratio > straightTo &&
    least < straightTo &&
    Number.isInteger(steps) &&
    steps > 1 &&
    (isByLevel(spacing) || steps - 1 <= boundOf(process, straightTo))
  const levels = isSteep
    ? [last, ...levelsAlong(process, { ...options, steps: steps - 1, sigmaMax: straightTo })]
    : levelsAlong(process, { ...options, steps, sigmaMax: sigmaMax ?? Number.POSITIVE_INFINITY })
  const moves = levels.slice(1).map((to, i) => ({ from: levels[i], to }))
  const { signal, sigma } = levels[0]
  return {
    moves,
    clock: "process",
    arithmetic: float64,
    isScaled: true,
    start: Math.hypot(signal, sigma),
    straight: isSteep ? 1 : 0,
    noised: (time) => levelAt(process, time),
  }
}

/** The last whole time that has no more than a level of sigma / signal. */
function boundOf(process: Levels, ratio: number): number {
  // Within rounding of a whole time is that time.
  return Math.floor(timeAt(process, ratio) + 1e-9)
}

interface Along {
  readonly steps: number
  readonly spacing: Spacing
  readonly offset: number
  readonly final: "zero" | "first"
  readonly rho: number
  readonly sigmaMax: number
}

function levelsAlong(process: Levels, { steps, spacing, offset, final, rho, sigmaMax }: Along): Level[] {
  if (isByLevel(spacing)) {
    if (!(Number.isInteger(steps) && steps >= 1 && steps <= 1e6))
      throw new RangeError(`sampler: got ${steps} steps, expected a whole number from 1`)
    const [most, least] = [Math.min(sigmaMax, levelAt(process, process.steps).ratio), levelAt(process, 1).ratio]
    if (!Number.isFinite(most))
      throw new RangeError(
        `sampler: ${spacing} levels begin where some signal is left, and here none is (sigmaMax 80, or spacing trailing)`,
      )
    const found = levelsOf(final === "zero" ? steps : steps + 1, spacing, most, least, { rho }).map((ratio) =>
      levelAt(process, timeAt(process, ratio)),
    )
    return final === "zero" ? [...found, levelAt(process, 0)] : found
  }
  const end = final === "zero" ? 0 : 1
  const times = timesOf(boundOf(process, sigmaMax), steps, spacing, offset).filter((t) => t !== end)
  return [...times, end].map((t) => levelAt(process, t))
}
