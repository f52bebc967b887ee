import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { type Mixture, MixtureNetwork } from "../../test/laws/mixture.ts"
import { array, fromNumbers, type NdArray, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { evaluate } from "../engine/evaluate.ts"
import { gradients } from "../engine/grad.ts"
import { Generator } from "../engine/random.ts"
import { configure } from "../engine/runtime.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { variables } from "../nn/module.ts"
import { normalCdf } from "../stats/special/erf.ts"
import { denoiser, type Network } from "./denoiser.ts"
import { logVariances, reverseStep } from "./denoiser-reverse.ts"
import { type BoundOptions, bound } from "./likelihood-bound.ts"
import { denoisingBound, type LinearChain } from "./likelihood-chain.ts"
import { discretised } from "./likelihood-discrete.ts"
import { odeLikelihood } from "./likelihood-ode.ts"
import type { BoundStep } from "./likelihood-table.ts"
import { priorTerm } from "./likelihood-terms.ts"
import { PointNet } from "./pointnet.ts"
import { gaussian, type Process } from "./process.ts"
import { last } from "./samplers/sampler.ts"
import { linear, schedule } from "./schedule.ts"

configure({ threads: 1 })

const fixture = JSON.parse(readFileSync(new URL("fixtures/process.json", import.meta.url), "utf8")) as {
  discretised: [number, number, number, number][]
  variances: { kind: string; t: number; say: number | null; value: number }[]
}
const rows = (values: readonly number[], ...shape: number[]): NdArray => fromNumbers("float32", shape, values)

/** Data N(m, s^2), and the reverse chain of the best denoiser of it. */
const [m, s] = [0.4, 0.7]
const bell: Mixture = [{ weight: 1, mean: [m], std: s }]
function chainOf(process: Process, variance: "small" | "large"): LinearChain {
  const steps = Array.from({ length: process.steps }, (_, i) => {
    const t = i + 1
    const { x0Weight, xtWeight } = process.posterior(t)
    // E[x0 | xt] is linear in xt.
    const slope = (process.signal(t) * s * s) / (process.alphaBar(t) * s * s + 1 - process.alphaBar(t))
    return {
      weight: xtWeight + x0Weight * slope,
      bias: x0Weight * (m - slope * process.signal(t) * m),
      variance: Math.exp(logVariances(process, t)[variance]),
    }
  })
  return { process, steps }
}

const process = gaussian(linear(50, { start: 0.01, end: 0.2 }))
const model = denoiser(new MixtureNetwork(bell, process), process)
const values = Array.from({ length: 40 }, (_, i) => m + s * Math.sin(1.3 * i))
const measured = async (options: BoundOptions = {}): Promise<BoundStep> => {
  return last(bound(model, rows(values, 40, 1), options))
}

describe("the bound of the best denoiser of Gaussian data", () => {
  for (const variance of ["small", "large"] as const) {
    const chain = chainOf(process, variance)
    const exact = values.map((x) => denoisingBound(chain, x))
    const meanOf = (f: (b: (typeof exact)[number]) => number): number => exact.reduce((a, b) => a + f(b), 0) / 40

    test(`is the closed form's in each term, to Monte Carlo error, with the ${variance} variance`, async () => {
      // Each value comes 200 times, with other noise each.
      const many = rows(
        Array.from({ length: 8000 }, (_, i) => values[i % 40]),
        8000,
        1,
      )
      for (const form of ["denoising", "consistency"] as const) {
        const found = await last(bound(model, many, { draws: "all", variance, form, batch: 20_000 }))
        const unit = Math.log(2)
        // Standard errors over samples are of all 8000; the values themselves are the same 40 in both.
        const within = (a: { bits: number; error: number }, b: number): void =>
          expect(Math.abs(a.bits - b / unit), `${a.bits}, ${b / unit}`).toBeLessThan(4 * a.error + 1e-4)
        within(found.total, -meanOf((b) => b.total))
        within(found.reconstruction, -meanOf((b) => b.reconstruction))
        expect(found.rows).toHaveLength(50)
        if (form === "consistency") continue
        expect(Math.abs(found.prior.nats - meanOf((b) => b.prior))).toBeLessThan(1e-9)
        for (let t = 2; t <= 50; t++)
          within(
            found.rows[t - 1],
            meanOf((b) => b.between[t - 2]),
          )
      }
    })

    test(`is found from a few times a sample too, with the ${variance} variance`, async () => {
      const many = rows(
        Array.from({ length: 4000 }, (_, i) => values[i % 40]),
        4000,
        1,
      )
      const found = await last(bound(model, many, { draws: 4, variance, batch: 20_000 }))
      expect(Math.abs(found.total.nats + meanOf((b) => b.total))).toBeLessThan(4 * found.total.error * Math.log(2))
      expect(found.total.error).toBeLessThan(0.05)
      expect(found.rows[0]).toMatchObject({ from: 1, to: 1, draws: found.count })
      expect(found.rows.at(-1)?.to).toBe(50)
      const sum = found.rows.reduce((a, r) => a + r.nats, found.prior.nats)
      expect(Math.abs(sum - found.total.nats)).toBeLessThan(1e-9)
    })
  }

  test("is the same in any batch, and follows from the seed", async () => {
    const first = await measured({ batch: 7 })
    expect((await measured({ batch: 64 })).total.nats).toBeCloseTo(first.total.nats, 5)
    expect((await measured({ batch: 7 })).total).toEqual(first.total)
    expect((await measured({ batch: 7, seed: 1 })).total.nats).not.toBe(first.total.nats)
  })

  test("is reported as it goes, and stops when it is told to", async () => {
    const stop = new AbortController()
    const done: number[] = []
    const run = async (): Promise<void> => {
      for await (const step of bound(model, rows(values, 40, 1), { batch: 20, draws: 4, signal: stop.signal })) {
        done.push(step.done)
        if (done.length === 3) stop.abort()
      }
    }
    await expect(run()).rejects.toThrow("aborted")
    expect(done).toEqual([4, 8, 12])
  })

  test("is refused for samples that are none", async () => {
    await expect(last(bound(model, rows([], 0, 1)))).rejects.toThrow("bound: got samples [0, 1], expected [count, 1]")
    await expect(last(bound(model, rows([1, 2], 1, 2)))).rejects.toThrow("bound: got samples [1, 2]")
    await expect(last(bound(model, rows([0.1, Number.NaN], 2, 1)))).rejects.toThrow(
      /bound: the term of time \d+ is NaN for sample 1/,
    )
    await expect(measured({ draws: 0 })).rejects.toThrow("bound: got draws 0, expected a whole number from 1")
  })
})

test("what training cannot change is small: L_T is 2.018e-5 nats a number for x0 = 1, and its gradient is 0 [A17]", async () => {
  const usual = gaussian(linear())
  expect(priorTerm(usual, [1])).toBeCloseTo(2.018e-5, 8)
  const [kept] = [usual.alphaBar(1000)]
  expect(Math.abs(priorTerm(usual, [1, -1]) - 2 * -0.5 * (kept + Math.log1p(-kept) - kept))).toBeLessThan(1e-12)
  // Whatever the network, the row is the same; and no variable of the model is part of it.
  const net = new PointNet({ dims: 1, width: 8, layers: 1 })
  const other = denoiser(net, process)
  const [a, b] = [await measured({ draws: 1 }), await last(bound(other, rows(values, 40, 1), { draws: 1 }))]
  expect(a.prior).toEqual(b.prior)
  expect(a.total.nats).not.toBe(b.total.nats)
  const parameters = [...variables(net).values()]
  const run = compile((x0: Tensor) => {
    const T = constant(new Int32Array(40).fill(50))
    const [signal, sigma] = process.scales(T, 2)
    const prior = x0.mul(signal).square().add(sigma.square()).sub(1).sub(sigma.square().log()).mul(0.5)
    return [prior.mean(), ...gradients(prior.mean(), parameters)]
  })
  const [value, ...slopes] = await run(rows(values, 40, 1))
  await run.dispose()
  expect(toNumbers(value)[0]).toBeCloseTo(a.prior.nats, 4)
  for (const g of slopes) for (const v of toNumbers(g)) expect(v).toBe(0)
})

test("L_0 is a Gaussian's, and so beta^2 / (2 alpha (1 - alphaBar) sigma^2) times the error of the noise: .2778 [A18]", async () => {
  // alpha_1 = .9; sigma_1^2 = .05 is the posterior's variance at t = 2 for this beta_2.
  const [alpha, spread] = [0.9, 0.05]
  const second = (spread * 0.1) / (0.1 - 0.9 * spread)
  const two = gaussian(schedule("two", [1 - alpha, second]))
  expect(Math.exp(logVariances(two, 1).small)).toBeCloseTo(spread, 12)
  const [eps, guess, x] = [0.3, -0.2, 0.6]
  const network: Network = { shape: [1], forward: (xt) => xt.mul(0).add(guess) }
  const xt = Math.sqrt(alpha) * x + Math.sqrt(1 - alpha) * eps
  const run = compile((at: Tensor) => {
    const { mean, logVariance } = reverseStep(denoiser(network, two), at, constant(Int32Array.of(1)))
    return [mean, logVariance]
  })
  const [mean, logVariance] = (await run(rows([xt], 1, 1))).map((v) => toNumbers(v)[0])
  await run.dispose()
  const nll = 0.5 * (Math.log(2 * Math.PI) + logVariance + (x - mean) ** 2 / Math.exp(logVariance))
  const weighted = ((1 - alpha) ** 2 / (2 * alpha * (1 - alpha) * spread)) * (eps - guess) ** 2
  expect(weighted).toBeCloseTo(0.2778, 4)
  expect(nll - 0.5 * Math.log(2 * Math.PI * spread)).toBeCloseTo(weighted, 5)
  // The posterior's own variance at t = 1 is 0: with it the density would be a spike.
  expect(two.posterior(1).variance).toBe(0)
})

test("the bins of a discretised Gaussian add up to 1, and each is OpenAI's number", () => {
  const all = fixture.discretised
  const [x, mean, logStd] = [0, 1, 2].map((k) =>
    constant(
      array(
        "float64",
        [all.length],
        Float64Array.from(all, (r) => r[k]),
      ),
    ),
  )
  const [floored] = evaluate([discretised(x, mean, logStd, { floor: 1e-12 }).value])
  for (const [i, row] of all.entries())
    expect(Math.abs(floored.data[i] - row[3])).toBeLessThan(1e-6 * Math.max(1, Math.abs(row[3])))

  const bins = constant(
    array(
      "float64",
      [256],
      Float64Array.from({ length: 256 }, (_, i) => i / 127.5 - 1),
    ),
  )
  for (const [centre, log] of [
    [0.1, -5],
    [-1.3, -2],
    [0.7, 0.4],
  ]) {
    const at = (v: number): Tensor => constant(array("float64", [], Float64Array.of(v)))
    const [p] = evaluate([discretised(bins, at(centre), at(log)).exp().value])
    expect(p.data.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9)
  }
})

test("far from its mean a bin keeps its digits in single precision, where a difference of two numbers near 1 has none", async () => {
  const run = compile((x: Tensor, mean: Tensor) => discretised(x, mean, constant(-3)))
  const x = Float32Array.from({ length: 9 }, (_, i) => (2 * (100 + i * 16)) / 255 - 1)
  const single = toNumbers(await run(x, -0.9))
  await run.dispose()
  const [double] = evaluate([
    discretised(
      constant(array("float64", [9], Float64Array.from(x))),
      constant(array("float64", [], Float64Array.of(-0.9))),
      constant(array("float64", [], Float64Array.of(-3))),
    ).value,
  ])
  expect(double.data[8]).toBeLessThan(-500)
  for (const [i, v] of double.data.entries()) expect(Math.abs(single[i] / v - 1)).toBeLessThan(1e-4)
})

test("a learned variance lies between the fixed ones by the network's share, as diffusers has it", async () => {
  const twenty = gaussian(linear(20))
  for (const { kind, t, say, value } of fixture.variances) {
    // Time t + 1 here. At the first time diffusers floors at 1e-20, and we take the second's.
    if (t === 0) continue
    const logs = logVariances(twenty, t + 1)
    if (kind !== "learned_range") {
      expect(Math.exp(logs[kind === "fixed_small" ? "small" : "large"]) / value).toBeCloseTo(1, 3)
      continue
    }
    const network: Network = { shape: [1], forward: (x) => x.mul(0).broadcastTo([1, 2]).add(say!) }
    const run = compile((x: Tensor) => {
      const model = denoiser(network, twenty, { variance: "learned" })
      return reverseStep(model, x, constant(Int32Array.of(t + 1))).logVariance
    })
    expect(toNumbers(await run(rows([0.3], 1, 1)))[0]).toBeCloseTo(value, 3)
    await run.dispose()
  }
  // The first step may be given less to begin with, and only it.
  const least: Network = { shape: [1], forward: (x) => x.mul(0).broadcastTo([1, 2]).sub(1) }
  const narrow = denoiser(least, twenty, { variance: "learned", firstStd: 1e-3 })
  for (const [t, expected] of [
    [1, 2 * Math.log(1e-3)],
    [2, logVariances(twenty, 2).small],
  ]) {
    const step = reverseStep(narrow, constant(rows([0.3], 1, 1)), constant(Int32Array.of(t)))
    expect(evaluate([step.logVariance.value])[0].data[0]).toBeCloseTo(expected, 5)
  }
  expect(() => denoiser(least, twenty, { firstStd: 1e-3 })).toThrow("denoiser: got firstStd 0.001 with variance small")
  const single: Network = { shape: [1], forward: (x) => x }
  const wrong = denoiser(single, twenty, { variance: "learned" })
  expect(() => wrong.at(constant(rows([1], 1, 1)), constant(Int32Array.of(1)))).toThrow(
    "denoiser: a learned variance takes a network with twice the channels, got [1, 1] for [1, 1]",
  )
})

test("images are measured in bits of their bytes: noise that nothing predicts costs its entropy and more", async () => {
  const shape = [1, 4, 4]
  const random = new Generator(3)
  const bytes = Array.from({ length: 32 * 16 }, () => random.integer(256) / 127.5 - 1)
  const network: Network = { shape, forward: (x: Tensor) => x.mul(0) }
  const found = await last(
    bound(denoiser(network, gaussian(linear(100)), { predict: "x0" }), rows(bytes, 32, ...shape), { draws: 10 }),
  )
  expect(found.total.bits).toBeGreaterThan(8)
  expect(Number.isFinite(found.total.bits)).toBe(true)
  // A picture that the network knows by heart costs what the last step's variance leaves open of its bins.
  const picture = Float32Array.from({ length: 16 }, (_, i) => (i * 17) / 127.5 - 1)
  const knowing: Network = { shape, forward: (x: Tensor) => x.mul(0).add(constant(picture).reshape([1, 1, 4, 4])) }
  const copies = rows(Array.from({ length: 32 }, () => [...picture]).flat(), 32, ...shape)
  const known = await last(bound(denoiser(knowing, gaussian(linear(1000)), { predict: "x0" }), copies, { draws: 4 }))
  const share = normalCdf(1 / 255 / Math.exp(0.5 * logVariances(gaussian(linear(1000)), 1).small))
  expect(known.reconstruction.bits).toBeCloseTo(-(14 * Math.log2(2 * share - 1) + 2 * Math.log2(share)) / 16, 3)
  expect(known.diffusion.bits).toBeLessThan(1e-6)
})

test("labels go to their samples, in the bound and along the flow", async () => {
  // Each class is one point, which the network knows by its label.
  const told: Network = {
    shape: [1],
    forward: (x, _, labels) => x.mul(0).add(labels!.cast("float32").mul(0.5).reshape([x.shape[0], 1])),
  }
  const knowing = denoiser(told, process, { predict: "x0" })
  const labels = Int32Array.of(0, 1, 2, 1, 0)
  const x = rows(
    [...labels].map((l) => 0.5 * l),
    5,
    1,
  )
  const right = await last(bound(knowing, x, { labels, draws: "all" }))
  expect(Math.abs(right.diffusion.nats)).toBeLessThan(1e-6)
  const wrong = await last(bound(knowing, x, { labels: labels.map((l) => 2 - l), draws: "all" }))
  expect(wrong.diffusion.nats).toBeGreaterThan(1)
  await expect(last(bound(knowing, x, { labels: Int32Array.of(1) }))).rejects.toThrow(
    "bound: got 1 labels for 5 samples, expected one each",
  )
  for (const batch of [2, 5]) {
    const [a, b] = [labels, labels.map((l) => 2 - l)].map((l) => last(odeLikelihood(knowing, x, { labels: l, batch })))
    const { each } = await a
    // What is left of each point at the end is a few thousandths of a nat.
    for (const nats of each) expect(Math.abs(nats - each[0])).toBeLessThan(0.02)
    expect((await b).each[0]).toBeGreaterThan(each[0] + 1)
  }
})
