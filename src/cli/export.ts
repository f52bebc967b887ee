/** `tweedie export`: a run's denoiser as ONNX, its weights as safetensors. */
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { exportOnnx } from "../engine/export.ts"
import { read } from "../engine/state.ts"
import { writeFileAtomic } from "../io/atomic.ts"
import { writeSafetensors } from "../io/safetensors.ts"
import type { Experiment } from "../recipes/recipe.ts"
import { loadRun } from "./runs.ts"

/** Writes `model.onnx` and `model.safetensors` of an experiment into a folder. */
export async function writeExport({ exported, variables }: Experiment, folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true })
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
  const files = [join(folder, "model.onnx"), join(folder, "model.safetensors")]
  await writeFileAtomic(files[0], onnx)
  await writeFileAtomic(files[1], weights)
  return files
}

/** Runs the verb. */
export async function exportRun(folder: string, { out = folder }: { readonly out?: string }): Promise<number> {
  const { experiment, step } = await loadRun(folder)
  const files = await writeExport(experiment, out)
  process.stderr.write(`step ${step}: ${files.join(", ")}\n`)
  return 0
}
