/**
 * `tweedie export`: a run's denoiser as ONNX, its weights as safetensors; a whole sampler as one ONNX file; or a model
 * folder of diffusers.
 */
import { join } from "node:path"
import { z } from "zod"
import { type DenoiserParts, denoiserParts } from "../diffusers/describe.ts"
import { writeDiffusers } from "../diffusers/write.ts"
import { exportOnnx } from "../engine/export.ts"
import { formatShape } from "../engine/shape.ts"
import { read } from "../engine/state.ts"
import { writeFileAtomic } from "../io/atomic.ts"
import { writeSafetensors } from "../io/safetensors.ts"
import type { Experiment, Exported } from "../recipes/recipe.ts"
import { samplerOptions, samplingOptions } from "../recipes/sampling.ts"
import { makeFolders } from "../train/disk.ts"
import { expectOnly, guidanceOf, guidanceOptions } from "./draw.ts"
import { MisuseError, readOptions } from "./flags.ts"
import { checkpointOption } from "./options.ts"
import { expectFolder, loadRun, sizeText } from "./runs.ts"
import { Voice } from "./voice.ts"

const { sampler, ...samplers } = samplingOptions

/** Options of the verb. */
export const exportOptions = z.strictObject({
  format: z.enum(["onnx", "diffusers"]).default("onnx").describe("what to write"),
  out: z
    .string()
    .optional()
    .describe(
      "folder to write into (default: the run folder; of diffusers, the folder diffusers in it); with --sampler, the file (default: sampler.onnx there)",
    ),
  label: z
    .string()
    .optional()
    .describe("diffusers: draw this class alone, or none, since its pipelines name no classes"),
  ...checkpointOption,
  json: z.boolean().default(false).describe("one JSON object a line"),
  guidance: guidanceOptions.guidance.describe(
    "scale of classifier-free guidance, fixed in the file (default: an input of it; 1 follows labels as the data do, in half the time)",
  ),
  rescale: guidanceOptions.rescale,
  interval: guidanceOptions.interval,
  sampler: (sampler as z.ZodDefault<z.ZodType>)
    .unwrap()
    .optional()
    .describe("write this sampler whole, its steps inside, as one file: noise in, images out; any but probabilityFlow")
    .meta({ heading: "Sampler:" }),
  ...samplers,
})

/** The files that {@link writeExport} writes. */
export const exportedFiles = ({ parts = {} }: Pick<Experiment, "parts">, folder: string): string[] => [
  join(folder, "model.onnx"),
  join(folder, "model.safetensors"),
  ...Object.keys(parts).map((name) => join(folder, `${name}.onnx`)),
]

/** What is exported as the bytes of an ONNX file. */
function onnxOf(
  { inputs, output, call, metadata }: Exported,
  { variables }: Pick<Experiment, "variables">,
): Promise<Uint8Array> {
  return exportOnnx(
    call as never,
    inputs.map(({ dtype, shape }) => ({ dtype, shape })),
    { inputNames: inputs.map((i) => i.name), outputNames: [output], variables, metadata },
  )
}

/** Writes `model.onnx`, `model.safetensors` and a file for each other part of an experiment into a folder that is there. */
export async function writeExport(experiment: Experiment, folder: string): Promise<string[]> {
  const { exported, variables, parts = {} } = experiment
  const values = await read([...variables.values()])
  const weights = writeSafetensors(new Map([...variables.keys()].map((name, i) => [name, values[i]])), { format: "pt" })
  const files = exportedFiles(experiment, folder)
  await writeFileAtomic(files[0], await onnxOf(exported, experiment))
  await writeFileAtomic(files[1], weights)
  for (const [i, part] of Object.values(parts).entries())
    await writeFileAtomic(files[i + 2], await onnxOf(part, experiment))
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
function partsOf(folder: string, { model, shape }: Experiment): DenoiserParts {
  if (model === undefined || model.shape.join() !== shape.join())
    throw new MisuseError(`${folder}: no denoiser of images, which alone is written for diffusers (export it as ONNX)`)
  try {
    return denoiserParts(model)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new MisuseError(`${folder}: ${cause.message.replace(/^\w+: /, "")}`, { cause })
  }
}

/** Runs the verb. */
export async function exportRun(folder: string, flags: Readonly<Record<string, unknown>>): Promise<number> {
  const o = readOptions(exportOptions, flags)
  const voice = new Voice(o.json)
  const { format, at, label } = o
  const isModel = format === "diffusers"
  if (isModel && o.sampler !== undefined)
    throw new MisuseError("--sampler: got it with --format diffusers, expected one of them")
  if (label !== undefined && !isModel) throw new MisuseError("--label: got it for onnx, expected --format diffusers")
  if (o.sampler !== undefined) return exportSampler(folder, o, voice)
  expectOnly(
    flags,
    (key) => plain.includes(key),
    (flag) => `${flag}: got it without --sampler, expected both (--sampler ddim --steps 50)`,
  )
  const out = o.out ?? (isModel ? join(folder, "diffusers") : folder)
  const makeOut = (): Promise<void> =>
    makeFolders(out).catch((cause: NodeJS.ErrnoException) => {
      const isFile = cause.code === "EEXIST"
      const message = `--out ${out}: ${isFile ? "that is a file, expected a folder" : cause.message}`
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

/** Options that are not of samplers. */
const plain = ["format", "out", "label", "at", "json"]

async function exportSampler(folder: string, o: z.output<typeof exportOptions>, voice: Voice): Promise<number> {
  const { guidance, rescale, interval, at, out: file = join(folder, "sampler.onnx") } = o
  const { experiment, step } = await loadRun(folder, { at, voice })
  await expectFolder("--out", file)
  const exported = experiment.exportedSampler({
    ...samplerOptions(o),
    ...guidanceOf({ guidance, rescale, interval }, 0),
  })
  const onnx = await onnxOf(exported, experiment)
  await writeFileAtomic(file, onnx)
  const inputs = exported.inputs.map(({ name, shape }) => `${name} ${formatShape(shape)}`)
  voice.say(`step ${step}: ${file} (${sizeText(onnx.length)}), from ${inputs.join(", ")} to ${exported.output}`, {
    event: "done",
    step,
    files: [file],
  })
  return 0
}
