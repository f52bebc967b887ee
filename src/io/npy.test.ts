import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { array, toNumbers } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { readNpy, writeNpy } from "./npy.ts"

interface Fixture {
  bytes: string
  dtype: string
  fortran: boolean
  shape: number[]
  values: (number | boolean | string)[]
}

const fixtures: Fixture[] = JSON.parse(readFileSync(new URL("fixtures/npy.json", import.meta.url), "utf8"))
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"))
const number = (v: number | boolean | string): number => (v === "inf" ? Number.POSITIVE_INFINITY : Number(v))

/** An npy file of version 1 of a header and so many bytes of data. */
function file(header: string, data = 0): Uint8Array {
  const out = new Uint8Array(10 + header.length + data)
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8])
  out.set(new TextEncoder().encode(header), 10)
  return out
}

for (const { bytes, dtype, fortran, shape, values } of fixtures) {
  const packed = bytesOf(bytes)
  const what = `${dtype} array [${shape.join(", ")}]${fortran ? " in Fortran's order" : ""}, version ${packed[6]}`
  test(`NumPy's ${what} is read`, () => {
    const a = readNpy(packed)
    expect(a.shape).toEqual(shape)
    expect([...toNumbers(a)]).toEqual(values.map(number))
  })
  if (!fortran && packed[6] === 1 && dtype !== "|u1") {
    test(`NumPy's ${what} is written, byte for byte`, () => {
      expect(writeNpy(readNpy(packed))).toEqual(packed)
    })
  }
}

test("the types are those of the file, unsigned bytes int32", () => {
  const types = Object.fromEntries(fixtures.map((f) => [f.dtype, readNpy(bytesOf(f.bytes)).dtype]))
  expect(types).toEqual({
    "<f4": "float32",
    "<f8": "float64",
    "<i4": "int32",
    "<i8": "int64",
    "|b1": "bool",
    "|u1": "int32",
  })
})

test("a file in Node's pool of buffers, at an odd place, is read and copied", () => {
  const a = array("float64", [2], Float64Array.of(1.5, -2))
  const source = writeNpy(a)
  const pool = Buffer.alloc(source.length + 3)
  pool.set(source, 3)
  const back = readNpy(pool.subarray(3))
  pool.fill(0)
  expect(back).toEqual(a)
})

test("keys in another order and double quotes are Python too", () => {
  const header = "{\"shape\": (2,), 'fortran_order':False,'descr': '|u1'}  \n"
  expect([...toNumbers(readNpy(file(header, 2)))]).toEqual([0, 0])
})

test("what is not such an array is refused with what was found", () => {
  const header = (descr: string, order = "False", shape = "(2,)"): string =>
    `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`
  const refused = (bytes: Uint8Array, message: string): void => expect(() => readNpy(bytes)).toThrow(message)
  refused(new Uint8Array(4), "npy: wrong magic number")
  refused(
    file(header("'<f4'"), 8).map((b, i) => (i === 6 ? 4 : b)),
    "npy: format version 4.0",
  )
  refused(file(header("'<f4'"), 8).subarray(0, 30), "npy: file is truncated: header ends at byte")
  refused(file(header("'<f4'"), 7), "npy: data has 7 bytes, an array [2] of float32 needs 8")
  refused(file(header("'<f4'"), 9), "npy: data has 9 bytes, an array [2] of float32 needs 8")
  refused(file(header("'|O'"), 8), "npy: type \"'|O'\", expected one of <f4 <f8 <i4 <i8 |b1 |u1; objects are pickles")
  refused(file(header("'>f4'"), 8), "npy: type \"'>f4'\"")
  refused(file(header("[('a', '<f4')]"), 8), "npy: type \"[('a', '<f4')]\"")
  refused(file(header("'<f4'", "1"), 8), "expected a dictionary of descr, fortran_order and shape")
  refused(file(header("'<f4'", "False", "(2)"), 8), 'npy: shape "(2)", expected a tuple of sizes')
  refused(file(header("'<f4'", "False", "(99999999999999999999,)"), 8), "expected a tuple of sizes")
  refused(file(header("'<f4'", "False", "(9007199254740991, 9007199254740991)"), 8), "npy: data has 8 bytes")
  refused(file(header("'<f4'", "'<f4'"), 8), "expected True or False")
  refused(file("{'descr': '<f4', 'descr': '<f4', 'shape': (2,)}\n", 8), "expected a dictionary")
  refused(file("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}\n", 8), "expected a dictionary")
  refused(file(`${header("'<f4'")}${" ".repeat(20_000)}`, 8), "npy: header of 20")
})

test("thousands of mutated files are read or refused by name, never otherwise", () => {
  const random = new Generator(3)
  const seeds = fixtures.map((f) => bytesOf(f.bytes))
  let read = 0
  for (let n = 0; n < 5000; n++) {
    const seed = seeds[n % seeds.length]
    const bytes = seed.slice(0, n % 11 === 0 ? random.integer(seed.length + 1) : undefined)
    for (let k = random.integer(3); k >= 0 && bytes.length > 0; k--) {
      bytes[random.integer(Math.min(bytes.length, n % 2 ? 80 : 1000))] = random.integer(2)
        ? random.integer(256)
        : 32 + random.integer(96)
    }
    try {
      const { shape, data } = readNpy(bytes)
      expect(shape.reduce((a, b) => a * b, 1)).toBe(data.length)
      expect(data.byteLength).toBeLessThanOrEqual(4 * bytes.length)
      read++
    } catch (error) {
      if (!/^npy: /.test((error as Error).message)) throw error
    }
  }
  expect(read).toBeGreaterThan(30)
})
