/** The npy file format of NumPy: one array behind a header in the notation of Python. */

import type { Data, Dtype, NdArray } from "../engine/array.ts"
import { bytesOf, sizeOf } from "../engine/array.ts"

interface Format {
  readonly dtype: Dtype
  readonly width: number
  /** The values in bytes that are the array's own. */
  read(bytes: Uint8Array<ArrayBuffer>): Data
}

const formats: Readonly<Record<string, Format>> = {
  "<f4": { dtype: "float32", width: 4, read: (b) => new Float32Array(b.buffer) },
  "<f8": { dtype: "float64", width: 8, read: (b) => new Float64Array(b.buffer) },
  "<i4": { dtype: "int32", width: 4, read: (b) => new Int32Array(b.buffer) },
  "<i8": { dtype: "int64", width: 8, read: (b) => new BigInt64Array(b.buffer) },
  "|b1": { dtype: "bool", width: 1, read: (b) => b.map((v) => (v === 0 ? 0 : 1)) },
  "|u1": { dtype: "int32", width: 1, read: (b) => Int32Array.from(b) },
}

/** Longest header that is read, as in NumPy. */
const maxHeader = 10_000

/** Most axes an array may have: NumPy's own limit. */
const maxAxes = 64

/**
 * The array in an npy file of version 1, 2 or 3: little-endian f4, f8, i4, i8, and b1, u1 (which becomes int32). An array in
 * Fortran's order is put into row-major order. Source: NumPy's `numpy.lib.format`, NEP 1.
 *
 * @throws RangeError `npy: ...` for other files and other types; pickled objects are never read.
 */
export function readNpy(bytes: Uint8Array): NdArray {
  if (bytes.length < 10 || ![0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59].every((byte, i) => bytes[i] === byte)) {
    throw new RangeError("npy: wrong magic number (is this an npy file?)")
  }
  const [major, minor] = [bytes[6], bytes[7]]
  if (major < 1 || major > 3 || minor !== 0) {
    throw new RangeError(`npy: format version ${major}.${minor}, expected 1.0, 2.0 or 3.0`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (major > 1 && bytes.length < 12) throw new RangeError("npy: file is truncated in its header")
  const start = major === 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true)
  if (start > maxHeader) throw new RangeError(`npy: header of ${start} bytes, expected at most ${maxHeader}`)
  if (start > bytes.length) {
    throw new RangeError(`npy: file is truncated: header ends at byte ${start}, file has ${bytes.length}`)
  }
  const header = new TextDecoder().decode(bytes.subarray(major === 1 ? 10 : 12, start))
  const { format, isFortran, shape } = parse(header)
  const size = sizeOf(shape) * format.width
  if (size !== bytes.length - start) {
    throw new RangeError(
      `npy: data has ${bytes.length - start} bytes, an array [${shape.join(", ")}] of ${format.dtype} needs ${size}`,
    )
  }
  const data = format.read(new Uint8Array(bytes.subarray(start))) // a copy even of Node's Buffer, unlike slice
  return { dtype: format.dtype, shape, data: isFortran ? rowMajor(data, shape) : data } as NdArray
}

/** The header's dictionary; exactly the three keys of the format, in any order. */
function parse(header: string): { format: Format; isFortran: boolean; shape: number[] } {
  const quoted = quote(header.trim())
  const pair =
    /\s*(['"])(descr|fortran_order|shape)\1\s*:\s*('[^']*'|"[^"]*"|True|False|\([\d\s,]*\)|\[.*\])\s*(,|(?=\}))/sy
  const found = new Map<string, string>()
  const body = /^\s*\{/.exec(header)
  let at = body === null ? -1 : body[0].length
  for (let rest = 3; rest > 0 && at >= 0; rest--) {
    pair.lastIndex = at
    const match = pair.exec(header)
    if (match !== null) found.set(match[2], match[3])
    at = match === null ? -1 : pair.lastIndex
  }
  if (at < 0 || found.size !== 3 || !/^\s*\}\s*$/.test(header.slice(at))) {
    throw new RangeError(`npy: header ${quoted}, expected a dictionary of descr, fortran_order and shape`)
  }
  const [descr, order, sizes] = ["descr", "fortran_order", "shape"].map((key) => found.get(key) ?? "")
  const type = descr.slice(1, -1)
  if (!Object.hasOwn(formats, type)) {
    const objects = /O/.test(type) ? "; objects are pickles, which are never read" : ""
    throw new RangeError(`npy: type ${quote(descr)}, expected one of ${Object.keys(formats).join(" ")}${objects}`)
  }
  const shape = (sizes.match(/\d+/g) ?? []).map(Number)
  const isTuple = /^\(\s*\)$|^\(\s*\d+\s*,\s*\)$|^\(\s*\d+(\s*,\s*\d+)+\s*,?\s*\)$/.test(sizes)
  if (!isTuple || shape.length > maxAxes || !shape.every(Number.isSafeInteger)) {
    throw new RangeError(`npy: shape ${quote(sizes)}, expected a tuple of sizes`)
  }
  if (order !== "True" && order !== "False") {
    throw new RangeError(`npy: fortran_order ${quote(order)}, expected True or False`)
  }
  return { format: formats[type], isFortran: order === "True", shape }
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text)
}

/** Values whose first axis runs fastest, put in the order where the last does. */
function rowMajor(data: Data, shape: readonly number[]): Data {
  const out = data.slice()
  const index = new Array<number>(shape.length).fill(0)
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)))
  let from = 0
  for (let at = 0; at < out.length; at++) {
    out[at] = data[from]
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]
      if (++index[axis] < shape[axis]) break
      from -= strides[axis] * shape[axis]
      index[axis] = 0
    }
  }
  return out
}

const descriptions: Readonly<Record<Dtype, string>> = {
  float32: "<f4",
  float64: "<f8",
  int32: "<i4",
  int64: "<i8",
  bool: "|b1",
}

/** Digits NumPy leaves room for, so that an array can grow along its first axis without moving. */
const growth = 21

/** The bytes of an npy file of version 1, equal to those that `numpy.save` writes. */
export function writeNpy({ dtype, shape, data }: NdArray): Uint8Array<ArrayBuffer> {
  if (sizeOf(shape) !== data.length || shape.length > maxAxes) {
    throw new RangeError(`npy: ${data.length} values cannot be written as an array [${shape.join(", ")}]`)
  }
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ")
  const dictionary = `{'descr': '${descriptions[dtype]}', 'fortran_order': False, 'shape': (${sizes}), }`
  const room = shape.length > 0 ? " ".repeat(growth - String(shape[0]).length) : ""
  const used = 10 + dictionary.length + room.length + 1
  const start = Math.ceil(used / 64) * 64
  const header = `${dictionary}${room}${" ".repeat(start - used)}\n`
  const out = new Uint8Array(start + data.length * bytesOf[dtype])
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0])
  new DataView(out.buffer).setUint16(8, header.length, true)
  out.set(new TextEncoder().encode(header), 10)
  out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start)
  return out
}
