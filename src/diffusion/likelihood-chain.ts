/** Chains of linear Gaussian reverse steps: every term of the bound, and the evidence, in closed form. */
import type { Process } from "./process.ts"

/** A reverse step p(x_(t - 1) | x_t) = N(weight x_t + bias, variance). */
export interface LinearStep {
  readonly weight: number
  readonly bias?: number
  readonly variance: number
}

/** A forward process and as many reverse steps, that of t = 1 first; p(x_T) = N(0, 1). For one number. */
export interface LinearChain {
  readonly process: Process
  readonly steps: readonly LinearStep[]
}

/** A bound on log p(x0) and its terms, in nats: `total` is `reconstruction` less all others. */
export interface ChainBound {
  readonly total: number
  /** E log p(x0 | x_1). */
  readonly reconstruction: number
  /** What compares the end with p(x_T). */
  readonly prior: number
  /** What compares the steps between: of t = 2 ... T in the denoising form, of t = 1 ... T - 1 in the other. */
  readonly between: readonly number[]
}

const log2Pi = Math.log(2 * Math.PI)

/** E log N(x; y, variance) when x - y has the given mean and variance. */
function expectedLog(mean: number, spread: number, variance: number): number {
  return -0.5 * (log2Pi + Math.log(variance) + (mean * mean + spread) / variance)
}

/** Half of log(vq / vp) - 1 + (vp + E distance^2) / vq: the divergence of two Gaussians whose means are apart at random. */
function expectedKl(vp: number, vq: number, mean: number, spread: number): number {
  return 0.5 * (Math.log(vq / vp) - 1 + (vp + mean * mean + spread) / vq)
}

/** @throws RangeError when there are not as many steps as times, or a variance is not above 0. */
function checked({ process, steps }: LinearChain): void {
  if (steps.length !== process.steps)
    throw new RangeError(
      `linear chain: got ${steps.length} reverse steps for ${process.steps} times, expected one each`,
    )
  for (const [i, { variance }] of steps.entries()) {
    if (!(variance > 0))
      throw new RangeError(`linear chain: step ${i + 1} has variance ${variance}, expected a number above 0`)
  }
}

/**
 * log p(x0): each step makes a Gaussian of a Gaussian, from p(x_T) = N(0, 1) down to the law of x0 (Kalman's recursion
 * without measurements).
 */
export function logEvidence(chain: LinearChain, x0: number): number {
  checked(chain)
  let [mean, variance] = [0, 1]
  for (const { weight, bias = 0, variance: added } of [...chain.steps].reverse()) {
    mean = weight * mean + bias
    variance = weight * weight * variance + added
  }
  return expectedLog(x0 - mean, 0, variance)
}

/** E log p(x0 | x_1) over q(x_1 | x0). */
function reconstructionOf({ process, steps }: LinearChain, x0: number): number {
  const { weight, bias = 0, variance } = steps[0]
  return expectedLog(x0 - weight * process.signal(1) * x0 - bias, weight ** 2 * process.sigma(1) ** 2, variance)
}

/**
 * The bound by its denoising terms: E log p(x0 | x_1) - KL(q(x_T | x0) || p(x_T)) - sum over t = 2 ... T of
 * E KL(q(x_(t - 1) | x_t, x0) || p(x_(t - 1) | x_t)). Source: Ho et al. 2020, equation 5.
 */
export function denoisingBound(chain: LinearChain, x0: number): ChainBound {
  checked(chain)
  const { process, steps } = chain
  const T = process.steps
  const prior = expectedKl(process.sigma(T) ** 2, 1, process.signal(T) * x0, 0)
  const between = steps.slice(1).map(({ weight, bias = 0, variance }, i) => {
    const t = i + 2
    const { x0Weight, xtWeight, variance: small } = process.posterior(t)
    const apart = xtWeight - weight
    const mean = x0Weight * x0 - bias + apart * process.signal(t) * x0
    return expectedKl(small, variance, mean, apart ** 2 * process.sigma(t) ** 2)
  })
  return summed(reconstructionOf(chain, x0), prior, between)
}

/**
 * The same bound by its consistency terms: E log p(x0 | x_1) - E KL(q(x_T | x_(T - 1)) || p(x_T)) - sum over
 * t = 1 ... T - 1 of E [log q(x_t | x_(t - 1)) - log p(x_t | x_(t + 1))], expectations over the joint law of all three.
 *
 * The notes 003 print each term as E KL(q(x_t | x_(t - 1)) || p(x_t | x_(t + 1))) over (x_(t - 1), x_(t + 1)), and so
 * does Luo 2022 (equation 45). But x_t is not distributed as q(x_t | x_(t - 1)) once x_(t + 1) is known: `asPrinted`
 * gives that number, which is another one.
 */
export function consistencyBound(
  chain: LinearChain,
  x0: number,
  { asPrinted = false }: { readonly asPrinted?: boolean } = {},
): ChainBound {
  checked(chain)
  const { process, steps } = chain
  const T = process.steps
  const last = process.kernel(T)
  const before = last.signal ** 2 * process.sigma(T - 1) ** 2
  const prior = expectedKl(last.variance, 1, process.signal(T) * x0, before)
  const between = steps.slice(1).map(({ weight, bias = 0, variance }, i) => {
    const t = i + 1
    const [into, after] = [process.kernel(t), process.kernel(t + 1)]
    const kept = 1 - weight * after.signal
    const mean = kept * process.signal(t) * x0 - bias
    // x_t - weight x_(t + 1) by x_(t - 1), the noise of the step into x_t and that of the step out of it.
    const [past, out] = [process.sigma(t - 1) ** 2 * into.signal ** 2, weight ** 2 * after.variance]
    if (!asPrinted) {
      const spread = kept ** 2 * (past + into.variance) + out
      return expectedLog(0, into.variance, into.variance) - expectedLog(mean, spread, variance)
    }
    const spread = kept ** 2 * past + (weight * after.signal) ** 2 * into.variance + out
    return expectedKl(into.variance, variance, mean, spread)
  })
  return summed(reconstructionOf(chain, x0), prior, between)
}

function summed(reconstruction: number, prior: number, between: readonly number[]): ChainBound {
  return { total: between.reduce((sum, v) => sum - v, reconstruction - prior), reconstruction, prior, between }
}
