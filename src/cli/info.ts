/** `tweedie info`: what a run folder or a file holds. */
import { readFile, stat } from "node:fs/promises"
import type { NdArray } from "../engine/array.ts"
import { readModel } from "../engine/onnx/read.ts"
import { readNpy } from "../io/npy.ts"
import { readSafetensors } from "../io/safetensors.ts"
import { bestOf, checkpointNotes } from "../train/checkpoint.ts"
import { readLog, readRun } from "../train/run.ts"
import { MisuseError } from "./flags.ts"
import { sizeText } from "./runs.ts"

type Facts = Readonly<Record<string, unknown>>

async function runFacts(folder: string): Promise<Facts> {
  const config = await readRun(folder)
  const last = (await readLog(folder)).findLast((record) => "average" in record)
  const notes = await checkpointNotes(folder)
  const best = bestOf(notes)?.step
  return {
    kind: "run",
    recipe: config.recipe,
    ...(last && { step: last.step, loss: last.average, seconds: Math.round(Number(last.seconds)) }),
    checkpoints: notes.map(({ step }) => `${step}${step === best ? " (best)" : ""}`).join(", ") || "none",
    checkpointSize: sizeText(notes.reduce((sum, { bytes }) => sum + bytes, 0)),
    ...config.options,
    threads: config.threads,
    ...config.versions,
  }
}

function tensorFacts(tensors: ReadonlyMap<string, NdArray>): Facts {
  const count = [...tensors.values()].reduce((n, t) => n + t.data.length, 0)
  const shapes = [...tensors].map(([name, t]) => [name, `${t.dtype} [${t.shape.join(", ")}]`])
  return { tensors: tensors.size, elements: count, ...Object.fromEntries(shapes) }
}

async function fileFacts(path: string): Promise<Facts> {
  const bytes = new Uint8Array(await readFile(path))
  if (path.endsWith(".safetensors")) return { kind: "safetensors", ...tensorFacts(readSafetensors(bytes).tensors) }
  if (path.endsWith(".npy")) return { kind: "npy", ...tensorFacts(new Map([["array", readNpy(bytes)]])) }
  if (path.endsWith(".onnx")) {
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
      parameters: [...graph.initializers.values()]
        .filter((t) => t.dtype === "float32")
        .reduce((n, t) => n + t.data.length, 0),
      ...Object.fromEntries([...metadata].map(([k, v]) => [k, v.length > 60 ? `${v.slice(0, 57)}...` : v])),
    }
  }
  throw new MisuseError(`info: ${path} is no run folder, .onnx, .safetensors or .npy file`)
}

/** Runs the verb. */
export async function info(path: string, { json = false }: { readonly json?: boolean }): Promise<number> {
  const found = await stat(path).catch(() => {
    throw new MisuseError(`info: ${path} does not exist`)
  })
  const facts = found.isDirectory() ? await runFacts(path) : await fileFacts(path)
  if (json) process.stdout.write(`${JSON.stringify(facts)}\n`)
  else {
    const width = Math.min(40, Math.max(...Object.keys(facts).map((k) => k.length)))
    for (const [key, value] of Object.entries(facts)) process.stdout.write(`${key.padEnd(width)}  ${String(value)}\n`)
  }
  return 0
}
