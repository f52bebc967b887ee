/** One's own pictures, from a folder to samples, as somebody new would do it; and what the machine and files are like. */
import { spawnSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"
import { Generator } from "../../src/engine/random.ts"
import { decodePng, encodePng } from "../../src/io/png.ts"
import { readEvents } from "../../src/io/tensorboard.ts"
import { whenTold, workplace } from "./command.ts"

const { at, run, watched, remove } = workplace()
afterAll(remove)

const small = [
  "--size",
  "16",
  "--width",
  "8",
  "--multipliers",
  "1,2",
  "--batch",
  "4",
  "--times",
  "20",
  "--threads",
  "1",
]
const quick = [...small, "--steps", "6", "--checkpoint-every", "2", "--sample-every", "0"]

beforeAll(() => {
  const random = new Generator(1)
  const jpegs: { jpeg: string; shape: number[] }[] = JSON.parse(
    readFileSync(fileURLToPath(new URL("../../src/io/fixtures/jpeg.json", import.meta.url)), "utf8"),
  )
  for (const kind of ["sea", "wood"]) mkdirSync(at("photos", kind), { recursive: true })
  for (let k = 0; k < 12; k++) {
    const [width, height] = [20 + random.integer(60), 20 + random.integer(60)]
    const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * (k + 2)) % 251)
    writeFileSync(at("photos", k % 2 ? "sea" : "wood", `${k}.png`), encodePng({ width, height, channels: 3, data }))
  }
  for (const [k, { jpeg }] of jpegs.slice(0, 4).entries())
    writeFileSync(at("photos/sea", `photo ${k}.JPG`), Buffer.from(jpeg, "base64"))
})

test("one command makes samples of a folder of photographs", async () => {
  const { code, stderr } = await run("train", "--recipe", "images", "--data-dir", "photos", "--out", "run", ...quick)
  expect(stderr).toMatch(
    /^16 pictures, in 2 folders, of \d+ to \d+ by \d+ to \d+ pixels, cut and scaled to 16 by 16, in colour$/m,
  )
  expect(code).toBe(0)
  expect(decodePng(new Uint8Array(readFileSync(at("run/samples.png")))).channels).toBe(3)
  const { options } = JSON.parse(readFileSync(at("run/config.json"), "utf8"))
  expect(options).toMatchObject({ colour: "rgb", flip: true, dataDir: at("photos") })
  expect((await run("sample", "run", "--count", "2", "--steps", "3", "--out", "s.png")).code).toBe(0)
})

test("stopped and gone on with, it equals a run that never stopped, mirrored and moved pictures and all", async () => {
  const args = ["train", "--recipe", "images", "--data-dir", "photos", ...quick, "--steps", "40", "--shift", "2"]
  const { code } = await watched([...args, "--out", "parts", "--json"], (child) =>
    whenTold(child, /"event":"checkpoint"/, () => child.kill("SIGKILL")),
  )
  expect(code).not.toBe(0)
  expect((await run("train", "--resume", "parts", "--checkpoint-every", "2", "--sample-every", "0")).code).toBe(0)
  expect((await run(...args, "--out", "whole")).code).toBe(0)
  for (const file of ["model.safetensors", "checkpoints/step-40/optimizer.safetensors"])
    expect(Buffer.compare(readFileSync(at("parts", file)), readFileSync(at("whole", file))), file).toBe(0)
})

test("with labels, folders within the folder are the classes, by name in the configuration", async () => {
  const args = ["train", "--recipe", "images", "--labels", ...quick, "--steps", "2"]
  expect((await run(...args, "--data-dir", "photos", "--out", "named")).code).toBe(0)
  expect(JSON.parse(readFileSync(at("named/config.json"), "utf8")).options.classNames).toEqual(["sea", "wood"])
  const base = ["sample", "named", "--count", "2", "--steps", "2", "--out", "named.png"]
  expect((await run(...base, "--label", "1", "--guidance", "2")).code).toBe(0)
  expect((await run(...base, "--label", "2")).stderr).toContain("label: got 2, expected 0 to 1")
  for (const [flags, message] of [
    [["--data-dir", "photos/sea"], "--labels: images has no classes (give folders of pictures, one for each)"],
    [["--data-dir", "photos", "--class-names", "a,b,c"], "photos has 2 classes, expected the 3 folders a, b, c"],
  ] as const) {
    const { code, stderr } = await run(...args, ...flags, "--out", "nameless")
    expect(stderr).toContain(message)
    expect(code).toBe(2)
  }
})

