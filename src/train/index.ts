/** `tweedie/train`: the training loop. Run folders and checkpoints are `tweedie/train/node`. */
export { type Evaluator, type EvaluatorOptions, evaluator } from "./evaluate.ts"
export { NotFiniteError, type Report, type Training, type TrainOptions, type TrainState, train } from "./loop.ts"
export type { Objective, TensorBatch } from "./objective.ts"
export { type StepOptions, type StepResult, TrainStep } from "./step.ts"
