/** `tweedie tune`: a classifier in an ONNX file, fine-tuned on a folder of pictures and written as ONNX again. */
import { readFile } from "node:fs/promises"
import { basename } from "node:path"
import { z } from "zod"
import { type Dataset, dataset, inOrder, split } from "../data/dataset.ts"
import { imageFolder, lookIntoFolder } from "../data/folder.ts"
import { loader } from "../data/loader.ts"
import { array, type NdArray } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { exportOnnx } from "../engine/export.ts"
import { readModel } from "../engine/onnx/read.ts"
import { configure } from "../engine/runtime.ts"
import { isSymbolic } from "../engine/shape.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { writeFileAtomic } from "../io/atomic.ts"
import { crossEntropyLoss } from "../losses/classification.ts"
import { seeded } from "../nn/init.ts"
import { parameterCount, variables } from "../nn/module.ts"
import { ImportedClassifier } from "../nn/transfer.ts"
import { adamW } from "../optim/adam.ts"
import { lrCosine } from "../optim/curves.ts"
import { grouped, whole } from "../recipes/options.ts"
import { train } from "../train/loop.ts"
import { MisuseError, readOptions } from "./flags.ts"
import { Interrupt } from "./interrupt.ts"
import { engineOption, seedOption } from "./options.ts"
import { Progress } from "./progress.ts"
import { lineOf, Voice } from "./voice.ts"

/** Options of the verb. */
export const tuneOptions = z.strictObject({
  out: z.string().optional().describe("file to write (default: the model's name with -tuned, in this folder)"),
  ...seedOption("the new layer, the held-out share and the order"),
  ...engineOption,
  json: z.boolean().default(false).describe("one JSON object a line instead of a progress bar"),
  ...grouped("Pictures:", {
    dataDir: z.string().describe("folder of pictures, one sub-folder a class, in the order of their names"),
    holdout: z.number().gt(0).lt(1).default(0.1).describe("share of the pictures that are only judged on"),
    mean: z
      .array(z.number())
      .default([0.5])
      .describe("what the network expects taken off pixels in [0, 1], by channel"),
    std: z.array(z.number().positive()).default([0.5]).describe("and what it expects them divided by then"),
    size: whole(1, 4096).optional().describe("height and width of pictures, where the file leaves them open"),
    skipBroken: z.boolean().default(false).describe("pass over pictures that cannot be read"),
  }),
  ...grouped("Training:", {
    train: z
      .enum(["head", "all"])
      .default("head")
      .describe("what is trained: the last layer on the features as they are, or every layer"),
    keepHead: z
      .boolean()
      .default(false)
      .describe("go on with the file's own last layer, whose classes are the folder's"),
    cut: z.string().optional().describe("value of the file that a new last layer takes (default: what its own takes)"),
    epochs: whole(1, 100_000).default(5).describe("times that every picture is trained on"),
    steps: whole(1, 2 ** 31 - 1)
      .optional()
      .describe("updates to make, in place of epochs"),
    batch: whole(1, 65_536).default(32).describe("pictures an update"),
    lr: z.number().positive().max(10).default(1e-3).describe("learning rate at first; it falls to 0 as a cosine"),
  }),
})

type Options = z.output<typeof tuneOptions>

/** Features of at most so many bytes are computed once and kept, when only the last layer is trained. */
const keptBytes = 2 ** 30

