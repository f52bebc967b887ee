/** Pictures of samples: arrays laid out as a grid, 8-bit gray or RGB, to and from PNG bytes. */

import { zlibSync } from "fflate"
import type { NdArray } from "../engine/array.ts"
import { array } from "../engine/array.ts"
import { crc32 } from "./checksum.ts"
import { decodeScanlines, isPngKind, type PngKind } from "./scanlines.ts"

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

const signature = [137, 80, 78, 71, 13, 10, 26, 10] as const

/** PNG bytes of an image, its lines unfiltered. The same image gives the same bytes. */
export function encodePng({ width, height, channels, data }: Raster): Uint8Array {
  const bytes = width * channels
  const lines = new Uint8Array(height * (bytes + 1))
  for (let y = 0; y < height; y++) lines.set(data.subarray(y * bytes, (y + 1) * bytes), y * (bytes + 1) + 1)
  const header = new Uint8Array(13)
  const view = new DataView(header.buffer)
  view.setUint32(0, width)
  view.setUint32(4, height)
  header.set([8, channels === 1 ? 0 : 2], 8)
  return concatenate([
    Uint8Array.from(signature),
    chunk("IHDR", header),
    chunk("IDAT", zlibSync(lines, { level: 6 })),
    chunk("IEND", new Uint8Array(0)),
  ])
}

/** How {@link decodePng} reads. */
export interface PngOptions {
  /** Most pixels that are decoded, default 2^26. */
  maxPixels?: number
}

/**
 * The image in PNG bytes, of any kind the format has: 8-bit gray where all is gray by the file's own word, else RGB. Samples
 * of other depths are scaled; what is transparent is laid over white. Colour profiles, text and other extras are passed over
 * unread. Nothing is decompressed beyond the size the header states, and nothing at all when that is over `maxPixels`.
 *
 * @throws RangeError `png: ...` when the bytes are not a PNG file, or break a rule of the format.
 */
export function decodePng(bytes: Uint8Array, options: PngOptions = {}): Raster {
  const { width, height } = readPngHeader(bytes, options)
  const { kind, data } = essential(bytes)
  return { width, height, ...decodeScanlines(kind, data) }
}

/**
 * Size and kind of the image in PNG bytes, from its first 29: `isGray` where the pixels are gray whatever they hold.
 *
 * @throws RangeError `png: ...` when they do not begin a PNG file, or its size is over `maxPixels`.
 */
export function readPngHeader(
  bytes: Uint8Array,
  { maxPixels = 2 ** 26 }: PngOptions = {},
): { readonly width: number; readonly height: number; readonly isGray: boolean } {
  if (!signature.every((byte, i) => bytes[i] === byte)) {
    throw new RangeError("png: wrong magic number (is this a PNG file?)")
  }
  if (bytes.length < 29) throw new RangeError(`png: file ends at byte ${bytes.length}, before its last chunk`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const type = String.fromCharCode(...bytes.subarray(12, 16))
  if (type !== "IHDR" || view.getUint32(8) !== 13) {
    throw new RangeError(
      `png: chunk ${JSON.stringify(type)} of ${view.getUint32(8)} bytes at byte 8, expected one header, first`,
    )
  }
  const width = view.getUint32(16)
  const height = view.getUint32(20)
  const [depth, colour, compression, filter, interlace] = bytes.subarray(24, 29)
  if (width === 0 || height === 0) throw new RangeError(`png: size is ${width} x ${height}`)
  if (width * height > maxPixels) {
    throw new RangeError(`png: size is ${width} x ${height}, expected at most ${maxPixels} pixels (make it smaller)`)
  }
  if (!isPngKind(colour, depth)) {
    throw new RangeError(`png: colour type ${colour} of ${depth} bits is none of PNG's`)
  }
  if (compression !== 0 || filter !== 0 || interlace > 1) {
    throw new RangeError(
      `png: compression ${compression}, filter ${filter}, interlace ${interlace} are not methods of PNG`,
    )
  }
  return { width, height, isGray: colour === 0 || colour === 4 }
}

const critical = ["IHDR", "PLTE", "IDAT", "IEND"]

/** What decoding needs, of chunks that agree with their checksums: the kind of image, and the image data in one piece. */
function essential(bytes: Uint8Array): { kind: PngKind; data: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: Uint8Array[] = []
  let palette: Uint8Array = new Uint8Array(0)
  let transparency: Uint8Array = new Uint8Array(0)
  let last = ""
  for (let at = 8; ; ) {
    if (at + 12 > bytes.length) throw new RangeError(`png: file ends at byte ${bytes.length}, before its last chunk`)
    const length = view.getUint32(at)
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    const name = JSON.stringify(type)
    const end = at + 12 + length
    if (end > bytes.length) throw new RangeError(`png: chunk ${name} needs ${end} bytes, file has ${bytes.length}`)
    const content = bytes.subarray(at + 8, end - 4)
    const isOptional = (bytes[at + 4] & 32) !== 0
    if (!isOptional || type === "tRNS") {
      if (!isOptional && !critical.includes(type)) throw new RangeError(`png: chunk ${name} is not known`)
      if (crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4)) {
        throw new RangeError(`png: chunk ${name} at byte ${at} does not agree with its checksum`)
      }
      const isFirst = (type !== "PLTE" || palette.length === 0) && (type !== "tRNS" || transparency.length === 0)
      const isInPlace = type === "IDAT" ? parts.length === 0 || last === "IDAT" : type === "IEND" || parts.length === 0
      if (!isFirst || !isInPlace || (type === "IHDR") !== (at === 8)) {
        throw new RangeError(`png: chunk ${name} at byte ${at} is there twice or out of place`)
      }
    }
    if (type === "IDAT") parts.push(content)
    if (type === "PLTE") palette = content
    if (type === "tRNS") transparency = content
    if (type === "IEND") break
    last = type
    at = end
  }
  const [depth, colour, , , interlace] = bytes.subarray(24, 29)
  if (palette.length % 3 !== 0 || palette.length > 768 || (colour === 3 && palette.length === 0)) {
    throw new RangeError(`png: palette of ${palette.length} bytes, expected 1 to 256 colours of 3`)
  }
  const most = { 0: 2, 2: 6, 3: palette.length / 3 }[colour] ?? 0
  if (transparency.length > most || (colour !== 3 && transparency.length % most > 0)) {
    throw new RangeError(`png: chunk "tRNS" has ${transparency.length} bytes, this kind of image at most ${most}`)
  }
  const kind = {
    width: view.getUint32(16),
    height: view.getUint32(20),
    depth,
    colour,
    isInterlaced: interlace === 1,
    palette,
    transparency,
  }
  return { kind, data: parts.length === 1 ? parts[0] : concatenate(parts) }
}

function chunk(type: string, content: Uint8Array): Uint8Array {
  const out = new Uint8Array(content.length + 12)
  const view = new DataView(out.buffer)
  view.setUint32(0, content.length)
  for (let i = 0; i < 4; i++) out[4 + i] = type.charCodeAt(i)
  out.set(content, 8)
  view.setUint32(8 + content.length, crc32(out.subarray(4, 8 + content.length)))
  return out
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
