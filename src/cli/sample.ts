/** `tweedie sample`: samples of a run, as a picture or as numbers. */
import { join } from "node:path"
import { z } from "zod"
import { masked } from "../diffusion/inpainting.ts"
import { type SamplerOptions, type SampleStep, toImages } from "../diffusion/samplers/sampler.ts"
import { array, type NdArray } from "../engine/array.ts"
import { configure } from "../engine/runtime.ts"
import { writeFileAtomic } from "../io/atomic.ts"
import { writeNpy } from "../io/npy.ts"
import { encodePng } from "../io/png.ts"
import type { Experiment, Guided } from "../recipes/recipe.ts"
import { samplerOptions, samplingOptions } from "../recipes/sampling.ts"
import { MisuseError, readOptions } from "./flags.ts"
import { holes, maskFrom, samplesFrom } from "./given.ts"
import { labelsOf } from "./labels.ts"
import { terminalPicture } from "./picture.ts"
import { Progress } from "./progress.ts"
import { expectFolder, loadRun } from "./runs.ts"
import { Voice } from "./voice.ts"

/** Options of the verb. */
export const sampleOptions = z.strictObject({
  count: z.number().int().min(1).max(1_000_000).default(64).describe("how many samples"),
  label: z
    .array(z.number().int().min(0).max(1_000_000))
    .min(1)
    .max(100_000)
    .optional()
    .describe("class to draw, or a list of them in turn; for runs trained with labels"),
  guidance: z
    .number()
    .min(-100)
    .max(100)
    .optional()
    .describe("scale of classifier-free guidance: 0 leaves the label out, 1 follows it as the data do (default 1)"),
  rescale: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("share of the standard deviation given back, where guidance makes too much contrast (default 0)"),
  interval: z
    .array(z.number().min(0).max(1_000_000))
    .length(2)
    .optional()
    .describe("the times from which to which guidance acts (default: all)"),
  from: z
    .string()
    .optional()
    .describe("samples to begin with, partway: a PNG of one image, .npy as this command writes it, or the word test"),
  strength: z.number().positive().max(1).default(0.5).describe("how much of those is made anew: 1 is all"),
  arc: z
    .number()
    .int()
    .min(2)
    .max(10_000)
    .optional()
    .describe("draw rows of this many, each along an arc between two draws of noise, or of samples --from a file"),
  known: z.string().optional().describe("samples with a hole to fill, a file as above; the sampler repaint suits it"),
  mask: z
    .string()
    .optional()
    .describe(
      `where those are known: a PNG or .npy, 1 (white) there and 0 in the hole; or ${holes.join(", ")} for a hole`,
    ),
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
  at: z
    .string()
    .optional()
    .describe("checkpoint: last, best or a step (default: the best if losses tell, else the last)"),
  json: z.boolean().default(false).describe("one JSON object a line"),
  threads: z.number().int().min(1).max(1024).optional().describe("threads of the engine (default: all processors)"),
})

/** Most numbers that are drawn at a time: a gigabyte of them. */
const maxValues = 2 ** 28

/** What a request gets from the flags of labels and files. */
async function asked(
  { count, label, guidance, rescale, interval, from, arc, strength, known, mask }: z.output<typeof sampleOptions>,
  experiment: Experiment,
): Promise<Guided & Pick<SamplerOptions, "labels" | "given">> {
  const samples = async (flag: string, path: string, n = count): Promise<NdArray<"float32">> =>
    repeated(await samplesFrom(flag, path, experiment, n), n)
  if ((known === undefined) !== (mask === undefined))
    throw new MisuseError("--known and --mask: got one of them, expected both")
  const start =
    from === undefined
      ? undefined
      : // The ends of rows, or one for each sample.
        { x: await samples("--from", from, arc === undefined ? count : 2 * Math.ceil(count / arc)), strength }
  const given =
    known === undefined || mask === undefined
      ? undefined
      : masked(await samples("--known", known), await maskFrom(mask, experiment.shape))
  return {
    ...(label !== undefined && { labels: labelsOf(label, count) }),
    ...(guidance !== undefined && { guidance }),
    ...(rescale !== undefined && { rescale }),
    ...(interval !== undefined && { interval: [interval[0], interval[1]] as const }),
    ...(start !== undefined && { start }),
    ...(arc !== undefined && { arc }),
    ...(given !== undefined && { given, inpaint: true }),
  }
}

/** The first `count` samples, in turn where there are fewer. */
function repeated(x: NdArray<"float32">, count: number): NdArray<"float32"> {
  const [rows, ...shape] = x.shape
  const size = x.data.length / rows
  const data = new Float32Array(count * size)
  for (let i = 0; i < count; i++) data.set(x.data.subarray((i % rows) * size, ((i % rows) + 1) * size), i * size)
  return array("float32", [count, ...shape], data)
}

/** Runs the verb. */
export async function sample(folder: string, flags: Readonly<Record<string, unknown>>): Promise<number> {
  const o = readOptions(sampleOptions, flags)
  if (o.threads !== undefined) configure({ threads: o.threads })
  const voice = new Voice(o.json)
  const { experiment, step: trained } = await loadRun(folder, { at: o.at, voice })
  const { count, seed } = o
  const file = o.out ?? join(folder, `samples.${o.format}`)
  await expectFolder("--out", file)
  const [{ shape }] = experiment.exported.inputs
  const values = count * shape.slice(1).reduce((n, size) => n * size, 1)
  if (values > maxValues)
    throw new MisuseError(
      `--count: got ${count}, of [${shape.slice(1).join(", ")}] at most ${Math.floor((maxValues * count) / values)} are drawn at a time`,
    )
  const request = { ...samplerOptions(o), ...(await asked(o, experiment)), count, seed }
  let final: SampleStep | undefined
  const bar = new Progress(request.sampler, request.steps ?? experiment.defaultSteps(request.sampler))
  for await (const step of experiment.sample(request)) {
    if (!o.json) bar.update(step.step)
    final = step
  }
  bar.end()
  const x = final!.x
  const picture = experiment.picture(x)
  // Points are what they are; images go to [0, 1].
  const numbers = x.shape.length === 4 ? toImages(x) : x
  await writeFileAtomic(file, o.format === "png" ? encodePng(picture) : writeNpy(numbers))
  voice.say(`${count} samples: ${file}`, { event: "done", file, count, step: trained })
  if (!o.json && o.format === "png" && process.stdout.isTTY) {
    process.stdout.write(`${terminalPicture(picture, Math.min(120, process.stdout.columns ?? 80))}\n`)
  }
  return 0
}
