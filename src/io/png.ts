/** Pictures of samples: arrays laid out as a grid, 8-bit gray or RGB, to and from PNG bytes. */

import { decode, encode } from "fast-png"
import { Inflate } from "fflate"
import type { NdArray } from "../engine/array.ts"
import { array } from "../engine/array.ts"
import { crc32 } from "./checksum.ts"

/** An 8-bit image: `data` is [height, width, channels] row by row, one channel for gray and three for RGB. */
export interface Raster {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  readonly data: Uint8Array
}

/** How {@link grid} lays images out. */
export interface GridOptions {
  /** Images a row; default: as square as possible. */
  columns?: number
  /** Pixels around and between the images, before scaling; default 2. */
  padding?: number
  /** Whole number of output pixels an input pixel is wide; default 1. */
  scale?: number
  /** Gray level of the padding and of empty places, in [0, 1]; default 0, black. */
  background?: number
}

const maxBytes = 2 ** 28

/**
 * Images side by side, row by row: [count, channels, height, width] in [0, 1] to one {@link Raster}.
 * Values outside [0, 1] are clipped. The byte is round(255 v), half to even, the product in the array's own precision: as
 * numpy has it, so pictures equal those of diffusers byte for byte.
 *
 * @throws RangeError when the array has no images, not 1 or 3 channels, or holds NaN.
 */
export function grid(
  images: NdArray<"float32" | "float64">,
  { columns, padding = 2, scale = 1, background = 0 }: GridOptions = {},
): Raster {
  const [count, channels, height, width] = images.shape
  if (images.shape.length !== 4 || (channels !== 1 && channels !== 3) || count * height * width === 0) {
    throw new RangeError(
      `grid: images are [${images.shape.join(", ")}], expected [count, channels, height, width] with 1 or 3 channels`,
    )
  }
  const across = columns ?? Math.ceil(Math.sqrt(count))
  for (const [name, value, least] of [
    ["columns", across, 1],
    ["padding", padding, 0],
    ["scale", scale, 1],
  ] as const) {
    if (!(Number.isInteger(value) && value >= least)) {
      throw new RangeError(`grid: got ${name} ${value}, expected a whole number from ${least}`)
    }
  }
  const cellX = width + padding
  const cellY = height + padding
  const outWidth = (Math.min(across, count) * cellX + padding) * scale
  const outHeight = (Math.ceil(count / across) * cellY + padding) * scale
  if (outWidth * outHeight * channels > maxBytes) {
    throw new RangeError(`grid: the picture would be ${outWidth} x ${outHeight} pixels (lay out fewer images)`)
  }
  const toByte = (v: number): number => byteOf(images.dtype === "float32" ? Math.fround(v * 255) : v * 255)
  const data = new Uint8Array(outWidth * outHeight * channels).fill(toByte(background))
  const plane = height * width
  for (let n = 0; n < count; n++) {
    const left = ((n % across) * cellX + padding) * scale
    const top = (Math.floor(n / across) * cellY + padding) * scale
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < plane; i++) {
        const value = images.data[(n * channels + c) * plane + i]
        if (Number.isNaN(value)) throw new RangeError(`grid: image ${n} holds NaN`)
        const byte = toByte(value)
        const y = top + Math.floor(i / width) * scale
        const x = left + (i % width) * scale
        for (let dy = 0; dy < scale; dy++) {
          const row = ((y + dy) * outWidth + x) * channels + c
          for (let dx = 0; dx < scale; dx++) data[row + dx * channels] = byte
        }
      }
    }
  }
  return { width: outWidth, height: outHeight, channels, data }
}

/** Nearest byte of a value on the scale of 0 to 255, half to even, clipped. */
function byteOf(v: number): number {
  if (!(v > 0)) return 0
  if (v >= 255) return 255
  const low = Math.floor(v)
  const rest = v - low
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low
}

/** An image as an array: [channels, height, width], float32 in [0, 1] (the byte divided by 255). */
export function fromRaster({ width, height, channels, data }: Raster): NdArray<"float32"> {
  const plane = width * height
  const out = new Float32Array(channels * plane)
  for (let i = 0; i < plane; i++) for (let c = 0; c < channels; c++) out[c * plane + i] = data[i * channels + c] / 255
  return array("float32", [channels, height, width], out)
}

/** PNG bytes of an image. The same image gives the same bytes. */
export function encodePng({ width, height, channels, data }: Raster): Uint8Array {
  return encode({ width, height, channels, data, depth: 8 }, { zlib: { level: 6 } })
}

const colours: Readonly<Record<number, string>> = { 3: "palette", 4: "gray with alpha", 6: "RGB with alpha" }

/**
 * The image in PNG bytes: 8-bit gray or RGB, interlaced or not.
 * Colour profiles, text and other extras are passed over unread. Nothing is decompressed beyond the size the header
 * states, and nothing at all when that is over `maxPixels`.
 *
 * @throws RangeError `png: ...` when the bytes are not such an image.
 */
