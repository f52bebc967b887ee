/** Classes that are Gaussians, under noise, in closed form: the best conditional denoiser and the best classifier. */
import type { Network, Predict } from "../../src/diffusion/denoiser.ts"
import type { NoisyClassifier } from "../../src/diffusion/guidance.ts"
import type { Process } from "../../src/diffusion/process.ts"
import { fromNumbers } from "../../src/engine/array.ts"
import { equal, where } from "../../src/engine/ops/compare.ts"
import { constant, type Tensor } from "../../src/engine/tensor.ts"
import { type Mixture, MixtureNetwork } from "./mixture.ts"

/** The best denoiser told a class: label c is component c of a mixture, the label after the last is none of them. */
export class ClassNetwork implements Network {
  readonly shape: readonly number[]
  readonly own: readonly Network[]

  constructor(mixture: Mixture, process: Process, predict: Predict = "eps") {
    this.own = [...mixture.map((c) => [{ ...c, weight: 1 }]), mixture].map(
      (part) => new MixtureNetwork(part, process, predict),
    )
    this.shape = this.own[0].shape
  }

  forward(x: Tensor, t: Tensor, labels?: Tensor): Tensor {
    if (labels === undefined) return this.own[this.own.length - 1].forward(x, t)
    return this.own
      .map((network) => network.forward(x, t))
      .reduce((out, answer, c) => where(equal(labels, c).reshape([labels.shape[0], 1]), answer, out))
  }
}

/** The best classifier of x_t: logits are log weights plus log densities, up to what all classes share. */
export class BestClassifier implements NoisyClassifier {
  readonly mixture: Mixture
  readonly process: Process

  constructor(mixture: Mixture, process: Process) {
    this.mixture = mixture
    this.process = process
  }

  forward(x: Tensor, t: Tensor): Tensor {
    const [batch, dims] = x.shape
    const count = this.mixture.length
    const list = (shape: readonly number[], of: (c: Mixture[number]) => number | readonly number[]): Tensor =>
      constant(fromNumbers("float32", shape, this.mixture.flatMap(of)))
    const [signal, sigma] = this.process.scales(t.add(1), 2)
    const variance = list([1, count], (c) => c.std)
      .mul(signal)
      .square()
      .add(sigma.square())
    const apart = list([1, count, dims], (c) => c.mean)
      .mul(signal.reshape([batch, 1, 1]))
      .sub(x.reshape([batch, 1, dims]))
    const distance = apart.square().sum({ axes: [2] })
    return list([1, count], (c) => Math.log(c.weight))
      .sub(variance.log().mul(dims / 2))
      .sub(distance.div(variance).mul(0.5))
  }
}
