/** `tweedie sample`: samples of a run, or of a model folder of diffusers, as a picture or as numbers. */
import { join } from "node:path"
import { z } from "zod"
import { torchNoise } from "../diffusers/torch-random.ts"
import { masked } from "../diffusion/inpainting.ts"
import type { SamplerOptions, SampleStep } from "../diffusion/samplers/sampler.ts"
import { type NdArray, sizeOf } from "../engine/array.ts"
import { configure } from "../engine/runtime.ts"
import { writeFileAtomic } from "../io/atomic.ts"
import { writeNpy } from "../io/npy.ts"
import { encodePng, type Raster } from "../io/png.ts"
import { grouped, whole } from "../recipes/options.ts"
import { pictureOf } from "../recipes/picture.ts"
import type { Experiment, Guided, SampleRequest } from "../recipes/recipe.ts"
import { samplerOptions, samplingOptions } from "../recipes/sampling.ts"
import { isRun } from "../train/run.ts"
import { readSamples } from "./arrays.ts"
import { expectOnly, guidanceOf, guidanceOptions, repeated } from "./draw.ts"
import { MisuseError, readOptions } from "./flags.ts"
import { givenOf, holes, maskFrom, samplesFrom } from "./given.ts"
import { checkpointOption, engineOption, seedOption } from "./options.ts"
import { terminalPicture } from "./picture.ts"
import { isPretrained, loadPretrained, schedulerNames } from "./pretrained.ts"
import { Progress } from "./progress.ts"
import { expectFolder, loadRun } from "./runs.ts"
import { Voice } from "./voice.ts"

/** Options of the verb. */
export const sampleOptions = z.strictObject({
  count: whole(1, 1_000_000).default(64).describe("how many samples"),
  ...seedOption("the noise"),
  noise: z
    .enum(["per-sample", "torch"])
    .optional()
    .describe(
      "per-sample: sample i depends on the seed and i alone, as of runs; torch: what torch.manual_seed(seed) draws for all, as of folders of diffusers",
    ),
  out: z.string().optional().describe("file to write (default: samples.<format> in the folder)"),
  format: z
    .enum(["png", "npy"])
    .optional()
    .describe(
      "png is a grid; npy is float32 [count, channels, height, width] in [0, 1] (default: as the file's name ends, or png)",
    ),
  ...checkpointOption,
  ...engineOption,
  json: z.boolean().default(false).describe("one JSON object a line"),
  ...guidanceOptions,
  ...grouped("What to begin with:", {
    from: z
      .string()
      .optional()
      .describe(
        "samples to begin partway with; small images, of a run with --upscale; images, of an autoencoder. A PNG of one, .npy as this command writes it, or the word test for held-out data (default for the last two)",
      ),
    strength: z
      .number()
      .positive()
      .max(1)
      .optional()
      .describe("how much of samples --from is made anew: 1 is all (default: 0.5)"),
    arc: whole(2, 10_000)
      .optional()
      .describe("draw rows of this many, each along an arc between two draws of noise, or of samples --from a file"),
    known: z
      .string()
      .optional()
      .describe("samples with a hole to fill, a file or test as above; the sampler repaint suits it"),
    mask: z
      .string()
      .optional()
      .describe(
        `where those are known: a PNG or .npy, 1 (white) there and 0 in the hole; or ${holes.join(", ")} for a hole`,
      ),
  }),
  ...samplingOptions,
  ...grouped("Model folders of diffusers:", {
    scheduler: z
      .enum(schedulerNames)
      .optional()
      .describe("the scheduler to make of the folder's configuration (default: its own)"),
    weights: z.string().optional().describe("which variant of the weights, such as fp16"),
    size: z
      .array(whole(1, 65_536))
      .min(1)
      .max(2)
      .optional()
      .describe("how large images are, where the folder does not say (32, or height,width)"),
  }),
})

/** What is asked for, and the format that is written. */
type SampleFlags = z.output<typeof sampleOptions> & { readonly format: "png" | "npy" }

/**
 * The format that is written: the one named, or that of the file's name.
 *
 * @throws MisuseError when the two do not agree.
 */
