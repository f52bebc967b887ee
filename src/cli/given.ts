/** What `tweedie sample` is given to work from: samples by file or from held-out data, and holes by file or by name. */
import { type Batch, type Dataset, prepared, range } from "../data/dataset.ts"
import { array, castArray, type NdArray } from "../engine/array.ts"
import type { Experiment } from "../recipes/recipe.ts"
import { readArray, readSamples } from "./arrays.ts"
import { MisuseError } from "./flags.ts"
import { exists } from "./runs.ts"

/** Holes that have a name: the middle, a quarter of an image, or one half of it. */
export const holes = ["center", "left", "right", "top", "bottom"] as const

/**
 * Samples of a file; or for the word `test` at most `count` of the data that training never sees.
 *
 * @throws MisuseError when they cannot be read or do not fit.
 */
export async function samplesFrom(
  flag: string,
  path: string,
  { shape, heldOut }: Pick<Experiment, "shape"> & Partial<Pick<Experiment, "heldOut">>,
  count: number,
): Promise<NdArray<"float32">> {
  if (path !== "test") return readSamples(flag, path, shape)
  if (heldOut === undefined)
    throw new MisuseError(`${flag} test: a model folder has no data of its own, expected a file`)
  const data = await heldOut().catch((error: Error) => {
    throw new MisuseError(`${flag} test: ${error.message}`)
  })
  const { x } = await prepared(data, range(Math.min(count, data.length)))
  return castArray(x, "float32")
}

/**
 * The first `count` items of the data that training never sees.
 *
 * @throws MisuseError when they cannot be read, or are fewer.
 */
export async function heldOutOf(
  { heldOut }: Pick<Experiment, "heldOut">,
  { count, dataDir }: { readonly count: number; readonly dataDir?: string | undefined },
): Promise<Batch> {
  const data = await heldOut(dataDir).catch((error: Error) => {
    throw new MisuseError(error.message)
  })
  if (count > data.length)
    throw new MisuseError(`--count: got ${count}, expected at most the ${data.length} held-out samples of ${data.name}`)
  return prepared(data, range(count))
}

/**
 * Where samples are known, 1 there and 0 in the hole: of a file, or one of {@link holes}, `[height, width]`.
 *
 * @throws MisuseError for a file that cannot be read, or a name where samples are no images.
 */
export async function maskFrom(name: string, shape: readonly number[]): Promise<NdArray> {
  if (!(holes as readonly string[]).includes(name)) {
    if (!(await exists(name)))
      throw new MisuseError(`--mask ${name}: no such file, expected one or ${holes.join(", ")}`)
    return readArray("--mask", name)
  }
  if (shape.length !== 3) throw new MisuseError(`--mask ${name}: samples are no images, expected a .npy file`)
  const [, height, width] = shape
  const isIn = (v: number, size: number): boolean => v >= Math.floor(size / 4) && v < size - Math.floor(size / 4)
  const isHole: Readonly<Record<string, (y: number, x: number) => boolean>> = {
    center: (y, x) => isIn(y, height) && isIn(x, width),
    left: (_, x) => x < width / 2,
    right: (_, x) => x >= width / 2,
    top: (y) => y < height / 2,
    bottom: (y) => y >= height / 2,
  }
  const data = Float32Array.from({ length: height * width }, (_, i) =>
    isHole[name](Math.floor(i / width), i % width) ? 0 : 1,
  )
  return array("float32", [height, width], data)
}

/**
 * What an experiment whose samples are made of something is given for `count` of them: the first of the held-out data, in
 * turn where there are fewer, or of `otherwise` where there are none. `undefined` where samples are made of nothing.
 */
export async function givenOf(
  { given, heldOut }: Pick<Experiment, "given" | "heldOut">,
  count: number,
  otherwise?: Dataset,
): Promise<NdArray<"float32"> | undefined> {
  if (given === undefined) return undefined
  const images = await heldOut().catch((error: unknown) => {
    if (otherwise === undefined) throw error
    return otherwise
  })
  const { x } = await prepared(
    images,
    range(count).map((i) => i % images.length),
  )
  return given.of(x)
}
