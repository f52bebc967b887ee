import { expect, test } from "vitest"
import { type Dataset, dataset } from "../data/dataset.ts"
import { asArray } from "../engine/array.ts"
import { randomNormal } from "../engine/create.ts"
import { write } from "../engine/state.ts"
import { Variable } from "../engine/tensor.ts"
import { evaluator } from "./evaluate.ts"
import type { Objective } from "./objective.ts"

const items = dataset(Array.from({ length: 10 }, (_, i) => [i, -i]))

test("an evaluation is the mean loss over the items, read anew each time", async () => {
  const scale = new Variable([1])
  const objective: Objective = {
    variables: new Map([["scale", scale]]),
    loss: ({ x }) => ({ total: x.mul(scale).square().mean() }),
  }
  // 0, 1, 4 ... 81 twice: their mean is 28.5.
  const all = evaluator(objective, items, { batch: 5 })
  expect(await all.loss()).toBeCloseTo(28.5, 5)
  await write(new Map([[scale, asArray([2], "float32")]]))
  expect(await all.loss()).toBeCloseTo(4 * 28.5, 4)
  await all.dispose()
  const other = new Variable([3])
  const replaced = evaluator(objective, items, { replace: () => other })
  expect(await replaced.loss()).toBeCloseTo(9 * 28.5, 3)
  await replaced.dispose()
})

test("no more items are taken than asked for, also where a batch would hold more", async () => {
  const seen: number[] = []
  const counted: Dataset = {
    ...items,
    batch: (at) => {
      seen.push(at.length)
      return items.batch(at)
    },
  }
  const objective: Objective = { variables: new Map(), loss: ({ x }) => ({ total: x.mean() }) }
  const few = evaluator(objective, counted, { items: 4 })
  await few.loss()
  await few.dispose()
  expect(seen).toEqual([4])
})

test("noise is the same at each evaluation, and another for another seed", async () => {
  const w = new Variable([0.5])
  const objective: Objective = {
    variables: new Map([["w", w]]),
    loss: ({ x }) => ({ total: x.mul(w).add(randomNormal(x.shape)).square().mean() }),
  }
  const losses = async (seed: number): Promise<number[]> => {
    const e = evaluator(objective, items, { batch: 3, seed })
    const found = [await e.loss(), await e.loss()]
    await e.dispose()
    return found
  }
  const [a, b] = await losses(1)
  expect(a).toBe(b)
  expect((await losses(2))[0]).not.toBe(a)
})
