/** Laws of every optimizer that optim exports: the bottom of a quadratic, exact memory, what they refuse. */
import { describe, expect, test } from "vitest"
import { full, type NdArray, toNumbers } from "../../src/engine/array.ts"
import { compile } from "../../src/engine/compile.ts"
import { gradients } from "../../src/engine/grad.ts"
import { read, write } from "../../src/engine/state.ts"
import { constant, type Tensor, Variable } from "../../src/engine/tensor.ts"
import { readSafetensors, writeSafetensors } from "../../src/io/safetensors.ts"
import * as optim from "../../src/optim/index.ts"

type Make = () => optim.Optimizer

/** One or more ways to use every optimizer: the options under which it must find the bottom in 400 steps. */
const rows: Record<string, readonly Make[]> = {
  sgd: [
    () => optim.sgd({ lr: 0.1 }),
    () => optim.sgd({ lr: 0.05, momentum: 0.9 }),
    () => optim.sgd({ lr: 0.05, momentum: 0.9, nesterov: true }),
    () => optim.sgd({ lr: 0.1, momentum: 0.8, dampening: 0.5 }),
  ],
  adam: [() => optim.adam({ lr: 0.1 }), () => optim.adam({ lr: 0.1, amsgrad: true })],
  adamW: [() => optim.adamW({ lr: 0.1, weightDecay: 0 }), () => optim.adamW({ lr: 0.1, weightDecay: 1e-5 })],
  rmsprop: [
    () => optim.rmsprop({ lr: optim.lrCosine(0.1, { steps: 400 }) }),
    () => optim.rmsprop({ lr: optim.lrCosine(0.02, { steps: 400 }), centered: true, momentum: 0.5 }),
  ],
  adagrad: [() => optim.adagrad({ lr: 1 })],
  adadelta: [() => optim.adadelta({ lr: 20, rho: 0.95 })],
}

/** What optim exports and is called without arguments to make an optimizer. */
function isOptimizer(value: unknown): boolean {
  if (typeof value !== "function" || value.length > 0 || /^class\b/.test(value.toString())) return false
  const made: unknown = value()
  return typeof made === "object" && made !== null && "update" in made && "slots" in made
}

test("every optimizer that optim exports has rows", () => {
  const found = Object.entries(optim).filter(([, value]) => isOptimizer(value))
  expect(Object.keys(rows).sort()).toEqual(found.map(([name]) => name).sort())
})

const bottom = { a: [1, -2, 0.5], b: [[3], [-1]] }

/** A training program on (p - bottom)^T D (p - bottom) with curvatures from 0.3 to 2, and what it trains. */
function quadratic(optimizer: optim.Optimizer): {
  step: (rate: Tensor) => Tensor
  parameters: Map<string, Variable>
} {
  const parameters = new Map([
    ["layer.a", new Variable([0, 0, 0])],
    ["layer.b", new Variable([[0], [0]])],
  ])
  const [a, b] = parameters.values()
  const step = (rate: Tensor): Tensor => {
    const loss = a
      .sub(constant(bottom.a))
      .square()
      .mul(constant([0.3, 1, 2]))
      .sum()
      .add(b.sub(constant(bottom.b)).square().sum())
    optimizer.update(parameters, gradients(loss, [a, b]), rate)
    return loss
  }
  return { step, parameters }
}

const rate = (optimizer: optim.Optimizer, step: number): NdArray =>
  full([], typeof optimizer.lr === "number" ? optimizer.lr : optimizer.lr(step))

const cases = Object.entries(rows).flatMap(([name, makes]) =>
  makes.map((make, i) => [`${name}, row ${i}`, make] as const),
)

describe.each(cases)("%s", (_, make) => {
  test("reaches the bottom of a quadratic", async () => {
    const optimizer = make()
    const { step, parameters } = quadratic(optimizer)
    const run = compile(step)
    let loss = Number.POSITIVE_INFINITY
    for (let k = 0; k < 400; k++) loss = toNumbers(await run(rate(optimizer, k)))[0]
    expect(loss).toBeLessThan(1e-5)
    const [a, b] = (await read([...parameters.values()])).map((v) => [...toNumbers(v)])
    for (const [i, v] of [...a, ...b].entries()) expect(v).toBeCloseTo([1, -2, 0.5, 3, -1][i], 2)
    await run.dispose()
  })

  test("goes on from saved memory bit for bit, in a file too", async () => {
    const [one, two] = [make(), make()]
    const [first, second] = [quadratic(one), quadratic(two)]
    const [a, b] = [compile(first.step), compile(second.step)]
    for (let k = 0; k < 5; k++) await a(rate(one, k))
    const slots = one.slots()
    const saved = new Map<string, NdArray>()
    for (const [i, value] of (await read([...slots.values()])).entries()) saved.set([...slots.keys()][i], value)
    const values = await read([...first.parameters.values()])
    await two.restore(readSafetensors(writeSafetensors(saved)).tensors)
    await write(new Map([...second.parameters.values()].map((v, i) => [v, values[i]])))
    for (let k = 5; k < 10; k++) {
      await a(rate(one, k))
      await b(rate(two, k))
    }
    expect(await read([...second.parameters.values()])).toEqual(await read([...first.parameters.values()]))
    expect(await read([...two.slots().values()])).toEqual(await read([...one.slots().values()]))

    // Going back in the same program, whose slots exist already, is the same as well.
    await one.restore(saved)
    await write(new Map([...first.parameters.values()].map((v, i) => [v, values[i]])))
    for (let k = 5; k < 10; k++) await a(rate(one, k))
    expect(await read([...first.parameters.values()])).toEqual(await read([...second.parameters.values()]))

    const incomplete = new Map([...saved].slice(0, -1))
    await expect(one.restore(incomplete)).rejects.toThrow("it is of another optimizer or model")
    await a.dispose()
    await b.dispose()
  })

  test("counts its steps, and has slots of the parameters' shapes under their paths", async () => {
    const optimizer = make()
    const { step, parameters } = quadratic(optimizer)
    const run = compile(step)
    await run(rate(optimizer, 0))
    await run(rate(optimizer, 1))
    const slots = optimizer.slots()
    expect(toNumbers((await read([slots.get("step")!]))[0])[0]).toBe(2)
    for (const [name, slot] of slots) {
      if (name === "step") continue
      const path = [...parameters.keys()].find((p) => name.endsWith(`.${p}`))!
      expect(slot.shape).toEqual(parameters.get(path)!.shape)
      expect(slot.role).toBe("slot")
    }
    await run.dispose()
  })
})
