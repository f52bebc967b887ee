import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { cosine } from "../diffusion/schedule.ts"
import { UNet } from "../diffusion/unet.ts"
import { array, fromNumbers, type NdArray, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import type { Tensor } from "../engine/tensor.ts"
import { Variable } from "../engine/tensor.ts"
import { readSafetensors, writeSafetensors } from "../io/safetensors.ts"
import { seeded } from "../nn/init.ts"
import { stateDict } from "../nn/module.ts"
import { AutoencoderKL } from "../vae/autoencoder.ts"
import { schedulerConfig } from "./describe.ts"
import { memoryFiles } from "./files.ts"
import { isDiffusers, readDiffusers } from "./read.ts"
import { TorchGenerator } from "./torch-random.ts"
import type { UNet2D } from "./unet.ts"
import { diffusersFiles, writeDiffusers } from "./write.ts"

const fixtures = fileURLToPath(new URL("fixtures/", import.meta.url))
const oracle = readSafetensors(await readFile(`${fixtures}oracle.safetensors`)).tensors

function distance(actual: NdArray, name: string): number {
  const expected = oracle.get(name)!
  expect(actual.shape).toEqual(expected.shape)
  const [a, b] = [toNumbers(actual), toNumbers(expected)]
  const scale = b.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-30)
  return a.reduce((m, v, i) => Math.max(m, Math.abs(v - b[i])), 0) / scale
}

function centred(generator: TorchGenerator, shape: readonly number[]): NdArray<"float32"> {
  return array(
    "float32",
    shape,
    generator.rand(shape).data.map((v) => (v - 0.5) * 4),
  )
}

/** What make.py asks every network of a folder. */
async function seen(unet: UNet2D | UNet, channels = 3): Promise<NdArray> {
  const run = compile((x: Tensor, t: Tensor) => unet.forward(x, t))
  const y = await run(centred(new TorchGenerator(7), [2, channels, 8, 8]), Int32Array.of(3, 987))
  await run.dispose()
  return y
}

async function decoded(vae: AutoencoderKL, z: NdArray): Promise<NdArray> {
  const run = compile((v: Tensor) => vae.decode(v))
  const y = await run(z)
  await run.dispose()
  return y
}

test("a pipeline's folder is read, its network gives what it gives in diffusers", async () => {
  const { pipeline, unet, vae, scheduler, warnings } = await readDiffusers(`${fixtures}nested`)
  expect([pipeline, vae, warnings]).toEqual(["DDPMPipeline", null, []])
  expect(scheduler).toMatchObject({
    _class_name: "DDPMScheduler",
    num_train_timesteps: 100,
    beta_schedule: "squaredcos_cap_v2",
    prediction_type: "v_prediction",
    variance_type: "fixed_large",
  })
  expect(unet!.shape).toEqual([3, 8, 8])
  expect(distance(await seen(unet!), "nested.y")).toBeLessThan(2e-5)
  const alone = await readDiffusers(`${fixtures}nested/unet/`)
  expect([alone.pipeline, alone.scheduler]).toEqual([null, null])
  expect(await stateDict(alone.unet!)).toEqual(await stateDict(unet!))
})

test("the first checkpoints' layout is read: all at the top, old names in attention, absent keys, half precision", async () => {
  const { unet, scheduler, warnings } = await readDiffusers(`${fixtures}flat`)
  expect(unet!.config).toMatchObject({
    attention_head_dim: null,
    resnet_time_scale_shift: "default",
    add_attention: true,
  })
  expect(scheduler).toMatchObject({ variance_type: "fixed_large", timestep_spacing: "leading", clip_sample_range: 1 })
  expect(warnings).toHaveLength(2)
  expect(warnings[0]).toContain('scheduler_config.json: keys without a meaning here: "timestep_values"')
  expect(warnings[1]).toContain('config.json: keys without a meaning here: "resnet_groups"')
  expect(distance(await seen(unet!), "flat.y")).toBeLessThan(2e-5)
})

