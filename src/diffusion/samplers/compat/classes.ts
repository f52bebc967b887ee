/** The scheduler classes of diffusers that have a sampler: their keys, and of each its default and what it may be. */

/** What a key of a scheduler's configuration may be. */
export type Key =
  | { readonly kind: "number"; readonly fallback: number; readonly least: number; readonly most: number }
  | { readonly kind: "whole"; readonly fallback: number; readonly least: number; readonly most: number }
  /** A number from 0, or null. */
  | { readonly kind: "bound"; readonly fallback: null }
  /** A truth; null, which some classes say, means no. */
  | { readonly kind: "flag"; readonly fallback: boolean; readonly isNullable?: boolean }
  | {
      readonly kind: "word"
      readonly fallback: string | null
      readonly words: readonly [string, ...string[]]
      readonly isNullable?: boolean
    }
  /** Numbers in an interval, or null where that is the default. */
  | {
      readonly kind: "numbers"
      readonly fallback: readonly number[] | null
      readonly least: number
      readonly most: number
      readonly isWhole?: boolean
    }
  | { readonly kind: "null"; readonly fallback: null }

const real = (fallback: number, least = -1e9, most = 1e9): Key => ({ kind: "number", fallback, least, most })
const whole = (fallback: number, least: number, most: number): Key => ({ kind: "whole", fallback, least, most })
const flag = (fallback: boolean): Key => ({ kind: "flag", fallback })
const word = (...words: [string, ...string[]]): Key => ({ kind: "word", fallback: words[0], words })
const among = (words: readonly [string, ...string[]], fallback: string): Key => ({ kind: "word", fallback, words })
const bound: Key = { kind: "bound", fallback: null }
const flagOrNull: Key = { kind: "flag", fallback: false, isNullable: true }

const predictions = ["epsilon", "sample", "v_prediction"] as const
const curves = ["linear", "scaled_linear", "squaredcos_cap_v2"] as const
const spacings = ["linspace", "leading", "trailing"] as const
const variances = [
  "fixed_small",
  "fixed_small_log",
  "fixed_large",
  "fixed_large_log",
  "learned",
  "learned_range",
] as const

const betas = {
  num_train_timesteps: whole(1000, 1, 1_000_000),
  beta_start: real(1e-4, 0, 1),
  beta_end: real(0.02, 0, 1),
  beta_schedule: word(...curves),
  trained_betas: { kind: "numbers", fallback: null, least: 0, most: 1 },
  prediction_type: word(...predictions),
  steps_offset: whole(0, 0, 1_000_000),
} satisfies Record<string, Key>
const leading = { ...betas, timestep_spacing: among(spacings, "leading") }
const linspace = { ...betas, timestep_spacing: among(spacings, "linspace") }
const zeroSnr = { rescale_betas_zero_snr: flag(false) }
const clipping = { clip_sample: flag(true), clip_sample_range: real(1, 0) }
const thresholding = {
  thresholding: flag(false),
  dynamic_thresholding_ratio: real(0.995, 0, 1),
  sample_max_value: real(1, 0),
}
const formulas = {
  use_karras_sigmas: flagOrNull,
  use_exponential_sigmas: flagOrNull,
  use_beta_sigmas: flagOrNull,
}
const end = { final_sigmas_type: word("zero", "sigma_min") }
const flows = {
  use_flow_sigmas: flag(false),
  flow_shift: real(1),
  use_dynamic_shifting: flag(false),
  time_shift_type: word("exponential", "linear"),
}
const solver = {
  ...thresholding,
  ...formulas,
  ...end,
  ...flows,
  prediction_type: word(...predictions, "flow_prediction"),
  solver_order: whole(2, 1, 3),
}
const dpm = {
  ...solver,
  solver_type: word("midpoint", "heun", "logrho", "bh1", "bh2"),
  lambda_min_clipped: real(Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY),
  // The fixed ones come from DDPM's configurations and mean nothing.
  variance_type: { kind: "word", fallback: null, words: variances, isNullable: true },
} satisfies Record<string, Key>
const edm = {
  sigma_min: real(0.002, 0),
  sigma_max: real(80, 0),
  sigma_data: real(0.5, 0),
  sigma_schedule: word("karras", "exponential"),
  num_train_timesteps: whole(1000, 1, 1_000_000),
  prediction_type: word(...predictions),
  rho: real(7, 0),
  ...end,
}
const original = word(...predictions, "original_sample")

