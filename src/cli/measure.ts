/** `tweedie eval` of generated images: FID and its kin, between what a run draws and the data it was to learn. */
import { z } from "zod"
import type { Dataset } from "../data/dataset.ts"
import { array, sizeOf } from "../engine/array.ts"
import { UsageError } from "../engine/shape.ts"
import { evaluateSets, type MeasureName, type MeasureReport, measureNames, readSet } from "../metrics/evaluate.ts"
import { grouped, whole } from "../recipes/options.ts"
import { samplerOptions, samplingOptions } from "../recipes/sampling.ts"
import { expectOnly, guidanceOf, guidanceOptions } from "./draw.ts"
import { type Features, featureOptions, featuresFor, imagesOf, onnxKeys } from "./features.ts"
import { MisuseError } from "./flags.ts"
import { drawnParts, type ImageStream, ofDataset, ofFiles, ofModel } from "./images.ts"
import { Interrupt } from "./interrupt.ts"
import { Progress } from "./progress.ts"
import { loadRun } from "./runs.ts"
import { lineOf, Voice } from "./voice.ts"

/** What `pr` is made of: each may also be asked for alone. */
const ofPr = ["precision", "recall", "density", "coverage"] as const

/** Words of `--metric` that measure images. */
export const measureWords = [...measureNames, ...ofPr] as const

/** A word in {@link measureWords}. */
export type MeasureWord = (typeof measureWords)[number]

/** Options of these measures alone. */
export const measureOptions = {
  ...grouped("Images that are measured:", {
    images: z
      .string()
      .optional()
      .describe(
        "measure these in place of samples: a folder of pictures, a .npy file as `sample` writes it, or data, which are real images (the floor)",
      ),
    against: z
      .enum(["held-out", "train"])
      .default("held-out")
      .describe("which part of the data images are compared with"),
    againstCount: whole(2, 10_000_000).default(10_000).describe("how many of those, at most"),
  }),
  ...featureOptions,
  ...guidanceOptions,
  ...samplingOptions,
}

/** Flags that only drawing reads. */
const drawingKeys = [...Object.keys(guidanceOptions), ...Object.keys(samplingOptions)]

/** What the verb has read. */
export interface MeasureFlags extends z.output<z.ZodObject<typeof measureOptions>> {
  readonly count: number
  readonly seed: number
  readonly batch?: number | undefined
  readonly dataDir?: string | undefined
  readonly at?: string | undefined
  readonly json: boolean
}

/** The library's measures that words ask for, each once. */
function measuresOf(words: readonly MeasureWord[]): MeasureName[] {
  const names = words.map((word) => ((ofPr as readonly string[]).includes(word) ? "pr" : (word as MeasureName)))
  return [...new Set(names)]
}

/** Whether a number was asked for. */
const isAsked = (words: readonly MeasureWord[], { measure }: MeasureReport): boolean =>
  words.includes(measure) || (words.includes("pr") && (ofPr as readonly string[]).includes(measure))

const thousands = (n: number): string => n.toLocaleString("en")

/** What a number depends on beside its sets, in a few words. */
function detail({ measure, settings }: MeasureReport): string {
  if (measure === "kid") return `${settings["subsets"]} subsets of ${settings["size"]}`
  if (measure === "is") return `${settings["splits"]} parts`
  if (measure === "mmd") return `at most ${settings["size"]} of each`
  return settings["neighbours"] === undefined ? "" : `${settings["neighbours"]} neighbours`
}

function valueText(v: number): string {
  return Math.abs(v) >= 1000 ? v.toFixed(1) : Math.abs(v) >= 10 ? v.toFixed(2) : v.toFixed(4)
}

/** The numbers as a table, and under it what they depend on. */
export function measureTable(reports: readonly MeasureReport[], source: string): string {
  const rows = reports.map((r) => [
    r.measure,
    `${valueText(r.value)}${r.std === undefined ? "" : ` ± ${valueText(r.std)}`}`,
    detail(r),
  ])
  const widths = [0, 1].map((k) => Math.max(...rows.map((row) => row[k].length)))
  const lines = rows.map(([name, value, more]) =>
    `  ${name.padEnd(widths[0])}  ${value.padEnd(widths[1])}  ${more}`.trimEnd(),
  )
  const [{ n, seed }] = reports
  const { features, width } = reports.find((r) => r.measure !== "is") ?? reports[0]
  const against = reports.find((r) => r.reference !== null)
  const { levels } = reports[0].settings
  return [
    ...lines,
    `n          ${thousands(n)} images: ${source}`,
    `features   ${features}, ${width} an image`,
    ...(against ? [`reference  ${thousands(against.referenceCount!)} images: ${against.reference}`] : []),
    `seed       ${seed}; pixels rounded to ${levels} shades`,
    "",
  ].join("\n")
}

/** The two parts of the data: those to compare with, and real ones to measure where they are asked for. */
async function partsOf(
  data: Dataset,
  o: MeasureFlags,
): Promise<{ readonly reference: Dataset; readonly floor: Dataset | undefined }> {
  const { count, seed, againstCount } = o
  if (o.images !== "data") {
    const reference = data.length > againstCount ? drawnParts(data, { count: againstCount, rest: 0, seed })[0] : data
    return { reference, floor: undefined }
  }
  const rest = Math.min(againstCount, data.length - count)
  if (rest < 2)
    throw new MisuseError(
      `--count: got ${count} of the ${data.length} images of ${data.name}, which leaves nothing to compare them with`,
    )
  const [floor, reference] = drawnParts(data, { count, rest, seed })
  return { reference, floor }
}

