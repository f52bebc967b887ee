/** Processes in continuous time: the solutions of score-based models' stochastic differential equations. */
import { maximum, minimum, tanh } from "../engine/ops/elementwise.ts"
import type { Tensor } from "../engine/tensor.ts"
import { Process } from "./process.ts"
import { type KarrasOptions, karrasSigma } from "./schedule.ts"

/** Options of {@link vp} and {@link subVp}. */
export interface VpOptions {
  /** beta at time 0 and at time T; default 0.1 and 20. */
  readonly start?: number
  readonly end?: number
  /** Whole times, T: where samplers may stop; default 1000. Time itself is continuous. */
  readonly steps?: number
  /** The earliest time to train at, as a share of T; default 1e-5. */
  readonly earliest?: number
}

/** Options of {@link ve}. */
export interface VeOptions {
  /** sigma at the beginning and at time T; default 0.01 and 50. */
  readonly min?: number
  readonly max?: number
  /** Whole times, T; default 1000. */
  readonly steps?: number
  /** The earliest time to train at, as a share of T; default 1e-5. */
  readonly earliest?: number
}

/** @throws RangeError when a number of whole times or an earliest share makes no sense. */
function checked(where: string, steps: number, earliest: number, least = 1): void {
  if (!(Number.isInteger(steps) && steps >= least && steps <= 1e6))
    throw new RangeError(`${where}: got ${steps} steps, expected a whole number from ${least} to 1,000,000`)
  if (!(earliest > 0 && earliest < 1))
    throw new RangeError(`${where}: got earliest ${earliest}, expected a number between 0 and 1`)
}

/** 1 - exp(-2 y) for y >= 0, without cancellation: 2 tanh y / (1 + tanh y). */
function fallen(y: Tensor): Tensor {
  const h = tanh(y)
  return h.mul(2).div(h.add(1))
}

/** Half the integral of beta from 0 to u: minus the logarithm of what is kept of the signal. */
function halfIntegral(where: string, start: number, end: number): <X extends number | Tensor>(u: X) => X {
  if (!(start > 0 && end >= start && end < 1e4))
    throw new RangeError(`${where}: got beta from ${start} to ${end}, expected 0 < start <= end < 10,000`)
  return (u) =>
    (typeof u === "number"
      ? u * ((u * (end - start)) / 4 + start / 2)
      : u.mul((u as Tensor).mul((end - start) / 4).add(start / 2))) as typeof u
}

/**
 * The variance-preserving process dx = -beta x / 2 dt + sqrt(beta) dw, beta(u) = start + u (end - start) at u = t / T:
 * signal exp(-I / 2) and sigma sqrt(1 - exp(-I)) with I the integral of beta. Source: Song et al. 2021, equation 32.
 *
 * @throws RangeError unless 0 < start <= end < 10,000, steps is a whole number from 1, and earliest between 0 and 1.
 */
export function vp({ start = 0.1, end = 20, steps = 1000, earliest = 1e-5 }: VpOptions = {}): Process {
  checked("vp", steps, earliest)
  const half = halfIntegral("vp", start, end)
  return new Process({
    name: "vp",
    steps,
    preserving: true,
    earliest: earliest * steps,
    signal: (t) => Math.exp(-half(t / steps)),
    sigma: (t) => Math.sqrt(-Math.expm1(-2 * half(t / steps))),
    scales: (t) => {
      const y = half(t.mul(1 / steps))
      return [y.neg().exp(), fallen(y).sqrt()]
    },
  })
}

/**
 * The sub-VP process: signal as {@link vp}'s, and sigma 1 - exp(-I), which is less (no root).
 * Source: Song et al. 2021, equation 29.
 */
