/** The reverse step p(x_s | x_t) as a program: a mean from the predicted x0, and a fixed or learned variance. */
import { tanh } from "../engine/ops/elementwise.ts"
import type { Tensor } from "../engine/tensor.ts"
import type { Denoiser, Prediction, Variance } from "./denoiser.ts"
import type { Process } from "./process.ts"

/** A reverse step: a Gaussian over x_s. `logVariance` broadcasts over samples. */
export interface ReverseStep {
  /** The clean sample it aims at. */
  readonly x0: Tensor
  readonly mean: Tensor
  readonly logVariance: Tensor
}

/** Options of {@link reverseStep}. */
export interface ReverseOptions {
  /** Bound on |x0|; the denoiser's unless given. */
  readonly clip?: number | null
  /** The denoiser's unless given. */
  readonly variance?: Variance
}

/**
 * log sigma_t^2 of the two fixed choices of the step from t to t - 1, as bits/dim want them: both are those of t = 2 at
 * t = 1, where the posterior has none. Source: Nichol and Dhariwal's code, `posterior_log_variance_clipped`, whose
 * log-likelihoods others are compared with. diffusers floors at 1e-20 instead. Where the first step adds more than
 * twice the noise of the second (Karras' levels, variance exploding), or is the only one, that says nothing of it: both
 * are beta_1.
 */
export function logVariances(process: Process, t: number): { readonly small: number; readonly large: number } {
  if (t <= 1) {
    const first = process.posterior(1).forwardVariance
    const second = process.steps > 1 ? process.posterior(2) : undefined
    const own = Math.log(second !== undefined && second.forwardVariance >= first / 2 ? second.variance : first)
    return { small: own, large: own }
  }
  const { variance, forwardVariance } = process.posterior(t)
  return { small: Math.log(variance), large: Math.log(forwardVariance) }
}

/**
 * p(x_(t - 1) | x_t) at int32 times `[batch]`, 1 ... T. A learned variance lies between the two fixed ones:
 * log sigma^2 = f log beta + (1 - f) log betaTilde with f the network's share. Source: Nichol and Dhariwal 2021,
 * equation 15. (There the larger one at t = 1 is beta_1, and so it is here.)
 */
export function reverseStep(
  model: Denoiser,
  xt: Tensor,
  t: Tensor,
  { labels, ...options }: ReverseOptions & { readonly labels?: Tensor | undefined } = {},
): ReverseStep {
  return reverseOf(model, model.at(xt, t, labels), xt, t, options)
}

/** {@link reverseStep} from an answer that is at hand. */
export function reverseOf(
  { process, clip: bound, variance: own, firstStd }: Denoiser,
  answer: Prediction,
  xt: Tensor,
  t: Tensor,
  { clip = bound, variance = own }: ReverseOptions = {},
): ReverseStep {
  const x0 = answer.clipped(clip)
  const table = (f: (t: number) => number): Tensor => process.at((i) => f(Math.max(1, i)), t, xt.rank)
  const mean = x0
    .mul(table((i) => process.posterior(i).x0Weight))
    .add(xt.mul(table((i) => process.posterior(i).xtWeight)))
  if (variance !== "learned") return { x0, mean, logVariance: table((i) => logVariances(process, i)[variance]) }
  if (answer.share === null)
    throw new RangeError("reverseStep: the denoiser's variance is not learned (give it variance: learned)")
  const small = table((i) => (i === 1 && firstStd !== null ? 2 * Math.log(firstStd) : logVariances(process, i).small))
  const large = table((i) => Math.log(process.posterior(i).forwardVariance))
  return { x0, mean, logVariance: answer.share.mul(large).add(answer.share.neg().add(1).mul(small)) }
}

/** KL(p || q) in nats, summed over each sample, `[batch]`: of Gaussians by means and log variances that broadcast. */
export function klOf(
  p: { readonly mean: Tensor; readonly logVariance: Tensor },
  q: { readonly mean: Tensor; readonly logVariance: Tensor },
): Tensor {
  const apart = p.mean.sub(q.mean).square().mul(q.logVariance.neg().exp())
  const excess = p.logVariance.sub(q.logVariance)
  const spread = expm1(excess).sub(excess)
  return perSample(apart.add(spread)).mul(0.5)
}

/** e^x - 1 without cancellation, for x below 15 or so: 2 tanh(x / 2) / (1 - tanh(x / 2)). */
function expm1(x: Tensor): Tensor {
  const h = tanh(x.mul(0.5))
  return h.mul(2).div(h.neg().add(1))
}

/** log N(x; mean, exp(logVariance)) in nats, summed over each sample, `[batch]`. */
export function logNormal(x: Tensor, mean: Tensor, logVariance: Tensor): Tensor {
  const apart = x.sub(mean).square().mul(logVariance.neg().exp())
  return perSample(apart.add(logVariance).add(Math.log(2 * Math.PI))).mul(-0.5)
}

/** Sums over everything but the first axis: `[batch, ...] -> [batch]`. */
export function perSample(x: Tensor): Tensor {
  return x.rank === 1 ? x : x.flatten(1).sum({ axes: [1] })
}