/** Fewest images that measures make sense of: parts of the inception score, neighbours of the densest balls. */
const fewest: Readonly<Record<MeasureName, number>> = { fid: 2, kid: 2, is: 10, pr: 6, mmd: 2 }

function expectEnough(metrics: readonly MeasureName[], sizes: Readonly<Record<string, number>>): void {
  for (const metric of metrics)
    for (const [what, count] of Object.entries(sizes))
      if (count < fewest[metric])
        throw new MisuseError(`${what}: there are ${count} images, expected at least ${fewest[metric]} for ${metric}`)
}

/** Asks the network about one image, so that what does not fit is told before any is drawn. */
async function tried(
  network: Features,
  shape: readonly number[],
  metrics: readonly MeasureName[],
  flag: string,
): Promise<void> {
  try {
    const { probabilities } = await network.read(array("float32", [1, ...shape], new Float32Array(sizeOf(shape))))
    if (probabilities === undefined && metrics.includes("is"))
      throw new MisuseError(`is: ${network.name} gives no probabilities of classes (give --feature-logits, or a LeNet)`)
  } catch (cause) {
    if (!(cause instanceof RangeError || cause instanceof UsageError)) throw cause
    const message = lineOf(cause).replace('resize: "bilinear"', "--feature-resize")
    throw new MisuseError(`--features ${flag}: ${message}`, { cause })
  }
}

/** Runs these measures on a run. Resolves to the exit code. */
export async function measureRun(
  folder: string,
  words: readonly MeasureWord[],
  o: MeasureFlags,
  flags: Readonly<Record<string, unknown>>,
): Promise<number> {
  const isDrawn = o.images === undefined
  expectOnly(
    flags,
    (key) => isDrawn || (key !== "batch" && !drawingKeys.includes(key)),
    (flag) => `${flag}: got it with --images, where nothing is drawn`,
  )
  const isOnnx = o.features.endsWith(".onnx")
  expectOnly(
    flags,
    (key) => (isOnnx ? key !== "lenetSteps" : !onnxKeys.includes(key)),
    (flag) => `${flag}: got it with --features ${o.features}, expected it with ${isOnnx ? "a LeNet" : "an .onnx file"}`,
  )
  const voice = new Voice(o.json)
  const { config, experiment, step } = await loadRun(folder, { at: o.at, voice })
  if (experiment.shape.length !== 3)
    throw new MisuseError(
      `--metric: got ${words.join(",")} for samples [${experiment.shape.join(", ")}], expected images`,
    )
  if (experiment.given !== undefined)
    throw new MisuseError(
      `--metric: got ${words.join(",")}, a run of ${config.recipe} like this is judged by ${experiment.metrics.join(" or ")}`,
    )
  const read = (part: () => Promise<Dataset>): Promise<Dataset> =>
    part().catch((error: Error) => {
      throw new MisuseError(error.message)
    })
  const heldOut = (): Promise<Dataset> => experiment.heldOut(o.dataDir)
  const data = await read(o.against === "train" ? () => imagesOf(experiment) : heldOut)
  const { reference, floor } = await partsOf(data, o)

  const metrics = measuresOf(words)
  const request = { ...samplerOptions({ ...o }), ...guidanceOf(o, o.count), count: o.count, seed: o.seed }
  const stop = new Interrupt()
  const { signal } = stop
  const own = `${folder}, step ${step}, ${request.sampler}, ${request.steps ?? experiment.defaultSteps(request.sampler)} steps`
  const drawn = { ...request, signal, ...(o.batch !== undefined && { batch: o.batch }) }
  const stream: ImageStream = isDrawn
    ? ofModel(experiment, own, drawn)
    : floor !== undefined
      ? ofDataset(floor, `${data.name} itself, ${o.against}, not among the reference`)
      : await ofFiles(o.images!, experiment.shape, flags["count"] === undefined ? undefined : o.count)
  expectEnough(metrics, { "--count": stream.count, "--against-count": reference.length })
  // What the model cannot be asked for is told before work begins.
  if (isDrawn) await experiment.sample(drawn).return(undefined)
  stop.listen()
  const began = performance.now()
  let isStopped = false
  try {
    const network = await featuresFor({ folder, experiment }, o, heldOut, { voice, signal })
    try {
      await tried(network, experiment.shape, metrics, o.features)
      const set = async (what: string, { name, count, images }: ImageStream, isReference: boolean) => {
        const bar = new Progress(what, count)
        const told = (done: number): void => {
          if (voice.isJson) voice.tell({ event: "progress", what, done, count })
          else bar.update(done)
        }
        try {
          return await readSet(name, images(told), { metrics, network, isReference, signal })
        } finally {
          if (!voice.isJson) bar.end()
        }
      }
      const real = await set("reference", ofDataset(reference, `${data.name}, ${o.against}`), true)
      const made = await set(isDrawn ? "samples" : "images", stream, false)
      const all = await evaluateSets(made, real, { metrics, seed: o.seed, signal })
      const reports = all.filter((report) => isAsked(words, report))
      const seconds = (performance.now() - began) / 1000
      for (const report of reports) voice.tell({ event: "measure", ...report })
      const asked = isDrawn ? { step, sampler: request.sampler, steps: request.steps ?? null } : { images: o.images }
      voice.tell({ event: "done", recipe: config.recipe, metric: words, ...asked, source: stream.name, seconds })
      if (!o.json) process.stdout.write(measureTable(reports, stream.name))
    } finally {
      await network.dispose()
    }
  } catch (error) {
    if (!signal.aborted) throw error
    isStopped = true
    voice.always("stopped: nothing was measured", { event: "stopped" })
  } finally {
    stop.release()
  }
  return isStopped ? 130 : 0
}
