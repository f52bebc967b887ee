/** The command line on the built package: whole journeys with small networks, and how mistakes end. */
import { execFile } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { glyphs } from "../../src/data/glyphs.ts"
import { fromNumbers } from "../../src/engine/array.ts"
import { readModel } from "../../src/engine/onnx/read.ts"
import { readNpy, writeNpy } from "../../src/io/npy.ts"
import { decodePng } from "../../src/io/png.ts"
import { readSafetensors } from "../../src/io/safetensors.ts"

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "tweedie-"))
const at = (...path: string[]): string => join(folder, ...path)

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function tweedie(...args: string[]): Promise<Result> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { cwd: folder, timeout: 120_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    )
  })
}

const small = ["--width", "8", "--groups", "4", "--multipliers", "1,2", "--batch", "4", "--times", "50"]
const bytes = (path: string): Uint8Array => new Uint8Array(readFileSync(path))

beforeAll(() => {
  if (!existsSync(main)) throw new Error("dist/ is missing: run `npm run build` first (npm test does)")
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe("a run", () => {
  beforeAll(async () => {
    const { code, stderr } = await tweedie(
      "train",
      "--recipe",
      "glyphs",
      "--out",
      "run",
      "--steps",
      "6",
      "--sample-every",
      "3",
      "--checkpoint-every",
      "3",
      ...small,
    )
    expect(stderr).toMatch(/samples: run\/samples\.png/)
    expect(code).toBe(0)
  })

  test("leaves a folder that explains itself", () => {
    expect(JSON.parse(readFileSync(at("run/config.json"), "utf8"))).toMatchObject({
      recipe: "glyphs",
      options: { steps: 6, width: 8, seed: 0 },
    })
    expect(
      readFileSync(at("run/log.jsonl"), "utf8")
        .trim()
        .split("\n")
        .map((l) => JSON.parse(l).step),
    ).toEqual([6])
    expect(readdirSync(at("run/checkpoints")).sort()).toEqual(["step-3", "step-6"])
    expect(readdirSync(at("run/samples"))).toEqual(["step-3.png"])
    expect(decodePng(bytes(at("run/samples.png"))).width).toBeGreaterThan(200)
  })

  test("is sampled as numbers in [0, 1], the same for the same seed, in any batch", async () => {
    for (const [file, count] of [
      ["a", "3"],
      ["b", "3"],
      ["c", "5"],
    ]) {
      const { code, stderr } = await tweedie(
        "sample",
        "run",
        "--count",
        count,
        "--steps",
        "5",
        "--seed",
        "7",
        "--format",
        "npy",
        "--out",
        `${file}.npy`,
      )
      expect(stderr).toMatch(new RegExp(`${count} samples: ${file}\\.npy`))
      expect(code).toBe(0)
    }
    const [a, b, c] = ["a", "b", "c"].map((f) => readNpy(bytes(at(`${f}.npy`))))
    expect(a.shape).toEqual([3, 1, 28, 28])
    expect(a.dtype).toBe("float32")
    expect(a.data).toEqual(b.data)
    expect((a.data as Float32Array).every((v) => v >= 0 && v <= 1)).toBe(true)
    for (let i = 0; i < a.data.length; i++) expect(Math.abs(Number(a.data[i]) - Number(c.data[i]))).toBeLessThan(1e-4)
  })

  test("is sampled by any sampler, with its own options, and told when a sampler has no such option", async () => {
    const asked: [string, ...string[]][] = [
      ["heun", "--spacing", "karras", "--churn", "2"],
      ["dpmSolver", "--order", "3", "--algorithm", "sde-dpmsolver++", "--no-lower-order-final"],
      ["unipc", "--variant", "bh1", "--threshold", "0.99"],
      ["probabilityFlow", "--rtol", "0.01", "--atol", "0.01"],
    ]
    for (const [sampler, ...options] of asked) {
      const told = await tweedie(
        "sample",
        "run",
        "--count",
        "2",
        "--sampler",
        sampler,
        "--steps",
        "4",
        "--format",
        "npy",
        "--out",
        `${sampler}.npy`,
        ...options,
      )
      expect(told.stderr).toMatch(/2 samples/)
      expect(told.code).toBe(0)
      expect(readNpy(bytes(at(`${sampler}.npy`))).shape).toEqual([2, 1, 28, 28])
    }
    const refused = await tweedie("sample", "run", "--sampler", "heun", "--eta", "0.5")
    expect(refused.code).toBe(2)
    expect(refused.stderr).toMatch(/eta: got it for the sampler heun, expected one of ddim, eulerAncestral/)
  })

  test("is sampled ancestrally into a PNG grid", async () => {
    const { code } = await tweedie(
      "sample",
      "run",
      "--count",
      "4",
      "--sampler",
      "ddpm",
      "--steps",
      "5",
      "--out",
      "grid.png",
    )
    expect(code).toBe(0)
    expect(decodePng(bytes(at("grid.png"))).channels).toBe(1)
  })

  test("is exported as ONNX with metadata and as safetensors under PyTorch's names", async () => {
    expect((await tweedie("export", "run", "--out", "exported")).code).toBe(0)
    const model = readModel(bytes(at("exported/model.onnx")))
    expect(model.graph.inputs.map((i) => [i.name, i.shape])).toEqual([
      ["x", ["batch", 1, 28, 28]],
      ["t", ["batch"]],
    ])
    expect(model.metadata.get("tweedie.predict")).toBe("v")
    const { tensors } = readSafetensors(bytes(at("exported/model.safetensors")))
    expect(tensors.get("down_blocks.0.resnets.0.conv1.weight")?.shape).toEqual([8, 8, 3, 3])
  })

  test("resumed, it equals bit for bit one that never stopped", async () => {
    const common = ["--steps", "6", "--sample-every", "0", "--checkpoint-every", "3", ...small]
    expect((await tweedie("train", "--recipe", "glyphs", "--out", "whole", ...common)).code).toBe(0)
    expect((await tweedie("train", "--recipe", "glyphs", "--out", "halves", ...common)).code).toBe(0)
    rmSync(at("halves/checkpoints/step-6"), { recursive: true })
    expect((await tweedie("train", "--resume", "halves")).code).toBe(0)
    for (const file of ["model", "ema", "optimizer"]) {
      const [a, b] = ["whole", "halves"].map((run) => bytes(at(run, `checkpoints/step-6/${file}.safetensors`)))
      expect(Buffer.compare(a, b), file).toBe(0)
    }
  })

  test("is judged on data it has not seen, as a table and as JSON, the same for the same seed", async () => {
    const judge = ["eval", "run", "--count", "4", "--draws", "3", "--rows", "5"]
    const { code, stdout } = await tweedie(...judge)
    expect(code).toBe(0)
    expect(stdout).toMatch(/time +bits\/dim +nats\n +1 \(L_0\) +-?\d/)
    expect(stdout).toMatch(/total +\d+\.\d{4} ± \d+\.\d{4}/)
    const json = (await tweedie(...judge, "--json")).stdout.trim().split("\n")
    const last = JSON.parse(json[json.length - 1])
    expect(last).toMatchObject({ event: "done", metric: "bpd", recipe: "glyphs", step: 6, done: 4, count: 4 })
    expect(stdout).toContain(`${last.total.bits.toFixed(4)} ± ${last.total.error.toFixed(4)}`)
    const sum = last.rows.reduce((s: number, row: { nats: number }) => s + row.nats, last.prior.nats)
    expect(Math.abs(sum - last.total.nats)).toBeLessThan(1e-6)
    const flow = await tweedie("eval", "run", "--metric", "flow", "--count", "2", "--tolerance", "0.01", "--json")
    expect(JSON.parse(flow.stdout.trim().split("\n").at(-1)!)).toMatchObject({ event: "done", metric: "flow", done: 2 })
  })

  test.each([
    ["learned", ["--process", "learned", "--objective", "vdm"]],
    ["hybrid", ["--variance", "learned", "--objective", "hybrid", "--draw", "loss-aware"]],
  ])("of points can be of another kind (%s): trained, sampled, judged, resumed", async (name, options) => {
    const common = ["--recipe", "points", "--times", "40", "--width", "16", "--sample-every", "0"]
    const run = ["train", "--out", name, "--steps", "6", "--checkpoint-every", "3", ...common, ...options]
    expect((await tweedie(...run)).code).toBe(0)
    const sampled = await tweedie(
      "sample",
      name,
      "--count",
      "5",
      "--steps",
      "5",
      "--format",
      "npy",
      "--out",
      `${name}.npy`,
    )
    expect(sampled.code).toBe(0)
    expect((readNpy(bytes(at(`${name}.npy`))).data as Float32Array).every(Number.isFinite)).toBe(true)
    const { stdout } = await tweedie("eval", name, "--count", "8", "--json")
    expect(Number.isFinite(JSON.parse(stdout.trim().split("\n").at(-1)!).total.bits)).toBe(true)
    const weights = bytes(at(name, "checkpoints/step-6/model.safetensors"))
    rmSync(at(name, "checkpoints/step-6"), { recursive: true })
    expect((await tweedie("train", "--resume", name)).code).toBe(0)
    expect(Buffer.compare(bytes(at(name, "checkpoints/step-6/model.safetensors")), weights)).toBe(0)
  })

  test("is described by info, as are its files", async () => {
    expect((await tweedie("info", "run")).stdout).toMatch(/recipe +glyphs/)
    const { stdout } = await tweedie("info", "run/model.onnx", "--json")
    expect(JSON.parse(stdout)).toMatchObject({ kind: "onnx", opset: 18 })
  })

  test("told in JSON, writes one object a line", async () => {
    const { stdout } = await tweedie(
      "train",
      "--recipe",
      "points",
      "--out",
      "json",
      "--steps",
      "20",
      "--json",
      "--sample-every",
      "0",
    )
    const lines = stdout
      .trim()
      .split("\n")
      .map((l) => JSON.parse(l))
    const steps = lines.filter((l) => l.event === "step")
    expect(steps.map((l) => l.step)).toEqual([10, 20])
    expect(Number.isFinite(steps[1].loss)).toBe(true)
    expect(lines.map((l) => l.event).filter((e) => e !== "step" && e !== "checkpoint")).toEqual(["start", "done"])
    expect(lines.find((l) => l.event === "checkpoint")).toMatchObject({ step: 2 })
    expect(lines.at(-1).checkpointBytes).toBeGreaterThan(1000)
  })

  test("of points learns from a configuration file, which flags win over", async () => {
    writeFileSync(at("options.json"), JSON.stringify({ recipe: "points", steps: 10, set: "moons", width: 16 }))
    const { code, stdout } = await tweedie("train", "--config", "options.json", "--width", "24", "--dry-run")
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ recipe: "points", options: { steps: 10, set: "moons", width: 24 } })
    expect(existsSync(at("runs"))).toBe(false)
    // What a run folder keeps, and what this printed, is a configuration too.
    writeFileSync(at("planned.json"), stdout)
    const again = await tweedie("train", "--config", "planned.json", "--steps", "11", "--dry-run")
    expect(again.stderr).toBe("")
    const { folder, recipe, options } = JSON.parse(stdout)
    expect(JSON.parse(again.stdout)).toMatchObject({ folder, recipe, options: { ...options, steps: 11 } })
  })

  test("tells defaults that recipes share, and each recipe's own where it is named", async () => {
    const textOf = async (...args: string[]): Promise<string> =>
      (await tweedie("train", ...args, "--help")).stdout.replace(/\s+/g, " ")
    const all = await textOf()
    expect(all).toContain("--steps <number> updates to make (default: the recipe's)")
    expect(all).toContain("--clip <number> bound on the norm of the gradient (default: 1)")
    expect(await textOf("--recipe", "mnist")).toContain("--steps <number> updates to make (default: 10000)")
  })
})

