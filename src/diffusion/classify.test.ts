import { expect, test } from "vitest"
import { ClassNetwork } from "../../test/laws/classes.ts"
import { draw, type Mixture } from "../../test/laws/mixture.ts"
import { mean, variance } from "../../test/laws/statistics.ts"
import { fromNumbers, type NdArray } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { configure } from "../engine/runtime.ts"
import { type ClassifyOptions, type ClassifyStep, classify } from "./classify.ts"
import { type Denoiser, denoiser, type Predict } from "./denoiser.ts"
import { gaussian, type Process } from "./process.ts"
import { flow } from "./process-sde.ts"
import { last } from "./samplers/sampler.ts"
import { linear } from "./schedule.ts"

configure({ threads: 1 })

/** N(-1, 0.25) and N(1, 0.25): at 0.3 the second has the chance 1 / (1 + exp(-2.4)). */
const two: Mixture = [
  { weight: 0.5, mean: [-1], std: 0.5 },
  { weight: 0.5, mean: [1], std: 0.5 },
]
const exact = 1 / (1 + Math.exp(-2.4))
const model = (mixture: Mixture, process: Process, predict: Predict = "v"): Denoiser =>
  denoiser(new ClassNetwork(mixture, process, predict), process, { predict })
const at = (x: number): NdArray<"float32"> => fromNumbers("float32", [1, 1], [x])
const second = async (of: Denoiser, options: Partial<ClassifyOptions>): Promise<number> =>
  (await last(classify(of, at(0.3), { classes: 2, margin: Number.POSITIVE_INFINITY, batch: 1024, ...options }))).chances
    .data[1]

test("weighted as in the bound the chance of a class is Bayes' to 0.01; unweighted it only ranks [A38]", async () => {
  const of = model(two, gaussian(linear(1000)))
  expect(Math.abs(exact - 0.917)).toBeLessThan(1e-3)
  const weighted = await second(of, { draws: 20_000, rounds: 1 })
  expect(Math.abs(weighted - exact)).toBeLessThan(0.01)
  const printed = await second(of, { draws: 20_000, rounds: 1, weight: "uniform" })
  expect(Math.abs(printed - 0.576)).toBeLessThan(0.01)
})

test("times and noise shared by the classes lower the variance of the estimate [A38]", async () => {
  const of = model(two, gaussian(linear(200)))
  const odds = async (shared: boolean): Promise<number> => {
    const found: number[] = []
    for (let seed = 0; seed < 30; seed++) {
      const p = await second(of, { draws: 64, rounds: 1, shared, seed })
      found.push(Math.log(p / (1 - p)))
    }
    return variance(found)
  }
  expect(await odds(true)).toBeLessThan(0.5 * (await odds(false)))
})

test("from a later time on it tells the classes of noisy samples, as Bayes' rule does on average", async () => {
  const process = gaussian(linear(1000))
  const [signal, sigma] = [process.signal(300), process.sigma(300)]
  const p = await second(model(two, process), { draws: 20_000, rounds: 1, from: 301 })
  const expected = (2 * 0.3 * signal ** 2) / (0.25 * signal ** 2 + sigma ** 2)
  expect(Math.abs(Math.log(p / (1 - p)) - expected)).toBeLessThan(0.03)
  expect(expected).toBeLessThan(2)
})

test("beforehand chances count as Bayes' rule says", async () => {
  const of = model(two, gaussian(linear(200)))
  const options = { draws: 500, rounds: 1 }
  const p = await second(of, options)
  const q = await second(of, { ...options, prior: [0.9, 0.1] })
  expect(Math.log(q / (1 - q))).toBeCloseTo(Math.log(p / (1 - p)) - Math.log(9), 9)
})

/** Ten classes on a circle. */
const ten: Mixture = Array.from({ length: 10 }, (_, k) => ({
  weight: 0.1,
  mean: [2 * Math.cos((2 * Math.PI * k) / 10), 2 * Math.sin((2 * Math.PI * k) / 10)],
  std: 0.2,
}))

test("leaving out classes round by round gives the same answers for fewer evaluations, which are counted", async () => {
  const of = model(ten, gaussian(linear(200)), "eps")
  const random = new Generator([3, 4])
  const truth = Array.from({ length: 60 }, (_, i) => i % 10)
  const x = fromNumbers(
    "float32",
    [60, 2],
    truth.flatMap((c) => draw([{ ...ten[c], weight: 1 }], random)),
  )
  const run = (options: Partial<ClassifyOptions>): Promise<ClassifyStep> =>
    last(classify(of, x, { classes: 10, draws: 16, rounds: 6, ...options }))
  const [pruned, whole] = [await run({}), await run({ margin: Number.POSITIVE_INFINITY })]
  // The look that finds which times matter: 8 samples, 10 classes, at most 25 times.
  expect(whole.evaluations).toBeGreaterThan(960)
  expect(whole.evaluations).toBeLessThan(960 + (8 * 10 * 25) / 60 + 1)
  expect(pruned.evaluations).toBeLessThan(0.5 * whole.evaluations)
  const right = (step: ClassifyStep): number => mean([...step.labels].map((c, i) => Number(c === truth[i])))
  // Bayes' rule itself is right for 99.8 %: neighbours are 6.2 standard deviations apart.
  expect(right(whole)).toBeGreaterThan(0.96)
  expect(right(pruned)).toBeGreaterThan(0.96)
  for (let i = 0; i < 60; i++) expect(mean([...whole.chances.data].slice(10 * i, 10 * i + 10))).toBeCloseTo(0.1, 9)
})

test("any process is classified by, and a sample's class does not depend on the batch", async () => {
  const of = model(two, flow({ steps: 100 }), "velocity")
  const x = fromNumbers("float32", [4, 1], [-0.9, 0.8, -1.3, 1.1])
  for (const batch of [3, 64]) {
    const { labels } = await last(classify(of, x, { classes: 2, draws: 32, batch }))
    expect([...labels]).toEqual([0, 1, 0, 1])
  }
})

test("what makes no sense is refused", async () => {
  const of = model(two, gaussian(linear(20)))
  const run = (options: Partial<ClassifyOptions>, x = at(0)): Promise<ClassifyStep> =>
    last(classify(of, x, { classes: 2, ...options }))
  await expect(run({ classes: 0 })).rejects.toThrow("classify: got classes 0, expected a whole number from 1")
  await expect(run({ from: 21 })).rejects.toThrow("classify: got from 21, expected a time from 1 to 20")
  await expect(run({ margin: -1 })).rejects.toThrow("classify: got margin -1")
  await expect(run({ prior: [1] })).rejects.toThrow("classify: got a prior of [1], expected 2 chances")
  await expect(run({}, fromNumbers("float32", [1, 2], [0, 0]))).rejects.toThrow("classify: got samples [1, 2]")
  await expect(run({}, at(Number.NaN))).rejects.toThrow("for sample 0, class")
})
