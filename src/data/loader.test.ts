import { expect, test } from "vitest"
import { dataset, procedural } from "./dataset.ts"
import { loader } from "./loader.ts"

const count = procedural({
  name: "count",
  length: 1000,
  shape: [1],
  classes: 2,
  write: (i, out) => {
    out[0] = i
    return i % 2
  },
})
const ids = (batches: Iterable<{ x: { data: Float32Array } }>): number[] => [...batches].flatMap((b) => [...b.x.data])

test("an epoch gives every item once, in an order of its own", () => {
  const stream = loader(count, { batch: 100 })
  const first = ids(Array.from({ length: 10 }, () => stream.next()))
  const second = ids(Array.from({ length: 10 }, () => stream.next()))
  const sorted = Array.from({ length: 1000 }, (_, i) => i)
  expect(first.toSorted((a, b) => a - b)).toEqual(sorted)
  expect(second.toSorted((a, b) => a - b)).toEqual(sorted)
  expect(first).not.toEqual(second)
  expect(first).not.toEqual(sorted)
})

test("labels stay with their items", () => {
  const { x, y } = loader(count, { batch: 64 }).next()
  for (let i = 0; i < 64; i++) expect(y?.data[i]).toBe(x.data[i] % 2)
})

test("the same seed gives the same stream and another seed another", () => {
  const first = (seed: number): number[] => [...loader(count, { seed }).next().x.data]
  expect(first(1)).toEqual(first(1))
  expect(first(1)).not.toEqual(first(2))
})

test("a stream restored from its state, through JSON, continues as if it had never stopped", () => {
  const whole = loader(count, { batch: 128, seed: 3 })
  const before = 17
  for (let i = 0; i < before; i++) whole.next()
  const saved = JSON.parse(JSON.stringify(whole.state()))
  expect(saved).toEqual({ seed: 3, epoch: 2, position: 3 * 128 })
  const resumed = loader(count, { batch: 128, seed: 99 })
  resumed.next()
  resumed.restore(saved)
  for (let i = 0; i < 30; i++) expect(resumed.next()).toEqual(whole.next())
  expect(resumed.state()).toEqual(whole.state())
})

test("items too few for a batch are passed over, or come as a small batch", () => {
  const dropped = loader(count, { batch: 300 })
  expect(dropped.batches).toBe(3)
  for (let i = 0; i < 3; i++) expect(dropped.next().x.shape).toEqual([300, 1])
  expect(dropped.state()).toEqual({ seed: 0, epoch: 1, position: 0 })
  const kept = loader(count, { batch: 300, dropLast: false })
  expect(kept.batches).toBe(4)
  expect(Array.from({ length: 5 }, () => kept.next().x.shape[0])).toEqual([300, 300, 300, 100, 300])
})

test("one pass for evaluation is in order without shuffling and leaves the stream where it was", () => {
  const stream = loader(count, { batch: 300, shuffle: false, dropLast: false })
  stream.next()
  const state = stream.state()
  expect(ids(stream.epoch())).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  expect(stream.state()).toEqual(state)
  expect(stream.next().x.data[0]).toBe(300)
})

test("a pass over epoch n has the batches the stream has in epoch n", () => {
  const stream = loader(count, { batch: 250, seed: 5 })
  const pass = ids(stream.epoch(1))
  for (let i = 0; i < 4; i++) stream.next()
  expect(ids(Array.from({ length: 4 }, () => stream.next()))).toEqual(pass)
})

test("each item is equally likely to come first", () => {
  const small = dataset([0, 1, 2, 3])
  const first = [0, 0, 0, 0]
  for (let seed = 0; seed < 2000; seed++) first[loader(small, { batch: 1, seed }).next().x.data[0]]++
  const chi2 = first.reduce((sum, n) => sum + (n - 500) ** 2 / 500, 0)
  expect(chi2).toBeLessThan(16.27) // the 0.999 quantile of chi squared with 3 degrees of freedom
})

test("a data set smaller than the batch is refused with the cure", () => {
  const tiny = dataset([[1], [2]], undefined, { name: "tiny" })
  expect(() => loader(tiny)).toThrow(
    "loader: tiny has 2 items, a batch needs 128 (ask for a smaller batch, or dropLast",
  )
  expect(loader(tiny, { dropLast: false }).next().x.shape).toEqual([2, 1])
  expect(() => loader(dataset(new Float32Array(0), undefined, { shape: [1], name: "none" }))).toThrow(
    "loader: none has no items",
  )
})

test("a state saved with another batch size is continued from the same item", () => {
  const stream = loader(count, { batch: 128, shuffle: false })
  stream.restore({ seed: 0, epoch: 0, position: 700 })
  expect([0, 1, 2].map(() => stream.next()).map((b) => [b.x.shape[0], b.x.data[0]])).toEqual([
    [128, 700],
    [128, 828],
    [128, 0],
  ])
  stream.restore({ seed: 0, epoch: 0, position: 900 })
  expect(stream.state()).toEqual({ seed: 0, epoch: 1, position: 0 })
})

test("nonsense is refused by name", () => {
  expect(() => loader(count, { batch: 0 })).toThrow("loader: got batch 0")
  expect(() => loader(count, { seed: -1 })).toThrow("seed: got -1")
  const stream = loader(count, { batch: 128 })
  expect(() => stream.restore({ seed: 0, epoch: 0, position: 1000 })).toThrow("restored position is 1000")
  expect(() => stream.restore({ seed: 0, epoch: -1, position: 0 })).toThrow("restored epoch is -1")
})