/** Runs the verb. Resolves to the exit code. */
export async function tune(path: string, flags: Readonly<Record<string, unknown>>): Promise<number> {
  const o = readOptions(tuneOptions, flags)
  if (o.threads !== undefined) configure({ threads: o.threads })
  const out = o.out ?? `${basename(path).replace(/\.onnx$/i, "")}-tuned.onnx`
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new MisuseError(`${path}: cannot be read (${error.code})`)
  })
  const broken = o.skipBroken ? "skip" : "refuse"
  const { labels } = await lookIntoFolder(o.dataDir, { broken })
  if (labels.length < 2)
    throw new MisuseError(`--data-dir ${o.dataDir}: got no sub-folders, expected one for each class`)
  const model = named(path, () => openModel(bytes, labels.length, o))
  const [, channels, height, width] = model.input.shape
  const data = await imageFolder(o.dataDir, { size: [height, width], channels: channels as 1 | 3, broken })
  const parts = split(data, { validation: o.holdout, seed: o.seed })
  const normal = normaliser(o, channels)
  if (o.train === "head") for (const v of model.trunk.values()) v.trainable = false

  const voice = new Voice(o.json)
  const trained = parameterCount(model)
  if (trained === 0) throw new MisuseError(`${path}: there are no parameters to train (with --train ${o.train})`)
  voice.say(
    `${labels.length} classes, ${parts.train.length} pictures to train on, ${parts.validation.length} held out; ${trained.toLocaleString("en")} parameters train on ${model.width} features (${model.cut})`,
    {
      event: "start",
      labels,
      trained,
      pictures: parts.train.length,
      heldOut: parts.validation.length,
      cut: model.cut,
      width: model.width,
    },
  )
  const stop = new Interrupt()
  stop.listen()
  const began = performance.now()
  try {
    const before = o.keepHead ? await accuracyOf(model, normal, parts.validation, o, stop.signal) : undefined
    if (before !== undefined) voice.say(`before: ${percent(before)} held out`, { event: "before", accuracy: before })
    await learn(model, normal, parts.train, o, stop.signal)
    const accuracy = await accuracyOf(model, normal, parts.validation, o, stop.signal)
    const file = await exportOnnx((x: Tensor) => model.answer(x), [model.input], {
      inputNames: [model.input.name],
      outputNames: [model.output],
      variables: variables(model),
      metadata: { ...Object.fromEntries(model.metadata), labels: JSON.stringify(labels) },
    })
    await writeFileAtomic(out, file)
    const seconds = (performance.now() - began) / 1000
    voice.say(`${percent(accuracy)} of ${parts.validation.length} held-out pictures right; wrote ${out}`, {
      event: "done",
      accuracy,
      seconds,
      out,
    })
    return 0
  } catch (error) {
    if (!stop.signal.aborted) throw error
    voice.say("stopped; nothing was written", { event: "stopped" })
    return 130
  } finally {
    stop.release()
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`

/** What goes wrong with a file of the user's, with its name. */
function named<R>(path: string, open: () => R): R {
  try {
    return open()
  } catch (error) {
    throw new MisuseError(`${path}: ${lineOf(error)}`, { cause: error })
  }
}

function openModel(bytes: Uint8Array, classes: number, o: Options): ImportedClassifier {
  const { graph } = readModel(bytes)
  const given = graph.inputs.find((v) => !graph.initializers.has(v.name))
  const [, channels = 3, ...open] = given?.shape ?? []
  const sizes: Record<string, number> = {}
  if (typeof channels === "string") sizes[channels] = 3
  for (const name of open) {
    if (typeof name !== "string") continue
    if (o.size === undefined) throw new MisuseError(`leaves the size ${JSON.stringify(name)} open (give --size)`)
    sizes[name] = o.size
  }
  const model = seeded(
    o.seed,
    () =>
      new ImportedClassifier(bytes, {
        ...(!o.keepHead && { classes }),
        ...(o.cut !== undefined && { cut: o.cut }),
        sizes,
      }),
  )
  const { name, dtype, shape } = model.input
  const isImage = shape.length === 4 && [1, 3].includes(shape[1]) && shape.slice(1).every((n) => !isSymbolic(n))
  if (dtype !== "float32" || !isImage) {
    const got = shape.map((n) => (isSymbolic(n) ? "batch" : n)).join(", ")
    throw new MisuseError(`input ${name} is ${dtype} [${got}], expected float32 [batch, 1 or 3, height, width]`)
  }
  if (model.classes !== classes)
    throw new MisuseError(`--keep-head: the file tells ${model.classes} classes, the folder holds ${classes}`)
  return model
}

/** From [-1, 1], as data sets give pixels, to what the network expects. */
function normaliser({ mean, std }: Options, channels: number): (x: Tensor) => Tensor {
  for (const [flag, list] of [
    ["--mean", mean],
    ["--std", std],
  ] as const) {
    if (list.length !== 1 && list.length !== channels)
      throw new MisuseError(`${flag}: got ${list.length} numbers, expected 1 or ${channels}, one for each channel`)
  }
  const perChannel = (value: (m: number, s: number) => number): NdArray =>
    array(
      "float32",
      [1, channels, 1, 1],
      Float32Array.from({ length: channels }, (_, c) => value(mean[c % mean.length], std[c % std.length])),
    )
  const scale = constant(perChannel((_, s) => 0.5 / s))
  const shift = constant(perChannel((m, s) => (0.5 - m) / s))
  return (x) => x.mul(scale).add(shift)
}

async function accuracyOf(
  model: ImportedClassifier,
  normal: (x: Tensor) => Tensor,
  data: Dataset,
  { batch }: Options,
  signal: AbortSignal,
): Promise<number> {
  const run = compile((x: Tensor) => model.forward(normal(x)))
  let right = 0
  try {
    for await (const { x, y } of inOrder(data, batch)) {
      signal.throwIfAborted()
      const logits = await run(x)
      for (const [i, label] of y!.data.entries()) {
        const own = logits.data.slice(i * model.classes, (i + 1) * model.classes) as Float32Array
        if (own.indexOf(own.reduce((a, b) => Math.max(a, b))) === label) right++
      }
    }
  } finally {
    await run.dispose()
  }
  return right / data.length
}

/** Features of all pictures, for a last layer that is trained on nothing else. */
async function featuresOf(
  model: ImportedClassifier,
  normal: (x: Tensor) => Tensor,
  data: Dataset,
  { batch, json }: Options,
  signal: AbortSignal,
): Promise<Dataset> {
  const features = new Float32Array(data.length * model.width)
  const labels = new Int32Array(data.length)
  const run = compile((x: Tensor) => model.features(normal(x)))
  const bar = new Progress("features", data.length)
  let done = 0
  try {
    for await (const { x, y } of inOrder(data, batch)) {
      signal.throwIfAborted()
      features.set((await run(x)).data as Float32Array, done * model.width)
      labels.set(y!.data, done)
      done += x.shape[0]
      if (!json) bar.update(done)
    }
  } finally {
    if (!json) bar.end()
    await run.dispose()
  }
  return dataset(array("float32", [data.length, model.width], features), array("int32", [data.length], labels), {
    name: "features",
    classes: model.classes,
  })
}

async function learn(
  model: ImportedClassifier,
  normal: (x: Tensor) => Tensor,
  pictures: Dataset,
  o: Options,
  signal: AbortSignal,
): Promise<void> {
  const isKept = o.train === "head" && !o.keepHead && pictures.length * model.width * 4 <= keptBytes
  const data = isKept ? await featuresOf(model, normal, pictures, o, signal) : pictures
  const batches = loader(data, { batch: Math.min(o.batch, data.length), seed: o.seed })
  const steps = o.steps ?? Math.max(1, o.epochs * batches.batches)
  const logitsOf = (x: Tensor): Tensor => (isKept ? model.classify(x) : model.forward(normal(x)))
  const training = train(
    { variables: variables(model), loss: ({ x, y }) => ({ total: crossEntropyLoss(logitsOf(x), y!) }) },
    batches,
    { optimizer: adamW({ lr: lrCosine(o.lr, { steps }) }), ema: null, steps, seed: o.seed, signal },
  )
  const bar = new Progress("tune", steps)
  try {
    for await (const { step, epoch, loss } of training) {
      if (o.json) process.stdout.write(`${JSON.stringify({ event: "step", step, epoch, loss })}\n`)
      else bar.update(step, `loss ${loss.toFixed(4)}`)
    }
  } finally {
    if (!o.json) bar.end()
    await training.dispose()
  }
}
