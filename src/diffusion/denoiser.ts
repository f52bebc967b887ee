/** The denoiser joins network, process and prediction, and answers x0, eps, v and score at any noise level. */
import { maximum, minimum } from "../engine/ops/elementwise.ts"
import type { Tensor } from "../engine/tensor.ts"
import type { Process } from "./process.ts"

/** What the network's output means. */
export type Predict = "eps" | "x0" | "v" | "score"

/** A network that takes noisy samples `[batch, ...shape]` and int32 times `[batch]`, counted from 0 as PyTorch's are. */
export interface Network {
  /** Shape of one sample. */
  readonly shape: readonly number[]
  forward(x: Tensor, t: Tensor, labels?: Tensor): Tensor
}

/** Options of {@link denoiser}. */
export interface DenoiserOptions {
  /**
   * What the network's output means. Where hardly any signal is left (the last times of the cosine schedule), x0 from
   * eps or score divides the network's error by almost nothing: few-step samplers then want `v`, `x0` or a `clip`.
   */
  readonly predict?: Predict
  /** Bound on |x0| while sampling; by default 1 for images (three axes) and none for points. */
  readonly clip?: number | null
}

/** Network, process and prediction as one. */
export class Denoiser<N extends Network = Network> {
  readonly network: N
  readonly process: Process
  readonly predict: Predict
  readonly clip: number | null

  constructor(network: N, process: Process, { predict = "eps", clip }: DenoiserOptions = {}) {
    if ((predict === "eps" || predict === "score") && process.alphaBar(process.steps) === 0)
      throw new RangeError(
        `denoiser: no signal is left at time ${process.steps}, where ${predict} says nothing of x0 (predict v or x0)`,
      )
    this.network = network
    this.process = process
    this.predict = predict
    this.clip = clip === undefined ? (network.shape.length === 3 ? 1 : null) : clip
  }

  /** Shape of one sample. */
  get shape(): readonly number[] {
    return this.network.shape
  }

  /** What the network is trained to give for samples `x0` with noise `eps` at times t. */
  target(x0: Tensor, eps: Tensor, t: Tensor): Tensor {
    if (this.predict === "x0") return x0
    if (this.predict === "eps") return eps
    const [signal, sigma] = this.scales(t, x0.rank)
    // The score of q(x_t | x0); its mean given x_t is the score of q(x_t).
    if (this.predict === "score") return eps.div(sigma).neg()
    return eps.mul(signal).sub(x0.mul(sigma))
  }

  /** The network's answer at times t (int32 `[batch]`, 1 ... T), in every form. */
  at(xt: Tensor, t: Tensor, labels?: Tensor): Prediction {
    const output = this.network.forward(xt, t.sub(1), labels)
    const [signal, sigma] = this.scales(t, xt.rank)
    return new Prediction(xt, output, this.predict, signal, sigma)
  }

  private scales(t: Tensor, rank: number): [Tensor, Tensor] {
    return [
      this.process.at((i) => this.process.signal(i), t, rank),
      this.process.at((i) => this.process.sigma(i), t, rank),
    ]
  }
}

/** One answer of a network, as x0, eps, v or score; only what is asked for is computed. */
export class Prediction {
  readonly #xt: Tensor
  readonly #output: Tensor
  readonly #predict: Predict
  readonly #signal: Tensor
  readonly #sigma: Tensor

  constructor(xt: Tensor, output: Tensor, predict: Predict, signal: Tensor, sigma: Tensor) {
    this.#xt = xt
    this.#output = output
    this.#predict = predict
    this.#signal = signal
    this.#sigma = sigma
  }

  /**
   * E[x0 | xt]: the clean sample. From eps: (xt - sigma eps) / sqrt(abar); from v: sqrt(abar) xt - sigma v; from the
   * score: (xt + sigma^2 score) / sqrt(abar), which is Tweedie's formula.
   */
  get x0(): Tensor {
    if (this.#predict === "x0") return this.#output
    if (this.#predict === "v") return this.#xt.mul(this.#signal).sub(this.#output.mul(this.#sigma))
    return this.#xt.sub(this.eps.mul(this.#sigma)).div(this.#signal)
  }

  /** E[eps | xt]: the noise. From x0: (xt - sqrt(abar) x0) / sigma; from v: sigma xt + sqrt(abar) v; from the score: -sigma score. */
  get eps(): Tensor {
    if (this.#predict === "eps") return this.#output
    if (this.#predict === "score") return this.#output.mul(this.#sigma).neg()
    if (this.#predict === "x0") return this.#xt.sub(this.#output.mul(this.#signal)).div(this.#sigma)
    return this.#xt.mul(this.#sigma).add(this.#output.mul(this.#signal))
  }

  /** sqrt(abar) eps - sigma x0. Source: Salimans and Ho 2022. */
  get v(): Tensor {
    if (this.#predict === "v") return this.#output
    return this.eps.mul(this.#signal).sub(this.x0.mul(this.#sigma))
  }

  /** grad log p(xt) = -E[eps | xt] / sigma (Tweedie's formula; the notes leave out the expectation). */
  get score(): Tensor {
    if (this.#predict === "score") return this.#output
    return this.eps.div(this.#sigma).neg()
  }

  /** {@link x0} within [-bound, bound]; unbounded for `null`. */
  clipped(bound: number | null): Tensor {
    return bound === null ? this.x0 : minimum(maximum(this.x0, -bound), bound)
  }
}

/**
 * Joins a network and a process.
 *
 * @throws RangeError when the network predicts eps or score and the process ends without signal (alphaBar_T = 0).
 */
export function denoiser<N extends Network>(network: N, process: Process, options: DenoiserOptions = {}): Denoiser<N> {
  return new Denoiser(network, process, options)
}