export function decodePng(bytes: Uint8Array, { maxPixels = 2 ** 26 }: { maxPixels?: number } = {}): Raster {
  const { header, data } = essential(bytes)
  const view = new DataView(header.buffer)
  const width = view.getUint32(0)
  const height = view.getUint32(4)
  const [depth, colour, compression, filter, interlace] = header.subarray(8)
  if (width === 0 || height === 0) throw new RangeError(`png: size is ${width} x ${height}`)
  if (width * height > maxPixels) {
    throw new RangeError(`png: size is ${width} x ${height}, expected at most ${maxPixels} pixels`)
  }
  if (depth !== 8 || (colour !== 0 && colour !== 2)) {
    throw new RangeError(
      `png: image is ${depth}-bit ${colours[colour] ?? (colour === 0 ? "gray" : colour === 2 ? "RGB" : `colour type ${colour}`)}, expected 8-bit gray or RGB (convert it first)`,
    )
  }
  if (compression !== 0 || filter !== 0 || interlace > 1) {
    throw new RangeError(
      `png: compression ${compression}, filter ${filter}, interlace ${interlace} are not methods of PNG`,
    )
  }
  const channels = colour === 0 ? 1 : 3
  checkInflates(
    data,
    passes(width, height, interlace === 1).reduce((sum, [w, h]) => sum + h * (w * channels + 1), 0),
  )
  try {
    return { width, height, channels, data: new Uint8Array(decode(assemble(header, data)).data) }
  } catch (cause) {
    throw new RangeError(`png: image data is damaged (${messageOf(cause)})`, { cause })
  }
}

const signature = [137, 80, 78, 71, 13, 10, 26, 10] as const

/** The content of the header, and the compressed image data in one piece, of chunks that agree with their checksums. */
function essential(bytes: Uint8Array): { header: Uint8Array<ArrayBuffer>; data: Uint8Array } {
  if (!signature.every((byte, i) => bytes[i] === byte)) {
    throw new RangeError("png: wrong magic number (is this a PNG file?)")
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: Uint8Array[] = []
  for (let at = 8; ; ) {
    if (at + 12 > bytes.length) throw new RangeError(`png: file ends at byte ${bytes.length}, before its last chunk`)
    const length = view.getUint32(at)
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    const name = JSON.stringify(type)
    const end = at + 12 + length
    if (end > bytes.length) throw new RangeError(`png: chunk ${name} needs ${end} bytes, file has ${bytes.length}`)
    if ((at === 8) !== (type === "IHDR") || (type === "IHDR" && length !== 13)) {
      throw new RangeError(`png: chunk ${name} of ${length} bytes at byte ${at}, expected one header, first`)
    }
    const isOptional = (bytes[at + 4] & 32) !== 0
    if (!isOptional) {
      if (!critical.includes(type)) throw new RangeError(`png: chunk ${name} is not known`)
      if (crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4)) {
        throw new RangeError(`png: chunk ${name} at byte ${at} does not agree with its checksum`)
      }
    }
    if (type === "IDAT") parts.push(bytes.subarray(at + 8, end - 4))
    if (type === "IEND") break
    at = end
  }
  return { header: new Uint8Array(bytes.subarray(16, 29)), data: concatenate(parts) }
}

const critical = ["IHDR", "PLTE", "IDAT", "IEND"]

/** A PNG file of nothing but a header and image data, with checksums left out: what the decoder gets to see. */
function assemble(header: Uint8Array, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const chunk = (type: string, content: Uint8Array): Uint8Array => {
    const out = new Uint8Array(content.length + 12)
    new DataView(out.buffer).setUint32(0, content.length)
    for (let i = 0; i < 4; i++) out[4 + i] = type.charCodeAt(i)
    out.set(content, 8)
    return out
  }
  return concatenate([
    Uint8Array.from(signature),
    chunk("IHDR", header),
    chunk("IDAT", data),
    chunk("IEND", new Uint8Array(0)),
  ])
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Sizes [width, height] of the passes of an image: one, or the seven of Adam7 that are not empty. */
function passes(width: number, height: number, interlaced: boolean): [number, number][] {
  if (!interlaced) return [[width, height]]
  const steps = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
  ]
  return steps
    .map(([x, y, dx, dy]): [number, number] => [Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)])
    .filter(([w, h]) => w > 0 && h > 0)
}

/** Inflates in small steps, keeping nothing, to see that the data is exactly as long as the header states. */
function checkInflates(data: Uint8Array, expected: number): void {
  let total = 0
  const inflate = new Inflate((chunk) => {
    total += chunk.length
  })
  const step = 16384
  let from = 2 // after the zlib header, which the decoder checks
  try {
    for (; from < data.length; from += step) {
      if (total > expected || (total === expected && data.length - from > step)) break
      inflate.push(data.subarray(from, from + step))
    }
  } catch (cause) {
    throw new RangeError(`png: image data is damaged (${messageOf(cause)})`, { cause })
  }
  if (total !== expected || from < data.length) {
    const found = total < expected ? "shorter" : "longer"
    throw new RangeError(`png: image data is ${found} than the ${expected} bytes of its size`)
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
