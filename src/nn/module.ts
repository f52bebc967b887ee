/** Modules are plain objects that hold variables; their state is found by walking them, under PyTorch's names. */
import { type NdArray, toNumbers } from "../engine/array.ts"
import { read, write } from "../engine/state.ts"
import { Tensor, Variable } from "../engine/tensor.ts"

/** Any object whose properties are variables, modules, or lists of them. */
export type Module = object

/** A module may name its children itself; otherwise they are its own properties (or the entries of a map). */
export interface NamedChildren {
  /** Children by the names they have in files: these are taken as they are. */
  children(): Iterable<readonly [string, unknown]>
}

/** `timeEmbedding` becomes `time_embedding`: names in files are PyTorch's. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
}

function childrenOf(at: object): Iterable<readonly [string, unknown]> {
  if ("children" in at && typeof at.children === "function") return (at as NamedChildren).children()
  if (at instanceof Map) return [...at].map(([key, child]) => [String(key), child] as const)
  return Object.entries(at).map(([key, child]) => [snakeCase(key), child] as const)
}

/** Every place where a variable is found, in the order of construction; one that is tied is found in several. */
function places(module: Module): [path: string, variable: Variable][] {
  const found: [string, Variable][] = []
  /** Modules on the way to where we are: one that holds its owner is not walked again. */
  const owners = new Set<object>()
  const visit = (at: unknown, path: string): void => {
    if (typeof at !== "object" || at === null || owners.has(at) || ArrayBuffer.isView(at)) return
    if (at instanceof Variable) {
      found.push([path, at])
      return
    }
    // Any other tensor belongs to a program: its graph is no part of the module.
    if (at instanceof Tensor) return
    owners.add(at)
    for (const [name, child] of childrenOf(at)) visit(child, path === "" ? name : `${path}.${name}`)
    owners.delete(at)
  }
  visit(module, "")
  return found
}

/**
 * Every variable of a module by dotted path, in the order of construction: `down_blocks.0.resnets.1.conv1.weight`.
 * A variable that is found twice (tied weights) is listed once, under its first name.
 */
export function variables(module: Module): Map<string, Variable> {
  const found = new Map<string, Variable>()
  const seen = new Set<Variable>()
  for (const [path, variable] of places(module)) {
    if (!seen.has(variable)) found.set(path, variable)
    seen.add(variable)
  }
  return found
}

/** The variables that optimizers may change, by dotted path. */
export function parameters(module: Module): Map<string, Variable> {
  return new Map([...variables(module)].filter(([, v]) => v.trainable))
}

/** Number of elements in all trainable parameters. */
export function parameterCount(module: Module): number {
  return [...parameters(module).values()].reduce((n, v) => n + v.initial.data.length, 0)
}

/**
 * Makes the parameters whose path matches (all by default) constants to training, or with `isFrozen` false trainable again.
 *
 * @example freeze(model, /^(?!head\.)/) // all but those of `head`
 */
export function freeze(module: Module, match: RegExp = /(?:)/, isFrozen = true): void {
  for (const [path, v] of places(module)) if (v.role === "parameter" && path.search(match) >= 0) v.trainable = !isFrozen
}

/**
 * Makes the variable at `path` the very one at `as`: two layers then share it, its gradient is the sum of both, and it
 * is saved once, under whichever name comes first. Do it before the module is used in a program.
 *
 * @example tie(model, "head.weight", "embedding.weight")
 * @throws RangeError when a path names no variable, or their shapes differ.
 */
export function tie(module: Module, path: string, as: string): void {
  const found = new Map(places(module))
  const [from, to] = [path, as].map((name) => {
    const variable = found.get(name)
    if (variable === undefined)
      throw new RangeError(`tie: no variable ${name} (there are ${someOf([...found.keys()], ", ")})`)
    return variable
  })
  if (from.shape.join() !== to.shape.join())
    throw new RangeError(`tie: ${path} is [${from.shape.join(", ")}], ${as} is [${to.shape.join(", ")}]`)
  const steps = path.split(".")
  let owner: unknown = module
  for (const step of steps.slice(0, -1)) owner = new Map(childrenOf(owner as object)).get(step)
  const key = Object.keys(owner as object).find((name) => snakeCase(name) === steps.at(-1))
  if (key === undefined)
    throw new RangeError(`tie: ${path} is no property of its owner, which names its children itself`)
  ;(owner as Record<string, unknown>)[key] = to
}

/**
 * Present values of all variables by dotted path: what a weights file holds. {@link loadStateDict} takes them back.
 *
 * @example await writeFileAtomic("model.safetensors", writeSafetensors(await stateDict(model)))
 */
export async function stateDict(module: Module): Promise<Map<string, NdArray>> {
  const found = variables(module)
  const values = await read([...found.values()])
  return new Map([...found.keys()].map((path, i) => [path, values[i]]))
}

/**
 * Gives a module's variables the values of a state dictionary. Tied weights may be given under any of their names, or
 * under all of them if they are equal; PyTorch's count of batches (`num_batches_tracked`) may be missing or left over.
 *
 * @throws RangeError naming every missing, left-over, misshapen or contradictory entry; nothing is written then.
 * `strict: false` takes what fits by name and ignores what is missing or left over.
 */
export async function loadStateDict(
  module: Module,
  state: ReadonlyMap<string, NdArray>,
  { strict = true }: { readonly strict?: boolean } = {},
): Promise<void> {
  const found = places(module)
  const faults: string[] = []
  const values = new Map<Variable, readonly [path: string, value: NdArray]>()
  for (const [path, variable] of found) {
    const value = state.get(path)
    if (value === undefined) continue
    const before = values.get(variable)
    if (value.shape.join() !== variable.shape.join()) {
      faults.push(`${path} is [${value.shape.join(", ")}], expected [${variable.shape.join(", ")}]`)
    } else if (before !== undefined && !sameValues(before[1], value)) {
      faults.push(`${before[0]} and ${path} are one variable here, with different values`)
    } else {
      values.set(variable, [path, value])
    }
  }
  if (strict) {
    const given = new Set(found.filter(([path]) => state.has(path)).map(([, variable]) => variable))
    for (const [path, variable] of variables(module))
      if (!given.has(variable) && !isCount(path)) faults.push(`${path} is missing`)
    const known = new Set(found.map(([path]) => path))
    for (const path of state.keys())
      if (!known.has(path) && !isCount(path)) faults.push(`${path} is not part of the model`)
  }
  if (faults.length > 0) throw new RangeError(`loadStateDict: ${someOf(faults, "; ")}`)
  await write(new Map([...values].map(([variable, [, value]]) => [variable, value])))
}

function isCount(path: string): boolean {
  return path.endsWith("num_batches_tracked")
}

function sameValues(a: NdArray, b: NdArray): boolean {
  const other = toNumbers(b)
  return toNumbers(a).every((x, i) => Object.is(x, other[i]))
}

/** The first few of a list, and how many more there are. */
function someOf(list: readonly string[], separator: string): string {
  const shown = list.slice(0, 5).join(separator)
  return list.length > 5 ? `${shown}${separator}and ${list.length - 5} more` : shown
}
