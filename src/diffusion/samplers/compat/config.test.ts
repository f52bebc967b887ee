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
import { fromScheduler, type SchedulerConfig, schedulerClasses } from "./config.ts"

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

/**
 * The tables of `rescale_betas_zero_snr` hang on the last bits of PyTorch's square roots, which differ from machine to
 * machine; where little noise is left this is seen.
 */
const boundOf = ({ config }: Case): number => (config["rescale_betas_zero_snr"] === true ? 5e-5 : 1e-5)

const titled = cases.map((c) => ({ title: `${c.class}, ${c.steps} steps, ${JSON.stringify(c.config)}`, c }))

describe.each(titled)("$title", ({ c }) => {
  test("has diffusers' times, first step, last step and noising", () => {
    const { plan, options } = planOf(c)
    for (const [i, t] of c.timesteps.entries())
      expect(Math.abs(plan.asks[i].time - t)).toBeLessThanOrEqual(
        c.config["rescale_betas_zero_snr"] === true ? 1e-2 : 1e-4 * Math.max(1, Math.abs(t)),
      )
    expect(plan.asks).toHaveLength(c.timesteps.length)
    const network = (x: Float64Array, t: number): Float64Array => {
      const out = x.map((v) => v * (t / (t + 2)) + 0.02 * Math.sin(3 * v))
      if (!isWide(c.config)) return out
      const read = x.map((v) => 0.5 * Math.sin(2 * v))
      return Float64Array.from(
        [0, size].flatMap((at) => [...out.subarray(at, at + size), ...read.subarray(at, at + size)]),
      )
    }
    const limit = { clip: options.clip ?? null, threshold: options.threshold }
    const steps = [...follow(plan, { noise: field, network, size, ...limit })]
    expect(apart(steps[0].x, c.first)).toBeLessThan(boundOf(c))
    expect(apart(steps[steps.length - 1].x, c.last)).toBeLessThan(boundOf(c))
    const { signal, sigma } = plan.noised(c.timesteps[Math.floor(c.timesteps.length / 2)])
    const [x0, eps] = [field(101), field(102)]
    expect(
      apart(
        x0.map((v, i) => signal * v + sigma * eps[i]),
        c.noised,
      ),
    ).toBeLessThan(boundOf(c))
  })
})

test("every class that has a sampler is compared, in three configurations", () => {
  for (const name of schedulerClasses)
    expect(new Set(cases.filter((c) => c.class === name).map((c) => JSON.stringify(c.config))).size).toBe(3)
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
    [{ beta_start: "0.1" }, 'got beta_start "0.1", expected a number'],
    [{ clip_sample: 1 }, "got clip_sample 1, expected a boolean"],
    [{ num_train_timesteps: 1e9 }, "got num_train_timesteps 1000000000, expected a whole number from 1 to 1,000,000"],
    [{ trained_betas: ["x"] }, 'got trained_betas ["x"], expected numbers or null'],
    [{ timestep_spacing: "karras" }, 'got timestep_spacing "karras", expected linspace, leading, trailing'],
    [{ rescale_betas_zero_snr: true, clip_sample: false }, "no signal is left at the last time"],
  ]
  for (const [config, message] of refused) expect(() => fromScheduler(config, "DDPMScheduler")).toThrow(message)
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
