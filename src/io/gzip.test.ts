import { gzipSync as nodeGzip } from "node:zlib"
import { gzipSync } from "fflate"
import { expect, test } from "vitest"
import { Generator } from "../engine/random.ts"
import { gunzip, gunzipHead, isGzip } from "./gzip.ts"

/** Whether bytes are equal; the comparison of `toEqual` takes seconds for a megabyte. */
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
const noise = Uint8Array.from({ length: 100_000 }, (_, i) => (i * i) >>> 7)

test("what zlib packed comes out, whole or its head", () => {
  for (const level of [0, 1, 9]) {
    const packed = nodeGzip(noise, { level })
    expect(same(gunzip(packed, noise.length), noise)).toBe(true)
    expect(same(gunzipHead(packed, 70_000), noise.subarray(0, 70_000))).toBe(true)
  }
  const zeros = new Uint8Array(3_000_000)
  expect(same(gunzip(nodeGzip(zeros, { level: 9 }), zeros.length), zeros)).toBe(true)
  expect(same(gunzipHead(nodeGzip(Uint8Array.of(1, 2)), 9), Uint8Array.of(1, 2))).toBe(true)
})

test("a name in the header is passed over", () => {
  expect(same(gunzip(gzipSync(noise, { filename: "train-images", mtime: 1 }), noise.length), noise)).toBe(true)
})

test("bytes that lie inside a larger buffer are read from where they begin", () => {
  const packed = nodeGzip(noise)
  const shifted = new Uint8Array(packed.length + 13)
  shifted.set(packed, 13)
  expect(same(gunzip(shifted.subarray(13), noise.length), noise)).toBe(true)
})

test("other files, other lengths and damage are refused by name", () => {
  const packed = new Uint8Array(nodeGzip(noise))
  expect(isGzip(noise)).toBe(false)
  expect(() => gunzip(noise, 1, "weights")).toThrow("weights: not a gzip file")
  expect(() => gunzip(packed, 99_999)).toThrow(
    "gzip: compressed file ends as one of 100000 bytes, its header promises 99999",
  )
  expect(() => gunzip(packed.subarray(0, packed.length - 20), noise.length)).toThrow(/^gzip: compressed/)
  const flipped = packed.slice()
  flipped[flipped.length - 7] ^= 4
  expect(() => gunzip(flipped, noise.length)).toThrow("does not agree with its checksum")
})

test("a damaged byte is noticed, unless the content is untouched by it", () => {
  const content = noise.subarray(0, 500)
  const packed = new Uint8Array(nodeGzip(content))
  const random = new Generator(5)
  let noticed = 0
  for (let at = 0; at < packed.length; at++) {
    const mutated = packed.slice()
    mutated[at] ^= 1 + random.integer(255)
    try {
      expect(same(gunzip(mutated, content.length), content)).toBe(true)
    } catch (error) {
      expect((error as Error).message).toMatch(/^gzip: /)
      noticed++
    }
  }
  expect(noticed).toBeGreaterThan(packed.length - 9)
})
