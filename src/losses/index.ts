/**
 * Losses on the engine, with torch.nn's semantics: `tweedie/losses`.
 *
 * Each is a function of tensors, input first, differentiable by `grad`; every one takes `reduction`: "mean" (default),
 * "sum" or "none". Shapes and options that do not fit are a UsageError, where the loss is traced.
 */
export { logSoftmax } from "../engine/ops/softmax.ts"
export { type BceOptions, type BceWithLogitsOptions, bceLoss, bceWithLogitsLoss } from "./binary.ts"
export {
  type CrossEntropyOptions,
  crossEntropyLoss,
  type MultiMarginOptions,
  multiMarginLoss,
  type NllOptions,
  nllLoss,
} from "./classification.ts"
export { type DiceOptions, diceLoss } from "./dice.ts"
export { type KlDivOptions, klDivLoss } from "./divergence.ts"
export {
  contrastiveLoss,
  cosineEmbeddingLoss,
  type HingeOptions,
  hingeLoss,
  type MarginOptions,
  type TripletMarginOptions,
  tripletLoss,
  tripletMarginLoss,
} from "./margin.ts"
export { l1Penalty, l2Penalty, softThreshold } from "./penalty.ts"
export type { Reduction, ReductionOptions, Weights } from "./reduction.ts"
export {
  type HuberOptions,
  huberLoss,
  l1Loss,
  mseLoss,
  type SmoothL1Options,
  smoothL1Loss,
} from "./regression.ts"