test("weights in shards and variants are read, in bfloat16 and in float64", async () => {
  const { unet } = await readDiffusers(`${fixtures}sharded`, { variant: "bf16" })
  expect(distance(await seen(unet!), "sharded.y")).toBeLessThan(2e-5)
  await expect(readDiffusers(`${fixtures}sharded`)).rejects.toThrow("diffusion_pytorch_model.safetensors: no such file")
  const { vae, unet: none, vaeConfig } = await readDiffusers(`${fixtures}autoencoder`)
  expect(none).toBe(null)
  expect(vaeConfig!.scaling_factor).toBe(0.18215)
  const z = centred(new TorchGenerator(8), [2, 3, 4, 4])
  expect(distance(await decoded(vae!, z), "autoencoder.y")).toBeLessThan(2e-5)
})

const ours = (): { unet: UNet; vae: AutoencoderKL } => ({
  unet: seeded(1, () => new UNet({ size: [8, 12], width: 8, multipliers: [1, 1], headSize: 4, groups: 4, classes: 3 })),
  vae: seeded(2, () => new AutoencoderKL({ widths: [4, 8], groups: 2 })),
})

test("what we write is the folder that diffusers loaded, and it gives here what it gave there", async () => {
  const { unet, vae } = ours()
  const scheduler = schedulerConfig(cosine(50), { predict: "v", className: "DDIMScheduler" })
  const files = new Map([...(await diffusersFiles({ unet, scheduler })), ...(await diffusersFiles({ vae }))])
  const names = (await readdir(`${fixtures}written`, { recursive: true })).map((name) => name.replaceAll("\\", "/"))
  expect([...files.keys()].sort()).toEqual(names.filter((name) => name.includes(".")).sort())
  for (const [path, bytes] of files)
    expect(Buffer.compare(bytes, await readFile(`${fixtures}written/${path}`)), path).toBe(0)

  const read = await readDiffusers(`${fixtures}written`)
  const generator = new TorchGenerator(7)
  const x = centred(generator, [2, 1, 8, 12])
  const run = compile((a: Tensor, t: Tensor, labels: Tensor) => read.unet!.forward(a, t, labels))
  const y = await run(x, Int32Array.of(3, 49), Int32Array.of(2, 0))
  await run.dispose()
  expect(distance(y, "written.y")).toBeLessThan(2e-5)
  const alone = await readDiffusers(`${fixtures}written/vae`)
  expect(distance(await decoded(alone.vae!, centred(generator, [2, 4, 4, 4])), "written.decoded")).toBeLessThan(2e-5)
  const betas = toNumbers(oracle.get("written.betas")!)
  for (const [i, b] of cosine(50).beta.slice(1).entries()) expect(betas[i]).toBeCloseTo(b, 6)
})

