import { expect, test } from "vitest"
import { draw, type Mixture } from "../../test/laws/mixture.ts"
import { mean } from "../../test/laws/statistics.ts"
import { type Dataset, procedural } from "../data/dataset.ts"
import { loader } from "../data/loader.ts"
import { fromNumbers, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { randomNormal } from "../engine/create.ts"
import { silu } from "../engine/fused/activation.ts"
import { Generator } from "../engine/random.ts"
import { configure } from "../engine/runtime.ts"
import type { Tensor } from "../engine/tensor.ts"
import { seeded } from "../nn/init.ts"
import { Linear } from "../nn/linear.ts"
import { adamW } from "../optim/adam.ts"
import { lrCosine } from "../optim/curves.ts"
import { train } from "../train/loop.ts"
import type { Objective } from "../train/objective.ts"
import { denoisingScoreMatching, divergence, fisherDivergence, implicitScoreMatching } from "./objective-score.ts"

configure({ threads: 1 })

test("the Fisher divergence of N(0, 1) and N(m, 1) is m^2, and Hyvarinen's form is that less a constant [A29]", async () => {
  const n = 100_000
  for (const m of [0, 0.7, -2]) {
    const score = (x: Tensor): Tensor => x.neg()
    const other = (x: Tensor): Tensor => x.sub(m).neg()
    const run = compile(() => {
      const x = randomNormal([n, 1])
      const implicit = implicitScoreMatching({}, other).loss({ x }).total
      return [fisherDivergence(score, other, x), implicit, fisherDivergence(score, score, x)]
    })
    const [fisher, implicit, own] = (await run()).map((v) => toNumbers(v)[0])
    await run.dispose()
    // The two scores differ by m everywhere: no noise is left in the estimate.
    expect(Math.abs(fisher - m * m)).toBeLessThan(1e-3)
    expect(own).toBe(0)
    // E || grad log p ||^2 is 1; x^2 - 2 m x has variance 2 + 4 m^2.
    expect(Math.abs(implicit - (m * m - 1))).toBeLessThan(4 * Math.sqrt((2 + 4 * m * m) / n))
  }
})

test("denoising score matching at the true score of the noisy law has the least loss there is", async () => {
  // Data N(0, s^2): the noisy law is N(0, s^2 + sigma^2); the loss is sigma^2 E|s|^2 - 2 E.. + 1 = s^2 / (s^2 + sigma^2).
  const [s, sigma, n] = [0.8, 0.5, 100_000]
  const total = s * s + sigma * sigma
  const at = async (slope: number): Promise<number> => {
    const { loss } = denoisingScoreMatching({}, (x) => x.mul(-slope), { sigma })
    const run = compile(() => loss({ x: randomNormal([n, 1]).mul(s) }).total)
    const [found] = toNumbers(await run())
    await run.dispose()
    return found
  }
  expect(Math.abs((await at(1 / total)) - (s * s) / total)).toBeLessThan((4 * 1.5) / Math.sqrt(n))
  for (const slope of [0.7 / total, 1.4 / total]) expect(await at(slope)).toBeGreaterThan(await at(1 / total))
})

test("the divergence of a field is the trace of its Jacobian", async () => {
  const run = compile((x: Tensor) => {
    const field = (v: Tensor): Tensor => {
      const [a, b, c] = v.split(3, 1)
      return a.mul(b).mul(v).add(c.square())
    }
    return divergence(field, x).trace
  })
  // f_i = a b x_i + c^2: the trace is 2 a b + 2 a b + a b + 2 c (c's own component).
  const [first, second] = toNumbers(
    await run([
      [1, 2, 3],
      [-1, 0.5, 2],
    ]),
  )
  await run.dispose()
  expect(first).toBeCloseTo(5 * 2 + 6, 5)
  expect(second).toBeCloseTo(5 * -0.5 + 4, 5)
})

/** A field of the plane. */
class FieldNetwork {
  readonly layers: readonly Linear[]
  constructor() {
    this.layers = [new Linear(2, 64), new Linear(64, 64), new Linear(64, 2)]
  }
  forward(x: Tensor): Tensor {
    const [first, second, last] = this.layers
    return last.forward(silu(second.forward(silu(first.forward(x)))))
  }
}

const modes: Mixture = [
  { weight: 0.8, mean: [-2, -2], std: 0.5 },
  { weight: 0.2, mean: [2, 2], std: 0.5 },
]
const data: Dataset = procedural({
  name: "modes",
  length: 2 ** 20,
  shape: [2],
  write: (i, out) => {
    out.set(draw(modes, new Generator([5, i])))
    return 0
  },
})

/** The score of the mixture seen through noise. */
function trueScore([x, y]: readonly number[], sigma: number): [number, number] {
  const logs = modes.map((c) => {
    const v = c.std ** 2 + sigma ** 2
    return Math.log(c.weight / v) - ((x - c.mean[0]) ** 2 + (y - c.mean[1]) ** 2) / (2 * v)
  })
  const top = Math.max(...logs)
  const shares = logs.map((l) => Math.exp(l - top))
  const total = shares.reduce((a, b) => a + b)
  const along = (i: 0 | 1, at: number): number =>
    modes.reduce((s, c, k) => s - ((shares[k] / total) * (at - c.mean[i])) / (c.std ** 2 + sigma ** 2), 0)
  return [along(0, x), along(1, y)]
}

async function rmse(network: FieldNetwork, points: readonly (readonly number[])[], sigma: number): Promise<number> {
  const run = compile((x: Tensor) => network.forward(x))
  const found = toNumbers(await run(fromNumbers("float32", [points.length, 2], points.flat())))
  await run.dispose()
  const expected = points.flatMap((p) => trueScore(p, sigma))
  return Math.sqrt(2 * mean(expected.map((v, i) => (v - found[i]) ** 2)))
}

test("where data are rare their score is not learned, and under noise it is: the error between two modes falls fivefold [A30]", async () => {
  const learn = async (make: (network: FieldNetwork) => Objective): Promise<FieldNetwork> => {
    const network = seeded(3, () => new FieldNetwork())
    const steps = 600
    const training = train(make(network), loader(data, { batch: 512 }), {
      steps,
      optimizer: adamW({ lr: lrCosine(5e-3, { steps }), weightDecay: 0 }),
      ema: 0.98,
    })
    for await (const _ of training);
    await training.finish()
    await training.dispose()
    return network
  }
  const sigma = 1
  const [plain, noisy] = [
    await learn((n) => implicitScoreMatching(n, (x) => n.forward(x))),
    await learn((n) => denoisingScoreMatching(n, (x) => n.forward(x), { sigma })),
  ]
  const between = Array.from({ length: 81 }, (_, k) => [-0.9 + 0.225 * (k % 9), -0.9 + 0.225 * Math.floor(k / 9)])
  const random = new Generator(1)
  const near = Array.from({ length: 400 }, () => draw(modes, random))
  const [a, b] = [await rmse(plain, between, 0), await rmse(noisy, between, sigma)]
  expect(a / b).toBeGreaterThan(5)
  // At the modes both are learned: their errors are of one order of magnitude.
  const [c, d] = [await rmse(plain, near, 0), await rmse(noisy, near, sigma)]
  expect(c / d).toBeLessThan(10)
  expect(c / d).toBeGreaterThan(0.1)
  expect(c).toBeLessThan(0.5 * a)
})
