/** Weights of a model folder: one safetensors file or several, old names renamed, numbers as float32. */
import { castArray, type NdArray } from "../engine/array.ts"
import { readSafetensors } from "../io/safetensors.ts"
import { unfilled } from "../nn/init.ts"
import { loadStateDict, type Module, variables } from "../nn/module.ts"
import type { ModelFiles } from "./files.ts"
import { isObject, quoted, readJson, within } from "./json.ts"

/** Node reads files up to 2 GiB at once, and so do browsers. */
const maxFile = 2 ** 31 - 1
const maxIndex = 1 << 26
const maxShards = 1000

const stem = "diffusion_pytorch_model"

/** Tensors of a model by name. */
export type Weights = ReadonlyMap<string, NdArray>

/**
 * The weights in a folder: `diffusion_pytorch_model.safetensors`, with `.fp16` or the like before the ending for a
 * variant, or the shards that an index beside it names.
 *
 * @throws RangeError when there are none, only pickles, a damaged file, or shards that are not what the index says.
 */
export async function readWeights(files: ModelFiles, folder: string, variant: string | null): Promise<Weights> {
  if (variant !== null && !/^[\w-]{1,40}$/.test(variant))
    throw new RangeError(`readDiffusers: got variant ${quoted(variant)}, expected a word such as fp16`)
  const at = (name: string): string => (folder === "" ? name : `${folder}/${name}`)
  const dotted = variant === null ? "" : `.${variant}`
  const whole = at(`${stem}${dotted}.safetensors`)
  const bytes = await files.read(whole, maxFile)
  if (bytes !== null) return tensorsOf(bytes, files.nameOf(whole))
  for (const name of [`${stem}.safetensors.index${dotted}.json`, `${stem}${dotted}.safetensors.index.json`]) {
    const index = await files.read(at(name), maxIndex)
    if (index !== null) return readShards(files, folder, index, files.nameOf(at(name)))
  }
  throw await absence(files, folder, whole, variant)
}

function tensorsOf(bytes: Uint8Array, where: string): Map<string, NdArray> {
  return new Map(within(where, () => readSafetensors(bytes).tensors))
}

async function readShards(files: ModelFiles, folder: string, bytes: Uint8Array, where: string): Promise<Weights> {
  const map = readJson(bytes, where, maxIndex)["weight_map"]
  if (!isObject(map)) throw new RangeError(`${where}: weight_map: got ${quoted(map)}, expected file names by tensor`)
  const byFile = new Map<string, string[]>()
  for (const [name, file] of Object.entries(map)) {
    // A name with a slash would reach out of the folder.
    if (typeof file !== "string" || !/^[\w.-]+\.safetensors$/.test(file))
      throw new RangeError(
        `${where}: weight_map[${quoted(name)}]: got ${quoted(file)}, expected the name of a .safetensors file beside it`,
      )
    const names = byFile.get(file)
    if (names === undefined) byFile.set(file, [name])
    else names.push(name)
  }
  if (byFile.size > maxShards) throw new RangeError(`${where}: ${byFile.size} shards, expected at most ${maxShards}`)
  const all = new Map<string, NdArray>()
  for (const [file, names] of byFile) {
    const path = folder === "" ? file : `${folder}/${file}`
    const shard = await files.read(path, maxFile)
    if (shard === null) throw new RangeError(`${where}: names ${file}, which is not there (an incomplete download?)`)
    const tensors = tensorsOf(shard, files.nameOf(path))
    for (const name of names) {
      const tensor = tensors.get(name)
      if (tensor === undefined) throw new RangeError(`${where}: says that ${file} holds ${quoted(name)}, it does not`)
      all.set(name, tensor)
    }
  }
  return all
}

async function absence(files: ModelFiles, folder: string, whole: string, variant: string | null): Promise<RangeError> {
  const names = await files.list(folder)
  const where = files.nameOf(whole)
  const found = names.flatMap((n) => {
    const other = n.startsWith(stem) ? /^\.([\w-]+)\.safetensors$/.exec(n.slice(stem.length))?.[1] : undefined
    return other === undefined ? [] : [other]
  })
  if (found.length > 0)
    return new RangeError(`${where}: no such file, but variants ${found.join(", ")} (name one: variant: "${found[0]}")`)
  if (variant !== null && names.includes(`${stem}.safetensors`))
    return new RangeError(`${where}: no such file, but one without a variant (leave variant out)`)
  const pickle = names.find((n) => /\.(bin|pt|pth|ckpt|pkl)$/.test(n))
  if (pickle !== undefined)
    return new RangeError(
      `${where}: no such file, but ${pickle}, a pickle, which can run programs and is not read here (convert it in Python: Model.from_pretrained(folder).save_pretrained(folder))`,
    )
  return new RangeError(`${where}: no such file (a folder of diffusers holds its weights as safetensors)`)
}

const oldNames: Readonly<Record<string, string>> = {
  query: "to_q",
  key: "to_k",
  value: "to_v",
  proj_attn: "to_out.0",
}

/** Names that attention had in old files, as they are now. */
export function renamed(weights: Weights): Map<string, NdArray> {
  return new Map(
    [...weights].map(([name, value]) => [
      name.replace(
        /(\.attentions\.\d+)\.(query|key|value|proj_attn)\.(weight|bias)$/,
        (_, before: string, old: string, kind: string) => `${before}.${oldNames[old]}.${kind}`,
      ),
      value,
    ]),
  )
}

/**
 * A network built for weights, and given them. Nothing larger than the weights is made room for.
 *
 * @param where what errors call the weights
 * @param config what errors call the configuration that the network is built from
 * @returns names that the network has no place for, which diffusers leaves out too
 * @throws RangeError when a weight is missing, has another shape or type, or is not a number.
 */
export async function fill<M extends Module>(
  weights: Weights,
  where: string,
  config: string,
  build: () => M,
): Promise<{ readonly network: M; readonly ignored: readonly string[] }> {
  const given = renamed(weights)
  let held = 0
  for (const value of given.values()) held += value.data.length
  const network = within(config, () => {
    try {
      return unfilled(held, build)
    } catch (cause) {
      if (!(cause instanceof RangeError && cause.message.startsWith("unfilled:"))) throw cause
      throw new RangeError(
        `describes a larger network than the weights in ${where}, which hold ${held} numbers (do they belong together?)`,
        { cause },
      )
    }
  })
  const places = variables(network)
  const taken = new Map<string, NdArray>()
  for (const [name, variable] of places) {
    const value = given.get(name)
    if (value === undefined) continue
    if (value.dtype !== "float32" && value.dtype !== "float64")
      throw new RangeError(`${where}: ${quoted(name)} has dtype ${value.dtype}, expected floating point numbers`)
    const cast = castArray(value, variable.dtype)
    if (!(cast.data as Float32Array).every(Number.isFinite))
      throw new RangeError(`${where}: ${quoted(name)} holds values that are not finite (a damaged file?)`)
    taken.set(name, cast)
  }
  const lost = [...places.keys()].filter((name) => !taken.has(name))
  if (lost.length > 0)
    throw new RangeError(
      `${where}: ${lost.length} of ${places.size} tensors are missing, ${quoted(lost[0])} first (does the configuration beside it belong to these weights?)`,
    )
  try {
    await loadStateDict(network, taken)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new RangeError(`${where}: ${cause.message.replace(/^loadStateDict: /, "")}`, { cause })
  }
  return { network, ignored: [...given.keys()].filter((name) => !places.has(name)) }
}
