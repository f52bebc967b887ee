/** Scheduler configurations of diffusers as samplers of ours: a table for each class. */
import type { Predict } from "../../denoiser.ts"
import type { Schedule } from "../../schedule.ts"
import type { SamplerName } from "../all.ts"
import type { Threshold } from "../plan/limit.ts"
import type { PathOptions } from "../plan/path.ts"
import type { Spacing, TimeSpacing } from "../plan/spacing.ts"
import {
  isSchedulerClass,
  type Key,
  type SchedulerClass,
  schedulerClasses,
  schedulerKeys,
  wantedOf,
} from "./classes.ts"
import { type BetaConfig, scheduleOf } from "./tables.ts"

/** A scheduler configuration, as JSON has it. */
export type SchedulerConfig = Readonly<Record<string, unknown>>

/** Options of one sampler. */
type Own = Readonly<Record<string, unknown>>

/** What a configuration amounts to. */
export interface SchedulerMatch {
  readonly sampler: SamplerName
  /** The noise schedule in float32; `gaussian(schedule)` is its process. */
  readonly schedule: Schedule
  /** What the network predicts. */
  readonly predict: Predict
  /** Options of the sampler, to be given with `steps` and what else a call decides. */
  readonly options: PathOptions & {
    readonly clip: number | null
    readonly threshold: Threshold | null
    readonly [option: string]: unknown
  }
}

/** What one class does, and its own options from a configuration with its defaults filled in. */
interface Meaning {
  readonly sampler: SamplerName
  /** What a configuration cannot change. */
  readonly fixed?: SchedulerConfig
  /** Whether x0 may be clipped, and whether it may be thresholded. */
  readonly clips?: boolean
  readonly thresholds?: boolean
  /** Whether its network may not predict x0. */
  readonly lacksSample?: boolean
  readonly options?: (c: SchedulerConfig) => Own
}

const variances: Readonly<Record<string, string>> = {
  fixed_small: "small",
  fixed_small_log: "small",
  fixed_large: "large",
  learned: "direct",
  learned_range: "learned",
}

const alphaEnd = (c: SchedulerConfig): Own => ({ final: c["set_alpha_to_one"] ? "zero" : "first" })
const sigmaEnd = (c: SchedulerConfig): Own => ({
  final: c["final_sigmas_type"] === "sigma_min" ? "first" : "zero",
})
const lambdas = (c: SchedulerConfig): Own => {
  const least = c["lambda_min_clipped"] as number
  return least > Number.NEGATIVE_INFINITY ? { lambdaMin: least } : {}
}
/** DPM-Solver takes other solvers' names of its types for its own. */
const dpm = (c: SchedulerConfig): Own => ({
  ...sigmaEnd(c),
  ...lambdas(c),
  order: c["solver_order"],
  algorithm: c["algorithm_type"] === "deis" ? "dpmsolver++" : c["algorithm_type"],
  solver: c["solver_type"] === "heun" ? "heun" : "midpoint",
  lowerOrderFinal: c["lower_order_final"],
  eulerAtFinal: c["euler_at_final"] ?? false,
})
const edmLevels = (c: SchedulerConfig): Own => ({
  ...sigmaEnd(c),
  edm: {
    sigmaMin: c["sigma_min"],
    sigmaMax: c["sigma_max"],
    sigmaData: c["sigma_data"],
    rho: c["rho"],
    spacing: c["sigma_schedule"],
    isSingle: c["solver_order"] !== undefined,
  },
})

const meanings: Readonly<Record<SchedulerClass, Meaning>> = {
  DDPMScheduler: {
    sampler: "ddpm",
    clips: true,
    thresholds: true,
    options: (c) => ({ variance: named("variance_type", variances, c) }),
  },
  DDIMScheduler: { sampler: "ddim", clips: true, thresholds: true, options: alphaEnd },
  PNDMScheduler: {
    sampler: "pndm",
    lacksSample: true,
    options: (c) => ({ ...alphaEnd(c), skipPrk: c["skip_prk_steps"] }),
  },
  EulerDiscreteScheduler: {
    sampler: "euler",
    options: (c) => ({
      ...sigmaEnd(c),
      interpolation: c["interpolation_type"] === "log_linear" ? "log" : "linear",
      sigmaMin: c["sigma_min"],
      sigmaMax: c["sigma_max"],
      told: c["timestep_type"] === "continuous" && c["prediction_type"] === "v_prediction" ? "level" : "time",
    }),
  },
  EulerAncestralDiscreteScheduler: { sampler: "eulerAncestral", lacksSample: true },
  HeunDiscreteScheduler: { sampler: "heun", clips: true },
  DPMSolverMultistepScheduler: { sampler: "dpmSolver", thresholds: true, options: dpm },
  DPMSolverSinglestepScheduler: {
    sampler: "dpmSolverSingle",
    // It has no spacing, and looks at no offset.
    fixed: { timestep_spacing: "linspace", steps_offset: 0 },
    thresholds: true,
    options: dpm,
  },
  UniPCMultistepScheduler: {
    sampler: "unipc",
    thresholds: true,
    options: (c) => ({
      ...sigmaEnd(c),
      order: c["solver_order"],
      variant: c["solver_type"] === "bh1" ? "bh1" : "bh2",
      predictX0: c["predict_x0"],
      lowerOrderFinal: c["lower_order_final"],
      disableCorrector: c["disable_corrector"],
      sigmaMin: c["sigma_min"],
      sigmaMax: c["sigma_max"],
    }),
  },
  EDMEulerScheduler: { sampler: "euler", lacksSample: true, options: edmLevels },
  EDMDPMSolverMultistepScheduler: {
    sampler: "dpmSolver",
    lacksSample: true,
    thresholds: true,
    options: (c) => ({ ...dpm(c), ...edmLevels(c) }),
  },
}

