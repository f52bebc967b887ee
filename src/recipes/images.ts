/** Recipes that denoise images with a U-Net. */
import { z } from "zod"
import type { Dataset } from "../data/dataset.ts"
import { glyphs as glyphData } from "../data/glyphs.ts"
import { fashion as fashionData, mnist as mnistData } from "../data/mnist.ts"
import { toImages } from "../diffusion/samplers/sampler.ts"
import { UNet } from "../diffusion/unet.ts"
import { grid } from "../io/png.ts"
import { seeded } from "../nn/init.ts"
import { adamW } from "../optim/adam.ts"
import { lrCosine, lrWarmup } from "../optim/curves.ts"
import { emaWarmup } from "../optim/ema.ts"
import { built, judged } from "./model.ts"
import { diffusionOptions, labelOptions, objectiveOptions, trainingOptions, unetOptions } from "./options.ts"
import type { Experiment, Recipe } from "./recipe.ts"
import { defaultSteps, exportedDenoiser, sampled } from "./sampling.ts"

/** What differs between image recipes. */
interface ImageRecipe {
  readonly name: string
  readonly doc: string
  readonly shape: readonly [channels: number, height: number, width: number]
  readonly classes: number
  readonly defaults: {
    readonly steps: number
    readonly batch: number
    readonly lr: number
    readonly ema: number
    readonly patch: number
    readonly width: number
    readonly multipliers: readonly number[]
  }
  data(options: {
    readonly dataDir?: string | undefined
    readonly seed: number
    readonly split: "train" | "test"
  }): Promise<Dataset>
}

function schemaOf({ defaults }: ImageRecipe): z.ZodObject {
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

function imageRecipe(spec: ImageRecipe): Recipe {
  return {
    name: spec.name,
    doc: spec.doc,
    options: schemaOf(spec),
    build: (all) => build(spec, all as unknown as Options),
  }
}

function build({ name, shape, data, classes: all }: ImageRecipe, o: Options): Experiment {
  const classes = o.labels ? all : 0
  const [channels, height, width] = shape
  const { patch, multipliers, layers, groups, dropout } = o
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
    objective,
    optimizer: adamW({
      lr: lrWarmup(lrCosine(o.lr, { steps: Math.max(1, o.steps - warmup) }), warmup),
      weightDecay: 0,
    }),
    ema: emaWarmup(o.ema),
    data: () => data({ ...o, split: "train" }),
    heldOut: (dataDir) => data({ ...o, split: "test", ...(dataDir !== undefined && { dataDir }) }),
    defaultSteps: (sampler) => defaultSteps(model, sampler),
    sample: (request) => sampled(model, request, classes),
    ...judged(model, classes),
    previewCount: 64,
    picture: (x) => {
      const columns = Math.ceil(Math.sqrt(x.shape[0]))
      return grid(toImages(x), { columns, scale: Math.max(1, Math.floor(448 / (columns * width))) })
    },
    get exported() {
      return exportedDenoiser(model, name, classes)
    },
  }
}

/** Handwritten-looking digits drawn from a seed: needs no files, and a few minutes. */
export const glyphs: Recipe = imageRecipe({
  name: "glyphs",
  doc: "digits drawn by a program: needs no files, takes a few minutes",
  shape: [1, 28, 28],
  classes: 10,
  defaults: { steps: 4000, batch: 32, lr: 2e-3, ema: 0.996, patch: 2, width: 32, multipliers: [1, 2] },
  // Another seed draws other digits of the same kind.
  data: ({ seed, split }) => Promise.resolve(glyphData({ seed: split === "train" ? seed : seed + 1 })),
})

/** MNIST's handwritten digits. */
export const mnist: Recipe = imageRecipe({
  name: "mnist",
  doc: "MNIST: 60,000 handwritten digits, 28x28",
  shape: [1, 28, 28],
  classes: 10,
  defaults: { steps: 10_000, batch: 64, lr: 2e-3, ema: 0.9995, patch: 2, width: 48, multipliers: [1, 2] },
  data: ({ dataDir, split }) => mnistData({ split, ...(dataDir !== undefined && { dir: dataDir }) }),
})

/** Fashion-MNIST's clothes. */
export const fashion: Recipe = imageRecipe({
  name: "fashion",
  doc: "Fashion-MNIST: 60,000 pieces of clothing, 28x28",
  shape: [1, 28, 28],
  classes: 10,
  defaults: { steps: 10_000, batch: 64, lr: 2e-3, ema: 0.9995, patch: 2, width: 48, multipliers: [1, 2] },
  data: ({ dataDir, split }) => fashionData({ split, ...(dataDir !== undefined && { dir: dataDir }) }),
})
