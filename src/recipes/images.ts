/** Recipes that denoise images with a U-Net. */
import { z } from "zod"
import type { Dataset } from "../data/dataset.ts"
import { Concatenated, smaller, smallerImages } from "../diffusion/conditioning.ts"
import { seeded } from "../nn/init.ts"
import { built, judged, unetOf } from "./model.ts"
import {
  diffusionOptions,
  grouped,
  labelOptions,
  objectiveOptions,
  trainingOptions,
  unetOptions,
  whole,
} from "./options.ts"
import { pictureOf } from "./picture.ts"
import type { Experiment, Recipe } from "./recipe.ts"
import { defaultSteps, exportedDenoiser, exportedSampler, sampled } from "./sampling.ts"
import {
  cifarSource,
  classesOf,
  fashionSource,
  folderSource,
  glyphSource,
  type ImageSource,
  mnistSource,
  shapeOf,
} from "./sources.ts"
import { trained } from "./training.ts"
import { enlargement } from "./upscale.ts"

/** What differs between image recipes: the set, and how large a network it is worth. */
interface ImageRecipe<O> {
  readonly source: ImageSource<O>
  readonly doc?: string
  readonly defaults: {
    readonly steps: number
    readonly batch: number
    readonly lr: number
    readonly ema: number
    readonly patch: number
    readonly width: number
    readonly multipliers: readonly number[]
  }
}

const own = grouped("Super-resolution:", {
  upscale: whole(1, 64)
    .default(1)
    .describe(
      "how many times larger than small images samples are that are made of them (1: they are made of nothing)",
    ),
})

const allOptions = {
  ...trainingOptions,
  ...diffusionOptions,
  ...objectiveOptions,
  ...labelOptions,
  ...own,
  ...unetOptions,
}
type Options = z.output<z.ZodObject<typeof allOptions>>

function schemaOf<O>({ defaults, source }: ImageRecipe<O>): z.ZodObject {
  return z.strictObject({
    ...allOptions,
    steps: allOptions.steps.default(defaults.steps),
    batch: allOptions.batch.default(defaults.batch),
    lr: allOptions.lr.default(defaults.lr),
    ema: allOptions.ema.default(defaults.ema),
    patch: allOptions.patch.default(defaults.patch),
    width: allOptions.width.default(defaults.width),
    multipliers: allOptions.multipliers.default([...defaults.multipliers]),
    ...(source.own as Record<string, z.ZodType>),
  })
}

function imageRecipe<O = object>(spec: ImageRecipe<O>): Recipe {
  const { complete, name, doc } = spec.source
  return {
    name,
    doc: spec.doc ?? doc,
    options: schemaOf(spec),
    ...(complete && {
      complete: async (all) => ({ ...all, ...(await complete(all as unknown as Options & O)) }) as never,
    }),
    build: (all) => build(spec.source, all as unknown as Options & O),
  }
}

function build<O>(source: ImageSource<O>, o: Options & O): Experiment {
  const { name, data, augmented } = source
  const classes = o.labels ? classesOf(source, o) : 0
  const shape = shapeOf(source, o)
  const [channels, height, width] = shape
  const { upscale } = o
  const isMade = upscale > 1
  if (height % upscale > 0 || width % upscale > 0)
    throw new RangeError(`--upscale ${upscale}: it does not divide the ${height} by ${width} pixels of ${name}`)
  const small = [channels, height / upscale, width / upscale]
  const network = seeded(o.seed, () => {
    const unet = unetOf(name, o, { shape: [isMade ? 2 * channels : channels, height, width], classes })
    return isMade ? new Concatenated(unet, channels) : unet
  })
  const { model, objective, variables } = built(network, o, {
    classes,
    labelDropout: o.labelDropout,
    pixelPrior: o.pixelPrior,
    ...(isMade && { given: (x0) => smaller(x0, upscale) }),
  })
  return {
    variables,
    model,
    objective,
    ...trained(o),
    data: (say) => data(o, { split: "train", isNamed: true, ...(say && { say }) }),
    heldOut: (dataDir) =>
      data({ ...o, ...(dataDir !== undefined && { dataDir }) }, { split: "test", isNamed: dataDir !== undefined }),
    ...(augmented && { augmented: (items: Dataset) => augmented(items, o) }),
    defaultSteps: (sampler) => defaultSteps(model, sampler),
    sample: (request) => sampled(model, request, { classes, given: isMade ? small : null }),
    ...(isMade ? enlargement(model, { upscale, classes }) : judged(model, classes)),
    ...(isMade && { given: { shape: small, of: (x) => smallerImages(x, upscale) } }),
    previewCount: isMade ? 32 : 64,
    picture: pictureOf,
    get exported() {
      return exportedDenoiser(model, name, { classes, ...(isMade && { given: small }) })
    },
    exportedSampler: (request) => exportedSampler(model, request, name, { classes, ...(isMade && { given: small }) }),
  }
}

/** Handwritten-looking digits drawn from a seed: needs no files, and a few minutes. */
export const glyphs: Recipe = imageRecipe({
  source: glyphSource,
  doc: "digits drawn by a program: needs no files, takes a few minutes",
  defaults: { steps: 3500, batch: 32, lr: 2e-3, ema: 0.996, patch: 2, width: 32, multipliers: [1, 2] },
})

/** MNIST's handwritten digits. */
export const mnist: Recipe = imageRecipe({
  source: mnistSource,
  defaults: { steps: 10_000, batch: 64, lr: 2e-3, ema: 0.9995, patch: 2, width: 48, multipliers: [1, 2] },
})

/** Fashion-MNIST's clothes. */
export const fashion: Recipe = imageRecipe({
  source: fashionSource,
  defaults: { steps: 10_000, batch: 64, lr: 2e-3, ema: 0.9995, patch: 2, width: 48, multipliers: [1, 2] },
})

/** CIFAR-10's photographs. */
export const cifar10: Recipe = imageRecipe({
  source: cifarSource,
  defaults: { steps: 30_000, batch: 64, lr: 1e-3, ema: 0.9995, patch: 2, width: 64, multipliers: [1, 2, 2] },
})

/** A folder of one's own pictures. */
export const pictures: Recipe = imageRecipe({
  source: folderSource,
  defaults: { steps: 8000, batch: 32, lr: 1e-3, ema: 0.999, patch: 2, width: 48, multipliers: [1, 2, 2] },
})
