/** Recipe that denoises latents: an autoencoder, trained before, and a U-Net between its encoder and decoder. */
import { z } from "zod"
import { prepared, range } from "../data/dataset.ts"
import { classify } from "../diffusion/classify.ts"
import type { Denoiser } from "../diffusion/denoiser.ts"
import { last, type SampleStep, toImages } from "../diffusion/samplers/sampler.ts"
import type { NdArray } from "../engine/array.ts"
import { seeded } from "../nn/init.ts"
import { freeze, loadStateDict, variables as variablesOf } from "../nn/module.ts"
import type { AutoencoderKL } from "../vae/autoencoder.ts"
import { type Codec, codec } from "../vae/codec.ts"
import { channelSpreads, latents, spreadOf } from "../vae/latents.ts"
import { autoencoderOf, coderOptions, errorOf, exportedCoder, imageShapeOf, imagesOf, sourceOf } from "./autoencoder.ts"
import { type ErrorOptions, type ErrorStep, joined, rowsOf } from "./figures.ts"
import { built, judged, unetOf } from "./model.ts"
import { diffusionOptions, grouped, labelOptions, objectiveOptions, trainingOptions, unetOptions } from "./options.ts"
import { pictureOf } from "./picture.ts"
import type { Experiment, Recipe, SampleRequest } from "./recipe.ts"
import { defaultSteps, exportedDenoiser, exportedSampler, sampled } from "./sampling.ts"
import { classesOf, folderSource } from "./sources.ts"
import { trained } from "./training.ts"

/** Images whose latents tell what they are scaled by. */
const looked = 2048

/** What is kept of an autoencoder's options, and how its latents are scaled. */
const coderSchema = z.strictObject({
  ...coderOptions,
  classNames: folderSource.own!.classNames,
  scalingFactor: z.number().positive().describe("1 / standard deviation of the latents, diffusers' scaling_factor"),
  shiftFactor: z.number().describe("mean of the latents, diffusers' shift_factor"),
})

// What a byte may be says nothing of a latent.
const { pixelPrior: _, ...network } = unetOptions

const schema = z.strictObject({
  ...trainingOptions,
  ...diffusionOptions,
  ...objectiveOptions,
  ...labelOptions,
  ...network,
  steps: trainingOptions.steps.default(4500),
  batch: trainingOptions.batch.default(64),
  lr: trainingOptions.lr.default(1e-3),
  ema: trainingOptions.ema.default(0.999),
  width: unetOptions.width.default(64),
  multipliers: unetOptions.multipliers.default([1, 2, 2]),
  patch: unetOptions.patch.default(1),
  ...grouped("Latents:", {
    autoencoder: z
      .string()
      .optional()
      .describe("run of the recipe autoencoder; its weights are copied, and the run is not needed again"),
    cache: z.number().min(0).max(1_000_000).default(1024).describe("megabytes of latents kept in memory"),
  }),
  coder: coderSchema.optional().describe("what that run's autoencoder is"),
})
type Options = z.output<typeof schema>

/** Latent diffusion of images. */
export const latent: Recipe = {
  name: "latent",
  doc: "images by way of an autoencoder's latents: --autoencoder <run of the recipe autoencoder>",
  options: schema,
  complete: async (all) => {
    const o = all as unknown as Options
    if (o.coder !== undefined) return o as never
    const { readRun } = await import("../train/run.ts")
    const run = runOf(o)
    const config = await readRun(run)
    if (config.recipe !== "autoencoder")
      throw new RangeError(`--autoencoder ${run}: a run of the recipe ${config.recipe}, expected one of autoencoder`)
    const kept = Object.entries(config.options).filter(([key]) => key in coderOptions)
    const plain = z.strictObject(coderOptions).parse(Object.fromEntries(kept))
    const named = { ...plain, ...(o.dataDir !== undefined && { dataDir: o.dataDir }) }
    const coder = { ...named, ...(await sourceOf(named).complete?.({ ...named, labels: o.labels })) }
    const network = autoencoderOf("latent", coder, { batch: o.batch })
    await loadCoder(network, run)
    const images = await imagesOf(coder).data()
    const { x } = await prepared(images, range(Math.min(looked, images.length)))
    const { mean, std } = spreadOf(await withCodec(network, (program) => program.encode(x)))
    return { ...o, coder: { ...coder, scalingFactor: 1 / std, shiftFactor: mean } } as never
  },
  build: (all) => build(all as unknown as Options),
}

function runOf({ autoencoder }: Options): string {
  if (autoencoder === undefined)
    throw new RangeError(
      "latent: which autoencoder? give --autoencoder <run>, made by `tweedie train --recipe autoencoder`",
    )
  return autoencoder
}

/** Gives an autoencoder the weights of a run. */
async function loadCoder(network: AutoencoderKL, run: string): Promise<void> {
  const { loadWeights } = await import("../train/weights.ts")
  await loadStateDict(network, (await loadWeights(run)).values)
}

