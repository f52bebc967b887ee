/** The Gaussian forward process: noising, its posterior, and the schedule it amounts to. */
import { fromNumbers } from "../engine/array.ts"
import { cos, floor, minimum, sin } from "../engine/ops/elementwise.ts"
import { gather } from "../engine/ops/gather.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { type Schedule, schedule as scheduleOf } from "./schedule.ts"

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

/** How much signal and noise there is at each time: x_t = signal x0 + sigma eps. */
export interface Levels {
  readonly name: string
  /** Number of whole times, T. */
  readonly steps: number
  /** Whether signal^2 + sigma^2 is 1 at every time. */
  readonly preserving: boolean
  /** The earliest time to train at: 1 where only whole times are known. */
  readonly earliest: number
  signal(t: number): number
  sigma(t: number): number
  /** Both as programs of float32 times `[batch]`, where times between the whole ones have a level too. */
  readonly scales?: (t: Tensor) => readonly [signal: Tensor, sigma: Tensor]
  /** Whether the levels depend on variables, so that programs may not keep them as numbers. */
  readonly isLearned?: boolean
  /** What the network is told of float32 times `[batch]`; t - 1 unless given. */
  readonly told?: (t: Tensor) => Tensor
  /** Signal and sigma from what the network is told, `[batch]`, where that is not t - 1. */
  readonly scalesTold?: (told: Tensor) => readonly [signal: Tensor, sigma: Tensor]
}

/**
 * A Gaussian process x_t = signal(t) x0 + sigma(t) eps. Its scalars are float64; in programs they are float32 tables.
 * Time runs from 0, the data, to T; a process in continuous time knows all times between, others only the whole ones.
 */
export class Process {
  readonly levels: Levels
  #schedule: Schedule | undefined

  constructor(levels: Levels, schedule?: Schedule) {
    this.levels = levels
    this.#schedule = schedule
  }

  /** Number of whole times, T. */
  get steps(): number {
    return this.levels.steps
  }

  /** Whether times between the whole ones are known. */
  get isContinuous(): boolean {
    return this.levels.scales !== undefined
  }

