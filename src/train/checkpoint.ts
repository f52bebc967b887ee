/** Checkpoints (Node only): a folder a step, complete or absent. */
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import type { NdArray } from "../engine/array.ts"
import { writeFileAtomic } from "../io/atomic.ts"
import { readSafetensors, writeSafetensors } from "../io/safetensors.ts"
import type { TrainState } from "./loop.ts"

const folderOf = (run: string): string => join(run, "checkpoints")
const nameOf = (step: number): string => `step-${step}`

/** Steps that have a checkpoint, ascending. */
export async function checkpointSteps(run: string): Promise<number[]> {
  const names = await readdir(folderOf(run)).catch(() => [])
  return names.flatMap((name) => (/^step-\d+$/.test(name) ? [Number(name.slice(5))] : [])).sort((a, b) => a - b)
}

/**
 * Writes a checkpoint beside the others, then gives it its name: whoever reads finds it whole or not at all. The last
 * `keep` stay.
 */
export async function saveCheckpoint(
  run: string,
  state: TrainState,
  { keep = 2 }: { readonly keep?: number } = {},
): Promise<string> {
  const folder = folderOf(run)
  const target = join(folder, nameOf(state.step))
  const draft = join(folder, `.${nameOf(state.step)}.part`)
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { recursive: true })
  const save = (file: string, tensors: ReadonlyMap<string, NdArray>): Promise<void> =>
    writeFileAtomic(join(draft, file), writeSafetensors(tensors))
  await save("model.safetensors", state.model)
  await save("optimizer.safetensors", state.optimizer)
  if (state.ema !== null) await save("ema.safetensors", state.ema)
  await writeFileAtomic(
    join(draft, "state.json"),
    `${JSON.stringify({ step: state.step, loader: state.loader }, null, 2)}\n`,
  )
  await rm(target, { recursive: true, force: true })
  await rename(draft, target)
  await flush(folder)
  for (const old of (await checkpointSteps(run)).slice(0, -keep))
    await rm(join(folder, nameOf(old)), { recursive: true, force: true })
  return target
}

async function flush(folder: string): Promise<void> {
  const handle = await open(folder, "r")
  await handle.sync().finally(() => handle.close())
}

/**
 * Reads a checkpoint, the newest unless a step is named.
 *
 * @throws RangeError when the run has none, or a file of it is damaged.
 */
export async function loadCheckpoint(run: string, step?: number): Promise<TrainState> {
  const found = step ?? (await checkpointSteps(run)).at(-1)
  if (found === undefined)
    throw new RangeError(`${run}: no checkpoint yet (train for longer, or start again without --resume)`)
  const folder = join(folderOf(run), nameOf(found))
  const read = async (file: string): Promise<Map<string, NdArray>> =>
    new Map(readSafetensors(await readFile(join(folder, file))).tensors)
  const state = JSON.parse(await readFile(join(folder, "state.json"), "utf8")) as Pick<TrainState, "step" | "loader">
  const hasEma = (await readdir(folder)).includes("ema.safetensors")
  return {
    step: state.step,
    loader: state.loader,
    model: await read("model.safetensors"),
    optimizer: await read("optimizer.safetensors"),
    ema: hasEma ? await read("ema.safetensors") : null,
  }
}
