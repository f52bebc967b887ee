/** Samplers against diffusers' schedulers: the same configurations, the same noise, the same small network. */
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { sin } from "../../../engine/ops/elementwise.ts"
import { concat } from "../../../engine/ops/movement.ts"
import { configure } from "../../../engine/runtime.ts"
import type { Tensor } from "../../../engine/tensor.ts"
import { denoiser, type Network } from "../../denoiser.ts"
import { gaussian } from "../../process.ts"
import { type AnyOptions, plans, type Sampler, type SamplerName, samplers } from "../all.ts"
import { follow } from "../plan/follow.ts"
import type { Target } from "../plan/path.ts"
import type { Plan } from "../plan/plan.ts"
import { last } from "../sampler.ts"
import { schedulerClasses } from "./classes.ts"
import { fromScheduler, type SchedulerConfig } from "./config.ts"

configure({ threads: 1 })

interface Case {
  readonly class: string
  readonly config: SchedulerConfig
  readonly steps: number
  readonly arguments: Readonly<Record<string, number>>
  readonly timesteps: readonly number[]
  readonly first: readonly number[]
  readonly last: readonly number[]
  readonly noised: readonly number[]
  /** The first and the last sample of diffusers with samples in float64, where float32 changes them. */
  readonly exact?: readonly number[]
}

const { cases } = JSON.parse(readFileSync(new URL("../fixtures/schedulers.json", import.meta.url), "utf8")) as {
  cases: Case[]
}

const shape = [1, 3, 4] as const
const size = 12
const count = 24

/** The numbers of fixtures/schedulers.py: noise of question k. */
function field(k: number): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, i) => 1.35 * Math.sin(12.9898 * (i + 1) + 78.233 * k + 0.1 * i * i) + 0.4 * Math.cos(3.7 * i + 1.3 * k),
  )
}

const isWide = (config: SchedulerConfig): boolean => String(config["variance_type"]).startsWith("learned")

/** A step's arguments as options of ours. */
function given({ arguments: a }: Case): AnyOptions {
  return {
    ...(a["eta"] !== undefined && { eta: a["eta"] }),
    ...(a["use_clipped_model_output"] !== undefined && { rederive: Boolean(a["use_clipped_model_output"]) }),
    ...(a["s_churn"] !== undefined && {
      churn: a["s_churn"],
      churnMin: a["s_tmin"],
      churnMax: a["s_tmax"],
      churnNoise: a["s_noise"],
    }),
  }
}

function planOf(c: Case): {
  plan: Plan
  options: AnyOptions
  target: Target
  sampler: Exclude<SamplerName, "probabilityFlow">
} {
  const { sampler, schedule, predict, options } = fromScheduler(c.config, c.class)
  const name = sampler as Exclude<SamplerName, "probabilityFlow">
  const target = { process: gaussian(schedule), predict }
  const all = { ...options, ...given(c), steps: c.steps }
  return { plan: (plans[name] as (t: Target, o: AnyOptions) => Plan)(target, all), options: all, target, sampler: name }
}

/** max |a - b| / max |b|. */
function apart(a: ArrayLike<number>, b: readonly number[]): number {
  const most = b.reduce((m, v) => Math.max(m, Math.abs(v)), 0)
  return b.reduce((m, v, i) => Math.max(m, Math.abs(v - a[i])), 0) / most
}

/** The network of fixtures/schedulers.py. */
const networkOf =
  (config: SchedulerConfig) =>
  (x: Float64Array, t: number): Float64Array => {
    const out = x.map((v) => v * (t / (t + 2)) + 0.02 * Math.sin(3 * v))
    if (!isWide(config)) return out
    const least = config["variance_type"] === "learned" ? 0.6 : 0
    const read = x.map((v) => least + 0.5 * Math.sin(2 * v))
    return Float64Array.from(
      [0, size].flatMap((at) => [...out.subarray(at, at + size), ...read.subarray(at, at + size)]),
    )
  }

