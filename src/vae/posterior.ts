/** The Gaussian that an encoder says an image's latents have: a mean and a variance for every number. */
import { randomNormal } from "../engine/create.ts"
import { exp, maximum, minimum } from "../engine/ops/elementwise.ts"
import { formatShape, UsageError } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"

/** A diagonal Gaussian over latents `[batch, channels, height, width]`. */
export class DiagonalGaussian {
  readonly mean: Tensor
  /** log variance, held in [-30, 20]. */
  readonly logVar: Tensor

  /** @param moments means and log variances, `[batch, 2 channels, height, width]` */
  constructor(moments: Tensor) {
    if (moments.rank < 2 || moments.shape[1] % 2 !== 0)
      throw new UsageError(`DiagonalGaussian: moments are ${formatShape(moments.shape)}, expected an even second axis`)
    const [mean, logVar] = moments.split(2, 1)
    this.mean = mean
    this.logVar = minimum(maximum(logVar, -30), 20)
  }

  /** mean + exp(logVar / 2) z for standard normal z, drawn anew at each run unless given. */
  sample(noise: Tensor = randomNormal(this.mean.shape)): Tensor {
    return this.mean.add(exp(this.logVar.mul(0.5)).mul(noise))
  }

  /** The likeliest latents: the mean. */
  mode(): Tensor {
    return this.mean
  }

  /**
   * KL divergence of each sample, `[batch]`, in nats, to the standard normal: sum (mean^2 + var - 1 - logVar) / 2; or to
   * another Gaussian: sum ((mean - mean2)^2 / var2 + var / var2 - 1 - logVar + logVar2) / 2. Source: Kingma and Welling
   * 2014, appendix B.
   */
  kl(other?: DiagonalGaussian): Tensor {
    const axes = this.mean.shape.map((_, i) => i).slice(1)
    const terms =
      other === undefined
        ? this.mean.square().add(exp(this.logVar)).sub(1).sub(this.logVar)
        : this.mean
            .sub(other.mean)
            .square()
            .div(exp(other.logVar))
            .add(exp(this.logVar.sub(other.logVar)))
            .sub(1)
            .sub(this.logVar)
            .add(other.logVar)
    return terms.sum({ axes }).mul(0.5)
  }

  /** -log density of latents, `[batch]`, in nats: sum (log 2 pi + logVar + (x - mean)^2 / var) / 2. */
  nll(latents: Tensor): Tensor {
    const axes = this.mean.shape.map((_, i) => i).slice(1)
    const squares = latents.sub(this.mean).square().div(exp(this.logVar))
    return squares
      .add(this.logVar)
      .add(Math.log(2 * Math.PI))
      .sum({ axes })
      .mul(0.5)
  }
}
