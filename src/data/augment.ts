/** Images changed a little each time they are seen, so that few of them go further. */

import { array, sizeOf } from "../engine/array.ts"
import { fold, Generator, keyOf } from "../engine/random.ts"
import type { Dataset } from "./dataset.ts"

/** What {@link augment} does. */
export interface AugmentOptions {
  /** Whether an image is mirrored, left for right, half of the time; default true. */
  flip?: boolean
  /** Most pixels it is moved in each direction, the edges repeated; default 0. */
  shift?: number
  seed?: number
}

/**
 * A data set of images [channels, height, width] that are mirrored and moved at random. How image `i` is changed depends on
 * the seed, the epoch and `i` alone, so a training that is continued sees what it would have seen.
 *
 * @throws RangeError when the items are no images, or `shift` is not below their sides.
 */
export function augment(source: Dataset, { flip = true, shift = 0, seed = 0 }: AugmentOptions = {}): Dataset {
  const { shape } = source
  const [channels, height, width] = shape
  if (shape.length !== 3)
    throw new RangeError(`augment: items are [${shape.join(", ")}], expected [channels, height, width]`)
  if (!(Number.isInteger(shift) && shift >= 0 && shift < Math.min(height, width)))
    throw new RangeError(`augment: got shift ${shift}, expected a whole number below ${Math.min(height, width)}`)
  const key = fold(keyOf(seed), augmentStream)
  const step = sizeOf(shape)
  return {
    ...source,
    batch: (indices, epoch = 0) => {
      const { x, ...rest } = source.batch(indices, epoch)
      const data = new Float32Array(x.data.length)
      for (let n = 0; n < indices.length; n++) {
        const random = new Generator(fold(key, epoch, indices[n]))
        const isMirrored = flip && random.uniform() < 0.5
        const [right, down] = [0, 0].map(() => (shift > 0 ? random.integer(2 * shift + 1) - shift : 0))
        for (let c = 0; c < channels; c++) {
          const plane = n * step + c * height * width
          for (let i = 0; i < height; i++) {
            const row = plane + Math.min(height - 1, Math.max(0, i - down)) * width
            for (let j = 0; j < width; j++) {
              const from = Math.min(width - 1, Math.max(0, (isMirrored ? width - 1 - j : j) - right))
              data[plane + i * width + j] = x.data[row + from]
            }
          }
        }
      }
      return { x: array("float32", x.shape, data), ...rest }
    },
  }
}

/** Keeps the draws of augmentation apart from those of other users of the same seed. */
const augmentStream = 0x61756767
