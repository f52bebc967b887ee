/** A folder of one's own pictures as a data set: read when they are needed, and kept as far as memory is given. */

import { array, sizeOf } from "../engine/array.ts"
import { type Dataset, forEachIndex, pick } from "./dataset.ts"
import type { Paths } from "./disk.ts"
import { toUnit } from "./images.ts"
import type { PictureForm } from "./scale.ts"

/** How {@link imageFolder} reads pictures. */
export interface FolderOptions {
  /** Height and width of the images, default 32: the middle of each picture is cut out and scaled. */
  size?: number | readonly [height: number, width: number]
  /** 1 for gray, 3 for colour; default: colour if any of those that were looked at has it. */
  channels?: 1 | 3
  /** What to do about a picture that cannot be read: stop (default), or take the next one in its place. */
  broken?: "refuse" | "skip"
  /** Most bytes of images that are kept at hand, default 2^28; those that were read first go first. */
  cacheBytes?: number
  /** Threads that decode, default one less than there are processors, at most 4. */
  workers?: number
}

/** What a look at a folder finds. */
export interface FolderLook {
  readonly count: number
  /** Names of the sub-folders, when there are several and all pictures are in them: the classes. */
  readonly labels: readonly string[]
  readonly channels: 1 | 3
  /** Least and largest height and width of those that were looked at. */
  readonly heights: readonly [number, number]
  readonly widths: readonly [number, number]
}

/** Folders of up to so many pictures have all headers read at once; of larger ones, some all over the folder. */
const lookAtAll = 10_000

/** How many headers of a larger folder are read. */
const lookAt = 256

const diskOf = (): Promise<typeof import("./disk.ts")> => import("./disk.ts")

/**
 * What is in a folder of pictures: their number, labels, colour and sizes, from their headers.
 *
 * @throws RangeError `images: ...` when there is no such folder, it has no pictures, or one that is looked at is no picture,
 * damaged in its header or too large (all of them in folders of up to 10,000).
 */
export async function lookIntoFolder(
  dir: string,
  { broken = "refuse" }: Pick<FolderOptions, "broken"> = {},
): Promise<FolderLook> {
  return (await open(dir, broken)).look
}

async function open(dir: string, broken: "refuse" | "skip"): Promise<{ paths: Paths; look: FolderLook }> {
  const { scan, readHeader } = await diskOf()
  const paths = await scan(dir).catch((error: NodeJS.ErrnoException) => {
    throw new RangeError(`images: ${dir} cannot be read as a folder (${error.code ?? error.message})`)
  })
  if (paths.length === 0) {
    throw new RangeError(`images: ${dir} holds no .png, .jpg or .jpeg files (is it the right folder?)`)
  }
  const all = paths.length <= lookAtAll
  const [heights, widths]: [number[], number[]] = [[], []]
  let isColour = false
  let firstFault: RangeError | undefined
  for (let k = 0; k < (all ? paths.length : lookAt); k++) {
    try {
      const { width, height, isGray } = readHeader(paths.at(all ? k : Math.floor((k * paths.length) / lookAt)))
      heights.push(height)
      widths.push(width)
      isColour ||= !isGray
    } catch (error) {
      if (broken === "refuse") throw new RangeError(`images: ${(error as Error).message}`, { cause: error })
      firstFault ??= error as RangeError
    }
  }
  if (heights.length === 0) throw new RangeError(`images: none can be read; the first: ${firstFault?.message}`)
  const top = paths.folders.map((folder) => folder.split("/")[0])
  const labels = [...new Set(top)].sort()
  const span = (sizes: readonly number[]): [number, number] =>
    sizes.reduce<[number, number]>((s, v) => [Math.min(s[0], v), Math.max(s[1], v)], [sizes[0], sizes[0]])
  return {
    paths,
    look: {
      count: paths.length,
      labels: labels.length > 1 && !labels.includes("") ? labels : [],
      channels: isColour ? 3 : 1,
      heights: span(heights),
      widths: span(widths),
    },
  }
}

/**
 * The PNG and JPEG files in a folder and those below it: images [channels, height, width] in [-1, 1]. Where all of them are
 * in sub-folders, those at the top are the classes, in the order of their names. Pictures are decoded in worker threads when
 * a loader asks for them ahead; of a folder of any size, `cacheBytes` are kept in memory, and the names.
 *
 * @throws RangeError `images: ...` as {@link lookIntoFolder}; and a batch throws it when a picture in it cannot be read.
 */
