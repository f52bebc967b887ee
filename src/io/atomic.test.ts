import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { writeFileAtomic } from "./atomic.ts"

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), "atomic-"))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  return dir
}

test("a file is written, and written over, and nothing lies beside it", async () => {
  const dir = folder()
  const path = join(dir, "state.json")
  await writeFileAtomic(path, Uint8Array.of(1, 2, 3))
  expect([...readFileSync(path)]).toEqual([1, 2, 3])
  await writeFileAtomic(path, "{}\n")
  expect(readFileSync(path, "utf8")).toBe("{}\n")
  expect(readdirSync(dir)).toEqual(["state.json"])
})

test("whoever reads while it is written over sees one version whole", async () => {
  const path = join(folder(), "weights")
  const version = (n: number): Uint8Array => new Uint8Array(300_000).fill(n)
  await writeFileAtomic(path, version(0))
  let done = false
  const writing = (async () => {
    for (let n = 1; n <= 10; n++) await writeFileAtomic(path, version(n))
    done = true
  })()
  let reads = 0
  while (!done) {
    const seen = readFileSync(path)
    expect(seen.length).toBe(300_000)
    expect(seen.every((b) => b === seen[0])).toBe(true)
    reads++
    await new Promise(setImmediate)
  }
  await writing
  expect(reads).toBeGreaterThan(3)
})

test("many writers of one file leave one of their versions", async () => {
  const dir = folder()
  const path = join(dir, "best")
  await Promise.all(Array.from({ length: 8 }, (_, n) => writeFileAtomic(path, new Uint8Array(1000).fill(n))))
  const left = readFileSync(path)
  expect(left.every((b) => b === left[0])).toBe(true)
  expect(readdirSync(dir)).toEqual(["best"])
})

test("what cannot be written leaves the old file and nothing else", async () => {
  const dir = folder()
  await expect(writeFileAtomic(join(dir, "absent", "x"), "")).rejects.toThrow(
    `cannot write ${join(dir, "absent", "x")} (ENOENT`,
  )
  mkdirSync(join(dir, "taken"))
  writeFileSync(join(dir, "taken", "inside"), "kept")
  await expect(writeFileAtomic(join(dir, "taken"), "new")).rejects.toThrow("cannot write")
  expect(readdirSync(dir)).toEqual(["taken"])
  expect(readFileSync(join(dir, "taken", "inside"), "utf8")).toBe("kept")
})
