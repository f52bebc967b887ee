/** The denoiser joins network, process and prediction, and answers x0, eps, v and score at any noise level. */
import { maximum, minimum, stopGradient } from "../engine/ops/elementwise.ts"
import { concat } from "../engine/ops/movement.ts"
import { formatShape, UsageError } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import { gaussian, type Process } from "./process.ts"

/**
 * What the network's output means: the noise, the clean sample, v, the score, the velocity eps - x0 of flow matching, or
 * EDM's preconditioned output.
 */
export type Predict = "eps" | "x0" | "v" | "score" | "velocity" | "edm"

/** Which variance a reverse step has: the posterior's (`small`), the forward step's (`large`), or one between that the network tells. */
export type Variance = "small" | "large" | "learned"

/**
 * A network that takes noisy samples `[batch, ...shape]` and times `[batch]`, counted from 0 as PyTorch's are. Times are
 * int32 or, of continuous processes, float32.
 */
export interface Network {
  /** Shape of one sample. */
  readonly shape: readonly number[]
  /**
   * `labels` are classes `[batch]`, int32; `given` is what each sample is conditioned on besides, `[batch, ...]`, of a
   * shape that the network knows.
   */
  forward(x: Tensor, t: Tensor, labels?: Tensor, given?: Tensor): Tensor
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
  /** Standard deviation of the data, for `edm`. */
  readonly sigmaData?: number
  /** `learned` takes a network with twice the channels: the second half says where between small and large each variance lies. */
  readonly variance?: Variance
  /**
   * Least standard deviation that a learned variance may have at t = 1, in place of OpenAI's rule. Where nearly
   * every byte can be told from x_1 (digits on black), that is too wide, and most of L_0 is its price.
   */
  readonly firstStd?: number | null
}

/** A noise level of programs: scales that broadcast over samples, and what the network is told of it, `[batch]`. */
export interface Level {
  readonly signal: Tensor
  readonly sigma: Tensor
  readonly told: Tensor
}

/** Network, process and prediction as one. */
export class Denoiser<N extends Network = Network> {
  readonly network: N
  readonly process: Process
  readonly predict: Predict
  readonly clip: number | null
  readonly sigmaData: number
  readonly variance: Variance
  readonly firstStd: number | null

  constructor(
    network: N,
    process: Process,
    { predict = "eps", clip, sigmaData = 0.5, variance = "small", firstStd = null }: DenoiserOptions = {},
  ) {
    if ((predict === "eps" || predict === "score" || predict === "edm") && process.alphaBar(process.steps) === 0)
      throw new RangeError(
        `denoiser: no signal is left at time ${process.steps}, where ${predict} says nothing of x0 (predict v or x0)`,
      )
    if (!(sigmaData > 0)) throw new RangeError(`denoiser: got sigmaData ${sigmaData}, expected a number above 0`)
    if (firstStd !== null && !(firstStd > 0 && variance === "learned"))
      throw new RangeError(
        `denoiser: got firstStd ${firstStd} with variance ${variance}, expected a number above 0 and a learned variance`,
      )
    this.network = network
    this.process = process
    this.predict = predict
    this.clip = clip === undefined ? (network.shape.length === 3 ? 1 : null) : clip
    this.sigmaData = sigmaData
    this.variance = variance
    this.firstStd = firstStd
  }

  /** Shape of one sample. */
  get shape(): readonly number[] {
    return this.network.shape
  }

  /** The level of times `[batch]`: int32, 1 ... T, or float32 where the process is continuous. */
  level(t: Tensor, rank: number = this.shape.length + 1): Level {
    const [signal, sigma] = this.process.scales(t, rank)
    return { signal, sigma, told: this.process.told(t) }
  }

  /** What the network is trained to give for samples `x0` with noise `eps` at times t. */
  target(x0: Tensor, eps: Tensor, t: Tensor): Tensor {
    return this.targetAt(x0, eps, this.level(t, x0.rank))
  }

  /** {@link target} at a noise level. */
  targetAt(x0: Tensor, eps: Tensor, { signal, sigma }: Level): Tensor {
    switch (this.predict) {
      case "x0":
        return x0
      case "eps":
        return eps
      // The score of q(x_t | x0); its mean given x_t is the score of q(x_t).
      case "score":
        return eps.div(sigma).neg()
      case "velocity":
        return eps.sub(x0)
      case "v": {
        const v = eps.mul(signal).sub(x0.mul(sigma))
        return this.process.levels.preserving ? v : v.div(signal.square().add(sigma.square()).sqrt())
      }
      case "edm": {
        const kept = signal.mul(this.sigmaData ** 2)
        return x0.mul(sigma).sub(eps.mul(kept)).div(this.spread(signal, sigma).mul(this.sigmaData))
      }
    }
  }