export function subVp({ start = 0.1, end = 20, steps = 1000, earliest = 1e-5 }: VpOptions = {}): Process {
  checked("subVp", steps, earliest)
  const half = halfIntegral("subVp", start, end)
  return new Process({
    name: "subVp",
    steps,
    preserving: false,
    earliest: earliest * steps,
    signal: (t) => Math.exp(-half(t / steps)),
    sigma: (t) => -Math.expm1(-2 * half(t / steps)),
    scales: (t) => {
      const y = half(t.mul(1 / steps))
      return [y.neg().exp(), fallen(y)]
    },
  })
}

/**
 * The variance-exploding process: signal 1 and sigma min (max / min)^u at u = t / T; at time 0 there is no noise.
 * `max` should be about the largest distance between two samples. Source: Song et al. 2021, equation 31.
 *
 * @throws RangeError unless 0 < min < max < 1e6, steps is a whole number from 1, and earliest between 0 and 1.
 */
export function ve({ min = 0.01, max = 50, steps = 1000, earliest = 1e-5 }: VeOptions = {}): Process {
  checked("ve", steps, earliest)
  if (!(min > 0 && max > min && max < 1e6))
    throw new RangeError(`ve: got sigma from ${min} to ${max}, expected 0 < min < max < 1e6`)
  return new Process({
    name: "ve",
    steps,
    preserving: false,
    earliest: earliest * steps,
    signal: () => 1,
    sigma: (t) => (t === 0 ? 0 : min * (max / min) ** (t / steps)),
    scales: (t) => [
      t.mul(0).add(1),
      t
        .mul(Math.log(max / min) / steps)
        .exp()
        .mul(min),
    ],
  })
}

/** Options of {@link edm}. */
export interface EdmOptions extends KarrasOptions {
  /** Whole times, T, from 2; default 1000. */
  readonly steps?: number
}

/**
 * EDM's process: signal 1 and sigma(t) = (min^(1/rho) + (t - 1) / (T - 1) (max^(1/rho) - min^(1/rho)))^rho, which is `min`
 * (0.002) at time 1 and `max` (80) at time T, with rho 7 unless given. Between times 0 and 1 it rises linearly. Source:
 * Karras et al. 2022, table 1.
 *
 * @throws RangeError when the levels do not rise or there are fewer than two whole times.
 */
export function edm({ steps = 1000, min = 0.002, max = 80, rho = 7 }: EdmOptions = {}): Process {
  checked("edm", steps, 0.5, 2)
  if (!(min > 0 && max > min && rho > 0 && max < 1e6))
    throw new RangeError(`edm: got min ${min}, max ${max}, rho ${rho}, expected 0 < min < max < 1e6 and rho above 0`)
  const [low, high] = [min ** (1 / rho), max ** (1 / rho)]
  return new Process({
    name: "edm",
    steps,
    preserving: false,
    earliest: 1,
    signal: () => 1,
    sigma: (t) => (t < 1 ? t * min : karrasSigma(t, steps, { min, max, rho })),
    scales: (t) => {
      const whole = maximum(t, 1)
        .sub(1)
        .mul((high - low) / (steps - 1))
        .add(low)
      return [t.mul(0).add(1), whole.pow(rho).mul(minimum(t, 1))]
    },
  })
}

/**
 * Flow matching's conditional optimal-transport path: x_t = (1 - u) x0 + u eps at u = t / T. With a network that
 * predicts the `velocity` eps - x0, the simple objective is conditional flow matching, and the probability flow is the
 * learned field itself. Flow matching's papers run time the other way, noise at 0 and data at 1.
 * Source: Lipman et al. 2023, section 4.1 (with no noise left at the data); Liu et al. 2023.
 */
export function flow({
  steps = 1000,
  earliest = 1e-5,
}: {
  readonly steps?: number
  readonly earliest?: number
} = {}): Process {
  checked("flow", steps, earliest)
  return new Process({
    name: "flow",
    steps,
    preserving: false,
    earliest: earliest * steps,
    signal: (t) => 1 - t / steps,
    sigma: (t) => t / steps,
    scales: (t) => {
      const u = t.mul(1 / steps)
      return [u.neg().add(1), u]
    },
  })
}