function build(o: Options): Experiment {
  const { coder } = o
  if (coder === undefined) return runOf(o) as never
  const shape = imageShapeOf(coder)
  const own = sourceOf(coder)
  const classes = o.labels ? classesOf(own, coder) : 0
  const network = seeded(coder.seed, () =>
    autoencoderOf("latent", coder, { batch: o.batch, scale: coder.scalingFactor, shift: coder.shiftFactor }),
  )
  freeze(network)
  const { latentChannels } = network.options
  const unet = seeded(o.seed, () =>
    unetOf("latent", o, {
      shape: [latentChannels, shape[1] / network.factor, shape[2] / network.factor],
      classes,
    }),
  )
  const { model, objective, variables } = built(unet, o, { classes, labelDropout: o.labelDropout, clip: null })
  const coderVariables = [...variablesOf(network)].map(([name, v]) => [`autoencoder.${name}`, v] as const)
  const images = imagesOf({ ...coder, ...(o.dataDir !== undefined && { dataDir: o.dataDir }) })
  const { encoder, decoder } = exportedCoder(network, shape, "latent")
  const refuse = (what: string) => (): never => {
    throw new RangeError(`${what}: likelihoods of latents say nothing of images (give --metric error)`)
  }
  return {
    ...judged(model, classes),
    model,
    variables: new Map([...variables, ...coderVariables]),
    objective: {
      variables: new Map([...objective.variables, ...coderVariables]),
      loss: (batch) => objective.loss(batch),
    },
    ...trained(o),
    begin: () => loadCoder(network, runOf(o)),
    data: async (say) =>
      latents(await images.data(say), network, {
        flip: own.augmented !== undefined && coder.flip,
        seed: o.seed,
        cacheBytes: o.cache * 1e6,
      }),
    images: images.data,
    heldOut: images.heldOut,
    defaultSteps: (sampler) => defaultSteps(model, sampler),
    sample: (request) => drawn(model, network, request, classes),
    shape,
    metrics: ["error"],
    bound: refuse("bpd"),
    likelihood: refuse("flow"),
    error: (x, options) => judgedBySamples(model, network, x, { ...options, classes }),
    classify: (x, options) => classified(model, network, x as NdArray<"float32">, { ...options, classes }),
    previewCount: 64,
    picture: pictureOf,
    get exported() {
      return exportedDenoiser(model, "latent", { classes })
    },
    parts: { encoder, decoder },
    exportedSampler: (request) =>
      exportedSampler(model, request, "latent", { classes, decode: (z) => decoder.call(z) }),
  }
}

/** Does something with an autoencoder's programs, and frees them. */
async function withCodec<R>(
  network: AutoencoderKL,
  use: (program: Codec) => Promise<R>,
  options?: Parameters<typeof codec>[1],
): Promise<R> {
  const program = codec(network, options)
  try {
    return await use(program)
  } finally {
    await program.dispose()
  }
}

/** Samples of latents, the last step's images decoded; what they begin with is encoded. */
async function* drawn(
  model: Denoiser,
  network: AutoencoderKL,
  request: SampleRequest,
  classes: number,
): AsyncGenerator<SampleStep> {
  const { start, inpaint, count } = request
  if (inpaint) throw new RangeError("known: a model of latents knows no pixels to keep")
  const coded = start && { ...start, x: await withCodec(network, (program) => program.encode(start.x)) }
  for await (const step of sampled(model, { ...request, ...(coded && { start: coded }) }, { classes }))
    if (step.step < step.steps) yield step
    else {
      const batch = Math.min(64, count)
      const y = await withCodec(network, (program) => program.decode(step.x), { batch })
      yield { ...step, images: toImages(y) }
    }
}

/** Which class makes latents of images likeliest. */
async function* classified(
  model: Denoiser,
  network: AutoencoderKL,
  x: NdArray<"float32">,
  options: Parameters<typeof classify>[2],
): ReturnType<typeof classify> {
  if (!(options.classes > 0))
    throw new RangeError("classify: the model was not trained with labels (train it with --labels)")
  const z = await withCodec(network, (program) => program.encode(x))
  yield* classify(model, z, { ...options, bins: null })
}

/** Errors of the autoencoder, which no sample of the model can undo, then samples' latents beside those of images. */
async function* judgedBySamples(
  model: Denoiser,
  network: AutoencoderKL,
  x: NdArray<"float32">,
  { classes, seed = 0, signal }: ErrorOptions & { readonly classes: number },
): AsyncGenerator<ErrorStep> {
  const [count] = x.shape
  let figures: Readonly<Record<string, number>> = {}
  for await (const step of errorOf(network, x, signal ? { signal } : {})) figures = step.figures
  const encoded = await withCodec(network, (program) => program.encode(x))
  const made: Float32Array[] = []
  for (let start = 0; start < count; start += 64) {
    const rows = Math.min(64, count - start)
    const steps = Math.min(50, model.process.steps)
    const request = { count: rows, sampler: "ddim", steps, seed: seed + start, batch: Math.min(64, count) } as const
    const { x: z } = await last(sampled(model, { ...request, ...(signal && { signal }) }, { classes }))
    made.push(z.data)
    const done = start + rows
    const [seen, drawn] = [rowsOf(encoded, 0, done), { ...z, shape: [done, ...model.shape], data: joined(made) }]
    const [of, by] = [seen, drawn].map((z) => channelSpreads(z))
    const apart = (key: "mean" | "std"): number => Math.max(...of.map((c, k) => Math.abs(c[key] - by[k][key])))
    const [whole, own] = [spreadOf(seen), spreadOf(drawn)]
    yield {
      done,
      count,
      figures: {
        ...figures,
        "latents' mean": whole.mean,
        "latents' std": whole.std,
        "samples' mean": own.mean,
        "samples' std": own.std,
        "means of a channel apart, at most": apart("mean"),
        "stds of a channel apart, at most": apart("std"),
      },
    }
  }
}
