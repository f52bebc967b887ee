/** A data set of latents: images through an encoder once, when they are first asked for. */

import { type Dataset, forEachIndex, prepared } from "../data/dataset.ts"
import { array, type NdArray, sizeOf } from "../engine/array.ts"
import { fold, Generator, keyOf } from "../engine/random.ts"
import type { AutoencoderKL } from "./autoencoder.ts"
import { codec } from "./codec.ts"

/** How {@link latents} makes them. */
export interface LatentsOptions {
  /** Whether half of the items, drawn anew each epoch, are latents of the mirrored image. */
  readonly flip?: boolean
  /** Seed of what is mirrored. */
  readonly seed?: number
  /** Most bytes of latents that are kept, default 2^30; those that were made first go first. */
  readonly cacheBytes?: number
}

/** Latents of images, and the end of the program that makes them. */
export interface Latents extends Dataset {
  prepare(indices: Int32Array): Promise<void>
  dispose(): Promise<void>
}

/** An image's latents, in both forms where it is mirrored, and its label. */
interface Entry {
  readonly forms: readonly Float32Array[]
  readonly label: number
}

/**
 * The scaled posterior means of a data set's images, `[latents, height / factor, width / factor]`, as an item each: what
 * a denoiser of latents is trained on. `prepare` encodes those that are not at hand, with the weights that the encoder has
 * then, and keeps them; a batch wants its items prepared, as training does.
 *
 * @throws RangeError when the items are no images that the encoder takes; a batch throws it for items not at hand.
 */
export function latents(
  images: Dataset,
  network: AutoencoderKL,
  { flip = false, seed = 0, cacheBytes = 2 ** 30 }: LatentsOptions = {},
): Latents {
  const [channels, height, width] = images.shape
  const { factor, options } = network
  if (images.shape.length !== 3 || channels !== options.channels || height % factor > 0 || width % factor > 0)
    throw new RangeError(
      `latents: items are [${images.shape.join(", ")}], expected [${options.channels}, height, width] with sides that ${factor} divides`,
    )
  const shape = [options.latentChannels, height / factor, width / factor]
  const size = sizeOf(shape)
  const forms = flip ? 2 : 1
  const key = fold(keyOf(seed), mirrorStream)
  const program = codec(network)
  const kept = new Map<number, Entry>()
  const coming = new Map<number, Promise<void>>()
  let most = Math.max(1, Math.floor(cacheBytes / (4 * size * forms)))

  const encode = async (indices: Int32Array): Promise<void> => {
    const { x, y } = await prepared(images, indices)
    const z = await program.encode(flip ? beside(x, mirrored(x)) : x)
    for (const [k, i] of indices.entries()) {
      const formOf = (_: unknown, form: number): Float32Array => {
        const from = (form * indices.length + k) * size
        return z.data.slice(from, from + size)
      }
      kept.set(i, { forms: Array.from({ length: forms }, formOf), label: y?.data[k] ?? 0 })
    }
    for (const first of kept.keys()) {
      if (kept.size <= most) break
      kept.delete(first)
    }
  }
  return {
    name: `latents of ${images.name}`,
    length: images.length,
    shape,
    ...(images.classes !== undefined && { classes: images.classes }),
    ...(images.about !== undefined && { about: images.about }),
    prepare: async (indices) => {
      // What is asked for ahead must still be there when its turn comes.
      most = Math.max(most, 4 * indices.length)
      const missing = Int32Array.from(new Set([...indices].filter((i) => !kept.has(i) && !coming.has(i))))
      if (missing.length > 0) {
        const made = encode(missing).finally(() => {
          for (const i of missing) coming.delete(i)
        })
        for (const i of missing) coming.set(i, made)
      }
      await Promise.all([...new Set([...indices].flatMap((i) => coming.get(i) ?? []))])
    },
    batch: (indices, epoch = 0) => {
      const data = new Float32Array(indices.length * size)
      const labels = new Int32Array(indices.length)
      forEachIndex("latents", images.length, indices, (i, at) => {
        const found = kept.get(i)
        if (found === undefined)
          throw new RangeError(`latents: item ${i} is not at hand (wait for prepare(indices), then ask for the batch)`)
        const form = flip ? new Generator(fold(key, epoch, i)).integer(2) : 0
        data.set(found.forms[form], at * size)
        labels[at] = found.label
      })
      const x = array("float32", [indices.length, ...shape], data)
      return images.classes === undefined ? { x } : { x, y: array("int32", [indices.length], labels) }
    },
    dispose: () => program.dispose(),
  }
}

/** Keeps the draws of what is mirrored apart from those of other users of the same seed. */
const mirrorStream = 0x6c617465

/** Images with left for right. */
function mirrored({ shape, data }: NdArray<"float32">): NdArray<"float32"> {
  const width = shape[shape.length - 1]
  const of = (_: number, i: number): number => data[i - (i % width) + width - 1 - (i % width)]
  return array("float32", shape, data.map(of))
}

/** Some rows, and others of their shape behind them. */
function beside(a: NdArray<"float32">, b: NdArray<"float32">): NdArray<"float32"> {
  const data = new Float32Array(a.data.length + b.data.length)
  data.set(a.data)
  data.set(b.data, a.data.length)
  return array("float32", [a.shape[0] + b.shape[0], ...a.shape.slice(1)], data)
}

/** A mean and a standard deviation. */
export interface Spread {
  readonly mean: number
  readonly std: number
}

/** Mean and standard deviation of all numbers: of unscaled latents, what `shift` and `1 / scale` should be. */
export function spreadOf({ data }: { readonly data: Float32Array }): Spread {
  let sum = 0
  for (const v of data) sum += v
  const mean = sum / data.length
  let squares = 0
  for (const v of data) squares += (v - mean) ** 2
  return { mean, std: Math.sqrt(squares / data.length) }
}

/** {@link spreadOf} each channel of `[count, channels, height, width]`. */
export function channelSpreads({ shape, data }: NdArray<"float32">): Spread[] {
  const [count, channels, ...sides] = shape
  const size = sizeOf(sides)
  return Array.from({ length: channels }, (_, c) => {
    const own = new Float32Array(count * size)
    for (let i = 0; i < count; i++) {
      const at = (i * channels + c) * size
      own.set(data.subarray(at, at + size), i * size)
    }
    return spreadOf({ data: own })
  })
}
