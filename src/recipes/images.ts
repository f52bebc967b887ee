/** Recipes that denoise images with a U-Net. */
import { z } from "zod"
import { augment } from "../data/augment.ts"
import { cifar10 as cifarData } from "../data/cifar.ts"
import type { Dataset } from "../data/dataset.ts"
import { imageFolder, lookIntoFolder } from "../data/folder.ts"
import { glyphs as glyphData } from "../data/glyphs.ts"
import { fashion as fashionData, mnist as mnistData } from "../data/mnist.ts"
import { toImages } from "../diffusion/samplers/sampler.ts"
import { UNet } from "../diffusion/unet.ts"
import type { NdArray } from "../engine/array.ts"
import { grid, type Raster } from "../io/png.ts"
import { seeded } from "../nn/init.ts"
import { adamW } from "../optim/adam.ts"
import { lrCosine, lrWarmup } from "../optim/curves.ts"
import { emaWarmup } from "../optim/ema.ts"
import { built, judged } from "./model.ts"
import {
  diffusionOptions,
  expectFits,
  labelOptions,
  objectiveOptions,
  trainingOptions,
  unetOptions,
} from "./options.ts"
import type { Experiment, Recipe } from "./recipe.ts"
import { defaultSteps, exportedDenoiser, sampled } from "./sampling.ts"

type Shape = readonly [channels: number, height: number, width: number]

/** What differs between image recipes. `O` is the options that one of them has beside those of all. */
interface ImageRecipe<O> {
  readonly name: string
  readonly doc: string
  readonly shape: Shape | ((options: Options & O) => Shape)
  /** How many there are, where that is known before the data are. */
  readonly classes?: number
  readonly defaults: {
    readonly steps: number
    readonly batch: number
    readonly lr: number
    readonly ema: number
    readonly patch: number
    readonly width: number
    readonly multipliers: readonly number[]
  }
  /** Schemas of its own options. */
  readonly own?: { readonly [K in keyof O]: z.ZodType<O[K]> }
  complete?(options: Options & O): Promise<Options & O>
  data(options: Options & O, from: Source): Promise<Dataset>
  augmented?(data: Dataset, options: Options & O): Dataset
}

/** Which part of the data, whether its folder was named for it, and who is told what is fetched. */
interface Source {
  readonly split: "train" | "test"
  readonly isNamed: boolean
  readonly say?: (line: string) => void
}

function schemaOf<O>({ defaults, own }: ImageRecipe<O>): z.ZodObject {
  const all = { ...trainingOptions, ...diffusionOptions, ...objectiveOptions, ...labelOptions, ...unetOptions }
  return z.strictObject({
    ...all,
    steps: all.steps.default(defaults.steps),
    batch: all.batch.default(defaults.batch),
    lr: all.lr.default(defaults.lr),
    ema: all.ema.default(defaults.ema),
    patch: all.patch.default(defaults.patch),
    width: all.width.default(defaults.width),
    multipliers: all.multipliers.default([...defaults.multipliers]),
    ...(own as Record<string, z.ZodType>),
  })
}

const shapeOfOptions = {
  ...trainingOptions,
  ...diffusionOptions,
  ...objectiveOptions,
  ...labelOptions,
  ...unetOptions,
}
type Options = z.output<z.ZodObject<typeof shapeOfOptions>>

function imageRecipe<O = object>(spec: ImageRecipe<O>): Recipe {
  const { complete } = spec
  return {
    name: spec.name,
    doc: spec.doc,
    options: schemaOf(spec),
    ...(complete && { complete: (all) => complete(all as unknown as Options & O) as never }),
    build: (all) => build(spec, all as unknown as Options & O),
  }
}

function build<O>({ name, shape, data, augmented, classes: all }: ImageRecipe<O>, o: Options & O): Experiment {
  if (o.labels && all === undefined) throw new RangeError(`--labels: ${name} does not know how many classes there are`)
  const classes = o.labels ? all! : 0
  const [channels, height, width] = typeof shape === "function" ? shape(o) : shape
  const { patch, multipliers, layers, groups, dropout } = o
  // A level has two 3 x 3 convolutions a block, down and, with twice the channels coming in, up.
  const parameters = multipliers.reduce((n, m) => n + 54 * (layers + 1) * (m * o.width) ** 2, 0)
  expectFits(name, parameters, (o.batch * height * width * o.width) / patch ** 2)
  const network = seeded(
    o.seed,
    () =>
      new UNet({
        channels,
        size: [height, width],
        patch,
        width: o.width,
        multipliers,
        layers,
        groups,
        dropout,
        // The last class is none.
        classes: classes > 0 ? classes + 1 : null,
        outputs: o.variance === "learned" ? 2 : 1,
      }),
  )
  const { model, objective, variables } = built(network, o, { classes, labelDropout: o.labelDropout })
  const warmup = Math.min(o.warmup, Math.floor(o.steps / 10))
  return {
    variables,
    model,
    objective,
    optimizer: adamW({
      lr: lrWarmup(lrCosine(o.lr, { steps: Math.max(1, o.steps - warmup) }), warmup),
      weightDecay: 0,
    }),
    ema: emaWarmup(o.ema),
    data: (say) => data(o, { split: "train", isNamed: true, ...(say && { say }) }),
    heldOut: (dataDir) =>
      data({ ...o, ...(dataDir !== undefined && { dataDir }) }, { split: "test", isNamed: dataDir !== undefined }),
    ...(augmented && { augmented: (items: Dataset) => augmented(items, o) }),
    defaultSteps: (sampler) => defaultSteps(model, sampler),
    sample: (request) => sampled(model, request, classes),
    ...judged(model, classes),
    previewCount: 64,
    picture: (x) => imageGrid(toImages(x)),
    get exported() {
      return exportedDenoiser(model, name, classes)
    },
  }
}

