/** The autoencoder of latent diffusion: images to a small Gaussian map and back. */
import { array } from "../engine/array.ts"
import { gelu, mish, silu } from "../engine/fused/activation.ts"
import { relu } from "../engine/ops/elementwise.ts"
import { formatShape, UsageError } from "../engine/shape.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { Conv2d } from "../nn/conv.ts"
import { type CoderOptions, Decoder, Encoder } from "./coder.ts"
import { DiagonalGaussian } from "./posterior.ts"

/** Activations by the names that files give them. */
const activations = { silu, swish: silu, mish, gelu: (x: Tensor) => gelu(x), relu } as const

/** Options of {@link AutoencoderKL}. An empty object is a small network for gray images. */
export interface AutoencoderOptions {
  /** Channels of the images it takes; default 1. */
  readonly channels?: number
  /** Channels of the images it gives, if others than it takes. */
  readonly outputs?: number
  /** Channels of the latent map; default 4. */
  readonly latentChannels?: number
  /** Channels of each level, the finest first; every level but the last halves the size. Default 32, 64. */
  readonly widths?: readonly number[]
  /** Residual blocks a level of the encoder; one more in the decoder. Default 1. */
  readonly layers?: number
  /** Groups of the normalisations, which must divide the channels of every level; default 8. */
  readonly groups?: number
  /** Default `silu`. */
  readonly activation?: keyof typeof activations
  /** Levels with attention in the encoder, from the finest; none by default. */
  readonly attention?: readonly number[]
  /** Levels with attention in the decoder, from the finest; those of the encoder by default. */
  readonly decoderAttention?: readonly number[]
  /** Whether the middle has attention; default true. */
  readonly midAttention?: boolean
  /** Whether 1x1 convolutions stand after the encoder and before the decoder; default true, both. */
  readonly quantConv?: boolean
  readonly postQuantConv?: boolean
  /** Factor that gives latents unit variance (0.18215), and what is subtracted before it (0). */
  readonly scale?: number
  readonly shift?: number
  /** Mean and standard deviation of each latent channel, where they are known; together they stand in for `shift`. */
  readonly latentMean?: readonly number[] | null
  readonly latentStd?: readonly number[] | null
}

/**
 * The autoencoder with a Gaussian posterior: structure and parameter names of diffusers' class of this name. Source:
 * Rombach et al. 2022, "High-resolution image synthesis with latent diffusion models", appendix G.
 *
 * Images `[batch, channels, height, width]` become a Gaussian over `[batch, latentChannels, height / f, width / f]` with
 * f = 2^(levels - 1), its {@link AutoencoderKL.factor}.
 *
 * @throws UsageError for a scale, shift, means or deviations that make no sense; from `encode` and `decode` for other shapes.
 */
export class AutoencoderKL {
  readonly encoder: Encoder
  readonly decoder: Decoder
  readonly quantConv: Conv2d | null
  readonly postQuantConv: Conv2d | null
  /** The options with what was not given filled in. */
  readonly options: Required<AutoencoderOptions>

  constructor({
    channels = 1,
    outputs = channels,
    latentChannels = 4,
    widths = [32, 64],
    layers = 1,
    groups = 8,
    activation = "silu",
    attention = [],
    decoderAttention = attention,
    midAttention = true,
    quantConv = true,
    postQuantConv = true,
    scale = 0.18215,
    shift = 0,
    latentMean = null,
    latentStd = null,
  }: AutoencoderOptions = {}) {
    if (!(Number.isFinite(scale) && scale !== 0) || !Number.isFinite(shift))
      throw new UsageError(
        `AutoencoderKL: scale is ${scale} and shift ${shift}, expected finite numbers, the scale not 0`,
      )
    for (const [name, list] of Object.entries({ latentMean, latentStd }))
      if (list !== null && list.length !== latentChannels)
        throw new UsageError(`AutoencoderKL: ${name} has ${list.length} numbers, expected ${latentChannels}`)
    if (latentStd?.some((s) => !(s > 0)))
      throw new UsageError(`AutoencoderKL: latentStd is [${latentStd.join(", ")}], expected numbers above 0`)
    const coder: CoderOptions = {
      widths,
      layers,
      groups,
      activation: activations[activation],
      attention,
      midAttention,
    }
    this.encoder = new Encoder(channels, 2 * latentChannels, coder)
    this.decoder = new Decoder(latentChannels, outputs, { ...coder, attention: decoderAttention })
    this.quantConv = quantConv ? new Conv2d(2 * latentChannels, 2 * latentChannels, 1) : null
    this.postQuantConv = postQuantConv ? new Conv2d(latentChannels, latentChannels, 1) : null
    this.options = {
      channels,
      outputs,
      latentChannels,
      widths,
      layers,
      groups,
      activation,
      attention,
      decoderAttention,
      midAttention,
      quantConv,
      postQuantConv,
      scale,
      shift,
      latentMean,
      latentStd,
    }
  }

  /** How many times smaller the latent map is along each side. */
  get factor(): number {
    return 2 ** (this.options.widths.length - 1)
  }

  /** Images `[batch, channels, height, width]` as Gaussians over latents `[batch, latents, height / factor, ...]`. */
  encode(x: Tensor): DiagonalGaussian {
    const { channels } = this.options
    if (x.rank !== 4 || x.shape[1] !== channels || x.shape.slice(2).some((n) => n < this.factor))
      throw new UsageError(
        `AutoencoderKL: images are ${formatShape(x.shape)}, expected [batch, ${channels}, height, width] with sides from ${this.factor}`,
      )
    const h = this.encoder.forward(x)
    return new DiagonalGaussian(this.quantConv?.forward(h) ?? h)
  }

  /** Latents `[batch, latents, height, width]`, as the encoder gives them, as images. */
  decode(z: Tensor): Tensor {
    const { latentChannels } = this.options
    if (z.rank !== 4 || z.shape[1] !== latentChannels)
      throw new UsageError(
        `AutoencoderKL: latents are ${formatShape(z.shape)}, expected [batch, ${latentChannels}, height, width]`,
      )
    return this.decoder.forward(this.postQuantConv?.forward(z) ?? z)
  }

  /** Images through the encoder's mean, or a sample, and back. */
  forward(x: Tensor, { sample = false }: { readonly sample?: boolean } = {}): Tensor {
    const posterior = this.encode(x)
    return this.decode(sample ? posterior.sample() : posterior.mode())
  }

  /** The encoder's latents as a diffusion model sees them: (z - mean) scale / std, or (z - shift) scale. */
  scaled(z: Tensor): Tensor {
    const { scale, shift, latentMean, latentStd } = this.options
    if (latentMean !== null && latentStd !== null)
      return z.sub(perChannel(latentMean)).mul(perChannel(latentStd.map((s) => scale / s)))
    return (shift === 0 ? z : z.sub(shift)).mul(scale)
  }

  /** The inverse of {@link scaled}. */
  unscaled(z: Tensor): Tensor {
    const { scale, shift, latentMean, latentStd } = this.options
    if (latentMean !== null && latentStd !== null)
      return z.mul(perChannel(latentStd.map((s) => s / scale))).add(perChannel(latentMean))
    const wide = z.div(scale)
    return shift === 0 ? wide : wide.add(shift)
  }
}

function perChannel(values: readonly number[]): Tensor {
  return constant(array("float32", [1, values.length, 1, 1], Float32Array.from(values)))
}
