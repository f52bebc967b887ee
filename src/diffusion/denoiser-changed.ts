/** A denoiser from another by changing the clean sample it predicts: what guidance and inpainting are made of. */
import { concat } from "../engine/ops/movement.ts"
import type { Tensor } from "../engine/tensor.ts"
import { Denoiser, type Network, type Prediction, preserving } from "./denoiser.ts"

/** A question that a denoiser was asked. */
export interface Asked {
  readonly xt: Tensor
  /** Scales of x_t, which broadcast over samples. */
  readonly signal: Tensor
  readonly sigma: Tensor
  /** What the network is told of the level, `[batch]`. */
  readonly told: Tensor
  readonly labels: Tensor | undefined
  readonly given: Tensor | undefined
}

/** What a denoiser's x0 becomes. */
export type Change = (answer: Prediction, asked: Asked) => Tensor

/**
 * The denoiser whose x0 is another's, changed; samplers and likelihoods take it as any. Its eps is (xt - signal x0) / sigma,
 * so where x0 moves by d, eps moves by -signal / sigma d and the score by signal / sigma^2 d. A learned variance stays.
 * A denoiser whose network is told something else than t - 1 is taken in the form of {@link preserving}.
 */
export function changed(own: Denoiser, change: Change): Denoiser {
  const isTold = own.predict === "edm" || own.process.levels.isLearned || own.process.levels.told !== undefined
  const model = isTold ? preserving(own) : own
  const { shape, process, clip, variance, firstStd } = model
  const network: Network = {
    shape,
    forward: (xt, told, labels, given) => {
      const { signal, sigma } = model.level(told.add(1), xt.rank)
      const answer = model.answer(xt, { signal, sigma, told }, labels, given)
      const x0 = change(answer, { xt, signal, sigma, told, labels, given })
      return answer.share === null ? x0 : concat([x0, answer.share.mul(2).sub(1)], 1)
    },
  }
  return new Denoiser(network, process, { predict: "x0", clip, variance, firstStd })
}
