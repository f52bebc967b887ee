/** Recipe that trains the autoencoder of latent diffusion, its first stage. */
import { z } from "zod"
import type { Dataset } from "../data/dataset.ts"
import { type SampleStep, toImages } from "../diffusion/samplers/sampler.ts"
import type { NdArray } from "../engine/array.ts"
import { batchSize } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import { seeded } from "../nn/init.ts"
import { variables } from "../nn/module.ts"
import { AutoencoderKL } from "../vae/autoencoder.ts"
import { codec } from "../vae/codec.ts"
import { spreadOf } from "../vae/latents.ts"
import { reconstruction } from "../vae/objective.ts"
import { type ErrorOptions, type ErrorStep, ImageError, joined, rowsOf } from "./figures.ts"
import { expectFits, expectGroups, grouped, trainingOptions, whole } from "./options.ts"
import { pictureOf } from "./picture.ts"
import type { Experiment, Exported, Recipe, SampleRequest } from "./recipe.ts"
import {
  cifarSource,
  type FolderSourceOptions,
  fashionSource,
  folderSource,
  glyphSource,
  type ImageShape,
  type ImageSource,
  mnistSource,
  type Part,
  shapeOf,
} from "./sources.ts"
import { trained } from "./training.ts"

/** The sets of images that an autoencoder may be trained on. */
const sources: Readonly<Record<string, ImageSource<FolderSourceOptions>>> = Object.fromEntries(
  [cifarSource, folderSource, mnistSource, fashionSource, glyphSource].map((s) => [s.name, s as never]),
)

const { size, colour, shift, skipBroken, cache, flip } = folderSource.own!

/** Options that say which images, and what the network is. */
export const coderOptions = {
  ...grouped("Data:", {
    data: z
      .enum(["cifar10", "images", "mnist", "fashion", "glyphs"])
      .default("cifar10")
      .describe("which images; images are your own, from --data-dir"),
    size,
    colour,
    flip,
    shift,
    skipBroken,
    cache,
  }),
  dataDir: trainingOptions.dataDir,
  seed: trainingOptions.seed,
  ...grouped("Network:", {
    width: whole(1, 4096).default(32).describe("channels of the first level"),
    multipliers: z
      .array(whole(1, 64))
      .min(1)
      .max(6)
      .default([1, 2])
      .describe("channels of each level, as multiples of the width; all but the last halve the size"),
    latentChannels: whole(1, 256).default(4).describe("channels of the latents"),
    layers: whole(1, 16).default(1).describe("residual blocks a level of the encoder; one more in the decoder"),
    groups: whole(1, 256).default(8).describe("groups of the normalisations"),
    attention: z.boolean().default(false).describe("attention in the middle"),
  }),
}

/** Those options, filled in. */
export type CoderOptions = z.output<z.ZodObject<typeof coderOptions>>

const schema = z.strictObject({
  ...trainingOptions,
  ...coderOptions,
  steps: trainingOptions.steps.default(3000),
  batch: trainingOptions.batch.default(64),
  lr: trainingOptions.lr.default(2e-3),
  ema: trainingOptions.ema.default(0.999),
  ...grouped("What is made small:", {
    kl: z
      .number()
      .min(0)
      .max(1e3)
      .default(1e-3)
      .describe(
        "weight of the latents' divergence from the standard normal: twice the variance of noise in the images",
      ),
  }),
})

/** The set of images that options name. */
export function sourceOf(o: Pick<CoderOptions, "data">): ImageSource<FolderSourceOptions> {
  return sources[o.data]
}

/** Shape of those images. */
export function imageShapeOf(o: CoderOptions): ImageShape {
  return shapeOf(sourceOf(o), o)
}

/**
 * The autoencoder that options ask for.
 *
 * @throws RangeError when it is too large, or does not divide the images.
 */
export function autoencoderOf(
  name: string,
  o: CoderOptions,
  { batch, scale = 1, shift = 0 }: { readonly batch: number; readonly scale?: number; readonly shift?: number },
): AutoencoderKL {
  const [channels, height, width] = imageShapeOf(o)
  const { multipliers, layers, groups } = o
  const parameters = multipliers.reduce((n, m) => n + 18 * (2 * layers + 3) * (m * o.width) ** 2, 0)
  expectFits(name, parameters, batch * height * width * o.width * multipliers[0])
  expectGroups(name, o)
  const factor = 2 ** (multipliers.length - 1)
  if (height % factor > 0 || width % factor > 0)
    throw new RangeError(
      `${name}: size ${height} by ${width} cannot be halved ${multipliers.length - 1} times (fewer --multipliers)`,
    )
  return new AutoencoderKL({
    channels,
    latentChannels: o.latentChannels,
    widths: multipliers.map((m) => m * o.width),
    layers,
    groups,
    midAttention: o.attention,
    scale,
    shift,
  })
}

/** The images that an autoencoder's options name, as data to train on and to judge by. */
export function imagesOf<O extends CoderOptions>(o: O): Pick<Experiment, "data" | "heldOut"> {
  const source = sourceOf(o)
  const read = (options: O, part: Part): Promise<Dataset> => source.data(options, part)
  return {
    data: (say) => read(o, { split: "train", isNamed: true, ...(say && { say }) }),
    heldOut: (dataDir) =>
      read({ ...o, ...(dataDir !== undefined && { dataDir }) }, { split: "test", isNamed: dataDir !== undefined }),
  }
}

