/** Where variables live: packed end to end in a few buffers of the room, or still on the host. */
import { allocate, array, castArray, type Dtype, type NdArray, sizeOf } from "./array.ts"
import type { Layout } from "./lower.ts"
import { theRoom } from "./runtime.ts"
import { sameShape } from "./shape.ts"
import type { Variable } from "./tensor.ts"

/** An order in which a variable's elements lie in its place: private to the device that asked for it. */
export interface Arrangement {
  /** Axes cut into blocks, and the size of a block. */
  readonly blocks: readonly number[]
  readonly block: number
  /** Elements in this order, from row-major ones; and back. */
  into(value: NdArray): NdArray
  outOf(value: NdArray): NdArray
}

/** One buffer of the room and the variables in it. */
interface Pack extends Layout {
  readonly buffer: number
  /** Which copy is newer: the host's, the room's, or neither. */
  newer: "host" | "room" | "same"
  /** The last transfer to the host, which may be under way. */
  arriving?: Promise<void>
}

const home = new WeakMap<Variable, Pack>()
const arranged = new WeakMap<Variable, Arrangement>()
let made = 0

/** Packs end with their variables; their buffers, which the room holds, are told so. */
const ended = new FinalizationRegistry<number>((buffer) => {
  theRoom()
    .drop(buffer)
    .catch(() => undefined)
})

/** How a variable lies in its place: `undefined` where it has none yet, `null` where it is row-major. */
export function arrangementOf(variable: Variable): Arrangement | null | undefined {
  return home.has(variable) ? (arranged.get(variable) ?? null) : undefined
}

/** Numbers in the order in which variables lie, buffer after buffer; `undefined` where a variable has no place yet. */
export function placeOf(variable: Variable): number | undefined {
  const pack = home.get(variable)
  return pack && pack.buffer * 2 ** 32 + pack.places.get(variable)!
}

/**
 * Packs that hold the given variables. Those without a place yet get one: each list of `together` its own, the others
 * with those of their dtype and role that are placed now. `arrangements` says how they lie there.
 */
export function packsOf(
  variables: readonly Variable[],
  together: readonly (readonly Variable[])[] = [],
  arrangements: ReadonlyMap<Variable, Arrangement> = new Map(),
): Pack[] {
  const groups = new Map<string, Variable[]>()
  const seen = new Set<Variable>()
  const put = (variable: Variable, key: string): void => {
    if (home.has(variable) || seen.has(variable)) return
    seen.add(variable)
    const arrangement = arrangements.get(variable)
    if (arrangement !== undefined) arranged.set(variable, arrangement)
    groups.set(key, [...(groups.get(key) ?? []), variable])
  }
  for (const [i, list] of together.entries()) for (const variable of list) put(variable, `${i}.${variable.dtype}`)
  for (const variable of variables) put(variable, `${variable.role}.${variable.dtype}`)
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
    ended.register(pack, id)
  }
  return [...new Set(variables.map((v) => home.get(v)!))]
}

/** The buffer of the room that a pack lives in. */
export function bufferOf(pack: Layout): number {
  return (pack as Pack).buffer
}

/**
 * Sends packs to the room whose host copy is newer. The calls of the room are in order, so a run need not wait for it: a
 * write in between would be neither in what was sent nor after the run.
 */
export async function upload(packs: Iterable<Layout>): Promise<void> {
  const transfers: Promise<void>[] = []
  for (const pack of packs as Iterable<Pack>) {
    if (pack.newer !== "host") continue
    const data = allocate(pack.dtype as Dtype, pack.size)
    for (const [variable, place] of pack.places) {
      const value = arranged.get(variable)?.into(variable.initial) ?? variable.initial
      data.set(value.data as never, place)
    }
    pack.newer = "same"
    transfers.push(theRoom().put(pack.buffer, array(pack.dtype, [pack.size], data)))
  }
  await Promise.all(transfers)
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
        const part = data.slice(place, place + sizeOf(variable.shape))
        const value = array(pack.dtype, variable.shape, part as never)
        variable.initial = arranged.get(variable)?.outOf(value) ?? value
      }
    })
  return pack.arriving
}

function packsWith(variables: Iterable<Variable>): Pack[] {
  return [...new Set([...variables].map((v) => home.get(v)))].filter((pack) => pack !== undefined)
}

/** Present values of variables, in their order: those before a run or those after it, for all of them. */
export async function read(variables: readonly Variable[]): Promise<NdArray[]> {
  // Asked for at once, so that no run comes between two of them.
  await Promise.all(packsWith(variables).map(download))
  return variables.map((v) => v.initial)
}

/**
 * Gives variables new values: no run sees some of them and not the others.
 *
 * @throws RangeError when a shape differs; nothing is written then.
 */
export async function write(values: ReadonlyMap<Variable, NdArray>): Promise<void> {
  for (const [variable, value] of values) {
    if (!sameShape(variable.shape, value.shape)) {
      throw new RangeError(`write: ${variable.name} is [${variable.shape.join(", ")}], got [${value.shape.join(", ")}]`)
    }
  }
  // A run may have begun meanwhile: it comes first, or what it writes beside these variables would be lost.
  do await Promise.all(packsWith(values.keys()).map(download))
  while (packsWith(values.keys()).some((pack) => pack.newer === "room"))
  for (const pack of packsWith(values.keys())) pack.newer = "host"
  for (const [variable, value] of values) variable.initial = castArray(value, variable.dtype)
}