  /** The network's answer at times t (`[batch]`, int32 1 ... T, or float32 where the process is continuous), in every form. */
  at(xt: Tensor, t: Tensor, labels?: Tensor, given?: Tensor): Prediction {
    return this.answer(xt, this.level(t, xt.rank), labels, given)
  }

  /** The network's answer at any noise level. */
  answer(xt: Tensor, { signal, sigma, told }: Level, labels?: Tensor, given?: Tensor): Prediction {
    const isEdm = this.predict === "edm"
    const spread = isEdm ? this.spread(signal, sigma) : undefined
    // EDM's c_in and c_noise, for the sample and the level over signal.
    const input = spread === undefined ? xt : xt.div(spread)
    const time = isEdm ? sigma.div(signal).log().mul(0.25).reshape(told.shape) : told
    const output = this.network.forward(input, time, labels, given)
    const { preserving } = this.process.levels
    const options = { preserving, ...(spread && { edm: { spread, sigmaData: this.sigmaData } }) }
    if (this.variance !== "learned") return new Prediction(xt, output, this.predict, signal, sigma, options)
    if (output.shape[1] !== 2 * xt.shape[1])
      throw new UsageError(
        `denoiser: a learned variance takes a network with twice the channels, got ${formatShape(output.shape)} for ${formatShape(xt.shape)}`,
      )
    const [mean, range] = output.split(2, 1)
    return new Prediction(xt, mean, this.predict, signal, sigma, { ...options, share: range.add(1).mul(0.5) })
  }

  /** The standard deviation of x_t for data of standard deviation sigmaData. */
  private spread(signal: Tensor, sigma: Tensor): Tensor {
    return signal
      .square()
      .mul(this.sigmaData ** 2)
      .add(sigma.square())
      .sqrt()
  }

  /**
   * How far, squared, x0 moves when the network's output moves by 1: from eps sigma^2 / signal^2, from v (where variance
   * is preserved) sigma^2, from the score sigma^4 / signal^2, from the velocity (sigma / (signal + sigma))^2, from EDM's
   * output c_out^2.
   */
  gain({ signal, sigma }: Level): Tensor {
    switch (this.predict) {
      case "x0":
        return signal.mul(0).add(1)
      case "eps":
        return sigma.div(signal).square()
      case "score":
        return sigma.square().div(signal).square()
      case "velocity":
        return sigma.div(signal.add(sigma)).square()
      case "v":
        return sigma.square().div(signal.square().add(sigma.square()))
      case "edm":
        return sigma.mul(this.sigmaData).div(this.spread(signal, sigma)).square()
    }
  }
}

/** What a {@link Prediction} may need besides its output. */
export interface PredictionOptions {
  /** Whether signal^2 + sigma^2 is 1. */
  readonly preserving?: boolean
  /** Where between the smaller (0) and the larger (1) logarithm of the variance the reverse step's lies. */
  readonly share?: Tensor | null
  /** EDM's scale sqrt(sigma^2 + signal^2 sigmaData^2) and sigmaData. */
  readonly edm?: { readonly spread: Tensor; readonly sigmaData: number }
}

/** One answer of a network, as x0, eps, v or score; only what is asked for is computed. */
export class Prediction {
  /** What the network gave, without what it says of variance. */
  readonly output: Tensor
  /** Where between log `small` and log `large` the reverse step's variance lies, or `null` where it is not learned. */
  readonly share: Tensor | null
  readonly #xt: Tensor
  readonly #predict: Predict
  readonly #signal: Tensor
  readonly #sigma: Tensor
  readonly #options: PredictionOptions

  constructor(
    xt: Tensor,
    output: Tensor,
    predict: Predict,
    signal: Tensor,
    sigma: Tensor,
    options: PredictionOptions = {},
  ) {
    this.#xt = xt
    this.output = output
    this.#predict = predict
    this.#signal = signal
    this.#sigma = sigma
    this.#options = options
    this.share = options.share ?? null
  }

