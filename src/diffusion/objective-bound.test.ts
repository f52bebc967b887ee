import { describe, expect, test } from "vitest"
import { MixtureNetwork } from "../../test/laws/mixture.ts"
import { loader } from "../data/loader.ts"
import { eightGaussians } from "../data/points.ts"
import { fromNumbers, type NdArray, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { randomNormal } from "../engine/create.ts"
import { gradients } from "../engine/grad.ts"
import { Generator } from "../engine/random.ts"
import { configure } from "../engine/runtime.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { seeded } from "../nn/init.ts"
import { Linear } from "../nn/linear.ts"
import { parameterCount, variables } from "../nn/module.ts"
import { adamW } from "../optim/adam.ts"
import { train } from "../train/loop.ts"
import type { Objective } from "../train/objective.ts"
import { denoiser, type Network } from "./denoiser.ts"
import { bound } from "./likelihood-bound.ts"
import { simple, weighted } from "./objective.ts"
import { hybrid, vlb } from "./objective-bound.ts"
import { edmLoss } from "./objective-edm.ts"
import { bySnr, bySnrPlusOne, edmWeight, minSnr, p2 } from "./objective-weight.ts"
import { PointNet } from "./pointnet.ts"
import { gaussian } from "./process.ts"
import { edm, flow, subVp, ve, vp } from "./process-sde.ts"
import { last } from "./samplers/sampler.ts"
import { cosine, linear } from "./schedule.ts"

configure({ threads: 1 })

const n = 4000
const normals = (count: number): NdArray => {
  const random = new Generator(4)
  return fromNumbers(
    "float32",
    [count, 1],
    Array.from({ length: count }, () => random.normal(0.4, 0.7)),
  )
}

/** The mean of a loss over several draws, and its standard error. */
async function measure(objective: Objective, x: NdArray, runs = 25): Promise<[mean: number, error: number]> {
  const run = compile((batch: Tensor) => objective.loss({ x: batch }).total)
  const found: number[] = []
  for (let i = 0; i < runs; i++) found.push(toNumbers(await run(x))[0])
  await run.dispose()
  const mean = found.reduce((a, b) => a + b) / runs
  return [mean, Math.sqrt(found.reduce((a, b) => a + (b - mean) ** 2, 0) / (runs * (runs - 1)))]
}

const process = gaussian(linear(50, { start: 0.01, end: 0.2 }))
const bell = [{ weight: 1, mean: [0.4], std: 0.7 }]

test("the bound as an objective is the bound as it is measured, less L_T", async () => {
  const model = denoiser(new MixtureNetwork(bell, process), process)
  const x = normals(n)
  const { total, prior } = await last(bound(model, x, { draws: 8 }))
  for (const times of ["uniform", "stratified", "loss-aware"] as const) {
    const [mean, error] = await measure(vlb(model, { times }), x)
    expect(Math.abs(mean - (total.bits - prior.bits))).toBeLessThan(4 * Math.hypot(error, total.error))
    expect(error).toBeLessThan(0.05 * total.bits)
  }
})

test("the hybrid objective is the simple one and a thousandth of the bound, which moves the variance alone", async () => {
  /** A network of a mean and a share that are one parameter each. */
  class Two {
    readonly shape: readonly number[] = [1]
    readonly mean: Linear = seeded(0, () => new Linear(1, 1))
    readonly share: Linear = seeded(1, () => new Linear(1, 1))
    forward(x: Tensor): Tensor {
      const outputs = [this.mean.forward(x), this.share.forward(x.mul(0))]
      return outputs[0].broadcastTo([x.shape[0], 1]).mul(left).add(outputs[1].mul(right))
    }
  }
  const [left, right] = [fromNumbers("float32", [1, 2], [1, 0]), fromNumbers("float32", [1, 2], [0, 1])].map((a) =>
    constant(a),
  )
  const network = new Two()
  const model = denoiser(network, process, { variance: "learned" })
  const slopes = async (objective: Objective): Promise<number[]> => {
    const run = compile((x: Tensor) => {
      const { total } = objective.loss({ x })
      return [total, ...gradients(total, [...variables(network).values()])]
    })
    const found = (await run(normals(2000))).map((v) => toNumbers(v)[0])
    await run.dispose()
    return found
  }
  const [plain, both, heavy] = [
    await slopes(simple(model)),
    await slopes(hybrid(model)),
    await slopes(hybrid(model, { weight: 1 })),
  ]
  // Loss; mean's weight and bias; share's weight and bias. The draws are the same in all three.
  expect(both[0]).toBeGreaterThan(plain[0])
  for (const k of [1, 2]) expect(Math.abs(both[k] - plain[k])).toBeLessThan(1e-6)
  for (const k of [1, 2]) expect(Math.abs(heavy[k] - plain[k])).toBeLessThan(1e-6)
  expect(plain[4]).toBe(0)
  expect(both[4]).not.toBe(0)
  expect(both[4] / heavy[4]).toBeCloseTo(1e-3, 5)
  expect((both[0] - plain[0]) / (heavy[0] - plain[0])).toBeCloseTo(1e-3, 5)
  expect(() => hybrid(denoiser(network, process))).toThrow("hybrid: the variance is small, expected learned")
  expect(() => vlb(denoiser(network, vp()))).toThrow("vlb: the bound is a sum over whole times")
})

test("trained on the hybrid, the variance comes between the fixed ones and the bound is better than with either", async () => {
  const x = eightGaussians({ seed: 2 }).batch(Int32Array.from({ length: 2000 }, (_, i) => i)).x
  const few = gaussian(cosine(20))
  const network = seeded(1, () => new PointNet({ width: 64, outputs: 2 }))
  const model = denoiser(network, few, { variance: "learned" })
  const training = train(
    hybrid(model, { times: "stratified", weight: 0.01 }),
    loader(eightGaussians(), { batch: 512 }),
    {
      steps: 400,
      optimizer: adamW({ lr: 5e-3, weightDecay: 0 }),
      ema: 0.97,
    },
  )
  for await (const _ of training);
  await training.finish()
  await training.dispose()
  const bits = async (variance: "small" | "large" | "learned"): Promise<number> =>
    (await last(bound(model, x, { draws: "all", variance }))).total.bits
  const [small, large, learned] = [await bits("small"), await bits("large"), await bits("learned")]
  expect(learned).toBeLessThan(small)
  expect(learned).toBeLessThan(large)
})

describe("a weight by the signal-to-noise ratio", () => {
  test("makes of an error of x0 the same for every prediction", async () => {
    for (const weight of [bySnr, bySnrPlusOne, minSnr(), p2(), p2({ k: 0.5, gamma: 0.5 }), edmWeight()]) {
      const values: number[] = []
      for (const predict of ["eps", "x0", "v", "score"] as const) {
        const model = denoiser(new MixtureNetwork(bell, process, predict), process, { predict })
        values.push((await measure(weighted(model, { weight }), normals(500), 1))[0])
      }
      for (const v of values) expect(Math.abs(v / values[0] - 1)).toBeLessThan(1e-4)
    }
  })

  test("by itself leaves eps as it is, plus one v, plus four EDM's output, and constants are x0's", async () => {
    for (const [predict, weight] of [
      ["eps", bySnr],
      ["v", bySnrPlusOne],
      ["edm", edmWeight(0.5)],
      ["x0", minSnr(1e-6)],
    ] as const) {
      for (const p of [process, vp({ steps: 50 }), subVp({ steps: 50 }), ve({ steps: 50 }), edm({ steps: 50 })]) {
        if (predict === "v" && !p.levels.preserving) continue
        const network: Network = { shape: [1], forward: (x) => x.mul(0.3) }
        const model = denoiser(network, p, { predict })
        const scale = predict === "x0" ? 1e6 : 1
        const [plain] = await measure(simple(model), normals(500), 1)
        const [found] = await measure(weighted(model, { weight }), normals(500), 1)
        expect(Math.abs((found * scale) / plain - 1), `${predict} ${p.levels.name}`).toBeLessThan(2e-3)
      }
    }
  })

  test("has the papers' values", async () => {
    const run = compile((snr: Tensor) => [minSnr(5)(snr), p2()(snr), p2({ k: 2, gamma: 0.5 })(snr), edmWeight()(snr)])
    const [a, b, c, d] = (await run(Float32Array.of(0, 0.5, 5, 80))).map((v) => [...toNumbers(v)])
    await run.dispose()
    const close = (found: number[], expected: number[]): void => {
      for (const [i, v] of expected.entries()) expect(found[i]).toBeCloseTo(v, 4)
    }
    close(a, [0, 0.5, 5, 5])
    close(b, [0, 0.5 / 1.5, 5 / 6, 80 / 81])
    close(c, [0, 0.5 / Math.sqrt(2.5), 5 / Math.sqrt(7), 80 / Math.sqrt(82)])
    // (sigma^2 + d^2) / (sigma d)^2 at sigma^2 = 1 / snr, d = .5.
    close(d.slice(1), [(2 + 0.25) / (2 * 0.25), (0.2 + 0.25) / (0.2 * 0.25), 84])
    for (const [make, message] of [
      [() => minSnr(0), "minSnr: got gamma 0"],
      [() => p2({ k: 0 }), "p2: got k 0 and gamma 1"],
      [() => edmWeight(-1), "edmWeight: got sigmaData -1"],
    ] as const)
      expect(make).toThrow(message)
  })
})

test("EDM's objective of the best denoiser is its least error over a log-normal law of levels", async () => {
  // Data N(0, d^2): E|x0 - D|^2 = d^2 s^2 / (d^2 + s^2), which its weight makes 1 at every level.
  const d = 0.5
  const ideal: Network = { shape: [1], forward: (x) => x.mul(0) }
  const model = denoiser(ideal, edm(), { predict: "edm", sigmaData: d })
  const random = new Generator(1)
  const x = fromNumbers(
    "float32",
    [n, 1],
    Array.from({ length: n }, () => random.normal(0, d)),
  )
  const [mean, error] = await measure(edmLoss(model), x)
  expect(Math.abs(mean - 1)).toBeLessThan(4 * error)
  expect(() => edmLoss(denoiser(ideal, edm()))).toThrow("edmLoss: the network predicts eps, expected edm")
})

test("conditional flow matching of the best field has the error that is left: Var[eps - x0 | xt]", async () => {
  const process = flow({ steps: 100 })
  const s = 0.7
  // With x_t = (1 - u) x0 + u eps, x0 ~ N(0, s^2): Var[eps - x0 | xt] = s^2 / ((1 - u)^2 s^2 + u^2).
  const best: Network = {
    shape: [1],
    forward: (xt, told) => {
      const u = told.add(1).mul(0.01).reshape([-1, 1])
      const rest = u.neg().add(1)
      const power = rest
        .square()
        .mul(s * s)
        .add(u.square())
      return xt.mul(u.sub(rest.mul(s * s))).div(power)
    },
  }
  const random = new Generator(1)
  const x = fromNumbers(
    "float32",
    [n, 1],
    Array.from({ length: n }, () => random.normal(0, s)),
  )
  const [mean, error] = await measure(
    simple(denoiser(best, process, { predict: "velocity" }), { times: "stratified" }),
    x,
  )
  let expected = 0
  for (let k = 0; k < 1000; k++) {
    const u = (k + 0.5) / 1000
    expected += (s * s) / ((1 - u) ** 2 * s * s + u * u) / 1000
  }
  expect(Math.abs(mean - expected)).toBeLessThan(4 * error)
})

test("a diffusion model's encoder has nothing to train, and an autoencoder's does [A41]", async () => {
  const network = new PointNet({ dims: 1, width: 8, layers: 1 })
  const model = denoiser(network, process)
  for (const objective of [simple(model), vlb(model), weighted(model, { weight: minSnr() })]) {
    expect([...objective.variables.keys()]).toEqual([...variables(network).keys()])
    // Every parameter there is gets a gradient from the decoder's terms: none is the encoder's.
    const run = compile((x: Tensor) => gradients(objective.loss({ x }).total, [...objective.variables.values()]))
    for (const g of await run(normals(200))) expect(toNumbers(g).some((v) => v !== 0)).toBe(true)
    await run.dispose()
  }
  // The forward process, which is the encoder q(x_1 ... x_T | x0), holds no variable.
  expect(parameterCount(process)).toBe(0)
  expect(variables(process).size).toBe(0)

  /** The same bound with one step whose encoder is learned: x -> N(a x + b, s^2), z -> N(c z + d, v). */
  const [encoder, decoder] = [new Linear(1, 2), new Linear(1, 1)]
  const elbo = (x: Tensor): Tensor => {
    const [mean, logStd] = encoder.forward(x).split(2, 1)
    const z = mean.add(logStd.exp().mul(randomNormal(x.shape)))
    const kl = mean.square().add(logStd.mul(2).exp()).sub(1).sub(logStd.mul(2)).mul(0.5)
    return decoder.forward(z).sub(x).square().mul(0.5).add(kl).mean()
  }
  const both = [...variables(encoder).values(), ...variables(decoder).values()]
  const run = compile((x: Tensor) => gradients(elbo(x), both))
  const found = await run(normals(200))
  await run.dispose()
  expect(parameterCount(encoder)).toBe(4)
  for (const g of found) expect(toNumbers(g).some((v) => v !== 0)).toBe(true)
})
