/** `tweedie/train/node`: run folders and checkpoints, for Node. */
export {
  bestOf,
  type Checkpoint,
  type CheckpointNote,
  checkpointNotes,
  checkpointSteps,
  type LoadOptions,
  loadCheckpoint,
  recoverCheckpoints,
  type SaveOptions,
  saveCheckpoint,
} from "./checkpoint.ts"
export { type Disk, disk, makeFolders } from "./disk.ts"
export { type EventLog, openEvents } from "./events.ts"
export { LockedError, lockRun } from "./lock.ts"
export {
  createRun,
  cutLog,
  isRun,
  logRecord,
  makeRunFolder,
  parseRun,
  type RunConfig,
  readLog,
  readRun,
} from "./run.ts"
