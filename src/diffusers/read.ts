/** Reads a model folder of Hugging Face diffusers: networks with their weights, and the scheduler's configuration. */
import { AutoencoderKL } from "../vae/autoencoder.ts"
import { folderFiles, type ModelFiles } from "./files.ts"
import { fitted, isObject, type Json, maxConfig, quoted, readJson } from "./json.ts"
import { type SchedulerSettings, schedulerSettings } from "./scheduler-config.ts"
import { UNet2D } from "./unet.ts"
import { type UNet2DConfig, unetSchema } from "./unet-config.ts"
import { type AutoencoderKLConfig, autoencoderOptions, vaeSchema } from "./vae-config.ts"
import { fill, readWeights } from "./weights.ts"

/** Options of {@link readDiffusers}. */
export interface ReadOptions {
  /** Which weights of several: `fp16` for `diffusion_pytorch_model.fp16.safetensors`. */
  readonly variant?: string | null
  /** Size of images where the configuration's `sample_size` is null. */
  readonly size?: number | readonly [height: number, width: number] | null
}

/** What a folder of diffusers holds. */
export interface DiffusersModel {
  /** Class of the pipeline, such as `DDPMPipeline`; `null` for a folder without `model_index.json`. */
  readonly pipeline: string | null
  /** The network with its weights, or `null` where the folder has none. */
  readonly unet: UNet2D | null
  /** The autoencoder of latent diffusion with its weights, or `null`. */
  readonly vae: AutoencoderKL | null
  /** Its configuration. */
  readonly vaeConfig: AutoencoderKLConfig | null
  /** The scheduler's settings, read and checked, or `null`. */
  readonly scheduler: SchedulerSettings | null
  /** The scheduler's configuration as the file has it, for those who make another class of it. */
  readonly schedulerFile: Json | null
  /** What was in the files and means nothing here, one line each. */
  readonly warnings: readonly string[]
}

/** Components a pipeline may have, and the only class each may be of. */
const parts = { unet: "UNet2DModel", vae: "AutoencoderKL", vqvae: "AutoencoderKL" } as const
type Part = keyof typeof parts

interface Component {
  readonly name: string
  readonly className: string
}

/** The components that `model_index.json` names; those that are null are left out. */
function componentsOf(index: Json, where: string): Component[] {
  const pipeline = quoted(index["_class_name"])
  const known = [...Object.keys(parts), "scheduler"]
  return Object.entries(index).flatMap(([name, value]) => {
    if (name.startsWith("_") || !(Array.isArray(value) || known.includes(name))) return []
    if (!Array.isArray(value) || value.length !== 2)
      throw new RangeError(`${where}: ${quoted(name)}: got ${quoted(value)}, expected a library and a class`)
    const [library, className] = value as unknown[]
    if (library === null && className === null) return []
    if (typeof library !== "string" || typeof className !== "string")
      throw new RangeError(`${where}: ${quoted(name)}: got ${quoted(value)}, expected a library and a class`)
    if (!known.includes(name))
      throw new RangeError(
        `${where}: pipeline ${pipeline} has ${quoted(name)} (${quoted(className)}), which is not read here: only unet, vae and scheduler are (name the folder of one of them)`,
      )
    const expected = Object.hasOwn(parts, name) ? parts[name as Part] : className
    if (className !== expected)
      throw new RangeError(`${where}: ${name} is of class ${quoted(className)}, expected ${expected}`)
    return [{ name, className }]
  })
}

interface Found {
  readonly config: Json
  readonly where: string
  readonly folder: string
}

/** A configuration in a sub-folder, or at the top where old checkpoints have it. */
async function configOf(files: ModelFiles, folder: string, file: string): Promise<Found | null> {
  for (const at of folder === "" ? [""] : [folder, ""]) {
    const path = at === "" ? file : `${at}/${file}`
    const bytes = await files.read(path, maxConfig)
    if (bytes !== null) return { config: readJson(bytes, files.nameOf(path)), where: files.nameOf(path), folder: at }
  }
  return null
}

function expectClass({ config, where }: Found, expected: string): void {
  const name = config["_class_name"] ?? expected
  if (name !== expected)
    throw new RangeError(`${where}: _class_name: got ${quoted(name)}, expected ${quoted(expected)}`)
}

/** Keys of a configuration that its class does not know. */
function unknownKeys({ config, where }: Found, known: object): string[] {
  const left = Object.keys(config).filter((key) => !key.startsWith("_") && !Object.hasOwn(known, key))
  return left.length === 0 ? [] : [`${where}: keys without a meaning here: ${quoted(left.slice(0, 8).join(", "))}`]
}

function leftOver(names: readonly string[], where: string): string[] {
  return names.length === 0 ? [] : [`${where}: ${names.length} tensors without a place, ${quoted(names[0])} first`]
}

/**
 * A model folder of diffusers: a whole pipeline (`model_index.json`, `unet/`, `vae/`, `scheduler/`), one whose files lie
 * at the top, or the folder of one network. Absent keys have diffusers' defaults, tensors' old names are understood,
 * weights of half and double precision become float32. Nothing that could run is ever read.
 *
 * @param source path of the folder, or its files
 * @throws RangeError with the file, what was found in it and what was expected.
 */
