/** Images made larger by arithmetic alone: what a model that enlarges them has to be better than. */
import { array, type NdArray } from "../engine/array.ts"
import { formatShape } from "../engine/shape.ts"

/** How pixels between pixels are made: the nearest one, or the cubic curve through four of them. */
export type Enlargement = "nearest" | "bicubic"

/** Keys' cubic convolution kernel with a = -1/2, which is exact on parabolas. Source: Keys 1981, equation 15. */
function cubic(distance: number): number {
  const d = Math.abs(distance)
  if (d < 1) return 1 + d * d * (1.5 * d - 2.5)
  return d < 2 ? 2 - d * (4 - d * (2.5 - d / 2)) : 0
}

/** For each output pixel of a line of `size * factor` the first source pixel and the weights of those from it on. */
function tapsOf(size: number, factor: number, how: Enlargement): { from: number; weights: number[] }[] {
  return Array.from({ length: size * factor }, (_, i) => {
    if (how === "nearest") return { from: Math.floor(i / factor), weights: [1] }
    const centre = (i + 0.5) / factor - 0.5
    const from = Math.max(0, Math.floor(centre) - 1)
    const stop = Math.min(size, Math.floor(centre) + 3)
    const weights = Array.from({ length: stop - from }, (_, k) => cubic(from + k - centre))
    const sum = weights.reduce((a, b) => a + b)
    return { from, weights: weights.map((w) => w / sum) }
  })
}

/**
 * Images `[count, channels, height, width]` enlarged a whole number of times. A pixel is a square whose value stands at its
 * middle; at the edges the weights of what lies outside go to what lies inside, as in Pillow.
 *
 * @throws RangeError for other shapes and factors.
 */
export function enlarged(
  x: NdArray<"float32">,
  factor: number,
  { how = "bicubic" }: { readonly how?: Enlargement } = {},
): NdArray<"float32"> {
  const [count, channels, height, width] = x.shape
  if (x.shape.length !== 4 || !(Number.isInteger(factor) && factor >= 1))
    throw new RangeError(
      `enlarged: got ${formatShape(x.shape)} by ${factor}, expected [count, channels, height, width] and a whole number`,
    )
  const [down, across] = [tapsOf(height, factor, how), tapsOf(width, factor, how)]
  const [tall, wide] = [height * factor, width * factor]
  const data = new Float32Array(count * channels * tall * wide)
  const rows = new Float64Array(height * wide)
  for (let plane = 0; plane < count * channels; plane++) {
    for (let y = 0; y < height; y++)
      for (const [i, { from, weights }] of across.entries()) {
        const at = (plane * height + y) * width + from
        rows[y * wide + i] = weights.reduce((sum, w, k) => sum + w * x.data[at + k], 0)
      }
    for (const [j, { from, weights }] of down.entries())
      for (let i = 0; i < wide; i++)
        data[(plane * tall + j) * wide + i] = weights.reduce((sum, w, k) => sum + w * rows[(from + k) * wide + i], 0)
  }
  return array("float32", [count, channels, tall, wide], data)
}
