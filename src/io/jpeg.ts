/** JPEG images, on bytes: what a file says of itself, and its pixels, the right way up. */

import { decode } from "jpeg-js"
import type { Raster } from "./png.ts"

/** What the segments before a JPEG's pixels say. */
export interface JpegHeader {
  /** Size as it is meant to be seen: a picture that lies on its side is turned. */
  readonly width: number
  readonly height: number
  readonly isGray: boolean
  /** How the picture lies: 1 upright, 2 to 8 as EXIF's tag 0x0112 has it. */
  readonly orientation: number
}

/** How JPEG files are read. */
export interface JpegOptions {
  /** Most pixels that are decoded, default 2^26. */
  maxPixels?: number
}

interface Frame extends JpegHeader {
  /** Blocks of 8 x 8 samples of all components. */
  readonly blocks: number
  readonly isProgressive: boolean
  /** Whether the three components are RGB, not luminance and colour differences. */
  readonly isRgb: boolean
}

const fail = (what: string): RangeError => new RangeError(`jpeg: ${what}`)

/**
 * Size and kind of the image in JPEG bytes, which may end after the frame header.
 * Source: ITU-T T.81, annex B; Exif 2.32, section 4.6.4.
 *
 * @throws RangeError `jpeg: ...` when they begin no JPEG file, hold a kind that is not read (12 bits, lossless, arithmetic),
 * or its size is over `maxPixels`.
 */
export function readJpegHeader(bytes: Uint8Array, options: JpegOptions = {}): JpegHeader {
  const { width, height, isGray, orientation } = frameOf(bytes, options)
  return { width, height, isGray, orientation }
}

function frameOf(bytes: Uint8Array, { maxPixels = 2 ** 26 }: JpegOptions): Frame {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) throw fail("wrong magic number (is this a JPEG file?)")
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let orientation = 1
  let adobe: number | undefined
  let isJfif = false
  for (let at = 2; ; ) {
    // Any number of fill bytes may stand before a marker.
    while (bytes[at] === 0xff && bytes[at + 1] === 0xff) at++
    if (at + 4 > bytes.length) throw fail(`file ends at byte ${bytes.length}, before its frame`)
    const marker = bytes[at + 1]
    const length = view.getUint16(at + 2)
    if (bytes[at] !== 0xff || marker < 0xc0 || length < 2) throw fail(`no segment at byte ${at}`)
    const segment = bytes.subarray(at + 4, at + 2 + length)
    if (marker === 0xe0) isJfif ||= startsWith(segment, "JFIF")
    if (marker === 0xe1 && startsWith(segment, "Exif")) orientation = orientationIn(segment.subarray(6)) ?? orientation
    if (marker === 0xee && startsWith(segment, "Adobe")) adobe = segment[11]
    if (marker === 0xda || marker === 0xd9) throw fail("pixels come before the frame they belong to")
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
    if (isFrame) {
      if (marker > 0xc2) throw fail(`a frame of kind ${marker - 0xc0}, expected baseline or progressive (save it so)`)
      if (segment.length < 6) throw fail(`file ends at byte ${bytes.length}, in its frame`)
      const frame = parseFrame(segment, maxPixels)
      const turned = orientation >= 5
      return {
        ...frame,
        width: turned ? frame.height : frame.width,
        height: turned ? frame.width : frame.height,
        orientation,
        isProgressive: marker === 0xc2,
        isRgb: adobe === undefined ? frame.isRgb && !isJfif : adobe === 0,
      }
    }
    at += 2 + length
  }
}

type Parsed = Omit<Frame, "orientation" | "isProgressive">

/** Source: ITU-T T.81, B.2.2. */
function parseFrame(segment: Uint8Array, maxPixels: number): Parsed {
  const [precision, high, low, wide, narrow, count] = segment
  const [height, width] = [high * 256 + low, wide * 256 + narrow]
  if (precision !== 8) throw fail(`samples of ${precision} bits, expected 8`)
  if (width === 0 || height === 0) throw fail(`size is ${width} x ${height}`)
  if (width * height > maxPixels)
    throw fail(`size is ${width} x ${height}, expected at most ${maxPixels} pixels (make it smaller)`)
  if (![1, 3, 4].includes(count) || segment.length !== 6 + 3 * count)
    throw fail(`${count} components in ${segment.length} bytes, expected 1, 3 or 4`)
  const parts = Array.from({ length: count }, (_, c) => segment.subarray(6 + 3 * c, 9 + 3 * c))
  const factors = parts.map(([, factor]) => [factor >> 4, factor & 15])
  if (factors.flat().some((f) => f < 1 || f > 4)) throw fail("a sampling factor is not 1 to 4")
  if (new Set(parts.map(([id]) => id)).size !== count) throw fail("two components have one name")
  const [most, tallest] = [0, 1].map((axis) => Math.max(...factors.map((f) => f[axis])))
  const units = Math.ceil(width / (8 * most)) * Math.ceil(height / (8 * tallest))
  return {
    width,
    height,
    isGray: count === 1,
    isRgb: count === 3 && String.fromCharCode(...parts.map(([id]) => id)) === "RGB",
    blocks: units * factors.reduce((sum, [h, v]) => sum + h * v, 0),
  }
}

