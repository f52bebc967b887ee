import { readFile } from "node:fs/promises"
import { describe, expect, test } from "vitest"
import { array, fromNumbers, type NdArray, sizeOf, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { evaluate } from "../engine/evaluate.ts"
import { configure } from "../engine/runtime.ts"
import { placeholder, type Tensor, type Variable } from "../engine/tensor.ts"
import { readSafetensors } from "../io/safetensors.ts"
import { unfilled } from "../nn/init.ts"
import { loadStateDict, type Module, variables } from "../nn/module.ts"
import { AutoencoderKL } from "../vae/autoencoder.ts"
import { DiagonalGaussian } from "../vae/posterior.ts"
import type { Json } from "./json.ts"
import { fitted } from "./json.ts"
import { TorchGenerator } from "./torch-random.ts"
import { UNet2D } from "./unet.ts"
import type { UNet2DConfig } from "./unet-config.ts"
import { autoencoderConfig, autoencoderOptions, vaeSchema } from "./vae-config.ts"

interface Case {
  readonly kind: "unet" | "vae"
  readonly name: string
  readonly seed: number
  readonly size: readonly [number, number]
  readonly t: readonly number[]
  readonly labels?: readonly number[] | true | null
  readonly config: Json
}

const file = (name: string): Promise<Buffer> => readFile(new URL(`fixtures/${name}`, import.meta.url))
const cases = JSON.parse(String(await file("models.json"))) as Case[]
const oracle = readSafetensors(await file("oracle.safetensors")).tensors

/** Numbers of torch.rand less 1/2, times a factor: exact in both languages. */
function centred(generator: TorchGenerator, shape: readonly number[], factor: number, base = 0): NdArray<"float32"> {
  const { data } = generator.rand(shape)
  return array(
    "float32",
    shape,
    data.map((v) => base + (v - 0.5) * factor),
  )
}

/** The weights that fixtures/make.py gives a network. */
async function filled<M extends Module>(network: M, seed: number): Promise<M> {
  const generator = new TorchGenerator(seed)
  const found = [...variables(network)].sort(([a], [b]) => (a < b ? -1 : 1))
  const state = found.map(([name, { shape }]): [string, NdArray] => {
    if (name.includes("norm") && name.endsWith("weight")) return [name, centred(generator, shape, 0.5, 1)]
    if (name.endsWith("bias")) return [name, centred(generator, shape, 0.25)]
    if (name === "time_proj.weight" && shape.length === 1) return [name, centred(generator, shape, 8)]
    return [name, centred(generator, shape, 2 ** Math.round(Math.log2(Math.sqrt(12 / sizeOf(shape.slice(1))))))]
  })
  await loadStateDict(network, new Map(state))
  return network
}

/** Largest difference in units of the largest expected value. */
function distance(actual: NdArray, name: string): number {
  const expected = oracle.get(name)!
  expect(actual.shape, name).toEqual(expected.shape)
  const [a, b] = [toNumbers(actual), toNumbers(expected)]
  const scale = b.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-30)
  return a.reduce((m, v, i) => Math.max(m, Math.abs(v - b[i])), 0) / scale
}

/** A function's values by the runtime with both devices, and by the reference interpreter in float64. */
async function valuesOf(
  fn: (...inputs: Tensor[]) => readonly Tensor[],
  inputs: readonly NdArray[],
): Promise<{ readonly float32: readonly (readonly NdArray[])[]; readonly float64: readonly NdArray[] }> {
  const float32: (readonly NdArray[])[] = []
  for (const device of ["portable", "auto"] as const) {
    configure({ device })
    const run = compile((...xs: Tensor[]) => [...fn(...xs)])
    float32.push(await run(...inputs))
    await run.dispose()
  }
  const stands = inputs.map((a, i) => placeholder(`x${i}`, { dtype: a.dtype, shape: a.shape }))
  const given = new Map(stands.map((s, i) => [s.value.node, inputs[i]]))
  const float64 = evaluate(
    fn(...stands).map((y) => y.value),
    (node) => (node.op.leaf === "variable" ? (node.attrs as { variable: Variable }).variable.initial : given.get(node)),
  )
  return { float32, float64 }
}

