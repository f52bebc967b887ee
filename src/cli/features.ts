/** What generated images are measured in: a LeNet of the recipe's own classes, a user's network, or pixels. */
import { readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { z } from "zod"
import { type Dataset, take } from "../data/dataset.ts"
import { loader } from "../data/loader.ts"
import { toNumbers } from "../engine/array.ts"
import { writeFileAtomic } from "../io/atomic.ts"
import { readSafetensors, writeSafetensors } from "../io/safetensors.ts"
import { type LeNet, lenetFeatures, lenetFrom } from "../metrics/lenet.ts"
import { type FeatureNetwork, pixels } from "../metrics/network.ts"
import { onnxFeatures } from "../metrics/onnx.ts"
import { stateDict } from "../nn/module.ts"
import { trainLeNet } from "../recipes/lenet.ts"
import { grouped, whole } from "../recipes/options.ts"
import type { Experiment } from "../recipes/recipe.ts"
import { MisuseError } from "./flags.ts"
import { Progress } from "./progress.ts"
import type { Voice } from "./voice.ts"

const perChannel = z.array(z.number()).min(1).max(65_536)

/** Options of features. */
export const featureOptions = grouped("What they are measured in:", {
  features: z
    .string()
    .default("lenet")
    .describe(
      "what images are measured in: lenet, trained once on the data and kept in the run folder; a folder to keep it in, for several runs; a .safetensors file of one; an .onnx file; or pixels",
    ),
  lenetSteps: whole(1, 1_000_000)
    .optional()
    .describe("updates of that LeNet (default: five epochs of at most 60,000 images)"),
  featureOutput: z.string().optional().describe("onnx: the output that holds the features (default: the first)"),
  featureLogits: z.string().optional().describe("onnx: the output that holds logits of classes, which `is` needs"),
  featureRange: z
    .array(z.number())
    .length(2)
    .optional()
    .describe("onnx: what black and white are to it, before mean and deviation (default: -1,1)"),
  featureMean: perChannel.optional().describe("onnx: what it has subtracted, one number or one a channel"),
  featureStd: perChannel.optional().describe("onnx: what it has divided by, the same"),
  featureResize: z
    .boolean()
    .default(false)
    .describe("onnx: resize images to the size it asks for; numbers depend on it"),
})

/** Flags of ONNX files. */
export const onnxKeys = ["featureOutput", "featureLogits", "featureRange", "featureMean", "featureStd", "featureResize"]

type FeatureFlags = z.output<z.ZodObject<typeof featureOptions>>

/** Features of a network that can be let go. */
export type Features = FeatureNetwork & { dispose(): Promise<void> }

/** Most images that a LeNet is trained on. */
const most = 60_000

/** What a features flag means: an ONNX file, pixels, or the file of a LeNet and whether it may be made. */
async function placeOf(folder: string, features: string): Promise<{ readonly file: string; readonly isMade: boolean }> {
  if (features === "lenet") return { file: join(folder, "lenet.safetensors"), isMade: true }
  const found = await stat(features).catch((error: NodeJS.ErrnoException) => {
    const cure = error.code === "ENOENT" ? "expected lenet, pixels, a folder that is there, .safetensors or .onnx" : ""
    throw new MisuseError(`--features ${features}: ${cure || `cannot be read (${error.code})`}`)
  })
  if (found.isDirectory()) return { file: join(features, "lenet.safetensors"), isMade: true }
  if (features.endsWith(".safetensors") || features.endsWith(".onnx")) return { file: features, isMade: false }
  throw new MisuseError(`--features ${features}: expected lenet, pixels, a folder, a .safetensors or an .onnx file`)
}

async function bytesOf(file: string): Promise<Uint8Array> {
  return new Uint8Array(
    await readFile(file).catch((error: NodeJS.ErrnoException) => {
      throw new MisuseError(`--features ${file}: cannot be read (${error.code})`)
    }),
  )
}

/** An error of a file, in one line that names it. */
async function of<T>(file: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    throw new MisuseError(`--features ${file}: ${(cause as Error).message}`, { cause })
  }
}

const single = (list: readonly number[]): number | readonly number[] => (list.length === 1 ? list[0] : list)

/** What to do with a training that takes a while. */
interface Watch {
  readonly voice: Voice
  readonly signal: AbortSignal
}

