import { readFileSync } from "node:fs"
import { zipSync } from "fflate"
import { expect, test } from "vitest"
import { toNumbers } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { readNpz } from "./npz.ts"
import { readZip } from "./zip.ts"

const text = (words: string): Uint8Array => new TextEncoder().encode(words)
const archive = zipSync({
  "a.txt": text("hello"),
  folder: { "b.bin": new Uint8Array(20_000), "c.txt": [text("stored"), { level: 0 }] },
})

test("files come out of an archive, packed or stored, and folders are none", () => {
  const entries = readZip(archive)
  expect(entries.map((e) => [e.name, e.size])).toEqual([
    ["a.txt", 5],
    ["folder/b.bin", 20_000],
    ["folder/c.txt", 6],
  ])
  expect(new TextDecoder().decode(entries[0].read())).toBe("hello")
  expect(entries[1].read()).toEqual(new Uint8Array(20_000))
  expect(new TextDecoder().decode(entries[2].read())).toBe("stored")
})

test("names that lead out of a folder are refused", () => {
  for (const name of ["../up", "/root", "a/../../b", "C:/windows", "a\\b"]) {
    expect(() => readZip(zipSync({ [name]: text("x") }))).toThrow(/is no name for a file in a folder/)
  }
})

test("what is damaged, cut short or promises too much is refused by name", () => {
  expect(() => readZip(text("not an archive at all, really"))).toThrow("zip: no directory at the end")
  expect(() => readZip(archive.subarray(0, archive.length - 5))).toThrow("zip: no directory at the end")
  expect(() => readZip(archive.subarray(30))).toThrow(/^zip: directory (is damaged|ends)/)
  expect(() => readZip(archive, { maxBytes: 10_000 })).toThrow("zip: files of more than 10000 bytes")
  expect(() => readZip(archive, { maxFiles: 2 })).toThrow("zip: 4 files, expected at most 2")
  const flipped = archive.slice()
  flipped[37] ^= 1
  expect(() => readZip(flipped)[0].read()).toThrow(/^zip: "a\.txt" (is damaged|does not agree)/)
  // The directory's word about the size of b.bin, made smaller and larger than it is.
  for (const [size, how] of [
    [19_999, "longer"],
    [20_001, "shorter"],
  ] as const) {
    const lie = archive.slice()
    const view = new DataView(lie.buffer)
    const isEntry = (at: number): boolean => view.getUint32(at, true) === 0x02014b50 && lie[at + 46 + 7] === 0x62
    let at = 0
    while (!isEntry(at)) at++
    view.setUint32(at + 24, size, true)
    expect(() => readZip(lie)[1].read()).toThrow(`zip: "folder/b.bin" is ${how} than the ${size} bytes it promises`)
  }
})

const npz: { stored: string; deflated: string; values: Record<string, number[]> } = JSON.parse(
  readFileSync(new URL("fixtures/npz.json", import.meta.url), "utf8"),
)

test("NumPy's npz files are read, packed or not", () => {
  for (const packed of [npz.stored, npz.deflated]) {
    const arrays = readNpz(new Uint8Array(Buffer.from(packed, "base64")))
    expect([...arrays.keys()]).toEqual(["x", "labels", "empty"])
    for (const [name, values] of Object.entries(npz.values)) expect([...toNumbers(arrays.get(name)!)]).toEqual(values)
    expect(arrays.get("empty")?.shape).toEqual([0, 3])
  }
  expect(() => readNpz(archive)).toThrow('npz: "a.txt" is no npy file')
  expect(() => readNpz(zipSync({ "w.npy": text("pickle") }))).toThrow('npz: array "w": npy: wrong magic number')
})

test("thousands of mutated archives are read or refused by name, never otherwise", () => {
  const random = new Generator(8)
  let read = 0
  for (let n = 0; n < 3000; n++) {
    const bytes = new Uint8Array(Buffer.from(n % 2 ? npz.stored : npz.deflated, "base64"))
    for (let k = random.integer(3); k >= 0; k--) bytes[random.integer(bytes.length)] = random.integer(256)
    try {
      readNpz(bytes)
      read++
    } catch (error) {
      if (!/^npz: /.test((error as Error).message)) throw error
    }
  }
  expect(read).toBeGreaterThan(100)
})
