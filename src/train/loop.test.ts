/** The training loop: faults in its parts, and what it is told. */
import { expect, test } from "vitest"
import { type Dataset, dataset } from "../data/dataset.ts"
import { loader } from "../data/loader.ts"
import { array, fromNumbers, toNumbers } from "../engine/array.ts"
import { read } from "../engine/state.ts"
import { type Tensor, Variable } from "../engine/tensor.ts"
import { sgd } from "../optim/sgd.ts"
import { train } from "./loop.ts"
import type { Objective, TensorBatch } from "./objective.ts"

const points = dataset([[1], [2], [3], [4]])

/** The mean squared distance of the items from a weight. */
function distance(w: Variable): Objective {
  return {
    variables: new Map([["w", w]]),
    loss: ({ x }: TensorBatch) => ({ total: x.cast(w.dtype).sub(w).square().mean() }),
  }
}

test("a fault of the loss is thrown by the loop, however long the next batch takes", async () => {
  const slow: Dataset = { ...points, prepare: () => new Promise((resolve) => setTimeout(resolve, 30)) }
  const objective: Objective = {
    variables: new Map([["w", new Variable([0])]]),
    loss: (): { total: Tensor } => {
      throw new RangeError("no loss")
    },
  }
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => void unhandled.push(reason)
  process.on("unhandledRejection", note)
  const run = train(objective, loader(slow, { batch: 2 }), { steps: 1 })
  await expect(run[Symbol.asyncIterator]().next()).rejects.toThrow("no loss")
  await new Promise((resolve) => setTimeout(resolve, 10))
  process.off("unhandledRejection", note)
  expect(unhandled).toEqual([])
})

test("a step whose next batch cannot be made is counted and told; the fault comes when that batch is due", async () => {
  let asked = 0
  const failing: Dataset = {
    ...points,
    prepare: async () => {
      if (++asked > 2) throw new Error("the disk is gone")
    },
  }
  const w = new Variable([0])
  const options = { steps: 9, clip: null, ema: null, optimizer: sgd({ lr: 0.25 }) }
  const run = train(distance(w), loader(failing, { batch: 4 }), options)
  const steps: number[] = []
  const all = (async () => {
    for await (const { step } of run) steps.push(step)
  })()
  await expect(all).rejects.toThrow("the disk is gone")
  const { step, model } = await run.state()
  expect(steps.length).toBeGreaterThan(0)
  expect(step).toBe(steps.length)
  // Each step goes half of the way to the mean.
  expect(toNumbers(model.get("w")!)[0]).toBeCloseTo(2.5 * (1 - 0.5 ** step), 5)
  await run.dispose()
})

test("a step that fails between its batches is made again whole", async () => {
  const reports = async (failing: number): Promise<number[][]> => {
    const stream = loader(points, { batch: 2, shuffle: false })
    let asked = 0
    const prepare = async (): Promise<void> => {
      if (++asked === failing) throw new Error("the disk is gone")
    }
    const options = { steps: 2, accumulate: 2, ema: null, clip: null, optimizer: sgd({ lr: 0.1 }) }
    const run = train(distance(new Variable([0])), { ...stream, prepare }, options)
    const seen: number[][] = []
    const rest = async (): Promise<void> => {
      for await (const { step, loss, gradientNorm } of run) seen.push([step, loss, gradientNorm])
    }
    if (failing > 0) {
      await expect(rest()).rejects.toThrow("the disk is gone")
      expect(toNumbers((await run.state()).optimizer.get("gradient.w")!)).toEqual(Float64Array.of(0))
    }
    await rest()
    await run.dispose()
    return seen
  }
  const whole = await reports(0)
  expect(await reports(2)).toEqual(whole)
  expect(await reports(4)).toEqual(whole)
})

test("a state whose optimizer is of another model, or whose loader of another data set, changes nothing", async () => {
  const make = (w: Variable) =>
    train(distance(w), loader(points, { batch: 4 }), { steps: 3, optimizer: sgd({ lr: 0.1, momentum: 0.9 }) })
  const w = new Variable([1])
  const run = make(w)
  for await (const _ of run) break
  const before = await run.state()
  const other = fromNumbers("float32", [2], [8, 9])
  const state = {
    ...before,
    step: 2,
    model: new Map([["w", fromNumbers("float32", [1], [7])]]),
    optimizer: new Map([...before.optimizer].map(([name, v]) => [name, name === "step" ? v : other])),
  }
  await expect(run.restore(state)).rejects.toThrow("it is of another model")
  expect(await run.state()).toEqual(before)
  const elsewhere = { ...state, optimizer: before.optimizer, loader: { ...before.loader, position: 99 } }
  await expect(run.restore(elsewhere)).rejects.toThrow("restored position is 99")
  expect(await run.state()).toEqual(before)
  await run.dispose()
})

test("gradients of several batches add up in the dtype of their parameter", async () => {
  const w = new Variable(array("float64", [1], Float64Array.of(0)))
  const stream = loader(points, { batch: 2, shuffle: false })
  const run = train(distance(w), stream, {
    steps: 1,
    accumulate: 2,
    ema: null,
    clip: null,
    optimizer: sgd({ lr: 0.1 }),
  })
  for await (const { loss } of run) expect(loss).toBeCloseTo(7.5, 6)
  // w - lr * 2 (w - mean of 1, 2, 3, 4).
  expect(toNumbers((await read([w]))[0])[0]).toBeCloseTo(0.5, 6)
  await run.dispose()
})

test("an average that a saved run had not begins with its weights", async () => {
  const w = new Variable([0])
  const run = train(distance(w), loader(points, { batch: 2 }), { steps: 10, ema: 0.9, optimizer: sgd({ lr: 0 }) })
  await run.restore({
    step: 9,
    loader: { seed: 0, epoch: 0, position: 0 },
    model: new Map([["w", fromNumbers("float32", [1], [5])]]),
    optimizer: new Map([["step", fromNumbers("float64", [], [9])]]),
    ema: null,
  })
  for await (const { step } of run) expect(step).toBe(10)
  expect(toNumbers((await read([w]))[0])[0]).toBe(5)
  await run.dispose()
})

test("steps and batches an update that cannot be are refused", () => {
  const make = (options: { steps?: number; accumulate?: number }): unknown =>
    train(distance(new Variable([0])), loader(points, { batch: 2 }), options)
  expect(() => make({ accumulate: 0 })).toThrow("train: accumulate is 0, expected a whole number of batches from 1")
  expect(() => make({ accumulate: 1.5 })).toThrow("train: accumulate is 1.5")
  expect(() => make({ steps: Number.NaN })).toThrow("train: got NaN steps, expected a number from 0")
})