test("a folder written and read is the same model, and averaged weights are written where they are asked for", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tweedie-diffusers-"))
  try {
    const { unet, vae } = ours()
    const scheduler = schedulerConfig(cosine(50))
    const replace = (v: Variable): Variable =>
      new Variable(
        fromNumbers(
          "float32",
          v.shape,
          toNumbers(v.initial).map((w) => w / 2),
        ),
      )
    await writeDiffusers(folder, { unet, scheduler, vae, vaeSize: [8, 12] }, { replace })
    const read = await readDiffusers(folder)
    expect([read.pipeline, read.warnings]).toEqual(["LDMPipeline", []])
    expect(read.scheduler).toEqual(scheduler)
    expect(read.vae!.options).toEqual(vae.options)
    expect(read.vaeConfig!.sample_size).toEqual([8, 12])
    const [before, after] = [await stateDict(unet), await stateDict(read.unet!)]
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort())
    for (const [name, { data }] of before)
      expect([...(after.get(name)!.data as Float32Array)]).toEqual([...(data as Float32Array)].map((w) => w / 2))
    // What was read is written again without a change.
    const again = await diffusersFiles({ unet: read.unet, scheduler: read.scheduler })
    for (const [path, bytes] of again)
      if (path !== "model_index.json") expect(Buffer.compare(bytes, await readFile(join(folder, path))), path).toBe(0)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test("networks that diffusers has none like are refused", async () => {
  await expect(diffusersFiles({ unet: new UNet({ patch: 2, multipliers: [1, 2] }) })).rejects.toThrow(
    "unetConfig: the network takes patches of 2, which diffusers' UNet2DModel cannot (train with patch 1)",
  )
  const uneven = new UNet({ width: 8, multipliers: [1, 2], attention: [0, 1], headSize: 16, groups: 4 })
  expect((await diffusersFiles({ unet: uneven })).size).toBe(2)
  const mixed = new UNet({ width: 8, multipliers: [1, 4], attention: [0, 1], headSize: 16, groups: 4 })
  await expect(diffusersFiles({ unet: mixed })).rejects.toThrow("unetConfig: attention heads are of sizes 8, 16")
})

/** The files of the flat fixture, with some replaced, added or (null) left out. */
async function changed(
  changes: Readonly<Record<string, Uint8Array | string | null>>,
): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  for (const name of await readdir(`${fixtures}flat`)) files.set(name, await readFile(`${fixtures}flat/${name}`))
  for (const [name, content] of Object.entries(changes)) {
    if (content === null) files.delete(name)
    else files.set(name, typeof content === "string" ? new TextEncoder().encode(content) : content)
  }
  return files
}

const weights = "diffusion_pytorch_model.safetensors"

