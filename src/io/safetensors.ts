/** The safetensors file format: named arrays behind a JSON header, nothing that runs. */

import type { Data, Dtype, NdArray } from "../engine/array.ts"
import { bytesOf, sizeOf } from "../engine/array.ts"

/** What a safetensors file holds. */
export interface Safetensors {
  /** The arrays by name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, NdArray>
  /** The texts under `__metadata__`, such as { format: "pt" }; empty where there are none. */
  readonly metadata: Readonly<Record<string, string>>
}

interface Format {
  /** Bytes an element. */
  readonly width: number
  readonly dtype: Dtype
  /** The values in bytes that are this tensor's own. */
  read(bytes: Uint8Array<ArrayBuffer>): Data
}

const formats: Readonly<Record<string, Format>> = {
  F64: { width: 8, dtype: "float64", read: (b) => new Float64Array(b.buffer) },
  F32: { width: 4, dtype: "float32", read: (b) => new Float32Array(b.buffer) },
  F16: { width: 2, dtype: "float32", read: (b) => fromHalf(new Uint16Array(b.buffer)) },
  BF16: { width: 2, dtype: "float32", read: (b) => fromBrain(new Uint16Array(b.buffer)) },
  I64: { width: 8, dtype: "int64", read: (b) => new BigInt64Array(b.buffer) },
  I32: { width: 4, dtype: "int32", read: (b) => new Int32Array(b.buffer) },
  I16: { width: 2, dtype: "int32", read: (b) => Int32Array.from(new Int16Array(b.buffer)) },
  I8: { width: 1, dtype: "int32", read: (b) => Int32Array.from(new Int8Array(b.buffer)) },
  U8: { width: 1, dtype: "int32", read: (b) => Int32Array.from(b) },
  BOOL: { width: 1, dtype: "bool", read: (b) => b.map((v) => (v === 0 ? 0 : 1)) },
}

const maxHeader = 100_000_000

/**
 * The arrays in a safetensors file. F16 and BF16 become float32, I16, I8 and U8 become int32; the rest stay what they are.
 * Values are copied, so the file's bytes may be let go.
 *
 * Every rule of the format is held: a header of at most 100 MB that begins with `{`, no key twice, texts alone as metadata,
 * tensors that cover the data without holes or overlap. (The reference implementation lets the second and third pass.)
 * Source: the format's section in the README of huggingface/safetensors.
 *
 * @throws RangeError `safetensors: ...` naming the tensor where a rule is broken.
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  const { header, start } = headerOf(bytes)
  const available = bytes.length - start
  const entries: Entry[] = []
  let metadata: Record<string, string> = {}
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") metadata = textsOf(entry)
    else entries.push(describe(name, entry, available))
  }
  let at = 0
  for (const { name, begin, end } of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at) {
      const how = begin > at ? "a hole" : "tensors overlap"
      throw new RangeError(
        `safetensors: tensor ${quote(name)} begins at byte ${begin} of the data, expected ${at}: ${how}`,
      )
    }
    at = end
  }
  if (at !== available)
    throw new RangeError(`safetensors: tensors end at byte ${at} of the data, file has ${available}`)
  const tensors = new Map<string, NdArray>()
  for (const { name, format, shape, begin, end } of entries) {
    const own = new Uint8Array(bytes.subarray(start + begin, start + end)) // a copy even of Node's Buffer, unlike slice
    tensors.set(name, { dtype: format.dtype, shape, data: format.read(own) } as NdArray)
  }
  return { tensors, metadata }
}

interface Entry {
  readonly name: string
  readonly format: Format
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

function headerOf(bytes: Uint8Array): { header: object; start: number } {
  if (bytes.length < 8) throw new RangeError(`safetensors: file has ${bytes.length} bytes, expected at least 8`)
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true)
  if (length > maxHeader) {
    throw new RangeError(
      `safetensors: header of ${length} bytes, expected at most ${maxHeader} (is this a safetensors file?)`,
    )
  }
  const start = 8 + Number(length)
  if (start > bytes.length) {
    throw new RangeError(`safetensors: file is truncated: header ends at byte ${start}, file has ${bytes.length}`)
  }
  if (bytes[8] !== 0x7b || length === 0n) {
    throw new RangeError("safetensors: header does not begin with { (is this a safetensors file?)")
  }
  let text: string
  let header: unknown
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(8, start))
    header = JSON.parse(text)
  } catch (cause) {
    throw new RangeError(`safetensors: header is not JSON (${(cause as Error).message})`, { cause })
  }
  const twice = repeatedKey(text)
  if (twice !== undefined) throw new RangeError(`safetensors: header has the key ${quote(twice)} twice`)
  return { header: header as object, start }
}

/** The first key that occurs twice in one object of a text that is JSON: JSON.parse keeps the last and says nothing. */
function repeatedKey(text: string): string | undefined {
  const open: Set<string>[] = []
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "{") open.push(new Set())
    else if (text[at] === "}") open.pop()
    else if (text[at] === '"') {
      const from = at++
      while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1
      let next = at + 1
      while (/\s/.test(text[next])) next++
      if (text[next] !== ":") continue
      const key: string = JSON.parse(text.slice(from, at + 1))
      const keys = open[open.length - 1]
      if (keys.has(key)) return key
      keys.add(key)
    }
  }
  return undefined
}

