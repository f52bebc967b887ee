/** PNG's image data: inflated under a bound, filters undone, and every kind of pixel made 8-bit gray or RGB. */

import { Inflate } from "fflate"

/** What the header and the chunks beside the image data say. */
export interface PngKind {
  readonly width: number
  readonly height: number
  /** Bits a sample: 1, 2, 4, 8 or 16. */
  readonly depth: number
  /** 0 gray, 2 RGB, 3 palette, 4 gray with alpha, 6 RGB with alpha. */
  readonly colour: number
  readonly isInterlaced: boolean
  /** RGB triples. */
  readonly palette: Uint8Array
  /** Content of the chunk tRNS, empty where there is none. */
  readonly transparency: Uint8Array
}

interface Pass {
  readonly x: number
  readonly y: number
  readonly dx: number
  readonly dy: number
}

const adam7: readonly Pass[] = [
  { x: 0, y: 0, dx: 8, dy: 8 },
  { x: 4, y: 0, dx: 8, dy: 8 },
  { x: 0, y: 4, dx: 4, dy: 8 },
  { x: 2, y: 0, dx: 4, dy: 4 },
  { x: 0, y: 2, dx: 2, dy: 4 },
  { x: 1, y: 0, dx: 2, dy: 2 },
  { x: 0, y: 1, dx: 1, dy: 2 },
]

const samples: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }

/** Bit depths each colour type may have. Source: PNG specification (W3C, third edition), table 11.1. */
const depths: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
}

/** Whether the specification has this colour type at this depth. */
export function isPngKind(colour: number, depth: number): boolean {
  return depths[colour]?.includes(depth) ?? false
}

/** Compressed bytes a step: at most 17 MB come out of one. */
const step = 16384

/** Deflate cannot shrink data to less than this part of its size, so image data that promises more is false. */
const maxRatio = 1032

/** Pictures over this many bytes are inflated twice, so that nothing is allocated for one that is shorter than it says. */
const eager = 2 ** 24

/**
 * The pixels in a PNG's image data, `channels` bytes each: 1 for gray, and for a palette of grays; 3 for RGB. Samples are
 * scaled to 0 ... 255, those of 16 bits rounded. What is transparent is laid over white.
 * Source: PNG specification (W3C, third edition), sections 7 to 9 and 13.16.
 *
 * @throws RangeError `png: ...` when the data is damaged, or longer or shorter than its size.
 */
export function decodeScanlines(
  kind: PngKind,
  compressed: Uint8Array,
): { readonly channels: 1 | 3; readonly data: Uint8Array } {
  const { width, height, depth, colour, isInterlaced } = kind
  const passes = isInterlaced ? adam7 : [{ x: 0, y: 0, dx: 1, dy: 1 }]
  const bits = samples[colour] * depth
  const sizes = passes.map(({ x, y, dx, dy }) => {
    const columns = Math.max(0, Math.ceil((width - x) / dx))
    return { columns, rows: columns > 0 ? Math.max(0, Math.ceil((height - y) / dy)) : 0 }
  })
  const bytesOf = (columns: number): number => Math.ceil((columns * bits) / 8)
  const expected = sizes.reduce((sum, { columns, rows }) => sum + rows * (1 + bytesOf(columns)), 0)
  const [method, check] = compressed
  if (compressed.length < 6 || (method & 15) !== 8 || (method * 256 + check) % 31 !== 0 || (check & 32) !== 0)
    throw new RangeError("png: image data is damaged (it does not begin as zlib data do)")
  const deflated = compressed.subarray(2, -4)
  if (expected > deflated.length * maxRatio) throw lengthError("shorter", expected)

  const painter = painterOf(kind)
  const { channels } = painter
  if (width * height * channels > eager) inflateExactly(deflated, expected, () => {})
  const data = new Uint8Array(width * height * channels)

  const pixelBytes = Math.max(1, bits >> 3)
  let [pass, row, filled] = [0, 0, 0]
  let current = new Uint8Array(0)
  let before = new Uint8Array(0)
  const begin = (): void => {
    while (pass < passes.length && sizes[pass].rows === 0) pass++
    if (pass === passes.length) return
    current = new Uint8Array(1 + bytesOf(sizes[pass].columns))
    before = new Uint8Array(current.length)
    row = 0
  }
  begin()
  inflateExactly(deflated, expected, (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      const part = Math.min(current.length - filled, chunk.length - at)
      current.set(chunk.subarray(at, at + part), filled)
      at += part
      filled += part
      if (filled < current.length) return
      unfilter(current, before, pixelBytes)
      const { x, y, dx, dy } = passes[pass]
      painter.paint(current, sizes[pass].columns, data, (y + row * dy) * width + x, dx)
      ;[current, before, filled] = [before, current, 0]
      if (++row === sizes[pass].rows) {
        pass++
        begin()
      }
    }
  })
  return { channels, data }
}

function lengthError(how: string, expected: number): RangeError {
  return new RangeError(`png: image data is ${how} than the ${expected} bytes of its size`)
}

