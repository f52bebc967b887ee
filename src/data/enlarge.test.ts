import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { array, fromNumbers } from "../engine/array.ts"
import { enlarged } from "./enlarge.ts"

interface Case {
  readonly shape: readonly [height: number, width: number]
  readonly factor: number
  readonly x: readonly number[]
  readonly bicubic: readonly number[]
  readonly nearest: readonly number[]
}

const cases: Case[] = JSON.parse(readFileSync(new URL("./fixtures/enlarge.json", import.meta.url), "utf8"))

test("enlarged images are Pillow's", () => {
  for (const { shape, factor, x, ...made } of cases)
    for (const how of ["bicubic", "nearest"] as const) {
      const found = enlarged(fromNumbers("float32", [1, 1, ...shape], x), factor, { how })
      expect(found.shape).toEqual([1, 1, shape[0] * factor, shape[1] * factor])
      for (const [i, v] of found.data.entries()) expect(Math.abs(v - made[how][i])).toBeLessThan(2e-6)
    }
})

test("each plane is enlarged by itself, parabolas exactly but at the edges, and a factor of 1 changes nothing", () => {
  const value = (y: number, x: number): number => 0.3 * y * y - 0.2 * x * x + 0.1 * x * y - y + 2
  const plane = Array.from({ length: 64 }, (_, i) => value(Math.floor(i / 8), i % 8))
  const images = fromNumbers("float32", [1, 2, 8, 8], [...plane, ...plane.map((v) => -v)])
  const { data } = enlarged(images, 2)
  for (let y = 4; y < 12; y++)
    for (let x = 4; x < 12; x++) {
      const truth = value((y + 0.5) / 2 - 0.5, (x + 0.5) / 2 - 0.5)
      expect(data[16 * y + x]).toBeCloseTo(truth, 4)
      expect(data[256 + 16 * y + x]).toBeCloseTo(-truth, 4)
    }
  for (const [i, v] of enlarged(images, 1).data.entries()) expect(v).toBeCloseTo(images.data[i], 6)
})

test("what is no batch of images, or no whole factor, is refused by name", () => {
  const x = array("float32", [1, 2, 2], new Float32Array(4))
  expect(() => enlarged(x, 2)).toThrow("enlarged: got [1, 2, 2] by 2")
  expect(() => enlarged({ ...x, shape: [1, 1, 2, 2] }, 1.5)).toThrow("by 1.5")
})
