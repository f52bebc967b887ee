/** Schemas of the options that diffusion recipes share. Flags, help and validation follow from them. */
import { z } from "zod"

/** A whole number within bounds. */
export const whole = (least: number, most: number): z.ZodNumber => z.number().int().min(least).max(most)

/** Options under one heading of the help. */
export const grouped = <O extends Record<string, z.ZodType>>(heading: string, options: O): O =>
  Object.fromEntries(Object.entries(options).map(([name, schema]) => [name, schema.meta({ heading })])) as O

/** Options of every training. */
export const trainingOptions = grouped("Training:", {
  steps: whole(1, 10_000_000).describe("updates to make"),
  batch: whole(1, 65_536).describe("samples an update"),
  lr: z.number().positive().max(10).describe("highest learning rate; it falls to 0 along a cosine"),
  warmup: whole(0, 1_000_000).default(100).describe("updates over which the learning rate rises"),
  ema: z.number().min(0).max(0.999999).describe("decay of the averaged weights that samples come from"),
  clip: z.number().positive().default(1).describe("bound on the norm of the gradient"),
  validation: z
    .number()
    .min(0)
    .max(0.9)
    .default(0)
    .describe("share of the data kept apart; its loss is measured at each checkpoint, and the best one is kept"),
  patience: whole(0, 10_000_000)
    .default(0)
    .describe("stop after so many updates without a lower validation loss (0: never)"),
  seed: whole(0, Number.MAX_SAFE_INTEGER).default(0).describe("fixes initial weights, noise and the order of the data"),
  dataDir: z.string().optional().describe("folder of the data set's files; nothing is downloaded into it"),
})

/** Options of every diffusion model. */
export const diffusionOptions = grouped("Noise, and what the network predicts of it:", {
  process: z
    .enum(["discrete", "vp", "sub-vp", "ve", "edm", "flow", "learned"])
    .default("discrete")
    .describe(
      "how noise comes: by the steps of a schedule, or in continuous time (flow is flow matching's path, learned wants the objective vdm)",
    ),
  schedule: z
    .enum(["cosine", "linear", "scaled-linear", "sigmoid", "sigmoid-beta", "sqrt", "sqrt-beta", "karras", "geometric"])
    .default("cosine")
    .describe("noise schedule of the discrete process"),
  zeroSnr: z.boolean().default(false).describe("stretch the schedule until nothing of the data is left at its end"),
  times: whole(1, 100_000).default(1000).describe("noising steps of the process"),
  predict: z
    .enum(["v", "eps", "x0", "score", "velocity", "edm"])
    .default("v")
    .describe("what the network predicts; edm is EDM's preconditioned output"),
  variance: z
    .enum(["small", "large", "learned"])
    .default("small")
    .describe("variance of reverse steps; learned wants the objective hybrid or vlb"),
  firstStd: z
    .number()
    .positive()
    .max(1)
    .optional()
    .describe(
      "least standard deviation a learned variance may have in the last step of sampling (default: OpenAI's rule)",
    ),
  sigmaData: z.number().positive().max(100).default(0.5).describe("standard deviation of the data, for edm"),
})

/** Options of how a diffusion model is trained. */
export const objectiveOptions = grouped("What is made small:", {
  objective: z
    .enum(["simple", "snr", "snr+1", "min-snr", "p2", "edm", "hybrid", "vlb", "vdm"])
    .default("simple")
    .describe("what is made small: the plain error, one weighed by the signal-to-noise ratio, or the bound"),
  gamma: z.number().positive().max(1e6).default(5).describe("largest weight of min-snr"),
  draw: z
    .enum(["stratified", "uniform", "loss-aware"])
    .default("stratified")
    .describe("how training draws times: one from each part of the range, each alone, or where the loss is large"),
})

/** Options of models that are told what to draw. */
export const labelOptions = grouped("Labels:", {
  labels: z
    .boolean()
    .default(false)
    .describe("tell the network the class of what it draws, so that one may be asked for"),
  labelDropout: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe("share of labels that training leaves out, which guidance needs"),
})

/** Options of the U-Net. */
export const unetOptions = grouped("Network:", {
  width: whole(1, 4096).describe("channels of the first level"),
  multipliers: z.array(whole(1, 64)).min(1).max(8).describe("channels of each level, as multiples of the width"),
  patch: whole(1, 16).describe("side of the pixel blocks that become channels: 2 leaves out the costliest level"),
  pixelPrior: z
    .boolean()
    .default(false)
    .describe(
      "the network says what each pixel may be, and Bayes' rule what it is: for likelihood (wants --predict x0)",
    ),
  layers: whole(1, 16).default(1).describe("residual blocks a level"),
  groups: whole(1, 256).default(8).describe("groups of the normalisations"),
  dropout: z.number().min(0).max(0.99).default(0).describe("share of activations dropped in training"),
})

/** Most parameters a network may have: with their gradients, averages and the optimizer's slots, ten gigabytes. */
const maxParameters = 5e8

/** Most values of one layer for a batch: a gigabyte. */
const maxActivations = 2 ** 28

/**
 * Refuses a network that no machine this is for can hold, before anything is allocated.
 *
 * @throws RangeError when about so many parameters, or values of the widest layer for a batch, are too many.
 */
export function expectFits(where: string, parameters: number, activations: number): void {
  if (parameters > maxParameters) {
    throw new RangeError(
      `${where}: a network of about ${parameters.toExponential(1)} parameters, expected at most ${maxParameters.toExponential(0)} (lower --width, --multipliers or --layers)`,
    )
  }
  if (activations > maxActivations) {
    throw new RangeError(
      `${where}: a batch has about ${activations.toExponential(1)} values in one layer, expected at most ${maxActivations.toExponential(1)} (lower --batch, --size or --width)`,
    )
  }
}

/**
 * Refuses levels whose channels the groups of normalisations do not divide.
 *
 * @throws RangeError with the width that would do.
 */
export function expectGroups(
  where: string,
  {
    width,
    multipliers,
    groups,
  }: { readonly width: number; readonly multipliers: readonly number[]; readonly groups: number },
): void {
  const uneven = multipliers.map((m) => m * width).find((channels) => channels % groups > 0)
  if (uneven !== undefined)
    throw new RangeError(
      `${where}: ${uneven} channels do not divide into ${groups} groups (give --width a multiple of ${groups}, or --groups a divisor of it)`,
    )
}
