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

/** The kernel q(x_t | x_s) from an earlier time: mean `signal x_s`, variance `variance`. */
export interface Kernel {
  readonly signal: number
  readonly variance: number
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
   * q(x_t | x_s) for s < t (s = t - 1 unless given): mean sqrt(alpha) x_s, variance beta, with alpha = abar_t / abar_s
   * and beta = 1 - alpha. Unit variance stays unit variance. Source: Ho et al. 2020, equation 2.
   */
  kernel(t: number, s: number = t - 1): Kernel {
    if (!(s >= 0 && s < t)) throw new RangeError(`kernel: got times ${s} and ${t}, expected 0 <= s < t`)
    const alpha = this.alphaBar(t) / this.alphaBar(s)
    return { signal: Math.sqrt(alpha), variance: s === t - 1 ? this.schedule.beta[t] : 1 - alpha }
  }

  /**
   * How much of the noise of each step is in x_t: x_t = sqrt(abar_t) x0 + sum over tau of w_tau eps_tau with
   * w_tau = sqrt(abar_t / abar_tau - abar_t / abar_(tau - 1)). `[t + 1]`, with w_0 = 0; the squares sum to 1 - abar_t.
   */
  noiseWeights(t: number): Float64Array {
    this.alphaBar(t)
    const weights = new Float64Array(t + 1)
    // The difference of the quotients is alpha_t ... alpha_(tau + 1) beta_tau, which cancels nothing.
    let later = 1
    for (let tau = t; tau >= 1; tau--) {
      weights[tau] = Math.sqrt(later * this.schedule.beta[tau])
      later *= 1 - this.schedule.beta[tau]
    }
    return weights
  }

  /**
   * q(x_s | x_t, x0) for s < t (s = t - 1 unless given): mean
   * (sqrt(abar_s) beta x0 + sqrt(alpha) (1 - abar_s) xt) / (1 - abar_t) with alpha = abar_t / abar_s, beta = 1 - alpha.
   * Source: Ho et al. 2020, equation 7 (for s = t - 1); the notes' printed forms of it are corrected in docs/errata/diffusion.md.
   */
  posterior(t: number, s: number = t - 1): Posterior {
    if (!(s >= 0 && s < t)) throw new RangeError(`posterior: got times ${s} and ${t}, expected 0 <= s < t`)
    const as = this.alphaBar(s)
    const { signal, variance: beta } = this.kernel(t, s)
    const rest = 1 - this.alphaBar(t)
    return {
      x0Weight: (Math.sqrt(as) * beta) / rest,
      xtWeight: (signal * (1 - as)) / rest,
      variance: ((1 - as) / rest) * beta,
      forwardVariance: beta,
    }
  }

  /**
   * The mean of {@link posterior} by the noise that is in x_t: (xt - beta / sqrt(1 - abar_t) eps) / sqrt(alpha).
   * Source: Ho et al. 2020, equation 11 (the notes 000 print 1 / sqrt(abar_t) for 1 / sqrt(alpha_t)).
   */
  posteriorByNoise(t: number, s: number = t - 1): { readonly xtWeight: number; readonly epsWeight: number } {
    const { signal, variance } = this.kernel(t, s)
    if (signal === 0)
      throw new RangeError(
        `posteriorByNoise: no signal is left at time ${t}, so noise says nothing of it (predict x0 or v)`,
      )
    return { xtWeight: 1 / signal, epsWeight: -variance / (this.sigma(t) * signal) }
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
