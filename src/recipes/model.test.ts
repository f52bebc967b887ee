import { describe, expect, test } from "vitest"
import { z } from "zod"
import { range, take } from "../data/dataset.ts"
import { loader } from "../data/loader.ts"
import { last } from "../diffusion/samplers/sampler.ts"
import { configure } from "../engine/runtime.ts"
import { train } from "../train/loop.ts"
import { glyphs } from "./images.ts"
import { diffusionOptions, objectiveOptions } from "./options.ts"
import { points } from "./points.ts"
import type { Experiment } from "./recipe.ts"

configure({ threads: 1 })

const build = (options: Readonly<Record<string, unknown>>): Experiment =>
  points.build(points.options.parse({ times: 20, width: 8, layers: 1, ...options }) as never)

/** Two steps, some samples, and a judgement: everything that follows from options. */
async function works(options: Readonly<Record<string, unknown>>): Promise<void> {
  const experiment = build(options)
  const training = train(experiment.objective, loader(await experiment.data(), { batch: 64 }), {
    optimizer: experiment.optimizer,
    ema: experiment.ema,
    steps: 2,
  })
  const losses: number[] = []
  for await (const { loss } of training) losses.push(loss)
  await training.dispose()
  expect(losses).toHaveLength(2)
  expect(losses.every(Number.isFinite)).toBe(true)
  for (const name of experiment.variables.keys()) expect([...experiment.objective.variables.keys()]).toContain(name)
  const { x } = await last(experiment.sample({ count: 4, sampler: "ddim", steps: 3, seed: 0 }))
  expect(x.data.every(Number.isFinite)).toBe(true)
  const held = take(await experiment.heldOut(), 4)
  const { total } = await last(experiment.bound(held.batch(Int32Array.of(0, 1, 2, 3)).x, { draws: 2 }))
  expect(Number.isFinite(total.nats)).toBe(true)
}

describe("a model of points", () => {
  const choices = (option: z.ZodType): readonly string[] =>
    (z.toJSONSchema(option, { io: "input" }) as { enum: string[] }).enum

  test.each(choices(diffusionOptions.process))("of the process %s trains, samples and is judged", (process) =>
    works({
      process,
      ...(process === "learned" && { objective: "vdm" }),
      ...(process === "edm" && { predict: "edm", objective: "edm" }),
      ...(process === "flow" && { predict: "velocity" }),
    }),
  )

  test.each(choices(objectiveOptions.objective))("with the objective %s trains, samples and is judged", (objective) =>
    works({
      objective,
      draw: ["edm", "vdm"].includes(objective) ? "uniform" : "loss-aware",
      ...(objective === "hybrid" && { variance: "learned" }),
      ...(objective === "edm" && { predict: "edm" }),
      ...(objective === "vdm" && { process: "learned" }),
    }),
  )

  test("with each schedule and prediction is what it says", () => {
    const names: Readonly<Record<string, string>> = {
      "scaled-linear": "scaledLinear",
      "sigmoid-beta": "sigmoidBeta",
      "sqrt-beta": "sqrtBeta",
    }
    for (const schedule of choices(diffusionOptions.schedule)) {
      const { metadata } = build({ schedule }).exported
      expect(metadata["tweedie.schedule"]).toBe(names[schedule] ?? schedule)
      const stretched = build({ schedule, zeroSnr: true }).exported.metadata["tweedie.alpha_bar"]
      expect(JSON.parse(stretched).at(-1)).toBe(0)
    }
    for (const predict of choices(diffusionOptions.predict)) {
      const told = build({ predict }).exported.metadata["tweedie.predict"]
      // A file says eps, x0, v or the score: others are written as v.
      expect(told).toBe(["velocity", "edm"].includes(predict) ? "v" : predict)
    }
  })

  test("is refused with options that do not go together", () => {
    for (const [options, message] of [
      [{ variance: "learned" }, "--variance learned: the objective simple does not train it"],
      [{ process: "learned" }, "--process learned: the objective is simple (learned and vdm go together)"],
      [{ objective: "vdm" }, "--process discrete: the objective is vdm"],
      [{ objective: "hybrid" }, "hybrid: the variance is small, expected learned"],
      [{ objective: "edm" }, "edmLoss: the network predicts v, expected edm"],
      [{ process: "vp", objective: "vlb" }, "vlb: the bound is a sum over whole times"],
      [{ process: "vp", draw: "loss-aware" }, "times: loss-aware draws among whole times"],
      [{ predict: "eps", zeroSnr: true }, "no signal is left at time 20, where eps says nothing of x0"],
    ] as const)
      expect(() => build(options)).toThrow(message)
  })
})

