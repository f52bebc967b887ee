import { expect, test } from "vitest"
import { BestClassifier, ClassNetwork } from "../../test/laws/classes.ts"
import type { Mixture } from "../../test/laws/mixture.ts"
import { mean, variance } from "../../test/laws/statistics.ts"
import { dataset } from "../data/dataset.ts"
import { loader } from "../data/loader.ts"
import { fromNumbers } from "../engine/array.ts"
import { evaluate } from "../engine/evaluate.ts"
import { Generator } from "../engine/random.ts"
import { configure } from "../engine/runtime.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { seeded } from "../nn/init.ts"
import { adamW } from "../optim/adam.ts"
import { train } from "../train/loop.ts"
import { noisyClassification, PointClassifier } from "./classifier.ts"
import { dropLabels } from "./conditioning.ts"
import { type Denoiser, denoiser, type Network, type Predict } from "./denoiser.ts"
import { classifierGuided, type GuidanceOptions, guided } from "./guidance.ts"
import { simple } from "./objective.ts"
import { PointNet } from "./pointnet.ts"
import { gaussian, type Process } from "./process.ts"
import { edm, flow, subVp, ve, vp } from "./process-sde.ts"
import { ddim } from "./samplers/ddim.ts"
import { probabilityFlow } from "./samplers/probability-flow.ts"
import { last } from "./samplers/sampler.ts"
import { cosine, linear, zeroSnr } from "./schedule.ts"

configure({ threads: 1 })

/** Two classes on the line, which overlap a little. */
const two: Mixture = [
  { weight: 0.5, mean: [-1], std: 0.5 },
  { weight: 0.5, mean: [1], std: 0.5 },
]
const none = 2

/** p(class 1 | x) of {@link two}. */
const chance = (x: number): number => 1 / (1 + Math.exp((-2 * x) / 0.25))

const process = gaussian(cosine(200))
const known = (predict: Predict, of: Process = process): Denoiser =>
  denoiser(new ClassNetwork(two, of, predict), of, { predict })

const points = (rows: readonly number[]): Tensor => constant(fromNumbers("float32", [rows.length, 1], rows))
const ints = (values: readonly number[]): Tensor => constant(Int32Array.from(values))
const numbers = (x: Tensor): number[] => [...evaluate([x.value])[0].data] as number[]

const xs = [-2.5, -0.5, 0, 0.25, 1, 3]

/** What a denoiser says at a time of {@link xs}, with a label for all of them. */
const says = (model: Denoiser, t: number, label: number, of: "eps" | "x0" | "output" = "eps"): number[] =>
  numbers(model.at(points(xs), ints(xs.map(() => t)), ints(xs.map(() => label)))[of])

const heads = ["eps", "x0", "v", "score", "velocity"] as const

test.each(heads)("guidance of a network that predicts %s is eps_u + s (eps_c - eps_u)", (predict) => {
  const model = known(predict)
  for (const t of [1, 60, 150, 190])
    for (const scale of [-1, 0.5, 3]) {
      const [u, c] = [none, 1].map((label) => says(model, t, label))
      const found = says(guided(model, { none, scale }), t, 1)
      for (const [i, eps] of found.entries())
        expect(Math.abs(eps - (u[i] + scale * (c[i] - u[i])))).toBeLessThan(1e-3 * Math.max(1, Math.abs(eps)))
    }
})

test("at scale 0 a guided denoiser is the unconditional one, and at scale 1 the conditional one, bit for bit [A39]", async () => {
  const model = known("v")
  const labels = Int32Array.from({ length: 40 }, (_, i) => i % 2)
  const draw = async (of: Denoiser, asked: Int32Array): Promise<number[]> => [
    ...(await last(ddim(of, { count: 40, steps: 8, labels: asked, seed: 1 }))).x.data,
  ]
  const [unconditional, conditional] = [await draw(model, new Int32Array(40).fill(none)), await draw(model, labels)]
  expect(await draw(guided(model, { none, scale: 0 }), labels)).toEqual(unconditional)
  expect(await draw(guided(model, { none, scale: 1 }), labels)).toEqual(conditional)
  expect(conditional).not.toEqual(unconditional)
})

test("the chance of the class rises with the scale and the diversity within it falls [A39]", async () => {
  const found: { chance: number; spread: number }[] = []
  for (const scale of [0, 0.5, 1, 2, 4, 8]) {
    const labels = new Int32Array(1500).fill(1)
    const { x } = await last(ddim(guided(known("v"), { none, scale }), { count: 1500, steps: 40, labels, seed: 2 }))
    found.push({ chance: mean(x.data.map(chance)), spread: variance(x.data) })
  }
  for (const [i, { chance: p, spread }] of found.entries()) {
    if (i === 0) continue
    expect(p).toBeGreaterThan(found[i - 1].chance)
    expect(spread).toBeLessThan(found[i - 1].spread)
  }
  expect(Math.abs(found[0].chance - 0.5)).toBeLessThan(0.03)
  // At scale 1 the samples have the class's law: its mean chance by quadrature is 0.9612.
  expect(Math.abs(found[2].chance - 0.961)).toBeLessThan(0.02)
  expect(found[5].chance).toBeGreaterThan(0.999)
})

