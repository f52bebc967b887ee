/** A run's curves and pictures for TensorBoard (Node only): an event file beside its log. */
import { appendFile, writeFile } from "node:fs/promises"
import { hostname } from "node:os"
import { join } from "node:path"
import { encodeEvent, eventHeader, type TrainEvent } from "../io/tensorboard.ts"

/** An event file that is added to. */
export interface EventLog {
  readonly path: string
  /** Adds what happened at a step, now. */
  add(event: Omit<TrainEvent, "wallTime">): Promise<void>
}

/**
 * Begins an event file in a run folder; each time a run is gone on with it gets another, as TensorBoard expects. `from` is the
 * step that training goes on from: what an earlier file says of later steps is then of no account.
 */
export async function openEvents(folder: string, { from = 0 }: { readonly from?: number } = {}): Promise<EventLog> {
  const now = (): number => Date.now() / 1000
  const seconds = String(Math.floor(now())).padStart(10, "0")
  const host = hostname().replace(/[^\w.-]/g, "_")
  let path = ""
  for (let n = 0; ; n++) {
    path = join(folder, `events.out.tfevents.${seconds}.${host}.${process.pid}.${n}`)
    const isNew = await writeFile(path, eventHeader(now()), { flag: "wx" }).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error
        return false
      },
    )
    if (isNew) break
  }
  const add = (event: Omit<TrainEvent, "wallTime">): Promise<void> =>
    appendFile(path, encodeEvent({ wallTime: now(), ...event }))
  if (from > 0) await add({ step: from + 1, isRestart: true })
  return { path, add }
}
