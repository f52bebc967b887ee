import { existsSync } from "node:fs"
import { expect, test } from "vitest"
import type { Dataset } from "./dataset.ts"
import { range } from "./dataset.ts"
import { glyphs } from "./glyphs.ts"
import { mnist } from "./mnist.ts"

const mnistDir = `${process.env["TWEEDIE_DATA_DIR"] ?? "../shared/data"}/mnist`
const hasMnist = existsSync(`${mnistDir}/train-images-idx3-ubyte.gz`)

/** Part of the items `asked` of one set whose nearest neighbour among the first `known` of another has their label. */
function agreement(set: Dataset, asked: number, other: Dataset, known: number): number {
  const a = set.batch(range(asked))
  const b = other.batch(range(known))
  let right = 0
  for (let i = 0; i < asked; i++) {
    let [best, label] = [Number.POSITIVE_INFINITY, -1]
    for (let j = 0; j < known; j++) {
      let d = 0
      for (let p = 0; p < 784 && d < best; p++) d += (a.x.data[i * 784 + p] - b.x.data[j * 784 + p]) ** 2
      if (d < best) [best, label] = [d, b.y!.data[j]]
    }
    if (label === a.y!.data[i]) right++
  }
  return right / asked
}

test("a glyph depends on its number and the seed alone", () => {
  const set = glyphs({ seed: 3 })
  const together = set.batch(Int32Array.of(11, 900_000, 42))
  const alone = glyphs({ seed: 3, count: 2_000_000 }).batch(Int32Array.of(42))
  expect(together.x.data.subarray(2 * 784)).toEqual(alone.x.data)
  expect(together.y?.data[2]).toBe(2)
  expect(glyphs({ seed: 4 }).batch(Int32Array.of(42)).x.data).not.toEqual(alone.x.data)
})

test("no two of a thousand glyphs are alike", () => {
  const { x } = glyphs().batch(range(1000))
  const seen = new Set(Array.from({ length: 1000 }, (_, i) => x.data.subarray(i * 784, (i + 1) * 784).join()))
  expect(seen.size).toBe(1000)
})

test("glyphs have the brightness of MNIST, an empty border, and their centre of mass in the middle", () => {
  const count = 2000
  const { x } = glyphs({ seed: 1 }).batch(range(count))
  const ink = x.data.map((v) => (v + 1) / 2)
  expect(ink.every((v) => v >= 0 && v <= 1)).toBe(true)
  const mean = ink.reduce((s, v) => s + v, 0) / ink.length
  const std = Math.sqrt(ink.reduce((s, v) => s + v * v, 0) / ink.length - mean ** 2)
  expect(Math.abs(mean - 0.1307)).toBeLessThan(0.01)
  expect(Math.abs(std - 0.3081)).toBeLessThan(0.015)
  let border = 0
  let furthest = 0
  for (let n = 0; n < count; n++) {
    let [mass, mx, my] = [0, 0, 0]
    for (let p = 0; p < 784; p++) {
      const v = ink[n * 784 + p]
      const [row, column] = [Math.floor(p / 28), p % 28]
      if (Math.min(row, column) === 0 || Math.max(row, column) === 27) border += v
      mass += v
      mx += v * column
      my += v * row
    }
    expect(mass).toBeGreaterThan(15)
    furthest = Math.max(furthest, Math.hypot(mx / mass - 13.5, my / mass - 13.5))
  }
  expect(furthest).toBeLessThan(3)
  expect(border / count).toBeLessThan(0.2)
})

test("glyphs of one seed are read by their likeness to those of another", () => {
  expect(agreement(glyphs({ seed: 1 }), 300, glyphs({ seed: 2 }), 2000)).toBeGreaterThan(0.93)
})

test.skipIf(!hasMnist)("glyphs are read by their likeness to MNIST's digits (needs MNIST)", async () => {
  expect(agreement(glyphs(), 300, await mnist({ dir: mnistDir }), 3000)).toBeGreaterThan(0.85)
})
