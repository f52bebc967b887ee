/** `tweedie/diffusion`: schedules, processes, networks, objectives and samplers. */
export { Denoiser, type DenoiserOptions, denoiser, type Network, type Predict, Prediction } from "./denoiser.ts"
export { type TimestepOptions, timestepEmbedding } from "./embedding.ts"
export {
  type ErrorOf,
  type Gaussian,
  gaussianKl,
  klWeight,
  type ReverseVariance,
  reverseVariance,
} from "./likelihood.ts"
export { type SimpleOptions, simple } from "./objective.ts"
export { PointNet, type PointNetOptions } from "./pointnet.ts"
export { gaussian, type Kernel, type Posterior, Process } from "./process.ts"
export { type AncestralOptions, ddpm } from "./samplers/ancestral.ts"
export { type DdimOptions, ddim } from "./samplers/ddim.ts"
export { last, type SamplerOptions, type SampleStep, toImages } from "./samplers/sampler.ts"
export { cosine, linear, type Schedule, schedule } from "./schedule.ts"
export { UNet, type UNetOptions } from "./unet.ts"
