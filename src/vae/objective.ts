/** What trains an autoencoder: the error of its images, and how much its latents tell. */
import { formatShape, UsageError } from "../engine/shape.ts"
import { variables } from "../nn/module.ts"
import type { Objective } from "../train/objective.ts"
import type { AutoencoderKL } from "./autoencoder.ts"

/** Options of {@link reconstruction}. */
export interface ReconstructionOptions {
  /** Weight of the divergence, as a mean over the numbers of an image; small, so that latents keep nearly all. */
  readonly kl?: number
}

/**
 * E ||x - decode(z)||^2 / d + kl E KL(q(z | x) || N(0, 1)) / d for z drawn from the posterior q and images of d numbers.
 * That is minus the evidence lower bound, times 2 s^2 / d and without its constants, of a decoder with Gaussian noise of
 * standard deviation s = sqrt(kl / 2): what is finer than s need not be told. Terms: `error`, the first, and `kl`, the
 * divergence in nats an image. Latent diffusion adds perceptual and adversarial terms, which this has not.
 * Source: Kingma and Welling 2014, equation 10; Rombach et al. 2022, appendix G.
 *
 * @throws RangeError when the weight is negative; UsageError where the network gives other images than it takes.
 */
export function reconstruction(network: AutoencoderKL, { kl = 1e-3 }: ReconstructionOptions = {}): Objective {
  if (!(kl >= 0 && Number.isFinite(kl)))
    throw new RangeError(`reconstruction: got kl ${kl}, expected a finite number from 0`)
  return {
    variables: variables(network),
    loss: ({ x }) => {
      const posterior = network.encode(x)
      const y = network.decode(posterior.sample())
      if (formatShape(y.shape) !== formatShape(x.shape))
        throw new UsageError(
          `reconstruction: the network makes ${formatShape(y.shape)} of ${formatShape(x.shape)}, expected the same (sides that ${network.factor} divides)`,
        )
      const error = y.sub(x).square().mean()
      const nats = posterior.kl().mean()
      const size = x.shape.slice(1).reduce((n, d) => n * d, 1)
      return { total: error.add(nats.mul(kl / size)), terms: { error, kl: nats } }
    },
  }
}
