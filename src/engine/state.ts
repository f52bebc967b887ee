/** Where variables live: packed end to end in a few buffers of the room, or still on the host. */
import { allocate, array, castArray, type Dtype, type NdArray, sizeOf } from "./array.ts"
import type { Layout } from "./lower.ts"
import { theRoom } from "./runtime.ts"
import { sameShape } from "./shape.ts"
import type { Variable } from "./tensor.ts"

/** One buffer of the room and the variables in it. */
interface Pack extends Layout {
  readonly buffer: number
  /** Which copy is newer: the host's, the room's, or neither. */
  newer: "host" | "room" | "same"
}

const home = new WeakMap<Variable, Pack>()
let made = 0

/**
 * Packs that hold the given variables. Those without a place yet get one, together with the others of their dtype and
 * role that are placed now: variables which are used together live together.
 */
export function packsOf(variables: readonly Variable[]): Pack[] {
  const groups = new Map<string, Variable[]>()
  for (const variable of variables) {
    if (home.has(variable)) continue
    const key = `${variable.role}.${variable.dtype}`
    groups.set(key, [...(groups.get(key) ?? []), variable])
  }
  for (const group of groups.values()) {
    const places = new Map<Variable, number>()
    let size = 0
    for (const variable of group) {
      places.set(variable, size)
      size += sizeOf(variable.shape)
    }
    const id = made++
    const pack: Pack = { name: `state${id}`, dtype: group[0].dtype, size, places, buffer: id, newer: "host" }
    for (const variable of group) home.set(variable, pack)
  }
  return [...new Set(variables.map((v) => home.get(v)!))]
}

/** Sends packs to the room whose host copy is newer. */
export async function upload(packs: readonly Layout[]): Promise<Pack[]> {
  for (const pack of packs as readonly Pack[]) {
    if (pack.newer !== "host") continue
    const data = allocate(pack.dtype as Dtype, pack.size)
    for (const [variable, place] of pack.places) data.set(variable.initial.data as never, place)
    await theRoom().put(pack.buffer, array(pack.dtype, [pack.size], data))
    pack.newer = "same"
  }
  return packs as Pack[]
}

/** Notes that a run wrote into a pack. */
export function written(pack: Layout): void {
  ;(pack as Pack).newer = "room"
}

async function download(pack: Pack): Promise<void> {
  if (pack.newer !== "room") return
  const { data } = await theRoom().get(pack.buffer)
  pack.newer = "same"
  for (const [variable, place] of pack.places) {
    variable.initial = array(pack.dtype, variable.shape, data.slice(place, place + sizeOf(variable.shape)) as never)
  }
}

/** Present values of variables, in their order. */
export async function read(variables: readonly Variable[]): Promise<NdArray[]> {
  for (const pack of new Set(variables.map((v) => home.get(v)))) if (pack !== undefined) await download(pack)
  return variables.map((v) => v.initial)
}

/**
 * Gives variables new values.
 *
 * @throws RangeError when a shape differs.
 */
export async function write(values: ReadonlyMap<Variable, NdArray>): Promise<void> {
  for (const [variable, value] of values) {
    if (!sameShape(variable.shape, value.shape)) {
      throw new RangeError(`write: ${variable.name} is [${variable.shape.join(", ")}], got [${value.shape.join(", ")}]`)
    }
    const pack = home.get(variable)
    if (pack !== undefined) {
      await download(pack)
      pack.newer = "host"
    }
    variable.initial = castArray(value, variable.dtype)
  }
}