test("folders that cannot be read are refused with the file, what is in it and the cure", async () => {
  const refusal = async (changes: Readonly<Record<string, Uint8Array | string | null>>): Promise<string> => {
    const error: unknown = await readDiffusers(memoryFiles(await changed(changes))).then(
      () => new Error("was read"),
      (e: unknown) => e,
    )
    expect(error).toBeInstanceOf(RangeError)
    return (error as Error).message
  }
  const config = JSON.parse(await readFile(`${fixtures}flat/config.json`, "utf8")) as Record<string, unknown>
  const withConfig = (more: Record<string, unknown>): Promise<string> =>
    refusal({ "config.json": JSON.stringify({ ...config, ...more }) })

  expect(await refusal({ [weights]: null, "diffusion_pytorch_model.bin": "x" })).toMatch(
    /^model\/diffusion_pytorch_model.safetensors: no such file, but diffusion_pytorch_model.bin, a pickle, which can run programs and is not read here \(convert it in Python/,
  )
  expect(await refusal({ [weights]: null, "diffusion_pytorch_model.fp16.safetensors": "x" })).toContain(
    'but variants fp16 (name one: variant: "fp16")',
  )
  expect(await refusal({ [weights]: "nonsense" })).toMatch(/^model\/diffusion_pytorch_model.safetensors: safetensors: /)
  expect(await refusal({ "config.json": "{" })).toMatch(/^model\/config.json: not JSON/)
  expect(await refusal({ "config.json": " ".repeat(2 ** 20 + 1) })).toContain("1048577 bytes, expected at most 1048576")
  expect(await refusal({ "config.json": null })).toBe(
    "model/unet/config.json: no such file, though the pipeline has a unet",
  )
  expect(await refusal({ "config.json": null, "model_index.json": null, "scheduler_config.json": null })).toContain(
    "model: no model of diffusers here",
  )
  expect(
    await refusal({
      "model_index.json":
        '{"_class_name":"StableDiffusionPipeline","unet":["diffusers","UNet2DModel"],"text_encoder":["transformers","CLIPTextModel"],"safety_checker":[null,null]}',
    }),
  ).toContain('pipeline "StableDiffusionPipeline" has "text_encoder" ("CLIPTextModel"), which is not read here')
  expect(
    await refusal({ "model_index.json": '{"_class_name":"P","unet":["diffusers","UNet2DConditionModel"]}' }),
  ).toContain('unet is of class "UNet2DConditionModel", expected UNet2DModel')
  expect(await withConfig({ _class_name: "Transformer2DModel" })).toContain('got "Transformer2DModel"')
  expect(await withConfig({ down_block_types: ["DownBlock2D", "KDownBlock2D"] })).toContain(
    'model/config.json: down_block_types[1]: got "KDownBlock2D"',
  )
  expect(await withConfig({ block_out_channels: [4, 65536], norm_num_groups: 4 })).toMatch(
    /^model\/config.json: describes a larger network than the weights in model, which hold \d+ numbers/,
  )
  expect(await withConfig({ block_out_channels: [4, 4] })).toContain(
    "conv1.weight is [8, 4, 3, 3], expected [4, 4, 3, 3]",
  )
  expect(await withConfig({ norm_num_groups: 3 })).toBe(
    "model/config.json: GroupNorm: 4 channels do not divide into 3 groups",
  )

  const tensors = new Map(readSafetensors(await readFile(`${fixtures}flat/${weights}`)).tensors)
  const withTensors = (change: (all: Map<string, NdArray>) => void): Promise<string> => {
    const copy = new Map(tensors)
    change(copy)
    return refusal({ [weights]: writeSafetensors(copy) })
  }
  expect(await withTensors((all) => all.delete("conv_in.bias"))).toContain(
    '1 of 144 tensors are missing, "conv_in.bias" first',
  )
  expect(
    await withTensors((all) => all.set("conv_in.bias", fromNumbers("float32", [4], [1, 2, Number.NaN, 3]))),
  ).toContain('"conv_in.bias" holds values that are not finite (a damaged file?)')
  expect(await withTensors((all) => all.set("conv_in.bias", fromNumbers("int32", [4], [1, 2, 3, 4])))).toContain(
    '"conv_in.bias" has dtype int32, expected floating point numbers',
  )
  await expect(readDiffusers("/no/such/folder")).rejects.toThrow("/no/such/folder: no model of diffusers here")
})

test("shards outside of the folder, missing ones and ones without their tensors are refused", async () => {
  const refusal = async (map: unknown): Promise<string> => {
    const index = JSON.stringify({ metadata: {}, weight_map: map })
    const files = await changed({ [weights]: null, "diffusion_pytorch_model.safetensors.index.json": index })
    files.set("a.safetensors", writeSafetensors(new Map()))
    return readDiffusers(memoryFiles(files)).then(
      () => "was read",
      (e: Error) => e.message,
    )
  }
  expect(await refusal({ x: "../secret.safetensors" })).toContain('got "../secret.safetensors", expected the name of a')
  expect(await refusal({ x: "weights.bin" })).toContain("expected the name of a .safetensors file")
  expect(await refusal(["a"])).toContain('weight_map: got ["a"], expected file names by tensor')
  expect(await refusal({ x: "b.safetensors" })).toContain("names b.safetensors, which is not there")
  expect(await refusal({ x: "a.safetensors" })).toContain('says that a.safetensors holds "x", it does not')
})

test("tensors that the network has no place for are told, not taken", async () => {
  const tensors = new Map(readSafetensors(await readFile(`${fixtures}flat/${weights}`)).tensors)
  tensors.set("time_proj.W", fromNumbers("float32", [1], [1]))
  const { warnings } = await readDiffusers(memoryFiles(await changed({ [weights]: writeSafetensors(tensors) })))
  expect(warnings.at(-1)).toBe('model: 1 tensors without a place, "time_proj.W" first')
})

test("a folder of diffusers is told from a run", async () => {
  expect(await isDiffusers(`${fixtures}nested`)).toBe(true)
  expect(await isDiffusers(`${fixtures}autoencoder`)).toBe(true)
  expect(
    await isDiffusers(
      memoryFiles(new Map([["unet/config.json", new TextEncoder().encode('{"_class_name":"UNet2DModel"}')]])),
    ),
  ).toBe(true)
  expect(
    await isDiffusers(memoryFiles(new Map([["config.json", new TextEncoder().encode('{"recipe":"mnist"}')]]))),
  ).toBe(false)
  expect(await isDiffusers("/no/such/folder")).toBe(false)
})
