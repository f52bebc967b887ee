/** Configurations of diffusers' schedulers: keys, defaults and bounds of each class. What they mean is the samplers' matter. */
import { z } from "zod"
import { fitted, type Json, quoted } from "./json.ts"
import { count } from "./unet-config.ts"

/** A scheduler configuration with every key of its class filled in, and the class as `_class_name`. */
export interface SchedulerSettings {
  readonly _class_name: SchedulerClass
  readonly [key: string]: unknown
}

const words = <const T extends readonly [string, ...string[]]>(list: T): z.ZodEnum<{ [W in T[number]]: W }> =>
  z.enum(list)
const flag = (fallback: boolean): z.ZodDefault<z.ZodBoolean> => z.boolean().default(fallback)
const real = (fallback: number, least = -1e9, most = 1e9): z.ZodDefault<z.ZodNumber> =>
  z.number().min(least).max(most).default(fallback)

const spacing = words(["linspace", "leading", "trailing"])
const predictions = ["epsilon", "sample", "v_prediction"] as const
const curves = ["linear", "scaled_linear", "squaredcos_cap_v2"] as const

const betas = {
  num_train_timesteps: count(1_000_000).default(1000),
  beta_start: real(1e-4, 0, 1),
  beta_end: real(0.02, 0, 1),
  beta_schedule: words(curves).default("linear"),
  trained_betas: z.array(z.number().min(0).max(1)).min(1).max(1_000_000).nullable().default(null),
  prediction_type: words(predictions).default("epsilon"),
  steps_offset: z.number().int().min(0).max(1_000_000).default(0),
}
const variances = [
  "fixed_small",
  "fixed_small_log",
  "fixed_large",
  "fixed_large_log",
  "learned",
  "learned_range",
] as const
const leading = { ...betas, timestep_spacing: spacing.default("leading") }
const linspace = { ...betas, timestep_spacing: spacing.default("linspace") }
const zeroSnr = { rescale_betas_zero_snr: flag(false) }
const clipping = { clip_sample: flag(true), clip_sample_range: real(1, 0) }
const thresholds = {
  thresholding: flag(false),
  dynamic_thresholding_ratio: real(0.995, 0, 1),
  sample_max_value: real(1, 0),
}
/** Some classes say that these may be null, which means no. */
const flagOrNull = z
  .boolean()
  .nullable()
  .default(false)
  .transform((v) => v === true)
const spacings = {
  use_karras_sigmas: flagOrNull,
  use_exponential_sigmas: flagOrNull,
  use_beta_sigmas: flagOrNull,
}
const end = { final_sigmas_type: words(["zero", "sigma_min"]).default("zero") }
const flows = {
  use_flow_sigmas: flag(false),
  flow_shift: real(1),
  use_dynamic_shifting: flag(false),
  time_shift_type: words(["exponential", "linear"]).default("exponential"),
}
const bound = z.number().min(0).nullable().default(null)
const solver = {
  ...thresholds,
  ...spacings,
  ...end,
  ...flows,
  prediction_type: words([...predictions, "flow_prediction"]).default("epsilon"),
  solver_order: z.number().int().min(1).max(3).default(2),
}
const dpm = {
  ...solver,
  solver_type: words(["midpoint", "heun", "logrho", "bh1", "bh2"]).default("midpoint"),
  // Python writes -Infinity; some writers have it as a text.
  lambda_min_clipped: z
    .union([
      z.number(),
      z.literal(Number.NEGATIVE_INFINITY),
      z.literal("-Infinity").transform(() => Number.NEGATIVE_INFINITY),
    ])
    .default(Number.NEGATIVE_INFINITY),
  // The fixed ones come from DDPM's configurations and mean nothing.
  variance_type: words(variances).nullable().default(null),
}
const edm = {
  sigma_min: real(0.002, 0),
  sigma_max: real(80, 0),
  sigma_data: real(0.5, 0),
  sigma_schedule: words(["karras", "exponential"]).default("karras"),
  num_train_timesteps: count(1_000_000).default(1000),
  prediction_type: words(predictions).default("epsilon"),
  rho: real(7, 0),
  ...end,
}

