import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { Generator } from "../engine/random.ts"
import { decodeJpeg, readJpegHeader } from "./jpeg.ts"

interface Fixture {
  kind: string
  jpeg: string
  shape: [height: number, width: number, channels: number]
  values: number[]
}
const fixtures: Fixture[] = JSON.parse(readFileSync(new URL("fixtures/jpeg.json", import.meta.url), "utf8"))
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"))
const whole = bytesOf(fixtures[0].jpeg)

test.each(fixtures)("a JPEG $kind looks as Pillow has it", ({ kind, jpeg, shape, values }) => {
  const picture = decodeJpeg(bytesOf(jpeg))
  expect([picture.height, picture.width, picture.channels]).toEqual(shape)
  const differences = values.map((v, i) => Math.abs(v - picture.data[i]))
  // Decoders round on their own; those of halved colour also fill in between in their own ways.
  const isSoft = /halved|CMYK/.test(kind)
  expect(Math.max(...differences)).toBeLessThanOrEqual(isSoft ? 24 : 3)
  expect(differences.reduce((a, b) => a + b) / values.length).toBeLessThan(isSoft ? 3 : 0.6)
})

test("the header tells size, colour and how the picture lies", () => {
  for (const { kind, jpeg, shape } of fixtures) {
    const { width, height, isGray, orientation } = readJpegHeader(bytesOf(jpeg).subarray(0, 400))
    expect([height, width, isGray ? 1 : 3]).toEqual(shape)
    expect(orientation).toBe(Number(/orientation (\d)/.exec(kind)?.[1] ?? 1))
  }
})

test("what is no JPEG, or one of another kind, is refused by what it is", () => {
  const at = whole.findIndex((b, i) => b === 0xff && whole[i + 1] === 0xc0)
  const changed = (offset: number, ...values: number[]): Uint8Array => {
    const copy = whole.slice()
    copy.set(values, at + offset)
    return copy
  }
  expect(() => decodeJpeg(Uint8Array.of(137, 80, 78, 71))).toThrow("jpeg: wrong magic number")
  expect(() => decodeJpeg(whole.subarray(0, 100))).toThrow("jpeg: file ends at byte 100, before its frame")
  expect(() => decodeJpeg(whole.subarray(0, whole.length - 200))).toThrow("jpeg: image is damaged or cut short")
  expect(() => decodeJpeg(changed(1, 0xc3))).toThrow("jpeg: a frame of kind 3, expected baseline or progressive")
  expect(() => decodeJpeg(changed(4, 12))).toThrow("jpeg: samples of 12 bits, expected 8")
  expect(() => decodeJpeg(changed(5, 0, 0))).toThrow("jpeg: size is 40 x 0")
  expect(() => decodeJpeg(changed(11, 0x51))).toThrow("jpeg: a sampling factor is not 1 to 4")
  expect(() => decodeJpeg(changed(5, 255, 255, 255, 255))).toThrow(
    "jpeg: size is 65535 x 65535, expected at most 67108864",
  )
  expect(() => decodeJpeg(changed(5, 30, 0, 30, 0))).toThrow(
    /^jpeg: file of \d+ bytes is too short for 7680 x 7680 pixels/,
  )
})

test("scans without end are refused before they are gone over", () => {
  const at = whole.findIndex((b, i) => b === 0xff && whole[i + 1] === 0xda)
  const scan = whole.subarray(at, whole.length - 2)
  const many = Buffer.concat([whole.subarray(0, at), ...Array.from({ length: 70 }, () => scan), whole.subarray(-2)])
  expect(() => decodeJpeg(new Uint8Array(many))).toThrow("jpeg: 70 scans, expected at most 64")
})

test("thousands of mutated files are read or refused by name, never otherwise", () => {
  const random = new Generator(6)
  let [read, refused] = [0, 0]
  for (let n = 0; n < 3000; n++) {
    const bytes = bytesOf(fixtures[n % fixtures.length].jpeg)
    for (let k = random.integer(4); k >= 0; k--) bytes[random.integer(bytes.length)] = random.integer(256)
    try {
      const { width, height, channels, data } = decodeJpeg(bytes)
      expect(data.length).toBe(width * height * channels)
      read++
    } catch (error) {
      if (!/^jpeg: /.test((error as Error).message)) throw error
      refused++
    }
  }
  expect(read).toBeGreaterThan(300)
  expect(refused).toBeGreaterThan(300)
})
