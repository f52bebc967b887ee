/** What a sampler is before it runs: a table of numbers, one row for every time the network is asked. */
import type { Predict } from "../../denoiser.ts"
import { type Form, mix, type Symbols } from "./form.ts"
import type { Grid, Level, Move } from "./grid.ts"
import type { Target } from "./path.ts"

/** x0 and eps as weights of the network's input and of its output. */
export interface Reading {
  readonly x0: readonly [input: number, output: number]
  readonly eps: readonly [input: number, output: number]
}

/** One question to the network, and what is made of its answer. */
export interface Ask {
  /** The time the network is told, by the plan's clock. */
  readonly time: number
  /** The network's input, of what is kept and of noise. */
  readonly input: Form
  readonly reading: Reading
  /** What is kept afterwards. */
  readonly next: readonly Form[]
  /** The process's time that the sample has reached, where a step ends with this question; else null. */
  readonly reached: number | null
  /** What the sample is multiplied by when it is shown, where it is not kept in the process's scale. */
  readonly shown?: number
  /** Networks with learned variances: noise is multiplied by exp(1/2 (f most + (1 - f) least)), f from their answer. */
  readonly range?: { readonly least: number; readonly most: number }
  /** Networks with learned variances: noise is multiplied by the root of the one they give. */
  readonly isVarianceRead?: boolean
  /** Langevin steps: with r = |z| / |eps| of each sample, eps counts r^2 times and z r times. */
  readonly isAdapted?: boolean
}

/** A sampler for one process, one kind of network and one number of steps. */
export interface Plan {
  readonly name: string
  /** How many arrays of the sample's shape are kept between questions. */
  readonly buffers: number
  /** The standard deviation of the first sample. */
  readonly start: number
  /** Whether times are the process's (the network is then told what the process says), or the network's own. */
  readonly clock: "process" | "network"
  readonly asks: readonly Ask[]
  /** Weights of x0 and of noise that make a sample of a time, by the plan's clock and in the plan's scale. */
  readonly noised: (time: number) => { readonly signal: number; readonly sigma: number }
}

/**
 * How to read an answer of a network whose input is x = signal x0 + sigma eps.
 * eps: x0 = (x - sigma eps) / signal. v: x0 = (signal x / r - sigma v) / r and eps = (sigma x / r + signal v) / r with
 * r^2 = signal^2 + sigma^2 (`power`, where rounding leaves it beside 1 but 1 is meant). velocity: x0 = (x - sigma velocity) / (signal + sigma). score: eps = -sigma score. EDM's
 * output is read by {@link question}.
 *
 * @throws RangeError where there is no signal left and eps or score says nothing of x0.
 */
export function reading(
  predict: Predict,
  signal: number,
  sigma: number,
  power: number = signal ** 2 + sigma ** 2,
): Reading {
  if (predict === "x0") return { x0: [0, 1], eps: [1 / sigma, -signal / sigma] }
  if (predict === "v") {
    const size = Math.sqrt(power)
    return { x0: [signal / power, -sigma / size], eps: [sigma / power, signal / size] }
  }
  if (predict === "velocity") {
    const sum = signal + sigma
    return { x0: [1 / sum, -sigma / sum], eps: [1 / sum, signal / sum] }
  }
  if (signal === 0)
    throw new RangeError(
      `sampler: no signal is left at the first time, where ${predict} says nothing of x0 (predict v or x0)`,
    )
  if (predict === "score") return { x0: [1 / signal, sigma ** 2 / signal], eps: [0, -sigma] }
  return { x0: [1 / signal, -sigma / signal], eps: [0, 1] }
}

/** The noise that belongs to the bounded x0: (x - signal x0) / sigma, for a network's input x. */
export function impliedNoise({ x0 }: Symbols, input: Form, signal: number, sigma: number): Form {
  return mix([1 / sigma, input], [-signal / sigma, x0])
}

/** How the network is asked about a sample at a level, in the scale that the path keeps samples in. */
export function question(target: Target, grid: Grid, level: Level, x: Form): Pick<Ask, "time" | "input" | "reading"> {
  const { time, signal, sigma, ratio } = level
  const scales = grid.scales?.(level)
  if (scales !== undefined) {
    const {
      divisor,
      x0: [ofSample, ofOutput],
    } = scales
    // eps = (sample - x0) / ratio, and the sample is the input times the divisor.
    const eps = [(divisor * (1 - ofSample)) / ratio, -ofOutput / ratio] as const
    return { time, input: mix([1 / divisor, x]), reading: { x0: [ofSample * divisor, ofOutput], eps } }
  }
  if (target.predict === "edm" && grid.clock === "process") return edmQuestion(level, x, target.sigmaData ?? 0.5)
  return {
    time,
    input: grid.isScaled ? x : mix([signal, x]),
    reading: reading(target.predict, signal, sigma, grid.clock === "network" ? 1 : undefined),
  }
}

/**
 * EDM's network is asked about x / s with s^2 = sigma^2 + signal^2 data^2, and told log(sigma / signal) / 4; its output F
 * gives x0 = (signal data^2 x / s + sigma data F) / s. Source: Karras et al. 2022, table 1.
 */
function edmQuestion({ signal, sigma, ratio }: Level, x: Form, data: number): Pick<Ask, "time" | "input" | "reading"> {
  const size = Math.hypot(sigma, signal * data)
  const x0: [number, number] = [(signal * data ** 2) / size, (sigma * data) / size]
  return {
    time: 0.25 * Math.log(ratio),
    input: mix([1 / size, x]),
    reading: { x0, eps: [(size - signal * x0[0]) / sigma, (-signal * x0[1]) / sigma] },
  }
}

/**
 * The question of a straight step, and x at its end: y' = (r' / r) y + (1 - r' / r) x0 for y = x / signal and
 * r = sigma / signal. x0 is asked for at the end, of the noise alone: where almost no signal is left, eps says nothing of it.
 */
export function straight(
  target: Target,
  grid: Grid,
  { from, to }: Move,
  { x0 }: Symbols,
  x: Form,
): Pick<Ask, "time" | "input" | "reading"> & { readonly end: Form } {
  const noise = mix([to.sigma / from.sigma, x])
  const end = mix([1, noise], [to.signal * (1 - to.ratio / from.ratio), x0])
  return { ...question(target, grid, to, noise), end }
}

/** The clock of a plan: that of its path, unless the network is told levels. */
export function clockOf({ predict }: Target, { clock }: Grid): Plan["clock"] {
  return predict === "edm" ? "network" : clock
}

/** The process's time of a level's: the network counts from 0 where the process counts from 1. */
export function reachedBy(time: number, clock: Plan["clock"]): number {
  return clock === "process" ? time : time + 1
}

/** Steps of a plan: questions that end one. */
export function stepsOf({ asks }: Plan): number {
  return asks.filter((ask) => ask.reached !== null).length
}
