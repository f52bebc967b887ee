/** Denoisers and objectives from the options that diffusion recipes share. */
import type { z } from "zod"
import { classify } from "../diffusion/classify.ts"
import { dropLabels, given as withGiven } from "../diffusion/conditioning.ts"
import { type Denoiser, denoiser, type Network, preserving } from "../diffusion/denoiser.ts"
import { bound } from "../diffusion/likelihood-bound.ts"
import { odeLikelihood } from "../diffusion/likelihood-ode.ts"
import { simple, weighted } from "../diffusion/objective.ts"
import { hybrid, vlb } from "../diffusion/objective-bound.ts"
import { edmLoss } from "../diffusion/objective-edm.ts"
import { learnedVariables, vdm } from "../diffusion/objective-learned.ts"
import { bySnr, bySnrPlusOne, minSnr, p2 } from "../diffusion/objective-weight.ts"
import { PixelPrior } from "../diffusion/pixel-prior.ts"
import { gaussian, type Process } from "../diffusion/process.ts"
import { edm, flow, subVp, ve, vp } from "../diffusion/process-sde.ts"
import {
  cosine,
  geometric,
  karras,
  linear,
  type Schedule,
  scaledLinear,
  sigmoid,
  sigmoidBeta,
  sqrt,
  sqrtBeta,
  zeroSnr,
} from "../diffusion/schedule.ts"
import { LearnedSchedule, learned } from "../diffusion/schedule-learned.ts"
import { UNet } from "../diffusion/unet.ts"
import type { NdArray } from "../engine/array.ts"
import type { Tensor, Variable } from "../engine/tensor.ts"
import { variables } from "../nn/module.ts"
import type { Objective } from "../train/objective.ts"
import { type diffusionOptions, expectFits, expectGroups, type objectiveOptions, type unetOptions } from "./options.ts"
import type { Experiment } from "./recipe.ts"

type ModelOptions = z.output<z.ZodObject<typeof diffusionOptions>>
type ObjectiveOptions = z.output<z.ZodObject<typeof objectiveOptions>>

const schedules: Readonly<Record<ModelOptions["schedule"], (steps: number) => Schedule>> = {
  cosine,
  linear,
  "scaled-linear": scaledLinear,
  sigmoid,
  "sigmoid-beta": sigmoidBeta,
  sqrt,
  "sqrt-beta": sqrtBeta,
  karras,
  geometric,
}

const processes: Readonly<
  Record<Exclude<ModelOptions["process"], "discrete" | "learned">, (steps: number) => Process>
> = {
  vp: (steps) => vp({ steps }),
  "sub-vp": (steps) => subVp({ steps }),
  ve: (steps) => ve({ steps }),
  edm: (steps) => edm({ steps }),
  flow: (steps) => flow({ steps }),
}

/** The process that options ask for, where it is not learned. */
export function processOf({ process, schedule, zeroSnr: isStretched, times }: ModelOptions): Process {
  if (process === "learned") throw new RangeError("processOf: a learned process needs its schedule")
  if (process !== "discrete") return processes[process](times)
  const made = schedules[schedule](times)
  return gaussian(isStretched ? zeroSnr(made) : made)
}

type UnetOptions = z.output<z.ZodObject<typeof unetOptions>>

/**
 * The U-Net that options ask for; of `classes` classes, one more stands for none.
 *
 * @throws RangeError when it is too large.
 */
export function unetOf(
  name: string,
  o: Omit<UnetOptions, "pixelPrior"> & { readonly pixelPrior?: boolean } & Pick<ModelOptions, "variance"> & {
      readonly batch: number
    },
  {
    shape,
    classes,
  }: { readonly shape: readonly [channels: number, height: number, width: number]; readonly classes: number },
): UNet {
  const [channels, height, width] = shape
  const { patch, multipliers, layers, groups, dropout } = o
  // A level has two 3 x 3 convolutions a block, down and, with twice the channels coming in, up.
  const parameters = multipliers.reduce((n, m) => n + 54 * (layers + 1) * (m * o.width) ** 2, 0)
  expectFits(name, parameters, (o.batch * height * width * o.width) / patch ** 2)
  expectGroups(name, o)
  return new UNet({
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
    outputs: o.pixelPrior ? 4 : o.variance === "learned" ? 2 : 1,
  })
}