const startsWith = (bytes: Uint8Array, word: string): boolean =>
  [...word].every((letter, i) => bytes[i] === letter.charCodeAt(0))

/** The orientation in a TIFF header and its first directory, if there is one that makes sense. */
function orientationIn(tiff: Uint8Array): number | undefined {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength)
  if (tiff.length < 14 || (tiff[0] !== 0x49 && tiff[0] !== 0x4d)) return undefined
  const little = tiff[0] === 0x49
  const directory = view.getUint32(4, little)
  if (directory + 2 > tiff.length) return undefined
  const entries = view.getUint16(directory, little)
  for (let at = directory + 2, n = 0; n < entries && at + 12 <= tiff.length; at += 12, n++) {
    if (view.getUint16(at, little) !== 0x0112) continue
    const value = view.getUint16(at + 8, little)
    return value >= 1 && value <= 8 ? value : undefined
  }
  return undefined
}

/** Most scans of an image: a progressive one has about ten, and each goes over all pixels. */
const maxScans = 64

/** How many scans there are, without decoding them. */
function scansOf(bytes: Uint8Array): number {
  let scans = 0
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff || bytes[at + 1] < 0xc0 || bytes[at + 1] === 0xff) {
      at++
      continue
    }
    const marker = bytes[at + 1]
    if (marker === 0xd9) break
    if (marker === 0xda) scans++
    at += marker >= 0xd0 && marker <= 0xd8 ? 2 : 2 + Math.max(2, bytes[at + 2] * 256 + bytes[at + 3])
  }
  return scans
}

/**
 * The image in JPEG bytes, baseline or progressive: 8-bit gray or RGB (CMYK is converted), turned upright by its EXIF
 * orientation. Nothing is allocated for a file too short to hold its blocks, at a bit each.
 *
 * @throws RangeError `jpeg: ...` when the bytes are no such file, or are damaged or cut short.
 */
export function decodeJpeg(bytes: Uint8Array, options: JpegOptions = {}): Raster {
  const frame = frameOf(bytes, options)
  // A block has at least a bit for its mean, and in a baseline image another for its end.
  const least = (frame.blocks * (frame.isProgressive ? 1 : 2)) / 8
  if (least > bytes.length)
    throw fail(`file of ${bytes.length} bytes is too short for ${frame.width} x ${frame.height} pixels`)
  const scans = scansOf(bytes)
  if (scans > maxScans) throw fail(`${scans} scans, expected at most ${maxScans}`)
  const pixels = decoded(bytes, frame.isRgb)
  const { width, height } = frame
  if (pixels.width * pixels.height !== width * height) throw fail("two frames of different size")
  const gray = frame.isGray ? pixels.data.filter((_, i) => i % 3 === 0) : pixels.data
  const channels = frame.isGray ? 1 : 3
  return { width, height, channels, data: upright(gray, pixels.width, pixels.height, channels, frame.orientation) }
}

function decoded(bytes: Uint8Array, isRgb: boolean): { width: number; height: number; data: Uint8Array } {
  try {
    return decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: Number.POSITIVE_INFINITY,
      maxMemoryUsageInMB: Number.POSITIVE_INFINITY,
      ...(isRgb && { colorTransform: false }),
    })
  } catch (cause) {
    // Errors of the language itself are how the decoder stumbles over what it did not expect.
    const says = cause instanceof TypeError || cause instanceof RangeError ? "" : ` (${(cause as Error).message})`
    throw new RangeError(`jpeg: image is damaged or cut short${says}`, { cause })
  }
}

/** Pixels of a picture that lies as EXIF's orientation says, put as they are meant to be seen. */
function upright(data: Uint8Array, width: number, height: number, channels: number, orientation: number): Uint8Array {
  if (orientation === 1) return data
  const out = new Uint8Array(data.length)
  const isTurned = orientation >= 5
  const [across, down] = isTurned ? [height, width] : [width, height]
  // Source: Exif 2.32, table 6: which side of the picture row 0 and column 0 are.
  const isMirroredX = [2, 3, 7, 8].includes(orientation)
  const isMirroredY = [3, 4, 6, 7].includes(orientation)
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      const [u, v] = isTurned ? [y, x] : [x, y]
      const sx = isMirroredX ? width - 1 - u : u
      const sy = isMirroredY ? height - 1 - v : v
      const [from, to] = [(sy * width + sx) * channels, (y * across + x) * channels]
      for (let c = 0; c < channels; c++) out[to + c] = data[from + c]
    }
  }
  return out
}
