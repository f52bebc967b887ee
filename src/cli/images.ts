/** Images that are measured: where they lie, and how they come batch by batch. */
import { readFile, stat } from "node:fs/promises"
import { type Dataset, inOrder, subset, take } from "../data/dataset.ts"
import { imageFolder, lookIntoFolder } from "../data/folder.ts"
import type { SampleStep } from "../diffusion/samplers/sampler.ts"
import { array, castArray, type NdArray, sizeOf } from "../engine/array.ts"
import { fillNormal, fold, Generator, keyOf } from "../engine/random.ts"
import { readNpy } from "../io/npy.ts"
import type { Experiment, SampleRequest } from "../recipes/recipe.ts"
import { MisuseError } from "./flags.ts"

/** A stream of images [batch, channels, height, width] in [-1, 1]. */
export interface ImageStream {
  readonly name: string
  readonly count: number
  images(told: (done: number) => void): AsyncGenerator<NdArray<"float32">>
}

/** Images a batch. */
const rows = 128

/** The items of a data set, in order. */
export function ofDataset(data: Dataset, name: string): ImageStream {
  return {
    name,
    count: data.length,
    images: async function* (told) {
      let done = 0
      for await (const { x } of inOrder(data, rows)) {
        yield x
        done += x.shape[0]
        told(done)
      }
    },
  }
}

/** Keeps the draw of a part apart from other users of the same seed. */
const partStream = 0x70617274

/** `count` items of a data set, drawn by a seed, and `rest` others of it; both in their order. */
export function drawnParts(
  data: Dataset,
  { count, rest, seed }: { readonly count: number; readonly rest: number; readonly seed: number },
): readonly [Dataset, Dataset] {
  const random = new Generator(fold(keyOf(seed), partStream))
  const all = count + rest
  // A set may be endless in spirit: what is not drawn need not be listed.
  const order =
    data.length > 1_000_000 ? [...distinct(random, data.length, all)] : random.permutation(data.length).subarray(0, all)
  const part = (from: number, to: number): Dataset => subset(data, Int32Array.from(order.slice(from, to)).sort())
  return [part(0, count), part(count, all)]
}

function distinct(random: Generator, below: number, count: number): Set<number> {
  const found = new Set<number>()
  while (found.size < count) found.add(random.integer(below))
  return found
}

/**
 * Images of a file or a folder: a folder of PNG and JPEG files, or .npy [count, ...shape], in [0, 1] as `tweedie sample`
 * writes it, or bytes.
 *
 * @throws MisuseError when they are no such, or of another shape.
 */
export async function ofFiles(path: string, shape: readonly number[], count: number | undefined): Promise<ImageStream> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new MisuseError(
      `--images ${path}: ${error.code === "ENOENT" ? "does not exist" : `cannot be read (${error.code})`}`,
    )
  })
  const enough = (there: number): number => {
    if (count !== undefined && count > there)
      throw new MisuseError(`--count: got ${count}, expected at most the ${there} images of ${path}`)
    return count ?? there
  }
  if (!found.isDirectory()) return ofArray(path, shape, enough)
  const [channels, height, width] = shape
  const look = await lookIntoFolder(path).catch((error: Error) => {
    throw new MisuseError(`--images: ${error.message.replace(/^images: /, "")}`)
  })
  const { heights, widths } = look
  if (heights.some((h) => h !== height) || widths.some((w) => w !== width))
    throw new MisuseError(
      `--images ${path}: pictures are ${heights.join(" to ")} high and ${widths.join(" to ")} wide, expected ${height} x ${width} as the data are (numbers depend on how pictures are scaled, so it is not done here)`,
    )
  const data = await imageFolder(path, { size: [height, width], channels: channels === 1 ? 1 : 3 })
  return ofDataset(take(data, enough(data.length)), path)
}

async function ofArray(
  path: string,
  shape: readonly number[],
  enough: (there: number) => number,
): Promise<ImageStream> {
  const bytes = await readFile(path)
  let all: NdArray
  try {
    all = readNpy(bytes)
  } catch (error) {
    throw new MisuseError(`--images ${path}: ${(error as Error).message}, expected a .npy file or a folder of pictures`)
  }
  const [there = 0, ...own] = all.shape
  if (own.join() !== shape.join() || there === 0)
    throw new MisuseError(
      `--images ${path}: got [${all.shape.join(", ")}], expected [count, ${shape.join(", ")}] as the data are`,
    )
  // Bytes are read as int32.
  const white = all.dtype === "int32" || all.dtype === "int64" ? 255 : 1
  const { data } = castArray(all, "float32")
  const bad = data.findIndex((v) => !(v >= -1e-3 * white && v <= 1.001 * white))
  if (bad >= 0)
    throw new MisuseError(
      `--images ${path}: value ${data[bad]} at ${bad}, expected images in [0, ${white}] (${white === 1 ? "bytes may go to 255" : "floats go to 1"})`,
    )
  const count = enough(there)
  const size = data.length / there
  return {
    name: path,
    count,
    images: async function* (told) {
      for (let from = 0; from < count; from += rows) {
        const to = Math.min(count, from + rows)
        const part = data.slice(from * size, to * size).map((v) => (2 * v) / white - 1)
        yield array("float32", [to - from, ...shape], part)
        told(to)
      }
    },
  }
}

/** Most numbers of one portion of samples. */
const portionValues = 2 ** 22

/**
 * Samples of a run, portion by portion, so that any number of them fits: sample i is the one that `tweedie sample` draws,
 * whatever the portions.
 */
export function ofModel(experiment: Experiment, name: string, request: SampleRequest): ImageStream {
  const { count, seed, labels, ...rest } = request
  // Of latents, noise is drawn as latents and images are decoded from them.
  const noised = experiment.model?.shape ?? experiment.shape
  const size = sizeOf(noised)
  const portion = 64 * Math.max(1, Math.floor(Math.min(1024, portionValues / size) / 64))
  const key = keyOf(seed)
  return {
    name,
    count,
    images: async function* (told) {
      for (let from = 0; from < count; from += portion) {
        const rows = Math.min(portion, count - from)
        const steps = experiment.sample({
          ...rest,
          count: rows,
          seed,
          ...(labels !== undefined && { labels: labels.slice(from, from + rows) }),
          noise: (i, question) => fillNormal(new Float32Array(size), fold(key, from + i, question)),
        })
        let x: SampleStep | undefined
        for await (const step of steps) {
          x = step
          told(from + Math.floor((rows * step.step) / step.steps))
        }
        yield noised.join() === experiment.shape.join()
          ? x!.x
          : { ...x!.images, data: x!.images.data.map((v) => 2 * v - 1) }
      }
    },
  }
}
