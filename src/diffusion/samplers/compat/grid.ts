/**
 * The paths of diffusers' scheduler classes, in their arithmetic: tables and levels are float32, and what is known to
 * be odd in them is kept. Times are the network's, which count from 0.
 *
 * What is odd, and only here:
 * - DDIM and PNDM step to t - floor(T / N) whatever the spacing, so `linspace` (and `trailing` where N does not divide
 *   T) leave out or repeat a part of the path (diffusers issues 11347 and 12633).
 * - DDPM adds noise in the last step unless it is at t = 0, so with an offset or `trailing` the result is noisy.
 * - DDIM takes eps as the network says it, though x0 was bounded.
 * - `trailing` counts by floating steps: for some N (61, 103, ... of 1000) there is one time more, -1, which is T - 1.
 * - DPM-Solver and UniPC have N + 1 times for `linspace` and `leading`, and leave out the last; they cut times to whole
 *   numbers, so `exponential` and `beta` tell the network a time below that of the level.
 * - Karras and other levels that end at `sigma_min` have it twice: the last step stands still.
 * - Euler's noise (`churn`) is added after the network was asked, not before.
 * - DPM-Solver of order 3, multistep, counts the second difference half, and its stochastic form has a wrong sign there:
 *   neither is of order 3.
 * - Euler divides its noise by one step too many where levels are `log_linear`.
 * - PNDM turns v into eps by the level of the step, not by that at which v was given.
 * - UniPC's `bh1` with a last level of 0, and a last level that is there twice, make NaN in diffusers; here they do not.
 * - Solvers whose first two times fall together (Karras levels without signal at the end) begin at the second and then
 *   raise in diffusers; here they begin at the first.
 * - Learned variances are cut from channel 3 on by the solvers of diffusers, whatever the image has; here where they begin.
 *
 * Numbers are diffusers' to the last bit but for PyTorch's logarithm and exponential; docs/schedulers.md says how near
 * results come, and where diffusers' float32 is itself off.
 */
import { beta } from "../../../stats/laws/beta.ts"
import type { Predict } from "../../denoiser.ts"
import type { Process } from "../../process.ts"
import type { Grid, Level, Move, Scales } from "../plan/grid.ts"
import {
  evenly,
  isByLevel,
  type LevelSpacing,
  levelsOf,
  roundHalfEven,
  type Spacing,
  type TimeSpacing,
} from "../plan/spacing.ts"
import { f, float32, linspace, log, sqrt } from "./torch.ts"

/** Which scheduler classes make their path in the same way. */
export type Family = "ddpm" | "ddim" | "pndm" | "euler" | "ancestral" | "heun" | "multistep" | "singlestep" | "unipc"

/** How a path is chosen. */
export interface CompatOptions {
  readonly steps: number
  readonly spacing?: Spacing
  readonly offset?: number
  readonly final?: "zero" | "first"
  /** The times whose levels are the ends of those spaced by a formula: Euler's and Heun's, which take the path's own. */
  readonly ends?: TimeSpacing
  /** Levels noisier than this log(signal / sigma) are left out. */
  readonly lambdaMin?: number
  /** Bounds of sigma / signal for spacings by a formula. */
  readonly sigmaMin?: number | null
  readonly sigmaMax?: number | null
  /** Euler: levels between times by their logarithm. */
  readonly interpolation?: "linear" | "log"
  /** Euler: whether the network is told the time or log(sigma) / 4. */
  readonly told?: "time" | "level"
}

/** alphaBar of the network's times 0 ... T - 1. */
function tableOf(process: Process): Float32Array {
  return Float32Array.from({ length: process.steps }, (_, t) => process.alphaBar(t + 1))
}

/** NumPy's `arange(start, 0, -step)`, whose length and values are those of its floating arithmetic. */
function falling(start: number, step: number): number[] {
  const delta = start - step - start
  return Array.from({ length: Math.ceil((0 - start) / -step) }, (_, i) => start + i * delta)
}

