/** The Gaussian forward process: noising, its posterior, and conversions between what a network may predict. */
import { fromNumbers } from "../engine/array.ts"
import { gather } from "../engine/ops/gather.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import type { Schedule } from "./schedule.ts"

/** The posterior q(x_s | x_t, x0) of an earlier time s: mean `x0Weight x0 + xtWeight xt`, variance `variance`. */
export interface Posterior {
  readonly x0Weight: number
  readonly xtWeight: number
  /** The posterior's own variance, betaTilde: the smaller of the two fixed choices. */
  readonly variance: number
  /** The forward variance between the two times, beta: the larger choice. */
  readonly forwardVariance: number
}

/** Variance-preserving Gaussian process of a schedule. Its scalars are float64; in programs they are float32 tables. */
export class Process {
  readonly schedule: Schedule

  constructor(schedule: Schedule) {
    this.schedule = schedule
  }

  /** Number of noising steps, T. */
  get steps(): number {
    return this.schedule.steps
  }

  /** sqrt(alphaBar_t): how much of x0 is in x_t. */
  signal(t: number): number {
    return Math.sqrt(this.alphaBar(t))
  }

  /** sqrt(1 - alphaBar_t): the standard deviation of the noise in x_t. */
  sigma(t: number): number {
    return Math.sqrt(1 - this.alphaBar(t))
  }

  /** alphaBar_t, the share of signal variance at time t; 1 at time 0. */
  alphaBar(t: number): number {
    const value = this.schedule.alphaBar[t]
    if (value === undefined) throw new RangeError(`process: time ${t} is outside 0 ... ${this.steps}`)
    return value
  }

  /**
   * q(x_s | x_t, x0) for s < t (s = t - 1 unless given): mean
   * (sqrt(abar_s) beta x0 + sqrt(alpha) (1 - abar_s) xt) / (1 - abar_t) with alpha = abar_t / abar_s, beta = 1 - alpha.
   * Source: Ho et al. 2020, equation 7 (for s = t - 1); the notes' printed forms of it are corrected in docs/notes-errata.md.
   */
  posterior(t: number, s: number = t - 1): Posterior {
    if (!(s >= 0 && s < t)) throw new RangeError(`posterior: got times ${s} and ${t}, expected 0 <= s < t`)
    const [at, as] = [this.alphaBar(t), this.alphaBar(s)]
    const alpha = at / as
    const beta = s === t - 1 ? this.schedule.beta[t] : 1 - alpha
    const rest = 1 - at
    return {
      x0Weight: (Math.sqrt(as) * beta) / rest,
      xtWeight: (Math.sqrt(alpha) * (1 - as)) / rest,
      variance: ((1 - as) / rest) * beta,
      forwardVariance: beta,
    }
  }

  /** A function of time as a tensor for int32 times `[batch]`, shaped to broadcast over samples of the given rank. */
  at(f: (t: number) => number, t: Tensor, rank: number): Tensor {
    const table = Float64Array.from({ length: this.steps + 1 }, (_, i) => f(i))
    const picked = gather(constant(fromNumbers("float32", [table.length], table)), t, 0)
    return picked.reshape([...t.shape, ...new Array<number>(Math.max(0, rank - t.rank)).fill(1)])
  }

  /** x_t = sqrt(abar_t) x0 + sqrt(1 - abar_t) eps, for times `[batch]` (int32, 1 ... T). */
  noised(x0: Tensor, eps: Tensor, t: Tensor): Tensor {
    return x0.mul(this.at((i) => this.signal(i), t, x0.rank)).add(eps.mul(this.at((i) => this.sigma(i), t, x0.rank)))
  }
}

/** The process of a schedule. */
export function gaussian(schedule: Schedule): Process {
  return new Process(schedule)
}
