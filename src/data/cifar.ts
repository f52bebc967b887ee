/** CIFAR-10 and CIFAR-100 from their binary files on disk. */

import { gunzipAll, isGzip } from "../io/gzip.ts"
import type { Dataset } from "./dataset.ts"
import { dataDirectory, hasDataFile, readDataFile } from "./files.ts"
import { images } from "./images.ts"

/** Which part to read, and where it lies. */
export interface CifarOptions {
  /** The images to train on (default) or to test on. */
  split?: "train" | "test"
  /** Folder of the files; default: the set's name in the folder that TWEEDIE_DATA_DIR names, or in ./data. */
  dir?: string
}

/** Options of {@link cifar100}. */
export interface Cifar100Options extends CifarOptions {
  /** The 100 classes (default), or the 20 kinds of five classes each. */
  labels?: "fine" | "coarse"
}

/** Bytes of an image: the red, green and blue planes of 32 x 32. */
const planes = 3 * 32 * 32

/** How a set lies in its files: records of some labels and an image. */
interface Layout {
  readonly name: string
  readonly archive: string
  /** The first file must be there, the others may be. */
  readonly stems: Readonly<Record<"train" | "test", readonly string[]>>
  /** Classes of each label byte of a record. */
  readonly labels: readonly number[]
}

const ten: Layout = {
  name: "cifar10",
  archive: "cifar-10-binary.tar.gz",
  stems: { train: [1, 2, 3, 4, 5].map((n) => `data_batch_${n}`), test: ["test_batch"] },
  labels: [10],
}

const hundred: Layout = {
  name: "cifar100",
  archive: "cifar-100-binary.tar.gz",
  stems: { train: ["train"], test: ["test"] },
  labels: [20, 100],
}

/** What the classes of CIFAR-10 are, in the order of the labels. */
export const cifarClasses: readonly string[] = "airplane automobile bird cat deer dog frog horse ship truck".split(" ")

/**
 * Small photographs of ten kinds of things (Krizhevsky 2009): images [3, 32, 32] in [-1, 1], 10 classes. Reads
 * `data_batch_1.bin` to `data_batch_5.bin`, as many as are there, or `test_batch.bin`; plain or gzipped (`.gz`).
 *
 * @throws Error `cifar10: ...` when a file is missing (it says where it looked), damaged, or not of this kind.
 */
export function cifar10(options: CifarOptions = {}): Promise<Dataset> {
  return read(ten, options, 0)
}

/**
 * Small photographs of a hundred kinds of things (Krizhevsky 2009): images [3, 32, 32] in [-1, 1], 100 classes or the
 * 20 they belong to. Reads `train.bin` or `test.bin`, plain or gzipped.
 *
 * @throws Error `cifar100: ...` as {@link cifar10}.
 */
export function cifar100({ labels = "fine", ...options }: Cifar100Options = {}): Promise<Dataset> {
  if (labels !== "fine" && labels !== "coarse")
    throw new RangeError(`cifar100: got labels ${labels}, expected fine or coarse`)
  return read(hundred, options, labels === "fine" ? 1 : 0)
}

async function read(
  { name, archive, stems, labels: classes }: Layout,
  { split = "train", dir = dataDirectory(name) }: CifarOptions,
  which: number,
): Promise<Dataset> {
  if (split !== "train" && split !== "test") throw new RangeError(`${name}: got split ${split}, expected train or test`)
  const record = classes.length + planes
  const parts: Uint8Array[] = []
  for (const [n, stem] of stems[split].entries()) {
    const names = [`${stem}.bin.gz`, `${stem}.bin`]
    if (n > 0 && !(await hasDataFile(dir, names))) continue
    const { path, bytes } = await readDataFile(name, dir, names, {
      cure: `name the folder with dir (--data-dir) or TWEEDIE_DATA_DIR, or unpack ${archive} from https://www.cs.toronto.edu/~kriz/cifar.html`,
      maxBytes: 2 ** 28,
    })
    const where = `${name}: ${path}`
    const records = isGzip(bytes) ? gunzipAll(bytes, { where, maxBytes: 2 ** 28 }) : bytes
    if (records.length === 0 || records.length % record !== 0) {
      throw new RangeError(
        `${where}: ${records.length} bytes are no whole number of records of ${record} (is it truncated?)`,
      )
    }
    for (let at = 0; at < records.length; at += record) {
      for (const [k, count] of classes.entries()) {
        if (records[at + k] >= count)
          throw new RangeError(
            `${where}: record ${at / record} has label ${records[at + k]}, expected 0 to ${count - 1}`,
          )
      }
    }
    parts.push(records)
  }
  const count = parts.reduce((n, part) => n + part.length, 0) / record
  const pixels = new Uint8Array(count * planes)
  const labels = new Uint8Array(count)
  let n = 0
  for (const part of parts) {
    for (let at = 0; at < part.length; at += record, n++) {
      labels[n] = part[at + which]
      pixels.set(part.subarray(at + classes.length, at + record), n * planes)
    }
  }
  return images({ name, shape: [3, 32, 32], pixels, labels, classes: classes[which] })
}
