/** `tweedie classify`: which class makes images likeliest, by a run that was trained with labels. */
import { z } from "zod"
import type { ClassifyStep } from "../diffusion/classify.ts"
import type { NdArray } from "../engine/array.ts"
import { configure } from "../engine/runtime.ts"
import { whole } from "../recipes/options.ts"
import { readSamples } from "./arrays.ts"
import { expectOnly } from "./draw.ts"
import { MisuseError, readOptions } from "./flags.ts"
import { heldOutOf } from "./given.ts"
import { Interrupt } from "./interrupt.ts"
import { checkpointOption, dataOption, engineOption, seedOption } from "./options.ts"
import { Progress } from "./progress.ts"
import { loadRun } from "./runs.ts"

/** Options of the verb. */
export const classifyOptions = z.strictObject({
  count: whole(1, 10_000_000).default(100).describe("held-out samples to judge on, where no images are named"),
  draws: whole(1, 100_000).default(16).describe("pairs of a time and noise in each round, shared by the classes"),
  rounds: whole(1, 10_000).default(8).describe("rounds, at most; after each, classes far behind are left out"),
  margin: z
    .number()
    .min(0)
    .default(5)
    .describe("nats behind the best, beyond three standard errors, from which a class is left out"),
  weight: z
    .enum(["bound", "uniform"])
    .default("bound")
    .describe("weights of errors: those of the bound, which make chances, or none, which can only rank"),
  from: whole(1, 100_000)
    .optional()
    .describe("first time whose term counts; 1 is the whole bound (default: where sigma is half the signal)"),
  batch: whole(1, 65_536).optional().describe("evaluations made at once"),
  ...seedOption("times and noise"),
  ...dataOption,
  ...checkpointOption,
  ...engineOption,
  json: z.boolean().default(false).describe("one JSON object a line instead of a progress bar and a table"),
})

/** Runs the verb: on images of a file, or on held-out data, whose labels are known. Resolves to the exit code. */
export async function classifyRun(
  folder: string,
  images: string | undefined,
  flags: Readonly<Record<string, unknown>>,
): Promise<number> {
  const o = readOptions(classifyOptions, flags)
  if (o.threads !== undefined) configure({ threads: o.threads })
  if (images !== undefined)
    expectOnly(
      flags,
      (key) => key !== "count" && key !== "dataDir",
      (flag) => `${flag}: got it with images ${images}, expected it where held-out data are judged on`,
    )
  const { config, experiment, step } = await loadRun(folder, { at: o.at })
  if (experiment.classes === 0)
    throw new MisuseError(`${folder}: the run was trained without labels, expected one trained with --labels`)
  let x: NdArray
  let truth: NdArray<"int32"> | undefined
  if (images !== undefined) x = await readSamples("images", images, experiment.shape)
  else {
    const batch = await heldOutOf(experiment, o)
    x = batch.x
    truth = batch.y
  }
  const stop = new Interrupt()
  stop.listen()
  const bar = new Progress("classify", x.shape[0])
  const began = performance.now()
  let found: ClassifyStep | undefined
  try {
    const { draws, rounds, margin, weight, from, batch, seed } = o
    const options = {
      draws,
      rounds,
      margin,
      weight,
      seed,
      ...(from !== undefined && { from }),
      ...(batch !== undefined && { batch }),
    }
    for await (const at of experiment.classify(x, { ...options, signal: stop.signal })) {
      found = at
      const { done, count, evaluations } = at
      if (o.json) process.stdout.write(`${JSON.stringify({ event: "progress", done, count, evaluations })}\n`)
      else bar.update(done, `${Math.round(evaluations)} evaluations each`)
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    stop.release()
    if (!o.json) bar.end()
  }
  if (found !== undefined) {
    const seconds = (performance.now() - began) / 1000
    const right = truth && rightOf(found, truth)
    if (o.json) {
      const record = { recipe: config.recipe, step, ...o, json: undefined, dataDir: undefined, threads: undefined }
      const { labels, chances, evaluations, done } = found
      const rows = { labels: [...labels], chances: [...chances.data] }
      process.stdout.write(
        `${JSON.stringify({ event: "done", ...record, count: done, evaluations, ...(right !== undefined && { accuracy: right / done }), seconds, ...rows })}\n`,
      )
    } else process.stdout.write(right === undefined ? table(found) : summary(found, right))
  }
  return stop.signal.aborted ? 130 : 0
}

/** How many classes are right. */
function rightOf({ labels }: ClassifyStep, truth: NdArray<"int32">): number {
  return labels.filter((label, i) => label === truth.data[i]).length
}

/** A line an image: its class and its chance, and the next likeliest. */
function table({ labels, chances, done }: ClassifyStep): string {
  const classes = chances.shape[1]
  const lines = Array.from({ length: done }, (_, i) => {
    const own = chances.data.subarray(i * classes, (i + 1) * classes)
    const order = Array.from(own.keys()).sort((a, b) => own[b] - own[a])
    const next = order[1] === undefined ? "" : `  (${order[1]}: ${own[order[1]].toFixed(4)})`
    return `${i}  ${labels[i]}  ${own[labels[i]].toFixed(4)}${next}`
  })
  return `${lines.join("\n")}\n`
}

function summary({ done, evaluations }: ClassifyStep, right: number): string {
  const share = right / done
  const error = Math.sqrt((share * (1 - share)) / done)
  return `${right} of ${done} right: ${(100 * share).toFixed(2)} ± ${(100 * error).toFixed(2)} %, ${Math.round(evaluations)} evaluations of the network an image\n`
}