/** Times as their first step finds them; `beyond` has a time more at the end, and leaves it out. */
function times(total: number, last: number, { steps, spacing, offset = 0 }: CompatOptions, beyond: boolean): number[] {
  const count = steps + (beyond ? 1 : 0)
  if (spacing === "trailing") return falling(last, total / steps).map((t) => roundHalfEven(t) - 1)
  const rising =
    spacing === "leading"
      ? Array.from({ length: count }, (_, i) => i * Math.floor(last / count) + offset)
      : evenly(0, last - 1, count)
  return rising.reverse().slice(0, steps)
}

/** Levels of whole times of the network; below 0 lies the data, or the first time's level again. */
export function discreteLevels(process: Process, final: "zero" | "first" = "zero"): (time: number) => Level {
  const table = tableOf(process)
  return (time) => {
    if (!(time < table.length)) throw new RangeError(`sampler: got time ${time}, expected at most ${table.length - 1}`)
    const alphaBar = time >= 0 ? table[time] : final === "zero" ? 1 : table[0]
    return discreteLevel(time, alphaBar)
  }
}

function discreteLevel(time: number, alphaBar: number): Level {
  const [signal, sigma] = [sqrt(alphaBar), sqrt(f(1 - alphaBar))]
  return { time: Math.max(-1, time), signal, sigma, ratio: sigma / signal, lambda: Math.log(signal / sigma), alphaBar }
}

/** The path of DDPM, DDIM or PNDM: whole times. */
export function discreteGrid(family: "ddpm" | "ddim" | "pndm", process: Process, options: CompatOptions): Grid {
  const { steps, final = "zero" } = options
  const total = process.steps
  if (!(steps <= total)) throw new RangeError(`sampler: got ${steps} steps, expected a whole number from 1 to ${total}`)
  const of = discreteLevels(process, final)
  const at = times(total, total, options, false).map((t) => roundHalfEven(t))
  const part = Math.floor(total / steps)
  const moves = at.map((t, k): Move => {
    // A time of -1, which floating steps can make, finds the last of the table.
    const from = t < 0 ? { ...of(total + t), time: t } : of(t)
    return { from, to: of(family === "ddpm" ? (at[k + 1] ?? -1) : t - part) }
  })
  return { moves, clock: "network", arithmetic: float32, isScaled: true, start: 1, noised: of }
}

/** A level of a DPM-Solver: alpha = 1 / sqrt(sigma^2 + 1) and its logarithms, in float32. */
function solverLevel(time: number, sigma: number): Level {
  const ratio = f(sigma)
  const signal = f(1 / sqrt(f(f(ratio * ratio) + 1)))
  const spread = f(ratio * signal)
  const lambda = f(f(Math.log(signal)) - f(Math.log(spread)))
  return { time, signal, sigma: spread, ratio, lambda, alphaBar: signal ** 2 }
}

/** A level of a class that keeps samples as x0 + sigma eps: only sigma is rounded. */
function plainLevel(time: number, sigma: number): Level {
  const ratio = f(sigma)
  const signal = 1 / Math.hypot(1, ratio)
  return { time, signal, sigma: ratio * signal, ratio, lambda: -Math.log(ratio), alphaBar: signal ** 2 }
}

/** How Euler's and Heun's classes ask about x0 + sigma eps, and what they make of the answer. */
function sigmaScales(predict: Predict, { ratio }: Level, raised?: Level): Scales {
  const power = f(f(ratio * ratio) + 1)
  const divisor = sqrt(power)
  if (predict === "x0") return { divisor, x0: [0, 1] }
  if (predict === "v") return { divisor, x0: [1 / power, f(-ratio / divisor)] }
  return { divisor, x0: [1, -(raised ?? { ratio }).ratio] }
}

/** The level of a time of the path; of two levels of one time, the second, as diffusers has it. */
function noisedBy(moves: readonly Move[], isScaled: boolean): Grid["noised"] {
  return (time) => {
    // Times of others' float32 arithmetic may differ in their last bits.
    const isNear = ({ from }: Move): boolean => Math.abs(from.time - time) <= 1e-5 * Math.max(1, Math.abs(time))
    const found = moves.filter(isNear).map((move) => move.from)
    const level = found[1] ?? found[0]
    if (level === undefined) throw new RangeError(`sampler: time ${time} is not on the path`)
    return isScaled ? level : { signal: 1, sigma: level.ratio }
  }
}

