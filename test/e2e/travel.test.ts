/** Models that travel: folders of diffusers drawn by the command, runs written as such folders, images measured. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { array, type NdArray } from "../../src/engine/array.ts"
import { exportOnnx } from "../../src/engine/export.ts"
import { batchSize } from "../../src/engine/shape.ts"
import type { Tensor } from "../../src/engine/tensor.ts"
import { readNpy, writeNpy } from "../../src/io/npy.ts"
import { decodePng, encodePng } from "../../src/io/png.ts"
import { readSafetensors } from "../../src/io/safetensors.ts"
import { lenetFrom } from "../../src/metrics/lenet.ts"
import { variables } from "../../src/nn/module.ts"
import { workplace } from "./command.ts"

const { at, run, remove } = workplace()
afterAll(remove)

const fixtures = fileURLToPath(new URL("../../src/diffusers/fixtures", import.meta.url))
const bytes = (path: string): Uint8Array => new Uint8Array(readFileSync(path))
const text = (path: string): string => readFileSync(at(path), "utf8")

/** Runs the command and expects success. */
async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args)
  expect(stderr, args.join(" ")).not.toMatch(/tweedie: /)
  expect(code).toBe(0)
  return stdout + stderr
}

async function drawn(...args: string[]): Promise<NdArray> {
  await done("sample", ...args, "--format", "npy", "--out", "drawn.npy")
  return readNpy(bytes(at("drawn.npy")))
}

function apart(a: NdArray, b: NdArray): number {
  expect(a.shape).toEqual(b.shape)
  return Array.from(a.data, Number).reduce((m, v, i) => Math.max(m, Math.abs(v - Number(b.data[i]))), 0)
}

const small = ["--width", "8", "--groups", "4", "--multipliers", "1,2", "--batch", "4", "--times", "40", "--steps", "4"]
const train = (out: string, ...args: string[]): Promise<string> =>
  done("train", "--recipe", "glyphs", "--out", out, "--sample-every", "0", ...small, ...args)

beforeAll(async () => {
  cpSync(fixtures, at("models"), { recursive: true })
  await train("plain", "--patch", "1")
  await train("told", "--patch", "1", "--labels")
  await train("patched")
})

describe("a model folder of diffusers", () => {
  test("is drawn as its pipeline draws it, from torch's seed", async () => {
    const oracle = readSafetensors(bytes(`${fixtures}/oracle.safetensors`)).tensors
    const asked = ["models/nested", "--count", "2", "--seed", "11"]
    expect(apart(await drawn(...asked, "--steps", "10"), oracle.get("pipeline.ddpm")!)).toBeLessThan(2e-4)
    const noisy = ["--scheduler", "DDIMScheduler", "--steps", "5", "--eta", "0.5"]
    expect(apart(await drawn(...asked, ...noisy), oracle.get("pipeline.ddim-noise")!)).toBeLessThan(2e-4)
  })

  test("is drawn by samplers of ours, and with noise by the sample", async () => {
    const ours = ["models/nested", "--sampler", "unipc", "--steps", "4", "--seed", "3", "--noise", "per-sample"]
    const [two, three] = [await drawn(...ours, "--count", "2"), await drawn(...ours, "--count", "3")]
    expect(
      apart(two, array("float32", two.shape, Float32Array.from(three.data.slice(0, two.data.length) as Float32Array))),
    ).toBeLessThan(1e-5)
    const own = await drawn("models/nested", "--sampler", "unipc", "--steps", "4", "--seed", "3", "--count", "2")
    expect(apart(own, two)).toBeGreaterThan(0.01)
  })

  test("may be the unet alone, with a scheduler's defaults, and its picture lies in the folder", async () => {
    const told = await done(
      "sample",
      "models/nested/unet",
      "--scheduler",
      "DDIMScheduler",
      "--steps",
      "2",
      "--count",
      "4",
    )
    expect(told).toContain("4 samples: models/nested/unet/samples.png")
    expect(decodePng(bytes(at("models/nested/unet/samples.png"))).channels).toBe(3)
    const stdout = await done("sample", "models/flat", "--steps", "2", "--count", "1", "--json", "--out", "flat.png")
    expect(JSON.parse(stdout.split("\n").find((line) => line.includes('"done"'))!)).toMatchObject({
      file: "flat.png",
      count: 1,
      pipeline: "DDPMPipeline",
      scheduler: "DDPMScheduler",
      noise: "torch",
    })
  })

  test("is described by info", async () => {
    expect(JSON.parse(await done("info", "models/nested", "--json"))).toMatchObject({
      kind: "diffusers",
      pipeline: "DDPMPipeline",
      images: "[3, 8, 8]",
      scheduler: "DDPMScheduler",
      predicts: "v_prediction",
    })
  })
})

