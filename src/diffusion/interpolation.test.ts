import { expect, test } from "vitest"
import { type Mixture, MixtureNetwork } from "../../test/laws/mixture.ts"
import { mean, normalKs, variance } from "../../test/laws/statistics.ts"
import { fromNumbers, type NdArray } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { configure } from "../engine/runtime.ts"
import { type Denoiser, denoiser } from "./denoiser.ts"
import { arcs, partway, slerp } from "./interpolation.ts"
import { gaussian, type Process } from "./process.ts"
import { ve } from "./process-sde.ts"
import { ddpm } from "./samplers/ancestral.ts"
import { ddim } from "./samplers/ddim.ts"
import { dpmSolver } from "./samplers/dpm.ts"
import { invert, noiseOf } from "./samplers/inversion.ts"
import { probabilityFlow } from "./samplers/probability-flow.ts"
import { last } from "./samplers/sampler.ts"
import { cosine, linear } from "./schedule.ts"

configure({ threads: 1 })

const s = 0.8
const one: Mixture = [{ weight: 1, mean: [0], std: s }]
const process = gaussian(cosine(200))
const known = (mixture: Mixture, of: Process = process, predict: "v" | "score" = "v"): Denoiser =>
  denoiser(new MixtureNetwork(mixture, of, predict), of, { predict })

const normals = (count: number, std: number, seed: number): NdArray<"float32"> => {
  const random = new Generator([seed, 1])
  return fromNumbers(
    "float32",
    [count, 1],
    Array.from({ length: count }, () => random.normal(0, std)),
  )
}

test.each([
  ["discrete", process, "v"],
  ["variance exploding", ve({ steps: 200, max: 20 }), "score"],
] as const)(
  "begun partway, samples keep of the given ones what Gaussians say (%s), and still have the data's law",
  async (_, of, predict) => {
    const x = normals(4000, s, 7)
    for (const strength of [0.2, 0.5, 0.7]) {
      const { model, options } = partway(known(one, of, predict), x, { strength, seed: 2 })
      const time = strength * 200
      expect(model.process.steps).toBe(time)
      const { x: made, evaluations } = await last(ddpm(model, { ...options, variance: "small" }))
      expect(evaluations).toBe(time)
      // Given x, x0 of x_t has the mean a^2 s^2 / (a^2 s^2 + sigma^2) x: that is the correlation too.
      const [a, sigma] = [of.signal(time), of.sigma(time)]
      const kept = (a * s) ** 2 / ((a * s) ** 2 + sigma ** 2)
      const found = mean(made.data.map((v, i) => v * x.data[i])) / mean(x.data.map((v) => v * v))
      expect(Math.abs(found - kept)).toBeLessThan(4 / Math.sqrt(4000))
      expect(normalKs(made.data, 0, s)).toBeGreaterThan(0.001)
    }
  },
)

test("any sampler begins partway, and at full strength almost nothing is kept", async () => {
  const x = normals(2000, s, 8)
  const { model, options } = partway(known(one, gaussian(linear(200, { end: 0.1 }))), x, { strength: 1 })
  for (const [sampler, steps] of [
    [ddim, 200],
    [dpmSolver, 60],
    [probabilityFlow, 2],
  ] as const) {
    const { x: made } = await last(sampler(model, { ...options, steps }))
    expect(Math.abs(mean(made.data.map((v, i) => v * x.data[i])))).toBeLessThan(0.06)
    expect(Math.abs(variance(made.data) - s ** 2)).toBeLessThan(0.08)
  }
})

test("a process ended early is the same process", () => {
  for (const of of [process, ve({ steps: 200 })]) {
    const part = of.upTo(60)
    for (const t of [1, 20, 60]) {
      expect(part.signal(t)).toBeCloseTo(of.signal(t), 12)
      expect(part.sigma(t)).toBeCloseTo(of.sigma(t), 12)
      expect(part.kernel(t).variance).toBeCloseTo(of.kernel(t).variance, 12)
    }
    expect(() => part.signal(61)).toThrow("time 61 is outside 0 ... 60")
    expect(() => of.upTo(0.5)).toThrow("upTo: got time 0.5, expected a whole number from 1 to 200")
  }
})

const three: Mixture = [
  { weight: 0.5, mean: [-1], std: 0.3 },
  { weight: 0.2, mean: [0.2], std: 0.4 },
  { weight: 0.3, mean: [1.5], std: 0.3 },
]

