import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { gzipSync } from "fflate"
import { afterEach, expect, onTestFinished, test, vi } from "vitest"
import { range, take } from "./dataset.ts"
import { writeIdx } from "./idx.ts"
import { fashion, mnist } from "./mnist.ts"

const realDir = `${process.env["TWEEDIE_DATA_DIR"] ?? "../shared/data"}/mnist`
const hasReal = existsSync(`${realDir}/train-images-idx3-ubyte.gz`)

afterEach(() => {
  vi.unstubAllEnvs()
})

/** A folder of small files; what is given replaces a file, undefined leaves it out. */
function folder(changes: Record<string, Uint8Array | undefined> = {}): string {
  const dir = mkdtempSync(join(tmpdir(), "mnist-"))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const pixels = Uint8Array.from({ length: 3 * 784 }, (_, i) => i % 256)
  const files: Record<string, Uint8Array | undefined> = {
    "train-images-idx3-ubyte": writeIdx({ shape: [3, 28, 28], data: pixels }),
    "train-labels-idx1-ubyte": writeIdx({ shape: [3], data: Uint8Array.of(7, 0, 9) }),
    ...changes,
  }
  for (const [name, bytes] of Object.entries(files)) if (bytes) writeFileSync(join(dir, name), bytes)
  return dir
}

test("the four files are read plain or gzipped, and 0 to 255 is -1 to 1", async () => {
  const plain = await mnist({ dir: folder() })
  expect([plain.name, plain.length, plain.shape, plain.classes]).toEqual(["mnist", 3, [1, 28, 28], 10])
  const { x, y } = plain.batch(Int32Array.of(2, 0))
  expect(y && [...y.data]).toEqual([9, 7])
  expect(x.shape).toEqual([2, 1, 28, 28])
  expect(x.data[784]).toBe(-1)
  expect(x.data[784 + 255]).toBe(1)
  const name = "t10k-images-idx3-ubyte"
  const dir = folder({
    [`${name}.gz`]: gzipSync(writeIdx({ shape: [1, 28, 28], data: new Uint8Array(784).fill(255) })),
    "t10k-labels-idx1-ubyte.gz": gzipSync(writeIdx({ shape: [1], data: Uint8Array.of(4) })),
  })
  const test = await fashion({ split: "test", dir })
  expect([test.name, test.length, test.batch(range(1)).x.data[5]]).toEqual(["fashion", 1, 1])
})

test("the default folder is named by TWEEDIE_DATA_DIR, or ./data", async () => {
  const dir = folder()
  vi.stubEnv("TWEEDIE_DATA_DIR", resolve(dir, ".."))
  await expect(mnist()).rejects.toThrow(resolve(dir, "..", "mnist"))
  await expect(fashion()).rejects.toThrow(resolve(dir, "..", "fashion"))
  vi.stubEnv("TWEEDIE_DATA_DIR", "")
  await expect(mnist({ fetch: false })).rejects.toThrow(resolve("data/mnist"))
})

test("what was fetched into the cache folder is used, and a folder that is named is left alone", async () => {
  const dir = folder({
    "train-images-idx3-ubyte.gz": gzipSync(writeIdx({ shape: [1, 28, 28], data: new Uint8Array(784) })),
    "train-labels-idx1-ubyte.gz": gzipSync(writeIdx({ shape: [1], data: Uint8Array.of(4) })),
  })
  const cache = mkdtempSync(join(tmpdir(), "cache-"))
  onTestFinished(() => rmSync(cache, { recursive: true }))
  cpSync(dir, join(cache, "mnist"), { recursive: true })
  vi.stubEnv("TWEEDIE_DATA_DIR", "")
  vi.stubEnv("TWEEDIE_CACHE_DIR", cache)
  expect((await mnist()).length).toBe(1)
  const empty = mkdtempSync(join(tmpdir(), "mnist-"))
  onTestFinished(() => rmSync(empty, { recursive: true }))
  await expect(mnist({ dir: empty })).rejects.toThrow("mnist: found no")
  expect(readdirSync(empty)).toEqual([])
})

test("a missing file is named with where it was looked for and how to get it", async () => {
  const dir = folder({ "train-labels-idx1-ubyte": undefined })
  await expect(mnist({ dir })).rejects.toThrow(
    `mnist: found no train-labels-idx1-ubyte.gz or train-labels-idx1-ubyte in ${dir} (name the folder with dir (--data-dir) or TWEEDIE_DATA_DIR, or fetch the four files from https://`,
  )
  await expect(mnist({ dir: "/nowhere/at/all" })).rejects.toThrow("mnist: found no train-images-idx3-ubyte.gz or")
})

test("a truncated, foreign or damaged file is named by its path", async () => {
  const name = "train-images-idx3-ubyte"
  const path = (dir: string): string => join(dir, name)
  const cut = folder({ [name]: writeIdx({ shape: [3, 28, 28], data: new Uint8Array(3 * 784) }).subarray(0, 2000) })
  await expect(mnist({ dir: cut })).rejects.toThrow(
    `mnist: ${path(cut)}: file is truncated: 2000 bytes, its header promises 2368`,
  )
  const page = folder({ [name]: new TextEncoder().encode("<html>Not found</html>") })
  await expect(mnist({ dir: page })).rejects.toThrow(`mnist: ${path(page)}: wrong magic number 0x3c68746d`)
  const swapped = folder({ [name]: writeIdx({ shape: [3], data: Uint8Array.of(1, 2, 3) }) })
  await expect(mnist({ dir: swapped })).rejects.toThrow("holds [3] values, expected [count, 28, 28] bytes")
})

test("images and labels of different number, and labels that are no digit, are refused", async () => {
  const labels = (...of: number[]) =>
    folder({ "train-labels-idx1-ubyte": writeIdx({ shape: [of.length], data: Uint8Array.from(of) }) })
  await expect(mnist({ dir: labels(1, 2) })).rejects.toThrow("mnist: 3 images but 2 labels")
  await expect(mnist({ dir: labels(1, 2, 10) })).rejects.toThrow("mnist: label 2 is 10, expected 0 to 9")
})

test.skipIf(!hasReal)(
  "MNIST itself has its known size, first labels, mean and deviation (needs MNIST) [E49]",
  async () => {
    const train = await mnist({ dir: realDir })
    expect(train.length).toBe(60000)
    expect([...take(train, 10).batch(range(10)).y!.data]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
    let [sum, squares] = [0, 0]
    for (let from = 0; from < 60000; from += 6000) {
      for (const v of train.batch(range(6000).map((i) => from + i)).x.data) {
        const p = (v + 1) / 2
        sum += p
        squares += p * p
      }
    }
    const mean = sum / (60000 * 784)
    expect(mean).toBeCloseTo(0.1307, 4)
    expect(Math.sqrt(squares / (60000 * 784) - mean * mean)).toBeCloseTo(0.3081, 4)
    const test = await mnist({ dir: realDir, split: "test" })
    expect(test.length).toBe(10000)
    expect([...test.batch(range(5)).y!.data]).toEqual([7, 2, 1, 0, 4])
  },
)
