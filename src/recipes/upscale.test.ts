import { expect, test } from "vitest"
import { range } from "../data/dataset.ts"
import { loader } from "../data/loader.ts"
import { last } from "../diffusion/samplers/sampler.ts"
import { configure } from "../engine/runtime.ts"
import { train } from "../train/loop.ts"
import { glyphs } from "./images.ts"
import type { Experiment } from "./recipe.ts"

configure({ threads: 1 })

function build(options: Readonly<Record<string, unknown>>): Experiment {
  const small = { upscale: 4, times: 50, width: 16, groups: 4, patch: 4, multipliers: [1], steps: 150, ema: 0.98 }
  return glyphs.build(glyphs.options.parse({ ...small, ...options }) as never)
}

test("samples made of small images are nearer to what was made small than plain enlargements, and made small are near what was given", async () => {
  const experiment = build({ predict: "x0", lr: 5e-3 })
  const training = train(experiment.objective, loader(await experiment.data(), { batch: 32, seed: 1 }), {
    optimizer: experiment.optimizer,
    ema: experiment.ema,
    steps: 150,
    seed: 1,
  })
  for await (const { loss } of training) expect(Number.isFinite(loss)).toBe(true)
  await training.dispose()
  const { x } = (await experiment.heldOut()).batch(range(64))
  const { figures, done } = await last(experiment.error!(x, { draws: 4, seed: 2 }))
  expect(done).toBe(64)
  expect(figures["rmse of bicubic"]).toBeLessThan(figures["rmse of nearest"])
  expect(figures["rmse"]).toBeLessThan(0.9 * figures["rmse of bicubic"])
  expect(figures["rmse of the mean of 4"]).toBeLessThan(figures["rmse"])
  expect(figures["rmse made small again"]).toBeLessThan(0.5 * figures["rmse of bicubic"])
}, 180_000)

test("such a model can be told labels too, and pictures show what samples were made of", async () => {
  const experiment = build({ labels: true, batch: 4 })
  const { x, y } = (await experiment.heldOut()).batch(range(3))
  const given = experiment.given!.of(x)
  expect(given.shape).toEqual([3, 1, 7, 7])
  const training = train(experiment.objective, loader(await experiment.data(), { batch: 4 }), { steps: 1 })
  for await (const { loss } of training) expect(Number.isFinite(loss)).toBe(true)
  await training.dispose()
  const request = { count: 3, sampler: "ddim", steps: 2, seed: 0, given } as const
  const drawn = await last(experiment.sample({ ...request, labels: y!.data, guidance: 2 }))
  // Three columns, a row of small ones and a row of large ones, of 28 pixels and 2 of margin, five times as large.
  const { width, height } = experiment.picture(drawn, given)
  expect([width, height]).toEqual([5 * (3 * 30 + 2), 5 * (2 * 30 + 2)])
  expect(experiment.exported.inputs.map((i) => i.name)).toEqual(["x", "t", "labels", "given"])
  expect(() => experiment.sample({ count: 1, sampler: "ddim", seed: 0 })).toThrow(
    "given: the model makes samples of [1, 7, 7], got nothing (with --from)",
  )
  expect(() => experiment.bound(x, {})).toThrow("bpd: the run makes samples of small images")
})
