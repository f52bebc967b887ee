/** What diffusion recipes share beside their options: samplers by name with their options, and the denoiser as a file. */
import { z } from "zod"
import { type Denoiser, preserving } from "../diffusion/denoiser.ts"
import { guided } from "../diffusion/guidance.ts"
import { inpainted } from "../diffusion/inpainting.ts"
import { arcs, partway } from "../diffusion/interpolation.ts"
import { type AnyOptions, plans, type Sampler, type SamplerName, samplers } from "../diffusion/samplers/all.ts"
import { invert } from "../diffusion/samplers/inversion.ts"
import { algorithms } from "../diffusion/samplers/plan/exponential.ts"
import { type Plan, stepsOf } from "../diffusion/samplers/plan/plan.ts"
import { spacings } from "../diffusion/samplers/plan/spacing.ts"
import type { SampleStep } from "../diffusion/samplers/sampler.ts"
import { drawsOf, wholeSampler } from "../diffusion/samplers/whole.ts"
import type { NdArray } from "../engine/array.ts"
import { maximum, minimum } from "../engine/ops/elementwise.ts"
import { batchSize } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import { whole } from "./options.ts"
import type { Exported, SampleRequest, WholeRequest } from "./recipe.ts"

const names = Object.keys(samplers) as [SamplerName, ...SamplerName[]]

/** Which samplers read an option; all of them where none are named. */
interface Read {
  readonly by: readonly SamplerName[]
  readonly schema: z.ZodType
}

const stochastic = ["euler", "heun"] as const
const solvers = ["dpmSolver", "dpmSolverSingle"] as const
const onPaths = names.filter((name) => name !== "probabilityFlow" && name !== "langevin")
const onCompat = onPaths.filter((name) => name !== "repaint")

/** Every option of samplers that may be asked for by name, with who reads it. */
const read: Readonly<Record<string, Read>> = {
  steps: {
    by: names,
    schema: whole(1, 100_000).describe("steps to take (default: what suits the sampler, told by its bar)"),
  },
  spacing: {
    by: [...onPaths, "langevin"],
    schema: z
      .enum(spacings as [string, ...string[]])
      .describe("which noise levels the steps visit (default: trailing; karras for heun, exponential for langevin)"),
  },
  sigmaMax: {
    by: names,
    schema: z
      .number()
      .positive()
      .describe("leave out levels with more than this sigma / signal (80 is noise to the eye)"),
  },
  offset: { by: onPaths, schema: whole(0, 100_000).describe("added to leading times") },
  final: {
    by: [...onPaths, "probabilityFlow"],
    schema: z
      .enum(["zero", "first"])
      .describe("where the last step ends: at the data, or at the first time (default: zero)"),
  },
  eta: {
    by: ["ddim", "eulerAncestral"],
    schema: z
      .number()
      .min(0)
      .max(1)
      .describe("share of fresh noise: 0 is deterministic (default: 0 for ddim, 1 for eulerAncestral)"),
  },
  rederive: {
    by: ["ddim"],
    schema: z.boolean().default(true).describe("take the noise as the network says it, though x0 was bounded"),
  },
  variance: {
    by: ["ddpm"],
    schema: z.enum(["small", "large", "learned"]).describe("variance of the steps (default: the model's)"),
  },
  order: { by: [...solvers, "unipc"], schema: whole(1, 3).describe("order of the solver (default: 2)") },
  algorithm: {
    by: solvers,
    schema: z
      .enum(algorithms as [string, ...string[]])
      .describe("which form of the flow is solved (default: dpmsolver++)"),
  },
  solver: { by: solvers, schema: z.enum(["midpoint", "heun"]).describe("how slopes count (default: midpoint)") },
  eulerAtFinal: { by: solvers, schema: z.boolean().describe("make the last step one of order 1") },
  lowerOrderFinal: {
    by: [...solvers, "unipc"],
    schema: z.boolean().default(true).describe("keep the order to the end, however few the steps"),
  },
  variant: { by: ["unipc"], schema: z.enum(["bh1", "bh2"]).describe("scale of differences (default: bh2)") },
  predictX0: { by: ["unipc"], schema: z.boolean().default(true).describe("integrate the noise, not x0") },
  skipPrk: { by: ["pndm"], schema: z.boolean().default(true).describe("begin with three steps of Runge and Kutta") },
  churn: {
    by: stochastic,
    schema: z.number().min(0).max(1e4).describe("noise added over all steps, EDM's S_churn (default: 0)"),
  },
  churnMin: { by: stochastic, schema: z.number().min(0).describe("least level at which noise is added, S_tmin") },
  churnMax: { by: stochastic, schema: z.number().min(0).describe("largest level at which noise is added, S_tmax") },
  churnNoise: {
    by: stochastic,
    schema: z.number().min(0).max(100).describe("standard deviation of that noise, S_noise (default: 1)"),
  },
  corrections: {
    by: ["predictorCorrector"],
    schema: whole(0, 1000).describe("Langevin steps at each level (default: 1)"),
  },
  snr: {
    by: ["predictorCorrector"],
    schema: z.number().positive().max(10).describe("length of those steps (default: 0.16)"),
  },
  jump: { by: ["repaint"], schema: whole(1, 100_000).describe("steps gone back at a time (default: a 25th of all)") },
  repeats: {
    by: ["repaint"],
    schema: whole(1, 10_000).describe("how often each stretch of steps is taken (default: 10)"),
  },
  inner: { by: ["langevin"], schema: whole(1, 100_000).describe("steps at each level (default: 100)") },
  stepSize: { by: ["langevin"], schema: z.number().positive().max(4).describe("size of a step (default: 0.1)") },
  rtol: {
    by: ["probabilityFlow"],
    schema: z.number().positive().max(1).describe("relative tolerance (default: 1e-5)"),
  },
  atol: {
    by: ["probabilityFlow"],
    schema: z.number().positive().max(1).describe("absolute tolerance (default: 1e-5)"),
  },
  clip: { by: names, schema: z.number().positive().describe("bound on predicted samples (default: 1 for images)") },
  threshold: {
    by: names,
    schema: z.number().min(0).max(1).describe("dynamic thresholding: the share of values that lie within the bound"),
  },
  thresholdMax: {
    by: names,
    schema: z.number().positive().max(1e6).describe("largest bound of dynamic thresholding (default: 1)"),
  },
  compat: {
    by: onCompat,
    schema: z.enum(["diffusers"]).describe("take the steps of that library's schedulers, odd ones too, digit by digit"),
  },
}