describe("a model of images that is told labels", () => {
  const options = { labels: true, times: 20, width: 8, groups: 4, patch: 4, multipliers: [1], batch: 4 }
  const experiment = glyphs.build(glyphs.options.parse(options) as never)

  test("trains, samples with and without a label, with guidance, is judged, and classifies", async () => {
    const data = await experiment.data()
    const training = train(experiment.objective, loader(data, { batch: 4 }), {
      optimizer: experiment.optimizer,
      ema: experiment.ema,
      steps: 2,
    })
    for await (const { loss } of training) expect(Number.isFinite(loss)).toBe(true)
    await training.dispose()
    const request = { count: 3, sampler: "ddim", steps: 3, seed: 0 } as const
    const draw = async (more: object): Promise<number[]> => [
      ...(await last(experiment.sample({ ...request, ...more }))).x.data,
    ]
    const labels = Int32Array.of(1, 2, 3)
    const none = await draw({})
    expect(await draw({ labels, guidance: 0 })).toEqual(none)
    const told = await draw({ labels })
    expect(told).not.toEqual(none)
    expect(await draw({ labels, guidance: 1 })).toEqual(told)
    expect(await draw({ labels, guidance: 3, rescale: 0.5, interval: [5, 15] })).not.toEqual(told)
    const { x } = take(await experiment.heldOut(), 2).batch(Int32Array.of(0, 1))
    const { total } = await last(experiment.bound(x, { draws: 2 }))
    expect(Number.isFinite(total.nats)).toBe(true)
    const { chances, labels: found } = await last(experiment.classify(x, { draws: 2, rounds: 1 }))
    expect(chances.shape).toEqual([2, 10])
    expect([...found].every((c) => c >= 0 && c < 10)).toBe(true)
    expect(experiment.exported.inputs.map((i) => i.name)).toEqual(["x", "t", "labels"])
  })

  test("needs fewer bits after forty updates where it says what each pixel may be than by eps", async () => {
    const bitsOf = async (more: object): Promise<number> => {
      const small = { width: 16, patch: 4, multipliers: [1], lr: 5e-3, ema: 0.8, schedule: "geometric" }
      const { objective, optimizer, ema, bound, data, heldOut, variables } = glyphs.build(
        glyphs.options.parse({ ...small, objective: "vlb", ...more }) as never,
      )
      const training = train(objective, loader(await data(), { batch: 32 }), { optimizer, ema, steps: 40 })
      for await (const { loss } of training) expect(Number.isFinite(loss)).toBe(true)
      await training.dispose()
      expect(variables.size).toBeGreaterThan(0)
      const { total } = await last(bound(take(await heldOut(), 16).batch(range(16)).x, { draws: 8, clip: null }))
      return total.bits
    }
    const bits = await bitsOf({ predict: "x0", pixelPrior: true })
    expect(bits).toBeLessThan(0.5 * (await bitsOf({ predict: "eps" })))
  })

  test("says what it cannot do", () => {
    const request = { count: 1, sampler: "ddim", seed: 0 } as const
    expect(() => experiment.sample({ ...request, guidance: 2 })).toThrow("guidance: got it without labels")
    expect(() => experiment.sample({ ...request, labels: Int32Array.of(10) })).toThrow("label: got 10, expected 0 to 9")
    expect(() => glyphs.build(glyphs.options.parse({ pixelPrior: true }) as never)).toThrow(
      "--pixel-prior: it gives x0 and no variance (give --predict x0)",
    )
    const plain = build({})
    expect(() => plain.sample({ ...request, labels: Int32Array.of(1) })).toThrow("was not trained with labels")
    expect(() => plain.classify({ dtype: "float32", shape: [0, 2], data: new Float32Array(0) }, {})).toThrow(
      "classify: the model was not trained with labels",
    )
  })
})
