/** `tweedie info`: what a run folder or a file holds. Files are known by how they begin, not by their names. */
import { readFile, stat } from "node:fs/promises"
import { basename } from "node:path"
import { lookIntoFolder } from "../data/folder.ts"
import { readIdx } from "../data/idx.ts"
import { readPictureHeader } from "../data/picture.ts"
import type { NdArray } from "../engine/array.ts"
import { initializersOf } from "../engine/onnx/arrange.ts"
import { readModel } from "../engine/onnx/read.ts"
import { readCsv } from "../io/csv.ts"
import { gunzipAll, gunzipHead, isGzip } from "../io/gzip.ts"
import { readNpy } from "../io/npy.ts"
import { readNpz } from "../io/npz.ts"
import { readSafetensors } from "../io/safetensors.ts"
import { readEvents } from "../io/tensorboard.ts"
import { readZip } from "../io/zip.ts"
import { bestOf, checkpointNotes } from "../train/checkpoint.ts"
import { isRun, readLog, readRun } from "../train/run.ts"
import { MisuseError } from "./flags.ts"
import { sizeText } from "./runs.ts"
import { lineOf } from "./voice.ts"

type Facts = Readonly<Record<string, unknown>>

/** Largest file that is read. */
const maxBytes = 2 ** 32

async function runFacts(folder: string): Promise<Facts> {
  const config = await readRun(folder)
  const last = (await readLog(folder)).findLast((record) => "average" in record)
  const notes = await checkpointNotes(folder)
  const best = bestOf(notes)?.step
  return {
    kind: "run",
    recipe: config.recipe,
    ...(last && { step: last["step"], loss: last["average"], seconds: Math.round(Number(last["seconds"])) }),
    checkpoints: notes.map(({ step }) => `${step}${step === best ? " (best)" : ""}`).join(", ") || "none",
    checkpointSize: sizeText(notes.reduce((sum, { bytes }) => sum + bytes, 0)),
    ...Object.fromEntries(Object.entries(config.options).map(([k, v]) => [k, isPlain(v) ? v : JSON.stringify(v)])),
    threads: config.threads,
    ...config.versions,
  }
}

/** Whether people can read a value as it is. */
const isPlain = (v: unknown): boolean => typeof v !== "object" || v === null || Array.isArray(v)

async function folderFacts(folder: string): Promise<Facts> {
  if (await isRun(folder)) return runFacts(folder)
  const look = await lookIntoFolder(folder, { broken: "skip" }).catch(() => {
    throw new MisuseError(`info: ${folder} is neither a run folder nor one of pictures`)
  })
  const { count, labels, channels, heights, widths } = look
  return {
    kind: "pictures",
    pictures: count,
    labels: labels.join(", ") || "none",
    colour: channels === 3,
    heights: heights.join(" to "),
    widths: widths.join(" to "),
  }
}

const shapeOf = ({ dtype, shape }: NdArray): string => `${dtype} [${shape.join(", ")}]`

function tensorFacts(tensors: ReadonlyMap<string, NdArray>): Facts {
  const count = [...tensors.values()].reduce((n, t) => n + t.data.length, 0)
  return {
    tensors: tensors.size,
    elements: count,
    ...Object.fromEntries([...tensors].map(([name, t]) => [name, shapeOf(t)])),
  }
}

function onnxFacts(bytes: Uint8Array): Facts {
  const { graph, opsets, producer, metadata } = readModel(bytes)
  const value = (v: { name: string; dtype: string; shape: readonly (number | string)[] | undefined }): string =>
    `${v.name} ${v.dtype} [${v.shape?.join(", ") ?? "?"}]`
  return {
    kind: "onnx",
    producer,
    opset: opsets.get(""),
    inputs: graph.inputs.map(value).join("; "),
    outputs: graph.outputs.map(value).join("; "),
    nodes: graph.nodes.length,
    parameters: initializersOf(graph)
      .filter((t) => t.dtype === "float32")
      .reduce((n, t) => n + t.data.length, 0),
    ...Object.fromEntries([...metadata].map(([k, v]) => [k, v.length > 60 ? `${v.slice(0, 57)}...` : v])),
  }
}

function eventFacts(bytes: Uint8Array): Facts {
  const events = readEvents(bytes)
  const last = new Map<string, string>()
  for (const { step, scalars } of events)
    for (const [tag, v] of Object.entries(scalars)) last.set(tag, `${Number(v.toPrecision(6))} at step ${step}`)
  const images = new Set(events.flatMap((e) => Object.keys(e.images)))
  return {
    kind: "events",
    events: events.length,
    images: [...images].join(", ") || "none",
    ...Object.fromEntries(last),
  }
}