/** Options of drawing samples, by the library's names. Flags, help and validation follow from it. */
export const samplingOptions: Readonly<Record<string, z.ZodType>> & { readonly sampler: z.ZodType } = {
  sampler: z.enum(names).default("ddim").describe("how to sample").meta({ heading: "Sampler:" }),
  ...Object.fromEntries(
    Object.entries(read).map(([key, { by, schema }]) => {
      // Who reads an option is told where it is a few; the others say so when they are given it.
      const isOfFew = by.length <= 4
      const who = isOfFew ? `${by.join(", ")}: ` : ""
      return [
        key,
        (schema.def.type === "default" ? schema : schema.optional()).meta({
          description: `${who}${schema.description ?? ""}`,
          heading: isOfFew ? "What one sampler reads, or a few:" : "Sampler:",
        }),
      ]
    }),
  ),
}

/**
 * What was asked for, as options of the sampler that is named.
 *
 * @throws RangeError for an option that the sampler does not read.
 */
export function samplerOptions(
  asked: Readonly<Record<string, unknown>>,
): AnyOptions & { readonly sampler: SamplerName } {
  const sampler = asked["sampler"] as SamplerName
  const options: Record<string, unknown> = {}
  for (const [key, { by, schema }] of Object.entries(read)) {
    const value = asked[key]
    if (value === undefined || (schema instanceof z.ZodDefault && value === true)) continue
    if (!by.includes(sampler))
      throw new RangeError(`${key}: got it for the sampler ${sampler}, expected one of ${by.join(", ")}`)
    if (key !== "threshold" && key !== "thresholdMax") options[key] = value
  }
  const { threshold: ratio, thresholdMax: max } = asked as { threshold?: number; thresholdMax?: number }
  if (max !== undefined && ratio === undefined)
    throw new RangeError("thresholdMax: got it without threshold, expected both (--threshold 0.995)")
  if (ratio !== undefined) options["threshold"] = { ratio, ...(max !== undefined && { max }) }
  return { ...options, sampler }
}

/** Steps a sampler takes where none are asked for. */
export function defaultSteps(model: Denoiser, sampler: SamplerName): number {
  return sampler === "probabilityFlow" ? 10 : stepsOf(plans[sampler](model))
}

/**
 * Samples of a denoiser by the sampler a request names. One that is told `classes` classes draws what it likes where no
 * labels are asked for, and follows those that are as `guidance` says. One that makes samples of something, of the shape
 * `given`, wants it.
 *
 * @throws RangeError when labels are asked of a denoiser that is told none, or are no classes of it, or nothing is given.
 */