describe.each(cases.filter((c) => c.kind === "unet"))(
  "UNet2DModel $name",
  ({ name, seed, size, t, labels, config }) => {
    test("gives what diffusers' class gives, in float32 and in float64", async () => {
      const network = await filled(
        unfilled(1e7, () => new UNet2D(config)),
        seed,
      )
      const generator = new TorchGenerator(100 + seed)
      const c = network.config
      const inputs: NdArray[] = [centred(generator, [2, c.in_channels, ...size], 4)]
      const isReal = c.time_embedding_type === "fourier"
      inputs.push(fromNumbers(isReal ? "float32" : "int32", [2], t))
      if (labels === true) inputs.push(centred(generator, [2, c.time_embedding_dim ?? 4 * c.block_out_channels[0]], 4))
      else if (labels) inputs.push(fromNumbers(c.class_embed_type === "timestep" ? "float32" : "int32", [2], labels))
      const { float32, float64 } = await valuesOf((x, times, told) => [network.forward(x, times, told)], inputs)
      for (const [y] of float32) expect(distance(y, `unet.${name}.y`)).toBeLessThan(2e-5)
      expect(distance(float64[0], `unet.${name}.y64`)).toBeLessThan(1e-6)
    })
  },
)

describe.each(cases.filter((c) => c.kind === "vae"))("AutoencoderKL $name", ({ name, seed, size, config }) => {
  const read = fitted(config, vaeSchema, name)

  test("encodes and decodes as diffusers' class does, in float32 and in float64", async () => {
    const network = await filled(
      unfilled(1e7, () => new AutoencoderKL(autoencoderOptions(read))),
      seed,
    )
    const x = centred(new TorchGenerator(100 + seed), [2, read.in_channels, ...size], 4)
    const names = ["mean", "logvar", "kl", "between", "nll", "y"]
    const all = (images: Tensor): Tensor[] => {
      const posterior = network.encode(images)
      const { mean, logVar } = posterior
      const z = mean.add(logVar.mul(0.5).exp().mul(0.5))
      const other = new DiagonalGaussian(moments(network, images).mul(0.5).add(0.25))
      return [mean, logVar, posterior.kl(), posterior.kl(other), posterior.nll(z), network.decode(z)]
    }
    const { float32, float64 } = await valuesOf(all, [x])
    for (const [i, what] of names.entries()) {
      for (const values of float32) expect(distance(values[i], `vae.${name}.${what}`), what).toBeLessThan(5e-5)
      expect(distance(float64[i], `vae.${name}.${what}64`), what).toBeLessThan(1e-6)
    }
  })

  test("its options say the configuration again, and latents are scaled and scaled back", async () => {
    const network = unfilled(1e7, () => new AutoencoderKL(autoencoderOptions(read)))
    const again = autoencoderConfig(network.options, read.sample_size)
    expect({ ...again, force_upcast: read.force_upcast }).toEqual(read)
    const z = centred(new TorchGenerator(1), [2, read.latent_channels, 3, 2], 4)
    const { float64 } = await valuesOf((v) => [network.scaled(v), network.unscaled(network.scaled(v))], [z])
    const { scaling_factor: scale, shift_factor: shift, latents_mean: mean, latents_std: std } = read
    const expected = toNumbers(z).map((v, i) => {
      const channel = Math.floor(i / 6) % read.latent_channels
      return mean && std ? ((v - mean[channel]) * scale) / std[channel] : (v - (shift ?? 0)) * scale
    })
    for (const [i, v] of expected.entries()) expect(Number(float64[0].data[i])).toBeCloseTo(v, 6)
    for (const [i, v] of toNumbers(z).entries()) expect(Number(float64[1].data[i])).toBeCloseTo(v, 6)
  })
})

/** The encoder's moments before they are a Gaussian. */
function moments(network: AutoencoderKL, x: Tensor): Tensor {
  const h = network.encoder.forward(x)
  return network.quantConv?.forward(h) ?? h
}

const times = (...shape: number[]): Tensor => placeholder("t", { dtype: "int32", shape })
const images = (...shape: number[]): Tensor => placeholder("x", { dtype: "float32", shape })

test("a configuration without any key is diffusers' default network", () => {
  const { config } = unfilled(4e8, () => new UNet2D())
  expect(config.block_out_channels).toEqual([224, 448, 672, 896])
  expect(config.attention_head_dim).toBe(8)
  expect(unfilled(1e7, () => new UNet2D({ ...small, attention_head_dim: null })).config.attention_head_dim).toBe(null)
})

const small: Partial<UNet2DConfig> = {
  block_out_channels: [8, 16],
  down_block_types: ["DownBlock2D", "AttnDownBlock2D"],
  up_block_types: ["AttnUpBlock2D", "UpBlock2D"],
  norm_num_groups: 4,
  layers_per_block: 1,
}

