import { expect, test } from "vitest"
import { augment } from "./augment.ts"
import { dataset, range, split } from "./dataset.ts"
import { loader } from "./loader.ts"

// Item i is [[10 i + 0, 1, 2], [3, 4, 5]], of one channel.
const source = dataset(
  Array.from({ length: 40 }, (_, i) => [[[0, 1, 2].map((v) => 10 * i + v), [3, 4, 5].map((v) => 10 * i + v)]]),
)

test("an image is as it was or mirrored, half of the time each", () => {
  const set = augment(source)
  let mirrored = 0
  for (let epoch = 0; epoch < 25; epoch++) {
    const { x } = set.batch(range(40), epoch)
    for (let i = 0; i < 40; i++) {
      const item = [...x.data.subarray(6 * i, 6 * i + 6)].map((v) => v - 10 * i)
      const isMirrored = item[0] === 2
      expect(item).toEqual(isMirrored ? [2, 1, 0, 5, 4, 3] : [0, 1, 2, 3, 4, 5])
      if (isMirrored) mirrored++
    }
  }
  // Of 1000, 500 are expected, with a deviation of 16.
  expect(Math.abs(mirrored - 500)).toBeLessThan(64)
})

test("what is done to an item depends on seed, epoch and number alone", () => {
  const set = augment(source, { shift: 1, seed: 3 })
  const whole = set.batch(range(40), 7).x.data
  expect(set.batch(Int32Array.of(5), 7).x.data).toEqual(whole.slice(30, 36))
  expect(set.batch(range(40), 8).x.data).not.toEqual(whole)
  expect(augment(source, { shift: 1, seed: 4 }).batch(range(40), 7).x.data).not.toEqual(whole)
})

test("a shift moves an image by at most so many pixels, and repeats its edge", () => {
  const set = augment(source, { flip: false, shift: 1 })
  const seen = new Set<string>()
  for (let epoch = 0; epoch < 200; epoch++) seen.add([...set.batch(Int32Array.of(0), epoch).x.data].join())
  expect(seen.size).toBe(9)
  expect(seen).toContain("0,1,2,3,4,5")
  expect(seen).toContain("0,0,1,0,0,1") // one to the right, one down
  expect(seen).toContain("4,5,5,4,5,5") // one to the left, one up
  expect(() => augment(source, { shift: 2 })).toThrow("augment: got shift 2, expected a whole number below 2")
  expect(() => augment(dataset([1, 2]))).toThrow("augment: items are []")
})

test("a loader that is continued sees what it would have seen", () => {
  const set = augment(split(source, { validation: 0.25 }).train, { shift: 1 })
  const all = loader(set, { batch: 8, seed: 1 })
  const seen = Array.from({ length: 9 }, () => all.next().x.data)
  const half = loader(set, { batch: 8, seed: 1 })
  for (let k = 0; k < 5; k++) half.next()
  const resumed = loader(set, { batch: 8, seed: 1 })
  resumed.restore(half.state())
  for (let k = 5; k < 9; k++) expect(resumed.next().x.data).toEqual(seen[k])
})