const ascii = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to))

/** What a file holds, by its first bytes; kinds that have no mark of their own by the end of its name. */
function fileFacts(name: string, bytes: Uint8Array): Facts {
  if (bytes.length === 0) throw new RangeError("the file is empty")
  if (isGzip(bytes)) {
    if (isIdx(gunzipHead(bytes, 4))) return { ...idxFacts(bytes), packed: "gzip" }
    const content = gunzipAll(bytes, { maxBytes })
    if (isGzip(content)) throw new RangeError("gzip within gzip")
    return { ...fileFacts(name.replace(/\.gz$/, ""), content), packed: "gzip" }
  }
  if (ascii(bytes, 1, 6) === "NUMPY") return { kind: "npy", ...tensorFacts(new Map([["array", readNpy(bytes)]])) }
  if (bytes[0] === 0x89 || (bytes[0] === 0xff && bytes[1] === 0xd8)) {
    const { width, height, isGray } = readPictureHeader(bytes)
    return { kind: bytes[0] === 0x89 ? "png" : "jpeg", width, height, colour: !isGray }
  }
  if (ascii(bytes, 0, 2) === "PK") {
    if (name.endsWith(".npz")) return { kind: "npz", ...tensorFacts(readNpz(bytes)) }
    const entries = readZip(bytes)
    const size = entries.reduce((sum, e) => sum + e.size, 0)
    return { kind: "zip", files: entries.length, bytes: size, first: entries[0]?.name ?? "none" }
  }
  if (isIdx(bytes)) return idxFacts(bytes)
  if (name.endsWith(".safetensors") || (bytes[8] === 0x7b && bytes[7] === 0 && bytes[6] === 0))
    return { kind: "safetensors", ...tensorFacts(readSafetensors(bytes).tensors) }
  if (name.includes("tfevents")) return eventFacts(bytes)
  if (name.endsWith(".onnx")) return onnxFacts(bytes)
  if (/\.bin$/.test(name) && bytes.length % 3073 === 0) return { kind: "cifar10", images: bytes.length / 3073 }
  if (name.endsWith(".csv")) {
    const rows = readCsv(new TextDecoder().decode(bytes))
    return { kind: "csv", lines: rows.length, columns: rows[0]?.length ?? 0, first: rows[0]?.join(", ") ?? "" }
  }
  throw new RangeError(
    "no kind of file that is known: a run or picture folder, .onnx .safetensors .npy .npz .zip .csv .png .jpg, IDX, CIFAR-10, TensorBoard events, .gz of these",
  )
}

const isIdx = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && bytes[0] === 0 && bytes[1] === 0 && bytes[2] >= 8 && bytes[2] <= 14 && bytes[3] > 0

function idxFacts(bytes: Uint8Array): Facts {
  const { shape, data } = readIdx(bytes)
  return { kind: "idx", values: data.constructor.name.replace("Array", ""), shape: `[${shape.join(", ")}]` }
}

/** Runs the verb. */
export async function info(path: string, { json = false }: { readonly json?: boolean }): Promise<number> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new MisuseError(
      `info: ${path} ${error.code === "ENOENT" ? "does not exist" : `cannot be read (${error.code})`}`,
    )
  })
  if (!found.isDirectory() && (!found.isFile() || found.size > maxBytes))
    throw new MisuseError(`info: ${path} is no file, or one of more than ${sizeText(maxBytes)}`)
  const facts = found.isDirectory() ? await folderFacts(path) : await fileOf(path)
  if (json) process.stdout.write(`${JSON.stringify(facts)}\n`)
  else {
    const width = Math.min(40, Math.max(...Object.keys(facts).map((k) => k.length)))
    // Names and texts come from the file.
    for (const [key, value] of Object.entries(facts))
      process.stdout.write(`${lineOf(key).padEnd(width)}  ${lineOf(value)}\n`)
  }
  return 0
}

async function fileOf(path: string): Promise<Facts> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new MisuseError(`info: ${path} cannot be read (${error.code})`)
  })
  try {
    return fileFacts(basename(path), new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length))
  } catch (error) {
    throw new MisuseError(`info: ${path}: ${(error as Error).message}`, { cause: error })
  }
}
