/** The built package in a browser: the same training step and the same exported files give the numbers Node gives. */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, normalize } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "vite"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { findChromium, visit } from "./chromium.ts"

interface Output {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

interface Figures {
  readonly error?: string
  readonly loss: number
  readonly gradientNorm: number
  readonly parameters: Readonly<Record<string, readonly number[]>>
  readonly one: Output
  readonly seven: Output
  /** Of a whole sampler in one file. */
  readonly sampled: Output
  readonly numThreads: number
  /** What `tweedie/data` and `tweedie/io` export: they hold code for Node, which no browser may stumble over. */
  readonly exported: readonly string[]
}

const root = fileURLToPath(new URL("../../", import.meta.url))
const here = fileURLToPath(new URL("./", import.meta.url))
const browser = findChromium()
const isBuilt = existsSync(join(root, "dist/index.js"))
const work = realpathSync(mkdtempSync(join(tmpdir(), "tweedie-browser-")))
const model = join(work, "model.onnx")
const sampler = join(work, "sampler.onnx")
let expected: Figures

if (browser === undefined) console.warn("skipped: no Chromium on the path (or in CHROMIUM)")
else if (!isBuilt) console.warn("skipped: the package is not built (npm run build)")

afterAll(() => rmSync(work, { recursive: true, force: true }))

function expectClose(actual: readonly number[], wanted: readonly number[], what: string): void {
  expect(actual.length, what).toBe(wanted.length)
  for (const [i, v] of wanted.entries()) {
    if (!(Math.abs(actual[i] - v) <= 1e-4 * Math.max(1, Math.abs(v))))
      expect.fail(`${what}: element ${i} is ${actual[i]}, Node gives ${v}`)
  }
}

function expectSame(found: Figures): void {
  expect(found.error).toBeUndefined()
  expect(found.exported).toEqual(expected.exported)
  expectClose([found.loss, found.gradientNorm], [expected.loss, expected.gradientNorm], "loss and norm")
  expect(Object.keys(found.parameters)).toEqual(Object.keys(expected.parameters))
  for (const [name, values] of Object.entries(expected.parameters)) expectClose(found.parameters[name], values, name)
  for (const [batch, key] of [
    [1, "one"],
    [7, "seven"],
  ] as const) {
    expect(found[key].shape).toEqual([batch, 1, 8, 8])
    expectClose(found[key].data, expected[key].data, `the file at batch ${batch}`)
  }
  expect(found.sampled.shape).toEqual([3, 1, 8, 8])
  expectClose(found.sampled.data, expected.sampled.data, "the whole sampler")
}

describe.skipIf(browser === undefined || !isBuilt)("a page", () => {
  beforeAll(async () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(here, "node.js"), model, sampler], {
      encoding: "utf8",
    })
    if (status !== 0) throw new Error(stderr)
    expected = JSON.parse(stdout) as Figures
    await build({
      root: join(here, "page"),
      configFile: false,
      base: "./",
      logLevel: "error",
      build: { outDir: join(work, "site"), target: "es2022" },
    })
  }, 60_000)

  const site = (path: string): string =>
    path.startsWith("/ort/")
      ? join(root, "node_modules/onnxruntime-web/dist", normalize(path).slice(5))
      : path === "/model.onnx" || path === "/sampler.onnx"
        ? join(work, path)
        : join(work, "site", normalize(path === "/" ? "/index.html" : path))

  test("bundled by Vite without settings, trains a step and runs exported files, a whole sampler too, as Node does", async () => {
    const found = (await visit({ browser: browser!, file: site })) as Figures
    expectSame(found)
    expect(found.numThreads).toBe(1)
  })

  test("that is isolated from other origins uses threads", async () => {
    const found = (await visit({ browser: browser!, file: site, isolated: true })) as Figures
    expectSame(found)
    expect(found.numThreads).toBe(2)
  })
})