describe("a mistake ends with one clear line and exit code 2:", () => {
  writeFileSync(at("broken.json"), "{ not json")
  const cases: [string, string[], RegExp][] = [
    ["an unknown verb", ["fly"], /unknown command 'fly'/],
    ["an unknown recipe", ["train", "--recipe", "cats"], /unknown recipe cats; there are glyphs, mnist/],
    ["no recipe", ["train"], /which recipe\? give --recipe/],
    ["an unknown flag", ["train", "--recipe", "glyphs", "--colour", "red"], /unknown option '--colour'/],
    ["a negative number", ["train", "--recipe", "glyphs", "--lr", "-1"], /--lr: got -1, expected/],
    ["no number", ["train", "--recipe", "glyphs", "--steps", "many"], /--steps: got .*, expected number/],
    ["an unknown choice", ["train", "--recipe", "points", "--set", "cubes"], /--set: got "cubes", .*moons/],
    ["missing data", ["train", "--recipe", "mnist", "--data-dir", "nowhere", "--out", "none"], /nowhere/],
    [
      "a size that cannot be halved",
      ["train", "--recipe", "glyphs", "--multipliers", "1,2,2,2"],
      /size 28 cannot be halved 3 times/,
    ],
    [
      "groups that do not divide",
      ["train", "--recipe", "glyphs", "--width", "12"],
      /12 channels do not divide into 8 groups/,
    ],
    ["a configuration that is no JSON", ["train", "--config", "broken.json"], /broken\.json: not JSON/],
    ["a folder that is no run", ["sample", "nowhere"], /nowhere: no run here/],
    ["a run to resume that is none", ["train", "--resume", "nowhere"], /nowhere: no run here/],
    [
      "too many sampling steps",
      ["sample", "run", "--steps", "51"],
      /got 51 steps, expected a whole number from 1 to 50/,
    ],
    ["more samples than there are", ["eval", "run", "--count", "2000000"], /--count: got 2000000, expected at most/],
    [
      "options that do not go together",
      ["train", "--recipe", "points", "--variance", "learned"],
      /give --objective hybrid/,
    ],
    ["a file of no kind we know", ["info", "broken.json"], /no kind of file that is known/],
  ]
  test.each(cases)("%s", async (_, args, message) => {
    const { code, stderr } = await tweedie(...args)
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/\n\s+at |node:internal/)
    expect(code).toBe(2)
  })

  test("a run folder that is there already is not written over", async () => {
    const { code, stderr } = await tweedie("train", "--recipe", "glyphs", "--out", "run")
    expect(stderr).toMatch(/there is a run already/)
    expect(code).toBe(2)
  })
})

