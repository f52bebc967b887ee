/** Omniglot: handwritten characters of many alphabets, from its zip archives on disk. */

import { decodePng } from "../io/png.ts"
import { readZip, type ZipEntry } from "../io/zip.ts"
import type { Dataset } from "./dataset.ts"
import { dataDirectory, readDataFile } from "./files.ts"
import { images } from "./images.ts"
import { scaled } from "./scale.ts"

/** Which archive to read, where it lies, and how large its images are made. */
export interface OmniglotOptions {
  /** Name of the archive without `.zip`, such as `images_background` (default) or `images_evaluation`. */
  archive?: string
  /** Folder of the archive; default: `omniglot` in the folder that TWEEDIE_DATA_DIR names, or in ./data. */
  dir?: string
  /** Height and width; default 28, of 105 in the files. */
  size?: number
}

/**
 * Handwritten characters (Lake, Salakhutdinov and Tenenbaum 2015), each by 20 people: images [1, size, size] in [-1, 1], white
 * on black as MNIST's are; a class is a character of an alphabet, in the order of their names.
 *
 * @throws Error `omniglot: ...` when the archive is missing (it says where it looked), damaged, or not of this kind.
 */
export async function omniglot({
  archive = "images_background",
  dir = dataDirectory("omniglot"),
  size = 28,
}: OmniglotOptions = {}): Promise<Dataset> {
  if (!(Number.isInteger(size) && size >= 1 && size <= 105))
    throw new RangeError(`omniglot: got size ${size}, expected a whole number from 1 to 105`)
  const { path, bytes } = await readDataFile("omniglot", dir, [`${archive}.zip`], {
    cure: "name the folder with dir or TWEEDIE_DATA_DIR, or fetch the archive from https://github.com/brendenlake/omniglot",
    maxBytes: 2 ** 28,
  })
  const where = `omniglot: ${path}`
  const entries = readZip(bytes, { where, maxBytes: 2 ** 28 })
    .filter(({ name }) => name.endsWith(".png"))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  if (entries.length === 0) throw new RangeError(`${where}: no images in it`)
  const characterOf = ({ name }: ZipEntry): string => name.split("/").slice(0, -1).join("/")
  const characters = [...new Set(entries.map(characterOf))]
  const numbers = new Map(characters.map((name, i) => [name, i]))
  const pixels = new Uint8Array(entries.length * size * size)
  for (const [n, entry] of entries.entries()) {
    try {
      const picture = decodePng(entry.read(), { maxPixels: 2 ** 20 })
      const ink = scaled(picture, { channels: 1, height: size, width: size }).map((v) => 255 - v)
      pixels.set(ink, n * size * size)
    } catch (cause) {
      throw new RangeError(`${where}: ${entry.name}: ${(cause as Error).message}`, { cause })
    }
  }
  return images({
    name: "omniglot",
    shape: [1, size, size],
    pixels,
    labels: entries.map((entry) => numbers.get(characterOf(entry))!),
    classes: characters.length,
  })
}
