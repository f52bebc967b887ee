/** Reads one tensor of an ONNX file: every encoding of its values, checked against its sizes before anything is allocated. */
import { allocate, bytesOf, type Data, type NdArray } from "../array.ts"
import type { WireReader } from "../wire/read.ts"
import { brainBits, type Element, elementName, elements, halfBits, numberFields } from "./element.ts"

/** What one number of a growing list may take: eight bytes, in the list that is outgrown and in its successor. */
export const itemBytes = 24

/** A tensor as a file holds it. */
export interface NamedArray {
  readonly name: string
  readonly array: NdArray
}

/** Where a tensor's values are, once its message has been walked through. */
interface Found {
  name: string
  code: number
  readonly dims: number[]
  raw: Uint8Array | undefined
  /** How many values each number field holds. */
  readonly counts: Map<number, number>
  /** File that holds the values, where this one does not. */
  external: string | undefined
  segmented: boolean
}

/**
 * Reads a TensorProto. float16 and bfloat16 become float32; uint8, int8, uint16 and int16 become int32; uint32 and
 * uint64 become int64. All of these are exact.
 *
 * @throws RangeError `onnx: ...` when the sizes and the values present disagree, when the values are in another file, and
 * for element types without a dtype here (strings, complex numbers, floats of 8 bits or less, 4-bit integers).
 */
export function readTensor(r: WireReader): NamedArray {
  const found = walk(r)
  const { name, code, dims, raw, counts } = found
  const what = `tensor ${JSON.stringify(name)}`
  if (found.external !== undefined) {
    return r.fail(
      `${what} keeps its values in another file, ${JSON.stringify(found.external)}; save the model as one file ` +
        "(in Python: onnx.save(onnx.load(path), path, save_as_external_data=False))",
    )
  }
  if (found.segmented) return r.fail(`${what} is one segment of a tensor, which is not supported`)
  const element = elements.get(code)
  if (element === undefined)
    return r.fail(
      `${what} has elements of ${code === 0 ? "no type" : elementName(code)}, expected floats, integers or bool`,
    )

  let size = 1
  for (const n of dims) if (n === 0) size = 0
  for (const n of dims) {
    if (n < 0) return r.fail(`${what} has a negative size (dims [${dims.join(", ")}])`)
    size *= n
  }
  const sources = [...counts].filter(([, count]) => count > 0)
  if (raw !== undefined && raw.length > 0) sources.push([9, raw.length / element.width])
  if (sources.length > 1) return r.fail(`${what} has its values twice, expected one of raw_data and the typed fields`)
  const [field, count] = sources[0] ?? [9, 0]
  if (field !== 9 && field !== element.field)
    return r.fail(`${what} is ${element.name} but has its values in ${numberFields.get(field)?.name}`)
  if (count !== size) {
    return r.fail(
      `${what} has ${count} values of ${element.name}, its dims [${dims.join(", ")}] say ${size}` +
        (count < size ? " (is the file truncated?)" : ""),
    )
  }

  r.charge(size * bytesOf[element.dtype] + 256)
  const data = allocate(element.dtype, size)
  if (size > 0) {
    if (field === 9) readRaw(r, what, code, data, raw as Uint8Array)
    else readNumbers(r, what, code, element, data)
  }
  return { name, array: { dtype: element.dtype, shape: dims, data } }
}

function walk(r: WireReader): Found {
  const found: Found = {
    name: "",
    code: 0,
    dims: [],
    raw: undefined,
    counts: new Map(),
    external: undefined,
    segmented: false,
  }
  let location = ""
  let elsewhere = false
  while (r.next()) {
    const numbers = numberFields.get(r.field)
    if (numbers !== undefined) found.counts.set(r.field, (found.counts.get(r.field) ?? 0) + r.count(numbers.wire))
    else if (r.field === 1) {
      r.each(0, () => {
        r.charge(itemBytes)
        found.dims.push(r.int())
      })
    } else if (r.field === 2) found.code = r.int32()
    else if (r.field === 3) found.segmented = true
    else if (r.field === 8) found.name = r.string()
    else if (r.field === 9) {
      if (found.raw !== undefined) r.fail(`tensor ${JSON.stringify(found.name)} has raw_data twice`)
      found.raw = r.bytes()
    } else if (r.field === 13) {
      const entry = readEntry(r.message())
      if (entry[0] === "location") location = entry[1]
    } else if (r.field === 14) elsewhere = r.int32() === 1
  }
  if (elsewhere) found.external = location
  return found
}