describe("a run without patches", () => {
  test("is exported as a folder that draws what the run draws", async () => {
    const told = await done("export", "plain", "--format", "diffusers")
    expect(told).toContain("plain/diffusers/model_index.json")
    expect(JSON.parse(text("plain/diffusers/unet/config.json"))).toMatchObject({
      _class_name: "UNet2DModel",
      in_channels: 1,
      sample_size: 28,
      block_out_channels: [8, 16],
    })
    expect(JSON.parse(text("plain/diffusers/scheduler/scheduler_config.json"))).toMatchObject({
      beta_schedule: "squaredcos_cap_v2",
      num_train_timesteps: 40,
      prediction_type: "v_prediction",
    })
    const asked = ["--count", "3", "--steps", "10", "--seed", "5"]
    const here = ["--noise", "torch", "--compat", "diffusers", "--spacing", "trailing"]
    for (const [sampler, scheduler] of [
      ["ddim", "DDIMScheduler"],
      ["ddpm", "DDPMScheduler"],
    ]) {
      const there = await drawn("plain/diffusers", ...asked, "--scheduler", scheduler)
      expect(apart(there, await drawn("plain", ...asked, ...here, "--sampler", sampler))).toBeLessThan(1e-5)
      expect(Array.from(there.data, Number).filter((v) => v > 0.02 && v < 0.98).length).toBeGreaterThan(100)
    }
  })

  test("that is told labels is exported as one class, or with all of them and a warning", async () => {
    expect(await done("export", "told", "--format", "diffusers", "--out", "three", "--label", "3")).not.toMatch(
      /warning/,
    )
    expect(await done("export", "told", "--format", "diffusers", "--out", "all")).toMatch(/warning: .*--label 7/)
    const asked = ["--count", "2", "--steps", "5", "--scheduler", "DDIMScheduler"]
    const three = await drawn("three", ...asked)
    expect(apart(three, await drawn("all", ...asked, "--label", "3"))).toBeLessThan(1e-5)
    expect(apart(three, await drawn("all", ...asked, "--label", "4"))).toBeGreaterThan(1e-4)
    // The last class stands for none, which guidance by our samplers needs.
    const guided = ["--sampler", "ddim", "--steps", "5", "--count", "2", "--label", "3", "--guidance"]
    const one = await drawn("all", ...guided, "1", "--noise", "per-sample", "--seed", "9")
    expect(apart(one, await drawn("told", ...guided, "1", "--seed", "9"))).toBeLessThan(1e-4)
  })
})

