import { expect, test } from "vitest"
import { array, toNested } from "../engine/array.ts"
import { dataset, procedural, range, split, subset, take } from "./dataset.ts"

const squares = procedural({
  name: "squares",
  length: 1000,
  shape: [2],
  classes: 3,
  write: (i, out) => {
    out[0] = i
    out[1] = i * i
    return i % 3
  },
})

test("nested lists with labels are a data set of their rows", () => {
  const set = dataset(
    [
      [0, 1],
      [2, 3],
      [4, 5],
    ],
    [2, 0, 1],
  )
  expect([set.length, set.shape, set.classes]).toEqual([3, [2], 3])
  const { x, y } = set.batch(Int32Array.of(2, 0, 2))
  expect(toNested(x)).toEqual([
    [4, 5],
    [0, 1],
    [4, 5],
  ])
  expect(x.shape).toEqual([3, 2])
  expect(y?.dtype).toBe("int32")
  expect(toNested(y!)).toEqual([1, 2, 1])
})

test("a typed array becomes items of the shape that is given", () => {
  const set = dataset(
    Float32Array.from({ length: 12 }, (_, i) => i),
    undefined,
    { shape: [1, 2, 2] },
  )
  const { x, y } = set.batch(Int32Array.of(1))
  expect(set.length).toBe(3)
  expect(x.shape).toEqual([1, 1, 2, 2])
  expect([...x.data]).toEqual([4, 5, 6, 7])
  expect(y).toBeUndefined()
  expect(set.classes).toBeUndefined()
})

test("an array is used without a copy and its batches are copies", () => {
  const data = Float32Array.of(1, 2, 3, 4)
  const set = dataset(array("float32", [2, 2], data))
  const { x } = set.batch(Int32Array.of(0))
  x.data[0] = 9
  expect(data[0]).toBe(1)
})

test("scalars are items too", () => {
  const set = dataset([5, 6, 7])
  expect(set.shape).toEqual([])
  expect(toNested(set.batch(Int32Array.of(2, 1)).x)).toEqual([7, 6])
})

test("what cannot be learned from is refused by name", () => {
  expect(() =>
    dataset([
      [1, 2],
      [3, Number.NaN],
    ]),
  ).toThrow("x holds NaN in item 1")
  expect(() => dataset([[1], [2]], [0])).toThrow("dataset: y is [1], expected one label for each of 2 items: [2]")
  expect(() => dataset([[1], [2]], [0, 0.5])).toThrow("label 1 is 0.5, expected a whole number")
  expect(() => dataset([[1], [2]], [0, -1])).toThrow("label 1 is -1")
  expect(() => dataset([[1], [2]], [0, 3], { classes: 3 })).toThrow("label 1 is 3, expected a whole number from 0 to 2")
  expect(() => dataset(new Float32Array(5), undefined, { shape: [2] })).toThrow(
    "5 values, not a multiple of an item [2]",
  )
  expect(() => dataset(3)).toThrow("expected items along a first axis")
})

test("an index outside the set is refused with its place", () => {
  expect(() => squares.batch(Int32Array.of(1, 1000))).toThrow("squares: index 1000 at position 1, expected 0 to 999")
  expect(() => squares.batch(Int32Array.of(-1))).toThrow("squares: index -1")
  expect(() => dataset([[1]]).batch(Int32Array.of(1))).toThrow("dataset: index 1")
})

test("a procedural item is the same alone and in any batch", () => {
  const together = squares.batch(Int32Array.of(7, 3, 500))
  const alone = squares.batch(Int32Array.of(500))
  expect([...together.x.data.subarray(4)]).toEqual([...alone.x.data])
  expect(together.y?.data[2]).toBe(alone.y?.data[0])
})

test("a subset gives the chosen items and a subset of it gives theirs", () => {
  const odd = subset(squares, [1, 3, 5, 7])
  expect(toNested(subset(odd, [3, 0]).batch(Int32Array.of(0, 1)).x)).toEqual([
    [7, 49],
    [1, 1],
  ])
  expect(odd.classes).toBe(3)
  expect(() => odd.batch(Int32Array.of(4))).toThrow("index 4 at position 0, expected 0 to 3")
  expect(() => subset(squares, [1000])).toThrow("index 1000")
})

test("take gives the first items", () => {
  expect([...take(squares, 3).batch(range(3)).x.data]).toEqual([0, 0, 1, 1, 2, 4])
  expect(() => take(squares, 1001)).toThrow("take: got 1001")
})

test("a split is disjoint, complete, of the stated size, the same for a seed and another for another", () => {
  const ids = (s: typeof squares): number[] => [...s.batch(range(s.length)).x.data].filter((_, i) => i % 2 === 0)
  const { train, validation } = split(squares, { validation: 0.1, seed: 4 })
  expect(validation.length).toBe(100)
  expect([...ids(train), ...ids(validation)].sort((a, b) => a - b)).toEqual([...range(1000)])
  expect(ids(split(squares, { seed: 4 }).validation)).toEqual(ids(validation))
  expect(ids(split(squares, { seed: 5 }).validation)).not.toEqual(ids(validation))
  const mean = ids(validation).reduce((a, b) => a + b) / 100
  expect(Math.abs(mean - 499.5)).toBeLessThan(4 * (288.7 / 10))
})

test("a split that leaves a part empty is refused", () => {
  expect(() => split(squares, { validation: 0 })).toThrow("split: validation 0 of 1000 items leaves an empty part")
  expect(() => split(squares, { validation: 1 })).toThrow("leaves an empty part")
  expect(() => split(take(squares, 3), { validation: 0.1 })).toThrow("leaves an empty part")
})
