/** A sampler that was exported whole is a file like any other: a script that knows only ONNX Runtime draws our images. */
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"
import { importOnnx } from "../../src/engine/import.ts"
import { readModel } from "../../src/engine/onnx/read.ts"
import { fillNormal, fold, keyOf } from "../../src/engine/random.ts"
import { readNpy } from "../../src/io/npy.ts"
import { workplace } from "./command.ts"

const script = fileURLToPath(new URL("./images.mjs", import.meta.url))
const { folder, at, run, remove } = workplace()
afterAll(remove)

const bytes = (path: string): Uint8Array => new Uint8Array(readFileSync(path))

beforeAll(async () => {
  const size = ["--width", "8", "--layers", "1", "--groups", "4", "--batch", "8", "--steps", "6"]
  const options = ["--labels", "--out", "run", "--threads", "1", "--sample-every", "0", ...size]
  const { code, stderr } = await run("train", "--recipe", "glyphs", ...options)
  expect(stderr).toMatch(/checkpoints/)
  expect(code).toBe(0)
})

/** Noise of a seed's samples, in the order in which questions are asked: the last question has none. */
function noiseOf(seed: number, draws: number, count: number): Float32Array {
  const size = 28 * 28
  const all = new Float32Array(draws * count * size)
  for (let k = 0; k < draws; k++)
    for (let i = 0; i < count; i++)
      fillNormal(all.subarray((k * count + i) * size, (k * count + i + 1) * size), fold(keyOf(seed), i, k))
  return all
}

test.each([
  [1, "ddim", ["--steps", "6"], []],
  [6, "ddpm", ["--steps", "6"], ["--guidance", "2"]],
  [1, "dpmSolver", ["--steps", "5", "--order", "3", "--rescale", "0.5", "--interval", "100,900"], []],
] as const)(
  "with %i draws of noise, %s draws the images of `tweedie sample`",
  async (draws, sampler, options, fixed) => {
    const file = at(`${sampler}.onnx`)
    const exported = await run("export", "run", "--sampler", sampler, ...options, ...fixed, "--out", file)
    expect(exported.code).toBe(0)
    const scale = fixed.length > 0 ? "" : ", guidance [batch]"
    expect(exported.stderr).toContain(`from noise [${draws}, batch, 1, 28, 28], labels [batch]${scale} to images`)
    writeFileSync(at("noise.f32"), noiseOf(5, draws, 3))
    const plain = spawnSync(process.execPath, [script, file, "3", "7", "noise.f32"], { cwd: folder, encoding: "utf8" })
    expect([plain.status, plain.stderr]).toEqual([0, ""])
    const asked = ["--sampler", sampler, ...options, "--guidance", "2", "--label", "7", "--seed", "5", "--count", "3"]
    expect((await run("sample", "run", ...asked, "--format", "npy", "--out", "ours.npy")).code).toBe(0)
    const images = new Float32Array(bytes(at("images.f32")).buffer)
    const ours = readNpy(bytes(at("ours.npy")))
    expect(ours.shape).toEqual([3, 1, 28, 28])
    expect(images.length).toBe(ours.data.length)
    expect(Math.max(...images.map((v, i) => Math.abs(v - Number(ours.data[i]))))).toBeLessThan(1e-4)
    expect(new Set(images).size).toBeGreaterThan(1000)
  },
)

test("the file says what it is", async () => {
  const { code, stderr } = await run("export", "run", "--sampler", "heun", "--steps", "4", "--spacing", "karras")
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^step 6: run\/sampler.onnx \(.* kB\), from noise/)])
  const { metadata, graph, opsets } = readModel(bytes(at("run/sampler.onnx")))
  expect(graph.inputs.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
    ["noise", "float32", [1, "batch", 1, 28, 28]],
    ["labels", "int32", ["batch"]],
    ["guidance", "float32", ["batch"]],
  ])
  expect(graph.outputs.map(({ name, shape }) => [name, shape])).toEqual([["images", ["batch", 1, 28, 28]]])
  expect(opsets).toEqual(new Map([["", 18]]))
  expect(Object.fromEntries(metadata)).toMatchObject({
    "tweedie.recipe": "glyphs",
    "tweedie.sampler": "heun",
    "tweedie.options": '{"steps":4,"spacing":"karras"}',
    "tweedie.steps": "4",
    "tweedie.evaluations": "7",
    "tweedie.images": "float32 in [0, 1]",
    "tweedie.classes": "10; label 10 is none",
  })
  expect((await run("info", "run/sampler.onnx")).stdout).toMatch(/tweedie.sampler +heun/)
})

test("what cannot be written is refused in a sentence, and our own reader names the loop", async () => {
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await run("export", "run", ...args)
    expect(code).toBe(2)
    return stderr
  }
  expect(await refused("--sampler", "probabilityFlow")).toBe(
    "tweedie: sampler: probabilityFlow chooses its steps while it runs, so it cannot be written as one file (heun follows the same flow in steps that are known)\n",
  )
  expect(await refused("--steps", "5")).toBe(
    "tweedie: --steps: got it without --sampler, expected both (--sampler ddim --steps 50)\n",
  )
  expect(await refused("--sampler", "heun", "--eta", "1")).toMatch(/eta: got it for the sampler heun/)
  expect(await refused("--sampler", "ddim", "--out", "none/x.onnx")).toMatch(/there is no folder none/)
  expect((await run("export", "run", "--sampler", "ddim", "--steps", "3", "--out", "read.onnx")).code).toBe(0)
  expect(() => importOnnx(bytes(at("read.onnx")))).toThrow(/Scan.*the operator is not known/)
})

test("the scripts of the documentation are the ones that are run, short, and import nothing of ours", () => {
  const docs = readFileSync(new URL("../../docs/onnx.md", import.meta.url), "utf8")
  for (const path of ["./images.mjs", "../slow/images.py"]) {
    const source = readFileSync(new URL(path, import.meta.url), "utf8")
    expect(docs).toContain(source)
    expect(source.trimEnd().split("\n").length).toBeLessThanOrEqual(21)
    expect(source).not.toMatch(/tweedie|\.\.\//)
  }
})