test("the noise that DDIM inverts to makes the samples again, and is standard normal for the data's", async () => {
  const random = new Generator([9, 9])
  const rows = Array.from({ length: 1500 }, () => {
    const u = random.uniform()
    const c = three[u < 0.5 ? 0 : u < 0.7 ? 1 : 2]
    return random.normal(c.mean[0], c.std)
  })
  const x = fromNumbers("float32", [1500, 1], rows)
  for (const model of [known(three), known(three, ve({ steps: 200, max: 20 }), "score")]) {
    const worst: number[] = []
    for (const iterations of [1, 12]) {
      const options = { steps: 50, iterations, spacing: "leading" as const }
      const noise = await invert(model, x, options)
      const { x: again } = await last(
        ddim(model, { count: 1500, steps: 50, spacing: "leading", noise: noiseOf(noise), clip: null }),
      )
      worst.push(Math.sqrt(mean(again.data.map((v, i) => (v - x.data[i]) ** 2))))
      if (iterations > 1) expect(normalKs(noise.data, 0, 1)).toBeGreaterThan(0.001)
    }
    expect(worst[1]).toBeLessThan(0.01)
    expect(worst[1]).toBeLessThan(0.5 * worst[0])
  }
})

test("the arc between two noises keeps their length, begins at one and ends at the other", () => {
  const random = new Generator([3, 3])
  const rows = (): NdArray<"float32"> =>
    fromNumbers(
      "float32",
      [3, 50],
      Array.from({ length: 150 }, () => random.normal()),
    )
  const [a, b] = [rows(), rows()]
  const length = (x: NdArray<"float32">, r: number): number => Math.hypot(...x.data.subarray(50 * r, 50 * r + 50))
  for (const [w, end] of [
    [0, a],
    [1, b],
  ] as const)
    for (const [i, v] of slerp(a, b, w).data.entries()) expect(v).toBeCloseTo(end.data[i], 6)
  // Of two of one length every point of the arc has it; the middle of the straight line is shorter.
  const even = fromNumbers(
    "float32",
    [3, 50],
    [...b.data].map((v, i) => (v * length(a, Math.floor(i / 50))) / length(b, Math.floor(i / 50))),
  )
  for (const w of [0.25, 0.5, 0.9])
    for (let r = 0; r < 3; r++) expect(length(slerp(a, even, w), r) / length(a, r)).toBeCloseTo(1, 5)
  // Equal steps make equal angles.
  const right = slerp(fromNumbers("float32", [2], [1, 0]), fromNumbers("float32", [2], [0, 1]), 1 / 3)
  expect(right.data[0]).toBeCloseTo(Math.cos(Math.PI / 6), 6)
  expect(right.data[1]).toBeCloseTo(Math.sin(Math.PI / 6), 6)
  expect([...slerp(a, a, 0.3).data]).toEqual([...a.data].map((v) => expect.closeTo(v, 6)))
})

test("rows of arcs have noise of their own at the ends, and samples between them change little by little", async () => {
  const noise = arcs([4], { length: 5, seed: 3 })
  const [first, next, end] = [0, 5, 4].map((i) => [...noise(i, 0)])
  expect(first).not.toEqual(next)
  const middle = slerp(fromNumbers("float32", [4], first), fromNumbers("float32", [4], end), 0.5)
  for (const [i, v] of noise(2, 0).entries()) expect(v).toBeCloseTo(middle.data[i], 6)
  const { x } = await last(ddim(known(three), { count: 40, steps: 50, noise: arcs([1], { length: 40, seed: 1 }) }))
  const ends = Math.abs(x.data[39] - x.data[0])
  for (let i = 1; i < 40; i++) expect(Math.abs(x.data[i] - x.data[i - 1])).toBeLessThan(0.5 * Math.max(1, ends))
  expect(() => arcs([1], { length: 1 })).toThrow("arcs: got rows of 1, expected a whole number from 2")
  // Given ends come in pairs, one for each row.
  const own = arcs([1], { length: 3, ends: fromNumbers("float32", [4, 1], [1, 2, -3, 4]) })
  expect([0, 2, 3, 5].map((i) => own(i, 0)[0])).toEqual([1, 2, -3, 4].map((v) => expect.closeTo(v, 6)))
  expect(() => own(6, 0)).toThrow("arcs: got 4 ends, expected two for each row (row 2 has none)")
  expect(() => arcs([2], { length: 3, ends: fromNumbers("float32", [2, 1], [1, 2]) })).toThrow("arcs: got ends [2, 1]")
})

test("what makes no sense is refused", async () => {
  const x = normals(3, 1, 1)
  expect(() => partway(known(one), x, { strength: 0 })).toThrow("partway: got strength 0")
  expect(() => partway(known(one), fromNumbers("float32", [1, 2], [0, 0]))).toThrow("partway: got samples [1, 2]")
  expect(() => slerp(x, normals(2, 1, 1), 0.5)).toThrow("slerp: got shapes [3, 1] and [2, 1], expected the same")
  expect(() => slerp(fromNumbers("float32", [2], [0, 0]), fromNumbers("float32", [2], [0, 1]), 0.5)).toThrow(
    "slerp: row 0 is zero or not finite",
  )
  await expect(invert(known(one), x, { iterations: 0 })).rejects.toThrow("invert: got iterations 0")
  await expect(last(ddpm(known(one), { count: 3, noise: noiseOf(x) }))).rejects.toThrow(
    "noiseOf: the sampler draws fresh noise",
  )
})
