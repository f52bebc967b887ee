/** The weights that a run is used with (Node only). */
import type { NdArray } from "../engine/array.ts"
import { bestOf, checkpointNotes, loadCheckpoint } from "./checkpoint.ts"

/** How {@link loadWeights} chooses. */
export interface WeightsOptions {
  /** A step, `best` or `last`; the best if validation losses tell, else the last, unless given. */
  readonly at?: number | "best" | "last" | undefined
  /** Told of each damaged checkpoint that is passed over, one line each. */
  readonly warn?: (line: string) => void
}

/** Weights by name, and the checkpoint they are of. */
export interface Weights {
  readonly step: number
  readonly values: ReadonlyMap<string, NdArray>
}

/**
 * The weights of a run's checkpoint: averaged ones, and where nothing is averaged the trained ones.
 *
 * @throws RangeError as `loadCheckpoint`.
 */
export async function loadWeights(run: string, { at, warn = () => {} }: WeightsOptions = {}): Promise<Weights> {
  const isBest = at === "best" || (at === undefined && bestOf(await checkpointNotes(run)) !== undefined)
  const step = isBest ? "best" : typeof at === "number" ? at : undefined
  const state = await loadCheckpoint(run, { warn, ...(step !== undefined && { step }) })
  return { step: state.step, values: new Map([...state.model, ...(state.ema ?? [])]) }
}