/** What {@link built} needs to know beside the options that all diffusion recipes share. */
export interface BuiltOptions {
  /** Classes that it is told, if any. */
  readonly classes?: number
  readonly labelDropout?: number
  /** Whether the network's output is a prior of each pixel. */
  readonly pixelPrior?: boolean
  /** What it is given, made of clean samples. */
  readonly given?: (x0: Tensor) => Tensor
  /** Bound on |x0| while sampling; the denoiser's own unless given. */
  readonly clip?: number | null
}

/** A denoiser, what it is trained on, and all that is saved of it. */
export interface Built<N extends Network> {
  readonly model: Denoiser<N>
  readonly objective: Objective
  readonly variables: ReadonlyMap<string, Variable>
}

/**
 * The denoiser of a network and its objective, as options ask for them; with `classes`, of a network that is told labels,
 * of which `classes` itself stands for none.
 *
 * @throws RangeError when options do not go together.
 */
export function built<N extends Network & object>(
  network: N,
  options: ModelOptions & ObjectiveOptions,
  { classes = 0, labelDropout = 0.1, pixelPrior = false, given, clip }: BuiltOptions = {},
): Built<N | PixelPrior<N>> {
  const conditioned = (objective: Objective): Objective => {
    const told = classes === 0 ? objective : dropLabels(objective, { none: classes, share: labelDropout })
    return given === undefined ? told : withGiven(told, given)
  }
  const { predict, variance, sigmaData, process, times, objective, draw, firstStd } = options
  if (pixelPrior && (predict !== "x0" || variance === "learned"))
    throw new RangeError("--pixel-prior: it gives x0 and no variance (give --predict x0)")
  const head = {
    predict,
    variance,
    sigmaData,
    ...(firstStd !== undefined && { firstStd }),
    ...(clip !== undefined && { clip }),
  }
  if ((process === "learned") !== (objective === "vdm"))
    throw new RangeError(`--process ${process}: the objective is ${objective} (learned and vdm go together)`)
  const join = (process: Process): Denoiser<N | PixelPrior<N>> =>
    denoiser(pixelPrior ? new PixelPrior(network, process) : network, process, head)
  if (process !== "learned") {
    const model = join(processOf(options))
    return { model, objective: conditioned(objectiveOf(model, options)), variables: variables(model.network) }
  }
  if (draw === "loss-aware" || variance === "learned")
    throw new RangeError("--process learned: times are drawn stratified or uniform, and variances are not learned")
  const schedule = new LearnedSchedule()
  const model = join(learned(schedule, { steps: times }))
  const objectiveOfAll = conditioned(vdm(model, schedule, { times: draw }))
  return { model, objective: objectiveOfAll, variables: learnedVariables(model.network, schedule) }
}

/** The objective that options ask for of a denoiser whose process is not learned. */
function objectiveOf(
  model: Denoiser<Network & object>,
  { objective, gamma, draw: times }: ObjectiveOptions,
): Objective {
  if (model.variance === "learned" && objective !== "hybrid" && objective !== "vlb")
    throw new RangeError(
      `--variance learned: the objective ${objective} does not train it (give --objective hybrid or vlb)`,
    )
  switch (objective) {
    case "hybrid":
      return hybrid(model, { times })
    case "vlb":
      return vlb(model, { times })
    case "edm":
      return edmLoss(model)
    case "snr":
      return weighted(model, { times, weight: bySnr })
    case "snr+1":
      return weighted(model, { times, weight: bySnrPlusOne })
    case "min-snr":
      return weighted(model, { times, weight: minSnr(gamma) })
    case "p2":
      return weighted(model, { times, weight: p2() })
    default:
      return simple(model, { times })
  }
}

/** How a denoiser is judged that is told `classes` classes, if any: without a class, and as a classifier. */
export function judged(
  model: Denoiser,
  classes = 0,
): Pick<Experiment, "shape" | "metrics" | "bound" | "likelihood" | "classes" | "classify"> {
  const labelled = <O extends object>(x: NdArray, options: O): O =>
    classes === 0 ? options : { labels: new Int32Array(x.shape[0]).fill(classes), ...options }
  return {
    shape: model.shape,
    metrics: ["bpd", "flow"],
    bound: (x, options) => bound(preserving(model), x, labelled(x, options)),
    likelihood: (x, options) => odeLikelihood(model, x, labelled(x, options)),
    classes,
    classify: (x, options) => {
      if (classes === 0)
        throw new RangeError("classify: the model was not trained with labels (train it with --labels)")
      return classify(model, x, { ...options, classes })
    },
  }
}