function textsOf(entry: unknown): Record<string, string> {
  if (!isRecord(entry) || !Object.values(entry).every((v) => typeof v === "string")) {
    throw new RangeError("safetensors: __metadata__ holds something else than texts")
  }
  return entry as Record<string, string>
}

function describe(name: string, entry: unknown, available: number): Entry {
  const where = `safetensors: tensor ${quote(name)}`
  if (!isRecord(entry)) throw new RangeError(`${where} has no description`)
  const { dtype, shape, data_offsets: offsets } = entry
  if (typeof dtype !== "string" || !Object.hasOwn(formats, dtype)) {
    throw new RangeError(`${where} has dtype ${quote(dtype)}, expected one of ${Object.keys(formats).join(" ")}`)
  }
  if (!isCounts(shape)) throw new RangeError(`${where} has shape ${quote(shape)}, expected a list of sizes`)
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0] > offsets[1] || offsets[1] > available) {
    throw new RangeError(
      `${where} has data_offsets ${quote(offsets)}, expected a begin and an end in the ${available} bytes of data`,
    )
  }
  const format = formats[dtype]
  const [begin, end] = offsets
  const size = sizeOf(shape) * format.width
  if (size !== end - begin) {
    throw new RangeError(`${where} has ${end - begin} bytes, its shape [${shape.join(", ")}] of ${dtype} needs ${size}`)
  }
  return { name, format, shape, begin, end }
}

function isRecord(x: unknown): x is Record<string, unknown> {
  return typeof x === "object" && x !== null && !Array.isArray(x)
}

function isCounts(x: unknown): x is number[] {
  return Array.isArray(x) && x.every((n) => Number.isSafeInteger(n) && n >= 0)
}

/** Text for an error, cut where a file would fill the screen with it. */
function quote(x: unknown): string {
  const text = JSON.stringify(x) ?? "none"
  return text.length > 100 ? `${text.slice(0, 100)}...` : text
}

/** IEEE half precision to single: 5 bits of exponent, 10 of fraction; exact. */
function fromHalf(halves: Uint16Array): Float32Array {
  const out = new Float32Array(halves.length)
  const bits = new Uint32Array(out.buffer)
  for (let i = 0; i < halves.length; i++) {
    const sign = (halves[i] & 0x8000) << 16
    const exponent = (halves[i] >> 10) & 31
    const fraction = halves[i] & 1023
    if (exponent === 0) out[i] = (sign === 0 ? 1 : -1) * fraction * 2 ** -24
    else bits[i] = sign | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13)
  }
  return out
}

/** bfloat16 is the upper half of a single. */
function fromBrain(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length)
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i] << 16
  return new Float32Array(bits.buffer)
}

const names: Readonly<Record<Dtype, string>> = {
  float32: "F32",
  float64: "F64",
  int32: "I32",
  int64: "I64",
  bool: "BOOL",
}

/** Order of dtypes in a file, so that every tensor is aligned to its element. */
const rank: readonly Dtype[] = ["int64", "float64", "float32", "int32", "bool"]

/**
 * The bytes of a safetensors file, equal to those that Python's `safetensors` package writes: wide types first, then names
 * in order, the header padded to 8 bytes. The same arrays give the same bytes, whatever their order.
 *
 * @throws RangeError when a name is `__metadata__` or a shape does not hold its data.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, NdArray>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const sorted = [...tensors].sort(
    ([a, x], [b, y]) => rank.indexOf(x.dtype) - rank.indexOf(y.dtype) || (a < b ? -1 : a > b ? 1 : 0),
  )
  const entries: string[] = []
  if (Object.keys(metadata).length > 0) entries.push(`"__metadata__":${JSON.stringify(textsOf(metadata))}`)
  let at = 0
  for (const [name, { dtype, shape, data }] of sorted) {
    if (name === "__metadata__") throw new RangeError("safetensors: a tensor cannot be named __metadata__")
    if (sizeOf(shape) !== data.length) {
      throw new RangeError(
        `safetensors: tensor ${quote(name)} has ${data.length} values, its shape is [${shape.join(", ")}]`,
      )
    }
    const end = at + data.length * bytesOf[dtype]
    const entry = { dtype: names[dtype], shape, data_offsets: [at, end] }
    entries.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`)
    at = end
  }
  const text = new TextEncoder().encode(`{${entries.join(",")}}`)
  const length = Math.ceil(text.length / 8) * 8
  if (length > maxHeader) throw new RangeError(`safetensors: header of ${length} bytes, expected at most ${maxHeader}`)
  const out = new Uint8Array(8 + length + at)
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true)
  out.fill(0x20, 8 + text.length, 8 + length)
  out.set(text, 8)
  at = 8 + length
  for (const [, { data }] of sorted) {
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at)
    at += data.byteLength
  }
  return out
}