test("files that cannot be read are passed over when that is asked for", async () => {
  mkdirSync(at("mixed"))
  const gray = encodePng({ width: 9, height: 9, channels: 1, data: new Uint8Array(81) })
  for (const k of [1, 2, 3, 4]) writeFileSync(at("mixed", `${k}.png`), gray)
  writeFileSync(at("mixed/0.png"), gray.subarray(0, 50))
  const args = ["train", "--recipe", "images", "--data-dir", "mixed", "--out", "passed", ...quick]
  expect((await run(...args)).code).toBe(2)
  rmSync(at("passed"), { recursive: true, force: true })
  const { code, stderr } = await run(...args, "--skip-broken", "--no-flip")
  expect(stderr).toMatch(/in gray$/m)
  expect(code).toBe(0)
  expect(JSON.parse(readFileSync(at("passed/config.json"), "utf8")).options).toMatchObject({
    colour: "gray",
    flip: false,
  })
})

test("TensorBoard finds the curves of a run, once also where it was gone on with", async () => {
  const args = ["--recipe", "points", "--width", "8", "--layers", "1", "--batch", "8", "--times", "20"]
  const every = ["--checkpoint-every", "10", "--sample-every", "20"]
  expect((await run("train", "--out", "curves", ...args, ...every, "--steps", "30")).code).toBe(0)
  expect((await run("train", "--resume", "curves", ...every, "--steps", "50")).code).toBe(0)
  const files = readdirSync(at("curves"))
    .filter((name) => name.startsWith("events.out.tfevents."))
    .sort()
  const [first, second] = files.map((name) => readEvents(new Uint8Array(readFileSync(at("curves", name)))))
  expect(first.filter((e) => "loss" in e.scalars).map((e) => e.step)).toEqual([10, 20, 30])
  expect(first.find((e) => "samples" in e.images)?.step).toBe(20)
  expect(second[0]).toMatchObject({ step: 31, isRestart: true })
  expect(second.filter((e) => "loss" in e.scalars).map((e) => e.step)).toEqual([40, 50])
  expect(Object.keys(first[0].scalars).sort()).toEqual(["gradientNorm", "loss", "lr"])
  const { stdout } = await run("info", `curves/${files[0]}`, "--json")
  expect(JSON.parse(stdout)).toMatchObject({
    kind: "events",
    images: "samples",
    loss: expect.stringMatching(/at step 30$/),
  })
})

test("info tells what any file holds, whatever its name", async () => {
  writeFileSync(at("no-ending"), readFileSync(at("photos/wood/0.png")))
  for (const [path, facts] of [
    ["photos", { kind: "pictures", pictures: 16, labels: "sea, wood", colour: true }],
    ["no-ending", { kind: "png", colour: true }],
    ["photos/sea/photo 0.JPG", { kind: "jpeg", width: 40, height: 24 }],
    ["run", { kind: "run", recipe: "images", checkpoints: "4, 6" }],
    ["run/model.safetensors", { kind: "safetensors" }],
    ["run/model.onnx", { kind: "onnx", opset: 18 }],
  ] as const) {
    const { code, stdout } = await run("info", path, "--json")
    expect(JSON.parse(stdout), path).toMatchObject(facts)
    expect(code).toBe(0)
    expect((await run("info", path)).stdout).toMatch(new RegExp(`^kind +${facts.kind}$`, "m"))
  }
})

test("the doctor finds the engine right", async () => {
  const { code, stdout } = await run("doctor", "--json")
  const findings = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
  expect(findings.map((f) => f.name ?? f.event)).toEqual([
    ...["versions", "machine", "device", "correctness", "speed", "disk"],
    "done",
  ])
  const { trouble, value } = findings.find((f) => f.name === "correctness")
  expect(trouble).toBeUndefined()
  expect(Number(/to (\S+e-\d+),/.exec(value)?.[1])).toBeLessThan(1e-4)
  // A slow or nearly full machine is no fault of ours.
  expect([0, 1]).toContain(code)
  expect(findings.at(-1).troubles === 0).toBe(code === 0)
})

test("recipes are listed for people and for machines", async () => {
  const { stdout } = await run("recipes", "--json")
  const names = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).name)
  expect(names).toEqual(expect.arrayContaining(["glyphs", "mnist", "fashion", "cifar10", "images", "points"]))
  const lines = (await run("recipes")).stdout.trim().split("\n")
  expect(lines).toHaveLength(names.length)
  // Descriptions begin in one column.
  expect(new Set(lines.map((line) => /^\w+ +/.exec(line)![0].length)).size).toBe(1)
})

test("every parser survives some hundreds of damaged files", () => {
  const script = fileURLToPath(new URL("../slow/fuzz.mjs", import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, [script, "--count", "300", "--seed", "1"], {
    encoding: "utf8",
  })
  expect(stdout.match(/ 300 files/g), stdout).toHaveLength(12)
  expect(status, stdout).toBe(0)
})
