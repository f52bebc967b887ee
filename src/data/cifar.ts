/** CIFAR-10 from its binary files on disk. */

import { gunzipAll, isGzip } from "../io/gzip.ts"
import type { Dataset } from "./dataset.ts"
import { dataDirectory, hasDataFile, readDataFile } from "./files.ts"
import { images } from "./images.ts"

/** Which part to read, and where it lies. */
export interface CifarOptions {
  /** The images to train on (default) or to test on. */
  split?: "train" | "test"
  /** Folder of the files; default: `cifar10` in the folder that TWEEDIE_DATA_DIR names, or in ./data. */
  dir?: string
}

/** Bytes of a record: a label, then the red, green and blue planes of 32 x 32. */
const record = 1 + 3 * 32 * 32

/** What the classes are, in the order of the labels. */
export const cifarClasses: readonly string[] = "airplane automobile bird cat deer dog frog horse ship truck".split(" ")

/**
 * Small photographs of ten kinds of things (Krizhevsky 2009): images [3, 32, 32] in [-1, 1], 10 classes. Reads
 * `data_batch_1.bin` to `data_batch_5.bin`, as many as are there, or `test_batch.bin`; plain or gzipped (`.gz`).
 *
 * @throws Error `cifar10: ...` when a file is missing (it says where it looked), damaged, or not of this kind.
 */
export async function cifar10({
  split = "train",
  dir = dataDirectory("cifar10"),
}: CifarOptions = {}): Promise<Dataset> {
  if (split !== "train" && split !== "test") throw new RangeError(`cifar10: got split ${split}, expected train or test`)
  const stems = split === "test" ? ["test_batch"] : [1, 2, 3, 4, 5].map((n) => `data_batch_${n}`)
  const parts: Uint8Array[] = []
  for (const [n, stem] of stems.entries()) {
    const names = [`${stem}.bin.gz`, `${stem}.bin`]
    if (n > 0 && !(await hasDataFile(dir, names))) continue
    const { path, bytes } = await readDataFile("cifar10", dir, names, {
      cure: "name the folder with dir or TWEEDIE_DATA_DIR, or unpack cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html",
      maxBytes: 2 ** 28,
    })
    const where = `cifar10: ${path}`
    const records = isGzip(bytes) ? gunzipAll(bytes, { where, maxBytes: 2 ** 28 }) : bytes
    if (records.length === 0 || records.length % record !== 0) {
      throw new RangeError(
        `${where}: ${records.length} bytes are no whole number of records of ${record} (is it truncated?)`,
      )
    }
    for (let at = 0; at < records.length; at += record) {
      if (records[at] > 9)
        throw new RangeError(`${where}: record ${at / record} has label ${records[at]}, expected 0 to 9`)
    }
    parts.push(records)
  }
  const count = parts.reduce((n, part) => n + part.length, 0) / record
  const pixels = new Uint8Array(count * (record - 1))
  const labels = new Uint8Array(count)
  let n = 0
  for (const part of parts) {
    for (let at = 0; at < part.length; at += record, n++) {
      labels[n] = part[at]
      pixels.set(part.subarray(at + 1, at + record), n * (record - 1))
    }
  }
  return images({ name: "cifar10", shape: [3, 32, 32], pixels, labels, classes: 10 })
}