function formatOf({ format, out }: z.output<typeof sampleOptions>): "png" | "npy" {
  const ending = out?.match(/\.(png|npy)$/i)?.[1].toLowerCase() as "png" | "npy" | undefined
  if (format !== undefined && ending !== undefined && format !== ending)
    throw new MisuseError(`--out ${out}: got it with --format ${format}, expected a name that ends in .${format}`)
  return format ?? ending ?? "png"
}

/** What a request gets from the flags of labels and files. */
async function asked(
  o: SampleFlags,
  model: Pick<Experiment, "shape"> & Partial<Pick<Experiment, "given" | "heldOut">>,
): Promise<Guided & Pick<SamplerOptions, "labels" | "given">> {
  const { count, from, arc, strength, known, mask } = o
  if (strength !== undefined && (from === undefined || arc !== undefined || model.given !== undefined))
    throw new MisuseError(
      `--strength: got it ${from === undefined ? "without --from" : arc !== undefined ? "with --arc" : "for a run whose samples are made of images"}, expected it with samples to begin partway with`,
    )
  const samples = async (flag: string, path: string, n = count): Promise<NdArray<"float32">> =>
    repeated(await samplesFrom(flag, path, model, n), n)
  if ((known === undefined) !== (mask === undefined))
    throw new MisuseError("--known and --mask: got one of them, expected both")
  const { shape, given: made, heldOut } = model
  const start =
    from === undefined || made !== undefined
      ? undefined
      : // The ends of rows, or one for each sample.
        {
          x: await samples("--from", from, arc === undefined ? count : 2 * Math.ceil(count / arc)),
          strength: strength ?? 0.5,
        }
  const given = await (async () => {
    if (made !== undefined && from !== undefined && from !== "test")
      return repeated(await readSamples("--from", from, made.shape), count)
    if (made !== undefined && heldOut !== undefined)
      return givenOf({ given: made, heldOut }, count).catch((error: Error) => {
        throw new MisuseError(`${error.message}; or name a file to make samples of with --from`)
      })
    if (known === undefined || mask === undefined) return undefined
    return masked(await samples("--known", known), await maskFrom(mask, shape))
  })()
  return {
    ...guidanceOf(o, count),
    ...(start !== undefined && { start }),
    ...(arc !== undefined && { arc }),
    ...(given !== undefined && { given }),
    ...(known !== undefined && { inpaint: true }),
  }
}

/** What a sampler of ours is asked for. */
async function requestOf(
  o: SampleFlags,
  model: Parameters<typeof asked>[1] & Pick<Experiment, "model">,
  noise: "per-sample" | "torch",
): Promise<SampleRequest> {
  const { count, seed } = o
  if (noise === "torch" && (o.from ?? o.arc) !== undefined)
    throw new MisuseError(`--noise: got torch with ${o.from === undefined ? "--arc" : "--from"}, which draws its own`)
  return {
    ...samplerOptions(o),
    ...(await asked(o, model)),
    count,
    seed,
    ...(noise === "torch" && { noise: torchNoise(seed, count, model.model?.shape ?? model.shape) }),
  }
}

/** Samples to be drawn, and how they are shown. */
interface Drawing {
  readonly label: string
  /** Shape of what is noised. */
  readonly shape: readonly number[]
  steps(): AsyncGenerator<SampleStep>
  picture(final: SampleStep): Raster
  /** Where the samples come from, for machines. */
  readonly record: Readonly<Record<string, unknown>>
}

async function ofRun(folder: string, o: SampleFlags, flags: Flags, voice: Voice): Promise<Drawing> {
  expectOnly(
    flags,
    (key) => !["scheduler", "weights", "size"].includes(key),
    (flag) => `${flag}: ${folder} is a run, and only model folders of diffusers read it`,
  )
  const { experiment, step } = await loadRun(folder, { at: o.at, voice })
  const { shape } = experiment
  expectRoom(o.count, shape)
  const request = await requestOf(o, experiment, o.noise ?? "per-sample")
  return {
    label: request.sampler,
    shape,
    steps: () => experiment.sample(request),
    picture: (final) => experiment.picture(final, experiment.given && request.given, request.arc),
    record: { step },
  }
}

/** Flags that the scheduler of a folder reads; the others are for samplers of ours. */
const ofPipelines = [
  ...["count", "label", "seed", "noise", "steps", "eta", "scheduler", "weights", "size"],
  ...["format", "out", "json", "threads"],
]

