/** Samples of images as one picture. */
import { type SampleStep, toImages } from "../diffusion/samplers/sampler.ts"
import { array, type NdArray, sizeOf } from "../engine/array.ts"
import { grid, type Raster } from "../io/png.ts"

/** Width that pictures are enlarged to, in pixels. */
const wide = 448

/**
 * A grid of samples, as wide as it is high unless `row` says how many stand side by side; of those that were made of
 * something, rows of it and below each the samples.
 */
export function pictureOf({ images }: Pick<SampleStep, "images">, given?: NdArray<"float32">, row?: number): Raster {
  const [count, , , width] = images.shape
  const shown = given === undefined ? images : pairs(toImages(given), images)
  const columns = given === undefined ? Math.min(count, row ?? Math.ceil(Math.sqrt(count))) : columnsOf(count)
  return grid(shown, { columns, scale: Math.max(1, Math.floor(wide / (columns * width))) })
}

const columnsOf = (count: number): number => Math.min(count, Math.ceil(Math.sqrt(2 * count)))

/** Rows of what was given, each pixel repeated where it is smaller, and rows of samples in turn; black where there are no more. */
function pairs(given: NdArray<"float32">, images: NdArray<"float32">): NdArray<"float32"> {
  const [count, channels, height, width] = images.shape
  const [, seen, h, w] = given.shape
  const columns = columnsOf(count)
  const rows = Math.ceil(count / columns)
  const size = sizeOf([channels, height, width])
  const data = new Float32Array(2 * rows * columns * size)
  for (let i = 0; i < count; i++) {
    const at = (2 * Math.floor(i / columns) * columns + (i % columns)) * size
    data.set(images.data.subarray(i * size, (i + 1) * size), at + columns * size)
    for (let p = 0; p < size; p++) {
      const [c, y, x] = [Math.floor(p / (height * width)), Math.floor(p / width) % height, p % width]
      const from = (c % seen) * h * w + Math.floor((y * h) / height) * w + Math.floor((x * w) / width)
      data[at + p] = given.data[i * seen * h * w + from]
    }
  }
  return array("float32", [2 * rows * columns, channels, height, width], data)
}
