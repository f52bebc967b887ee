/** A process whose levels have a formula, and the best denoiser of a mixture at any of them, whole times or not. */
import type { Network, Predict } from "../../src/diffusion/denoiser.ts"
import { Process } from "../../src/diffusion/process.ts"
import { fromNumbers } from "../../src/engine/array.ts"
import { softmax } from "../../src/engine/ops/softmax.ts"
import { constant, type Tensor } from "../../src/engine/tensor.ts"
import type { Component, Mixture } from "./mixture.ts"

/** sigma / signal from `least` at time 1 to `most` at time T, its logarithm rising evenly; variance is preserved. */
export class EvenLevels {
  readonly process: Process
  readonly least: number
  readonly most: number
  readonly times: number

  constructor(times: number, least = 0.02, most = 10) {
    this.times = times
    this.least = least
    this.most = most
    const step = Math.log(most / least) / (times - 1)
    this.process = new Process({
      name: "even levels",
      steps: times,
      preserving: true,
      earliest: 1,
      signal: (t) => (t === 0 ? 1 : 1 / Math.hypot(1, this.ratio(t))),
      sigma: (t) => (t === 0 ? 0 : this.ratio(t) / Math.hypot(1, this.ratio(t))),
      scales: (t) => {
        const ratio = t.sub(1).mul(step).add(Math.log(least)).exp()
        const signal = ratio.square().add(1).pow(-0.5)
        return [signal, ratio.mul(signal)]
      },
    })
  }

  /** sigma / signal at a time, whole or not. */
  ratio(t: number): number {
    return Math.exp(Math.log(this.least) + ((t - 1) / (this.times - 1)) * Math.log(this.most / this.least))
  }

  /** E[x0 | x] for N(mean, std^2) at a time. */
  denoised(x: number, t: number, mean: number, std: number): number {
    const square = this.ratio(t) ** 2
    return (std ** 2 * x * Math.sqrt(1 + square) + square * mean) / (std ** 2 + square)
  }

  /** Where the probability flow takes x from time T to time 1, for N(mean, std^2). */
  flowed(x: number, mean: number, std: number): number {
    const y = x * Math.hypot(1, this.most)
    const end = mean + ((y - mean) * Math.hypot(std, this.least)) / Math.hypot(std, this.most)
    return end / Math.hypot(1, this.least)
  }
}

/** The network that is never wrong, for a mixture at even levels. */
export class LevelNetwork implements Network {
  readonly shape: readonly number[]
  readonly mixture: Mixture
  readonly levels: EvenLevels
  readonly predict: Predict

  /** A sample of `copies` independent points is `[copies * dims]`. */
  constructor(mixture: Mixture, levels: EvenLevels, predict: Predict = "eps", copies = 1) {
    this.shape = [copies * mixture[0].mean.length]
    this.mixture = mixture
    this.levels = levels
    this.predict = predict
  }

  forward(x: Tensor, t: Tensor): Tensor {
    const { least, most, times } = this.levels
    const dims = this.mixture[0].mean.length
    const [batch, count] = [x.shape[0], this.mixture.length]
    const copies = this.shape[0] / dims
    const list = (shape: readonly number[], of: (c: Component) => number | readonly number[]): Tensor =>
      constant(fromNumbers("float32", shape, this.mixture.flatMap(of)))
    const step = Math.log(most / least) / (times - 1)
    const ratio = t.cast("float32").mul(step).add(Math.log(least)).exp().reshape([batch, 1, 1, 1])
    const size = ratio.square().add(1).sqrt()
    const y = x.reshape([batch, copies, 1, dims]).mul(size)
    const means = list([1, 1, count, dims], (c) => c.mean)
    const variance = list([1, 1, count, 1], (c) => c.std ** 2).add(ratio.square())
    const distance = y
      .sub(means)
      .square()
      .sum({ axes: [3], keepDims: true })
    const weight = list([1, 1, count, 1], (c) => Math.log(c.weight)).sub(variance.log().mul(dims / 2))
    const chance = softmax(weight.sub(distance.div(variance).mul(0.5)), 2)
    const score = means
      .sub(y)
      .mul(chance.div(variance))
      .sum({ axes: [2], keepDims: true })
    // Of y = x / signal, where sigma is the ratio.
    const eps = score.mul(ratio).neg()
    const x0 = y.sub(eps.mul(ratio))
    if (this.predict === "score") return score.mul(size).reshape(x.shape)
    const out = this.predict === "eps" ? eps : this.predict === "x0" ? x0 : eps.sub(x0.mul(ratio)).div(size)
    return out.reshape(x.shape)
  }
}
