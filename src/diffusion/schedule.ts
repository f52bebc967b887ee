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

/** beta rises linearly from `start` (1e-4) to `end` (0.02). Source: Ho et al. 2020, section 4. */
export function linear(
  steps = 1000,
  { start = 1e-4, end = 0.02 }: { readonly start?: number; readonly end?: number } = {},
): Schedule {
  checkSteps("linear", steps)
  return schedule(
    "linear",
    Float64Array.from({ length: steps }, (_, i) => (steps === 1 ? start : start + ((end - start) * i) / (steps - 1))),
  )
}

/**
 * alphaBar follows a squared cosine, f(t) / f(0) with f(t) = cos^2((t/T + s) / (1 + s) pi / 2); beta is at most
 * `maxBeta`. Source: Nichol and Dhariwal 2021, equation 17.
 */
export function cosine(
  steps = 1000,
  { offset = 0.008, maxBeta = 0.999 }: { readonly offset?: number; readonly maxBeta?: number } = {},
): Schedule {
  checkSteps("cosine", steps)
  const f = (t: number): number => Math.cos((((t / steps + offset) / (1 + offset)) * Math.PI) / 2) ** 2
  return schedule(
    "cosine",
    Float64Array.from({ length: steps }, (_, i) => Math.min(maxBeta, 1 - f(i + 1) / f(i))),
  )
}
