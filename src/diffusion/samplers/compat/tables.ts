/** Noise schedules as diffusers makes them: in float32, with PyTorch's arithmetic. */
import type { Schedule } from "../../schedule.ts"
import { f, linspace, products, sqrt } from "./torch.ts"

/** The parts of a scheduler's configuration that make its betas, by diffusers' names. */
export interface BetaConfig {
  readonly num_train_timesteps: number
  readonly beta_start: number
  readonly beta_end: number
  readonly beta_schedule: string
  readonly trained_betas?: readonly number[] | null
  readonly rescale_betas_zero_snr?: boolean
}

/** beta from a curve of alphaBar over [0, 1], at most 0.999. */
function along(steps: number, curve: (u: number) => number): Float32Array {
  return Float32Array.from({ length: steps }, (_, i) => Math.min(1 - curve((i + 1) / steps) / curve(i / steps), 0.999))
}

function laplace(u: number): number {
  const lambda = (u > 0.5 ? 0.5 : -0.5) * Math.log(1 - 2 * Math.abs(0.5 - u) + 1e-6)
  const snr = Math.exp(lambda)
  return Math.sqrt(snr / (1 + snr))
}

/**
 * beta_1 ... beta_T by diffusers' name of the schedule.
 *
 * @throws RangeError for an unknown name or a count of steps that is not a whole number from 1 to 1,000,000.
 */
function betas({
  num_train_timesteps: steps,
  beta_start,
  beta_end,
  beta_schedule,
  trained_betas,
}: BetaConfig): Float32Array {
  if (trained_betas != null) return Float32Array.from(trained_betas)
  if (!(Number.isInteger(steps) && steps >= 1 && steps <= 1e6))
    throw new RangeError(`schedule: got num_train_timesteps ${steps}, expected a whole number from 1 to 1,000,000`)
  switch (beta_schedule) {
    case "linear":
      return linspace(beta_start, beta_end, steps)
    case "scaled_linear":
      return linspace(beta_start ** 0.5, beta_end ** 0.5, steps).map((b) => f(b * b))
    case "squaredcos_cap_v2":
      return along(steps, (u) => Math.cos((((u + 0.008) / 1.008) * Math.PI) / 2) ** 2)
    case "exp":
      return along(steps, (u) => Math.exp(u * -12))
    case "laplace":
      return along(steps, laplace)
    case "sigmoid":
      return linspace(-6, 6, steps).map((x) =>
        f(f(f(1 / f(1 + f(Math.exp(-x)))) * f(beta_end - beta_start)) + f(beta_start)),
      )
    default:
      throw new RangeError(
        `schedule: got beta_schedule ${JSON.stringify(beta_schedule)}, expected linear, scaled_linear, squaredcos_cap_v2, sigmoid, laplace or exp`,
      )
  }
}

/** sqrt(alphaBar) moved and scaled to end at 0. */
function withoutTerminalSignal(beta: Float32Array): Float32Array {
  const roots = products(beta.map((b) => 1 - b)).map(sqrt)
  const [first, last] = [roots[0], roots[roots.length - 1]]
  const factor = f(first / f(first - last))
  const kept = roots.map((r) => f(f(r - last) * factor)).map((r) => r * r)
  return kept.map((k, i) => 1 - f(i === 0 ? k : k / kept[i - 1]))
}

/** The schedule of a scheduler's configuration: numbers of float32, with time 1 for the network's 0. */
export function scheduleOf(config: BetaConfig): Schedule {
  const plain = betas(config)
  const beta = config.rescale_betas_zero_snr ? withoutTerminalSignal(plain) : plain
  return {
    name: config.trained_betas != null ? "trained" : config.beta_schedule,
    steps: beta.length,
    beta: Float64Array.of(0, ...beta),
    alphaBar: Float64Array.of(1, ...products(beta.map((b) => 1 - b))),
  }
}