export async function imageFolder(
  dir: string,
  { size = 32, channels, broken = "refuse", cacheBytes = 2 ** 28, workers }: FolderOptions = {},
): Promise<Dataset> {
  const [height, width] = typeof size === "number" ? [size, size] : size
  if (![height, width].every((n) => Number.isInteger(n) && n >= 1 && n <= 4096))
    throw new RangeError(`images: got size ${size}, expected a whole number from 1 to 4096`)
  const { paths, look } = await open(dir, broken)
  const { decodePool, readPicture } = await diskOf()
  const form: PictureForm = { channels: channels ?? look.channels, height, width }
  const shape = [form.channels, height, width]
  const step = sizeOf(shape)
  const pool = decodePool(workers)
  const labels = look.labels.length === 0 ? undefined : labelsOf(paths, look.labels)

  /** Images at hand, those read first in front; and what is wrong with those that cannot be read. */
  const kept = new Map<number, Uint8Array | string>()
  const coming = new Map<number, Promise<void>>()
  let most = Math.max(1, Math.floor(cacheBytes / step))
  const keep = (i: number, picture: Uint8Array | string): void => {
    kept.set(i, picture)
    for (const first of kept.keys()) {
      if (kept.size <= most) return
      kept.delete(first)
    }
  }
  const image = (i: number): Uint8Array | string => {
    const found = kept.get(i) ?? readPicture(paths.at(i), form)
    if (!kept.has(i)) keep(i, found)
    return found
  }
  /** The image, or the next one that can be read. */
  const readable = (i: number): Uint8Array => {
    for (let k = 0; k < Math.min(paths.length, 1000); k++) {
      const found = image((i + k) % paths.length)
      if (typeof found !== "string") return found
      if (broken === "refuse")
        throw new RangeError(
          `images: ${found} (mend or remove it, or pass over such files with --skip-broken, in code broken: "skip")`,
        )
    }
    throw new RangeError(`images: ${dir} has over 1000 files on end that cannot be read`)
  }
  const prepare = async (indices: Int32Array): Promise<void> => {
    // What is asked for ahead must still be there when its turn comes.
    most = Math.max(most, 4 * indices.length)
    const missing = [...new Set(indices)].filter((i) => !kept.has(i) && !coming.has(i))
    const portion = Math.max(1, Math.min(64, Math.ceil(missing.length / 8)))
    for (let from = 0; from < missing.length; from += portion) {
      const part = missing.slice(from, from + portion)
      const read = pool
        .read(
          part.map((i) => paths.at(i)),
          form,
        )
        .then((pictures) => {
          for (const [k, i] of part.entries()) keep(i, pictures[k])
        })
        .finally(() => {
          for (const i of part) coming.delete(i)
        })
      for (const i of part) coming.set(i, read)
    }
    await Promise.all([...new Set([...indices].flatMap((i) => coming.get(i) ?? []))])
  }
  const batch = (indices: Int32Array): ReturnType<Dataset["batch"]> => {
    const data = new Float32Array(indices.length * step)
    forEachIndex("images", paths.length, indices, (i, at) => {
      const own = readable(i)
      for (let p = 0; p < step; p++) data[at * step + p] = toUnit[own[p]]
    })
    const x = array("float32", [indices.length, ...shape], data)
    return labels === undefined ? { x } : { x, y: pick(labels, indices) }
  }
  return {
    name: "images",
    length: paths.length,
    shape,
    ...(labels && { classes: look.labels.length }),
    about: aboutOf(look, form),
    batch,
    prepare,
  }
}

function labelsOf(paths: Paths, labels: readonly string[]): Int32Array {
  const ofFolder = paths.folders.map((folder) => labels.indexOf(folder.split("/")[0]))
  return paths.folder.map((f) => ofFolder[f])
}

function aboutOf({ count, labels, heights, widths }: FolderLook, { channels, height, width }: PictureForm): string {
  const range = (a: number, b: number): string => (a === b ? `${a}` : `${a} to ${b}`)
  const isSame = heights[0] === height && heights[1] === height && widths[0] === width && widths[1] === width
  return [
    `${count.toLocaleString("en")} pictures`,
    ...(labels.length > 0 ? [`in ${labels.length} folders`] : []),
    `of ${range(...widths)} by ${range(...heights)} pixels`,
    isSame ? `as they are` : `cut and scaled to ${width} by ${height}`,
    channels === 1 ? "in gray" : "in colour",
  ].join(", ")
}
