/** Images kept as bytes, four times smaller than floats, and scaled when a batch is asked for. */

import { array, sizeOf } from "../engine/array.ts"
import type { Dataset } from "./dataset.ts"
import { forEachIndex, pick } from "./dataset.ts"

/** Bytes of images and what they are. */
export interface ImageBytes {
  readonly name: string
  /** Shape of one image, [channels, height, width]. */
  readonly shape: readonly [number, number, number]
  /** [count, channels, height, width], one byte a value. */
  readonly pixels: Uint8Array
  /** [count] class numbers. */
  readonly labels?: ArrayLike<number>
  readonly classes?: number
}

/** The value in [-1, 1] of each byte. */
export const toUnit: Float32Array = Float32Array.from({ length: 256 }, (_, byte) => byte / 127.5 - 1)

/**
 * A data set of images from their bytes; a byte b becomes b / 127.5 - 1, so that 0 is -1 and 255 is 1.
 *
 * @throws RangeError `name: ...` when labels and images differ in number, or a label is not a class.
 */
export function images({ name, shape, pixels, labels, classes = 0 }: ImageBytes): Dataset {
  const step = sizeOf(shape)
  const length = pixels.length / step
  if (!Number.isInteger(length)) {
    throw new RangeError(`${name}: ${pixels.length} bytes are no whole number of [${shape.join(", ")}] images`)
  }
  if (labels && labels.length !== length) {
    throw new RangeError(`${name}: ${length} images but ${labels.length} labels (do both files belong together?)`)
  }
  const y = labels && Int32Array.from(labels)
  const bad = y?.findIndex((label) => label < 0 || label >= classes) ?? -1
  if (bad >= 0) throw new RangeError(`${name}: label ${bad} is ${labels?.[bad]}, expected 0 to ${classes - 1}`)
  return {
    name,
    length,
    shape,
    ...(y && { classes }),
    batch: (indices) => {
      const data = new Float32Array(indices.length * step)
      forEachIndex(name, length, indices, (i, at) => {
        for (let p = 0; p < step; p++) data[at * step + p] = toUnit[pixels[i * step + p]]
      })
      const x = array("float32", [indices.length, ...shape], data)
      return y ? { x, y: pick(y, indices) } : { x }
    },
  }
}