/** What a model folder of diffusers draws: by its scheduler, or by a sampler of ours where one is named. */
async function ofPretrained(folder: string, o: SampleFlags, flags: Flags, voice: Voice): Promise<Drawing> {
  const isOurs = flags["sampler"] !== undefined
  expectOnly(
    flags,
    (key) => key !== "at" && (isOurs || ofPipelines.includes(key)),
    (flag) =>
      flag === "--at"
        ? `--at: ${folder} is a model folder of diffusers, which has no checkpoints`
        : `${flag}: the scheduler of a model folder does not read it (name a sampler that does: --sampler)`,
  )
  const model = await loadPretrained(folder, { ...o, scheduler: o.scheduler, voice })
  const { shape, isLatent, pipeline, scheduler } = model
  if (isLatent && (o.from ?? o.known) !== undefined)
    throw new MisuseError(
      `--${o.from === undefined ? "known" : "from"}: ${folder} draws latent images, expected a model of images`,
    )
  if (o.format === "png" && !isLatent && shape[0] !== 1 && shape[0] !== 3)
    throw new MisuseError(`--format: got png for images of ${shape[0]} channels, expected npy`)
  expectRoom(o.count, shape)
  const { count, seed, steps, eta } = o as SampleFlags & { readonly steps?: number; readonly eta?: number }
  const noise = o.noise ?? ((o.from ?? o.arc) === undefined ? "torch" : "per-sample")
  const { labels } = guidanceOf(o, count)
  const request = isOurs ? await requestOf(o, { shape }, noise) : undefined
  return {
    label: request?.sampler ?? scheduler,
    shape,
    steps: () =>
      request !== undefined
        ? model.sample(request)
        : model.draw({
            count,
            seed,
            noise,
            ...(steps !== undefined && { steps }),
            ...(eta !== undefined && { eta }),
            ...(labels !== undefined && { labels }),
          }),
    picture: (final) => pictureOf(final, undefined, request?.arc),
    record: { pipeline, scheduler, noise },
  }
}

type Flags = Readonly<Record<string, unknown>>

/** Most numbers that are drawn at a time: a gigabyte of them. */
const maxValues = 2 ** 28

function expectRoom(count: number, shape: readonly number[]): void {
  const values = count * sizeOf(shape)
  if (values > maxValues)
    throw new MisuseError(
      `--count: got ${count}, of [${shape.join(", ")}] at most ${Math.floor((maxValues * count) / values)} are drawn at a time`,
    )
}

/** Runs the verb. */
export async function sample(folder: string, flags: Flags): Promise<number> {
  const read = readOptions(sampleOptions, flags)
  const o: SampleFlags = { ...read, format: formatOf(read) }
  if (o.threads !== undefined) configure({ threads: o.threads })
  const voice = new Voice(o.json)
  const isModel = await isPretrained(folder)
  if (!isModel && !(await isRun(folder)))
    throw new MisuseError(
      `${folder}: no run here (a run folder holds config.json; \`tweedie train\` makes one), nor a model folder of diffusers (model_index.json)`,
    )
  const file = o.out ?? join(folder, `samples.${o.format}`)
  await expectFolder("--out", file)
  const drawing = await (isModel ? ofPretrained : ofRun)(folder, o, flags, voice)
  const { count } = o
  const began = performance.now()
  let final: SampleStep | undefined
  let bar: Progress | undefined
  for await (const step of drawing.steps()) {
    // How many steps there are is known when the first is made.
    bar ??= new Progress(drawing.label, step.steps, { began })
    if (!o.json) bar.update(step.step)
    final = step
  }
  bar?.end()
  const picture = o.format === "png" ? drawing.picture(final!) : undefined
  // Points are what they are; images go to [0, 1].
  const numbers = drawing.shape.length === 3 ? final!.images : final!.x
  await writeFileAtomic(file, picture === undefined ? writeNpy(numbers) : encodePng(picture))
  voice.say(`${count} samples: ${file}`, { event: "done", file, count, ...drawing.record })
  if (!o.json && picture !== undefined && process.stdout.isTTY) {
    process.stdout.write(`${terminalPicture(picture, Math.min(120, process.stdout.columns ?? 80))}\n`)
  }
  return 0
}
