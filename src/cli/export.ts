/** `tweedie export`: a run's denoiser as ONNX, its weights as safetensors; or both as a model folder of diffusers. */
import { join } from "node:path"
import { type DenoiserParts, denoiserParts } from "../diffusers/describe.ts"
import { writeDiffusers } from "../diffusers/write.ts"
import { exportOnnx } from "../engine/export.ts"
import { read } from "../engine/state.ts"
import { writeFileAtomic } from "../io/atomic.ts"
import { writeSafetensors } from "../io/safetensors.ts"
import type { Experiment } from "../recipes/recipe.ts"
import { makeFolders } from "../train/disk.ts"
import { MisuseError } from "./flags.ts"
import { loadRun } from "./runs.ts"
import { Voice } from "./voice.ts"

/** Flags of the verb. */
export interface ExportFlags {
  readonly out?: string
  readonly at?: string
  readonly format?: string
  readonly label?: string
  readonly json?: boolean
}

/** The files that {@link writeExport} writes. */
export const exportedFiles = (folder: string): string[] => [
  join(folder, "model.onnx"),
  join(folder, "model.safetensors"),
]

/** Writes `model.onnx` and `model.safetensors` of an experiment into a folder that is there. */
export async function writeExport({ exported, variables }: Experiment, folder: string): Promise<string[]> {
  const onnx = await exportOnnx(
    exported.call as never,
    exported.inputs.map(({ dtype, shape }) => ({ dtype, shape })),
    {
      inputNames: exported.inputs.map((i) => i.name),
      outputNames: [exported.output],
      variables,
      metadata: exported.metadata,
    },
  )
  const values = await read([...variables.values()])
  const weights = writeSafetensors(new Map([...variables.keys()].map((name, i) => [name, values[i]])), { format: "pt" })
  const files = exportedFiles(folder)
  await writeFileAtomic(files[0], onnx)
  await writeFileAtomic(files[1], weights)
  return files
}

/** The class that is to be the only one: a number, or none where it says so. */
function labelOf(text: string, classes: number): number {
  if (classes === 0) throw new MisuseError("--label: the run was trained without labels")
  // The last class stands for none.
  const label = text === "none" ? classes : Number(text)
  if (!/^(none|\d{1,9})$/.test(text) || label > classes)
    throw new MisuseError(`--label: got ${text}, expected none or 0 to ${classes - 1}`)
  return label
}

/** What diffusers can be told of a run's model. */
function partsOf(folder: string, { model }: Experiment): DenoiserParts {
  try {
    return denoiserParts(model)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new MisuseError(`${folder}: ${cause.message.replace(/^\w+: /, "")}`, { cause })
  }
}

/** Runs the verb. */
export async function exportRun(folder: string, flags: ExportFlags): Promise<number> {
  const { format = "onnx", at, label, json = false } = flags
  if (format !== "onnx" && format !== "diffusers")
    throw new MisuseError(`--format: got ${format}, expected onnx or diffusers`)
  const isModel = format === "diffusers"
  if (label !== undefined && !isModel) throw new MisuseError("--label: got it for onnx, expected --format diffusers")
  const out = flags.out ?? (isModel ? join(folder, "diffusers") : folder)
  const voice = new Voice(json)
  const makeOut = (): Promise<void> =>
    makeFolders(out).catch((cause: NodeJS.ErrnoException) => {
      const message = `--out ${out}: ${cause.message}`
      throw cause.code === "ENOSPC" ? new Error(message, { cause }) : new MisuseError(message, { cause })
    })
  const { experiment, step } = await loadRun(folder, { at, voice })
  let files: string[]
  if (isModel) {
    const parts = partsOf(folder, experiment)
    const { classes } = experiment
    const only = label === undefined ? undefined : labelOf(label, classes)
    if (classes > 0 && label === undefined)
      voice.warn(
        "the network is told labels, which DDPMPipeline has no word for: call its UNet2DModel with class_labels, or export one class (--label 7, --label none)",
      )
    await makeOut()
    files = await writeDiffusers(out, parts, only === undefined ? {} : { label: only })
  } else {
    await makeOut()
    files = await writeExport(experiment, out)
  }
  voice.say(`step ${step}: ${files.join(", ")}`, { event: "done", step, files })
  return 0
}