/** How far a plan is from diffusers: in times, in the first and the last sample, and in noising. */
function distances(c: Case): { times: number; first: number; last: number; noised: number; exact: number } {
  const { plan, options } = planOf(c)
  const limit = { clip: options.clip ?? null, threshold: options.threshold }
  const steps = [...follow(plan, { noise: field, network: networkOf(c.config), size, ...limit })]
  const [first, last] = [steps[0].x, steps[steps.length - 1].x]
  const { signal, sigma } = plan.noised(c.timesteps[Math.floor(c.timesteps.length / 2)])
  const [x0, eps] = [field(101), field(102)]
  const { exact } = c
  return {
    times:
      plan.asks.length === c.timesteps.length
        ? Math.max(...c.timesteps.map((t, i) => Math.abs(plan.asks[i].time - t) / Math.max(1, Math.abs(t))))
        : Number.POSITIVE_INFINITY,
    first: apart(first, c.first),
    last: apart(last, c.last),
    noised: apart(
      x0.map((v, i) => signal * v + sigma * eps[i]),
      c.noised,
    ),
    exact:
      exact === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(apart(first, exact.slice(0, count)), apart(last, exact.slice(count))),
  }
}

const titled = cases.map((c) => ({ title: `${c.class}, ${c.steps} steps, ${JSON.stringify(c.config)}`, c }))

describe.each(titled)("$title", ({ c }) => {
  test("has diffusers' times, first step, last step and noising", () => {
    const { times, first, last, noised, exact } = distances(c)
    expect(times).toBeLessThan(1e-6)
    expect(noised).toBeLessThan(1e-5)
    // Where float32 loses digits of diffusers' own, what it gives without rounding samples is what to agree with.
    expect(Math.min(Math.max(first, last), 10 * exact)).toBeLessThan(1e-5)
  })
})

const drawn = process.env["SCHEDULERS"]

// test/slow/schedulers.mjs draws them and says where they lie.
test.runIf(drawn !== undefined)(
  "does what diffusers does in configurations drawn at random, to its own rounding",
  () => {
    const { cases: found } = JSON.parse(readFileSync(drawn!, "utf8")) as { cases: Case[] }
    const own = { beyond: 0, unexplained: 0 }
    const told = (x: number): string => x.toExponential(1)
    for (const c of found) {
      const { times, first, last, noised, exact } = distances(c)
      const distance = Math.max(first, last, noised)
      if (times < 1e-6 && distance < 1e-5) continue
      own.beyond++
      // Where diffusers with samples in float64 agrees, its float32 is what is off.
      const isRounding = times < 1e-6 && noised < 1e-5 && exact < 1e-5
      if (!isRounding) own.unexplained++
      const theirs = Math.max(apart(c.first, c.exact!.slice(0, count)), apart(c.last, c.exact!.slice(count)))
      const { trained_betas: _, ...config } = c.config
      console.log(
        `${isRounding ? "rounding" : "MISS"}: ${told(distance)}, to diffusers in float64 ${told(exact)}, its float32 to that ${told(theirs)}: ${c.class}, ${c.steps} steps, ${JSON.stringify(config)} ${JSON.stringify(c.arguments)}`,
      )
    }
    console.log(
      `${found.length} configurations: ${own.beyond} beyond 1e-5 of diffusers' float32, ${own.unexplained} of them beyond 1e-5 of its float64 too`,
    )
    // The last bits of PyTorch's logarithm and exponential, where a whole result hangs on them.
    expect(own.unexplained).toBeLessThanOrEqual(Math.ceil(found.length / 200))
  },
)

test("every class that has a sampler is compared, in three configurations and more", () => {
  for (const name of schedulerClasses)
    expect(
      new Set(cases.filter((c) => c.class === name).map((c) => JSON.stringify(c.config))).size,
    ).toBeGreaterThanOrEqual(3)
})

test("compiled, the samplers give what diffusers gives", async () => {
  for (const name of schedulerClasses) {
    const c = cases.find((k) => k.class === name && k.steps === 10)!
    const { options, target, sampler } = planOf(c)
    const network: Network = {
      shape,
      forward(x: Tensor, t: Tensor) {
        const time = t.cast("float32").reshape([x.shape[0], 1, 1, 1])
        const out = x.mul(time.div(time.add(2))).add(sin(x.mul(3)).mul(0.02))
        return isWide(c.config) ? concat([out, sin(x.mul(2)).mul(0.5)], 1) : out
      },
    }
    const model = denoiser(network, target.process, { predict: target.predict })
    const noise = (i: number, k: number): Float32Array => field(k).subarray(i * size, (i + 1) * size)
    const { x } = await last((samplers[sampler] as Sampler)(model, { ...options, count: 2, noise }))
    expect(apart(x.data, c.last)).toBeLessThan(1e-5)
  }
})