describe("a run trained with labels", () => {
  beforeAll(async () => {
    const steps = ["--steps", "4", "--sample-every", "0"]
    const flags = ["--recipe", "glyphs", "--out", "told", "--labels", ...steps]
    const { code } = await tweedie("train", ...flags, ...small, "--patch", "4", "--multipliers", "1")
    expect(code).toBe(0)
    await tweedie("sample", "told", "--count", "2", "--steps", "2", "--format", "npy", "--out", "two.npy")
  })

  test("draws the class that is asked for, guided or not", async () => {
    const draw = async (...flags: string[]): Promise<string> => {
      const base = ["sample", "told", "--count", "2", "--steps", "2", "--format", "npy", "--out", "drawn.npy"]
      const { code, stderr } = await tweedie(...base, ...flags)
      expect(stderr).toContain("2 samples: drawn.npy")
      expect(code).toBe(0)
      return readNpy(bytes(at("drawn.npy"))).data.join()
    }
    const seven = await draw("--label", "7")
    expect(await draw("--label", "7,7")).toBe(seven)
    expect(await draw("--label", "7", "--guidance", "1")).toBe(seven)
    expect(await draw("--label", "7", "--guidance", "4", "--rescale", "0.5", "--interval", "1,40")).not.toBe(seven)
    expect(await draw("--label", "7", "--guidance", "0")).toBe(await draw())
    const { stderr, code } = await tweedie("sample", "told", "--label", "12")
    expect(stderr).toContain("label: got 12, expected 0 to 9")
    expect(code).toBe(2)
  })

  test("begins with given images, and fills holes in them", async () => {
    writeFileSync(
      at("mask.npy"),
      writeNpy(
        fromNumbers(
          "float32",
          [28, 28],
          Array.from({ length: 784 }, (_, i) => Number(i < 392)),
        ),
      ),
    )
    const base = ["sample", "told", "--count", "2", "--format", "npy", "--out", "filled.npy"]
    const filled = await tweedie(...base, "--steps", "3", "--known", "two.npy", "--mask", "mask.npy")
    expect(filled.code).toBe(0)
    const [before, after] = ["two.npy", "filled.npy"].map((file) => [...readNpy(bytes(at(file))).data].map(Number))
    for (const [i, v] of after.entries()) if (i % 784 < 392) expect(v).toBeCloseTo(before[i], 5)
    expect(after).not.toEqual(before)
    expect((await tweedie(...base, "--sampler", "repaint", "--steps", "3", "--repeats", "2", "--jump", "2")).code).toBe(
      0,
    )
    expect((await tweedie(...base.with(3, "6"), "--steps", "3", "--arc", "3")).code).toBe(0)
    expect(readNpy(bytes(at("filled.npy"))).shape).toEqual([6, 1, 28, 28])
    expect((await tweedie(...base, "--from", "two.npy", "--strength", "0.1")).code).toBe(0)
    const near = [...readNpy(bytes(at("filled.npy"))).data].map(Number)
    expect(near).not.toEqual(before)
    const alone = await tweedie(...base, "--known", "two.npy")
    expect(alone.stderr).toContain("--known and --mask: got one of them, expected both")
    expect(alone.code).toBe(2)
    const wrong = await tweedie(...base, "--from", "mask.npy")
    expect(wrong.stderr).toContain("--from mask.npy: got [28, 28], expected [count, 1, 28, 28]")
    expect(wrong.code).toBe(2)
  })

  test("takes held-out images by a word, holes by name, and goes on arcs from one image to the next", async () => {
    const rows = (name: string): number[][] => {
      const data = [...readNpy(bytes(at(name))).data].map(Number)
      return Array.from({ length: data.length / 784 }, (_, i) => data.slice(784 * i, 784 * (i + 1)))
    }
    const apart = (a: number[], b: number[]): number => Math.hypot(...a.map((v, i) => v - b[i])) / 28
    const draw = (count: number, out: string, ...flags: string[]) =>
      tweedie("sample", "told", "--count", String(count), "--format", "npy", "--out", out, ...flags)
    // What training with seed 0 never saw.
    const { x } = glyphs({ seed: 1 }).batch(Int32Array.of(0, 1, 2, 3))
    const real = [0, 1, 2, 3].map((i) => Array.from(x.data.slice(784 * i, 784 * (i + 1)), (v) => Number(v) / 2 + 0.5))
    const hole = await draw(2, "hole.npy", "--steps", "2", "--known", "test", "--mask", "center")
    expect(hole.code).toBe(0)
    for (const [i, row] of rows("hole.npy").entries()) {
      const isHole = (k: number): boolean => [k % 28, Math.floor(k / 28)].every((v) => v >= 7 && v < 21)
      const changed = row.map((v, k) => Math.abs(v - real[i][k]) > 0.05)
      expect(changed.some((is, k) => is && !isHole(k))).toBe(false)
      expect(changed.some((is, k) => is && isHole(k))).toBe(true)
    }
    const arc = await draw(6, "arc.npy", "--from", "test", "--arc", "3", "--steps", "40")
    expect(arc.stderr).toContain("6 samples: arc.npy")
    const along = rows("arc.npy")
    for (const [sample, end] of [
      [0, 0],
      [2, 1],
      [3, 2],
      [5, 3],
    ]) {
      const nearest = real.map((image) => apart(along[sample], image))
      expect(nearest.indexOf(Math.min(...nearest))).toBe(end)
      expect(nearest[end]).toBeLessThan(0.2)
    }
    expect(apart(along[1], along[0])).toBeGreaterThan(0.05)
    // In a picture a row is an arc; the file's name says that it is one, as it does of numbers.
    const shown = ["sample", "told", "--count", "6", "--arc", "2", "--steps", "2"]
    expect((await tweedie(...shown, "--out", "arcs.png")).code).toBe(0)
    const { width, height } = decodePng(bytes(at("arcs.png")))
    expect(width / height).toBeCloseTo((2 * 30 + 2) / (3 * 30 + 2), 2)
    expect((await tweedie(...shown, "--out", "named.npy")).code).toBe(0)
    expect(rows("named.npy")).toHaveLength(6)
  })

  test("tells the classes of held-out images and of a file's", async () => {
    const quick = ["--draws", "2", "--rounds", "1"]
    const { stdout, code } = await tweedie("classify", "told", "--count", "3", "--json", ...quick)
    expect(code).toBe(0)
    const done = JSON.parse(stdout.trim().split("\n").at(-1)!)
    expect(done).toMatchObject({ event: "done", recipe: "glyphs", count: 3, weight: "bound" })
    expect(done.labels).toHaveLength(3)
    expect(done.accuracy).toBeGreaterThanOrEqual(0)
    const file = await tweedie("classify", "told", "two.npy", ...quick)
    expect(file.stdout.trim().split("\n")).toHaveLength(2)
    expect(file.code).toBe(0)
    const plain = await tweedie("classify", "run", "two.npy")
    expect(plain.stderr).toContain("run: the run was trained without labels, expected one trained with --labels")
    expect(plain.code).toBe(2)
  })
})

test("what is on unless said otherwise stays off where a configuration file turned it off", async () => {
  writeFileSync(
    at("still.json"),
    JSON.stringify({ recipe: "images", dataDir: "pictures", flip: false, colour: "gray" }),
  )
  const { stdout } = await tweedie("train", "--config", "still.json", "--dry-run")
  expect(JSON.parse(stdout).options.flip).toBe(false)
  const { stdout: turned } = await tweedie("train", "--config", "still.json", "--flip", "--dry-run")
  expect(JSON.parse(turned).options.flip).toBe(true)
})
