import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import type { Dtype, NdArray } from "../engine/array.ts"
import { array, fromNumbers, toNumbers } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { readSafetensors, writeSafetensors } from "./safetensors.ts"

interface Fixture {
  written: string
  tensors: Record<string, { dtype: Dtype; shape: number[]; values: (number | boolean | string)[] }>
  small: string
  smallValues: Record<string, (number | string)[]>
  brain: string
  brainValues: (number | string)[]
  cases: Record<string, { bytes: string; accepted: boolean }>
}

const fixture: Fixture = JSON.parse(readFileSync(new URL("fixtures/safetensors.json", import.meta.url), "utf8"))
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"))
const numbers = (values: readonly (number | boolean | string)[]): number[] =>
  values.map((v) => (v === "inf" ? Number.POSITIVE_INFINITY : v === "-inf" ? Number.NEGATIVE_INFINITY : Number(v)))

/** A file of a header's text, as UTF-8, and so many bytes of data. */
function file(header: string, data = 0): Uint8Array {
  const text = new TextEncoder().encode(header)
  const out = new Uint8Array(8 + text.length + data)
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true)
  out.set(text, 8)
  return out
}

const written = new Map<string, NdArray>(
  Object.entries(fixture.tensors).map(([name, { dtype, shape, values }]) => [
    name,
    fromNumbers(dtype, shape, numbers(values)),
  ]),
)

test("a file written by Python's package is read", () => {
  const { tensors, metadata } = readSafetensors(bytesOf(fixture.written))
  expect(metadata).toEqual({ format: "pt" })
  expect(new Map([...tensors].sort())).toEqual(new Map([...written].sort()))
})

test("what is written equals what Python's package writes, byte for byte", () => {
  expect(writeSafetensors(written, { format: "pt" })).toEqual(bytesOf(fixture.written))
})

test("what is written is read back, bit for bit", () => {
  const tensors = new Map<string, NdArray>([
    ['\u0000 "quoted" \n é 𝔵', array("float32", [2], new Float32Array(Uint32Array.of(0x7fc00001, 0x80000000).buffer))],
    ["__proto__", array("int64", [], BigInt64Array.of(-(2n ** 63n)))],
    ["", array("bool", [1, 0, 2], new Uint8Array(0))],
    ["12", array("float64", [1], Float64Array.of(Number.MIN_VALUE))],
  ])
  const file = writeSafetensors(tensors, { constructor: "text", "": "é" })
  const back = readSafetensors(file)
  expect([...back.tensors.keys()].sort()).toEqual([...tensors.keys()].sort())
  for (const [name, { dtype, shape, data }] of tensors) {
    const got = back.tensors.get(name)
    expect([got?.dtype, got?.shape]).toEqual([dtype, shape])
    expect(Buffer.from(got!.data.buffer)).toEqual(Buffer.from(data.buffer))
  }
  expect(back.metadata).toEqual({ constructor: "text", "": "é" })
  expect(writeSafetensors(new Map([...tensors].reverse()), { constructor: "text", "": "é" })).toEqual(file)
})

test("half and brain floats become float32 exactly, and small integers int32", () => {
  const { tensors } = readSafetensors(bytesOf(fixture.small))
  for (const [name, values] of Object.entries(fixture.smallValues)) {
    expect([...toNumbers(tensors.get(name)!)]).toEqual(numbers(values))
    expect(tensors.get(name)?.dtype).toBe(name === "half" ? "float32" : "int32")
  }
  const brain = readSafetensors(bytesOf(fixture.brain)).tensors.get("b")
  expect(brain?.dtype).toBe("float32")
  expect([...toNumbers(brain!)]).toEqual(numbers(fixture.brainValues))
})

test("signed zeros and NaN survive the widening", () => {
  const bytes = file('{"h":{"dtype":"F16","shape":[3],"data_offsets":[0,6]}}', 6)
  bytes.set([0, 0x80, 0, 0x7e, 1, 0x80], bytes.length - 6)
  const [zero, nan, tiny] = toNumbers(readSafetensors(bytes).tensors.get("h")!)
  expect(Object.is(zero, -0)).toBe(true)
  expect(nan).toBeNaN()
  expect(tiny).toBe(-(2 ** -24))
})

test("a file in Node's pool of buffers, at an odd place, is read and copied", () => {
  const source = bytesOf(fixture.written)
  const pool = Buffer.alloc(source.length + 3)
  pool.set(source, 3)
  const { tensors } = readSafetensors(pool.subarray(3))
  pool.fill(0)
  expect(new Map([...tensors].sort())).toEqual(new Map([...written].sort()))
})

