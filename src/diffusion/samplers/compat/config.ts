/** Scheduler configurations of diffusers as samplers of ours: a table for each class. */
import type { Predict } from "../../denoiser.ts"
import type { Schedule } from "../../schedule.ts"
import type { SamplerName } from "../all.ts"
import type { Threshold } from "../plan/limit.ts"
import type { PathOptions } from "../plan/path.ts"
import type { Spacing, TimeSpacing } from "../plan/spacing.ts"
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

/** One class: its sampler, and its own options from a configuration with its defaults filled in. */
interface Class {
  readonly sampler: SamplerName
  readonly defaults: SchedulerConfig
  /** What a configuration cannot change. */
  readonly fixed?: SchedulerConfig
  /** Whether x0 may be clipped, and whether it may be thresholded. */
  readonly clips?: boolean
  readonly thresholds?: boolean
  readonly options?: (c: SchedulerConfig) => Own
}

const common = {
  num_train_timesteps: 1000,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: "linear",
  trained_betas: null,
  prediction_type: "epsilon",
  steps_offset: 0,
}
const discrete = { ...common, timestep_spacing: "leading" }
const level = { ...common, timestep_spacing: "linspace" }
const clipping = { clip_sample: true, clip_sample_range: 1.0 }
const thresholding = { thresholding: false, dynamic_thresholding_ratio: 0.995, sample_max_value: 1.0 }
const sigmas = { use_karras_sigmas: false, use_exponential_sigmas: false, use_beta_sigmas: false }
const solver = { ...level, ...thresholding, ...sigmas, solver_order: 2, final_sigmas_type: "zero" }
const edm = {
  sigma_min: 0.002,
  sigma_max: 80,
  sigma_data: 0.5,
  sigma_schedule: "karras",
  num_train_timesteps: 1000,
  prediction_type: "epsilon",
  rho: 7,
  final_sigmas_type: "zero",
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
  // JSON has no infinity: diffusers writes the word.
  const least = c["lambda_min_clipped"]
  return typeof least === "number" ? { lambdaMin: least } : {}
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

/** Every class that is known, by name. */
const classes: Readonly<Record<string, Class>> = {
  DDPMScheduler: {
    sampler: "ddpm",
    defaults: {
      ...discrete,
      ...clipping,
      ...thresholding,
      variance_type: "fixed_small",
      rescale_betas_zero_snr: false,
    },
    clips: true,
    thresholds: true,
    options: (c) => ({ variance: named("variance_type", variances, c) }),
  },
  DDIMScheduler: {
    sampler: "ddim",
    defaults: { ...discrete, ...clipping, ...thresholding, set_alpha_to_one: true, rescale_betas_zero_snr: false },
    clips: true,
    thresholds: true,
    options: alphaEnd,
  },
  PNDMScheduler: {
    sampler: "pndm",
    defaults: { ...discrete, skip_prk_steps: false, set_alpha_to_one: false },
    options: (c) => ({ ...alphaEnd(c), skipPrk: c["skip_prk_steps"] }),
  },
  EulerDiscreteScheduler: {
    sampler: "euler",
    defaults: {
      ...level,
      ...sigmas,
      interpolation_type: "linear",
      sigma_min: null,
      sigma_max: null,
      timestep_type: "discrete",
      rescale_betas_zero_snr: false,
      final_sigmas_type: "zero",
    },
    options: (c) => ({
      ...sigmaEnd(c),
      interpolation: c["interpolation_type"] === "log_linear" ? "log" : "linear",
      sigmaMin: c["sigma_min"],
      sigmaMax: c["sigma_max"],
      told: c["timestep_type"] === "continuous" && c["prediction_type"] === "v_prediction" ? "level" : "time",
    }),
  },
  EulerAncestralDiscreteScheduler: { sampler: "eulerAncestral", defaults: { ...level, rescale_betas_zero_snr: false } },
  HeunDiscreteScheduler: {
    sampler: "heun",
    defaults: { ...level, ...sigmas, beta_start: 0.00085, beta_end: 0.012, clip_sample: false, clip_sample_range: 1.0 },
    clips: true,
  },
  DPMSolverMultistepScheduler: {
    sampler: "dpmSolver",
    defaults: {
      ...solver,
      algorithm_type: "dpmsolver++",
      solver_type: "midpoint",
      lower_order_final: true,
      euler_at_final: false,
      use_lu_lambdas: false,
      rescale_betas_zero_snr: false,
    },
    thresholds: true,
    options: dpm,
  },
  DPMSolverSinglestepScheduler: {
    sampler: "dpmSolverSingle",
    defaults: { ...solver, algorithm_type: "dpmsolver++", solver_type: "midpoint", lower_order_final: false },
    // It has no such keys, and looks at none.
    fixed: { timestep_spacing: "linspace", steps_offset: 0 },
    thresholds: true,
    options: dpm,
  },
  UniPCMultistepScheduler: {
    sampler: "unipc",
    defaults: {
      ...solver,
      predict_x0: true,
      solver_type: "bh2",
      lower_order_final: true,
      disable_corrector: [],
      sigma_min: null,
      sigma_max: null,
      rescale_betas_zero_snr: false,
    },
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
  EDMEulerScheduler: { sampler: "euler", defaults: edm, options: edmLevels },
  EDMDPMSolverMultistepScheduler: {
    sampler: "dpmSolver",
    defaults: {
      ...edm,
      ...thresholding,
      solver_order: 2,
      algorithm_type: "dpmsolver++",
      solver_type: "midpoint",
      lower_order_final: true,
      euler_at_final: false,
    },
    thresholds: true,
    options: (c) => ({ ...dpm(c), ...edmLevels(c) }),
  },
}

/** Names of the scheduler classes that have a sampler. */
export const schedulerClasses: readonly string[] = Object.keys(classes)

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

/** Numbers, whole numbers and truths where a class wants them, so that files that say something else are refused. */
function checkTypes(config: SchedulerConfig, defaults: SchedulerConfig): void {
  for (const [key, fallback] of Object.entries(defaults)) {
    const value = config[key]
    const isFine =
      typeof fallback === "number"
        ? typeof value === "number" && Number.isFinite(value)
        : typeof fallback === "boolean"
          ? typeof value === "boolean"
          : typeof fallback === "string"
            ? typeof value === "string"
            : fallback === null
              ? value === null || typeof value === "number" || isNumbers(value)
              : isNumbers(value)
    if (!isFine)
      throw new RangeError(
        `scheduler: got ${key} ${JSON.stringify(value)}, expected ${fallback === null ? "numbers or null" : Array.isArray(fallback) ? "a list of numbers" : `a ${typeof fallback}`}`,
      )
  }
}

function isNumbers(value: unknown): boolean {
  return Array.isArray(value) && value.length <= 1e6 && value.every((v) => typeof v === "number" && Number.isFinite(v))
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
  const found = Object.hasOwn(classes, name) ? classes[name] : undefined
  if (found === undefined)
    throw new RangeError(`scheduler: got class ${name}, expected one of ${schedulerClasses.join(", ")}`)
  const { sampler, defaults, fixed, clips, thresholds, options } = found
  const c: Record<string, unknown> = { ...defaults }
  for (const key of [...Object.keys(defaults), "lambda_min_clipped", "use_flow_sigmas"])
    if (config[key] !== undefined) c[key] = config[key]
  Object.assign(c, fixed)
  checkTypes(c, defaults)
  if (c["use_flow_sigmas"] === true) throw new RangeError("scheduler: got use_flow_sigmas true, expected false")
  if (sampler === "eulerAncestral" && c["prediction_type"] === "sample")
    throw new RangeError("scheduler: EulerAncestralDiscreteScheduler takes no prediction_type sample")
  const isEdm = "sigma_data" in defaults
  const predict = named("prediction_type", predictions, c)
  const isThresholded = thresholds === true && c["thresholding"] === true
  const clip = clips && c["clip_sample"] && !isThresholded ? (c["clip_sample_range"] as number) : null
  const schedule = scheduleOf(isEdm ? { ...common } : (c as unknown as BetaConfig))
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
