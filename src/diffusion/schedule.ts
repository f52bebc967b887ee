/** Noise schedules: how much of the signal is left at each time. Float64 throughout. */

/**
 * A discrete noise schedule. Times run from 1 (almost clean) to `steps` (almost noise); index 0 is the data itself.
 * Notation: docs/notation.md.
 */
export interface Schedule {
  readonly name: string
  /** Number of noising steps, T. */
  readonly steps: number
  /** beta_t, the variance added by step t; `[steps + 1]`, with beta_0 = 0. */
  readonly beta: Float64Array
  /** Product of (1 - beta) up to t, `[steps + 1]`, with alphaBar_0 = 1. */
  readonly alphaBar: Float64Array
}

/**
 * Schedule from its variances beta_1 ... beta_T.
 *
 * @throws RangeError when there is none, or one is not above 0 and below 1 (the last may be 1: nothing of x0 is left).
 */
export function schedule(name: string, betas: ArrayLike<number>): Schedule {
  const steps = betas.length
  if (steps === 0) throw new RangeError(`${name}: got no steps, expected at least one`)
  const beta = new Float64Array(steps + 1)
  const alphaBar = new Float64Array(steps + 1).fill(1)
  for (let t = 1; t <= steps; t++) {
    beta[t] = betas[t - 1]
    if (!(beta[t] > 0 && (beta[t] < 1 || (beta[t] === 1 && t === steps))))
      throw new RangeError(
        `${name}: beta ${beta[t]} at time ${t}, expected a number above 0 and below 1 (1 only at the end)`,
      )
    alphaBar[t] = alphaBar[t - 1] * (1 - beta[t])
  }
  return { name, steps, beta, alphaBar }
}

function checkSteps(where: string, steps: number): void {
  if (!(Number.isInteger(steps) && steps >= 1 && steps <= 1e6)) {
    throw new RangeError(`${where}: got ${steps} steps, expected a whole number from 1 to 1,000,000`)
  }
}

/** `count` numbers from `start` to `end`, evenly spaced. */
function spaced(start: number, end: number, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) =>
    count === 1 ? start : start + ((end - start) * i) / (count - 1),
  )
}

/** The schedule whose alphaBar runs along a falling curve of t / T, with beta at most `maxBeta`. */
function along(name: string, steps: number, curve: (u: number) => number, maxBeta: number): Schedule {
  return schedule(
    name,
    Float64Array.from({ length: steps }, (_, i) => Math.min(maxBeta, 1 - curve((i + 1) / steps) / curve(i / steps))),
  )
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x))

/** Where beta starts (1e-4 unless given) and ends (0.02). */
export interface BetaRange {
  readonly start?: number
  readonly end?: number
}

/**
 * beta rises linearly from `start` (1e-4) to `end` (0.02): beta_t = start + (t - 1) / (T - 1) (end - start). Source: Ho et
 * al. 2020, section 4.
 *
 * @throws RangeError for steps that are no whole number from 1 to 1,000,000, or a beta not above 0 and below 1.
 */
export function linear(steps = 1000, { start = 1e-4, end = 0.02 }: BetaRange = {}): Schedule {
  checkSteps("linear", steps)
  return schedule("linear", spaced(start, end, steps))
}

/**
 * The root of beta rises linearly: beta_t = (sqrt(start) + (t - 1) / (T - 1) (sqrt(end) - sqrt(start)))^2.
 * Stable Diffusion's has start 0.00085 and end 0.012. The latent diffusion code calls this "linear". Source: Rombach et al.
 * 2022, and diffusers' `scaled_linear`.
 */
export function scaledLinear(steps = 1000, { start = 1e-4, end = 0.02 }: BetaRange = {}): Schedule {
  checkSteps("scaledLinear", steps)
  return schedule(
    "scaledLinear",
    spaced(Math.sqrt(start), Math.sqrt(end), steps).map((b) => b * b),
  )
}

/**
 * The square of beta rises linearly: beta_t = sqrt(start + (t - 1) / (T - 1) (end - start)), by default from 0.01 to 0.141.
 * So beta is large from early on, and `start` and `end` are its squares. Source: the latent diffusion code's "sqrt".
 *
 * @throws RangeError as {@link linear}.
 */
export function sqrtBeta(steps = 1000, { start = 1e-4, end = 0.02 }: BetaRange = {}): Schedule {
  checkSteps("sqrtBeta", steps)
  return schedule("sqrtBeta", spaced(start, end, steps).map(Math.sqrt))
}

/**
 * beta rises along a logistic curve: beta_t = start + (end - start) / (1 + e^-z), z from -6 at t = 1 to 6 at t = T, evenly.
 * Source: Xu et al. 2022 (GeoDiff); diffusers' `sigmoid`.
 *
 * @throws RangeError as {@link linear}.
 */
export function sigmoidBeta(steps = 1000, { start = 1e-4, end = 0.02 }: BetaRange = {}): Schedule {
  checkSteps("sigmoidBeta", steps)
  return schedule(
    "sigmoidBeta",
    spaced(-6, 6, steps).map((x) => logistic(x) * (end - start) + start),
  )
}

/**
 * alphaBar follows a squared cosine, f(t) / f(0) with f(t) = cos^2((t/T + s) / (1 + s) pi / 2); s is the `offset` (0.008)
 * and beta at most `maxBeta` (0.999). Source: Nichol and Dhariwal 2021, equation 17.
 */
export function cosine(
  steps = 1000,
  { offset = 0.008, maxBeta = 0.999 }: { readonly offset?: number; readonly maxBeta?: number } = {},
): Schedule {
  checkSteps("cosine", steps)
  return along("cosine", steps, (u) => Math.cos((((u + offset) / (1 + offset)) * Math.PI) / 2) ** 2, maxBeta)
}

