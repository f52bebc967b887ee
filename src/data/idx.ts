/** The IDX file format of MNIST and its relatives: a magic number, sizes, and big-endian values. */

import { sizeOf } from "../engine/array.ts"
import { gunzip, gunzipHead, isGzip } from "../io/gzip.ts"

/** What an IDX file holds: values of one kind, row-major in `shape`. */
export interface Idx {
  readonly shape: readonly number[]
  readonly data: Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array
}

const kinds = [
  { code: 0x08, name: "unsigned byte", type: Uint8Array },
  { code: 0x09, name: "signed byte", type: Int8Array },
  { code: 0x0b, name: "short", type: Int16Array },
  { code: 0x0c, name: "int", type: Int32Array },
  { code: 0x0d, name: "float", type: Float32Array },
  { code: 0x0e, name: "double", type: Float64Array },
] as const

/** How {@link readIdx} reads. */
export interface IdxOptions {
  /** What errors begin with, such as a path; default `idx`. */
  where?: string
  /** Largest size of the values in bytes that is accepted; default 2^31. */
  maxBytes?: number
}

/**
 * The array in an IDX file, plain or gzipped; bytes of a plain file are not copied. Sizes are checked against that of the
 * file before anything is allocated.
 * Source: the format's description on the MNIST page (LeCun, Cortes and Burges).
 *
 * @throws RangeError `idx: ...` for a wrong magic number, too many values, a truncated file, or one that goes on.
 */
export function readIdx(bytes: Uint8Array, { where = "idx", maxBytes = 2 ** 31 }: IdxOptions = {}): Idx {
  const packed = isGzip(bytes)
  const head = packed ? gunzipHead(bytes, 4, where) : bytes
  const kind = kinds.find(({ code }) => code === head[2])
  if (head.length < 4 || head[0] !== 0 || head[1] !== 0 || kind === undefined || head[3] === 0) {
    const magic = Array.from(head.subarray(0, 4), (b) => b.toString(16).padStart(2, "0")).join("")
    throw new RangeError(
      `${where}: wrong magic number 0x${magic}, expected 0x0000, a type and a number of axes (is this an IDX file?)`,
    )
  }
  const start = 4 + 4 * head[3]
  const sizes = packed ? gunzipHead(bytes, start, where) : bytes
  if (sizes.length < start) throw new RangeError(`${where}: header ends after ${sizes.length} of ${start} bytes`)
  const view = new DataView(sizes.buffer, sizes.byteOffset, sizes.byteLength)
  const shape = Array.from({ length: head[3] }, (_, axis) => view.getUint32(4 + 4 * axis))
  const size = sizeOf(shape) * kind.type.BYTES_PER_ELEMENT
  if (!(size <= maxBytes)) {
    throw new RangeError(`${where}: header promises [${shape.join(", ")}] values, more than ${maxBytes} bytes`)
  }
  if (!packed && bytes.length !== start + size) {
    const how = bytes.length < start + size ? "truncated" : "too long"
    throw new RangeError(`${where}: file is ${how}: ${bytes.length} bytes, its header promises ${start + size}`)
  }
  const content = packed ? gunzip(bytes, start + size, where) : bytes
  return { shape, data: decode(content.subarray(start), kind.type) }
}

function decode(content: Uint8Array, type: (typeof kinds)[number]["type"]): Idx["data"] {
  if (type === Uint8Array) return content
  if (type === Int8Array) return new Int8Array(content.buffer, content.byteOffset, content.length)
  const view = new DataView(content.buffer, content.byteOffset, content.length)
  const width = type.BYTES_PER_ELEMENT
  const out = new type(content.length / width)
  const read = {
    Int16Array: (at: number) => view.getInt16(at),
    Int32Array: (at: number) => view.getInt32(at),
    Float32Array: (at: number) => view.getFloat32(at),
    Float64Array: (at: number) => view.getFloat64(at),
  }[type.name as "Int16Array" | "Int32Array" | "Float32Array" | "Float64Array"]
  for (let i = 0; i < out.length; i++) out[i] = read(i * width)
  return out
}

/** The bytes of an IDX file, not compressed. */
export function writeIdx({ shape, data }: Idx): Uint8Array {
  const kind = kinds.find(({ type }) => data instanceof type)
  if (kind === undefined || shape.length < 1 || shape.length > 255 || sizeOf(shape) !== data.length) {
    throw new RangeError(`idx: [${shape.join(", ")}] values cannot be written from ${data.length}`)
  }
  const start = 4 + 4 * shape.length
  const width = kind.type.BYTES_PER_ELEMENT
  const out = new Uint8Array(start + data.length * width)
  const view = new DataView(out.buffer)
  out.set([0, 0, kind.code, shape.length])
  for (const [axis, size] of shape.entries()) view.setUint32(4 + 4 * axis, size)
  for (let i = 0; i < data.length; i++) {
    const at = start + i * width
    if (width === 1) view.setUint8(at, data[i])
    else if (width === 2) view.setInt16(at, data[i])
    else if (kind.type === Int32Array) view.setInt32(at, data[i])
    else if (width === 4) view.setFloat32(at, data[i])
    else view.setFloat64(at, data[i])
  }
  return out
}