test("google/ddpm-cifar10-32 has 328 tensors and 35,746,307 parameters, and the training script's network 113,673,219", () => {
  const sizeOfNetwork = (config: Partial<UNet2DConfig>): [number, number] => {
    const found = [...variables(unfilled(2e8, () => new UNet2D(config))).values()]
    return [found.length, found.reduce((n, v) => n + sizeOf(v.shape), 0)]
  }
  const [down, attended] = ["DownBlock2D", "AttnDownBlock2D"] as const
  const [up, attendedUp] = ["UpBlock2D", "AttnUpBlock2D"] as const
  expect(
    sizeOfNetwork({
      block_out_channels: [128, 256, 256, 256],
      down_block_types: [down, attended, down, down],
      up_block_types: [up, up, attendedUp, up],
      attention_head_dim: null,
      norm_eps: 1e-6,
      downsample_padding: 0,
    }),
  ).toEqual([328, 35_746_307])
  expect(
    sizeOfNetwork({
      block_out_channels: [128, 128, 256, 256, 512, 512],
      down_block_types: [down, down, down, down, attended, down],
      up_block_types: [up, attendedUp, up, up, up, up],
    }),
  ).toEqual([450, 113_673_219])
})

test("what a network cannot be or be given is refused by name", () => {
  const build =
    (config: Json): (() => unknown) =>
    () =>
      unfilled(1e8, () => new UNet2D({ ...small, ...config }))
  expect(build({ down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D"] })).toThrow(
    'UNet2D: down_block_types[1]: got "CrossAttnDownBlock2D", expected one of "DownBlock2D", "AttnDownBlock2D"',
  )
  expect(build({ layers_per_block: "two" })).toThrow('UNet2D: layers_per_block: got "two", expected a number')
  expect(build({ dropout: null })).toThrow("UNet2D: dropout: got null, expected a number")
  expect(build({ block_out_channels: [8, 16, 16] })).toThrow("expected 3 entries, as many as block_out_channels")
  expect(build({ block_out_channels: [8, 18] })).toThrow("18 channels do not divide into 4 groups")
  expect(build({ attention_head_dim: 17 })).toThrow("16 channels do not hold a head of 17")
  expect(build({ act_fn: "tanh" })).toThrow('UNet2D: act_fn: got "tanh"')
  expect(build({ time_embedding_type: "learned" })).toThrow("num_train_timesteps: got nothing, expected a number")
  expect(build({ norm_num_groups: null })).toThrow("only blocks named Skip choose their own")
  expect(build({ resnet_time_scale_shift: "spatial" })).toThrow('expected one of "default", "scale_shift"')
  expect(build({ block_out_channels: [2, 16], norm_num_groups: 2, freq_shift: 1 })).toThrow("which divides by 0")
  const skip = { down_block_types: ["SkipDownBlock2D", "DownBlock2D"], up_block_types: ["SkipUpBlock2D", "UpBlock2D"] }
  expect(build({ ...skip, in_channels: 1 })).toThrow("in_channels: got 1, expected 3, as blocks named Skip take")
  expect(build({ ...skip, out_channels: 1 })).toThrow("out_channels: got 1, expected 3, as blocks named Skip give")

  const network = unfilled(1e7, () => new UNet2D({ ...small, sample_size: [8, 6] }))
  expect(network.shape).toEqual([3, 8, 6])
  expect(() => unfilled(1e7, () => new UNet2D(small)).shape).toThrow("sample_size is null")
  expect(() => network.forward(images(1, 3, 7, 8), times(1))).toThrow("with sides in multiples of 2")
  expect(() => network.forward(images(1, 3, 8, 8), times(1), times(1))).toThrow("is told no classes and got labels")
  const told = unfilled(1e7, () => new UNet2D({ ...small, num_class_embeds: 3 }))
  expect(() => told.forward(images(1, 3, 8, 8), times(1))).toThrow("is told classes and got no labels")
})

test("blocks named Skip that leave the size as it is take and give any number of channels", () => {
  const config: Partial<UNet2DConfig> = {
    ...small,
    in_channels: 1,
    out_channels: 2,
    down_block_types: ["DownBlock2D", "SkipDownBlock2D"],
    up_block_types: ["UpBlock2D", "SkipUpBlock2D"],
  }
  const network = unfilled(1e7, () => new UNet2D(config))
  expect(network.forward(images(1, 1, 8, 8), times(1)).shape).toEqual([1, 2, 8, 8])
})