const classes = {
  DDPMScheduler: {
    ...leading,
    ...clipping,
    ...thresholds,
    ...zeroSnr,
    beta_schedule: words([...curves, "laplace", "sigmoid"]).default("linear"),
    variance_type: words(variances).default("fixed_small"),
  },
  DDIMScheduler: { ...leading, ...clipping, ...thresholds, ...zeroSnr, set_alpha_to_one: flag(true) },
  PNDMScheduler: { ...leading, skip_prk_steps: flag(false), set_alpha_to_one: flag(false) },
  DPMSolverMultistepScheduler: {
    ...linspace,
    ...dpm,
    ...zeroSnr,
    algorithm_type: words(["dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++", "deis"]).default(
      "dpmsolver++",
    ),
    lower_order_final: flag(true),
    euler_at_final: flag(false),
    use_lu_lambdas: flag(false),
  },
  DPMSolverSinglestepScheduler: {
    ...betas,
    ...dpm,
    algorithm_type: words(["dpmsolver", "dpmsolver++", "sde-dpmsolver++", "deis"]).default("dpmsolver++"),
    lower_order_final: flag(false),
  },
  EulerDiscreteScheduler: {
    ...linspace,
    ...spacings,
    ...zeroSnr,
    ...end,
    interpolation_type: words(["linear", "log_linear"]).default("linear"),
    sigma_min: bound,
    sigma_max: bound,
    timestep_type: words(["discrete", "continuous"]).default("discrete"),
    prediction_type: words([...predictions, "original_sample"]).default("epsilon"),
  },
  EulerAncestralDiscreteScheduler: { ...linspace, ...zeroSnr },
  HeunDiscreteScheduler: {
    ...linspace,
    ...spacings,
    ...clipping,
    clip_sample: flag(false),
    beta_start: real(0.00085, 0, 1),
    beta_end: real(0.012, 0, 1),
    beta_schedule: words([...curves, "exp"]).default("linear"),
    prediction_type: words([...predictions, "original_sample"]).default("epsilon"),
  },
  UniPCMultistepScheduler: {
    ...linspace,
    ...solver,
    ...zeroSnr,
    predict_x0: flag(true),
    solver_type: words(["bh1", "bh2", "midpoint", "heun", "logrho"]).default("bh2"),
    lower_order_final: flag(true),
    disable_corrector: z.array(z.number().int()).max(1_000_000).default([]),
    solver_p: z.null().default(null),
    sigma_min: bound,
    sigma_max: bound,
    shift_terminal: bound,
  },
  EDMEulerScheduler: edm,
  EDMDPMSolverMultistepScheduler: {
    ...edm,
    ...thresholds,
    solver_order: z.number().int().min(1).max(3).default(2),
    algorithm_type: words(["dpmsolver++", "sde-dpmsolver++", "deis"]).default("dpmsolver++"),
    solver_type: words(["midpoint", "heun", "logrho", "bh1", "bh2"]).default("midpoint"),
    lower_order_final: flag(true),
    euler_at_final: flag(false),
  },
} as const

/** A scheduler class of diffusers whose configurations are read. */
export type SchedulerClass = keyof typeof classes

/** Names of the scheduler classes whose configurations are read. */
export const schedulerClasses: readonly SchedulerClass[] = Object.keys(classes) as SchedulerClass[]

/**
 * A scheduler's configuration read as diffusers' `from_config` does: absent keys, and those that `_use_default_values`
 * lists, have the class's defaults; unknown ones are left out.
 *
 * @param name the class to make of it, that of the configuration by default: any class may read another's
 * @throws RangeError for an unknown class, or `where: key: got ..., expected ...`
 */
export function schedulerSettings(
  config: Json,
  where = "scheduler",
  name: unknown = config["_class_name"],
): SchedulerSettings {
  if (typeof name !== "string" || !Object.hasOwn(classes, name))
    throw new RangeError(`${where}: _class_name: got ${quoted(name)}, expected one of ${schedulerClasses.join(", ")}`)
  const fallback = config["_use_default_values"] ?? []
  if (!Array.isArray(fallback) || !fallback.every((key) => typeof key === "string"))
    throw new RangeError(`${where}: _use_default_values: got ${quoted(fallback)}, expected a list of keys`)
  const given = Object.fromEntries(Object.entries(config).filter(([key]) => !fallback.includes(key)))
  const schema: z.ZodType<Json> = z.object(classes[name as SchedulerClass])
  return { ...fitted(given, schema, where), _class_name: name as SchedulerClass }
}
