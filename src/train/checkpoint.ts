/** Checkpoints (Node only): a folder a step, complete or absent, and known to be what was written. */
import { createHash } from "node:crypto"
import { join } from "node:path"
import type { LoaderState } from "../data/loader.ts"
import type { NdArray } from "../engine/array.ts"
import { readSafetensors, writeSafetensors } from "../io/safetensors.ts"
import { type Disk, disk as theDisk } from "./disk.ts"
import { NotFiniteError, type TrainState } from "./loop.ts"

/** The folder of a run's checkpoints. */
const checkpointFolder = (run: string): string => join(run, "checkpoints")

const nameOf = (step: number): string => `step-${step}`
const draftOf = (step: number): string => `.step-${step}.part`
const olderOf = (step: number): string => `.step-${step}.old`
const files = ["model.safetensors", "optimizer.safetensors", "ema.safetensors"] as const

/** What is known of a checkpoint without reading its weights. */
export interface CheckpointNote {
  readonly step: number
  /** Loss on the validation items, where there were any. */
  readonly validation?: number
  /** Size of all its files. */
  readonly bytes: number
}

/** A checkpoint as it was read. */
export interface Checkpoint extends TrainState {
  readonly validation?: number
}

/** `state.json`: where training stood, and what the other files must be. */
interface Manifest {
  readonly format: 1
  readonly step: number
  readonly loader: LoaderState
  readonly validation?: number
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>
}

const sha256 = (content: Uint8Array | string): string => createHash("sha256").update(content).digest("hex")

/** Text of a manifest, which holds the checksum of itself without that line. */
function sealed(manifest: Manifest): string {
  return `${JSON.stringify({ ...manifest, sha256: sha256(JSON.stringify(manifest)) }, null, 2)}\n`
}

function unsealed(text: string): Manifest {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    throw new RangeError("state.json is not JSON")
  }
  const { sha256: stated, ...manifest } = found as Manifest & { sha256?: string }
  if (manifest.format !== 1 || stated !== sha256(JSON.stringify(manifest)))
    throw new RangeError("state.json does not agree with its checksum")
  return manifest
}

/** Names in a folder, none where there is no such folder. */
function namesIn(folder: string, disk: Disk): Promise<string[]> {
  return disk.list(folder).catch((error: { code?: string }) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return []
    throw error
  })
}

/** Steps that have a checkpoint, ascending. */
export async function checkpointSteps(
  run: string,
  { disk = theDisk }: { readonly disk?: Disk } = {},
): Promise<number[]> {
  const names = await namesIn(checkpointFolder(run), disk)
  return names.flatMap((name) => (/^step-\d+$/.test(name) ? [Number(name.slice(5))] : [])).sort((a, b) => a - b)
}

/** What a run's checkpoints say of themselves, ascending by step; those whose `state.json` is damaged are left out. */
export async function checkpointNotes(
  run: string,
  { disk = theDisk }: { readonly disk?: Disk } = {},
): Promise<CheckpointNote[]> {
  const notes: CheckpointNote[] = []
  for (const step of await checkpointSteps(run, { disk })) {
    try {
      const { validation, files } = await manifestOf(run, step, disk)
      const bytes = Object.values(files).reduce((sum, f) => sum + f.bytes, 0)
      notes.push({ step, bytes, ...(validation !== undefined && { validation }) })
    } catch {
      // Its turn comes when it is loaded.
    }
  }
  return notes
}

async function manifestOf(run: string, step: number, disk: Disk): Promise<Manifest> {
  const text = new TextDecoder().decode(await disk.read(join(checkpointFolder(run), nameOf(step), "state.json")))
  const manifest = unsealed(text)
  if (manifest.step !== step) throw new RangeError(`state.json is of step ${manifest.step}`)
  return manifest
}

/** The checkpoint of the lowest validation loss, the earliest of equals. */
export function bestOf(notes: readonly CheckpointNote[]): CheckpointNote | undefined {
  return notes.reduce<CheckpointNote | undefined>(
    (best, note) =>
      note.validation !== undefined && !(note.validation >= (best?.validation ?? Number.POSITIVE_INFINITY))
        ? note
        : best,
    undefined,
  )
}

/** How {@link saveCheckpoint} saves. */
export interface SaveOptions {
  /** How many of the newest stay; the best stays beside them. Default 2. */
  readonly keep?: number
  /** Loss on the validation items. */
  readonly validation?: number
  readonly disk?: Disk
}

/**
 * Writes a checkpoint beside the others, flushes it, then gives it its name: whoever reads finds it whole or not at all,
 * and until it has its name nothing else is touched. Then the oldest are removed, but for the last `keep` and the one of
 * the lowest validation loss; and any of a later step, which are of a course that was left.
 *
 * @throws NotFiniteError when a weight is not a finite number, with nothing written.
 * @throws Error `checkpoint: ...` when the disk fails, with the checkpoints before it intact.
 */
