import { readFileSync } from "node:fs"
import { zlibSync } from "fflate"
import { expect, test } from "vitest"
import { array, full } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { crc32 } from "./checksum.ts"
import { decodePng, encodePng, fromRaster, grid } from "./png.ts"

interface Fixture {
  width: number
  height: number
  gray: { png: string; values: number[] }
  rgb: { png: string; values: number[] }
  levels: number[]
  bytes: number[]
}

const fixture: Fixture = JSON.parse(readFileSync(new URL("fixtures/png.json", import.meta.url), "utf8"))
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"))
const { width, height } = fixture

function chunk(type: string, content: ArrayLike<number>): number[] {
  const body = [...type].map((c) => c.charCodeAt(0)).concat(Array.from(content))
  const be = (n: number): number[] => [24, 16, 8, 0].map((shift) => (n >>> shift) & 255)
  return [...be(content.length), ...body, ...be(crc32(Uint8Array.from(body)))]
}

/** A gray PNG of a stated size around any image data. */
function png(w: number, h: number, data: ArrayLike<number>, ...between: number[][]): Uint8Array {
  const header = [...[w, h].flatMap((n) => [24, 16, 8, 0].map((shift) => (n >>> shift) & 255)), 8, 0, 0, 0, 0]
  const start = [137, 80, 78, 71, 13, 10, 26, 10, ...chunk("IHDR", header), ...between.flat()]
  return Uint8Array.from([...start, ...chunk("IDAT", data), ...chunk("IEND", [])])
}

test("gray and RGB images written by another program are read", () => {
  for (const [channels, { png, values }] of [
    [1, fixture.gray],
    [3, fixture.rgb],
  ] as const) {
    expect(decodePng(bytesOf(png))).toEqual({ width, height, channels, data: Uint8Array.from(values) })
  }
})

test("what is encoded is decoded", () => {
  const data = Uint8Array.from(fixture.rgb.values)
  expect(decodePng(encodePng({ width, height, channels: 3, data }))).toEqual({ width, height, channels: 3, data })
  for (const size of [1, 2, 3, 5, 9, 13]) {
    const gray = { width: size, height: size, channels: 1 as const, data: data.slice(0, size * size) }
    expect(decodePng(encodePng(gray))).toEqual(gray)
  }
})

test("bytes are rounded half to even and clipped, as numpy has it", () => {
  const levels = array("float32", [1, 1, 1, fixture.levels.length], Float32Array.from(fixture.levels))
  expect([...grid(levels, { padding: 0 }).data]).toEqual(fixture.bytes)
})

test("a grid lays images out row by row with padding, scaled", () => {
  const images = array("float32", [3, 1, 1, 2], Float32Array.of(0.2, 0.4, 0.6, 0.8, 1, 0))
  const plain = grid(images, { columns: 2, padding: 1, background: 1 })
  expect([plain.width, plain.height, plain.channels]).toEqual([7, 5, 1])
  const rows = [
    [255, 255, 255, 255, 255, 255, 255],
    [255, 51, 102, 255, 153, 204, 255],
    [255, 255, 255, 255, 255, 255, 255],
    [255, 255, 0, 255, 255, 255, 255],
    [255, 255, 255, 255, 255, 255, 255],
  ]
  expect([...plain.data]).toEqual(rows.flat())
  const twice = grid(images, { columns: 2, padding: 1, background: 1, scale: 2 })
  expect([twice.width, twice.height]).toEqual([14, 10])
  expect([...twice.data]).toEqual(rows.flatMap((row) => [0, 1].flatMap(() => row.flatMap((v) => [v, v]))))
})

test("the default grid is as square as can be", () => {
  const { width, height } = grid(full([10, 1, 4, 4], 0.5))
  expect([width, height]).toEqual([4 * 6 + 2, 3 * 6 + 2])
})

test("channels are planes in arrays and neighbours in pictures", () => {
  const values = [1, 0, 0.2, 0.4, 0.6, 0.8] // red 1 0, green .2 .4, blue .6 .8
  const picture = grid(array("float64", [1, 3, 1, 2], Float64Array.from(values)), { padding: 0 })
  expect([...picture.data]).toEqual([255, 51, 153, 0, 102, 204])
  const back = fromRaster(decodePng(encodePng(picture)))
  expect(back.shape).toEqual([3, 1, 2])
  expect([...back.data]).toEqual(values.map(Math.fround))
})

test("what is no grid of images is refused", () => {
  expect(() => grid(full([1, 28, 28], 0))).toThrow(
    "grid: images are [1, 28, 28], expected [count, channels, height, width]",
  )
  expect(() => grid(full([1, 2, 4, 4], 0))).toThrow("with 1 or 3 channels")
  expect(() => grid(full([0, 1, 4, 4], 0))).toThrow("grid: images are [0, 1, 4, 4]")
  expect(() => grid(array("float32", [2, 1, 1, 1], Float32Array.of(0, Number.NaN)))).toThrow("grid: image 1 holds NaN")
  expect(() => grid(full([1, 1, 4, 4], 0), { scale: 1.5 })).toThrow("grid: got scale 1.5")
  expect(() => grid(full([1, 1, 4, 4], 0), { scale: 100_000 })).toThrow("grid: the picture would be")
})

