import { describe, expect, test } from "vitest"
import { draw, type Mixture, MixtureNetwork } from "../../test/laws/mixture.ts"
import { fromNumbers, type NdArray } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { configure } from "../engine/runtime.ts"
import { denoiser, type Predict } from "./denoiser.ts"
import { odeLikelihood } from "./likelihood-ode.ts"
import { gaussian, type Process } from "./process.ts"
import { flow, subVp, ve, vp } from "./process-sde.ts"
import { last } from "./samplers/sampler.ts"
import { cosine } from "./schedule.ts"

configure({ threads: 1 })

const mixture: Mixture = [
  { weight: 0.5, mean: [-1.2, 0.4], std: 0.4 },
  { weight: 0.3, mean: [0.9, 0.8], std: 0.3 },
  { weight: 0.2, mean: [0.3, -1.1], std: 0.5 },
]
const random = new Generator(1)
const points = Array.from({ length: 24 }, () => draw(mixture, random))
const rows = (list: readonly (readonly number[])[]): NdArray =>
  fromNumbers("float32", [list.length, list[0].length], list.flat())

/** -log p of a point of the plane, seen through noise of a standard deviation. */
function exact([x, y]: readonly number[], sigma = 0): number {
  return -Math.log(
    mixture.reduce((p, c) => {
      const v = c.std ** 2 + sigma ** 2
      return p + (c.weight * Math.exp(-((x - c.mean[0]) ** 2 + (y - c.mean[1]) ** 2) / (2 * v))) / (2 * Math.PI * v)
    }, 0),
  )
}
const known = (process: Process, predict: Predict = "eps") =>
  denoiser(new MixtureNetwork(mixture, process, predict), process, { predict })

describe("the likelihood of a mixture by the probability flow", () => {
  // Until beta is 32 next to nothing of the data is left: the end is the prior to 1e-5.
  for (const [name, process, predict] of [
    ["vp", vp({ end: 32, steps: 100 }), "eps"],
    ["sub-VP", subVp({ end: 32, steps: 100 }), "eps"],
    ["flow matching", flow({ steps: 100, earliest: 1e-3 }), "velocity"],
  ] as const) {
    test(`is the exact one within 1e-3 nats, point by point (${name})`, async () => {
      const { each, evaluations } = await last(odeLikelihood(known(process, predict), rows(points)))
      for (const [i, nats] of each.entries()) expect(Math.abs(nats - exact(points[i]))).toBeLessThan(1e-3)
      expect(evaluations).toBeGreaterThan(20)
    })
  }

  test("is that of the points under the little noise the flow starts at", async () => {
    for (const process of [ve({ max: 2000, steps: 100 }), gaussian(cosine(200))]) {
      const start = process.levels.earliest
      const sigma = process.sigma(start) / process.signal(start)
      const { each } = await last(odeLikelihood(known(process), rows(points)))
      for (const [i, nats] of each.entries()) expect(Math.abs(nats - exact(points[i], sigma))).toBeLessThan(1e-3)
    }
  })

  test("does not depend on what the network predicts, nor on the batch", async () => {
    const process = vp({ steps: 100 })
    const expected = (await last(odeLikelihood(known(process), rows(points)))).each
    for (const predict of ["v", "x0", "score"] as const) {
      const { each } = await last(odeLikelihood(known(process, predict), rows(points)))
      for (const [i, nats] of each.entries()) expect(Math.abs(nats - expected[i])).toBeLessThan(1e-3)
    }
    const { each } = await last(odeLikelihood(known(process), rows(points), { batch: 7 }))
    for (const [i, nats] of each.entries()) expect(Math.abs(nats - expected[i])).toBeLessThan(1e-4)
  })

  test("has no bias when the trace is estimated by random signs", async () => {
    const process = vp({ steps: 100 })
    const copies = 400
    const same = Array.from({ length: copies }, () => points[3])
    const model = known(process)
    const options = { trace: "hutchinson", batch: copies, rtol: 1e-4, atol: 1e-4 } as const
    const { each, total } = await last(odeLikelihood(model, rows(same), options))
    expect(Math.abs(total.nats - exact(points[3]))).toBeLessThan(4 * total.error * 2 * Math.log(2) + 1e-3)
    const spread = (list: Float64Array): number => Math.max(...list) - Math.min(...list)
    expect(spread(each)).toBeGreaterThan(1e-3)
    // More directions, less spread; all of the plane's are two.
    const four = await last(odeLikelihood(model, rows(same), { ...options, probes: 8 }))
    expect(four.total.error).toBeLessThan(0.5 * total.error)
  })

  test("is reported as it goes, and stops when it is told to", async () => {
    const stop = new AbortController()
    const done: number[] = []
    const run = async (): Promise<void> => {
      const model = known(vp({ steps: 100 }))
      for await (const step of odeLikelihood(model, rows(points), { batch: 10, signal: stop.signal })) {
        done.push(step.done)
        if (done.length === 2) stop.abort()
      }
    }
    await expect(run()).rejects.toThrow("aborted")
    expect(done).toEqual([10, 20])
  })

  test("is refused for samples and options that are none", async () => {
    const model = known(vp())
    await expect(last(odeLikelihood(model, rows([[1]])))).rejects.toThrow(
      "odeLikelihood: got samples [1, 1], expected [count, 2]",
    )
    await expect(last(odeLikelihood(model, rows(points), { start: 0 }))).rejects.toThrow("odeLikelihood: got start 0")
    await expect(last(odeLikelihood(model, rows(points), { probes: 0 }))).rejects.toThrow("odeLikelihood: got probes 0")
  })
})

test("bytes are spread over their cells: uniform noise costs 8 bits a number, and a known spread its entropy", async () => {
  // Data N(0, .5^2) in one dimension, cut into 256 cells: about log2(.5 sqrt(2 pi e) / (2 / 256)) bits.
  const process = vp({ steps: 100 })
  const model = denoiser(new MixtureNetwork([{ weight: 1, mean: [0], std: 0.3 }], process), process)
  const generator = new Generator(4)
  const bytes = Array.from({ length: 400 }, () => {
    const v = Math.max(-1, Math.min(1, generator.normal(0, 0.3)))
    return [Math.round(((v + 1) / 2) * 255) / 127.5 - 1]
  })
  const { total } = await last(odeLikelihood(model, rows(bytes), { bins: 256 }))
  const entropy = Math.log2(0.3 * Math.sqrt(2 * Math.PI * Math.E) * 128)
  expect(Math.abs(total.bits - entropy)).toBeLessThan(4 * total.error + 5e-3)
})