describe("images of a run", () => {
  const few = ["--against-count", "300"]
  const draw = ["--count", "40", "--steps", "3", "--seed", "4"]
  const reports = (stdout: string): Record<string, unknown>[] =>
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
      .filter((record) => record.event === "measure")

  test("are measured in a LeNet of its own, which is kept, and the table says what the numbers depend on", async () => {
    const asked = ["eval", "plain", "--metric", "fid,kid,is,pr,mmd", ...draw, ...few]
    const first = await run(...asked, "--lenet-steps", "20")
    expect(first.code).toBe(0)
    expect(first.stderr).toMatch(/plain\/lenet\.safetensors: \d+\.\d+ % of 10000 held-out images right/)
    for (const name of ["fid", "kid", "is", "precision", "recall", "density", "coverage", "mmd"])
      expect(first.stdout).toMatch(new RegExp(`^  ${name} +-?\\d+\\.\\d+`, "m"))
    expect(first.stdout).toMatch(/^n +40 images: plain, step 4, ddim, 3 steps$/m)
    expect(first.stdout).toMatch(/^features +lenet [0-9a-f]{8}, 128 an image$/m)
    expect(first.stdout).toMatch(/^reference +300 images: glyphs, held-out$/m)
    expect(first.stdout).toMatch(/^seed +4;/m)
    for (const line of first.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80)
    const again = await run(...asked)
    expect(again.stdout).toBe(first.stdout)
    expect(again.stderr).not.toMatch(/lenet/)
  })

  test("measure the same from the file that sample writes, from a folder of pictures, and once they are drawn", async () => {
    const asked = ["--metric", "fid,coverage,precision", "--features", "pixels", "--json", "--seed", "4", ...few]
    const live = reports(await done("eval", "plain", "--count", "40", "--steps", "3", ...asked))
    expect(live.map((r) => r["measure"])).toEqual(["fid", "precision", "coverage"])
    expect(live[0]).toMatchObject({
      n: 40,
      features: "pixels",
      reference: "glyphs, held-out",
      referenceCount: 300,
      seed: 4,
    })
    const { data, shape } = await drawn("plain", ...draw)
    const values = (records: Record<string, unknown>[]): unknown[] => records.map((r) => r["value"])
    expect(values(reports(await done("eval", "plain", "--images", "drawn.npy", ...asked)))).toEqual(values(live))
    const octets = Float32Array.from(data as Float32Array, (v) => Math.round(255 * v))
    mkdirSync(at("pngs"))
    for (let i = 0; i < shape[0]; i++) {
      const part = Uint8Array.from(octets.subarray(784 * i, 784 * (i + 1)))
      writeFileSync(
        at("pngs", `${String(i).padStart(3, "0")}.png`),
        encodePng({ width: 28, height: 28, channels: 1, data: part }),
      )
    }
    expect(values(reports(await done("eval", "plain", "--images", "pngs", ...asked)))).toEqual(values(live))
    const ten = reports(await done("eval", "plain", "--images", "pngs", ...asked, "--count", "10"))
    expect(ten[0]).toMatchObject({ n: 10 })
  })

  test("have a floor: real images beside others of their set, better by far than what six updates drew", async () => {
    const asked = ["--metric", "fid", "--features", "pixels", "--json", "--count", "200", "--against-count", "800"]
    const fid = async (...args: string[]): Promise<number> =>
      Number(reports(await done("eval", "plain", ...asked, ...args))[0]["value"])
    const floor = await fid("--images", "data")
    expect(await fid("--steps", "3")).toBeGreaterThan(2 * floor)
    expect(await fid("--images", "data", "--against", "train")).toBeLessThan(2 * floor)
  })

  test("are measured in a network of the user's, or in a LeNet that other runs share", async () => {
    mkdirSync(at("judge"))
    const asked = ["--metric", "fid", "--count", "20", "--steps", "2", "--against-count", "50", "--json"]
    const first = reports(await done("eval", "plain", ...asked, "--features", "judge", "--lenet-steps", "3"))
    expect(existsSync(at("judge/lenet.safetensors"))).toBe(true)
    const other = reports(await done("eval", "told", ...asked, "--features", "judge"))
    expect(other[0]["features"]).toBe(first[0]["features"])
    const file = reports(await done("eval", "told", ...asked, "--features", "judge/lenet.safetensors"))
    expect(file).toEqual(other)
    // The same network as a file of anybody's gives the same numbers.
    const net = await lenetFrom(readSafetensors(bytes(at("judge/lenet.safetensors"))).tensors)
    const onnx = await exportOnnx(
      (x: Tensor) => ({
        features: net.features(x.mul(2).sub(1)),
        logits: net.fc2.forward(net.features(x.mul(2).sub(1))),
      }),
      [{ dtype: "float32", shape: [batchSize, 1, 28, 28] }],
      { inputNames: ["x"], outputNames: ["features", "logits"], variables: variables(net) },
    )
    writeFileSync(at("own.onnx"), onnx)
    const own = ["--features", "own.onnx", "--feature-logits", "logits", "--feature-range", "0,1"]
    const read = reports(await done("eval", "told", ...asked, ...own, "--metric", "fid,is"))
    expect(read[0]["features"]).toMatch(/^onnx [0-9a-f]{8}$/)
    const scores = reports(await done("eval", "told", ...asked, "--features", "judge", "--metric", "fid,is"))
    for (const [i, { value }] of scores.entries())
      expect(Math.abs(Number(read[i]["value"]) / Number(value) - 1)).toBeLessThan(1e-3)
  })
})

