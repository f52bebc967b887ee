/** PNDM: linear multistep and Runge-Kutta rules for the noise, with DDIM's step in place of the straight one. */
import type { Denoiser } from "../denoiser.ts"
import { discreteLevels } from "./compat/grid.ts"
import { type Form, mix, symbols } from "./plan/form.ts"
import { type Level, levelAt, type Move } from "./plan/grid.ts"
import { type PathOptions, pathOf, type Target } from "./plan/path.ts"
import { type Ask, clockOf, impliedNoise, type Plan, question, reachedBy, straight } from "./plan/plan.ts"
import { isByLevel } from "./plan/spacing.ts"
import { runPlan, type SamplerOptions, type SampleStep } from "./sampler.ts"

/** Options of {@link pndm}. */
export interface PndmOptions extends SamplerOptions, PathOptions {
  /** Begin with multistep rules of rising order (PLMS), not with three steps of Runge and Kutta, which ask four times. */
  readonly skipPrk?: boolean
}

/** Adams and Bashforth's weights of the last answers, newest first. */
const adams: readonly (readonly number[])[] = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
]

/** The plan of {@link pndm}. */
export function pndmPlan(
  target: Target,
  { skipPrk = true, steps = Math.min(50, target.process.steps), ...path }: PndmOptions = {},
): Plan {
  if (path.spacing !== undefined && isByLevel(path.spacing))
    throw new RangeError(`pndm: got spacing ${path.spacing}, expected even times (trailing, leading or linspace)`)
  const isCompat = path.compat === "diffusers"
  const grid = pathOf("pndm", target, { ...path, steps })
  const { clock, straight: count = 0 } = grid
  const moves = grid.moves.slice(count)
  const { round: f, sqrt } = grid.arithmetic
  if (!skipPrk && moves.length < 4)
    throw new RangeError(
      `pndm: got ${grid.moves.length} steps, expected at least ${4 + count} to begin with Runge and Kutta's (skipPrk)`,
    )
  if (!isCompat && !Number.isFinite(moves[0].from.ratio))
    throw new RangeError("pndm: no signal is left at the first time, where the flow has no slope (sigmaMax 80)")
  // The sample, the sample a rule began with, a sum of answers, and the last three answers.
  const own = symbols(6)
  const { kept, x0 } = own
  const [sample, base, total, ...past] = kept
  // diffusers keeps v and makes it noise when a step is made, by that step's level.
  const isVKept = isCompat && target.predict === "v"
  const answer = (at: Level): Form =>
    isVKept
      ? mix([at.signal, own.eps], [-at.sigma, x0])
      : isCompat
        ? own.eps
        : impliedNoise(own, sample, at.signal, at.sigma)
  const tabled = discreteLevels(target.process, path.final)
  const part = Math.floor(target.process.steps / steps)
  /** DDIM's step, without noise, by a given answer. */
  const moved = (x: Form, m: Form, from: Level, to: Level): Form => {
    const eps = isVKept ? mix([from.signal, m], [from.sigma, x]) : m
    if (!isCompat) return mix([to.signal / from.signal, x], [to.sigma - (from.sigma * to.signal) / from.signal, eps])
    // The same, put as in the paper's equation 11 and diffusers.
    const [a, b] = [from.alphaBar, to.alphaBar]
    const under = f(f(a * to.sigma) + sqrt(f(f(a * f(1 - a)) * b)))
    return mix([sqrt(f(b / a)), x], [-f(b - a) / under, eps])
  }
  const ask = (at: Level, next: readonly Form[], reached: Level | null): Ask => ({
    ...question(target, grid, at, sample),
    next,
    reached: reached === null ? null : reachedBy(reached.time, clock),
  })
  const asks = grid.moves.slice(0, count).map((move): Ask => {
    const { end, ...asked } = straight(target, grid, move, own, sample)
    return { ...asked, next: [end, base, total, ...past], reached: reachedBy(move.to.time, clock) }
  })
  /** A multistep rule with as many answers as there are. */
  const plms = ({ from, to }: Move, known: number): Ask => {
    const m = answer(from)
    const rule = adams[Math.min(known, 3)]
    const sum = mix(...rule.map((w, i): readonly [number, Form] => [w, [m, ...past][i]]))
    return ask(from, [moved(sample, sum, from, to), base, total, m, past[0], past[1]], to)
  }
  if (skipPrk) {
    for (const [k, move] of moves.entries()) {
      if (k > 0) {
        asks.push(plms(move, k))
        continue
      }
      const { from, to } = move
      const m = answer(from)
      asks.push(
        ask(from, [moved(sample, m, from, to), sample, total, m, past[0], past[1]], moves.length === 1 ? to : null),
      )
      if (moves.length === 1) break
      // The first step again, by the mean of the answers at both its ends.
      const there = isCompat ? moves[1].from : to
      const start = isCompat ? tabled(there.time + part) : from
      const mean = mix([0.5, answer(there)], [0.5, past[0]])
      asks.push(ask(there, [moved(base, mean, start, there), base, total, ...past], there))
    }
    return { name: "pndm", buffers: 6, start: grid.start, clock: clockOf(target, grid), asks, noised: grid.noised }
  }
  for (const [k, move] of moves.entries()) {
    if (k >= 3) {
      asks.push(plms(move, k))
      continue
    }
    const from = move.from
    const to = isCompat ? moves[k + 1].from : move.to
    const half = Math.floor(part / 2)
    const ahead = isCompat ? tabled(from.time - half) : levelAt(target.process, (from.time + to.time) / 2)
    const middle = isCompat ? tabled(to.time + half) : ahead
    const back = isCompat ? tabled(middle.time - half) : to
    const first = answer(from)
    asks.push(
      ask(from, [moved(sample, first, from, ahead), sample, mix([1 / 6, first]), first, past[0], past[1]], null),
    )
    const second = answer(middle)
    asks.push(ask(middle, [moved(base, second, from, middle), base, mix([1, total], [1 / 3, second]), ...past], null))
    const third = answer(middle)
    asks.push(ask(middle, [moved(base, third, from, back), base, mix([1, total], [1 / 3, third]), ...past], null))
    const sum = mix([1, total], [1 / 6, answer(to)])
    asks.push(ask(to, [moved(base, sum, from, to), base, total, ...past], to))
  }
  return { name: "pndm", buffers: 6, start: grid.start, clock: clockOf(target, grid), asks, noised: grid.noised }
}

/**
 * With DDIM's step phi(x, eps, t, s) = (signal_s / signal_t) x + (sigma_s - sigma_t signal_s / signal_t) eps, the noise
 * is that of Adams and Bashforth's rules over the last answers, (55 e0 - 59 e1 + 37 e2 - 9 e3) / 24 and its shorter
 * kin, or, for the first three steps, of Runge and Kutta's. Made for even times, down from a level of 80 and with one
 * straight step to there, unless `spacing` or `sigmaMax` is given. One question a step, and one more (`skipPrk`) or nine
 * more. Error: second order.
 * Source: Liu et al. 2022, equations 9, 12 and 13 and algorithm 2; the start without Runge and Kutta's from CompVis' PLMS.
 */
export function pndm(model: Denoiser, options: PndmOptions = {}): AsyncGenerator<SampleStep> {
  return runPlan(model, pndmPlan(model, options), options)
}
