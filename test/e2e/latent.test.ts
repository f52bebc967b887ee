/** Latent diffusion and super-resolution on the built command: from data to samples, and what a run folder keeps. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as ort from "onnxruntime-node"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { readModel } from "../../src/engine/onnx/read.ts"
import { fillNormal, fold, keyOf } from "../../src/engine/random.ts"
import { readNpy } from "../../src/io/npy.ts"
import { decodePng, encodePng } from "../../src/io/png.ts"
import { readSafetensors } from "../../src/io/safetensors.ts"
import { workplace } from "./command.ts"

const { at, run, remove } = workplace()
afterAll(remove)

const bytes = (path: string): Uint8Array => new Uint8Array(readFileSync(path))
const small = ["--width", "8", "--groups", "4", "--batch", "4", "--threads", "1", "--sample-every", "0"]
const quick = [...small, "--multipliers", "1,2", "--steps", "4", "--checkpoint-every", "2"]
const last = (stdout: string): Record<string, never> => JSON.parse(stdout.trim().split("\n").at(-1)!)

describe("latent diffusion", () => {
  beforeAll(async () => {
    const coder = await run("train", "--recipe", "autoencoder", "--data", "glyphs", "--out", "coder", ...quick)
    expect(coder.stderr).toContain("samples: coder/samples.png")
    expect(coder.code).toBe(0)
    const flags = ["--recipe", "latent", "--autoencoder", "coder", "--labels", "--times", "20", ...quick]
    const run1 = await run("train", "--out", "run", ...flags, "--sample-every", "2")
    expect(run1.stderr).toContain("samples: run/samples.png")
    expect(run1.code).toBe(0)
  })

  test("its autoencoder gives images back and is judged by their error", async () => {
    const { code, stdout } = await run("eval", "coder", "--count", "70", "--json")
    expect(code).toBe(0)
    const { metric, figures } = last(stdout) as unknown as { metric: string; figures: Record<string, number> }
    expect(metric).toBe("error")
    expect(figures["psnr"]).toBeCloseTo(-20 * Math.log10(figures["rmse"]), 6)
    expect(figures["kl, nats"]).toBeGreaterThan(0)
    expect((await run("sample", "coder", "--count", "3", "--format", "npy", "--out", "back.npy")).code).toBe(0)
    expect(readNpy(bytes(at("back.npy"))).shape).toEqual([3, 1, 28, 28])
    // Those of a file: the reconstructions of reconstructions.
    const again = ["sample", "coder", "--count", "3", "--format", "npy", "--from", "back.npy", "--out", "again.npy"]
    expect((await run(...again)).code).toBe(0)
    expect(readNpy(bytes(at("again.npy"))).data).not.toEqual(readNpy(bytes(at("back.npy"))).data)
    // Rows of images and of what came back: 8 columns for 32 of them.
    const { width, height } = decodePng(bytes(at("coder/samples.png")))
    expect(width).toBe(height)
  })

  test("leaves a folder that needs the autoencoder's no more, resumed to the same bits", async () => {
    const config = JSON.parse(readFileSync(at("run/config.json"), "utf8"))
    expect(config.options.coder).toMatchObject({ data: "glyphs", width: 8, latentChannels: 4 })
    expect(config.options.coder.scalingFactor).toBeGreaterThan(0)
    const weights = readSafetensors(bytes(at("run/checkpoints/step-4/model.safetensors"))).tensors
    const coder = readSafetensors(bytes(at("coder/checkpoints/step-4/ema.safetensors"))).tensors
    for (const [name, { data }] of coder) expect(weights.get(`autoencoder.${name}`)!.data, name).toEqual(data)
    rmSync(at("coder"), { recursive: true })
    const before = ["model", "ema", "optimizer"].map((name) => bytes(at(`run/checkpoints/step-4/${name}.safetensors`)))
    rmSync(at("run/checkpoints/step-4"), { recursive: true })
    const { code, stderr } = await run("train", "--resume", "run")
    expect(stderr).toContain("on from step 2")
    expect(code).toBe(0)
    for (const [i, name] of ["model", "ema", "optimizer"].entries())
      expect(Buffer.compare(bytes(at(`run/checkpoints/step-4/${name}.safetensors`)), before[i]), name).toBe(0)
  })

  test("draws decoded images of a label, also partway from others, and tells classes", async () => {
    const base = ["sample", "run", "--count", "2", "--steps", "3", "--format", "npy"]
    expect((await run(...base, "--label", "7", "--guidance", "2", "--out", "two.npy")).code).toBe(0)
    const two = readNpy(bytes(at("two.npy")))
    expect(two.shape).toEqual([2, 1, 28, 28])
    expect((two.data as Float32Array).every((v) => v >= 0 && v <= 1)).toBe(true)
    expect((await run(...base, "--from", "two.npy", "--strength", "0.3", "--out", "near.npy")).code).toBe(0)
    expect(readNpy(bytes(at("near.npy"))).shape).toEqual([2, 1, 28, 28])
    expect(
      (await run("classify", "run", "two.npy", "--draws", "2", "--rounds", "1")).stdout.trim().split("\n"),
    ).toHaveLength(2)
    const { code, stderr } = await run(...base, "--known", "two.npy", "--mask", "two.npy")
    expect(stderr).toContain("known: a model of latents knows no pixels to keep")
    expect(code).toBe(2)
  })

  test("is judged by its decoder's error and by latents beside the encoder's, and by no likelihood", async () => {
    const { code, stdout } = await run("eval", "run", "--count", "6", "--json")
    expect(code).toBe(0)
    const { figures } = last(stdout) as unknown as { figures: Record<string, number> }
    expect(figures["latents' std"]).toBeGreaterThan(0.8)
    expect(figures["latents' std"]).toBeLessThan(1.2)
    expect(Number.isFinite(figures["samples' std"])).toBe(true)
    const refused = await run("eval", "run", "--metric", "bpd")
    expect(refused.stderr).toContain("--metric: got bpd, a run of latent like this is judged by error")
    expect(refused.code).toBe(2)
  })

  test("its images are measured beside images of the data, held-out or trained on", async () => {
    const measure = [
      "eval",
      "run",
      "--metric",
      "fid",
      "--count",
      "4",
      "--steps",
      "2",
      "--against-count",
      "20",
      "--json",
    ]
    for (const flags of [
      ["--features", "lenet", "--lenet-steps", "2"],
      ["--features", "pixels", "--against", "train"],
    ]) {
      const { code, stdout, stderr } = await run(...measure, ...flags)
      expect(stderr).not.toContain("tweedie:")
      expect(code).toBe(0)
      const told = stdout.split("\n").find((line) => line.includes('"measure":"fid"'))!
      expect(JSON.parse(told)).toMatchObject({ n: 4, referenceCount: 20 })
    }
  })

  test("is written as files: the denoiser of latents, encoder and decoder", () => {
    for (const [file, input, output] of [
      ["model", [4, 14, 14], "v"],
      ["encoder", [1, 28, 28], "z"],
      ["decoder", [4, 14, 14], "x"],
    ] as const) {
      const { graph, metadata } = readModel(bytes(at(`run/${file}.onnx`)))
      expect(graph.inputs[0].shape, file).toEqual(["batch", ...input])
      expect(graph.outputs[0].name).toBe(output)
      expect(metadata.get("tweedie.recipe")).toBe("latent")
    }
  })

  test("is written whole, noise in and decoded images out, and gives those that the command draws", async () => {
    const whole = ["export", "run", "--sampler", "ddim", "--steps", "3", "--out", "whole.onnx"]
    expect((await run(...whole)).code).toBe(0)
    const options = ["--count", "2", "--steps", "3", "--seed", "5", "--label", "7", "--guidance", "2"]
    expect((await run("sample", "run", ...options, "--format", "npy", "--out", "drawn.npy")).code).toBe(0)
    const noise = new Float32Array(2 * 784)
    for (const i of [0, 1]) fillNormal(noise.subarray(784 * i, 784 * (i + 1)), fold(keyOf(5), i, 0))
    const session = await ort.InferenceSession.create(bytes(at("whole.onnx")))
    const { images } = await session.run({
      noise: new ort.Tensor("float32", noise, [1, 2, 4, 14, 14]),
      labels: new ort.Tensor("int32", Int32Array.of(7, 7), [2]),
      guidance: new ort.Tensor("float32", Float32Array.of(2, 2), [2]),
    })
    await session.release()
    const drawn = readNpy(bytes(at("drawn.npy")))
    expect(images.dims).toEqual(drawn.shape)
    for (const [i, v] of drawn.data.entries()) expect(Math.abs(Number(v) - Number(images.data[i]))).toBeLessThan(1e-4)
  })

  test("says what is missing", async () => {
    for (const [flags, message] of [
      [["--recipe", "latent"], "latent: which autoencoder? give --autoencoder <run>"],
      [["--recipe", "latent", "--autoencoder", "nowhere"], "nowhere: no run here"],
      [
        ["--recipe", "latent", "--autoencoder", "run"],
        "--autoencoder run: a run of the recipe latent, expected one of",
      ],
      [
        ["--recipe", "autoencoder", "--data", "glyphs", "--multipliers", "1,1,1,1"],
        "size 28 by 28 cannot be halved 3 times",
      ],
    ] as const) {
      const { code, stderr } = await run("train", ...flags)
      expect(stderr).toContain(message)
      expect(code).toBe(2)
    }
    const { stderr } = await run("sample", "run", "--at", "1")
    expect(stderr).toContain("no checkpoint of step 1")
  })
})

describe("super-resolution", () => {
  beforeAll(async () => {
    const flags = ["--recipe", "glyphs", "--upscale", "4", "--times", "20", "--patch", "4", ...quick]
    const { code, stderr } = await run("train", "--out", "large", ...flags, "--multipliers", "1")
    expect(stderr).toContain("samples: large/samples.png")
    expect(code).toBe(0)
  })

  test("makes large images of a small one from a file, or of held-out data", async () => {
    const data = Uint8Array.from({ length: 49 }, (_, i) => 5 * i)
    writeFileSync(at("small.png"), encodePng({ width: 7, height: 7, channels: 1, data }))
    const base = ["sample", "large", "--count", "2", "--steps", "3", "--format", "npy", "--out", "drawn.npy"]
    expect((await run(...base, "--from", "small.png")).code).toBe(0)
    const drawn = readNpy(bytes(at("drawn.npy")))
    expect(drawn.shape).toEqual([2, 1, 28, 28])
    expect((await run(...base)).code).toBe(0)
    expect(readNpy(bytes(at("drawn.npy"))).data).not.toEqual(drawn.data)
    const wrong = await run("sample", "large", "--from", "drawn.npy")
    expect(wrong.stderr).toContain("--from drawn.npy: got [2, 1, 28, 28], expected [count, 1, 7, 7]")
    expect(wrong.code).toBe(2)
  })

  test("is judged by errors beside plain enlargements, and written with what it is given as an input", async () => {
    const { code, stdout } = await run("eval", "large", "--count", "3", "--draws", "2", "--json")
    expect(code).toBe(0)
    const { figures } = last(stdout) as unknown as { figures: Record<string, number> }
    for (const name of ["rmse", "rmse of the mean of 2", "rmse of bicubic", "rmse of nearest", "rmse made small again"])
      expect(figures[name], name).toBeGreaterThan(0)
    expect(figures["rmse of bicubic"]).toBeLessThan(figures["rmse of nearest"])
    const { graph } = readModel(bytes(at("large/model.onnx")))
    expect(graph.inputs.map((i) => [i.name, i.shape])).toEqual([
      ["x", ["batch", 1, 28, 28]],
      ["t", ["batch"]],
      ["given", ["batch", 1, 7, 7]],
    ])
    expect(existsSync(at("large/encoder.onnx"))).toBe(false)
    expect((await run("export", "large", "--sampler", "ddim", "--steps", "3", "--out", "large.onnx")).code).toBe(0)
    expect(readModel(bytes(at("large.onnx"))).graph.inputs.map((i) => [i.name, i.shape])).toEqual([
      ["noise", [1, "batch", 1, 28, 28]],
      ["given", ["batch", 1, 7, 7]],
    ])
    const odd = await run("train", "--recipe", "glyphs", "--upscale", "5")
    expect(odd.stderr).toContain("--upscale 5: it does not divide the 28 by 28 pixels of glyphs")
    expect(odd.code).toBe(2)
  })
})
