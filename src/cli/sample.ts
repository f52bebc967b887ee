/** `tweedie sample`: samples of a run, as a picture or as numbers. */
import { join } from "node:path"
import { z } from "zod"
import { type SampleStep, toImages } from "../diffusion/samplers/sampler.ts"
import { configure } from "../engine/runtime.ts"
import { writeFileAtomic } from "../io/atomic.ts"
import { writeNpy } from "../io/npy.ts"
import { encodePng } from "../io/png.ts"
import { samplerOptions, samplingOptions } from "../recipes/sampling.ts"
import { readOptions } from "./flags.ts"
import { terminalPicture } from "./picture.ts"
import { Progress } from "./progress.ts"
import { loadRun } from "./runs.ts"

/** Options of the verb. */
export const sampleOptions = z.strictObject({
  count: z.number().int().min(1).max(1_000_000).default(64).describe("how many samples"),
  ...samplingOptions,
  seed: z
    .number()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .default(0)
    .describe("sample i depends on the seed and i alone"),
  format: z
    .enum(["png", "npy"])
    .default("png")
    .describe("png is a grid; npy is float32 [count, channels, height, width] in [0, 1]"),
  out: z.string().optional().describe("file to write (default: samples.<format> in the run folder)"),
  threads: z.number().int().min(1).max(1024).optional().describe("threads of the engine (default: all processors)"),
})

/** Runs the verb. */
export async function sample(folder: string, flags: Readonly<Record<string, unknown>>): Promise<number> {
  const o = readOptions(sampleOptions, flags)
  if (o.threads !== undefined) configure({ threads: o.threads })
  const { experiment } = await loadRun(folder)
  const { count, seed } = o
  const request = { ...samplerOptions(o), count, seed }
  let final: SampleStep | undefined
  const bar = new Progress(request.sampler, request.steps ?? experiment.defaultSteps(request.sampler))
  for await (const step of experiment.sample(request)) {
    bar.update(step.step)
    final = step
  }
  bar.end()
  const x = final!.x
  const file = o.out ?? join(folder, `samples.${o.format}`)
  const picture = experiment.picture(x)
  // Points are what they are; images go to [0, 1].
  const numbers = x.shape.length === 4 ? toImages(x) : x
  await writeFileAtomic(file, o.format === "png" ? encodePng(picture) : writeNpy(numbers))
  process.stderr.write(`${count} samples: ${file}\n`)
  if (o.format === "png" && process.stdout.isTTY) {
    process.stdout.write(`${terminalPicture(picture, Math.min(120, process.stdout.columns ?? 80))}\n`)
  }
  return 0
}
