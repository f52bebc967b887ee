/** Modules are plain objects that hold variables; their state is found by walking them, under PyTorch's names. */
import type { NdArray } from "../engine/array.ts"
import { read, write } from "../engine/state.ts"
import { Variable } from "../engine/tensor.ts"

/** Any object whose properties are variables, modules, or lists of them. */
export type Module = object

/** A module may name its children itself; otherwise they are its own properties. */
export interface NamedChildren {
  children(): Iterable<readonly [string, unknown]>
}

/** `timeEmbedding` becomes `time_embedding`: names in files are PyTorch's. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
}

/**
 * Every variable of a module by dotted path, in the order of construction: `down_blocks.0.resnets.1.conv1.weight`.
 * A variable that is found twice (tied weights) is listed once, under its first name.
 */
export function variables(module: Module): Map<string, Variable> {
  const found = new Map<string, Variable>()
  const seen = new Set<unknown>()
  const visit = (at: unknown, path: string): void => {
    if (typeof at !== "object" || at === null || seen.has(at)) return
    seen.add(at)
    if (at instanceof Variable) {
      found.set(path, at)
      return
    }
    if (ArrayBuffer.isView(at)) return
    const children = "children" in at ? (at as NamedChildren).children() : Object.entries(at)
    for (const [key, child] of children) visit(child, path === "" ? snakeCase(key) : `${path}.${snakeCase(key)}`)
  }
  visit(module, "")
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

/** Makes the parameters whose path matches (all by default) constants to training, or trainable again. */
export function freeze(module: Module, match: RegExp = /(?:)/, isFrozen = true): void {
  for (const [path, v] of variables(module)) if (v.role === "parameter" && match.test(path)) v.trainable = !isFrozen
}

/** Present values of all variables by dotted path: what a weights file holds. */
export async function stateDict(module: Module): Promise<Map<string, NdArray>> {
  const found = variables(module)
  const values = await read([...found.values()])
  return new Map([...found.keys()].map((path, i) => [path, values[i]]))
}

/**
 * Gives a module's variables the values of a state dictionary.
 *
 * @throws RangeError naming every missing, left-over or misshapen entry; nothing is written then. `strict: false`
 * takes what fits by name and ignores the rest.
 */
export async function loadStateDict(
  module: Module,
  state: ReadonlyMap<string, NdArray>,
  { strict = true }: { readonly strict?: boolean } = {},
): Promise<void> {
  const found = variables(module)
  const faults: string[] = []
  const values = new Map<Variable, NdArray>()
  for (const [path, variable] of found) {
    const value = state.get(path)
    if (value === undefined) {
      if (strict) faults.push(`${path} is missing`)
    } else if (value.shape.join() !== variable.shape.join()) {
      faults.push(`${path} is [${value.shape.join(", ")}], expected [${variable.shape.join(", ")}]`)
    } else {
      values.set(variable, value)
    }
  }
  // PyTorch counts the batches of batch normalisation; nothing here needs the count.
  const extra = [...state.keys()].filter((path) => !found.has(path) && !path.endsWith("num_batches_tracked"))
  if (strict) faults.push(...extra.map((path) => `${path} is not part of the model`))
  if (faults.length > 0) {
    const shown = faults.slice(0, 5).join("; ")
    throw new RangeError(`loadStateDict: ${shown}${faults.length > 5 ? `; and ${faults.length - 5} more` : ""}`)
  }
  await write(values)
}
