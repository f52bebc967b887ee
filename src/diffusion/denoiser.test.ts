import { expect, test } from "vitest"
import { type Mixture, MixtureNetwork } from "../../test/laws/mixture.ts"
import { mean } from "../../test/laws/statistics.ts"
import { fromNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { evaluate } from "../engine/evaluate.ts"
import { Generator } from "../engine/random.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { type Denoiser, denoiser, type Predict, type Prediction } from "./denoiser.ts"
import { gaussian } from "./process.ts"
import { cosine, linear, schedule } from "./schedule.ts"

const heads = ["eps", "x0", "v", "score"] as const

/** Float64 values of a prediction for rows of points. */
function answer(model: Denoiser, rows: readonly (readonly number[])[], time: number, of: keyof Prediction): number[] {
  const x = constant(fromNumbers("float32", [rows.length, rows[0].length], rows.flat()))
  const at = model.at(x, constant(new Int32Array(rows.length).fill(time)))
  return [...evaluate([(at[of] as Tensor).value])[0].data]
}

/** The scales as programs have them: float32. */
const scales = (model: Denoiser, t: number): [number, number] => [
  Math.fround(model.process.signal(t)),
  Math.fround(model.process.sigma(t)),
]

/** All its numbers are exact in float32. */
const three: Mixture = [
  { weight: 0.5, mean: [-1.25], std: 0.25 },
  { weight: 0.25, mean: [0.5], std: 0.5 },
  { weight: 0.25, mean: [1.5], std: 0.125 },
]

/** Integral over the line by the trapezoidal rule, which is exact to rounding for such integrands. */
function integral(f: (x: number) => number, low = -9, high = 9, n = 18_000): number {
  const h = (high - low) / n
  let sum = 0
  for (let i = 0; i <= n; i++) sum += f(low + i * h)
  return sum * h
}

const normal = (x: number, m: number, s: number): number =>
  Math.exp(-((x - m) ** 2) / (2 * s * s)) / (s * Math.sqrt(2 * Math.PI))
const density = (x: number): number => three.reduce((p, c) => p + c.weight * normal(x, c.mean[0], c.std), 0)

test("Tweedie's formula: sqrt(alphaBar) E[x0 | xt] = xt + (1 - alphaBar) grad log p(xt), by quadrature [A25]", () => {
  const process = gaussian(linear())
  for (const time of [1, 40, 200, 600, 1000]) {
    const model = denoiser(new MixtureNetwork(three, process, "score"), process, { predict: "score" })
    const [signal, sigma] = scales(model, time)
    const points = [-1.5, -0.5, 0.25, 1]
    const x0 = answer(
      model,
      points.map((x) => [x]),
      time,
      "x0",
    )
    const score = answer(
      model,
      points.map((x) => [x]),
      time,
      "score",
    )
    for (const [i, x] of points.entries()) {
      const joint = (clean: number): number => density(clean) * normal(x, signal * clean, sigma)
      // At small noise the integrand is a spike about x / signal.
      const [low, high] = [x - 12 * sigma, x + 12 * sigma].map((v) => v / signal)
      const over = (f: (clean: number) => number): number => integral(f, Math.max(-9, low), Math.min(9, high))
      const p = over(joint)
      const expected = over((clean) => clean * joint(clean)) / p
      const slope = over((clean) => ((signal * clean - x) / sigma ** 2) * joint(clean)) / p
      expect(Math.abs(x0[i] - expected)).toBeLessThan(1e-8 * Math.max(1, Math.abs(expected)))
      expect(Math.abs(score[i] - slope)).toBeLessThan(1e-8 * Math.max(1, Math.abs(slope)))
      expect(Math.abs(signal * x0[i] - (x + sigma ** 2 * score[i]))).toBeLessThan(1e-12)
    }
  }
})

test("x0, eps and score answer for each other to the last digits, and v to those of its float32 scales [A24]", () => {
  const process = gaussian(cosine(100))
  const plane: Mixture = [
    { weight: 0.6, mean: [-1, 0.5], std: 0.3 },
    { weight: 0.4, mean: [1, -0.5], std: 0.1 },
  ]
  const points = [
    [-1.5, 0.25],
    [0.1, 0.2],
    [2, -1],
  ]
  const models = new Map(
    heads.map((h) => [h, denoiser(new MixtureNetwork(plane, process, h), process, { predict: h })]),
  )
  for (const time of [1, 37, 99]) {
    for (const of of heads) {
      const expected = answer(models.get("score")!, points, time, of)
      for (const [predict, model] of models) {
        // signal^2 + sigma^2 is 1 only as nearly as float32 has it, and v relies on it.
        const tolerance = predict === "v" || of === "v" ? 1e-5 : 1e-10
        const found = answer(model, points, time, of)
        const scale = Math.max(1, ...expected.map(Math.abs))
        for (const [i, v] of found.entries())
          expect(Math.abs(v - expected[i]) / scale, `${of} from ${predict} at ${time}`).toBeLessThan(tolerance)
      }
    }
  }
})

test("whatever the head, the same function walks the same reverse path [A24]", () => {
  const process = gaussian(linear(60, { end: 0.2 }))
  const z = Array.from({ length: 61 }, (_, k) => [...new Generator(k).permutation(6)].map((i) => i / 3 - 5 / 6))
  const walk = (predict: Predict): number[] => {
    const model = denoiser(new MixtureNetwork(three, process, predict), process, { predict })
    let x = z[0]
    for (let t = 60; t >= 1; t--) {
      const rows = x.map((v) => [v])
      // The network sees the float32 values of x; so does the sampler.
      const seen = rows.map(([v]) => Math.fround(v))
      const x0 = answer(model, rows, t, "x0")
      const { x0Weight, xtWeight, variance } = process.posterior(t)
      x = seen.map((v, i) => Math.fround(x0Weight * x0[i] + xtWeight * v + Math.sqrt(variance) * z[t][i]))
    }
    return x
  }
  const expected = walk("score")
  // Every value is rounded to float32 between the steps, which two equal paths do alike.
  for (const predict of ["eps", "x0"] as const)
    for (const [i, v] of walk(predict).entries()) expect(Math.abs(v - expected[i])).toBeLessThan(1e-10)
  for (const [i, v] of walk("v").entries()) expect(Math.abs(v - expected[i])).toBeLessThan(1e-4)
})

test("the score is the mean of -eps / sigma: for standard normal data it is -xt, and so is the regression on xt [A26]", () => {
  const process = gaussian(linear())
  const unit: Mixture = [{ weight: 1, mean: [0], std: 1 }]
  const random = new Generator(2)
  for (const time of [20, 300, 900]) {
    const model = denoiser(new MixtureNetwork(unit, process), process)
    const points = [-1.303125, 0.5, 2]
    const found = answer(
      model,
      points.map((x) => [x]),
      time,
      "score",
    )
    for (const [i, v] of found.entries()) expect(v).toBeCloseTo(-points[i], 6)

    const n = 100_000
    const [signal, sigma] = scales(model, time)
    const pairs = Array.from({ length: n }, () => {
      const eps = random.normal()
      return [signal * random.normal() + sigma * eps, -eps / sigma]
    })
    const slope = mean(pairs.map(([x, s]) => x * s)) / mean(pairs.map(([x]) => x * x))
    // Var[-eps / sigma | xt] = (1 / sigma^2 - 1), so that is how far a regression of n draws may be off.
    expect(Math.abs(slope + 1)).toBeLessThan(4 * Math.sqrt((1 / sigma ** 2 - 1) / n))
    // Without the expectation it is no function of xt: the same xt comes with many eps.
    const apart = mean(pairs.map(([x, s]) => (s + x) ** 2))
    expect(apart).toBeGreaterThan(0.8 * (1 / sigma ** 2 - 1))
  }
})

/** Two points under additive noise of variance .49: one step of a process, seen through its scale. */
const noise = 0.49
const single = gaussian(schedule("single", [noise / (1 + noise)]))
const coin: Mixture = [
  { weight: 0.5, mean: [-1], std: 0 },
  { weight: 0.5, mean: [1], std: 0 },
]

/** Score with respect to x + noise, and E[x0], at a value of x + noise. */
function seen(at: number): { score: number; x0: number } {
  const model = denoiser(new MixtureNetwork(coin, single, "score"), single, { predict: "score" })
  const scale = single.signal(1)
  const [score] = answer(model, [[at * scale]], 1, "score")
  const [x0] = answer(model, [[at * scale]], 1, "x0")
  return { score: score * scale, x0 }
}

test("the score of data seen through noise is (E[x0 | x] - x) / sigma^2: for +-1 at .5 it is .5510872 [A27]", () => {
  const { score, x0 } = seen(0.5)
  expect(score).toBeCloseTo(0.5510872, 6)
  expect(score).toBeCloseTo((x0 - 0.5) / noise, 6)
  const logDensity = (x: number): number => Math.log(normal(x, -1, 0.7) + normal(x, 1, 0.7))
  expect(score).toBeCloseTo((logDensity(0.5 + 1e-5) - logDensity(0.5 - 1e-5)) / 2e-5, 6)
})

test("the best denoiser is x + sigma^2 score: .7700327 at .5, where x - score would say -.0511 [A28]", () => {
  for (const x of [-1.2, 0, 0.5, 3]) {
    const { score, x0 } = seen(x)
    expect(x0).toBeCloseTo(x + noise * score, 6)
    expect(x0).toBeCloseTo(Math.tanh(x / noise), 6)
  }
  expect(seen(0.5).x0).toBeCloseTo(0.7700327, 6)
  expect(0.5 - seen(0.5).score).toBeCloseTo(-0.0511, 4)
})

test("what a network is trained to give is what its answers are read as", async () => {
  const process = gaussian(linear())
  for (const predict of heads) {
    // A network that knows the truth of its only example, and is asked what it thinks of it.
    const run = compile((x0: Tensor, eps: Tensor, t: Tensor) => {
      const model: Denoiser = denoiser({ shape: [4], forward: () => model.target(x0, eps, t) }, process, { predict })
      const at = model.at(process.noised(x0, eps, t), t)
      return [at.x0, at.eps, at.v, at.score]
    })
    const random = new Generator(6)
    const rows = (): Float32Array => Float32Array.from({ length: 12 }, () => random.normal())
    const times = Int32Array.of(1, 400, 900)
    const [x0, eps] = [rows(), rows()]
    const shaped = (data: Float32Array) => ({ dtype: "float32" as const, shape: [3, 4], data })
    const found = await run(shaped(x0), shaped(eps), times)
    await run.dispose()
    for (let i = 0; i < 12; i++) {
      const t = times[Math.floor(i / 4)]
      const [signal, sigma] = [process.signal(t), process.sigma(t)]
      const expected = [x0[i], eps[i], signal * eps[i] - sigma * x0[i], -eps[i] / sigma]
      for (const [k, v] of expected.entries()) {
        // Going from eps to x0 or back divides the rounding of x_t by what is left of the other.
        const tolerance = 1e-5 / Math.min(signal, sigma) ** (k === 3 ? 2 : 1)
        expect(Math.abs(Number(found[k].data[i]) - v), `${predict} -> ${k} at ${t}`).toBeLessThan(tolerance)
      }
    }
  }
})

test("x0 is clipped to what images can be, and points are not", () => {
  const network = (shape: readonly number[]) => ({ shape, forward: (x: Tensor) => x })
  const process = gaussian(linear())
  const model = denoiser(network([1, 2, 2]), process, { predict: "x0" })
  expect([model.clip, denoiser(network([2]), process).clip]).toEqual([1, null])
  const x = constant(fromNumbers("float32", [1, 1, 2, 2], [-3, -0.5, 0.25, 1.5]))
  const at = model.at(x, constant(Int32Array.of(7)))
  expect([...evaluate([at.clipped(1).value])[0].data]).toEqual([-1, -0.5, 0.25, 1])
  expect([...evaluate([at.clipped(null).value])[0].data]).toEqual([-3, -0.5, 0.25, 1.5])
})

test("a process that ends without any signal takes a network that predicts v or x0, and refuses the others", () => {
  const spent = gaussian(schedule("spent", [0.3, 0.5, 1]))
  const network = { shape: [1], forward: (x: Tensor) => x }
  for (const predict of ["eps", "score"] as const)
    expect(() => denoiser(network, spent, { predict })).toThrow(
      `denoiser: no signal is left at time 3, where ${predict} says nothing of x0 (predict v or x0)`,
    )
  for (const predict of ["v", "x0"] as const) {
    const [x0] = answer(denoiser(network, spent, { predict }), [[0.7]], 3, "x0")
    // v is -x0 there.
    expect(x0).toBeCloseTo(predict === "v" ? -0.7 : 0.7, 6)
  }
})
