/** `tweedie/diffusion`: schedules, processes, networks, objectives, likelihoods and samplers. */
export {
  ImageClassifier,
  type ImageClassifierOptions,
  noisyClassification,
  PointClassifier,
  type PointClassifierOptions,
} from "./classifier.ts"
export { type ClassifyOptions, type ClassifyStep, classify } from "./classify.ts"
export { Concatenated, dropLabels, given, smaller, smallerImages } from "./conditioning.ts"
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
export { type Asked, type Change, changed } from "./denoiser-changed.ts"
export { logVariances, type ReverseOptions, type ReverseStep, reverseStep } from "./denoiser-reverse.ts"
export { type TimestepOptions, timestepEmbedding } from "./embedding.ts"
export {
  classifierGuided,
  type GuidanceOptions,
  guided,
  type NoisyClassifier,
} from "./guidance.ts"
export { inpainted, masked } from "./inpainting.ts"
export { arcs, type Partway, type PartwayOptions, partway, slerp } from "./interpolation.ts"
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
export { PixelPrior } from "./pixel-prior.ts"
export { PointNet, type PointNetOptions } from "./pointnet.ts"
export { gaussian, type Kernel, type Levels, type Posterior, Process } from "./process.ts"
export { type EdmOptions, edm, flow, subVp, type VeOptions, type VpOptions, ve, vp } from "./process-sde.ts"
export { type AnyOptions, plans, type Sampler, type SamplerName, samplers } from "./samplers/all.ts"
export { type AncestralOptions, ddpm } from "./samplers/ancestral.ts"
export { fromScheduler, type SchedulerConfig, type SchedulerMatch, schedulerClasses } from "./samplers/compat/config.ts"
export { type DdimOptions, ddim } from "./samplers/ddim.ts"
export { type DpmOptions, dpmSolver } from "./samplers/dpm.ts"
export { dpmSolverSingle } from "./samplers/dpm-single.ts"
export { type EulerOptions, euler } from "./samplers/euler.ts"
export { type EulerAncestralOptions, eulerAncestral } from "./samplers/euler-ancestral.ts"
export { type HeunOptions, heun } from "./samplers/heun.ts"
export { type InversionOptions, invert, noiseOf } from "./samplers/inversion.ts"
export { type LangevinOptions, langevin } from "./samplers/langevin.ts"
export type { Churn } from "./samplers/plan/churn.ts"
export { type Algorithm, algorithms } from "./samplers/plan/exponential.ts"
export { type Followed, type Following, follow } from "./samplers/plan/follow.ts"
export type { Threshold } from "./samplers/plan/limit.ts"
export type { PathOptions } from "./samplers/plan/path.ts"
export type { Ask, Plan } from "./samplers/plan/plan.ts"
export { type Spacing, spacings } from "./samplers/plan/spacing.ts"
export { type PndmOptions, pndm } from "./samplers/pndm.ts"
export { type PredictorCorrectorOptions, predictorCorrector } from "./samplers/predictor-corrector.ts"
export { type FlowOptions, probabilityFlow } from "./samplers/probability-flow.ts"
export { type RepaintOptions, repaint } from "./samplers/repaint.ts"
export { last, type SamplerOptions, type SampleStep, toImages } from "./samplers/sampler.ts"
export { type UnipcOptions, unipc } from "./samplers/unipc.ts"
export { drawsOf, type WholeOptions, wholeSampler } from "./samplers/whole.ts"
export {
  type BetaRange,
  cosine,
  geometric,
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
