/** `tweedie/vae`: variational autoencoders. */
export { AutoencoderKL, type AutoencoderOptions } from "./autoencoder.ts"
export { type Codec, type CodecOptions, codec } from "./codec.ts"
export type { CoderOptions, Decoder, Encoder } from "./coder.ts"
export { channelSpreads, type Latents, type LatentsOptions, latents, type Spread, spreadOf } from "./latents.ts"
export { type ReconstructionOptions, reconstruction } from "./objective.ts"
export { DiagonalGaussian } from "./posterior.ts"