test("with all of the deviation given back a guided answer has the conditional one's, and 0 gives none back", () => {
  const wide: Network = {
    shape: [6],
    forward: (x, _, labels) => x.mul(labels!.cast("float32").add(1).reshape([x.shape[0], 1])).add(x.square()),
  }
  const model = denoiser(wide, process, { predict: "eps" })
  const x = constant(fromNumbers("float32", [2, 6], [-2.5, -0.5, 0, 0.25, 1, 3, 1, 2, 3, -1, 4, 0.5]))
  const at = (options: Partial<GuidanceOptions>): number[] =>
    numbers(guided(model, { none: 4, scale: 3, ...options }).at(x, ints([9, 9]), ints([1, 0])).output)
  const conditional = numbers(model.at(x, ints([9, 9]), ints([1, 0])).output)
  const plain = at({})
  for (const [row, from] of [0, 6].entries()) {
    const spread = (list: number[]): number => {
      const own = list.slice(from, from + 6)
      const centre = mean(own)
      return Math.sqrt(mean(own.map((v) => (v - centre) ** 2)))
    }
    const factor = spread(conditional) / spread(plain)
    expect(Math.abs(spread(at({ rescale: 1 })) / spread(conditional) - 1), `row ${row}`).toBeLessThan(1e-5)
    for (const [i, v] of at({ rescale: 0.7 })
      .slice(from, from + 6)
      .entries())
      expect(v).toBeCloseTo(plain[from + i] * (0.7 * factor + 0.3), 4)
  }
})

test.each([
  ["discrete", process, "v"],
  ["vp", vp({ steps: 200 }), "eps"],
  ["flow", flow({ steps: 200 }), "velocity"],
] as const)("guidance of the process %s acts at the times of its interval alone", (_, of, predict) => {
  const model = known(predict, of)
  const some = guided(model, { none, scale: 3, interval: [40, 120] })
  for (const t of [1, 39, 40, 80, 120, 121, 190]) {
    const expected = t >= 40 && t <= 120 ? guided(model, { none, scale: 3 }) : model
    expect(says(some, t, 1)).toEqual(says(expected, t, 1))
  }
})

test("an interval of EDM's levels is one of times too", () => {
  const of = edm({ steps: 20 })
  const network: Network = {
    shape: [1],
    forward: (x, _, labels) => x.mul(0).add(labels!.cast("float32").reshape([x.shape[0], 1])),
  }
  const model = denoiser(network, of, { predict: "edm" })
  const some = guided(model, { none, scale: 3, interval: [5, 10] })
  // Answers are the labels: 1 without guidance, 2 + 3 (1 - 2) = -1 with it.
  for (const [t, answer] of [
    [4, 1],
    [5, -1],
    [10, -1],
    [11, 1],
  ] as const)
    expect(says(some, t, 1, "output")).toEqual(xs.map(() => answer))
})

test.each([
  ["discrete, v", process, "v"],
  ["linear, eps", gaussian(linear(200)), "eps"],
  ["ve, score", ve({ steps: 200, max: 20 }), "score"],
  ["sub-VP, score", subVp({ steps: 200 }), "score"],
] as const)(
  "guided by the best classifier, the unconditional denoiser (%s) is the conditional one",
  (_, of, predict) => {
    const model = known(predict, of)
    const bare: Denoiser = denoiser((model.network as ClassNetwork).own[2], of, { predict })
    const by = classifierGuided(bare, new BestClassifier(two, of))
    for (const t of [1, 30, 100, 160])
      for (const label of [0, 1]) {
        const expected = says(model, t, label, "x0")
        for (const [i, v] of says(by, t, label, "x0").entries())
          expect(Math.abs(v - expected[i])).toBeLessThan(2e-3 * Math.max(1, Math.abs(v)))
      }
  },
)

