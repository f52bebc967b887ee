/** The terms of the variational bound as programs, in its two forms. */
import { equal, where } from "../engine/ops/compare.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import type { Denoiser, Variance } from "./denoiser.ts"
import { klOf, logNormal, perSample, type ReverseStep, reverseStep } from "./denoiser-reverse.ts"
import { gaussianKl } from "./likelihood.ts"
import { discretised } from "./likelihood-discrete.ts"
import type { Process } from "./process.ts"

/** How terms are found. */
export interface TermOptions {
  readonly labels: Tensor | undefined
  readonly clip: number | null
  readonly variance: Variance
  readonly bins: number | null
}

/** Noise k of `[batch, noises, ...shape]`. */
const noiseOf = (noise: Tensor, k: number, x0: Tensor): Tensor => noise.slice([null, [k, k + 1]]).reshape(x0.shape)

/** One of two `[batch, ...]` by whether t is 1. */
function byTime(t: Tensor, first: Tensor, later: Tensor): Tensor {
  const isFirst = equal(t, constant(1, "int32"))
  return where(isFirst.reshape([...t.shape, ...first.shape.slice(1).map(() => 1)]), first, later)
}

/** The denoising form at one x_t, `[batch]`. */
export function denoisingTerms(model: Denoiser, x0: Tensor, t: Tensor, noise: Tensor, options: TermOptions): Tensor {
  const xt = model.process.noised(x0, noiseOf(noise, 0, x0), t)
  return boundTerms(model.process, x0, xt, t, reverseStep(model, xt, t, options), options.bins)
}

/**
 * The term of each time in nats, `[batch]`: KL(q(x_(t - 1) | x_t, x0) || p(x_(t - 1) | x_t)) for t >= 2, and
 * -log p(x0 | x_1) for t = 1.
 */
export function boundTerms(
  process: Process,
  x0: Tensor,
  xt: Tensor,
  t: Tensor,
  step: ReverseStep,
  bins: number | null,
): Tensor {
  const first = reconstruction(x0, step, bins)
  if (process.steps === 1) return first
  const table = (f: (t: number) => number): Tensor => process.at((i) => f(Math.max(2, i)), t, x0.rank)
  const mean = x0
    .mul(table((i) => process.posterior(i).x0Weight))
    .add(xt.mul(table((i) => process.posterior(i).xtWeight)))
  const logVariance = table((i) => Math.log(process.posterior(i).variance))
  return byTime(t, first, klOf({ mean, logVariance }, step))
}

/**
 * The consistency form at one path, `[batch]`: log q(x_(t - 1) | x_(t - 2)) - log p(x_(t - 1) | x_t) for t >= 2, and
 * -log p(x0 | x_1) for t = 1.
 */
export function consistencyTerms(model: Denoiser, x0: Tensor, t: Tensor, noise: Tensor, options: TermOptions): Tensor {
  const { process } = model
  const [before, into, after] = [0, 1, 2].map((k) => noiseOf(noise, k, x0))
  const start = process.noised(x0, before, t)
  if (process.steps === 1) return reconstruction(x0, reverseStep(model, start, t, options), options.bins)
  const table = (f: (t: number) => number): Tensor => process.at((i) => f(Math.max(2, i)), t, x0.rank)
  const walk = (x: Tensor, z: Tensor, back: number): Tensor =>
    x
      .mul(table((i) => process.kernel(i - back).signal))
      .add(z.mul(table((i) => Math.sqrt(process.kernel(i - back).variance))))
  const past = x0.mul(table((i) => process.signal(i - 2))).add(before.mul(table((i) => process.sigma(i - 2))))
  const middle = walk(past, into, 1)
  const xt = byTime(t, start, walk(middle, after, 0))
  const step = reverseStep(model, xt, t, options)
  const forward = into
    .square()
    .add(table((i) => Math.log(2 * Math.PI * process.kernel(i - 1).variance)))
    .mul(-0.5)
  const later = perSample(forward).sub(logNormal(middle, step.mean, step.logVariance))
  return byTime(t, reconstruction(x0, step, options.bins), later)
}

/** -log p(x0 | x_1), `[batch]`: of the bin of each number, or of its density for `null`. */
function reconstruction(x0: Tensor, { mean, logVariance }: ReverseStep, bins: number | null): Tensor {
  if (bins === null) return logNormal(x0, mean, logVariance).neg()
  return perSample(discretised(x0, mean, logVariance.mul(0.5), { bins })).neg()
}

/**
 * L_T in nats of one sample: KL(q(x_T | x0) || p(x_T)) with p(x_T) = N(0, sigma_T^2), or N(0, 1) where variance is
 * preserved. In the consistency form q is q(x_T | x_(T - 1)), on average over x_(T - 1).
 */
export function priorTerm(
  process: Process,
  x0: ArrayLike<number>,
  form: "denoising" | "consistency" = "denoising",
): number {
  const T = process.steps
  const prior = process.levels.preserving ? 1 : process.sigma(T) ** 2
  const mean = Float64Array.from(x0, (v) => process.signal(T) * v)
  const variance = process.sigma(T) ** 2
  const apart = gaussianKl({ mean, variance }, { mean: new Float64Array(mean.length), variance: prior })
  if (form === "denoising" || T === 1) return apart
  // The same mean square, but the entropy of one kernel instead of that of all of them.
  const { variance: beta } = process.kernel(T)
  return apart + (mean.length / 2) * Math.log(variance / beta)
}
