/** MNIST and Fashion-MNIST from their four files on disk. */

import type { Dataset } from "./dataset.ts"
import { dataDirectory, readDataFile } from "./files.ts"
import type { Idx } from "./idx.ts"
import { readIdx } from "./idx.ts"
import { images } from "./images.ts"

/** Which part to read, and where it lies. */
export interface MnistOptions {
  /** 60,000 images to train on (default) or 10,000 to test on. */
  split?: "train" | "test"
  /** Folder of the files; default: the data set's name in the folder that TWEEDIE_DATA_DIR names, or in ./data. */
  dir?: string
}

/**
 * Handwritten digits 0-9 (LeCun, Cortes and Burges 1998): images [1, 28, 28] in [-1, 1], white on black, 10 classes.
 * Reads `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, or those of `t10k`, gzipped (`.gz`) or plain.
 *
 * @throws Error `mnist: ...` when a file is missing (it says where it looked), damaged, or not of this kind.
 */
export function mnist({ split = "train", dir = dataDirectory("mnist") }: MnistOptions = {}): Promise<Dataset> {
  return read("mnist", split, dir, "https://ossci-datasets.s3.amazonaws.com/mnist/")
}

/**
 * Pictures of clothes in the format of MNIST (Xiao, Rasul and Vollgraf 2017): images [1, 28, 28] in [-1, 1], 10 classes:
 * T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot. Its files have the names of MNIST's.
 *
 * @throws Error `fashion: ...` as {@link mnist}.
 */
export function fashion({ split = "train", dir = dataDirectory("fashion") }: MnistOptions = {}): Promise<Dataset> {
  return read("fashion", split, dir, "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/")
}

async function read(name: string, split: "train" | "test", dir: string, source: string): Promise<Dataset> {
  if (split !== "train" && split !== "test") throw new RangeError(`${name}: got split ${split}, expected train or test`)
  const stem = split === "train" ? "train" : "t10k"
  const part = async (file: string, axes: readonly number[]): Promise<Idx & { data: Uint8Array }> => {
    const { path, bytes } = await readDataFile(name, dir, [`${file}.gz`, file], {
      cure: `name the folder with dir or TWEEDIE_DATA_DIR, or fetch the four files from ${source}`,
      maxBytes: 2 ** 28,
    })
    const { shape, data } = readIdx(bytes, { where: `${name}: ${path}`, maxBytes: 2 ** 28 })
    if (!(data instanceof Uint8Array) || shape.slice(1).join() !== axes.join()) {
      const expected = ["count", ...axes].join(", ")
      throw new RangeError(`${name}: ${path} holds [${shape.join(", ")}] values, expected [${expected}] bytes`)
    }
    return { shape, data }
  }
  const pixels = await part(`${stem}-images-idx3-ubyte`, [28, 28])
  const labels = await part(`${stem}-labels-idx1-ubyte`, [])
  return images({ name, shape: [1, 28, 28], pixels: pixels.data, labels: labels.data, classes: 10 })
}