export function sampled(
  own: Denoiser,
  { sampler, guidance, rescale, interval, start, arc, inpaint, labels, ...request }: SampleRequest,
  { classes = 0, given = null }: { readonly classes?: number; readonly given?: readonly number[] | null } = {},
): AsyncGenerator<SampleStep> {
  const draw = samplers[sampler] as Sampler
  if (given !== null && (request.given === undefined || inpaint))
    throw new RangeError(
      `given: the model makes samples of [${given.join(", ")}], got ${inpaint ? "known parts" : "nothing"} (with --from)`,
    )
  if (labels === undefined && (guidance ?? rescale ?? interval) !== undefined)
    throw new RangeError("guidance: got it without labels, expected both (--label 7 --guidance 2)")
  if (labels !== undefined && classes === 0)
    throw new RangeError("label: the model was not trained with labels (train it with --labels)")
  const bad = labels?.find((label) => label < 0 || label >= classes)
  if (bad !== undefined) throw new RangeError(`label: got ${bad}, expected 0 to ${classes - 1}`)
  let model = own
  if (labels !== undefined && guidance !== undefined)
    model = guided(model, {
      none: classes,
      scale: guidance,
      ...(rescale !== undefined && { rescale }),
      ...(interval !== undefined && { interval }),
    })
  if (inpaint) model = inpainted(model)
  const told = labels ?? (classes > 0 ? new Int32Array(request.count).fill(classes) : undefined)
  const options = { ...request, ...(told !== undefined && { labels: told }) }
  if (arc !== undefined) {
    if (start !== undefined) return bridged(draw, model, start.x, arc, options)
    return draw(model, { ...options, noise: arcs(model.shape, { length: arc, seed: request.seed }) })
  }
  if (start === undefined) return draw(model, options)
  const rest = partway(model, start.x, { strength: start.strength, seed: request.seed })
  const { steps = defaultSteps(rest.model, sampler) } = options as { steps?: number }
  return draw(rest.model, { ...options, ...rest.options, steps: Math.min(steps, rest.model.process.steps) })
}

/** Rows of samples on the arcs between the noise that given ones come from, two for each row. */
async function* bridged(
  draw: Sampler,
  model: Denoiser,
  x: NdArray<"float32">,
  length: number,
  options: AnyOptions & { readonly count: number; readonly steps?: number },
): AsyncGenerator<SampleStep> {
  const { count, labels, steps, replace, signal } = options
  if (options["given"] !== undefined) throw new RangeError("arc: got it with what is known, expected one of them")
  // The label of an end is that of the sample drawn there.
  const place = (end: number): number => Math.min(count - 1, Math.floor(end / 2) * length + (end % 2) * (length - 1))
  const ends = await invert(model, x, {
    ...(labels !== undefined && { labels: Int32Array.from({ length: x.shape[0] }, (_, end) => labels[place(end)]) }),
    ...(steps !== undefined && { steps }),
    ...(replace !== undefined && { replace }),
    ...(signal !== undefined && { signal }),
  })
  yield* draw(model, { ...options, noise: arcs(model.shape, { length, ends }) })
}

/**
 * The network of a denoiser as a function of `x` and `t`, with all that is needed to sample from the file alone. What
 * predicts something else than eps, x0, v or the score, tells its own variance or is of a process that does not preserve
 * variance is written as one that predicts v and does.
 */
export function exportedDenoiser(
  own: Denoiser,
  recipe: string,
  { classes = 0, given }: { readonly classes?: number; readonly given?: readonly number[] } = {},
): Exported {
  const model = preserving(own)
  const { name, steps, alphaBar } = model.process.schedule
  const isPlain = model === own && model.variance !== "learned"
  const predict = isPlain ? model.predict : "v"
  return {
    inputs: [
      { name: "x", dtype: "float32", shape: [batchSize, ...model.shape] },
      { name: "t", dtype: "int32", shape: [batchSize] },
      ...(classes > 0 ? [{ name: "labels", dtype: "int32" as const, shape: [batchSize] }] : []),
      ...(given ? [{ name: "given", dtype: "float32" as const, shape: [batchSize, ...given] }] : []),
    ],
    output: predict,
    call: (x: Tensor, t: Tensor, ...rest: Tensor[]) => {
      const labels = classes > 0 ? rest[0] : undefined
      const seen = given === undefined ? undefined : rest.at(-1)
      return isPlain ? model.network.forward(x, t, labels, seen) : model.at(x, t.add(1), labels, seen).v
    },
    metadata: {
      "tweedie.recipe": recipe,
      "tweedie.predict": predict,
      "tweedie.schedule": name,
      "tweedie.steps": String(steps),
      ...(classes > 0 && { "tweedie.classes": `${classes}; label ${classes} is none` }),
      "tweedie.time": "t counts from 0 to steps - 1; alpha_bar[t] is that of time t",
      "tweedie.alpha_bar": JSON.stringify([...alphaBar.slice(1)].map((a) => Number(a.toPrecision(12)))),
    },
  }
}