export async function readDiffusers(
  source: string | ModelFiles,
  { variant = null, size = null }: ReadOptions = {},
): Promise<DiffusersModel> {
  const files = typeof source === "string" ? folderFiles(source) : source
  const warnings: string[] = []
  const index = await configOf(files, "", "model_index.json")
  const pipeline = index === null ? null : index.config["_class_name"]
  if (index !== null && typeof pipeline !== "string")
    throw new RangeError(`${index.where}: _class_name: got ${quoted(pipeline)}, expected the name of a pipeline`)
  const components = index === null ? await guessed(files) : componentsOf(index.config, index.where)
  const classOf = (name: string): string | undefined => components.find((c) => c.name === name)?.className

  const schedulerName = pipeline === "DDIMPipeline" ? "DDIMScheduler" : classOf("scheduler")
  const schedulerFile = await configOf(files, "scheduler", "scheduler_config.json")
  let scheduler: SchedulerSettings | null = null
  let written: Json | null = null
  if (schedulerFile !== null) {
    const { config, where } = schedulerFile
    scheduler = schedulerSettings(config, where, schedulerName ?? config["_class_name"])
    written = { ...config, _class_name: scheduler._class_name }
    warnings.push(...unknownKeys(schedulerFile, scheduler))
  } else if (schedulerName !== undefined)
    throw new RangeError(
      `${files.nameOf("scheduler/scheduler_config.json")}: no such file, though the pipeline has one`,
    )

  let unet: UNet2D | null = null
  if (classOf("unet") !== undefined) {
    const found = await required(files, "unet")
    expectClass(found, "UNet2DModel")
    const read = fitted(found.config, unetSchema, found.where)
    const config: UNet2DConfig = { ...read, sample_size: read.sample_size ?? size }
    warnings.push(...unknownKeys(found, read))
    const weights = await readWeights(files, found.folder, variant)
    const where = files.nameOf(found.folder)
    const made = await fill(weights, where, found.where, () => new UNet2D(config))
    warnings.push(...leftOver(made.ignored, where))
    unet = made.network
  }

  let vae: AutoencoderKL | null = null
  let vaeConfig: AutoencoderKLConfig | null = null
  const name = classOf("vae") !== undefined ? "vae" : "vqvae"
  if (classOf(name) !== undefined) {
    const found = await required(files, name)
    expectClass(found, "AutoencoderKL")
    const config = fitted(found.config, vaeSchema, found.where)
    warnings.push(...unknownKeys(found, config))
    const weights = await readWeights(files, found.folder, variant)
    const where = files.nameOf(found.folder)
    const made = await fill(weights, where, found.where, () => new AutoencoderKL(autoencoderOptions(config)))
    warnings.push(...leftOver(made.ignored, where))
    vae = made.network
    vaeConfig = config
  }
  return {
    pipeline: index === null ? null : (pipeline as string),
    unet,
    vae,
    vaeConfig,
    scheduler,
    schedulerFile: written,
    warnings,
  }
}

async function required(files: ModelFiles, name: string): Promise<Found> {
  const found = await configOf(files, name, "config.json")
  if (found === null)
    throw new RangeError(`${files.nameOf(`${name}/config.json`)}: no such file, though the pipeline has a ${name}`)
  return found
}

/** What a folder without `model_index.json` holds: a network at the top, or networks in their folders. */
async function guessed(files: ModelFiles): Promise<Component[]> {
  const top = await configOf(files, "", "config.json")
  if (top !== null) {
    const fallback = "latent_channels" in top.config ? "AutoencoderKL" : "UNet2DModel"
    const className = top.config["_class_name"] ?? fallback
    if (className === "AutoencoderKL") return [{ name: "vae", className }]
    if (className === "UNet2DModel") return [{ name: "unet", className }]
    throw new RangeError(
      `${top.where}: _class_name: got ${quoted(className)}, expected UNet2DModel or AutoencoderKL, the networks read here`,
    )
  }
  const found: Component[] = []
  for (const name of ["unet", "vae"] as const)
    if ((await files.read(`${name}/config.json`, maxConfig)) !== null) found.push({ name, className: parts[name] })
  if (found.length === 0 && (await configOf(files, "scheduler", "scheduler_config.json")) === null)
    throw new RangeError(
      `${files.nameOf("")}: no model of diffusers here (expected model_index.json, config.json or scheduler_config.json)`,
    )
  return found
}

/**
 * Whether a folder, given by its path or its files, looks like one of diffusers, which {@link readDiffusers} reads: it has a
 * `model_index.json`, or a `config.json` at the top, in `unet/` or in `vae/` that names a class or a version of diffusers.
 */
export async function isDiffusers(source: string | ModelFiles): Promise<boolean> {
  const files = typeof source === "string" ? folderFiles(source) : source
  if ((await files.list("")).includes("model_index.json")) return true
  for (const name of ["config.json", "unet/config.json", "vae/config.json"]) {
    const bytes = await files.read(name, maxConfig).catch(() => null)
    if (bytes === null) continue
    try {
      const config: unknown = JSON.parse(new TextDecoder().decode(bytes))
      if (isObject(config) && ("_class_name" in config || "_diffusers_version" in config)) return true
    } catch {
      // Not JSON, so none of diffusers'.
    }
  }
  return false
}
