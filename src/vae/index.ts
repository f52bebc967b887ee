/** `tweedie/vae`: variational autoencoders. */
export { AutoencoderKL, type AutoencoderOptions } from "./autoencoder.ts"
export type { CoderOptions, Decoder, Encoder } from "./coder.ts"
export { DiagonalGaussian } from "./posterior.ts"
