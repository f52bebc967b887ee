/** How mistakes end: one clear line that says where, what was got and what was expected, and the exit code that is promised. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { afterAll, beforeAll, expect, test } from "vitest"
import { writeIdx } from "../../src/data/idx.ts"
import { encodePng } from "../../src/io/png.ts"
import { writeSafetensors } from "../../src/io/safetensors.ts"
import { workplace } from "./command.ts"

const { at, run, remove } = workplace()
afterAll(remove)

const text = (words: string): Uint8Array => new TextEncoder().encode(words)
const images = writeIdx({ shape: [40, 28, 28], data: new Uint8Array(40 * 784) })
const labels = writeIdx({ shape: [40], data: new Uint8Array(40) })
const weights = writeSafetensors(new Map([["w", { dtype: "float32", shape: [2], data: Float32Array.of(1, 2) }]]))

/** Writes files into a folder of the workplace. */
function folder(name: string, files: Readonly<Record<string, Uint8Array>>): void {
  mkdirSync(at(name), { recursive: true })
  for (const [file, bytes] of Object.entries(files)) writeFileSync(at(name, file), bytes)
}

/** A folder in MNIST's format with some of its files replaced, or left out. */
function idx(name: string, changes: Readonly<Record<string, Uint8Array | undefined>>): void {
  const files = { "train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels, ...changes }
  folder(name, Object.fromEntries(Object.entries(files).flatMap(([k, v]) => (v === undefined ? [] : [[k, v]]))))
}

/** A safetensors file of a header in JSON and some bytes of data. */
function safetensors(header: string, data = 8, stated = BigInt(header.length)): Uint8Array {
  const out = new Uint8Array(8 + header.length + data)
  new DataView(out.buffer).setBigUint64(0, stated, true)
  out.set(text(header), 8)
  return out
}
const entry = (begin: number, end: number, size = 1): string =>
  JSON.stringify({ dtype: "F32", shape: [size], data_offsets: [begin, end] })

const gray = (size: number): Uint8Array =>
  encodePng({ width: size, height: size, channels: 1, data: new Uint8Array(size * size).map((_, i) => i % 256) })

beforeAll(async () => {
  writeFileSync(at("file"), "a regular file")
  idx("idx-missing", { "train-labels-idx1-ubyte": undefined })
  idx("idx-cut", { "train-images-idx3-ubyte": images.subarray(0, 5000) })
  const packed = new Uint8Array(gzipSync(images))
  idx("idx-cut-gzip", { "train-images-idx3-ubyte.gz": packed.subarray(0, packed.length - 30) })
  idx("idx-magic", { "train-images-idx3-ubyte": text("<html>404 Not Found</html>") })
  idx("idx-swapped", { "train-images-idx3-ubyte": labels, "train-labels-idx1-ubyte": images })
  idx("idx-label", { "train-labels-idx1-ubyte": writeIdx({ shape: [40], data: new Uint8Array(40).fill(11) }) })
  idx("idx-count", { "train-labels-idx1-ubyte": writeIdx({ shape: [39], data: new Uint8Array(39) }) })
  idx("idx-huge", {
    "train-images-idx3-ubyte": new Uint8Array(
      writeIdx({ shape: [1, 28, 28], data: new Uint8Array(784) }).map((b, i) => (i >= 4 && i < 8 ? 255 : b)),
    ),
  })
  folder("pictures-empty", { "notes.txt": text("nothing") })
  folder("pictures-few", { "a.png": gray(8), "b.png": gray(9) })
  const broken = gray(64)
  broken[60] ^= 255
  folder("pictures-broken", { "a.png": gray(8), "b.png": broken, "c.png": gray(8) })
  const bomb = gray(8)
  new DataView(bomb.buffer).setUint32(16, 10_000)
  new DataView(bomb.buffer).setUint32(20, 10_000)
  folder("pictures-huge", { "a.png": gray(8), "b.png": bomb })
  folder("pictures-words", { "a.png": text("just words"), "b.png": gray(8) })
  folder("files", {
    "overlap.safetensors": safetensors(`{"a":${entry(0, 4)},"b":${entry(2, 6)}}`),
    "outside.safetensors": safetensors(`{"a":${entry(0, 400, 100)}}`),
    "twice.safetensors": safetensors(`{"a":${entry(0, 4)},"a":${entry(4, 8)}}`),
    "hole.safetensors": safetensors(`{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, 12),
    "huge.safetensors": safetensors(`{"a":${entry(0, 4)}}`, 8, 2n ** 31n),
    "cut.safetensors": weights.subarray(0, weights.length - 3),
    "deep.json": text(`${"[".repeat(100_000)}`),
    "list.json": text("[1, 2]"),
    "unknown.json": text('{"recipe": "points", "colour": "red", "steps": "many"}'),
    "proto.json": text('{"recipe": "points", "__proto__": {"steps": 1}}'),
    "empty.onnx": new Uint8Array(0),
    "escape.onnx": text("\u001b[31mred\u001b[0m"),
    "noise.npz": text("PK\u0003\u0004 this is no archive"),
  })
  const tiny = ["--steps", "2", "--width", "8", "--layers", "1", "--batch", "8", "--sample-every", "0"]
  expect((await run("train", "--recipe", "points", "--out", "run", ...tiny)).code).toBe(0)
  const model = readFileSync(at("run/model.onnx"))
  writeFileSync(at("files/cut.onnx"), model.subarray(0, model.length - 500))
  folder("no-config", {})
  folder("bad-config", { "config.json": text('{"recipe": "points"}') })
  folder("old-recipe", { "config.json": text('{"recipe": "cats", "options": {}, "versions": {}, "threads": 1}') })
})

const train = (recipe: string, ...args: string[]): string[] => ["train", "--recipe", recipe, "--out", "none", ...args]
const mnist = (dir: string): string[] => train("mnist", "--data-dir", dir)
const pictures = (dir: string, ...args: string[]): string[] =>
  train("images", "--data-dir", dir, "--batch", "1", "--steps", "1", "--width", "8", ...args)

const cases: [what: string, args: string[], message: RegExp][] = [
  ["an unknown verb", ["fly"], /unknown command 'fly'/],
  ["an unknown recipe", train("cats"), /unknown recipe cats; there are glyphs, mnist/],
  ["an unknown flag", train("points", "--colour", "red"), /unknown option '--colour'/],
  ["a flag without its value", ["train", "--recipe"], /argument missing/],
  [
    "a folder of data that is not there",
    mnist("absent"),
    /mnist: found no train-images.* in .*absent \(name the folder/,
  ],
  [
    "an IDX file that is missing",
    mnist("idx-missing"),
    /mnist: found no train-labels-idx1-ubyte\.gz or .* in .*idx-missing/,
  ],
  ["an IDX file that is cut short", mnist("idx-cut"), /file is truncated: 5000 bytes, its header promises 31376/],
  ["a gzipped IDX file that is cut short", mnist("idx-cut-gzip"), /images-idx3-ubyte\.gz: compressed/],
  ["an IDX file that is a web page", mnist("idx-magic"), /wrong magic number 0x3c68746d.*is this an IDX file\?/],
  ["IDX files that are swapped", mnist("idx-swapped"), /holds \[40\] values, expected \[count, 28, 28\] bytes/],
  ["IDX labels that are none", mnist("idx-label"), /mnist: label 0 is 11, expected 0 to 9/],
  [
    "as many labels as there are no images",
    mnist("idx-count"),
    /40 images but 39 labels \(do both files belong together\?\)/,
  ],
  [
    "an IDX file that promises the world",
    mnist("idx-huge"),
    /header promises \[4294967295, 28, 28\] values, more than/,
  ],
  ["no folder of pictures", train("images"), /images: which pictures\? give --data-dir/],
  [
    "a folder of pictures that is not there",
    pictures("absent"),
    /images: absent cannot be read as a folder \(ENOENT\)/,
  ],
  ["a folder of pictures that is a file", pictures("file"), /images: file cannot be read as a folder \(ENOTDIR\)/],
  [
    "a folder without pictures",
    pictures("pictures-empty"),
    /images: pictures-empty holds no \.png, \.jpg or \.jpeg files/,
  ],
  [
    "a picture that is damaged",
    ["train", "--recipe", "images", "--data-dir", "pictures-broken", "--batch", "3", "--width", "8", "--out", "begun"],
    /pictures-broken\/b\.png: png: chunk "IDAT" .* checksum.*mend or remove it/,
  ],
  [
    "a picture of 100 megapixels",
    pictures("pictures-huge"),
    /b\.png: png: size is 10000 x 10000, expected at most 67108864 pixels/,
  ],
  ["a picture that is a text", pictures("pictures-words"), /a\.png: neither PNG nor JPEG, by how it begins/],
  [
    "fewer pictures than a batch",
    train("images", "--data-dir", "pictures-few"),
    /--batch: got 32, there are 2 samples.*give --batch 2 or less/,
  ],
  [
    "a size that cannot be halved",
    pictures("pictures-few", "--size", "30", "--multipliers", "1,2,2,2"),
    /size 30 cannot be halved/,
  ],
  ["a size that is not a size", pictures("pictures-few", "--size", "0"), /--size: got 0, expected.*>=4/],
  [
    "groups that do not divide",
    pictures("pictures-few", "--width", "12"),
    /images: 12 channels do not divide into 8 groups \(give --width a multiple of 8/,
  ],
  [
    "words for a list of numbers",
    train("glyphs", "--multipliers", "a,b"),
    /^tweedie: --multipliers: got a,b, expected numbers, with a comma between\n$/,
  ],
  ["a negative number", train("points", "--lr", "-1"), /--lr: got -1, expected.*>0/],
  ["zero", train("points", "--steps", "0"), /--steps: got 0, expected.*>=1/],
  ["NaN", train("points", "--lr", "NaN"), /--lr: got .*, expected number/],
  ["infinity", train("points", "--lr", "Infinity"), /--lr: got .*, expected number/],
  ["nothing for a number", train("points", "--lr", ""), /--lr: got "", expected number/],
  ["half a step", train("points", "--steps", "1.5"), /--steps: got 1\.5, expected a whole number/],
  ["an absurd number", train("points", "--steps", "1e30"), /--steps: got 1e\+30, expected/],
  ["a seed beyond all numbers", train("points", "--seed", "1e300"), /--seed: got 1e\+300, expected/],
  [
    "an absurd width",
    train("glyphs", "--width", "4096", "--multipliers", "64"),
    /glyphs: a network of about 7\.4e\+12 parameters.*lower --width/,
  ],
  [
    "an absurd batch",
    train("glyphs", "--batch", "65536", "--width", "512"),
    /a batch has about 6\.6e\+9 values in one layer.*lower --batch/,
  ],
  ["a share of more than all", train("points", "--validation", "1.5"), /--validation: got 1\.5, expected.*<=0\.9/],
  ["no threads", train("points", "--threads", "0"), /--threads: got 0, expected a whole number from 1/],
  ["more threads than any", train("points", "--threads", "99999"), /--threads: got 99999, expected at most 1024/],
  [
    "pictures every half step",
    train("points", "--sample-every", "0.5"),
    /--sample-every: got 0\.5, expected a whole number from 0/,
  ],
  ["an unknown choice", train("points", "--set", "cubes"), /--set: got "cubes", .*moons/],
  [
    "a run below a file",
    ["train", "--recipe", "points", "--out", "file/run"],
    /--out file\/run: ENOTDIR: not a directory/,
  ],
  ["a run that is a file", ["train", "--recipe", "points", "--out", "file"], /--out file: ENOTDIR/],
  ["a run where none can be", ["train", "--recipe", "points", "--out", "/proc/run"], /--out \/proc\/run: ENOENT/],
  [
    "a run that is there",
    ["train", "--recipe", "points", "--out", "run"],
    /--out run: there is a run already \(go on with --resume run/,
  ],
  [
    "going on with what is no run",
    ["train", "--resume", "no-config"],
    /no-config: no run here \(a run folder holds config\.json/,
  ],
  [
    "going on with a damaged run",
    ["train", "--resume", "bad-config"],
    /bad-config\/config\.json: not the configuration of a run/,
  ],
  ["going on with a recipe that is no more", ["train", "--resume", "old-recipe"], /unknown recipe cats/],
  [
    "going on with another recipe",
    ["train", "--resume", "run", "--recipe", "mnist"],
    /--resume run: the run is of recipe points, not mnist/,
  ],
  [
    "going on elsewhere",
    ["train", "--resume", "run", "--out", "other"],
    /--out and --resume: a run goes on in its own folder/,
  ],
  [
    "going on with a run that has ended",
    ["train", "--resume", "run"],
    /run has made its 2 steps; give more with --steps/,
  ],
  [
    "going on to a step that is past",
    ["train", "--resume", "run", "--steps", "1"],
    /--steps: got 1, and run has made 2 \(give 2 to end it there, or more\)/,
  ],
  [
    "going on with another network",
    ["train", "--resume", "run", "--steps", "4", "--width", "16"],
    /restore: .* is \[8.*\] in the saved model, \[16.*\] here: the network is another/,
  ],
  [
    "a configuration that is not there",
    ["train", "--config", "absent.json"],
    /--config absent\.json: cannot be read \(ENOENT\)/,
  ],
  ["a configuration of brackets", ["train", "--config", "files/deep.json"], /--config files\/deep\.json: not JSON/],
  ["a configuration that is a list", ["train", "--config", "files/list.json"], /expected a JSON object of options/],
  [
    "a configuration of unknown options",
    ["train", "--config", "files/unknown.json"],
    /--steps: got "many", expected number; unknown option colour/,
  ],
  ["a configuration that reaches for more", ["train", "--config", "files/proto.json"], /unknown option __proto__/],
  ["samples of no run", ["sample", "no-config"], /no-config: no run here/],
  [
    "samples into no folder",
    ["sample", "run", "--out", "absent/x.png"],
    /--out absent\/x\.png: there is no folder absent/,
  ],
  [
    "samples into a folder",
    ["sample", "run", "--out", "files"],
    /--out files: that is a folder, expected the name of a file/,
  ],
  [
    "a name of another format",
    ["sample", "run", "--out", "x.png", "--format", "npy"],
    /--out x\.png: got it with --format npy, expected a name that ends in \.npy/,
  ],
  [
    "a hole of no name",
    ["sample", "run", "--known", "test", "--mask", "middle"],
    /--mask middle: no such file, expected one or center, left/,
  ],
  [
    "a folder for a file",
    ["sample", "run", "--from", "files"],
    /--from files: that is a folder, expected a \.npy file or a PNG/,
  ],
  [
    "how many of a file are to be classified",
    ["classify", "run", "x.npy", "--count", "3"],
    /--count: got it with images x\.npy, expected it where held-out data/,
  ],
  ["no samples", ["sample", "run", "--count", "0"], /--count: got 0, expected.*>=1/],
  [
    "too many sampling steps",
    ["sample", "run", "--steps", "1001"],
    /got 1001 steps, expected a whole number from 1 to 1000/,
  ],
  ["a number that is none", ["sample", "run", "--steps", "many"], /--steps: got "many", expected number/],
  ["a part of a step", ["sample", "run", "--steps", "1.5"], /--steps: got 1\.5, expected a whole number/],
  ["one end of a range", ["sample", "run", "--interval", "3"], /--interval: got \[3\], expected 2 of them/],
  ["a strength of nothing", ["sample", "run", "--strength", "0.3"], /--strength: got it without --from/],
  ["a sampler of no run", ["export", "no-config", "--sampler", "ddim"], /no-config: no run here/],
  ["a checkpoint of no step", ["sample", "run", "--at", "best"], /run: no checkpoint has a validation loss/],
  [
    "a checkpoint that is no number",
    ["sample", "run", "--at", "soon"],
    /--at: got soon, expected last, best or the step/,
  ],
  [
    "an export into a file",
    ["export", "run", "--out", "file"],
    /--out file: (that is a file, expected a folder|ENOTDIR)/,
  ],
  ["an export below a file", ["export", "run", "--out", "file/x"], /--out file\/x: ENOTDIR/],
  [
    "safetensors that overlap",
    ["info", "files/overlap.safetensors"],
    /safetensors: tensor "b" begins at byte 2 .*expected 4: tensors overlap/,
  ],
  [
    "safetensors out of range",
    ["info", "files/outside.safetensors"],
    /tensor "a" has data_offsets \[0,400\], expected .* in the 8 bytes of data/,
  ],
  [
    "safetensors that are there twice",
    ["info", "files/twice.safetensors"],
    /safetensors: header has the key "a" twice/,
  ],
  ["safetensors with a hole", ["info", "files/hole.safetensors"], /tensor "b" begins at byte 8 .*expected 4: a hole/],
  [
    "safetensors with a header of 2 GB",
    ["info", "files/huge.safetensors"],
    /safetensors: header of 2147483648 bytes, expected at most 100000000/,
  ],
  [
    "safetensors cut short",
    ["info", "files/cut.safetensors"],
    /tensor "w" has data_offsets \[0,8\], expected .* in the 5 bytes/,
  ],
  ["ONNX cut short", ["info", "files/cut.onnx"], /info: files\/cut\.onnx: onnx: .*byte/],
  ["ONNX that is empty", ["info", "files/empty.onnx"], /empty\.onnx: the file is empty/],
  ["ONNX that would paint the terminal", ["info", "files/escape.onnx"], /files\/escape\.onnx: onnx: /],
  ["an archive that is none", ["info", "files/noise.npz"], /noise\.npz: npz: no directory at the end/],
  ["a file of no kind", ["info", "file"], /info: file: no kind of file that is known/],
  ["a file that is not there", ["info", "absent"], /info: absent does not exist/],
  ["a file below a file", ["info", "file/x"], /info: file\/x cannot be read \(ENOTDIR\)/],
  ["a folder of nothing", ["info", "no-config"], /info: no-config is neither a run folder nor one of pictures/],
]

test.concurrent.each(cases)("%s ends with 2 and one line", async (_, args, message) => {
  const { code, stdout, stderr } = await run(...args)
  expect(stderr).toMatch(message)
  // What commander says is followed by an empty line and a hint.
  const lines = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("(`tweedie"))
  expect(
    lines.filter((line) => !/^\d+ pictures, |^images: .* parameters/.test(line)),
    stderr,
  ).toHaveLength(1)
  expect(stderr).not.toMatch(/\n\s+at |node:internal|undefined|\[object/)
  expect(stderr).not.toContain("\u001b")
  expect(stdout).toBe("")
  expect(code).toBe(2)
})

test("a mistake is told to machines too", async () => {
  for (const [args, message] of [
    [["train", "--recipe", "cats", "--json"], /unknown recipe cats/],
    [["info", "absent", "--json"], /does not exist/],
    [["sample", "no-config", "--json"], /no run here/],
    [["fly", "--json"], /unknown/],
  ] as const) {
    const { code, stdout } = await run(...args)
    expect(code).toBe(2)
    const told = JSON.parse(stdout)
    expect([told.event, told.code]).toEqual(["error", 2])
    expect(told.message).toMatch(message)
  }
})

test("nothing is left behind by what never began", () => {
  expect(() => readFileSync(at("none/config.json"))).toThrow("ENOENT")
})
