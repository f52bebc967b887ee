/** Writes model folders that Hugging Face diffusers loads (Node only). */
import { UNet } from "../diffusion/unet.ts"
import type { NdArray } from "../engine/array.ts"
import { read } from "../engine/state.ts"
import type { Variable } from "../engine/tensor.ts"
import { writeFileAtomic } from "../io/atomic.ts"
import { writeSafetensors } from "../io/safetensors.ts"
import { type Module, variables } from "../nn/module.ts"
import type { AutoencoderKL } from "../vae/autoencoder.ts"
import { unetConfig } from "./describe.ts"
import { type Json, writeJson } from "./json.ts"
import { type SchedulerSettings, schedulerSettings } from "./scheduler-config.ts"
import type { UNet2D } from "./unet.ts"
import { autoencoderConfig } from "./vae-config.ts"

/** The version of diffusers whose keys these are. */
const version = "0.42.1"

/** What goes into a folder. */
export interface DiffusersParts {
  readonly unet?: UNet | UNet2D | null
  readonly vae?: AutoencoderKL | null
  /** Size of the images the autoencoder was made for. */
  readonly vaeSize?: number | readonly [height: number, width: number]
  readonly scheduler?: SchedulerSettings | null
}

/** Options of {@link writeDiffusers}. */
export interface WriteOptions {
  /** Averaged weights to write in place of the network's own: `ema.replace`. */
  readonly replace?: (variable: Variable) => Variable
}

async function weightsOf(network: Module, replace: (v: Variable) => Variable): Promise<Uint8Array> {
  const found = variables(network)
  const values: readonly NdArray[] = await read([...found.values()].map(replace))
  return writeSafetensors(new Map([...found.keys()].map((name, i) => [name, values[i]])), { format: "pt" })
}

/**
 * The files of a folder that diffusers loads, bytes by path: a whole pipeline where there is a U-Net and a scheduler
 * (`DDPMPipeline` or `DDIMPipeline`; `LDMPipeline` with an autoencoder), otherwise what is given, each in its folder.
 *
 * @throws RangeError for a network that diffusers has none like.
 */
export async function diffusersFiles(
  { unet = null, vae = null, vaeSize = 32, scheduler = null }: DiffusersParts,
  { replace = (v) => v }: WriteOptions = {},
): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  const put = (path: string, className: string, config: Json): void => {
    const content = writeJson({ ...config, _class_name: className, _diffusers_version: version })
    files.set(path, new TextEncoder().encode(content))
  }
  const weights = "diffusion_pytorch_model.safetensors"
  if (unet !== null) {
    put("unet/config.json", "UNet2DModel", (unet instanceof UNet ? unetConfig(unet) : unet.config) as unknown as Json)
    files.set(`unet/${weights}`, await weightsOf(unet, replace))
  }
  const vaeFolder = unet !== null && scheduler !== null ? "vqvae" : "vae"
  if (vae !== null) {
    const config = autoencoderConfig(vae.options, vaeSize)
    put(`${vaeFolder}/config.json`, "AutoencoderKL", config as unknown as Json)
    files.set(`${vaeFolder}/${weights}`, await weightsOf(vae, replace))
  }
  if (scheduler !== null) {
    const { _class_name: name, ...config } = schedulerSettings(scheduler)
    put("scheduler/scheduler_config.json", name, config)
  }
  if (unet !== null && scheduler !== null) {
    const { _class_name: name } = scheduler
    put("model_index.json", vae !== null ? "LDMPipeline" : name === "DDIMScheduler" ? "DDIMPipeline" : "DDPMPipeline", {
      unet: ["diffusers", "UNet2DModel"],
      scheduler: ["diffusers", name],
      ...(vae !== null && { vqvae: ["diffusers", "AutoencoderKL"] }),
    })
  }
  return files
}

/**
 * Writes {@link diffusersFiles} into a folder, which is made: each file whole or not at all, `model_index.json` last.
 *
 * @returns the paths written
 */
export async function writeDiffusers(
  folder: string,
  content: DiffusersParts,
  options: WriteOptions = {},
): Promise<string[]> {
  const { mkdir } = await import("node:fs/promises")
  const { dirname, join } = await import("node:path")
  const paths: string[] = []
  for (const [path, bytes] of await diffusersFiles(content, options)) {
    const target = join(folder, path)
    await mkdir(dirname(target), { recursive: true })
    await writeFileAtomic(target, bytes)
    paths.push(target)
  }
  return paths
}