/** Inflates in small steps; stops where the data is not exactly as long as it must be. */
function inflateExactly(deflated: Uint8Array, expected: number, take: (chunk: Uint8Array) => void): void {
  let total = 0
  let chunk: Uint8Array = new Uint8Array(0)
  const stream = new Inflate((data) => {
    chunk = data
  })
  for (let from = 0; from < deflated.length; from += step) {
    if (total === expected && deflated.length - from > step) throw lengthError("longer", expected)
    try {
      stream.push(deflated.subarray(from, from + step))
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      throw new RangeError(`png: image data is damaged (${message})`, { cause })
    }
    total += chunk.length
    if (total > expected) throw lengthError("longer", expected)
    take(chunk)
  }
  if (total < expected) throw lengthError("shorter", expected)
}

/** Undoes the filter of a line, whose first byte names it, in place; `n` bytes a pixel. */
function unfilter(line: Uint8Array, before: Uint8Array, n: number): void {
  const { length } = line
  switch (line[0]) {
    case 0:
      return
    case 1:
      for (let i = 1 + n; i < length; i++) line[i] += line[i - n]
      return
    case 2:
      for (let i = 1; i < length; i++) line[i] += before[i]
      return
    case 3:
      for (let i = 1; i < length; i++) line[i] += ((i > n ? line[i - n] : 0) + before[i]) >> 1
      return
    case 4:
      for (let i = 1; i < length; i++) {
        const a = i > n ? line[i - n] : 0
        const b = before[i]
        const c = i > n ? before[i - n] : 0
        const [da, db, dc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)]
        line[i] += da <= db && da <= dc ? a : db <= dc ? b : c
      }
      return
    default:
      throw new RangeError(`png: image data is damaged (a line has filter ${line[0]})`)
  }
}

interface Painter {
  readonly channels: 1 | 3
  /** Puts the pixels of a line into `out`, the first at pixel `at`, each `dx` pixels after the one before. */
  paint(line: Uint8Array, count: number, out: Uint8Array, at: number, dx: number): void
}

function painterOf({ depth, colour, palette, transparency }: PngKind): Painter {
  const wide = depth === 16
  const most = 2 ** depth - 1
  /** Sample `i` of a line, as the file has it. */
  const sample = (line: Uint8Array, i: number): number => {
    if (depth === 8) return line[1 + i]
    if (wide) return (line[1 + 2 * i] << 8) | line[2 + 2 * i]
    const bit = i * depth
    return (line[1 + (bit >> 3)] >> (8 - depth - (bit & 7))) & most
  }
  const scaled = Uint8Array.from({ length: most + 1 }, (_, v) => Math.round((v * 255) / most))
  const over = (v: number, alpha: number): number => Math.round((v * alpha + most * (most - alpha)) / most)
  const key =
    transparency.length > 0 && colour !== 3
      ? Array.from({ length: colour === 0 ? 1 : 3 }, (_, c) => (transparency[2 * c] << 8) | transparency[2 * c + 1])
      : undefined
  if (colour === 0) {
    return {
      channels: 1,
      paint: (line, count, out, at, dx) => {
        for (let i = 0; i < count; i++) {
          const v = sample(line, i)
          out[at + i * dx] = v === key?.[0] ? 255 : scaled[v]
        }
      },
    }
  }
  if (colour === 4) {
    return {
      channels: 1,
      paint: (line, count, out, at, dx) => {
        for (let i = 0; i < count; i++) out[at + i * dx] = scaled[over(sample(line, 2 * i), sample(line, 2 * i + 1))]
      },
    }
  }
  if (colour === 3) return palettePainter(palette, transparency, sample)
  const n = samples[colour]
  if (n === 3 && key === undefined && depth === 8) {
    return {
      channels: 3,
      paint: (line, count, out, at, dx) => {
        if (dx === 1) out.set(line.subarray(1), 3 * at)
        else for (let i = 0; i < count; i++) out.set(line.subarray(1 + 3 * i, 4 + 3 * i), 3 * (at + i * dx))
      },
    }
  }
  return {
    channels: 3,
    paint: (line, count, out, at, dx) => {
      for (let i = 0; i < count; i++) {
        const [r, g, b] = [0, 1, 2].map((c) => sample(line, n * i + c))
        const isKey = key !== undefined && r === key[0] && g === key[1] && b === key[2]
        const alpha = isKey ? 0 : n === 4 ? sample(line, 4 * i + 3) : most
        const to = 3 * (at + i * dx)
        out[to] = scaled[over(r, alpha)]
        out[to + 1] = scaled[over(g, alpha)]
        out[to + 2] = scaled[over(b, alpha)]
      }
    },
  }
}

function palettePainter(
  palette: Uint8Array,
  transparency: Uint8Array,
  sample: (line: Uint8Array, i: number) => number,
): Painter {
  const entries = palette.length / 3
  const colours = palette.map((v, i) => {
    const alpha = transparency[Math.floor(i / 3)] ?? 255
    return Math.round((v * alpha + 255 * (255 - alpha)) / 255)
  })
  const isGray = colours.every((v, i) => v === colours[i - (i % 3)])
  const channels = isGray ? 1 : 3
  return {
    channels,
    paint: (line, count, out, at, dx) => {
      for (let i = 0; i < count; i++) {
        const index = sample(line, i)
        if (index >= entries) throw new RangeError(`png: a pixel has colour ${index}, the palette has ${entries}`)
        const to = channels * (at + i * dx)
        for (let c = 0; c < channels; c++) out[to + c] = colours[3 * index + c]
      }
    },
  }
}