/** Encoder and decoder as files: images to scaled latents, and such latents to images. */
export function exportedCoder(network: AutoencoderKL, shape: ImageShape, recipe: string): Record<string, Exported> {
  const { latentChannels, scale, shift } = network.options
  const [channels, height, width] = shape
  const small = [latentChannels, height / network.factor, width / network.factor]
  const metadata = {
    "tweedie.recipe": recipe,
    "tweedie.scaling_factor": String(scale),
    "tweedie.shift_factor": String(shift),
    "tweedie.latents": "z = (mean of the encoder - shift_factor) scaling_factor; images are in [-1, 1]",
  }
  return {
    encoder: {
      inputs: [{ name: "x", dtype: "float32", shape: [batchSize, channels, height, width] }],
      output: "z",
      call: (x: Tensor) => network.scaled(network.encode(x).mode()),
      metadata,
    },
    decoder: {
      inputs: [{ name: "z", dtype: "float32", shape: [batchSize, ...small] }],
      output: "x",
      call: (z: Tensor) => network.decode(network.unscaled(z)),
      metadata,
    },
  }
}

/** Autoencoder of images: what latent diffusion begins with. */
export const autoencoder: Recipe = {
  name: "autoencoder",
  doc: "images to small maps of latents and back, for the recipe latent: --data cifar10, images, mnist, ...",
  options: schema,
  complete: async (all) => {
    const o = all as unknown as z.output<typeof schema>
    return { ...all, ...(await sourceOf(o).complete?.(o)) } as never
  },
  build: (all) => {
    const o = all as unknown as z.output<typeof schema>
    const shape = imageShapeOf(o)
    const network = seeded(o.seed, () => autoencoderOf("autoencoder", o, { batch: o.batch }))
    const { augmented } = sourceOf(o)
    const refuse = (what: string) => (): never => {
      throw new RangeError(`${what}: an autoencoder only makes images of images, and is judged by their error`)
    }
    const parts = exportedCoder(network, shape, "autoencoder")
    return {
      variables: variables(network),
      objective: reconstruction(network, { kl: o.kl }),
      ...trained(o),
      ...imagesOf(o),
      ...(augmented && { augmented: (data: Dataset) => augmented(data, o) }),
      defaultSteps: () => 1,
      sample: (request) => reconstructed(network, request),
      given: { shape, of: (x) => x },
      shape,
      metrics: ["error"],
      bound: refuse("bpd"),
      likelihood: refuse("flow"),
      error: (x, options) => errorOf(network, x, options),
      classes: 0,
      classify: refuse("classify"),
      previewCount: 32,
      picture: pictureOf,
      get exported() {
        const { inputs, metadata } = parts["encoder"]
        return { inputs, output: "y", call: (x: Tensor) => network.forward(x), metadata }
      },
      parts,
      exportedSampler: refuse("sampler"),
    }
  },
}

/** Images through the autoencoder, as a sampler of one step. */
async function* reconstructed(network: AutoencoderKL, request: SampleRequest): AsyncGenerator<SampleStep> {
  const { given, count, replace } = request
  const odd = (["labels", "guidance", "start", "arc", "inpaint"] as const).find((key) => request[key] !== undefined)
  if (odd !== undefined) throw new RangeError(`${odd}: an autoencoder only makes images of images (give --from)`)
  if (given === undefined || given.shape[0] !== count)
    throw new RangeError(`given: got ${given?.shape[0] ?? "no"} images for ${count} samples, expected one each`)
  const program = codec(network, { batch: Math.min(64, count), ...(replace && { replace }) })
  try {
    const { y } = await program.reconstruct(given)
    yield { step: 1, steps: 1, evaluations: 1, time: 0, x: y, x0: y, images: toImages(y) }
  } finally {
    await program.dispose()
  }
}

/** Errors of the images that come back, and what latents are like: their divergence, mean and standard deviation. */
export async function* errorOf(
  network: AutoencoderKL,
  x: NdArray<"float32">,
  { signal }: ErrorOptions,
): AsyncGenerator<ErrorStep> {
  const program = codec(network)
  const error = new ImageError()
  const [count] = x.shape
  let nats = 0
  const seen: Float32Array[] = []
  try {
    for (let start = 0; start < count; start += 64) {
      signal?.throwIfAborted()
      const truth = rowsOf(x, start, 64)
      const { y, kl } = await program.reconstruct(truth)
      error.add(y.data, truth.data)
      for (const v of kl.data) nats += v
      // The first thousand are enough to tell.
      if (start < 1024) seen.push((await program.encode(truth)).data)
      const done = start + truth.shape[0]
      const { mean, std } = spreadOf({ data: joined(seen) })
      const figures = { rmse: error.rmse, psnr: error.psnr, "kl, nats": nats / done }
      yield { done, count, figures: { ...figures, "latents' mean": mean, "latents' std": std } }
    }
  } finally {
    await program.dispose()
  }
}