test("configurations that mean nothing here are refused by name", () => {
  expect(() => fromScheduler({ _class_name: "LCMScheduler" })).toThrow(
    "scheduler: got class LCMScheduler, expected one of",
  )
  expect(() => fromScheduler({ _class_name: "toString" })).toThrow("got class toString")
  const refused: [SchedulerConfig, string][] = [
    [{ prediction_type: "flow_prediction" }, 'got prediction_type "flow_prediction", expected epsilon'],
    [{ variance_type: "fixed_large_log" }, "diffusers makes NaN of this one"],
    [{ beta_schedule: "cosine" }, 'got beta_schedule "cosine", expected linear'],
    [{ beta_start: "0.1" }, 'got beta_start "0.1", expected a number from 0 to 1'],
    [{ clip_sample: 1 }, "got clip_sample 1, expected a boolean"],
    [{ num_train_timesteps: 1e9 }, "got num_train_timesteps 1000000000, expected a whole number from 1 to 1,000,000"],
    [{ trained_betas: ["x"] }, 'got trained_betas ["x"], expected numbers from 0 to 1, or null'],
    [{ timestep_spacing: "karras" }, 'got timestep_spacing "karras", expected linspace, leading, trailing'],
  ]
  for (const [config, message] of refused) expect(() => fromScheduler(config, "DDPMScheduler")).toThrow(message)
  const silent = { rescale_betas_zero_snr: true, clip_sample: false, timestep_spacing: "trailing" }
  expect(() => planOf({ ...cases[0], class: "DDPMScheduler", config: silent })).toThrow(
    "no signal is left at the first",
  )
  expect(() => fromScheduler({ use_flow_sigmas: true }, "DPMSolverMultistepScheduler")).toThrow(
    "got use_flow_sigmas true",
  )
  expect(() => fromScheduler({ prediction_type: "sample" }, "EulerAncestralDiscreteScheduler")).toThrow(
    "no prediction_type",
  )
})

test("a pipeline's scheduler file is read as it is, with unknown keys left alone", () => {
  const { sampler, predict, schedule, options } = fromScheduler({
    _class_name: "DDPMScheduler",
    _diffusers_version: "0.0.4",
    beta_end: 0.02,
    beta_schedule: "linear",
    beta_start: 0.0001,
    clip_sample: true,
    num_train_timesteps: 1000,
    timestep_values: null,
    trained_betas: null,
    variance_type: "fixed_large",
  })
  expect({ sampler, predict }).toEqual({ sampler: "ddpm", predict: "eps" })
  expect(options).toMatchObject({
    compat: "diffusers",
    variance: "large",
    clip: 1,
    threshold: null,
    spacing: "leading",
  })
  expect(schedule.alphaBar[1000]).toBeCloseTo(4.0358e-5, 9)
})

test("a path whose last level is there twice, where diffusers may give NaN, gives numbers", () => {
  for (const [name, config] of [
    ["UniPCMultistepScheduler", { use_karras_sigmas: true, final_sigmas_type: "sigma_min", solver_order: 3 }],
    ["UniPCMultistepScheduler", { solver_type: "bh1" }],
    [
      "DPMSolverMultistepScheduler",
      { use_karras_sigmas: true, final_sigmas_type: "sigma_min", solver_order: 3, solver_type: "heun" },
    ],
    ["EDMDPMSolverMultistepScheduler", { final_sigmas_type: "sigma_min", solver_order: 3, lower_order_final: false }],
  ] as const) {
    const { plan } = planOf({
      class: name,
      config,
      steps: 20,
      arguments: {},
      timesteps: [],
      first: [],
      last: [],
      noised: [],
    })
    for (const { x } of follow(plan, { noise: field, network: (v) => v.map((w) => 0.5 * w) }))
      expect(x.every(Number.isFinite)).toBe(true)
  }
})