describe("a mistake ends with 2 and one line:", () => {
  beforeAll(() => {
    const index = (name: string, changes: object): void => {
      cpSync(`${fixtures}/nested`, at(name), { recursive: true })
      const own = JSON.parse(text(`${name}/model_index.json`)) as object
      writeFileSync(at(name, "model_index.json"), JSON.stringify({ ...own, ...changes }))
    }
    index("diffusion", { _class_name: "StableDiffusionPipeline", text_encoder: ["transformers", "CLIPTextModel"] })
    index("custom", { _class_name: "MyPipeline" })
    index("cut", {})
    writeFileSync(at("cut/model_index.json"), '{"_class_name": "DDPM')
    index("torn", {})
    const weights = bytes(at("torn/unet/diffusion_pytorch_model.safetensors"))
    writeFileSync(at("torn/unet/diffusion_pytorch_model.safetensors"), weights.subarray(0, weights.length - 100))
    index("list", { unet: ["diffusers"] })
    mkdirSync(at("empty"))
    writeFileSync(at("wide.npy"), writeNpy(array("float32", [2, 1, 8, 8], new Float32Array(128))))
    writeFileSync(at("loud.npy"), writeNpy(array("float32", [2, 1, 28, 28], new Float32Array(1568).fill(7))))
    writeFileSync(at("noise.onnx"), "no network")
  })

  const image = (...args: string[]): string[] => ["eval", "plain", "--metric", "fid", ...args]
  const cases: [what: string, args: string[], message: RegExp][] = [
    ["a folder of nothing", ["sample", "empty"], /empty: no run here .* nor a model folder of diffusers/],
    ["a damaged index", ["sample", "cut"], /cut\/model_index\.json: not JSON/],
    ["a damaged index, described", ["info", "cut"], /cut\/model_index\.json: not JSON/],
    [
      "an index of something else",
      ["sample", "list"],
      /list\/model_index\.json: "unet": got \["diffusers"\], expected/,
    ],
    ["weights cut short", ["sample", "torn"], /torn\/unet\/diffusion_pytorch_model\.safetensors: .*bytes/],
    [
      "a pipeline with more than a unet",
      ["sample", "diffusion"],
      /StableDiffusionPipeline" has "text_encoder" .*not read/,
    ],
    [
      "a pipeline of steps we do not know",
      ["sample", "custom"],
      /"MyPipeline", whose steps are not known .*--scheduler/,
    ],
    ["a unet without a scheduler", ["sample", "models/nested/unet"], /no scheduler beside the unet .*--scheduler DDPM/],
    ["a model that draws nothing", ["sample", "models/autoencoder"], /no unet in it/],
    ["a checkpoint of a model folder", ["sample", "models/nested", "--at", "5"], /--at: .* which has no checkpoints/],
    [
      "guidance by a scheduler",
      ["sample", "models/nested", "--guidance", "2"],
      /--guidance: .*does not read it .*--sampler/,
    ],
    ["eta for DDPM", ["sample", "models/nested", "--eta", "1"], /got eta for DDPMScheduler, which takes none/],
    [
      "an unknown scheduler",
      ["sample", "models/nested", "--scheduler", "Fast"],
      /--scheduler: got "Fast", .*DDIMScheduler/,
    ],
    ["a scheduler for a run", ["sample", "plain", "--scheduler", "DDIMScheduler"], /--scheduler: plain is a run/],
    ["too many steps", ["sample", "models/nested", "--steps", "5000"], /got 5000 steps, expected/],
    ["labels for a model of none", ["sample", "models/nested", "--label", "1"], /--label: the unet is told no classes/],
    ["no label for a model of classes", ["sample", "models/written"], /--label: the unet is told one of 3 classes/],
    ["a variant that is not there", ["sample", "models/nested", "--weights", "fp16"], /no such file, but one without/],
    [
      "a run with patches, exported",
      ["export", "patched", "--format", "diffusers"],
      /takes patches of 2, .*train with patch 1/,
    ],
    [
      "an unknown format",
      ["export", "plain", "--format", "pickle"],
      /--format: got "pickle", expected onnx or diffusers/,
    ],
    ["one class of none", ["export", "plain", "--format", "diffusers", "--label", "1"], /trained without labels/],
    ["an unknown measure", ["eval", "plain", "--metric", "fib"], /--metric: got fib, expected bpd, flow/],
    ["measures of two kinds", ["eval", "plain", "--metric", "fid,bpd"], /--metric: got fid,bpd, expected bpd alone/],
    ["an option of another metric", image("--draws", "3"), /--draws: the metric fid does not read it/],
    ["images that are nowhere", image("--images", "absent"), /--images absent: does not exist/],
    ["images of another shape", image("--images", "wide.npy"), /got \[2, 1, 8, 8\], expected \[count, 1, 28, 28\]/],
    ["images of another range", image("--images", "loud.npy"), /value 7 at 0, expected images in \[0, 1\]/],
    ["steps of images that are there", image("--images", "wide.npy", "--steps", "3"), /--steps: got it with --images/],
    ["a network that is none", image("--features", "noise.onnx"), /--features noise\.onnx: onnx: /],
    ["a network that is nowhere", image("--features", "absent"), /--features absent: expected lenet, pixels/],
    ["a score of pixels", ["eval", "plain", "--metric", "is", "--features", "pixels"], /pixels gives no probabilities/],
    [
      "too few images",
      ["eval", "plain", "--metric", "pr", "--count", "3"],
      /--count: there are 3 images, expected at least 6/,
    ],
    ["a label for a run of none", image("--label", "3"), /the model was not trained with labels/],
  ]
  test.concurrent.each(cases)("%s", async (_, args, message) => {
    const { code, stdout, stderr } = await run(...args)
    expect(stderr).toMatch(message)
    expect(stderr.trim().split("\n")).toHaveLength(1)
    expect(stderr).not.toMatch(/\n\s+at |node:internal|undefined|\[object/)
    expect(stdout).toBe("")
    expect(code).toBe(2)
  })
})
