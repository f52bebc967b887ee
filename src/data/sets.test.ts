import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync, zipSync } from "fflate"
import { expect, onTestFinished, test } from "vitest"
import { array } from "../engine/array.ts"
import { writeNpy } from "../io/npy.ts"
import { encodePng } from "../io/png.ts"
import { cifar10, cifar100, cifarClasses } from "./cifar.ts"
import { range } from "./dataset.ts"
import { omniglot } from "./omniglot.ts"
import { arrays, table } from "./table.ts"

const real = process.env["TWEEDIE_DATA_DIR"] ?? "../shared/data"

function folder(files: Readonly<Record<string, Uint8Array>>): string {
  const dir = mkdtempSync(join(tmpdir(), "sets-"))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(dir, name), bytes)
  return dir
}

/** CIFAR-10 records of the given labels; a pixel is its place in the record, modulo 256. */
function records(...labels: number[]): Uint8Array {
  return Uint8Array.from({ length: 3073 * labels.length }, (_, i) =>
    i % 3073 === 0 ? labels[i / 3073] : (i - 1) % 256,
  )
}

test("CIFAR-10's binary files are read, plain or gzipped, as many as there are [E47]", async () => {
  const dir = folder({
    "data_batch_1.bin.gz": gzipSync(records(3, 9)),
    "data_batch_4.bin": records(0),
    "test_batch.bin": records(1, 2, 3, 4),
  })
  const set = await cifar10({ dir })
  expect([set.name, set.length, set.shape, set.classes]).toEqual(["cifar10", 3, [3, 32, 32], 10])
  const { x, y } = set.batch(Int32Array.of(2, 1))
  expect([...y!.data].map((label) => cifarClasses[label])).toEqual(["airplane", "truck"])
  expect([x.data[0], x.data[255], x.data[1024]]).toEqual([-1, 1, -1])
  expect((await cifar10({ dir, split: "test" })).length).toBe(4)
})

test("CIFAR-100's binary files are read by their hundred classes or by the twenty kinds of these [E47]", async () => {
  const record = (coarse: number, fine: number, level: number): number[] => [
    coarse,
    fine,
    ...new Array<number>(3072).fill(level),
  ]
  const dir = folder({
    "train.bin": Uint8Array.from([...record(19, 99, 255), ...record(0, 41, 0)]),
    "test.bin.gz": gzipSync(Uint8Array.from(record(20, 0, 0))),
  })
  const fine = await cifar100({ dir })
  expect([fine.name, fine.length, fine.shape, fine.classes]).toEqual(["cifar100", 2, [3, 32, 32], 100])
  const { x, y } = fine.batch(range(2))
  expect([...y!.data]).toEqual([99, 41])
  expect([x.data[0], x.data[3071], x.data[3072]]).toEqual([1, 1, -1])
  const coarse = await cifar100({ dir, labels: "coarse" })
  expect([coarse.classes, [...coarse.batch(range(2)).y!.data]]).toEqual([20, [19, 0]])
  await expect(cifar100({ dir, split: "test" })).rejects.toThrow("record 0 has label 20, expected 0 to 19")
})

test("CIFAR-10 files that are missing, cut short or something else are named", async () => {
  await expect(cifar10({ dir: folder({}) })).rejects.toThrow(
    "cifar10: found no data_batch_1.bin.gz or data_batch_1.bin in",
  )
  await expect(cifar10({ dir: folder({ "data_batch_1.bin": records(1).subarray(1) }) })).rejects.toThrow(
    "3072 bytes are no whole number of records of 3073 (is it truncated?)",
  )
  await expect(cifar10({ dir: folder({ "data_batch_1.bin": records(1, 10) }) })).rejects.toThrow(
    "record 1 has label 10",
  )
})

test.skipIf(!existsSync(`${real}/cifar10`))("CIFAR-10 itself has as many of each class (needs CIFAR-10)", async () => {
  const set = await cifar10({ dir: `${real}/cifar10` })
  const { y, x } = set.batch(range(set.length))
  const counts = new Array<number>(10).fill(0)
  for (const label of y!.data) counts[label]++
  expect(new Set(counts)).toEqual(new Set([set.length / 10]))
  // The mean of all pixels of CIFAR-10 is about 0.473 of 1.
  const mean = x.data.reduce((a, b) => a + b, 0) / x.data.length
  expect(Math.abs((mean + 1) / 2 - 0.473)).toBeLessThan(0.01)
})

