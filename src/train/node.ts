/** `tweedie/train/node`: run folders and checkpoints, for Node. */
export { checkpointSteps, loadCheckpoint, saveCheckpoint } from "./checkpoint.ts"
export { createRun, isRun, logRecord, type RunConfig, readRun } from "./run.ts"
