/** MNIST and Fashion-MNIST from their four files on disk. */

import type { Dataset } from "./dataset.ts"
import { cacheDirectory, fetchFile, type RemoteFile } from "./fetch.ts"
import { dataDirectory, hasDataFile, readDataFile } from "./files.ts"
import type { Idx } from "./idx.ts"
import { readIdx } from "./idx.ts"
import { images } from "./images.ts"

/** Which part to read, and where it lies. */
export interface MnistOptions {
  /** 60,000 images to train on (default) or 10,000 to test on. */
  split?: "train" | "test"
  /**
   * Folder of the files; default: the data set's name in the folder that TWEEDIE_DATA_DIR names, or in ./data. Nothing is
   * fetched into a folder that is named.
   */
  dir?: string
  /**
   * Whether files that are nowhere are fetched into the cache folder, once (default). Not where a folder is named, here or by
   * TWEEDIE_DATA_DIR.
   */
  fetch?: boolean
  /** Told what is being fetched. */
  say?: (line: string) => void
}

/** Where a set is on the web, and what its files are: bytes and SHA-256, images and labels, to train and to test on. */
interface Source {
  readonly url: string
  readonly train: readonly (readonly [number, string])[]
  readonly test: readonly (readonly [number, string])[]
}

const sources: Readonly<Record<string, Source>> = {
  mnist: {
    url: "https://ossci-datasets.s3.amazonaws.com/mnist/",
    train: [
      [9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"],
      [28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"],
    ],
    test: [
      [1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"],
      [4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"],
    ],
  },
  fashion: {
    url: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    train: [
      [26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"],
      [29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"],
    ],
    test: [
      [4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"],
      [5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"],
    ],
  },
}

/**
 * Handwritten digits 0-9 (LeCun, Cortes and Burges 1998): images [1, 28, 28] in [-1, 1], white on black, 10 classes.
 * Reads `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, or those of `t10k`, gzipped (`.gz`) or plain.
 *
 * @throws Error `mnist: ...` when a file is missing (it says where it looked), damaged, or not of this kind.
 */
export function mnist(options: MnistOptions = {}): Promise<Dataset> {
  return read("mnist", options)
}

/**
 * Pictures of clothes in the format of MNIST (Xiao, Rasul and Vollgraf 2017): images [1, 28, 28] in [-1, 1], 10 classes:
 * T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot. Its files have the names of MNIST's.
 *
 * @throws Error `fashion: ...` as {@link mnist}.
 */
export function fashion(options: MnistOptions = {}): Promise<Dataset> {
  return read("fashion", options)
}

async function read(name: string, options: MnistOptions): Promise<Dataset> {
  const { split = "train", say } = options
  if (split !== "train" && split !== "test") throw new RangeError(`${name}: got split ${split}, expected train or test`)
  const stem = split === "train" ? "train" : "t10k"
  const files = [`${stem}-images-idx3-ubyte`, `${stem}-labels-idx1-ubyte`]
  const source = sources[name]
  let dir = options.dir ?? dataDirectory(name)
  const isNamed =
    options.dir !== undefined || (typeof process !== "undefined" && Boolean(process.env["TWEEDIE_DATA_DIR"]))
  if (!isNamed && options.fetch !== false && !(await hasDataFile(dir, [`${files[0]}.gz`, files[0]]))) {
    dir = await cacheDirectory(name)
    for (const [i, file] of files.entries()) {
      const [bytes, sha256] = source[split][i]
      const remote: RemoteFile = { url: `${source.url}${file}.gz`, bytes, sha256 }
      await fetchFile(remote, `${dir}/${file}.gz`, { where: name, ...(say && { say }) })
    }
  }
  const part = async (file: string, axes: readonly number[]): Promise<Idx & { data: Uint8Array }> => {
    const { path, bytes } = await readDataFile(name, dir, [`${file}.gz`, file], {
      cure: `name the folder with dir (--data-dir) or TWEEDIE_DATA_DIR, or fetch the four files from ${source.url}`,
      maxBytes: 2 ** 28,
    })
    const { shape, data } = readIdx(bytes, { where: `${name}: ${path}`, maxBytes: 2 ** 28 })
    if (!(data instanceof Uint8Array) || shape.slice(1).join() !== axes.join()) {
      const expected = ["count", ...axes].join(", ")
      throw new RangeError(`${name}: ${path} holds [${shape.join(", ")}] values, expected [${expected}] bytes`)
    }
    return { shape, data }
  }
  const pixels = await part(files[0], [28, 28])
  const labels = await part(files[1], [])
  return images({ name, shape: [1, 28, 28], pixels: pixels.data, labels: labels.data, classes: 10 })
}
