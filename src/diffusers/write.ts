/** Writes model folders that Hugging Face diffusers loads (Node only). */
import { UNet } from "../diffusion/unet.ts"
import { fromNumbers, type NdArray, toNumbers } from "../engine/array.ts"
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
  /**
   * The one class to draw: the network is written as one that is told none, its embedding added to that of every time.
   * Diffusers' pipelines of U-Nets name no classes, and cannot draw a network that is told them.
   */
  readonly label?: number
}

type State = Map<string, NdArray>

async function stateOf(network: Module, replace: (v: Variable) => Variable): Promise<State> {
  const found = variables(network)
  const values: readonly NdArray[] = await read([...found.values()].map(replace))
  return new Map([...found.keys()].map((name, i) => [name, values[i]]))
}

/** A class in the place of all: times and classes are embedded apart and added, so its row is a bias of the times. */
function withClass(state: State, label: number): State {
  const [table, bias] = ["class_embedding.weight", "time_embedding.linear_2.bias"].map((name) => state.get(name))
  if (table === undefined || bias === undefined)
    throw new RangeError(`writeDiffusers: got label ${label} for a network that is told no classes`)
  const [classes, width] = table.shape
  if (!(Number.isInteger(label) && label >= 0 && label < classes))
    throw new RangeError(`writeDiffusers: got label ${label}, expected 0 to ${classes - 1}`)
  const row = toNumbers(table).subarray(label * width, (label + 1) * width)
  const sum = toNumbers(bias).map((b, i) => b + row[i])
  const rest = new Map([...state, ["time_embedding.linear_2.bias", fromNumbers("float32", [width], sum)]])
  rest.delete("class_embedding.weight")
  return rest
}

/**
 * The files of a folder that diffusers loads, bytes by path: a whole pipeline where there is a U-Net and a scheduler
 * (`DDPMPipeline` or `DDIMPipeline`; `LDMPipeline` with an autoencoder), otherwise what is given, each in its folder.
 *
 * @throws RangeError for a network that diffusers has none like.
 */
export async function diffusersFiles(
  { unet = null, vae = null, vaeSize = 32, scheduler = null }: DiffusersParts,
  { replace = (v) => v, label }: WriteOptions = {},
): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  const put = (path: string, className: string, config: Json): void => {
    const content = writeJson({ ...config, _class_name: className, _diffusers_version: version })
    files.set(path, new TextEncoder().encode(content))
  }
  const putWeights = (folder: string, state: State): void => {
    files.set(`${folder}/diffusion_pytorch_model.safetensors`, writeSafetensors(state, { format: "pt" }))
  }
  if (unet !== null) {
    const config = unet instanceof UNet ? unetConfig(unet) : unet.config
    const state = await stateOf(unet, replace)
    put("unet/config.json", "UNet2DModel", {
      ...config,
      ...(label !== undefined && { num_class_embeds: null, class_embed_type: null }),
    })
    putWeights("unet", label === undefined ? state : withClass(state, label))
  }
  const vaeFolder = unet !== null && scheduler !== null ? "vqvae" : "vae"
  if (vae !== null) {
    const config = autoencoderConfig(vae.options, vaeSize)
    put(`${vaeFolder}/config.json`, "AutoencoderKL", config as unknown as Json)
    putWeights(vaeFolder, await stateOf(vae, replace))
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
