/** A classifier of another tool, fine-tuned on a folder of pictures by one command. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"
import { range } from "../../src/data/dataset.ts"
import { glyphs } from "../../src/data/glyphs.ts"
import { array } from "../../src/engine/array.ts"
import { compile } from "../../src/engine/compile.ts"
import { importOnnx } from "../../src/engine/import.ts"
import { encodePng } from "../../src/io/png.ts"
import { workplace } from "./command.ts"

const { at, run, watched, remove } = workplace()
afterAll(remove)

const net = fileURLToPath(new URL("../../src/nn/fixtures/mnist-script.onnx", import.meta.url))
const kinds = ["circle", "seven", "stick"]
const classOf = new Map([
  [0, "circle"],
  [7, "seven"],
  [1, "stick"],
])

/** Glyphs of three digits as dark ink on white, in folders of their names. */
beforeAll(() => {
  const { x, y } = glyphs({ count: 400, seed: 3 }).batch(range(400))
  for (const kind of kinds) mkdirSync(at("pictures", kind), { recursive: true })
  for (const [i, label] of y!.data.entries()) {
    const kind = classOf.get(label)
    const data = Uint8Array.from(x.data.subarray(i * 784, (i + 1) * 784), (v) => 255 - Math.round((v + 1) * 127.5))
    if (kind !== undefined)
      writeFileSync(at("pictures", kind, `${i}.png`), encodePng({ width: 28, height: 28, channels: 1, data }))
  }
})

const normal = ["--mean", "0.1307", "--std", "0.3081", "--threads", "1"]
const tune = (...args: string[]): ReturnType<typeof run> =>
  run("tune", net, "--data-dir", "pictures", ...normal, ...args)

test("a new last layer on a frozen trunk learns a folder's classes and is written with their names", async () => {
  const { code, stderr } = await tune("--epochs", "15", "--lr", "0.02", "--batch", "16", "--holdout", "0.2")
  expect(stderr).toMatch(/^3 classes, \d+ pictures to train on, \d+ held out; 99 parameters train on 32 features/m)
  const share = Number(
    /^(\d+\.\d\d) % of \d+ held-out pictures right; wrote mnist-script-tuned\.onnx$/m.exec(stderr)?.[1],
  )
  expect(share).toBeGreaterThan(80)
  expect(code).toBe(0)
  const program = importOnnx(new Uint8Array(readFileSync(at("mnist-script-tuned.onnx"))))
  expect(JSON.parse(program.metadata.get("labels")!)).toEqual(kinds)
  expect(program.variables.get("head.weight")?.shape).toEqual([3, 32])
  const pixels = array("float32", [5, 1, 28, 28], new Float32Array(5 * 784))
  const forward = compile(program.call)
  expect((await forward({ x: pixels }))["logits"].shape).toEqual([5, 3])
  await forward.dispose()
  expect(readdirSync(at(".")).filter((name) => name.endsWith(".tmp"))).toEqual([])
})

test("every layer is trained on from the file where that is asked for, and told as JSON", async () => {
  const { code, stdout } = await tune("--train", "all", "--steps", "12", "--out", "all.onnx", "--json")
  const told = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, number | string>)
  expect(told[0]).toMatchObject({ event: "start", labels: kinds, width: 32 })
  const steps = told.filter((t) => t["event"] === "step")
  expect(steps.map((t) => t["step"])).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
  expect(Number(steps.at(-1)!["loss"])).toBeLessThan(Number(steps[0]["loss"]))
  expect(told.at(-1)).toMatchObject({ event: "done", out: "all.onnx", accuracy: expect.any(Number) })
  expect(code).toBe(0)
})

test("mistakes end with one line and 2, and leave no file", async () => {
  mkdirSync(at("flat"))
  writeFileSync(at("flat/0.png"), readFileSync(at("pictures/stick", readdirSync(at("pictures/stick"))[0])))
  writeFileSync(at("no.onnx"), "no")
  const cases: [string[], RegExp][] = [
    [["tune", "none.onnx", "--data-dir", "pictures"], /none\.onnx: cannot be read \(ENOENT\)/],
    [["tune", "no.onnx", "--data-dir", "pictures"], /no\.onnx: onnx: /],
    [["tune", net], /--data-dir: got nothing/],
    [["tune", net, "--data-dir", "flat"], /--data-dir flat: got no sub-folders, expected one for each class/],
    [["tune", net, "--data-dir", "nowhere"], /nowhere cannot be read as a folder/],
    [["tune", net, "--data-dir", "pictures", "--keep-head"], /the file tells 10 classes, the folder holds 3/],
    [["tune", net, "--data-dir", "pictures", "--mean", "0.1,0.2"], /--mean: got 2 numbers, expected 1 or 1/],
    [["tune", net, "--data-dir", "pictures", "--cut", "x9"], /output "x9" is not made by any node/],
    [["tune", net, "--data-dir", "pictures", "--out", "no/where.onnx", "--steps", "1"], /cannot write no\/where\.onnx/],
  ]
  for (const [args, message] of cases) {
    const { code, stderr } = await run(...args)
    expect(stderr, args.join(" ")).toMatch(message)
    expect([args, code]).toEqual([args, message.source.startsWith("cannot write") ? 1 : 2])
  }
})

test("interrupted, it writes nothing", async () => {
  const args = [
    "tune",
    net,
    "--data-dir",
    "pictures",
    "--train",
    "all",
    "--epochs",
    "1000",
    "--out",
    "cut.onnx",
    "--json",
  ]
  const { code } = await watched(args, (child) => {
    child.stdout?.once("data", () => setTimeout(() => child.kill("SIGINT"), 500))
  })
  expect(code).toBe(130)
  expect(readdirSync(at("."))).not.toContain("cut.onnx")
})