  /** The same answer as a constant to training, but for what it says of variance. */
  detached(): Prediction {
    const output = stopGradient(this.output)
    return new Prediction(this.#xt, output, this.#predict, this.#signal, this.#sigma, this.#options)
  }

  /** sqrt(signal^2 + sigma^2), or nothing where it is 1. */
  get #radius(): Tensor | undefined {
    if (this.#options.preserving ?? true) return undefined
    return this.#signal.square().add(this.#sigma.square()).sqrt()
  }

  /**
   * E[x0 | xt]: the clean sample. With a the signal and s the sigma: from eps (xt - s eps) / a; from v a xt - s v (the
   * first over r^2 and the second over r with r^2 = a^2 + s^2, where that is not 1); from the score (xt + s^2 score) / a,
   * which is Tweedie's formula; from the velocity (xt - s velocity) / (a + s); from EDM's output c_skip xt / a + c_out F.
   */
  get x0(): Tensor {
    const [xt, output, a, s] = [this.#xt, this.output, this.#signal, this.#sigma]
    switch (this.#predict) {
      case "x0":
        return output
      case "v": {
        const r = this.#radius
        return r === undefined ? xt.mul(a).sub(output.mul(s)) : xt.mul(a.div(r)).sub(output.mul(s)).div(r)
      }
      case "velocity":
        return xt.sub(output.mul(s)).div(a.add(s))
      case "edm": {
        const { spread, sigmaData } = this.#options.edm!
        return xt.mul(a.mul(sigmaData ** 2).div(spread.square())).add(output.mul(s.mul(sigmaData).div(spread)))
      }
      default:
        return xt.sub(this.eps.mul(s)).div(a)
    }
  }

  /**
   * E[eps | xt]: the noise. From x0 (xt - a x0) / s; from v s xt + a v (over r^2 and r); from the score -s score; from
   * the velocity (xt + a velocity) / (a + s).
   */
  get eps(): Tensor {
    const [xt, output, a, s] = [this.#xt, this.output, this.#signal, this.#sigma]
    switch (this.#predict) {
      case "eps":
        return output
      case "score":
        return output.mul(s).neg()
      case "velocity":
        return xt.add(output.mul(a)).div(a.add(s))
      case "v": {
        const r = this.#radius
        return r === undefined ? xt.mul(s).add(output.mul(a)) : xt.mul(s.div(r)).add(output.mul(a)).div(r)
      }
      default:
        return xt.sub(this.x0.mul(a)).div(s)
    }
  }

  /** (signal eps - sigma x0) / sqrt(signal^2 + sigma^2); that root is 1 where variance is preserved. Source: Salimans and Ho 2022. */
  get v(): Tensor {
    if (this.#predict === "v") return this.output
    const v = this.eps.mul(this.#signal).sub(this.x0.mul(this.#sigma))
    const r = this.#radius
    return r === undefined ? v : v.div(r)
  }

  /** grad log p(xt) = -E[eps | xt] / sigma (Tweedie's formula; the notes leave out the expectation). */
  get score(): Tensor {
    if (this.#predict === "score") return this.output
    return this.eps.div(this.#sigma).neg()
  }

  /** eps - x0: the field of flow matching. */
  get velocity(): Tensor {
    if (this.#predict === "velocity") return this.output
    return this.eps.sub(this.x0)
  }

  /** {@link x0} within [-bound, bound]; unbounded for `null`. */
  clipped(bound: number | null): Tensor {
    return bound === null ? this.x0 : minimum(maximum(this.x0, -bound), bound)
  }
}

/**
 * Joins a network and a process.
 *
 * @throws RangeError when the network predicts eps, score or EDM's output and the process ends without signal (alphaBar_T = 0).
 */
export function denoiser<N extends Network>(network: N, process: Process, options: DenoiserOptions = {}): Denoiser<N> {
  return new Denoiser(network, process, options)
}

/**
 * The same denoiser in the form all samplers know: of the variance-preserving process its own one is behind a scale,
 * x_t / sqrt(signal^2 + sigma^2), at whole times, and predicting v, which is the same in both. Samples at time 0 are
 * the same too. A denoiser that preserves variance and predicts eps, x0, v or the score is given back as it is.
 */
export function preserving<N extends Network>(model: Denoiser<N>): Denoiser {
  const { process, network, predict, clip, variance, firstStd } = model
  const { preserving: isPreserving, isLearned } = process.levels
  if (isPreserving && !isLearned && predict !== "velocity" && predict !== "edm") return model
  const known: Network = {
    shape: network.shape,
    forward: (x, told, labels, given) => {
      const level = model.level(told.add(1), x.rank)
      const radius = level.signal.square().add(level.sigma.square()).sqrt()
      const { v, share } = model.answer(isPreserving ? x : x.mul(radius), level, labels, given)
      return share === null ? v : concat([v, share.mul(2).sub(1)], 1)
    },
  }
  return new Denoiser(known, gaussian(process.schedule), { predict: "v", clip, variance, firstStd })
}
