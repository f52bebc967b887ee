/** Divergences between Gaussians, and the weights that make a squared error the divergence of one reverse step. */
import type { Process } from "./process.ts"

/** A Gaussian of independent coordinates; a single variance is that of all of them. */
export interface Gaussian {
  readonly mean: ArrayLike<number>
  readonly variance: ArrayLike<number> | number
}

/**
 * KL(p || q) in nats: 1/2 sum of log(vq / vp) - 1 + vp / vq + (mp - mq)^2 / vq over the coordinates. (The notes 001
 * divide the squared distance of the means by the determinant of q's covariance.)
 *
 * @throws RangeError when the lengths differ or a variance is not a positive number.
 */
export function gaussianKl(p: Gaussian, q: Gaussian): number {
  const size = p.mean.length
  const at = ({ variance }: Gaussian, i: number): number => {
    const v = typeof variance === "number" ? variance : variance[i]
    if (!(v > 0 && v < Number.POSITIVE_INFINITY))
      throw new RangeError(`gaussianKl: variance ${v} of coordinate ${i}, expected a positive number`)
    return v
  }
  for (const [name, list] of [
    ["q's mean", q.mean],
    ["p's variance", p.variance],
    ["q's variance", q.variance],
  ] as const) {
    if (typeof list !== "number" && list.length !== size)
      throw new RangeError(`gaussianKl: ${name} has ${list.length} coordinates, p's mean has ${size}`)
  }
  let total = 0
  for (let i = 0; i < size; i++) {
    const [vp, vq] = [at(p, i), at(q, i)]
    const excess = (vp - vq) / vq
    // excess - log(1 + excess) loses no digits where the variances are close.
    total += excess - Math.log1p(excess) + (p.mean[i] - q.mean[i]) ** 2 / vq
  }
  return total / 2
}

/** Which fixed variance the reverse step has: that of the posterior (`small`) or of the forward step (`large`). */
export type ReverseVariance = "small" | "large"

/**
 * Variance sigma_t^2 of the reverse step from t to t - 1. The posterior's is 0 at t = 1, where a density needs more:
 * there both choices are beta_1. (A sampler adds no noise in that step; the notes 002 leave the 0 in.)
 */
export function reverseVariance(process: Process, t: number, choice: ReverseVariance = "small"): number {
  const { variance, forwardVariance } = process.posterior(t)
  return choice === "large" || t === 1 ? forwardVariance : variance
}

/** What a squared error may be taken of: the mean of the reverse step, or what a network may predict. */
export type ErrorOf = "mean" | "x0" | "eps" | "v" | "score"

/**
 * The weight lambda_t for which lambda_t || target - prediction ||^2 is the divergence of the true reverse step from the
 * predicted one, in nats, when both have variance sigma_t^2:
 *
 * - mean: 1 / (2 sigma_t^2)
 * - x0: abar_(t-1) beta_t^2 / (2 sigma_t^2 (1 - abar_t)^2)
 * - eps: beta_t^2 / (2 sigma_t^2 alpha_t (1 - abar_t)); the notes 001 print 1 / (2 ||Sigma||^2)
 * - v: abar_(t-1) beta_t^2 / (2 sigma_t^2 (1 - abar_t)), since an error of v is sigma times one of x0
 * - score: beta_t^2 / (2 sigma_t^2 alpha_t)
 *
 * Source: Ho et al. 2020, equation 12; Luo 2022, equations 99, 108, 148.
 */
export function klWeight(
  process: Process,
  t: number,
  { of = "eps", variance = "small" }: { readonly of?: ErrorOf; readonly variance?: ReverseVariance } = {},
): number {
  const mean = 1 / (2 * reverseVariance(process, t, variance))
  if (of === "mean") return mean
  const { x0Weight } = process.posterior(t)
  const rest = 1 - process.alphaBar(t)
  // How far an error of 1 moves the mean, squared.
  const byX0 = x0Weight ** 2
  const byEps = (byX0 * rest) / process.alphaBar(t)
  return mean * { x0: byX0, eps: byEps, v: byX0 * rest, score: byEps * rest }[of]
}