/** The keys of every class, by its name. */
export const schedulerKeys = {
  DDPMScheduler: {
    ...leading,
    ...clipping,
    ...thresholding,
    ...zeroSnr,
    beta_schedule: word(...curves, "laplace", "sigmoid"),
    variance_type: word(...variances),
  },
  DDIMScheduler: { ...leading, ...clipping, ...thresholding, ...zeroSnr, set_alpha_to_one: flag(true) },
  PNDMScheduler: { ...leading, skip_prk_steps: flag(false), set_alpha_to_one: flag(false) },
  DPMSolverMultistepScheduler: {
    ...linspace,
    ...dpm,
    ...zeroSnr,
    algorithm_type: among(["dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++", "deis"], "dpmsolver++"),
    lower_order_final: flag(true),
    euler_at_final: flag(false),
    use_lu_lambdas: flag(false),
  },
  DPMSolverSinglestepScheduler: {
    ...betas,
    ...dpm,
    algorithm_type: among(["dpmsolver", "dpmsolver++", "sde-dpmsolver++", "deis"], "dpmsolver++"),
    lower_order_final: flag(false),
  },
  EulerDiscreteScheduler: {
    ...linspace,
    ...formulas,
    ...zeroSnr,
    ...end,
    interpolation_type: word("linear", "log_linear"),
    sigma_min: bound,
    sigma_max: bound,
    timestep_type: word("discrete", "continuous"),
    prediction_type: original,
  },
  EulerAncestralDiscreteScheduler: { ...linspace, ...zeroSnr },
  HeunDiscreteScheduler: {
    ...linspace,
    ...formulas,
    ...clipping,
    clip_sample: flag(false),
    beta_start: real(0.00085, 0, 1),
    beta_end: real(0.012, 0, 1),
    beta_schedule: word(...curves, "exp"),
    prediction_type: original,
  },
  UniPCMultistepScheduler: {
    ...linspace,
    ...solver,
    ...zeroSnr,
    predict_x0: flag(true),
    solver_type: among(["bh1", "bh2", "midpoint", "heun", "logrho"], "bh2"),
    lower_order_final: flag(true),
    disable_corrector: { kind: "numbers", fallback: [], least: -1e9, most: 1e9, isWhole: true },
    solver_p: { kind: "null", fallback: null },
    sigma_min: bound,
    sigma_max: bound,
    shift_terminal: bound,
  },
  EDMEulerScheduler: edm,
  EDMDPMSolverMultistepScheduler: {
    ...edm,
    ...thresholding,
    solver_order: whole(2, 1, 3),
    algorithm_type: among(["dpmsolver++", "sde-dpmsolver++", "deis"], "dpmsolver++"),
    solver_type: word("midpoint", "heun", "logrho", "bh1", "bh2"),
    lower_order_final: flag(true),
    euler_at_final: flag(false),
  },
} as const satisfies Record<string, Readonly<Record<string, Key>>>

/** A scheduler class of diffusers that has a sampler. */
export type SchedulerClass = keyof typeof schedulerKeys

/** Names of the scheduler classes that have a sampler. */
export const schedulerClasses: readonly SchedulerClass[] = Object.keys(schedulerKeys) as SchedulerClass[]

/** Whether a name is that of a class. */
export function isSchedulerClass(name: unknown): name is SchedulerClass {
  return typeof name === "string" && Object.hasOwn(schedulerKeys, name)
}

/** What a key's value should have been, in words; null where it is fine. */
export function wantedOf(key: Key, value: unknown): string | null {
  const isNumber = (v: unknown, least: number, most: number): v is number =>
    typeof v === "number" && v >= least && v <= most
  switch (key.kind) {
    case "number":
      return isNumber(value, key.least, key.most) ? null : `a number from ${key.least} to ${key.most}`
    case "whole":
      return isNumber(value, key.least, key.most) && Number.isInteger(value)
        ? null
        : `a whole number from ${key.least} to ${key.most.toLocaleString("en")}`
    case "bound":
      return value === null || isNumber(value, 0, Number.MAX_VALUE) ? null : "a number from 0, or null"
    case "flag":
      return typeof value === "boolean" || (key.isNullable === true && value === null) ? null : "a boolean"
    case "word":
      return (typeof value === "string" && key.words.includes(value)) || (key.isNullable === true && value === null)
        ? null
        : key.words.join(", ")
    case "numbers":
      return (value === null && key.fallback === null) ||
        (Array.isArray(value) &&
          value.length <= 1e6 &&
          value.every((v) => isNumber(v, key.least, key.most) && (!key.isWhole || Number.isInteger(v))))
        ? null
        : `${key.isWhole ? "whole " : ""}numbers from ${key.least} to ${key.most}${key.fallback === null ? ", or null" : ""}`
    case "null":
      return value === null ? null : "null"
  }
}
