import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { encodePng } from "../io/png.ts"
import { range, split, take } from "./dataset.ts"
import { imageFolder, lookIntoFolder } from "./folder.ts"
import { loader } from "./loader.ts"

/** A PNG of one level. */
const gray = (level: number, width = 4, height = 4): Uint8Array =>
  encodePng({ width, height, channels: 1, data: new Uint8Array(width * height).fill(level) })
const colour = (width = 4, height = 4): Uint8Array =>
  encodePng({ width, height, channels: 3, data: new Uint8Array(width * height * 3).map((_, i) => [255, 0, 51][i % 3]) })

function folder(files: Readonly<Record<string, Uint8Array | string>>): string {
  const dir = mkdtempSync(join(tmpdir(), "folder-"))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), content)
  }
  return dir
}

test("pictures of all sizes become images of one size, in [-1, 1], in the order of their names", async () => {
  const dir = folder({
    "b.png": gray(255, 9, 5),
    "a.PNG": gray(0),
    "c.jpeg": gray(51, 1, 1),
    "notes.txt": "no picture",
  })
  const set = await imageFolder(dir, { size: 3 })
  expect([set.name, set.length, set.shape, set.classes]).toEqual(["images", 3, [1, 3, 3], undefined])
  const { x, y } = set.batch(Int32Array.of(0, 1, 2))
  expect(y).toBeUndefined()
  expect([x.data[0], x.data[9], x.data[18]].map((v) => Math.round(v * 1000))).toEqual([-1000, 1000, -600])
  expect(set.about).toBe("3 pictures, of 1 to 9 by 1 to 5 pixels, cut and scaled to 3 by 3, in gray")
})

test("one picture in colour makes all of them so, unless something else is asked for", async () => {
  const dir = folder({ "a.png": gray(255), "b.png": colour() })
  const set = await imageFolder(dir, { size: 2 })
  expect(set.shape).toEqual([3, 2, 2])
  const { x } = set.batch(range(2))
  expect([...x.data.slice(0, 12)]).toEqual(new Array(12).fill(1))
  expect([12, 16, 20].map((i) => Math.round(x.data[i] * 1000))).toEqual([1000, -1000, -600])
  expect((await imageFolder(dir, { size: 2, channels: 1 })).shape).toEqual([1, 2, 2])
})

test("sub-folders are labels when all pictures are in them", async () => {
  const files = { "dog/1.png": gray(10), "cat/deep/2.png": gray(20), "cat/1.png": gray(30), ".hidden/x.png": gray(1) }
  const dir = folder(files)
  const set = await imageFolder(dir, { size: 1 })
  expect([set.length, set.classes]).toEqual([3, 2])
  const { x, y } = set.batch(range(3))
  expect([...y!.data]).toEqual([0, 0, 1])
  expect([...x.data].map((v) => Math.round((v + 1) * 127.5))).toEqual([30, 20, 10])
  expect((await lookIntoFolder(dir)).labels).toEqual(["cat", "dog"])
  const mixed = await imageFolder(folder({ ...files, "loose.png": gray(5) }), { size: 1 })
  expect(mixed.classes).toBeUndefined()
})

test("a link that goes round in circles is not followed", async () => {
  const dir = folder({ "a/1.png": gray(1) })
  symlinkSync(dir, join(dir, "a", "round"))
  symlinkSync(join(dir, "a", "1.png"), join(dir, "a", "2.png"))
  expect((await imageFolder(dir)).length).toBe(2)
})

test("an empty folder, a missing one, and one that is a file are told apart", async () => {
  const dir = folder({ "readme.txt": "" })
  await expect(imageFolder(dir)).rejects.toThrow(`images: ${dir} holds no .png, .jpg or .jpeg files`)
  await expect(imageFolder(join(dir, "absent"))).rejects.toThrow(
    /^images: .*absent cannot be read as a folder \(ENOENT\)/,
  )
  await expect(imageFolder(join(dir, "readme.txt"))).rejects.toThrow(/cannot be read as a folder \(ENOTDIR\)/)
  await expect(imageFolder(dir, { size: 0 })).rejects.toThrow("images: got size 0")
})

test("what is no picture, too large or damaged is named by its path, or passed over when that is asked for", async () => {
  const huge = gray(1)
  // The header's word on its size, with the header's checksum left wrong: nobody gets that far.
  new DataView(huge.buffer).setUint32(16, 10_000)
  new DataView(huge.buffer).setUint32(20, 10_000)
  const whole = gray(7, 40, 40)
  for (const [bad, message] of [
    ["just words", "neither PNG nor JPEG, by how it begins"],
    [huge, "png: size is 10000 x 10000, expected at most 67108864 pixels"],
    [whole.subarray(0, 20), "png: file ends at byte 20"],
  ] as const) {
    const dir = folder({ "a.png": gray(100), "b.png": bad, "c.png": gray(200) })
    await expect(imageFolder(dir)).rejects.toThrow(`images: ${join(dir, "b.png")}: ${message}`)
    const set = await imageFolder(dir, { broken: "skip", size: 1 })
    expect([...set.batch(range(3)).x.data].map((v) => Math.round((v + 1) * 127.5))).toEqual([100, 200, 200])
  }
  // Whole in its header: found when it is decoded, also when it is prepared.
  const dir = folder({ "a.png": gray(100), "b.png": whole.subarray(0, whole.length - 16) })
  const set = await imageFolder(dir)
  await set.prepare!(range(2))
  expect(() => set.batch(range(2))).toThrow(`images: ${join(dir, "b.png")}: png: `)
  expect(set.batch(Int32Array.of(0)).x.shape).toEqual([1, 1, 32, 32])
  const none = folder({ "a.png": "x", "b.png": "y" })
  await expect(imageFolder(none, { broken: "skip" })).rejects.toThrow("images: none can be read; the first: ")
})

test("what is kept in memory is bounded, and changes nothing", async () => {
  const dir = folder(
    Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`${String(i).padStart(2, "0")}.png`, gray(4 * i)])),
  )
  const level = (v: number): number => Math.round(((v + 1) * 127.5) / 4)
  const set = await imageFolder(dir, { size: 2, cacheBytes: 12 })
  for (const at of [range(60), range(60).reverse(), Int32Array.of(59, 0, 30, 0)]) {
    await set.prepare!(at)
    expect([...set.batch(at).x.data].filter((_, i) => i % 4 === 0).map(level)).toEqual([...at])
  }
})

test("a loader's prepared batches are those it would read itself, parts of sets included", async () => {
  const dir = folder(Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`${i}.png`, gray(8 * i)])))
  const set = split(take(await imageFolder(dir, { size: 1 }), 28), { validation: 0.25 }).train
  const [plain, ahead] = [0, 1].map(() => loader(set, { batch: 4, seed: 2 }))
  for (let k = 0; k < 20; k++) {
    await ahead.prepare()
    expect(ahead.next().x.data).toEqual(plain.next().x.data)
    expect(ahead.state()).toEqual(plain.state())
  }
})
