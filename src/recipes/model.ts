/** Denoisers and objectives from the options that diffusion recipes share. */
import type { z } from "zod"
import { type Denoiser, denoiser, type Network, preserving } from "../diffusion/denoiser.ts"
import { bound } from "../diffusion/likelihood-bound.ts"
import { odeLikelihood } from "../diffusion/likelihood-ode.ts"
import { simple, weighted } from "../diffusion/objective.ts"
import { hybrid, vlb } from "../diffusion/objective-bound.ts"
import { edmLoss } from "../diffusion/objective-edm.ts"
import { bySnr, bySnrPlusOne, minSnr, p2, type Weighting } from "../diffusion/objective-weight.ts"
import { gaussian, type Process } from "../diffusion/process.ts"
import { edm, flow, subVp, ve, vp } from "../diffusion/process-sde.ts"
import {
  cosine,
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
import type { Objective } from "../train/objective.ts"
import type { diffusionOptions, objectiveOptions } from "./options.ts"
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
}

const processes: Readonly<Record<Exclude<ModelOptions["process"], "discrete">, (steps: number) => Process>> = {
  vp: (steps) => vp({ steps }),
  "sub-vp": (steps) => subVp({ steps }),
  ve: (steps) => ve({ steps }),
  edm: (steps) => edm({ steps }),
  flow: (steps) => flow({ steps }),
}

/** The process that options ask for. */
export function processOf({ process, schedule, zeroSnr: isStretched, times }: ModelOptions): Process {
  if (process !== "discrete") return processes[process](times)
  const made = schedules[schedule](times)
  return gaussian(isStretched ? zeroSnr(made) : made)
}

/** The denoiser of a network that options ask for. */
export function modelOf<N extends Network>(network: N, options: ModelOptions): Denoiser<N> {
  const { predict, variance, sigmaData } = options
  return denoiser(network, processOf(options), { predict, variance, sigmaData })
}

/**
 * The objective that options ask for.
 *
 * @throws RangeError when model and objective do not go together.
 */
export function objectiveOf(
  model: Denoiser<Network & object>,
  { objective, gamma, draw: times }: ObjectiveOptions,
): Objective {
  if (model.variance === "learned" && objective !== "hybrid" && objective !== "vlb")
    throw new RangeError(
      `--variance learned: the objective ${objective} does not train it (give --objective hybrid or vlb)`,
    )
  if (objective === "hybrid") return hybrid(model, { times })
  if (objective === "vlb") return vlb(model, { times })
  if (objective === "edm") return edmLoss(model)
  if (objective === "simple") return simple(model, { times })
  const weights: Readonly<Record<typeof objective, Weighting>> = {
    snr: bySnr,
    "snr+1": bySnrPlusOne,
    "min-snr": minSnr(gamma),
    p2: p2(),
  }
  return weighted(model, { times, weight: weights[objective] })
}

/** How a denoiser is judged. */
export function judged(model: Denoiser): Pick<Experiment, "bound" | "likelihood"> {
  return {
    bound: (x, options) => bound(preserving(model), x, options),
    likelihood: (x, options) => odeLikelihood(model, x, options),
  }
}
