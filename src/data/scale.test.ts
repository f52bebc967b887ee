import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import type { Raster } from "../io/png.ts"
import { scaled } from "./scale.ts"

interface Fixture extends Omit<Raster, "data"> {
  data: number[]
  size: [height: number, width: number]
  values: number[]
}
const fixtures: Fixture[] = JSON.parse(readFileSync(new URL("fixtures/scale.json", import.meta.url), "utf8"))

test.each(fixtures)("$width x $height with $channels channels to $size is as Pillow has it", (fixture) => {
  const { width, height, channels, data, size, values } = fixture
  const out = scaled(
    { width, height, channels, data: Uint8Array.from(data) },
    { channels, height: size[0], width: size[1] },
  )
  expect(out.length).toBe(values.length)
  for (const [i, v] of values.entries()) expect(Math.abs(out[i] - v), `value ${i}`).toBeLessThanOrEqual(0.51)
})

test("the middle of a picture is taken, whole on its shorter side", () => {
  // Columns 0 to 5; of six by two the middle two by two are taken.
  const data = Uint8Array.from({ length: 12 }, (_, i) => (i % 6) * 10)
  const form = { channels: 1, height: 2, width: 2 } as const
  expect([...scaled({ width: 6, height: 2, channels: 1, data }, form)]).toEqual([20, 30, 20, 30])
})

test("gray becomes three equal planes, and colour its luminance", () => {
  const one = { width: 1, height: 1 }
  const gray = { ...one, channels: 1, data: Uint8Array.of(77) } as const
  expect([...scaled(gray, { ...one, channels: 3 })]).toEqual([77, 77, 77])
  const red = { ...one, channels: 3, data: Uint8Array.of(255, 0, 0) } as const
  expect([...scaled(red, { ...one, channels: 1 })]).toEqual([76])
})

test("a level picture stays level whatever is done to it", () => {
  const level = { width: 37, height: 23, channels: 1, data: new Uint8Array(37 * 23).fill(201) } as const
  for (const [height, width] of [
    [5, 5],
    [64, 48],
    [1, 1],
    [23, 2],
  ])
    expect(new Set(scaled(level, { channels: 1, height, width }))).toEqual(new Set([201]))
})
