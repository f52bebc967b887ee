import { gzipSync } from "fflate"
import { expect, test } from "vitest"
import { Generator } from "../engine/random.ts"
import { readIdx, writeIdx } from "./idx.ts"

const sample = writeIdx({ shape: [3, 2, 2], data: Uint8Array.from({ length: 12 }, (_, i) => i * 20) })

test("an IDX file of every kind of value is read back as it was written, plain and gzipped [E49]", () => {
  for (const data of [
    Uint8Array.of(0, 1, 254, 255),
    Int8Array.of(-128, -1, 0, 127),
    Int16Array.of(-32768, -2, 3, 32767),
    Int32Array.of(-2147483648, -5, 6, 2147483647),
    Float32Array.of(-1.5, 3e-40, Number.POSITIVE_INFINITY, 7),
    Float64Array.of(-1.1, 1e-320, 1e300, 0),
  ]) {
    const idx = { shape: [2, 2], data }
    expect(readIdx(writeIdx(idx))).toEqual(idx)
    expect(readIdx(gzipSync(writeIdx(idx)))).toEqual(idx)
  }
})

test("the bytes are those of the format's description", () => {
  expect([...writeIdx({ shape: [2, 1], data: Int16Array.of(1, -2) })]).toEqual([
    ...[0, 0, 0x0b, 2],
    ...[0, 0, 0, 2, 0, 0, 0, 1],
    ...[0, 1, 255, 254],
  ])
  expect([...sample.subarray(0, 4)]).toEqual([0, 0, 8, 3]) // 2051, the magic number of MNIST's images
})

test("an empty array is legal", () => {
  const idx = { shape: [0, 28, 28], data: new Uint8Array(0) }
  expect(readIdx(writeIdx(idx))).toEqual(idx)
  expect(readIdx(gzipSync(writeIdx(idx)))).toEqual(idx)
})

test("a truncated file, one that goes on, and a wrong magic number are refused with what was found", () => {
  expect(() => readIdx(sample.subarray(0, 20))).toThrow("idx: file is truncated: 20 bytes, its header promises 28")
  expect(() => readIdx(Uint8Array.from([...sample, 0]))).toThrow(
    "idx: file is too long: 29 bytes, its header promises 28",
  )
  expect(() => readIdx(sample.subarray(0, 10))).toThrow("idx: header ends after 10 of 16 bytes")
  expect(() => readIdx(Uint8Array.of(137, 80, 78, 71))).toThrow("idx: wrong magic number 0x89504e47")
  expect(() => readIdx(Uint8Array.of(0, 0, 7, 1, 0, 0, 0, 0))).toThrow("wrong magic number 0x00000701")
  expect(() => readIdx(new Uint8Array(0), { where: "here" })).toThrow("here: wrong magic number 0x, expected")
})

test("gzipped files that are cut, damaged or promise another size are refused", () => {
  const packed = gzipSync(sample)
  expect(() => readIdx(packed.subarray(0, packed.length - 9))).toThrow(/^idx: compressed/)
  expect(() => readIdx(packed.subarray(0, 12))).toThrow(/^idx: compressed file is truncated in its header/)
  const flipped = packed.slice()
  flipped[flipped.length - 6] ^= 1
  expect(() => readIdx(flipped)).toThrow("idx: compressed file does not agree with its checksum")
  expect(() => readIdx(gzipSync(sample.subarray(0, 20)))).toThrow(
    "compressed file ends as one of 20 bytes, its header promises 28",
  )
  expect(() => readIdx(gzipSync(Uint8Array.from([...sample, 0])))).toThrow("one of 29 bytes, its header promises 28")
})

test("a header that promises more than the file can hold allocates nothing", () => {
  const header = (...sizes: number[]): Uint8Array => {
    const out = new Uint8Array(4 + 4 * sizes.length)
    out.set([0, 0, 8, sizes.length])
    for (const [i, n] of sizes.entries()) new DataView(out.buffer).setUint32(4 + 4 * i, n)
    return out
  }
  expect(() => readIdx(header(60000, 28, 28))).toThrow("file is truncated: 16 bytes, its header promises 47040016")
  expect(() => readIdx(header(2 ** 32 - 1, 2 ** 32 - 1))).toThrow("more than 2147483648 bytes")
  const bomb = gzipSync(header(2_000_000_000))
  new DataView(bomb.buffer).setUint32(bomb.length - 4, 2_000_000_008, true)
  expect(() => readIdx(bomb)).toThrow("compressed file ends as one of 2000000008 bytes, its header promises 2000000008")
})

test("a gzipped file that goes on after what it promises is refused without being unpacked", () => {
  const head = writeIdx({ shape: [1000], data: new Uint8Array(1000) })
  const bomb = gzipSync(Uint8Array.from([...head, ...new Uint8Array(5_000_000)]))
  new DataView(bomb.buffer).setUint32(bomb.length - 4, head.length, true)
  expect(() => readIdx(bomb)).toThrow("compressed file holds more than the 1008 bytes its header promises")
})

test("thousands of mutated files are read or refused by name, never otherwise", () => {
  const random = new Generator(1)
  const seeds = [
    sample,
    gzipSync(sample),
    gzipSync(writeIdx({ shape: [40], data: Float32Array.from({ length: 40 }, Math.sin) })),
  ]
  let read = 0
  for (let n = 0; n < 4000; n++) {
    const bytes = seeds[n % seeds.length].slice(0, n % 7 === 0 ? random.integer(60) : undefined)
    for (let k = random.integer(3); k >= 0 && bytes.length > 0; k--)
      bytes[random.integer(bytes.length)] = random.integer(256)
    try {
      const { shape, data } = readIdx(bytes)
      expect(shape.reduce((a, b) => a * b, 1)).toBe(data.length)
      expect(data.byteLength).toBeLessThan(1032 * bytes.length)
      read++
    } catch (error) {
      if (!/^idx: /.test((error as Error).message)) throw error
    }
  }
  expect(read).toBeGreaterThan(100)
})