for (const [name, { bytes, accepted }] of Object.entries(fixture.cases)) {
  // The reference implementation takes a header that begins with a space; the format's text forbids it.
  const legal = accepted && name !== "space first"
  test(`a file with ${name} is ${legal ? "read" : "refused"}, as the format says`, () => {
    if (legal) expect(() => readSafetensors(bytesOf(bytes))).not.toThrow()
    else expect(() => readSafetensors(bytesOf(bytes))).toThrow(/^safetensors: /)
  })
}

test("a broken rule is told with the tensor's name and the numbers", () => {
  const one = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
  expect(() => readSafetensors(file(`{"a":${one},"a":${one}}`, 4))).toThrow('safetensors: header has the key "a" twice')
  expect(() => readSafetensors(file(`{"a":${one},"\\u0061":${one}}`, 4))).toThrow('the key "a" twice')
  expect(() => readSafetensors(file(`{"a":${one.replace("{", '{"shape" :[1],')}}`, 4))).toThrow('the key "shape" twice')
  expect(() => readSafetensors(file(`{"a":${one.replace("0,4", "4,8")}}`, 8))).toThrow(
    'safetensors: tensor "a" begins at byte 4 of the data, expected 0: a hole',
  )
  expect(() => readSafetensors(file(`{"a":${one.replace("F32", "F8_E4M3")}}`, 4))).toThrow(
    'tensor "a" has dtype "F8_E4M3", expected one of F64 F32 F16',
  )
  expect(() => readSafetensors(file(`{"a":${one.replace("[1]", "[2]")}}`, 4))).toThrow(
    'tensor "a" has 4 bytes, its shape [2] of F32 needs 8',
  )
  expect(() => readSafetensors(file(`{"a":${one}}`, 2))).toThrow("expected a begin and an end in the 2 bytes of data")
  expect(() => readSafetensors(file(`{"a":${one}}`, 7))).toThrow("tensors end at byte 4 of the data, file has 7")
  expect(() => readSafetensors(file('{"constructor":1}'))).toThrow('tensor "constructor" has no description')
})

test("the same text as a value and as a key of another tensor is no repetition", () => {
  const header =
    '{"shape":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b\\"":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}'
  expect([...readSafetensors(file(header, 2)).tensors.keys()]).toEqual(["shape", 'b"'])
})

test("many tensors that claim the same bytes are refused before any is copied", () => {
  const data = 1_000_000
  const entry = `{"dtype":"U8","shape":[${data}],"data_offsets":[0,${data}]}`
  const header = `{${Array.from({ length: 20_000 }, (_, i) => `"${i}":${entry}`).join(",")}}`
  expect(() => readSafetensors(file(header, data))).toThrow("tensors overlap")
})

test("what cannot be written is refused", () => {
  const a = array("float32", [1], Float32Array.of(1))
  expect(() => writeSafetensors(new Map([["__metadata__", a]]))).toThrow("a tensor cannot be named __metadata__")
  expect(() => writeSafetensors(new Map([["a", { ...a, shape: [2] }]]))).toThrow(
    'tensor "a" has 1 values, its shape is [2]',
  )
  expect(() => writeSafetensors(new Map(), { step: 1 } as unknown as Record<string, string>)).toThrow("than texts")
})

test("thousands of mutated files are read or refused by name, never otherwise", () => {
  const random = new Generator(2)
  const seeds = [
    bytesOf(fixture.written),
    bytesOf(fixture.small),
    ...Object.values(fixture.cases).map((c) => bytesOf(c.bytes)),
  ]
  let read = 0
  for (let n = 0; n < 6000; n++) {
    const seed = seeds[n % seeds.length]
    const bytes = seed.slice(0, n % 11 === 0 ? random.integer(seed.length + 1) : undefined)
    for (let k = random.integer(3); k >= 0 && bytes.length > 0; k--) {
      bytes[random.integer(bytes.length)] = random.integer(2) ? random.integer(256) : 32 + random.integer(96)
    }
    try {
      let total = 0
      for (const { shape, data } of readSafetensors(bytes).tensors.values()) {
        expect(shape.reduce((a, b) => a * b, 1)).toBe(data.length)
        total += data.byteLength
      }
      expect(total).toBeLessThanOrEqual(4 * bytes.length)
      read++
    } catch (error) {
      if (!/^safetensors: /.test((error as Error).message)) throw error
    }
  }
  expect(read).toBeGreaterThan(30)
})