/**
 * alphaBar falls along a logistic curve L: (L(end / tau) - L(z / tau)) / (L(end / tau) - L(start / tau)), z evenly from
 * `start` (-3) at time 0 to `end` (3) at T; `tau` is 1 and beta at most 0.999 unless given. Not {@link sigmoidBeta}, which
 * others call by the same name. Source: Jabri et al. 2022, algorithm 1; Chen 2023; lucidrains' `sigmoid`.
 */
export function sigmoid(
  steps = 1000,
  {
    start = -3,
    end = 3,
    tau = 1,
    maxBeta = 0.999,
  }: { readonly start?: number; readonly end?: number; readonly tau?: number; readonly maxBeta?: number } = {},
): Schedule {
  checkSteps("sigmoid", steps)
  const last = logistic(end / tau)
  return along("sigmoid", steps, (u) => last - logistic((u * (end - start) + start) / tau), maxBeta)
}

/**
 * alphaBar follows a root, f(t) / f(0) with f(t) = 1 - sqrt(t/T + s): noise comes early. s is the `offset` (1e-4) and beta at
 * most `maxBeta` (0.999). Source: Li et al. 2022 (Diffusion-LM), appendix A.
 *
 * @throws RangeError as {@link linear}.
 */
export function sqrt(
  steps = 1000,
  { offset = 1e-4, maxBeta = 0.999 }: { readonly offset?: number; readonly maxBeta?: number } = {},
): Schedule {
  checkSteps("sqrt", steps)
  return along("sqrt", steps, (u) => 1 - Math.sqrt(u + offset), maxBeta)
}

/** Noise levels sigma_1 < ... < sigma_T, for data of signal 1; {@link karras} has the formula. */
export interface KarrasOptions {
  /** sigma_1; default 0.002, for `geometric` 0.0013. */
  readonly min?: number
  /** sigma_T; default 80, for `geometric` 40. */
  readonly max?: number
  /** The larger, the more levels are small; default 7. */
  readonly rho?: number
}

/** sigma of the index from 1 to T (real): (min^(1/rho) + (t - 1) / (T - 1) (max^(1/rho) - min^(1/rho)))^rho. */
export function karrasSigma(t: number, steps: number, { min = 0.002, max = 80, rho = 7 }: KarrasOptions = {}): number {
  const [low, high] = [min ** (1 / rho), max ** (1 / rho)]
  return (steps === 1 ? high : low + ((t - 1) / (steps - 1)) * (high - low)) ** rho
}

/**
 * The noise levels of EDM as a variance-preserving schedule: alphaBar_t = 1 / (1 + sigma_t^2) with
 * sigma_t = (min^(1/rho) + (t - 1) / (T - 1) (max^(1/rho) - min^(1/rho)))^rho. Source: Karras et al. 2022, equation 5.
 *
 * @throws RangeError for steps that are no whole number from 1 to 1,000,000, or levels that do not rise from above 0.
 */
export function karras(steps = 1000, options: KarrasOptions = {}): Schedule {
  checkSteps("karras", steps)
  const { min = 0.002, max = 80, rho = 7 } = options
  if (!(min > 0 && max > min && rho > 0 && max < 1e6))
    throw new RangeError(`karras: got min ${min}, max ${max}, rho ${rho}, expected 0 < min < max < 1e6 and rho above 0`)
  return fromRatios("karras", steps, (t) => karrasSigma(t, steps, options))
}

/** The variance-preserving schedule of ratios of sigma to signal at times 1 ... T. */
function fromRatios(name: string, steps: number, ratio: (t: number) => number): Schedule {
  const squares = Float64Array.from({ length: steps + 1 }, (_, t) => (t === 0 ? 0 : ratio(t) ** 2))
  return schedule(
    name,
    Float64Array.from({ length: steps }, (_, i) => (squares[i + 1] - squares[i]) / (1 + squares[i + 1])),
  )
}

/**
 * The ratio of sigma to signal grows by one factor a step from `min` (a sixth of the distance of two bytes) to `max`, so
 * gamma, minus the log signal-to-noise ratio, is a straight line. Every level of noise then counts in proportion to its
 * share of the bound: this is the schedule for likelihood. Source: Kingma et al. 2021, sections 3.2 and 5.1.
 */
export function geometric(steps = 1000, { min = 0.0013, max = 40 }: Omit<KarrasOptions, "rho"> = {}): Schedule {
  checkSteps("geometric", steps)
  if (!(min > 0 && max > min && max < 1e6))
    throw new RangeError(`geometric: got min ${min}, max ${max}, expected 0 < min < max < 1e6`)
  const ratio = (t: number): number => (steps === 1 ? max : min * (max / min) ** ((t - 1) / (steps - 1)))
  return fromRatios("geometric", steps, ratio)
}

/**
 * A schedule stretched so that nothing of the data is left at its end: sqrt(alphaBar) is moved and scaled to keep its
 * first value and end at 0. Networks that predict eps or score say nothing of x0 there; predict v or x0.
 * Source: Lin et al. 2023, algorithm 1; diffusers' `rescale_betas_zero_snr`.
 *
 * @throws RangeError when there is only one step.
 */
export function zeroSnr({ name, steps, alphaBar }: Schedule): Schedule {
  if (steps < 2) throw new RangeError(`zeroSnr: got ${steps} step, expected at least 2`)
  const root = (t: number): number => Math.sqrt(alphaBar[t])
  const [first, last] = [root(1), root(steps)]
  const kept = (t: number): number => (t === 0 ? 1 : (((root(t) - last) * first) / (first - last)) ** 2)
  return schedule(
    `${name}, zero SNR`,
    Float64Array.from({ length: steps }, (_, i) => 1 - kept(i + 1) / kept(i)),
  )
}
