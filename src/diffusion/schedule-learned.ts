/** A noise schedule that is learned: minus the log signal-to-noise ratio as a rising network of time. */
import { array, full } from "../engine/array.ts"
import { hostValue } from "../engine/evaluate.ts"
import { maximum, sigmoid, softplus } from "../engine/ops/elementwise.ts"
import { constant, type Tensor, Variable } from "../engine/tensor.ts"
import { normal } from "../nn/init.ts"
import { Process } from "./process.ts"

/** Options of {@link LearnedSchedule}. */
export interface LearnedScheduleOptions {
  /** gamma at the first and at the last time, to begin with; default -13.3 and 5. */
  readonly least?: number
  readonly most?: number
  /** Logistic curves that the curve between is made of, besides a straight line; default 64. */
  readonly hidden?: number
}

/** A curve from 0 to 1 at times of one shape, and its slope. */
export interface Curve {
  readonly value: Tensor
  readonly slope: Tensor
}

/**
 * gamma(u) = least + |span| n(u) for u on [0, 1], where n rises from 0 to 1 as a straight line and `hidden` logistic curves
 * have it: n is m(u) less m(0), over m(1) less m(0), with m(u) = softplus(line) u + sum softplus(height) L(softplus(rate) u + shift).
 * signal^2 = L(-gamma) and sigma^2 = L(gamma) with L the logistic function. Source: Kingma et al. 2021, appendix H.
 */
export class LearnedSchedule {
  readonly least: Variable
  readonly span: Variable
  readonly line: Variable
  readonly height: Variable
  readonly rate: Variable
  readonly shift: Variable
  /** Where gamma began and how far it went: what the network is told is in these units. */
  readonly began: readonly [least: number, span: number]

  constructor({ least = -13.3, most = 5, hidden = 64 }: LearnedScheduleOptions = {}) {
    if (!(most > least && Number.isFinite(most - least)))
      throw new RangeError(`learned schedule: got gamma from ${least} to ${most}, expected two rising numbers`)
    if (!(Number.isInteger(hidden) && hidden >= 1 && hidden <= 65_536))
      throw new RangeError(`learned schedule: got hidden ${hidden}, expected a whole number from 1 to 65,536`)
    this.began = [least, most - least]
    this.least = new Variable(full([], least))
    this.span = new Variable(full([], most - least))
    this.line = new Variable(full([], 1))
    // Small at first: the curve begins as nearly the line.
    this.height = new Variable(full([hidden], Math.log(Math.expm1(0.1 / hidden))))
    this.rate = new Variable(full([hidden], 8))
    const shifts = normal([hidden], 1)
    // Logistic curves whose middles lie all over [0, 1].
    this.shift = new Variable(
      array(
        "float32",
        [hidden],
        shifts.data.map((z, k) => -8 * ((k + 0.5) / hidden) + 0.1 * z),
      ),
    )
  }

  /** n and n' at times u `[batch]`. */
  curve(u: Tensor): Curve {
    const [line, height, rate] = [this.line, this.height, this.rate].map((v) => softplus(v))
    const at = (x: Tensor): Tensor =>
      sigmoid(
        x
          .reshape([...x.shape, 1])
          .mul(rate)
          .add(this.shift),
      )
    const m = (x: Tensor): Tensor =>
      x.mul(line).add(
        at(x)
          .mul(height)
          .sum({ axes: [-1] }),
      )
    const [first, last] = [0, 1].map((v) => m(u.mul(0).add(v)))
    const l = at(u)
    const bend = l
      .mul(l.neg().add(1))
      .mul(rate)
      .mul(height)
      .sum({ axes: [-1] })
    const whole = last.sub(first)
    return { value: m(u).sub(first).div(whole), slope: bend.add(line).div(whole) }
  }

  /** gamma of a curve's values. */
  gamma(n: Tensor): Tensor {
    return n.mul(this.span.abs()).add(this.least)
  }
}

/**
 * Signal and sigma of gamma: the roots of L(-gamma) and L(gamma), as exponentials of softplus, since runtimes' logistic
 * functions keep no digits where they are small.
 */
export function scalesOf(gamma: Tensor): [signal: Tensor, sigma: Tensor] {
  const root = (x: Tensor): Tensor => softplus(x).mul(-0.5).exp()
  return [root(gamma), root(gamma.neg())]
}

/**
 * The variance-preserving process of a learned schedule, in continuous time from t = 1 (the least noise) to T; time 0 is the
 * data. The network is told gamma, in units in which it began as 0 ... T - 1, so that time itself means nothing.
 *
 * @throws RangeError when there are fewer than two whole times.
 */
export function learned(schedule: LearnedSchedule, { steps = 1000 }: { readonly steps?: number } = {}): Process {
  if (!(Number.isInteger(steps) && steps >= 2 && steps <= 1e6))
    throw new RangeError(`learned: got ${steps} steps, expected a whole number from 2 to 1,000,000`)
  const share = (t: Tensor): Tensor =>
    maximum(t, 1)
      .sub(1)
      .mul(1 / (steps - 1))
  const gammas = (t: Tensor): Tensor => schedule.gamma(schedule.curve(share(t)).value)
  const values = (t: Float64Array): ArrayLike<number> =>
    hostValue(gammas(constant(array("float64", [t.length], t)).cast("float32"))).data as Float32Array
  const parts = [schedule.least, schedule.span, schedule.line, schedule.height, schedule.rate, schedule.shift]
  let known: { readonly of: readonly unknown[]; readonly table: ArrayLike<number> } | undefined
  /** gamma at a time, from a table that lasts as long as the variables keep their values. */
  const gammaAt = (t: number): number => {
    if (!Number.isInteger(t)) return values(Float64Array.of(t))[0]
    const now = parts.map((v) => v.initial)
    if (known === undefined || known.of.some((v, i) => v !== now[i]))
      known = { of: now, table: values(Float64Array.from({ length: steps + 1 }, (_, i) => i)) }
    return known.table[t]
  }
  const [least, span] = schedule.began
  const logistic = (x: number): number => 1 / (1 + Math.exp(-x))
  // Below the first time the angle falls to 0 along a line.
  const angle = (t: number): number => Math.atan(Math.exp(gammaAt(1) / 2)) * t
  return new Process({
    name: "learned",
    steps,
    preserving: true,
    earliest: 1,
    isLearned: true,
    signal: (t) => (t < 1 ? Math.cos(angle(t)) : Math.sqrt(logistic(-gammaAt(t)))),
    sigma: (t) => (t < 1 ? Math.sin(angle(t)) : Math.sqrt(logistic(gammaAt(t)))),
    scales: (t) => scalesOf(gammas(t)),
    told: (t) =>
      gammas(t)
        .sub(least)
        .mul((steps - 1) / span),
    scalesTold: (told) => scalesOf(told.mul(span / (steps - 1)).add(least)),
  })
}
