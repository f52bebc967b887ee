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
export { type AnyOptions, plans, type Sampler, type SamplerName, samplers } from "./samplers/all.ts"
export { type AncestralOptions, ddpm } from "./samplers/ancestral.ts"
export { fromScheduler, type SchedulerConfig, type SchedulerMatch, schedulerClasses } from "./samplers/compat/config.ts"
export { type DdimOptions, ddim } from "./samplers/ddim.ts"
export { type DpmOptions, dpmSolver } from "./samplers/dpm.ts"
export { dpmSolverSingle } from "./samplers/dpm-single.ts"
export { type EulerOptions, euler } from "./samplers/euler.ts"
export { type EulerAncestralOptions, eulerAncestral } from "./samplers/euler-ancestral.ts"
export { type HeunOptions, heun } from "./samplers/heun.ts"
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
export { last, type SamplerOptions, type SampleStep, toImages } from "./samplers/sampler.ts"
export { type UnipcOptions, unipc } from "./samplers/unipc.ts"
export { cosine, linear, type Schedule, schedule } from "./schedule.ts"
export { UNet, type UNetOptions } from "./unet.ts"
