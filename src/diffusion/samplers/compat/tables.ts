/** Noise schedules as diffusers makes them: in float32, with PyTorch's arithmetic. */
import type { Schedule } from "../../schedule.ts"

const f = Math.fround

/** PyTorch's float32 `linspace`: from the start up to the middle, from the end after it, each with one rounding. */
export function linspace(start: number, end: number, count: number): Float32Array {
  const [a, b] = [f(start), f(end)]
  const step = f(f(b - a) / (count - 1))
  const half = Math.floor(count / 2)
  return Float32Array.from({ length: count }, (_, i) =>
    count === 1 ? a : i < half ? a + step * i : b - step * (count - 1 - i),
  )
}

// A rational approximation of log(1 + y) for y from sqrt(1/2) - 1 to sqrt(2) - 1.
const above = [0, 1, 2.1126776, 1.4800006, 0.38088378, 0.025899792].map(f)
const below = [1, 2.6126776, 2.453006, 0.9864943, 0.15464763, 0.0058750953].map(f)

/**
 * NumPy's float32 logarithm, which is not always the nearest number. Times are cut to whole numbers after it, so its
 * last bit decides between T - 1 and T - 2.
 */
export function log(x: number): number {
  let exponent = Math.floor(Math.log2(x)) + 1
  let part = f(x / 2 ** exponent)
  if (part >= 1) {
    part /= 2
    exponent++
  }
  if (part <= f(Math.SQRT1_2)) {
    part *= 2
    exponent--
  }
  const y = part - 1
  // A product of float32 numbers is exact in float64: each line rounds once, as a fused multiplication and addition.
  const along = (c: readonly number[]): number => c.reduceRight((sum, k) => f(sum * y + k))
  return f(exponent * f(Math.LN2) + f(along(above) / along(below)))
}

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
        f(f(f(1 / (1 + Math.exp(-x))) * f(beta_end - beta_start)) + f(beta_start)),
      )
    default:
      throw new RangeError(
        `schedule: got beta_schedule ${JSON.stringify(beta_schedule)}, expected linear, scaled_linear, squaredcos_cap_v2, sigmoid, laplace or exp`,
      )
  }
}

/** Running products, added up in float64 and kept in float32. */
function products(values: Float32Array): Float32Array {
  let product = 1
  return values.map((v) => (product *= v))
}

/** sqrt(alphaBar) moved and scaled to end at 0. */
function withoutTerminalSignal(beta: Float32Array): Float32Array {
  const roots = products(beta.map((b) => 1 - b)).map(Math.sqrt)
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
