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
  /** The last transfer to the host, which may be under way. */
  arriving?: Promise<void>
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
    // Noted before the transfer, which is in order with all other calls: a write meanwhile must not be lost.
    pack.newer = "same"
    await theRoom().put(pack.buffer, array(pack.dtype, [pack.size], data))
  }
  return packs as Pack[]
}

/** Notes that a run wrote into a pack. */
export function written(pack: Layout): void {
  ;(pack as Pack).newer = "room"
}

/** Brings the host up to date with the room. Two readers wait for the same transfer. */
function download(pack: Pack): Promise<void> {
  if (pack.newer !== "room") return pack.arriving ?? Promise.resolve()
  pack.newer = "same"
  pack.arriving = theRoom()
    .get(pack.buffer)
    .then(({ data }) => {
      for (const [variable, place] of pack.places) {
        const values = data.slice(place, place + sizeOf(variable.shape))
        variable.initial = array(pack.dtype, variable.shape, values as never)
      }
    })
  return pack.arriving
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