/** NumPy's `interp` of a table at a real place, clamped to its ends. */
function interpolated(table: ArrayLike<number>, at: number): number {
  if (at <= 0) return table[0]
  if (at >= table.length - 1) return table[table.length - 1]
  const low = Math.floor(at)
  return (table[low + 1] - table[low]) * (at - low) + table[low]
}

/** The time of a level, by the logarithms of the table. */
function timeOf(sigma: number, logs: Float32Array): number {
  const log = Math.log(Math.max(sigma, 1e-10))
  let low = 0
  for (let t = 0; t < logs.length; t++) if (log - logs[t] >= 0) low = t
  low = Math.min(low, logs.length - 2)
  const weight = Math.min(1, Math.max(0, (logs[low] - log) / f(logs[low] - logs[low + 1])))
  return (1 - weight) * low + weight * (low + 1)
}

/** Levels by a formula between the first and the last of `ends`. */
function formula(spacing: LevelSpacing, steps: number, most: number, least: number, logs: Float32Array): number[] {
  if (spacing === "karras") {
    const [high, low] = [most ** (1 / 7), least ** (1 / 7)]
    return evenly(0, 1, steps).map((u) => (high + u * (low - high)) ** 7)
  }
  if (spacing === "lambda") return evenly(logs[logs.length - 1], logs[0], steps).map(Math.exp)
  if (spacing === "exponential") return evenly(Math.log(most), Math.log(least), steps).map(Math.exp)
  const law = beta({ alpha: 0.6, beta: 0.6 })
  return evenly(0, 1, steps).map((u) => least + law.quantile(1 - u) * (most - least))
}

/** The path of a class that works with sigma / signal. */
export function sigmaGrid(
  family: "euler" | "ancestral" | "heun" | "multistep" | "singlestep" | "unipc",
  process: Process,
  predict: Predict,
  options: CompatOptions,
): Grid {
  const isSolver = family === "multistep" || family === "singlestep" || family === "unipc"
  const { steps, spacing = "linspace", final = "zero" } = options
  const { lambdaMin = Number.NEGATIVE_INFINITY, interpolation = "linear", told: clock = "time" } = options
  const total = process.steps
  const table = tableOf(process)
  // Where no signal is left, diffusers leaves the smallest share that half precision knows.
  if (table[total - 1] <= 2 ** -126) table[total - 1] = 2 ** -24
  const ratios = Float32Array.from(table, (a) => sqrt(f(f(1 - a) / a)))
  const logs = Float32Array.from(ratios, log)

  const solver = (t: number): number => f(f(Math.log(sqrt(table[t]))) - f(Math.log(sqrt(f(1 - table[t])))))
  let clipped = 0
  if (lambdaMin > Number.NEGATIVE_INFINITY) while (clipped < total && solver(total - 1 - clipped) < lambdaMin) clipped++
  const last = total - clipped

  const named = isByLevel(spacing) ? (options.ends ?? "linspace") : spacing
  let at = times(total, last, { ...options, spacing: named }, isSolver)
  at = isSolver ? at.map(roundHalfEven) : at.map(f)
  let sigmas = at.map((t) => interpolated(ratios, t))
  if (interpolation === "log") sigmas = [...linspace(logs[total - 1], logs[0], steps + 1)].map((l) => f(Math.exp(l)))
  if (isByLevel(spacing)) {
    const ends = isSolver ? [ratios[total - 1], ratios[0]] : [sigmas[0], sigmas[sigmas.length - 1]]
    sigmas = formula(spacing, steps, options.sigmaMax ?? ends[0], options.sigmaMin ?? ends[1], logs)
    at = sigmas.map((s) => timeOf(s, logs))
    const isCosine = process.schedule.name === "squaredcos_cap_v2"
    const isRounded = spacing === "karras" ? family !== "multistep" || !isCosine : spacing === "lambda" && !isCosine
    if (isSolver && isRounded) at = at.map(roundHalfEven)
  }
  if (isSolver) at = at.map(Math.trunc)
  const end = final === "zero" ? 0 : family === "unipc" && isByLevel(spacing) ? sigmas[sigmas.length - 1] : ratios[0]
  const toldOf = sigmas.map((s, i) => (clock === "level" ? f(0.25 * f(Math.log(f(s)))) : f(at[i] ?? 0)))
  // Logarithmic levels are one more than times, so the end is not reached unless the network is told levels.
  const of = isSolver ? solverLevel : plainLevel
  const levels = [...sigmas.map((s, i) => of(toldOf[i], s)), of(-1, end)].slice(
    0,
    clock === "level" ? undefined : at.length + 1,
  )
  const moves = levels.slice(1).map((to, i) => ({ from: levels[i], to }))
  const most = levels.reduce((m, l) => Math.max(m, l.ratio), 0)
  const isWide = named === "leading" && !isSolver
  const start = isSolver ? 1 : isWide ? sqrt(f(f(most * most) + 1)) : most
  return {
    moves,
    clock: "network",
    arithmetic: float32,
    isScaled: isSolver,
    start,
    churned: sigmas.length,
    noised: noisedBy(moves, isSolver),
    ...(!isSolver && { scales: (level, raised) => sigmaScales(predict, level, raised) }),
  }
}