test("a classifier trained on noisy points leads samples to the class that is asked for", async () => {
  const random = new Generator([1, 2])
  const labels = Int32Array.from({ length: 4096 }, (_, i) => i % 2)
  const x = Float32Array.from(labels, (c) => random.normal(c === 0 ? -1 : 1, 0.5))
  const data = dataset(fromNumbers("float32", [4096, 1], x), labels)
  const classifier = seeded(3, () => new PointClassifier({ dims: 1, width: 32, layers: 1 }))
  const run = train(noisyClassification(classifier, process), loader(data, { batch: 256 }), {
    optimizer: adamW({ lr: 5e-3 }),
    steps: 200,
  })
  const accuracy: number[] = []
  for await (const { terms } of run) accuracy.push(terms["accuracy"])
  await run.dispose()
  expect(mean(accuracy.slice(-50))).toBeGreaterThan(0.75)
  const bare = denoiser((known("v").network as ClassNetwork).own[2], process, { predict: "v" })
  for (const [scale, least] of [
    [1, 0.9],
    [4, 0.97],
  ]) {
    const asked = Int32Array.from({ length: 500 }, (_, i) => i % 2)
    const by = classifierGuided(bare, classifier, { scale })
    const { x: made } = await last(ddim(by, { count: 500, steps: 30, labels: asked }))
    const right = [...made.data].filter((v, i) => v > 0 === (asked[i] === 1)).length
    expect(right / 500).toBeGreaterThan(least)
  }
})

test("a network trained with dropped labels draws the class it is asked for of two Gaussians, and both without one [A37]", async () => {
  const random = new Generator([5, 6])
  const labels = Int32Array.from({ length: 8192 }, (_, i) => i % 2)
  const rows = [...labels].flatMap((c) => {
    const m = c === 0 ? -0.7 : 0.7
    return [random.normal(m, 0.3), random.normal(m, 0.3)]
  })
  const data = dataset(fromNumbers("float32", [8192, 2], rows), labels)
  const network = seeded(7, () => new PointNet({ width: 48, layers: 2, classes: 3 }))
  const model = denoiser(network, gaussian(cosine(100)), { predict: "v" })
  const run = train(
    dropLabels(simple(model, { times: "stratified" }), { none, share: 0.2 }),
    loader(data, { batch: 256 }),
    {
      optimizer: adamW({ lr: 5e-3, weightDecay: 0 }),
      steps: 500,
      ema: 0.98,
    },
  )
  for await (const { loss } of run) expect(Number.isFinite(loss)).toBe(true)
  const { average } = run
  const sides = async (asked: Int32Array, of: Denoiser = model): Promise<number[]> => {
    const { x } = await last(
      ddim(of, { count: asked.length, steps: 25, labels: asked, ...(average && { replace: average }) }),
    )
    return Array.from(asked, (_, i) => (x.data[2 * i] + x.data[2 * i + 1] > 0 ? 1 : 0))
  }
  const asked = Int32Array.from({ length: 1000 }, (_, i) => i % 2)
  const right = (found: number[]): number => mean(found.map((c, i) => Number(c === asked[i])))
  const plain = right(await sides(asked))
  expect(plain).toBeGreaterThan(0.95)
  expect(right(await sides(asked, guided(model, { none, scale: 2 })))).toBeGreaterThan(0.98)
  const share = mean(await sides(new Int32Array(1000).fill(none)))
  expect(Math.abs(share - 0.5)).toBeLessThan(0.1)
  await run.dispose()
})

test("every sampler takes a guided denoiser as any other: the probability flow ends at DDIM's samples", async () => {
  const model = guided(known("v", gaussian(linear(200))), { none, scale: 2 })
  const labels = Int32Array.from({ length: 50 }, (_, i) => i % 2)
  const { x } = await last(probabilityFlow(model, { count: 50, labels, seed: 3 }))
  const { x: near } = await last(ddim(model, { count: 50, steps: 200, labels, seed: 3 }))
  for (const [i, v] of x.data.entries()) expect(Math.abs(v - near.data[i])).toBeLessThan(0.1)
})

test("what makes no sense is refused", () => {
  const model = known("v")
  expect(() => guided(model, { none: -1 })).toThrow("guided: got none -1")
  expect(() => guided(model, { none, scale: Number.NaN })).toThrow("guided: got scale NaN")
  expect(() => guided(model, { none, rescale: 2 })).toThrow("guided: got rescale 2, expected a number from 0 to 1")
  expect(() => guided(model, { none, interval: [5, 300] })).toThrow("guided: got interval 5 ... 300")
  expect(() => guided(model, { none }).at(points(xs), ints(xs.map(() => 4)))).toThrow("guided: got no labels")
  const ended = gaussian(zeroSnr(linear(50)))
  expect(() => classifierGuided(known("v", ended), new BestClassifier(two, ended))).toThrow(
    "classifierGuided: no signal is left at time 50",
  )
  expect(() => dropLabels(simple(denoiser(new PointNet(), process)), { none, share: 2 })).toThrow(
    "dropLabels: got share 2",
  )
})