interface Kind {
  kind: string
  channels: number
  png: string
  values: number[]
}
const kinds: Kind[] = JSON.parse(readFileSync(new URL("fixtures/png-kinds.json", import.meta.url), "utf8"))

test.each(kinds)("$kind is read", ({ png, channels, values }) => {
  const picture = decodePng(bytesOf(png))
  expect([picture.width, picture.height, picture.channels]).toEqual([13, 9, channels])
  expect([...picture.data]).toEqual(values)
})

test("damage is told from what the file says of itself", () => {
  const good = bytesOf(fixture.gray.png)
  expect(() => decodePng(Uint8Array.of(255, 216, 255))).toThrow("png: wrong magic number")
  expect(() => decodePng(good.subarray(0, good.length - 4))).toThrow("before its last chunk")
  expect(() => decodePng(good.subarray(0, 50))).toThrow(/^png: chunk "IDAT" needs \d+ bytes, file has 50/)
  expect(() => decodePng(good.subarray(0, 33))).toThrow("png: file ends at byte 33, before its last chunk")
  expect(() => decodePng(good.map((b, i) => (i === 60 ? b ^ 1 : b)))).toThrow("does not agree with its checksum")
  expect(() => decodePng(png(2, 2, zlibSync(new Uint8Array(5))))).toThrow("image data is shorter than the 6 bytes")
  expect(() => decodePng(png(2, 2, zlibSync(new Uint8Array(7))))).toThrow("image data is longer than the 6 bytes")
  expect(() => decodePng(png(2, 2, [1, 2, 3]))).toThrow(/^png: image data is/)
  expect(() => decodePng(png(0, 2, []))).toThrow("png: size is 0 x 2")
  expect(() => decodePng(png(2, 2, [], chunk("XXXX", [])))).toThrow('png: chunk "XXXX" is not known')
})

test("a file that unpacks to more than it states, or states more than is allowed, costs nothing", () => {
  const bomb = zlibSync(new Uint8Array(30_000_000))
  expect(() => decodePng(png(2, 2, bomb))).toThrow("png: image data is longer than the 6 bytes")
  expect(() => decodePng(png(60_000, 60_000, bomb))).toThrow(
    "png: size is 60000 x 60000, expected at most 67108864 pixels",
  )
  expect(() => decodePng(png(20, 20, bomb), { maxPixels: 399 })).toThrow("expected at most 399 pixels")
  const profile = chunk("iCCP", [97, 0, 0, ...bomb])
  expect(decodePng(png(1, 1, zlibSync(Uint8Array.of(0, 7)), profile)).data).toEqual(Uint8Array.of(7))
})

test("a file in Node's pool of buffers, at an odd place, is read", () => {
  const source = bytesOf(fixture.rgb.png)
  const pool = Buffer.alloc(source.length + 3)
  pool.set(source, 3)
  expect([...decodePng(pool.subarray(3)).data]).toEqual(fixture.rgb.values)
})

test("thousands of mutated files are read or refused by name, never otherwise", () => {
  const random = new Generator(4)
  let read = 0
  for (let n = 0; n < 4000; n++) {
    const bytes = bytesOf(n % 2 ? fixture.gray.png : fixture.rgb.png)
    for (let k = random.integer(3); k >= 0; k--) bytes[random.integer(bytes.length)] = random.integer(256)
    if (n % 4 > 1) repair(bytes)
    try {
      const { width, height, channels, data } = decodePng(bytes)
      expect(data.length).toBe(width * height * channels)
      read++
    } catch (error) {
      if (!/^png: /.test((error as Error).message)) throw error
    }
  }
  expect(read).toBeGreaterThan(30)
})

test("chunks that are missing, twice or out of place are refused", () => {
  const data = zlibSync(Uint8Array.of(0, 1))
  const palette = (n: number): number[] => chunk("PLTE", new Uint8Array(n))
  expect(() => decodePng(png(1, 1, data, palette(3), palette(3)))).toThrow('chunk "PLTE" at byte 48 is there twice')
  expect(() => decodePng(png(1, 1, data, palette(4)))).toThrow("png: palette of 4 bytes")
  expect(() => decodePng(png(1, 1, data, chunk("tRNS", [0])))).toThrow('chunk "tRNS" has 1 bytes, this kind of image')
  expect(() => decodePng(png(1, 1, data, chunk("IDAT", data), palette(3)))).toThrow("out of place")
  const indexed = png(1, 1, data, palette(3))
  indexed[25] = 3
  repair(indexed)
  expect(() => decodePng(indexed)).toThrow("a pixel has colour 1, the palette has 1")
  indexed[24] = 16
  repair(indexed)
  expect(() => decodePng(indexed)).toThrow("png: colour type 3 of 16 bits is none of PNG's")
})

/** Writes the right checksums, so that what lies behind them is reached. */
function repair(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer)
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 12 + view.getUint32(at)
    if (end > bytes.length) return
    view.setUint32(end - 4, crc32(bytes.subarray(at + 4, end - 4)))
    at = end
  }
}