test("Omniglot's archives are read, white on black, a class a character", async () => {
  const png = (level: number): Uint8Array =>
    encodePng({ width: 105, height: 105, channels: 1, data: new Uint8Array(105 * 105).fill(level) })
  const archive = zipSync({
    "images_background/B/character01/0002_01.png": png(0),
    "images_background/A/character02/0001_01.png": png(255),
    "images_background/A/character01/0001_02.png": png(255),
  })
  const dir = folder({ "images_background.zip": archive })
  const set = await omniglot({ dir, size: 7 })
  expect([set.length, set.shape, set.classes]).toEqual([3, [1, 7, 7], 3])
  const { x, y } = set.batch(range(3))
  expect([...y!.data]).toEqual([0, 1, 2])
  expect([x.data[0], x.data[49], x.data[98]]).toEqual([-1, -1, 1])
  await expect(omniglot({ dir, archive: "images_evaluation" })).rejects.toThrow(
    "omniglot: found no images_evaluation.zip",
  )
  await expect(omniglot({ dir: folder({ "images_background.zip": zipSync({}) }) })).rejects.toThrow("no images in it")
})

test.skipIf(!existsSync(`${real}/omniglot`))(
  "Omniglot itself is 20 people's of each character (needs Omniglot)",
  async () => {
    const set = await omniglot({ dir: `${real}/omniglot`, archive: "images_background_small1" })
    expect([set.length, set.classes]).toEqual([2720, 136])
    const { x, y } = set.batch(range(20))
    expect(new Set(y!.data)).toEqual(new Set([0]))
    // Thin lines: little of an image is ink.
    const ink = x.data.reduce((sum, v) => sum + (v + 1) / 2, 0) / x.data.length
    expect(ink).toBeGreaterThan(0.02)
    expect(ink).toBeLessThan(0.15)
  },
)

test("a table's rows are items, and a column their labels", () => {
  const set = table("sepal,petal,kind\n1,2,iris\n3,4.5,daisy\n-1,0,iris\n", { label: "kind" })
  expect([set.length, set.shape, set.classes]).toEqual([3, [2], 2])
  expect([set.columns, set.labels]).toEqual([
    ["sepal", "petal"],
    ["daisy", "iris"],
  ])
  const { x, y } = set.batch(range(3))
  expect([...x.data]).toEqual([1, 2, 3, 4.5, -1, 0])
  expect([...y!.data]).toEqual([1, 0, 1])
  const plain = table("1,10\n2,2\n", { label: 1 })
  expect([plain.columns, plain.labels]).toEqual([["column 0"], ["2", "10"]])
  expect(table("1,2\n3,4\n").shape).toEqual([2])
})

test("a field that is no number is named by line and column", () => {
  expect(() => table("a,b\n1,2\n3,x\n", { where: "t.csv" })).toThrow('t.csv: line 3 has "x" for b, expected a number')
  expect(() => table("a,b\n1,2\n3,\n")).toThrow('csv: line 3 has "" for b')
  expect(() => table("a\n1\n", { label: "c" })).toThrow('csv: no column "c", there are a')
  expect(() => table("")).toThrow("csv: no lines")
})

test("arrays of npy and npz files are data sets", () => {
  const x = array("float64", [2, 1, 2], Float64Array.of(1, 2, 3, 4))
  expect([...arrays(writeNpy(x)).batch(Int32Array.of(1)).x.data]).toEqual([3, 4])
  const y = array("int64", [2], BigInt64Array.of(1n, 0n))
  const packed = zipSync({ "x.npy": writeNpy(x), "y.npy": writeNpy(y) })
  const set = arrays(packed)
  expect([set.length, set.shape, set.classes]).toEqual([2, [1, 2], 2])
  expect([...set.batch(range(2)).y!.data]).toEqual([1, 0])
  expect(() => arrays(packed, { x: "z" })).toThrow('arrays: no array "z", there are x, y')
})

test.skipIf(!existsSync(`${real}/burgers`))("NumPy's own npz of Burgers' equation is read (needs it)", () => {
  const set = arrays(new Uint8Array(readFileSync(`${real}/burgers/burgers_shock.npz`)), { x: "u" })
  expect(set.shape).toEqual([100])
  expect(set.length).toBe(256)
})