  /**
   * The whole times as a variance-preserving schedule: every Gaussian process is one, seen through the scale
   * 1 / sqrt(signal^2 + sigma^2).
   */
  get schedule(): Schedule {
    if (this.#schedule !== undefined) return this.#schedule
    const kept = Float64Array.from({ length: this.steps + 1 }, (_, t) => this.alphaBar(t))
    const made = scheduleOf(
      this.levels.name,
      Float64Array.from({ length: this.steps }, (_, i) => 1 - kept[i + 1] / kept[i]),
    )
    if (!this.levels.isLearned) this.#schedule = made
    return made
  }

  /**
   * The same process ended at an earlier whole time: what is left to do for samples that begin there.
   *
   * @throws RangeError for times that are not whole or outside 1 ... T.
   */
  upTo(time: number): Process {
    if (!(Number.isInteger(time) && time >= 1 && time <= this.steps))
      throw new RangeError(`upTo: got time ${time}, expected a whole number from 1 to ${this.steps}`)
    const own = this.#schedule
    const kept = own === undefined ? undefined : scheduleOf(own.name, own.beta.subarray(1, time + 1))
    return new Process({ ...this.levels, steps: time }, kept)
  }

  /** How much of x0 is in x_t: sqrt(alphaBar_t) where variance is preserved. */
  signal(t: number): number {
    return this.levels.signal(this.checked(t))
  }

  /** The standard deviation of the noise in x_t: sqrt(1 - alphaBar_t) where variance is preserved. */
  sigma(t: number): number {
    return this.levels.sigma(this.checked(t))
  }

  /** alphaBar_t = signal^2 / (signal^2 + sigma^2), the share of signal variance at time t; 1 at time 0. */
  alphaBar(t: number): number {
    const kept = this.#schedule?.alphaBar[t]
    if (kept !== undefined) return kept
    const [signal, sigma] = [this.signal(t), this.sigma(t)]
    return signal ** 2 / (signal ** 2 + sigma ** 2)
  }

  /** signal(t)^2, without the rounding of a root where the schedule has it. */
  private power(t: number): number {
    return this.levels.preserving ? this.alphaBar(t) : this.signal(t) ** 2
  }

  /** sigma(t)^2. */
  private noise(t: number): number {
    return this.levels.preserving && this.#schedule !== undefined ? 1 - this.alphaBar(t) : this.sigma(t) ** 2
  }

  private checked(t: number): number {
    if (!(t >= 0 && t <= this.steps && (this.isContinuous || Number.isInteger(t))))
      throw new RangeError(`process: time ${t} is outside 0 ... ${this.steps}`)
    return t
  }

  /**
   * q(x_t | x_s) for s < t (s = t - 1 unless given): mean alpha x_s with alpha = signal_t / signal_s, and variance
   * sigma_t^2 - alpha^2 sigma_s^2. Where variance is preserved these are sqrt(1 - beta) and beta, and unit variance
   * stays unit variance. Source: Ho et al. 2020, equation 2; Kingma et al. 2021, appendix A.1.
   */
  kernel(t: number, s: number = t - 1): Kernel {
    if (!(s >= 0 && s < t)) throw new RangeError(`kernel: got times ${s} and ${t}, expected 0 <= s < t`)
    const ratio = this.power(t) / this.power(s)
    const signal = Math.sqrt(ratio)
    if (!this.levels.preserving) return { signal, variance: this.noise(t) - ratio * this.noise(s) }
    const beta = s === t - 1 ? this.#schedule?.beta[t] : undefined
    return { signal, variance: beta ?? 1 - ratio }
  }

  /**
   * How much of the noise of each step is in x_t: x_t = signal_t x0 + sum over tau of w_tau eps_tau; for a schedule
   * w_tau = sqrt(abar_t / abar_tau - abar_t / abar_(tau - 1)). `[t + 1]`, with w_0 = 0; the squares sum to sigma_t^2.
   */
  noiseWeights(t: number): Float64Array {
    this.checked(t)
    const weights = new Float64Array(t + 1)
    // A product of what the later steps keep, and what this one adds: no difference cancels.
    let later = 1
    for (let tau = t; tau >= 1; tau--) {
      const { signal, variance } = this.kernel(tau)
      weights[tau] = Math.sqrt(later * variance)
      later *= signal ** 2
    }
    return weights
  }

  /**
   * q(x_s | x_t, x0) for s < t (s = t - 1 unless given): mean
   * (signal_s beta x0 + alpha sigma_s^2 xt) / sigma_t^2 with alpha and beta those of {@link kernel}; for a schedule
   * (sqrt(abar_s) beta x0 + sqrt(alpha) (1 - abar_s) xt) / (1 - abar_t).
   * Source: Ho et al. 2020, equation 7 (for s = t - 1); the notes' printed forms of it are corrected in docs/errata/diffusion.md.
   */
  posterior(t: number, s: number = t - 1): Posterior {
    if (!(s >= 0 && s < t)) throw new RangeError(`posterior: got times ${s} and ${t}, expected 0 <= s < t`)
    const { signal, variance: beta } = this.kernel(t, s)
    const [before, now] = [this.noise(s), this.noise(t)]
    return {
      x0Weight: (this.signal(s) * beta) / now,
      xtWeight: (signal * before) / now,
      variance: (before / now) * beta,
      forwardVariance: beta,
    }
  }

  /**
   * The mean of {@link posterior} by the noise that is in x_t: (xt - beta / sigma_t eps) / alpha.
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

  /** A function of whole times as a tensor for int32 times `[batch]`, shaped to broadcast over samples of the given rank. */
  at(f: (t: number) => number, t: Tensor, rank: number): Tensor {
    const table = Float64Array.from({ length: this.steps + 1 }, (_, i) => f(i))
    return spread(gather(constant(fromNumbers("float32", [table.length], table)), t, 0), rank)
  }

  /**
   * Signal and sigma at times `[batch]`, shaped to broadcast over samples of the given rank: of whole times (int32), or of
   * any time (float32). Between the whole times of a schedule the angle of {@link timeAt} is interpolated.
   */
  scales(t: Tensor, rank: number): [signal: Tensor, sigma: Tensor] {
    const { scales, isLearned } = this.levels
    if (t.dtype === "int32" && !isLearned)
      return [this.at((i) => this.signal(i), t, rank), this.at((i) => this.sigma(i), t, rank)]
    if (scales !== undefined) {
      const [signal, sigma] = scales(t.cast("float32"))
      return [spread(signal, rank), spread(sigma, rank)]
    }
    const low = minimum(floor(t), this.steps - 1)
    const [below, above] = [low, low.add(1)].map((at) => this.at((i) => this.angle(i), at.cast("int32"), rank))
    const angle = below.add(above.sub(below).mul(spread(t.sub(low), rank)))
    return [cos(angle), sin(angle)]
  }

  /** What networks are told of times `[batch]`: t - 1, which counts from 0 as PyTorch's do. */
  told(t: Tensor): Tensor {
    return this.levels.told?.(t.cast("float32")) ?? t.sub(1)
  }

  /** {@link scales} from what networks are told, for networks that need to know how much noise they see. */
  scalesTold(told: Tensor, rank: number): [signal: Tensor, sigma: Tensor] {
    const found = this.levels.scalesTold?.(told.cast("float32"))
    return found === undefined ? this.scales(told.add(1), rank) : [spread(found[0], rank), spread(found[1], rank)]
  }

  /** x_t = signal x0 + sigma eps, for times `[batch]` (1 ... T). */
  noised(x0: Tensor, eps: Tensor, t: Tensor): Tensor {
    const [signal, sigma] = this.scales(t, x0.rank)
    return x0.mul(signal).add(eps.mul(sigma))
  }

  /** The angle of x_t between signal (0) and noise (pi / 2): tan is sigma / signal. It rises with t. */
  angle(t: number): number {
    return Math.atan2(this.sigma(t), this.signal(t))
  }

  /**
   * The time, not always whole, that has an angle: between the whole times of a schedule, by linear interpolation.
   * Angles below that of time 0 or above that of time T give 0 or T.
   */
  timeAt(angle: number): number {
    let [low, high] = [0, this.steps]
    const atLeast = (t: number): boolean => this.angle(t) >= angle
    if (!atLeast(high)) return high
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (atLeast(middle)) high = middle
      else low = middle
    }
    if (!this.isContinuous) {
      const [below, above] = [this.angle(low), this.angle(high)]
      return Math.max(low, low + (angle - below) / (above - below))
    }
    // False position, where an end that stays counts half the next time (the Illinois rule).
    let [below, above] = [this.angle(low) - angle, this.angle(high) - angle]
    let side = 0
    for (let i = 0; i < 100 && above > 0 && high - low > 1e-13 * this.steps; i++) {
      const middle = high - (above * (high - low)) / (above - below)
      const value = this.angle(middle) - angle
      if (Math.abs(value) < 1e-15) return middle
      if (value > 0) {
        ;[high, above] = [middle, value]
        if (side > 0) below /= 2
        side = 1
      } else {
        ;[low, below] = [middle, value]
        if (side < 0) above /= 2
        side = -1
      }
    }
    return above === 0 ? high : (low + high) / 2
  }
}

/** `[batch]` as `[batch, 1, ...]`. */
function spread(x: Tensor, rank: number): Tensor {
  return x.reshape([...x.shape, ...new Array<number>(Math.max(0, rank - x.rank)).fill(1)])
}

/** The variance-preserving process of a schedule: signal sqrt(alphaBar), sigma sqrt(1 - alphaBar), at whole times. */
export function gaussian(schedule: Schedule): Process {
  const { name, steps, alphaBar } = schedule
  return new Process(
    {
      name,
      steps,
      preserving: true,
      earliest: 1,
      signal: (t) => Math.sqrt(alphaBar[t]),
      sigma: (t) => Math.sqrt(1 - alphaBar[t]),
    },
    schedule,
  )
}