/** Reads a StringStringEntryProto: a key and a value. */
export function readEntry(r: WireReader): [string, string] {
  let key = ""
  let value = ""
  while (r.next()) {
    if (r.field === 1) key = r.string()
    else if (r.field === 2) value = r.string()
  }
  return [key, value]
}

/** Values stored as in memory, little-endian, which is also the order of every machine that runs JavaScript. */
function readRaw(r: WireReader, what: string, code: number, out: Data, raw: Uint8Array): void {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  const n = out.length
  if (out instanceof Uint8Array) for (let i = 0; i < n; i++) out[i] = raw[i] === 0 ? 0 : 1
  else if (code === 2) (out as Int32Array).set(raw)
  else if (code === 3) (out as Int32Array).set(new Int8Array(raw.buffer, raw.byteOffset, n))
  else if (code === 4) for (let i = 0; i < n; i++) out[i] = view.getUint16(2 * i, true)
  else if (code === 5) for (let i = 0; i < n; i++) out[i] = view.getInt16(2 * i, true)
  else if (code === 10 || code === 16) {
    const bits = new Int32Array(out.buffer)
    const widen = code === 10 ? halfBits : brainBits
    for (let i = 0; i < n; i++) bits[i] = widen(view.getUint16(2 * i, true))
  } else if (code === 12) for (let i = 0; i < n; i++) out[i] = BigInt(view.getUint32(4 * i, true))
  else {
    new Uint8Array(out.buffer).set(raw)
    if (code === 13) for (const value of out as BigInt64Array) if (value < 0n) tooLarge(r, what, value)
  }
}

function tooLarge(r: WireReader, what: string, value: bigint): never {
  return r.fail(`${what} holds ${BigInt.asUintN(64, value)}, the largest uint64 that can be read is 2^63 - 1`)
}

/** Smallest and largest value that `int32_data` may hold for each element type; float16 and bfloat16 are given as bits. */
const ranges: ReadonlyMap<number, readonly [number, number]> = new Map([
  [2, [0, 255]],
  [3, [-128, 127]],
  [4, [0, 65535]],
  [5, [-32768, 32767]],
  [9, [0, 1]],
  [10, [0, 65535]],
  [16, [0, 65535]],
])

/** Values in one of the typed fields, of which there are exactly as many as `out` holds. */
function readNumbers(again: WireReader, what: string, code: number, element: Element, out: Data): void {
  const r = again.again()
  const numbers = out as Float64Array
  const bits = new Int32Array(element.dtype === "float32" ? out.buffer : new ArrayBuffer(0))
  const [low, high] = ranges.get(code) ?? [-Infinity, Infinity]
  const small = (): number => {
    const value = r.int32()
    if (value < low || value > high)
      r.fail(`${what} holds ${value}, ${element.name} is from ${low} to ${high} in int32_data`)
    return value
  }
  let i = 0
  const readers: Readonly<Record<number, () => void>> = {
    1: () => (numbers[i++] = r.float()),
    7: () => ((out as BigInt64Array)[i++] = r.int64()),
    10: () => (bits[i++] = halfBits(small())),
    11: () => (numbers[i++] = r.double()),
    12: () => {
      const value = r.int64()
      if (value < 0n || value > 0xffffffffn) r.fail(`${what} holds ${value}, which is no uint32`)
      ;(out as BigInt64Array)[i++] = value
    },
    13: () => {
      const value = r.int64()
      if (value < 0n) tooLarge(r, what, value)
      ;(out as BigInt64Array)[i++] = value
    },
    16: () => (bits[i++] = brainBits(small())),
  }
  const read = readers[code] ?? (() => (numbers[i++] = small()))
  const wire = numberFields.get(element.field)?.wire ?? 0
  while (r.next()) if (r.field === element.field) r.each(wire, read)
}