/** What a whole sampler is made of beside its denoiser. */
export interface WholeParts {
  readonly classes?: number
  /** Shape of what each sample is made of. */
  readonly given?: readonly number[]
  /** What makes images of samples. */
  readonly decode?: (x: Tensor) => Tensor
}

/**
 * A whole sampler as a function of `noise`, and of `labels` where the model is told classes; of `guidance` too where no
 * scale is asked for, which then is an input, one a sample; of `given` where it sees other images. Images are in [0, 1];
 * `decode` makes them of samples that are none, such as latents.
 *
 * @throws RangeError when the sampler cannot be written, or guidance is asked of a model that is told no labels.
 */
export function exportedSampler(
  own: Denoiser,
  { sampler, guidance, rescale, interval, ...options }: WholeRequest,
  recipe: string,
  { classes = 0, given, decode }: WholeParts = {},
): Exported {
  if (sampler === "probabilityFlow")
    throw new RangeError(
      "sampler: probabilityFlow chooses its steps while it runs, so it cannot be written as one file (heun follows the same flow in steps that are known)",
    )
  if (classes === 0 && (guidance ?? rescale ?? interval) !== undefined)
    throw new RangeError("guidance: the model was not trained with labels (train it with --labels)")
  const plan = (plans[sampler] as (model: Denoiser, options: AnyOptions) => Plan)(own, options)
  const draws = drawsOf(plan).length
  const isImages = own.shape.length === 3
  const isAsked = classes > 0 && guidance === undefined
  const guide = (scale: number | Tensor): Denoiser =>
    guided(own, {
      none: classes,
      scale,
      ...(rescale !== undefined && { rescale }),
      ...(interval !== undefined && { interval }),
    })
  const { clip, threshold } = options
  const limit = { ...(clip !== undefined && { clip }), ...(threshold !== undefined && { threshold }) }
  return {
    inputs: [
      { name: "noise", dtype: "float32", shape: [draws, batchSize, ...own.shape] },
      ...(classes > 0 ? [{ name: "labels", dtype: "int32" as const, shape: [batchSize] }] : []),
      ...(isAsked ? [{ name: "guidance", dtype: "float32" as const, shape: [batchSize] }] : []),
      ...(given ? [{ name: "given", dtype: "float32" as const, shape: [batchSize, ...given] }] : []),
    ],
    output: isImages ? "images" : "samples",
    call: (noise: Tensor, ...rest: Tensor[]) => {
      const labels = classes > 0 ? rest[0] : undefined
      const model = labels === undefined ? own : guide(isAsked ? rest[1] : (guidance ?? 1))
      const seen = given === undefined ? undefined : rest.at(-1)
      const drawn = wholeSampler(model, plan, noise, {
        ...limit,
        ...(labels !== undefined && { labels }),
        ...(seen !== undefined && { given: seen }),
      })
      const x = decode?.(drawn) ?? drawn
      return isImages ? minimum(maximum(x.mul(0.5).add(0.5), 0), 1) : x
    },
    metadata: {
      "tweedie.recipe": recipe,
      "tweedie.sampler": sampler,
      "tweedie.options": JSON.stringify({
        ...options,
        ...(rescale !== undefined && { rescale }),
        ...(interval && { interval }),
      }),
      "tweedie.steps": String(stepsOf(plan)),
      "tweedie.evaluations": String(plan.asks.length),
      "tweedie.noise":
        draws === 1
          ? "standard normal: the samples begin with it, and no more is added"
          : "standard normal: the samples begin with row 0, and the other rows are added on the way, one after another",
      ...(isImages && { "tweedie.images": "float32 in [0, 1]" }),
      ...(classes > 0 && {
        "tweedie.classes": `${classes}; label ${classes} is none`,
        "tweedie.guidance": isAsked
          ? "how strongly each sample follows its label: 0 not at all, 1 as the data do, more for surer ones"
          : String(guidance),
      }),
    },
  }
}