/** EDM's own levels, which ask for no table. */
export interface EdmLevels {
  readonly sigmaMin: number
  readonly sigmaMax: number
  readonly sigmaData: number
  readonly rho: number
  readonly spacing: "karras" | "exponential"
  /** Whether levels are worked out in float32, as DPM-Solver's are, or in float64, as Euler's. */
  readonly isSingle: boolean
}

/**
 * The path of EDM's classes: x = x0 + sigma eps, where the network is asked about x / sqrt(sigma^2 + data^2) and told
 * log(sigma) / 4. Its answer F gives x0 = data^2 / (sigma^2 + data^2) x +- sigma data / sqrt(sigma^2 + data^2) F, with a
 * minus where it predicts v.
 */
export function edmGrid(
  { sigmaMin, sigmaMax, sigmaData, rho, spacing, isSingle }: EdmLevels,
  { steps, final = "zero" }: CompatOptions,
  sign: 1 | -1,
): Grid {
  if (!(Number.isInteger(steps) && steps >= 1 && steps <= 1e6))
    throw new RangeError(`sampler: got ${steps} steps, expected a whole number from 1`)
  const [high, low] = [sigmaMax ** (1 / rho), sigmaMin ** (1 / rho)]
  const sigmas =
    spacing === "karras"
      ? isSingle
        ? [...linspace(0, 1, steps)].map((u) => f(f(f(high) + f(u * f(low - high))) ** rho))
        : levelsOf(steps, spacing, sigmaMax, sigmaMin, { rho }).map(f)
      : [...linspace(Math.log(sigmaMin), Math.log(sigmaMax), steps)].map((l) => f(Math.exp(l))).reverse()
  const levels = [...sigmas, final === "zero" ? 0 : isSingle ? f(sigmaMin) : sigmas[steps - 1]].map(
    (sigma, i): Level => {
      const time = i === steps ? -1 : f(0.25 * f(Math.log(sigma)))
      return { time, signal: 1, sigma, ratio: sigma, lambda: f(0 - f(Math.log(sigma))), alphaBar: 1 / (1 + sigma ** 2) }
    },
  )
  const moves = levels.slice(1).map((to, i) => ({ from: levels[i], to }))
  return {
    moves,
    clock: "network",
    arithmetic: float32,
    isScaled: true,
    start: Math.sqrt(sigmaMax ** 2 + 1),
    noised: noisedBy(moves, true),
    scales(level, raised = level) {
      const [sigma, ratio] = [level.sigma, raised.ratio]
      const power = (of: number): number => f(f(of * of) + f(sigmaData ** 2))
      const ofOutput = f(f(sign * ratio * f(sigmaData)) / sqrt(power(ratio)))
      return { divisor: 1 / f(1 / sqrt(power(sigma))), x0: [f(f(sigmaData ** 2) / power(ratio)), ofOutput] }
    },
  }
}