const predictions: Readonly<Record<string, Predict>> = {
  epsilon: "eps",
  sample: "x0",
  original_sample: "x0",
  v_prediction: "v",
}

/** The meaning of a key's word; @throws RangeError for a word without one. */
function named<T>(key: string, words: Readonly<Record<string, T>>, config: SchedulerConfig): T {
  const word = config[key]
  const found = typeof word === "string" && Object.hasOwn(words, word) ? words[word] : undefined
  if (found === undefined)
    throw new RangeError(
      `scheduler: got ${key} ${JSON.stringify(word)}, expected ${Object.keys(words).join(", ")}${word === "fixed_large_log" ? " (diffusers makes NaN of this one)" : ""}`,
    )
  return found
}

function spacingOf(c: SchedulerConfig): Spacing {
  const chosen: [string, Spacing][] = [
    ["use_karras_sigmas", "karras"],
    ["use_lu_lambdas", "lambda"],
    ["use_exponential_sigmas", "exponential"],
    ["use_beta_sigmas", "beta"],
  ]
  const found = chosen.find(([key]) => c[key] === true)
  return found === undefined ? timesOf(c) : found[1]
}

function timesOf(c: SchedulerConfig): TimeSpacing {
  return named("timestep_spacing", { linspace: "linspace", leading: "leading", trailing: "trailing" }, c)
}

/** A configuration with the class's defaults filled in; @throws RangeError for values that its keys cannot have. */
function filled(config: SchedulerConfig, name: SchedulerClass): Record<string, unknown> {
  const all: Record<string, unknown> = {}
  for (const [key, of] of Object.entries<Key>(schedulerKeys[name])) {
    const value = config[key] === undefined ? of.fallback : config[key]
    const wanted = wantedOf(of, value)
    if (wanted !== null) throw new RangeError(`scheduler: got ${key} ${JSON.stringify(value)}, expected ${wanted}`)
    all[key] = value
  }
  return all
}

/**
 * The sampler that does what a diffusers scheduler of this configuration does, with `compat: "diffusers"`.
 * Missing keys have the class's defaults, unknown ones mean nothing. For DDIM's `use_clipped_model_output` and `eta`,
 * and Euler's `s_churn`, which are arguments of a step, give `rederive`, `eta` and `churn`.
 *
 * @throws RangeError for a class that has no sampler here, a value of the wrong type, or an option without a meaning
 *   here (flow sigmas and flow prediction; `fixed_large_log`, of which diffusers makes NaN).
 */
export function fromScheduler(config: SchedulerConfig, name: string = String(config["_class_name"])): SchedulerMatch {
  if (!isSchedulerClass(name))
    throw new RangeError(`scheduler: got class ${name}, expected one of ${schedulerClasses.join(", ")}`)
  const { sampler, fixed, clips, thresholds, lacksSample, options } = meanings[name]
  const c: Record<string, unknown> = { ...filled(config, name), ...fixed }
  if (c["use_flow_sigmas"] === true) throw new RangeError("scheduler: got use_flow_sigmas true, expected false")
  if (lacksSample && c["prediction_type"] === "sample")
    throw new RangeError(`scheduler: ${name} takes no prediction_type sample`)
  const isEdm = "sigma_data" in c
  const predict = named("prediction_type", predictions, c)
  const isThresholded = thresholds === true && c["thresholding"] === true
  const clip = clips && c["clip_sample"] && !isThresholded ? (c["clip_sample_range"] as number) : null
  const schedule = scheduleOf((isEdm ? filled({}, "DDPMScheduler") : c) as unknown as BetaConfig)
  const { steps, alphaBar } = schedule
  const isTabled = sampler === "ddpm" || sampler === "ddim"
  // Classes that work with sigma / signal leave the smallest share that half precision knows.
  if (alphaBar[steps] === 0 && !isTabled) alphaBar[steps] = 2 ** -24
  // diffusers divides by 0 and clips infinity; the least number of float32 makes what is clipped the same.
  if (alphaBar[steps] === 0 && predict === "eps" && (clip !== null || isThresholded)) alphaBar[steps] = 2 ** -126
  return {
    sampler,
    schedule,
    predict,
    options: {
      compat: "diffusers",
      ...(!isEdm && { spacing: spacingOf(c), ends: timesOf(c), offset: c["steps_offset"] as number }),
      clip,
      threshold: isThresholded
        ? { ratio: c["dynamic_thresholding_ratio"] as number, max: c["sample_max_value"] as number }
        : null,
      ...options?.(c),
    },
  }
}