export async function saveCheckpoint(
  run: string,
  state: TrainState,
  { keep = 2, validation, disk = theDisk }: SaveOptions = {},
): Promise<CheckpointNote> {
  const groups = [state.model, state.optimizer, state.ema ?? new Map()] as const
  for (const [name, { data }] of groups.flatMap((group) => [...group])) {
    if (data instanceof Float32Array || data instanceof Float64Array) {
      const bad = data.findIndex((v) => !Number.isFinite(v))
      if (bad >= 0)
        throw new NotFiniteError(`train: ${name} holds ${data[bad]} after step ${state.step} (lower the learning rate)`)
    }
  }
  const folder = checkpointFolder(run)
  const [target, draft, older] = [nameOf, draftOf, olderOf].map((name) => join(folder, name(state.step)))
  const contents = new Map(
    files.flatMap((name, i) => (i === 2 && state.ema === null ? [] : [[name, writeSafetensors(groups[i])] as const])),
  )
  const manifest: Manifest = {
    format: 1,
    step: state.step,
    loader: state.loader,
    ...(validation !== undefined && { validation }),
    files: Object.fromEntries([...contents].map(([name, c]) => [name, { bytes: c.length, sha256: sha256(c) }])),
  }
  let isAside = false
  try {
    await disk.remove(draft)
    await disk.makeFolder(draft)
    for (const [name, content] of contents) await disk.write(join(draft, name), content)
    await disk.write(join(draft, "state.json"), sealed(manifest))
    await disk.flush(draft)
    if ((await checkpointSteps(run, { disk })).includes(state.step)) {
      await disk.rename(target, older)
      isAside = true
    }
    await disk.rename(draft, target)
    isAside = false
    await disk.flush(folder)
  } catch (cause) {
    if (isAside) await disk.rename(older, target).catch(() => {})
    await disk.remove(draft).catch(() => {})
    throw new Error(`checkpoint: cannot write that of step ${state.step} in ${folder} (${(cause as Error).message})`, {
      cause,
    })
  }
  // What cannot be removed does no harm: the next save tries again.
  await disk.remove(older).catch(() => {})
  await prune(run, state.step, keep, disk).catch(() => {})
  return {
    step: state.step,
    bytes: [...contents.values()].reduce((n, c) => n + c.length, 0),
    ...(validation !== undefined && { validation }),
  }
}

async function prune(run: string, newest: number, keep: number, disk: Disk): Promise<void> {
  const steps = await checkpointSteps(run, { disk })
  const course = steps.filter((step) => step <= newest)
  const best = bestOf((await checkpointNotes(run, { disk })).filter(({ step }) => step <= newest))
  const kept = new Set([...course.slice(-Math.max(1, keep)), ...(best ? [best.step] : [])])
  for (const step of steps) if (!kept.has(step)) await disk.remove(join(checkpointFolder(run), nameOf(step)))
}

/**
 * Clears what a crash left between the checkpoints: drafts, and a checkpoint that was being written over, which gets its
 * name back. For the one who holds the run's lock.
 */
export async function recoverCheckpoints(
  run: string,
  { disk = theDisk }: { readonly disk?: Disk } = {},
): Promise<void> {
  const folder = checkpointFolder(run)
  const names = await namesIn(folder, disk)
  for (const name of names) {
    const older = /^\.(step-\d+)\.old$/.exec(name)?.[1]
    if (older !== undefined && !names.includes(older)) await disk.rename(join(folder, name), join(folder, older))
    else if (older !== undefined || /^\.step-\d+\.part$/.test(name)) await disk.remove(join(folder, name))
  }
}

/** How {@link loadCheckpoint} reads. */
export interface LoadOptions {
  /** Which one: a step, or the one of the lowest validation loss; default: the newest that is whole. */
  readonly step?: number | "best"
  /** Told of each damaged checkpoint that is passed over, one line each. */
  readonly warn?: (line: string) => void
  readonly disk?: Disk
}

/**
 * Reads a checkpoint, sizes and checksums of all its files compared with what was written. Where the newest is damaged,
 * the one before it is read, and so on.
 *
 * @throws RangeError when the run has none that is whole, or the one asked for by its step is damaged or absent.
 */
export async function loadCheckpoint(
  run: string,
  { step, warn = () => {}, disk = theDisk }: LoadOptions = {},
): Promise<Checkpoint> {
  const steps = await checkpointSteps(run, { disk })
  if (steps.length === 0)
    throw new RangeError(`${run}: no checkpoint yet (train for longer, or start again without --resume)`)
  const wanted = step === "best" ? bestOf(await checkpointNotes(run, { disk }))?.step : step
  if (step === "best" && wanted === undefined)
    throw new RangeError(`${run}: no checkpoint has a validation loss, so none is the best (train with --validation)`)
  if (wanted !== undefined && !steps.includes(wanted))
    throw new RangeError(`${run}: no checkpoint of step ${wanted}, there are ${steps.join(", ")}`)
  const faults: string[] = []
  for (const candidate of wanted === undefined ? steps.toReversed() : [wanted]) {
    try {
      const found = await readWhole(run, candidate, disk)
      for (const fault of faults) warn(`${fault}; using that of step ${candidate}`)
      return found
    } catch (cause) {
      faults.push(`${run}: the checkpoint of step ${candidate} is damaged (${(cause as Error).message})`)
    }
  }
  throw new RangeError(`${faults.join("; ")}; no other is left (start again without --resume)`)
}

async function readWhole(run: string, step: number, disk: Disk): Promise<Checkpoint> {
  const { loader, validation, files: expected } = await manifestOf(run, step, disk)
  const read = async (file: string): Promise<Map<string, NdArray>> => {
    const bytes = await disk.read(join(checkpointFolder(run), nameOf(step), file))
    const { bytes: size, sha256: sum } = expected[file]
    if (bytes.length !== size) throw new RangeError(`${file} has ${bytes.length} bytes, ${size} were written`)
    if (sha256(bytes) !== sum) throw new RangeError(`${file} does not agree with its checksum`)
    return new Map(readSafetensors(bytes).tensors)
  }
  const [model, optimizer, ema] = files
  return {
    step,
    loader,
    model: await read(model),
    optimizer: await read(optimizer),
    ema: ema in expected ? await read(ema) : null,
    ...(validation !== undefined && { validation }),
  }
}
