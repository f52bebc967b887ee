import { expect, test } from "vitest"
import { gaussian } from "../diffusion/process.ts"
import { schedulerClasses } from "../diffusion/samplers/compat/classes.ts"
import { cosine, linear, schedule } from "../diffusion/schedule.ts"
import { schedulerConfig } from "./describe.ts"
import { readJson, writeJson } from "./json.ts"
import { schedulerSettings } from "./scheduler-config.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

test("every class fills in its own defaults, and an absent key is no null", () => {
  for (const name of schedulerClasses) {
    const settings = schedulerSettings({ _class_name: name, unknown_key: 1 })
    expect(settings["num_train_timesteps"]).toBe(1000)
    expect(Object.hasOwn(settings, "unknown_key")).toBe(false)
    expect(schedulerSettings(settings)).toEqual(settings)
  }
  expect(schedulerSettings({ _class_name: "DDPMScheduler" })["timestep_spacing"]).toBe("leading")
  expect(schedulerSettings({ _class_name: "EulerDiscreteScheduler" })["timestep_spacing"]).toBe("linspace")
  expect(schedulerSettings({ _class_name: "HeunDiscreteScheduler" })["beta_start"]).toBe(0.00085)
  expect(() => schedulerSettings({ _class_name: "DDPMScheduler", clip_sample: null })).toThrow(
    "scheduler: clip_sample: got null, expected a boolean",
  )
})

test("one class reads another's configuration, and keys that were defaults there are its own defaults here", () => {
  const config = {
    _class_name: "PNDMScheduler",
    _use_default_values: ["set_alpha_to_one"],
    set_alpha_to_one: false,
    skip_prk_steps: true,
    beta_end: 0.01,
    steps_offset: 1,
  }
  const settings = schedulerSettings(config, "scheduler", "DDIMScheduler")
  expect(settings).toMatchObject({
    _class_name: "DDIMScheduler",
    set_alpha_to_one: true,
    beta_end: 0.01,
    steps_offset: 1,
  })
  expect(Object.hasOwn(settings, "skip_prk_steps")).toBe(false)
})

test("Python's infinity is read outside of texts alone, and written again", () => {
  const text =
    '{\n  "_class_name": "DPMSolverMultistepScheduler",\n  "lambda_min_clipped": -Infinity,\n  "x": "a \\"Infinity\\" \\\\"\n}\n'
  const config = readJson(bytes(text), "c.json")
  expect(config["lambda_min_clipped"]).toBe(Number.NEGATIVE_INFINITY)
  expect(config["x"]).toBe('a "Infinity" \\')
  expect(writeJson(config)).toBe(text)
  expect(schedulerSettings(config)["lambda_min_clipped"]).toBe(Number.NEGATIVE_INFINITY)
  expect(schedulerSettings({ ...config, lambda_min_clipped: -5.1 })["lambda_min_clipped"]).toBe(-5.1)
  expect(() => readJson(bytes('{"a": NaN}'), "c.json")).toThrow("c.json: not JSON")
  expect(() => readJson(bytes("[1]"), "c.json")).toThrow("c.json: [1], expected a JSON object")
  // A megabyte of open texts must not take quadratic time.
  const started = performance.now()
  expect(() => readJson(bytes(`{"Infinity${'\\"'.repeat(500_000)}`), "c.json")).toThrow("c.json: not JSON")
  expect(performance.now() - started).toBeLessThan(1000)
})

test("unknown classes and values are named", () => {
  expect(() => schedulerSettings({ _class_name: "LCMScheduler" }, "s.json")).toThrow(
    's.json: _class_name: got "LCMScheduler", expected one of DDPMScheduler, DDIMScheduler',
  )
  expect(() => schedulerSettings({})).toThrow("scheduler: _class_name: got nothing")
  expect(() => schedulerSettings({ _class_name: "constructor" })).toThrow('got "constructor"')
  expect(() => schedulerSettings({ _class_name: "DDIMScheduler", beta_schedule: "sigmoid" })).toThrow(
    'beta_schedule: got "sigmoid", expected one of "linear", "scaled_linear", "squaredcos_cap_v2"',
  )
  expect(() => schedulerSettings({ _class_name: "DDIMScheduler", num_train_timesteps: 1e12 })).toThrow(
    "num_train_timesteps: got 1000000000000, expected at most 1000000",
  )
})

test("a schedule of ours has diffusers' name where there is one, and its betas otherwise", () => {
  expect(schedulerConfig(cosine(50), { predict: "v", clip: 2 })).toMatchObject({
    _class_name: "DDPMScheduler",
    num_train_timesteps: 50,
    beta_schedule: "squaredcos_cap_v2",
    prediction_type: "v_prediction",
    clip_sample: true,
    clip_sample_range: 2,
    variance_type: "fixed_small",
  })
  expect(schedulerConfig(gaussian(linear(20, { start: 0.001, end: 0.3 })).schedule, { clip: null })).toMatchObject({
    beta_schedule: "linear",
    beta_start: 0.001,
    beta_end: 0.3,
    clip_sample: false,
    trained_betas: null,
  })
  expect(
    schedulerConfig(schedule("mine", [0.1, 0.4, 0.2]), { className: "DDIMScheduler", predict: "x0" }),
  ).toMatchObject({
    _class_name: "DDIMScheduler",
    trained_betas: [0.1, 0.4, 0.2],
    prediction_type: "sample",
  })
  expect(() => schedulerConfig(cosine(5), { predict: "score" })).toThrow(
    "schedulerConfig: the network predicts score, which diffusers' schedulers cannot take (eps, x0 or v)",
  )
})
