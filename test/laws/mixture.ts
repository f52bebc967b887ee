/** Mixtures of Gaussians under noise, in closed form: their moments, draws, and the best possible denoiser. */

import type { Network, Predict } from "../../src/diffusion/denoiser.ts"
import type { Process } from "../../src/diffusion/process.ts"
import { fromNumbers } from "../../src/engine/array.ts"
import { softmax } from "../../src/engine/ops/softmax.ts"
import type { Generator } from "../../src/engine/random.ts"
import { constant, type Tensor } from "../../src/engine/tensor.ts"

/** One normal of a mixture, the same spread in every direction; a spread of 0 is a point. */
export interface Component {
  readonly weight: number
  readonly mean: readonly number[]
  readonly std: number
}

export type Mixture = readonly Component[]

/** Mean [dims] and covariance [dims][dims] of a mixture. */
export function moments(mixture: Mixture): { mean: number[]; covariance: number[][] } {
  const axes = mixture[0].mean.map((_, i) => i)
  const sum = (f: (c: Component) => number): number => mixture.reduce((s, c) => s + c.weight * f(c), 0)
  const mean = axes.map((i) => sum((c) => c.mean[i]))
  const covariance = axes.map((i) =>
    axes.map((j) => sum((c) => (c.mean[i] - mean[i]) * (c.mean[j] - mean[j]) + (i === j ? c.std ** 2 : 0))),
  )
  return { mean, covariance }
}

/** A draw from a mixture. */
export function draw(mixture: Mixture, random: Generator): number[] {
  let rest = random.uniform()
  const chosen = mixture.find((c) => (rest -= c.weight) < 0) ?? mixture[mixture.length - 1]
  return chosen.mean.map((m) => random.normal(m, chosen.std))
}

/**
 * The network that is never wrong: for data from a mixture, x_t is a mixture too, of N(sqrt(abar) m_k, (abar s_k^2 +
 * 1 - abar) I), and its score is that of the components weighed by how likely each is to have made x_t.
 */
export class MixtureNetwork implements Network {
  readonly shape: readonly number[]
  readonly mixture: Mixture
  readonly process: Process
  readonly predict: Predict

  /** A sample of `copies` independent points is `[copies * dims]`: noise is drawn by sample, so many points cost little. */
  constructor(mixture: Mixture, process: Process, predict: Predict = "eps", copies = 1) {
    this.shape = [copies * mixture[0].mean.length]
    this.mixture = mixture
    this.process = process
    this.predict = predict
  }

  forward(x: Tensor, t: Tensor): Tensor {
    const dims = this.mixture[0].mean.length
    const copies = this.shape[0] / dims
    const times = t.reshape([t.shape[0], 1]).broadcastTo([t.shape[0], copies])
    return this.points(x.reshape([x.shape[0] * copies, dims]), times.flatten()).reshape(x.shape)
  }

  private points(x: Tensor, t: Tensor): Tensor {
    const [batch, dims] = x.shape
    const count = this.mixture.length
    const list = (shape: readonly number[], of: (c: Component) => number | readonly number[]): Tensor =>
      constant(fromNumbers("float32", shape, this.mixture.flatMap(of)))
    const [signal, sigma] = this.process.scales(t.add(1), 2)
    const means = list([1, count, dims], (c) => c.mean)
    const stds = list([1, count], (c) => c.std)
    const weights = list([1, count], (c) => c.weight)

    const variance = stds.mul(signal).square().add(sigma.square())
    const apart = means.mul(signal.reshape([batch, 1, 1])).sub(x.reshape([batch, 1, dims]))
    const distance = apart.square().sum({ axes: [2] })
    const size = variance.log().mul(dims / 2)
    const chance = softmax(weights.log().sub(size).sub(distance.div(variance).mul(0.5)))
    const score = apart.mul(chance.div(variance).reshape([batch, count, 1])).sum({ axes: [1] })

    if (this.predict === "score") return score
    const eps = score.mul(sigma).neg()
    if (this.predict === "eps") return eps
    // The components' own means given x_t: no division by the signal, which may be 0.
    const own = means.sub(apart.mul(stds.square().mul(signal).div(variance).reshape([batch, count, 1])))
    const x0 = own.mul(chance.reshape([batch, count, 1])).sum({ axes: [1] })
    if (this.predict === "x0") return x0
    if (this.predict === "velocity") return eps.sub(x0)
    return eps.mul(signal).sub(x0.mul(sigma)).div(signal.square().add(sigma.square()).sqrt())
  }
}