/** Images `[count, channels, height, width]` in [0, 1] as one picture, about as wide as a hand. */
export function imageGrid(images: NdArray<"float32">): Raster {
  const [count, , , width] = images.shape
  const columns = Math.ceil(Math.sqrt(count))
  return grid(images, { columns, scale: Math.max(1, Math.floor(448 / (columns * width))) })
}

/** Handwritten-looking digits drawn from a seed: needs no files, and a few minutes. */
export const glyphs: Recipe = imageRecipe({
  name: "glyphs",
  doc: "digits drawn by a program: needs no files, takes a few minutes",
  shape: [1, 28, 28],
  classes: 10,
  defaults: { steps: 4000, batch: 32, lr: 2e-3, ema: 0.996, patch: 2, width: 32, multipliers: [1, 2] },
  // Another seed draws other digits of the same kind.
  data: ({ seed }, { split }) => Promise.resolve(glyphData({ seed: split === "train" ? seed : seed + 1 })),
})

/** MNIST's handwritten digits. */
export const mnist: Recipe = imageRecipe({
  name: "mnist",
  doc: "MNIST: 60,000 handwritten digits, 28x28",
  shape: [1, 28, 28],
  classes: 10,
  defaults: { steps: 10_000, batch: 64, lr: 2e-3, ema: 0.9995, patch: 2, width: 48, multipliers: [1, 2] },
  data: ({ dataDir }, { split, say }) =>
    mnistData({ split, ...(say && { say }), ...(dataDir !== undefined && { dir: dataDir }) }),
})

/** Fashion-MNIST's clothes. */
export const fashion: Recipe = imageRecipe({
  name: "fashion",
  doc: "Fashion-MNIST: 60,000 pieces of clothing, 28x28",
  shape: [1, 28, 28],
  classes: 10,
  defaults: { steps: 10_000, batch: 64, lr: 2e-3, ema: 0.9995, patch: 2, width: 48, multipliers: [1, 2] },
  data: ({ dataDir }, { split, say }) =>
    fashionData({ split, ...(say && { say }), ...(dataDir !== undefined && { dir: dataDir }) }),
})

/** CIFAR-10's photographs. */
export const cifar10: Recipe = imageRecipe<{ flip: boolean }>({
  name: "cifar10",
  doc: "CIFAR-10: 50,000 small photographs of ten kinds of things, 32x32, in colour",
  shape: [3, 32, 32],
  classes: 10,
  defaults: { steps: 30_000, batch: 64, lr: 1e-3, ema: 0.9995, patch: 2, width: 64, multipliers: [1, 2, 2] },
  own: { flip: z.boolean().default(true).describe("do not mirror half of the images") },
  data: ({ dataDir }, { split }) => cifarData({ split, ...(dataDir !== undefined && { dir: dataDir }) }),
  augmented: (data, { flip, seed }) => (flip ? augment(data, { seed }) : data),
})

/** Options of one's own pictures. */
interface PictureOptions {
  readonly size: number
  readonly colour: "auto" | "gray" | "rgb"
  readonly flip: boolean
  readonly shift: number
  readonly skipBroken: boolean
  readonly cache: number
}

const folderOf = ({ dataDir }: Options): string => {
  if (dataDir === undefined)
    throw new RangeError("images: which pictures? give --data-dir <folder of PNG or JPEG files>")
  return dataDir
}

const brokenOf = ({ skipBroken }: PictureOptions): "skip" | "refuse" => (skipBroken ? "skip" : "refuse")

/** A folder of one's own pictures. */
export const pictures: Recipe = imageRecipe<PictureOptions>({
  name: "images",
  doc: "your own pictures: --data-dir <folder of PNG or JPEG files>, of any size, in gray or colour",
  shape: ({ size, colour }) => [colour === "gray" ? 1 : 3, size, size],
  defaults: { steps: 8000, batch: 32, lr: 1e-3, ema: 0.999, patch: 2, width: 48, multipliers: [1, 2, 2] },
  own: {
    size: z.number().int().min(4).max(1024).default(32).describe("height and width; pictures are cut and scaled to it"),
    colour: z.enum(["auto", "gray", "rgb"]).default("auto").describe("auto looks at the pictures"),
    flip: z.boolean().default(true).describe("do not mirror half of the pictures"),
    shift: z.number().int().min(0).max(512).default(0).describe("most pixels they are moved in each direction"),
    skipBroken: z.boolean().default(false).describe("pass over files that cannot be read, instead of stopping"),
    cache: z.number().min(0).max(1_000_000).default(256).describe("megabytes of scaled pictures kept in memory"),
  },
  complete: async (o) => {
    if (o.colour !== "auto") return o
    const { channels } = await lookIntoFolder(folderOf(o), { broken: brokenOf(o) })
    return { ...o, colour: channels === 1 ? "gray" : "rgb" }
  },
  data: async (o, { isNamed }) => {
    // One folder has no part that training never sees.
    if (!isNamed) throw new RangeError("images: give --data-dir <folder of pictures that training has not seen>")
    return imageFolder(folderOf(o), {
      size: o.size,
      channels: o.colour === "gray" ? 1 : 3,
      broken: brokenOf(o),
      cacheBytes: o.cache * 1e6,
    })
  },
  augmented: (data, { flip, shift, seed }) => (flip || shift > 0 ? augment(data, { flip, shift, seed }) : data),
})
