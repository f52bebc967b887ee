/** `tweedie/diffusion`: schedules, processes, networks, objectives, likelihoods and samplers. */
export {
  Denoiser,
  type DenoiserOptions,
  denoiser,
  type Level,
  type Network,
  type Predict,
  Prediction,
  type PredictionOptions,
  preserving,
  type Variance,
} from "./denoiser.ts"
export { logVariances, type ReverseOptions, type ReverseStep, reverseStep } from "./denoiser-reverse.ts"
export { type TimestepOptions, timestepEmbedding } from "./embedding.ts"
export {
  type ErrorOf,
  type Gaussian,
  gaussianKl,
  klWeight,
  type ReverseVariance,
  reverseVariance,
} from "./likelihood.ts"
export { type BoundOptions, bound } from "./likelihood-bound.ts"
export {
  type ChainBound,
  consistencyBound,
  denoisingBound,
  type LinearChain,
  type LinearStep,
  logEvidence,
} from "./likelihood-chain.ts"
export { type DiscretisedOptions, discretised } from "./likelihood-discrete.ts"
export { type OdeLikelihoodOptions, type OdeLikelihoodStep, odeLikelihood } from "./likelihood-ode.ts"
export type { BoundRow, BoundStep, Measured } from "./likelihood-table.ts"
export { priorTerm } from "./likelihood-terms.ts"
export { type SimpleOptions, simple, type WeightedOptions, weighted } from "./objective.ts"
export { type HybridOptions, hybrid, type VlbOptions, vlb } from "./objective-bound.ts"
export { type EdmLossOptions, edmLoss } from "./objective-edm.ts"
export { learnedVariables, type VdmOptions, vdm } from "./objective-learned.ts"
export {
  denoisingScoreMatching,
  divergence,
  type Field,
  fisherDivergence,
  implicitScoreMatching,
} from "./objective-score.ts"
export type { Times } from "./objective-times.ts"
export { bySnr, bySnrPlusOne, edmWeight, minSnr, p2, type Weighting } from "./objective-weight.ts"
export { PointNet, type PointNetOptions } from "./pointnet.ts"
export { gaussian, type Kernel, type Levels, type Posterior, Process } from "./process.ts"
export { type EdmOptions, edm, flow, subVp, type VeOptions, type VpOptions, ve, vp } from "./process-sde.ts"
export { type AncestralOptions, ddpm } from "./samplers/ancestral.ts"
export { type DdimOptions, ddim } from "./samplers/ddim.ts"
export { last, type SamplerOptions, type SampleStep, toImages } from "./samplers/sampler.ts"
export {
  type BetaRange,
  cosine,
  type KarrasOptions,
  karras,
  linear,
  type Schedule,
  scaledLinear,
  schedule,
  sigmoid,
  sigmoidBeta,
  sqrt,
  sqrtBeta,
  zeroSnr,
} from "./schedule.ts"
export { type Curve, LearnedSchedule, type LearnedScheduleOptions, learned } from "./schedule-learned.ts"
export { UNet, type UNetOptions } from "./unet.ts"
