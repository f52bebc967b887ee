/** Pictures made one size: the middle is cut out in the shape that is wanted, and scaled. */

import type { Raster } from "../io/png.ts"

/** What a picture is made into. */
export interface PictureForm {
  readonly channels: 1 | 3
  readonly height: number
  readonly width: number
}

/** What share of which source pixels an output pixel is: pixels `from[i]` on, with weights `weights[i]`. */
interface Taps {
  readonly from: Int32Array
  readonly weights: readonly Float64Array[]
}

/**
 * Triangle filter of `count` output pixels over the source pixels `start` to `start + count * scale` of `size`: linear
 * interpolation where the picture grows, and widened by the scale where it shrinks, so that no source pixel is passed over.
 */
function tapsOf(count: number, start: number, scale: number, size: number): Taps {
  const reach = Math.max(1, scale)
  const from = new Int32Array(count)
  const weights: Float64Array[] = []
  for (let i = 0; i < count; i++) {
    const centre = start + (i + 0.5) * scale
    const first = Math.max(0, Math.round(centre - reach))
    const stop = Math.min(size, Math.round(centre + reach))
    const own = Float64Array.from({ length: stop - first }, (_, k) =>
      Math.max(0, 1 - Math.abs((first + k + 0.5 - centre) / reach)),
    )
    const sum = own.reduce((a, b) => a + b)
    from[i] = first
    weights.push(own.map((w) => w / sum))
  }
  return { from, weights }
}

/**
 * The middle of a picture in the shape of `form`, scaled to it: bytes [channels, height, width]. The largest part of that
 * shape is taken, so that nothing is stretched. Gray is 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).
 */
export function scaled(picture: Raster, { channels, height, width }: PictureForm): Uint8Array {
  const { data, channels: had } = picture
  const scale = Math.min(picture.width / width, picture.height / height)
  const across = tapsOf(width, (picture.width - width * scale) / 2, scale, picture.width)
  const down = tapsOf(height, (picture.height - height * scale) / 2, scale, picture.height)
  const top = down.from[0]
  const rows = down.from[height - 1] + down.weights[height - 1].length - top
  // [rows of the source, width, channels of the source]
  const wide = new Float64Array(rows * width * had)
  for (let y = 0; y < rows; y++) {
    const row = (top + y) * picture.width
    for (let x = 0; x < width; x++) {
      const { [x]: own } = across.weights
      for (let c = 0; c < had; c++) {
        let sum = 0
        let at = (row + across.from[x]) * had + c
        for (let k = 0; k < own.length; k++, at += had) sum += own[k] * data[at]
        wide[(y * width + x) * had + c] = sum
      }
    }
  }
  const plane = height * width
  const out = new Uint8Array(channels * plane)
  const seen = [0, 0, 0]
  for (let y = 0; y < height; y++) {
    const { [y]: own } = down.weights
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < had; c++) {
        let sum = 0
        let at = ((down.from[y] - top) * width + x) * had + c
        for (let k = 0; k < own.length; k++, at += width * had) sum += own[k] * wide[at]
        seen[c] = sum
      }
      const to = y * width + x
      if (channels === 3) for (let c = 0; c < 3; c++) out[c * plane + to] = Math.round(seen[had === 3 ? c : 0])
      else out[to] = Math.round(had === 1 ? seen[0] : 0.299 * seen[0] + 0.587 * seen[1] + 0.114 * seen[2])
    }
  }
  return out
}
