/** Guidance: denoisers that go further towards a class than the data do. Samplers do not know of it. */
import { gradients } from "../engine/grad.ts"
import { greaterEqual, lessEqual, logicalAnd, where } from "../engine/ops/compare.ts"
import { takeAlong } from "../engine/ops/gather.ts"
import { concat } from "../engine/ops/movement.ts"
import { variance as varianceOf } from "../engine/ops/reduce.ts"
import { logSoftmax } from "../engine/ops/softmax.ts"
import { UsageError } from "../engine/shape.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { Denoiser, type Network } from "./denoiser.ts"
import { changed } from "./denoiser-changed.ts"

/** Options of {@link guided}. */
export interface GuidanceOptions {
  /** The label that stands for none: what dropped labels become in training. */
  readonly none: number
  /**
   * 0 is the unconditional denoiser, 1 the conditional one; above 1 samples are surer of their class and less diverse.
   * In a program also a tensor `[batch]`, one a sample; the network is then asked twice whatever it holds.
   */
  readonly scale?: number | Tensor
  /**
   * How much of the conditional answer's standard deviation, by sample, is given back: 0 nothing, 1 all of it.
   * Source: Lin et al. 2024, equations 15 and 16 (0.7).
   */
  readonly rescale?: number
  /**
   * Times from which to which guidance acts, both included; elsewhere the conditional denoiser answers.
   * Source: Kynkäänniemi et al. 2024.
   */
  readonly interval?: readonly [from: number, to: number] | null
}

/**
 * Classifier-free guidance: eps = eps_u + scale (eps_c - eps_u), with eps_c the answer for the label that is asked for and
 * eps_u that for none. Papers that write (1 + w) eps_c - w eps_u have w = scale - 1. x0, v and the score are guided by the
 * same formula, since each is the same affine function of the output for both answers. At scales 0 and 1 the network is
 * asked once and its answer is left as it is; else twice, as one batch. A learned variance is the conditional one.
 * Source: Ho and Salimans 2022, equation 6 (the notes 003 give no formula).
 *
 * @example ddim(guided(model, { none: 10, scale: 2 }), { labels: Int32Array.of(7), count: 1 })
 * @throws RangeError for options that make no sense.
 */
export function guided(model: Denoiser, { none, scale = 2, rescale = 0, interval = null }: GuidanceOptions): Denoiser {
  if (typeof scale === "number" && !Number.isFinite(scale))
    throw new RangeError(`guided: got scale ${scale}, expected a number`)
  if (!(Number.isInteger(none) && none >= 0))
    throw new RangeError(`guided: got none ${none}, expected the label of no class, a whole number from 0`)
  if (!(rescale >= 0 && rescale <= 1))
    throw new RangeError(`guided: got rescale ${rescale}, expected a number from 0 to 1`)
  const { steps } = model.process
  if (interval !== null && !(interval[0] >= 0 && interval[0] <= interval[1] && interval[1] <= steps))
    throw new RangeError(`guided: got interval ${interval.join(" ... ")}, expected times within 0 ... ${steps}`)
  const { network, predict, clip, sigmaData, variance, firstStd } = model
  const forward: Network["forward"] = (x, told, labels, given) => {
    if (labels === undefined) throw new UsageError("guided: got no labels (give each sample one)")
    if (scale === 1) return network.forward(x, told, labels, given)
    const nothing = labels.mul(0).add(none)
    if (scale === 0 && interval === null) return network.forward(x, told, nothing, given)
    const twice = (t: Tensor, other: Tensor = t): Tensor => concat([t, other], 0)
    const both = network.forward(twice(x), twice(told), twice(labels, nothing), given && twice(given))
    const [conditional, unconditional] = both.split(2, 0)
    const isWide = variance === "learned"
    const [c, range] = isWide ? conditional.split(2, 1) : [conditional, undefined]
    const u = isWide ? unconditional.split(2, 1)[0] : unconditional
    const weight = typeof scale === "number" ? scale : scale.reshape([-1, ...new Array<number>(x.rank - 1).fill(1)])
    let output = u.add(c.sub(u).mul(weight))
    if (rescale > 0)
      output = output.mul(
        deviation(c)
          .div(deviation(output))
          .mul(rescale)
          .add(1 - rescale),
      )
    if (interval !== null) output = where(isWithin(model, told, interval, x.rank), output, c)
    return range === undefined ? output : concat([output, range], 1)
  }
  return new Denoiser({ shape: network.shape, forward }, model.process, {
    predict,
    clip,
    sigmaData,
    variance,
    firstStd,
  })
}

/** The standard deviation of each sample's numbers, shaped to broadcast over them. */
function deviation(x: Tensor): Tensor {
  const axes = x.shape.map((_, i) => i).slice(1)
  return varianceOf(x, { axes, keepDims: true }).add(1e-12).sqrt()
}

/** Whether what the network is told lies between what it is told of two times, shaped to broadcast over samples. */
function isWithin(model: Denoiser, told: Tensor, interval: readonly [number, number], rank: number): Tensor {
  const { process, predict } = model
  const level = (t: number): number => Math.max(-1e30, 0.25 * Math.log(process.sigma(t) / process.signal(t)))
  const ends =
    predict === "edm"
      ? constant(Float32Array.from(interval, level))
      : process.told(constant(Float32Array.from(interval)))
  const [from, to] = ends.split(2, 0)
  const at = told.cast("float32")
  const within = logicalAnd(greaterEqual(at, from), lessEqual(at, to))
  return within.reshape([...told.shape, ...new Array<number>(rank - 1).fill(1)])
}

/** A classifier of noisy samples: logits `[batch, classes]` of x_t and what networks are told of its level. */
export interface NoisyClassifier {
  forward(x: Tensor, t: Tensor): Tensor
}

/**
 * Classifier guidance: eps = eps_model - scale sigma grad log p(y | xt), the score plus `scale` times the classifier's,
 * with the gradient taken through the classifier by the engine. At scale 1 a right classifier makes an unconditional
 * denoiser the conditional one. x0 moves by scale sigma^2 / signal grad log p(y | xt).
 * Source: Dhariwal and Nichol 2021, algorithm 2.
 *
 * @throws RangeError when the scale is no number, or the process ends without signal, where the gradient counts infinitely.
 */
export function classifierGuided(
  model: Denoiser,
  classifier: NoisyClassifier,
  { scale = 1 }: { readonly scale?: number } = {},
): Denoiser {
  if (!Number.isFinite(scale)) throw new RangeError(`classifierGuided: got scale ${scale}, expected a number`)
  const { process } = model
  if (process.alphaBar(process.steps) === 0)
    throw new RangeError(
      `classifierGuided: no signal is left at time ${process.steps}, where a gradient says nothing of x0 (use a process that keeps some)`,
    )
  return changed(model, ({ x0 }, { xt, signal, sigma, told, labels }) => {
    if (labels === undefined) throw new UsageError("classifierGuided: got no labels (give each sample one)")
    const chances = logSoftmax(classifier.forward(xt, told), 1)
    const [slope] = gradients(takeAlong(chances, labels.reshape([...labels.shape, 1]), 1).sum(), [xt])
    return x0.add(slope.mul(sigma.square().div(signal).mul(scale)))
  })
}