/** The network that a run's images are measured in; a LeNet that is not there yet is trained. */
export async function featuresFor(
  { folder, experiment }: { readonly folder: string; readonly experiment: Experiment },
  {
    features,
    lenetSteps,
    featureOutput,
    featureLogits,
    featureRange,
    featureMean,
    featureStd,
    featureResize,
  }: FeatureFlags,
  heldOut: (() => Promise<Dataset>) | undefined,
  watch: Watch,
): Promise<Features> {
  if (features === "pixels") return { ...pixels, dispose: async () => {} }
  const { file, isMade } = await placeOf(folder, features)
  if (file.endsWith(".onnx")) {
    const bytes = await bytesOf(file)
    return of(file, () =>
      onnxFeatures(bytes, {
        ...(featureOutput !== undefined && { output: featureOutput }),
        ...(featureLogits !== undefined && { logits: featureLogits }),
        ...(featureRange !== undefined && { range: [featureRange[0], featureRange[1]] as const }),
        ...(featureMean !== undefined && { mean: single(featureMean) }),
        ...(featureStd !== undefined && { std: single(featureStd) }),
        ...(featureResize && { resize: "bilinear" as const }),
      }),
    )
  }
  const isThere = await stat(file).then(
    () => true,
    () => false,
  )
  if (isMade && !isThere) return lenetFeatures(await made(file, experiment, lenetSteps, heldOut, watch))
  const bytes = await bytesOf(file)
  const { tensors, metadata } = await of(file, () => readSafetensors(bytes))
  if (lenetSteps !== undefined && metadata["steps"] !== String(lenetSteps))
    throw new MisuseError(
      `--lenet-steps: got ${lenetSteps}, but ${file} is there, of ${metadata["steps"] ?? "unknown"} updates (remove it, or name another folder)`,
    )
  return lenetFeatures(await of(file, () => lenetFrom(tensors)))
}

/** The images that an experiment trains on, be it on something made of them. */
export function imagesOf(
  experiment: Pick<Experiment, "data" | "images">,
  say?: (line: string) => void,
): Promise<Dataset> {
  return experiment.images?.(say) ?? experiment.data(say)
}

/** Trains a LeNet on a recipe's data and keeps it. */
async function made(
  file: string,
  experiment: Experiment,
  lenetSteps: number | undefined,
  heldOut: (() => Promise<Dataset>) | undefined,
  { voice, signal }: Watch,
): Promise<LeNet> {
  const all = await imagesOf(experiment, (line) => voice.say(line, { event: "data", message: line })).catch(
    (error: Error) => {
      throw new MisuseError(`${error.message} (the LeNet is trained on them; or name --features)`)
    },
  )
  const data = all.length > most ? take(all, most) : all
  const [channels, height, width] = data.shape
  if (data.classes === undefined || height !== width || height % 4 !== 0)
    throw new MisuseError(
      `--features: got lenet, which needs labelled square images with sides in multiples of 4, and ${data.name} has ${data.classes === undefined ? "no labels" : `[${channels}, ${height}, ${width}]`} (name an .onnx file, or pixels)`,
    )
  const batch = Math.min(128, data.length)
  const epochs = lenetSteps === undefined ? 5 : lenetSteps / Math.floor(data.length / batch)
  const { network, steps, training } = trainLeNet(data, { batch, epochs, signal })
  const bar = new Progress("lenet", steps)
  try {
    for await (const { step, loss } of training) if (!voice.isJson) bar.update(step, `loss ${loss.toFixed(3)}`)
  } finally {
    bar.end()
    await training.dispose()
  }
  const test = await heldOut?.().catch(() => undefined)
  const right = test?.classes === data.classes ? await accuracyOf(network, test!) : undefined
  const metadata = {
    data: data.name,
    images: String(data.length),
    steps: String(steps),
    ...(right !== undefined && { accuracy: right.share.toFixed(4) }),
  }
  await writeFileAtomic(file, writeSafetensors(await stateDict(network), metadata))
  const judged =
    right === undefined ? "" : `: ${(100 * right.share).toFixed(2)} % of ${right.count} held-out images right`
  voice.say(`${file}${judged}`, { event: "lenet", file, ...metadata })
  return network
}

/** How many of at most 10,000 images a LeNet tells the class of. */
async function accuracyOf(network: LeNet, data: Dataset): Promise<{ readonly share: number; readonly count: number }> {
  const judge = await lenetFeatures(network)
  const part = data.length > 10_000 ? take(data, 10_000) : data
  let right = 0
  try {
    const batches = loader(part, { batch: 128, shuffle: false, dropLast: false })
    for (const { x, y } of batches.epoch()) {
      const odds = toNumbers((await judge.read(x)).probabilities as typeof x)
      const classes = odds.length / x.shape[0]
      for (let i = 0; i < x.shape[0]; i++) {
        const row = odds.subarray(i * classes, (i + 1) * classes)
        if (row.indexOf(Math.max(...row)) === Number(y!.data[i])) right++
      }
    }
  } finally {
    await judge.dispose()
  }
  return { share: right / part.length, count: part.length }
}
