import { expect, test } from "vitest"
import { mean, variance } from "../../test/laws/statistics.ts"
import { procedural } from "../data/dataset.ts"
import { loader } from "../data/loader.ts"
import { fromNumbers, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { evaluate } from "../engine/evaluate.ts"
import { gradients } from "../engine/grad.ts"
import { Generator } from "../engine/random.ts"
import { configure } from "../engine/runtime.ts"
import { write } from "../engine/state.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { seeded } from "../nn/init.ts"
import { freeze, variables } from "../nn/module.ts"
import { adam } from "../optim/adam.ts"
import { train } from "../train/loop.ts"
import { denoiser, type Network, preserving } from "./denoiser.ts"
import { bound } from "./likelihood-bound.ts"
import { vdm } from "./objective-learned.ts"
import { gaussian } from "./process.ts"
import { last } from "./samplers/sampler.ts"
import { linear } from "./schedule.ts"
import { LearnedSchedule, learned, scalesOf } from "./schedule-learned.ts"

configure({ threads: 1 })

/** A schedule whose curve is bent at random. */
function bent(): LearnedSchedule {
  const schedule = seeded(1, () => new LearnedSchedule({ hidden: 16 }))
  const random = new Generator(3)
  for (const v of [schedule.height, schedule.rate])
    v.initial = fromNumbers(
      "float32",
      [16],
      Array.from({ length: 16 }, () => random.normal(1, 2)),
    )
  return schedule
}

test("a learned gamma rises from its least value to its greatest, whatever its weights, and its slope is its derivative", () => {
  for (const schedule of [new LearnedSchedule(), bent()]) {
    const at = (u: readonly number[]): Float64Array[] => {
      const time = constant(Float32Array.from(u))
      const { value, slope } = schedule.curve(time)
      return evaluate(
        [schedule.gamma(value).value, slope.value],
        ({ attrs }) => (attrs as { variable?: { initial: never } }).variable?.initial,
      ).map((v) => v.data)
    }
    const grid = Array.from({ length: 201 }, (_, i) => i / 200)
    const [gamma] = at(grid)
    expect(gamma[0]).toBeCloseTo(-13.3, 5)
    expect(gamma[200]).toBeCloseTo(5, 5)
    for (let i = 1; i <= 200; i++) expect(gamma[i]).toBeGreaterThan(gamma[i - 1])
    const h = 2 ** -10
    const inner = [0.1, 0.37, 0.5, 0.92]
    const [after] = at(inner.map((u) => u + h))
    const [before] = at(inner.map((u) => u - h))
    const slope = at(inner)[1]
    const span = schedule.span.initial.data[0] as number
    for (const [i, s] of slope.entries()) expect(s * span).toBeCloseTo((after[i] - before[i]) / (2 * h), 1)
  }
  expect(() => new LearnedSchedule({ least: 2, most: 1 })).toThrow("learned schedule: got gamma from 2 to 1")
})

test("its process knows the same levels on the host and in programs, follows its variables, and is a schedule at any moment", async () => {
  const schedule = bent()
  const process = learned(schedule, { steps: 40 })
  const times = [1, 2, 17.5, 33, 40]
  const run = compile((t: Tensor) => process.scales(t, 1))
  const check = async (): Promise<void> => {
    const [signal, sigma] = await run(Float32Array.from(times))
    for (const [i, t] of times.entries()) {
      expect(Math.abs(Number(signal.data[i]) - process.signal(t))).toBeLessThan(1e-5)
      expect(Math.abs(Number(sigma.data[i]) / process.sigma(t) - 1)).toBeLessThan(1e-4)
    }
    const { alphaBar } = process.schedule
    for (let t = 1; t <= 40; t++) {
      expect(alphaBar[t]).toBeLessThan(alphaBar[t - 1])
      expect(Math.abs(alphaBar[t] - process.signal(t) ** 2)).toBeLessThan(1e-9)
    }
    expect(Math.abs(process.timeAt(process.angle(17.5)) - 17.5)).toBeLessThan(1e-3)
  }
  await check()
  const before = process.schedule.alphaBar[20]
  await write(new Map([[schedule.least, fromNumbers("float32", [], [-8])]]))
  await check()
  expect(Math.abs(process.sigma(1) ** 2 - 1 / (1 + Math.exp(8)))).toBeLessThan(1e-9)
  expect(process.schedule.alphaBar[20]).toBeLessThan(before)
  await run.dispose()
})

const [m, s] = [0.4, 0.7]
const data = procedural({
  name: "bell",
  length: 2 ** 20,
  shape: [1],
  write: (i, out) => {
    out[0] = new Generator([3, i]).normal(m, s)
    return 0
  },
})

/** The best answer for data N(m, s^2) at the level it is told. */
function best(schedule: LearnedSchedule, steps: number): Network {
  const [least, span] = schedule.began
  return {
    shape: [1],
    forward: (x, told) => {
      const gamma = told.mul(span / (steps - 1)).add(least)
      const [signal, sigma] = scalesOf(gamma).map((v) => v.reshape([x.shape[0], 1]))
      const power = signal
        .square()
        .mul(s * s)
        .add(sigma.square())
      return x.sub(signal.mul(m)).mul(sigma).div(power)
    },
  }
}

test("with the best network the bound is the entropy of the data, for any curve between the ends", async () => {
  const entropy = 0.5 * Math.log2(2 * Math.PI * Math.E * s * s)
  for (const schedule of [new LearnedSchedule({ most: 12 }), bent()]) {
    const process = learned(schedule, { steps: 100 })
    const { loss } = vdm(denoiser(best(schedule, 100), process), schedule)
    const run = compile((x: Tensor) => loss({ x }).total)
    const x = data.batch(Int32Array.from({ length: 10_000 }, (_, i) => i)).x
    const found: number[] = []
    for (let k = 0; k < 10; k++) found.push(toNumbers(await run(x))[0])
    await run.dispose()
    const error = Math.sqrt(variance(found) / 10)
    // The data themselves are the same in every run: the sample's own entropy is off by 1 / sqrt(2 n) nats.
    expect(Math.abs(mean(found) - entropy)).toBeLessThan(4 * (error + 0.01))
  }
})

/** Trains a schedule for the best network: the bound before and after, and how far its first term's estimates lie apart. */
async function learn(schedule: LearnedSchedule): Promise<{ bound: [number, number]; spread: [number, number] }> {
  const process = learned(schedule, { steps: 100 })
  const objective = vdm(denoiser(best(schedule, 100), process), schedule, { times: "uniform" })
  expect([...objective.variables.keys()].every((name) => name.startsWith("noise."))).toBe(true)
  const x = data.batch(Int32Array.from({ length: 2000 }, (_, i) => i)).x
  const measured = async (): Promise<[mean: number, spread: number]> => {
    const run = compile((batch: Tensor) => {
      const { total, terms } = objective.loss({ x: batch })
      return [total, terms!["diffusion"]]
    })
    const runs: number[][] = []
    for (let k = 0; k < 40; k++) runs.push((await run(x)).map((v) => toNumbers(v)[0]))
    await run.dispose()
    return [mean(runs.map(([total]) => total)), Math.sqrt(variance(runs.map(([, diffusion]) => diffusion)))]
  }
  const before = await measured()
  const options = { steps: 400, optimizer: adam({ lr: 2e-2 }), ema: null }
  const training = train(objective, loader(data, { batch: 256 }), options)
  for await (const _ of training);
  await training.state()
  await training.dispose()
  const after = await measured()
  return { bound: [before[0], after[0]], spread: [before[1], after[1]] }
}

test("the ends of a learned schedule move to where the bound is better", async () => {
  const schedule = new LearnedSchedule({ least: -1, most: 0.5 })
  const { bound: found } = await learn(schedule)
  const entropy = 0.5 * Math.log2(2 * Math.PI * Math.E * s * s)
  // Between sigma^2 / signal^2 = e^-1 and e^.5 the ends leave much open, and what is open closes.
  expect(found[0]).toBeGreaterThan(entropy + 0.3)
  expect(found[1]).toBeLessThan(entropy + 0.1)
  expect(schedule.least.initial.data[0]).toBeLessThan(-1.5)
})

test("with its ends held, the curve between comes to where the estimate varies less, and the bound stays", async () => {
  const schedule = new LearnedSchedule({ least: -10, most: 10 })
  freeze(schedule, /^(least|span)$/)
  const { bound: found, spread } = await learn(schedule)
  expect(spread[1]).toBeLessThan(0.8 * spread[0])
  expect(Math.abs(found[1] - found[0])).toBeLessThan((4 * Math.hypot(spread[0], spread[1])) / Math.sqrt(40) + 0.01)
  expect(schedule.least.initial.data[0]).toBe(-10)
})

test("the curve's gradient is that of the mean square, and the ends' that of the bound", async () => {
  const schedule = bent()
  const process = learned(schedule, { steps: 100 })
  const objective = vdm(denoiser(best(schedule, 100), process), schedule)
  const all = [...variables(schedule).values()]
  const run = compile((x: Tensor) => {
    const { total, terms } = objective.loss({ x })
    const value = terms!["diffusion"].add(terms!["prior"]).add(terms!["reconstruction"])
    return [total, value, ...gradients(total, all), ...gradients(value, all)]
  })
  const x = data.batch(Int32Array.from({ length: 500 }, (_, i) => i)).x
  const [total, value, ...slopes] = (await run(x)).map(toNumbers)
  await run.dispose()
  expect(total[0]).toBeCloseTo(value[0], 5)
  const names = [...variables(schedule).keys()]
  for (const [k, name] of names.entries()) {
    const [pushed, plain] = [slopes[k], slopes[names.length + k]]
    if (name === "least" || name === "span") expect(pushed[0]).toBeCloseTo(plain[0], 5)
    else {
      // The bound itself says nothing of the curve.
      for (const g of plain) expect(g).toBe(0)
      expect(pushed.some((g) => g !== 0)).toBe(true)
    }
  }
})

test("a learned process is judged as the schedule it has come to", async () => {
  const schedule = new LearnedSchedule({ least: -9, most: 6 })
  const process = learned(schedule, { steps: 200 })
  const model = preserving(denoiser(best(schedule, 200), process))
  const x = data.batch(Int32Array.from({ length: 2000 }, (_, i) => i)).x
  const { total } = await last(bound(model, x, { draws: 4 }))
  const entropy = 0.5 * Math.log2(2 * Math.PI * Math.E * s * s)
  expect(total.bits).toBeGreaterThan(entropy - 4 * total.error)
  expect(total.bits).toBeLessThan(entropy + 1 + 4 * total.error)
  expect(() => vdm(denoiser(best(schedule, 200), gaussian(linear())), schedule)).toThrow(
    "vdm: the process is linear, expected learned(schedule)",
  )
})
