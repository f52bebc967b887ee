/** `tweedie export`: a run's denoiser as ONNX, its weights as safetensors. */
import { join } from "node:path"
import { exportOnnx } from "../engine/export.ts"
import { read } from "../engine/state.ts"
import { writeFileAtomic } from "../io/atomic.ts"
import { writeSafetensors } from "../io/safetensors.ts"
import type { Experiment, Exported } from "../recipes/recipe.ts"
import { makeFolders } from "../train/disk.ts"
import { MisuseError } from "./flags.ts"
import { loadRun } from "./runs.ts"
import { Voice } from "./voice.ts"

/** Flags of the verb. */
export interface ExportFlags {
  readonly out?: string
  readonly at?: string
  readonly json?: boolean
}

/** The files that {@link writeExport} writes. */
export const exportedFiles = ({ parts = {} }: Pick<Experiment, "parts">, folder: string): string[] => [
  join(folder, "model.onnx"),
  join(folder, "model.safetensors"),
  ...Object.keys(parts).map((name) => join(folder, `${name}.onnx`)),
]

/** Writes `model.onnx`, `model.safetensors` and a file for each other part of an experiment into a folder that is there. */
export async function writeExport(experiment: Experiment, folder: string): Promise<string[]> {
  const { exported, variables, parts = {} } = experiment
  const onnx = (part: Exported): Promise<Uint8Array> =>
    exportOnnx(
      part.call as never,
      part.inputs.map(({ dtype, shape }) => ({ dtype, shape })),
      {
        inputNames: part.inputs.map((i) => i.name),
        outputNames: [part.output],
        variables,
        metadata: part.metadata,
      },
    )
  const values = await read([...variables.values()])
  const weights = writeSafetensors(new Map([...variables.keys()].map((name, i) => [name, values[i]])), { format: "pt" })
  const files = exportedFiles(experiment, folder)
  await writeFileAtomic(files[0], await onnx(exported))
  await writeFileAtomic(files[1], weights)
  for (const [i, part] of Object.values(parts).entries()) await writeFileAtomic(files[i + 2], await onnx(part))
  return files
}

/** Runs the verb. */
export async function exportRun(folder: string, flags: ExportFlags): Promise<number> {
  const { out = folder, at, json = false } = flags
  const voice = new Voice(json)
  await makeFolders(out).catch((cause: NodeJS.ErrnoException) => {
    const message = `--out ${out}: ${cause.message}`
    throw cause.code === "ENOSPC" ? new Error(message, { cause }) : new MisuseError(message, { cause })
  })
  const { experiment, step } = await loadRun(folder, { at, voice })
  const files = await writeExport(experiment, out)
  voice.say(`step ${step}: ${files.join(", ")}`, { event: "done", step, files })
  return 0
}
