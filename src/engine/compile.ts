/** A traced function as an ordinary asynchronous one: trace, simplify, lower, load once per input spec, then run. */
import { type Arrayable, array, asArray, type Dtype, isArray, type NdArray } from "./array.ts"
import { chosenDevice } from "./devices/choose.ts"
import { joinUpdates } from "./devices/updates.ts"
import { type Spec, topological, type Value } from "./graph.ts"
import { type Layout, type Lowered, lower } from "./lower.ts"
import { writeModel } from "./onnx/write.ts"
import { fillNormal, fillUniform, fold, type Key, keyOf } from "./random.ts"
import { engineOptions, newestFile, theRoom } from "./runtime.ts"
import { formatShape, isSymbolic, UsageError } from "./shape.ts"
import { simplify } from "./simplify.ts"
import { arrangementOf, bufferOf, packsOf, placeOf, upload, written } from "./state.ts"
import type { Tensor } from "./tensor.ts"
import {
  type Graph,
  isTensor,
  mapTree,
  randomsOf,
  roots,
  type TraceOptions,
  type Tree,
  trace,
  variablesOf,
} from "./trace.ts"

/** What a compiled function takes where the traced one takes tensors. */
export type Feed<T> = T extends Tensor
  ? Arrayable
  : T extends readonly unknown[]
    ? { readonly [K in keyof T]: Feed<T[K]> }
    : { readonly [K in keyof T]: Feed<T[K]> }

/** What a compiled function gives where the traced one gives tensors. */
export type Fetch<T> = T extends Tensor
  ? NdArray
  : T extends readonly unknown[]
    ? { readonly [K in keyof T]: Fetch<T[K]> }
    : { readonly [K in keyof T]: Fetch<T[K]> }

/** Options of {@link compile}. */
export interface CompileOptions extends TraceOptions {
  /** Seed of the program's random leaves, default 0. The k-th run after it draws the k-th set of numbers. */
  readonly seed?: number
  /** Prefix of a profile file: every node is timed until {@link Compiled.profile}. */
  readonly profile?: string
}

/** A compiled function. Calling it runs it. */
export interface Compiled<A extends readonly unknown[], R> {
  (...inputs: { readonly [K in keyof A]: Feed<A[K]> }): Promise<Fetch<R>>
  /** How many runs were made: with the seed, the whole state of the generator. May be set to continue elsewhere. */
  runs: number
  /** The graph for inputs of the given specs, as it is run. */
  graph(...specs: readonly Tree<Spec>[]): Graph
  /** Ends profiling of the last loaded session; gives the name of the profile file. */
  profile(): Promise<string>
  /**
   * Frees the sessions, once the calls under way are done; without it they end with the function, when that is collected.
   * The function may be called again; it then loads anew.
   */
  dispose(): Promise<void>
}

interface Loaded {
  readonly session: number
  /** Whether the last output says if the others are exact enough. */
  readonly isGuarded: boolean
  readonly graph: Graph
  readonly lowered: Lowered
  readonly result: unknown
}

/** What a compiled function has in the room: apart from the function, so that it can be ended after it. */
class Sessions {
  readonly loaded = new Map<string, Promise<Loaded>>()
  /** Calls under way, which need their sessions. */
  readonly calls = new Set<Promise<void>>()

  async release(): Promise<void> {
    while (this.calls.size > 0) await Promise.all(this.calls)
    const all = [...this.loaded.values()]
    this.loaded.clear()
    for (const l of await Promise.allSettled(all))
      if (l.status === "fulfilled") await theRoom().release(l.value.session)
  }
}

/** Sessions of functions that nobody holds any more are released. */
const ended = new FinalizationRegistry<Sessions>((sessions) => {
  sessions.release().catch(() => undefined)
})

let made = 0

/**
 * Compiles a function of tensors. It is traced when first called, and again for every new combination of input dtypes
 * and shapes; variables it uses are read, and those it assigns written, at each run. Where an argument is a list of
 * tensors, give it arrays (`asArray`): a list of lists of numbers is one tensor.
 *
 * @example
 * const norm = compile((x: Tensor) => x.square().sum().sqrt())
 * await norm([3, 4]) // { dtype: "float32", shape: [], data: [5] }
 * @throws RangeError when the seed is no integer from 0. A call rejects with UsageError where the function does not go with
 * the dtypes and shapes it is given.
 */
export function compile<A extends readonly unknown[], R>(
  fn: (...inputs: A) => R,
  { seed = 0, profile, ...options }: CompileOptions = {},
): Compiled<A, R> {
  const key = keyOf(seed)
  const sessions = new Sessions()
  const { loaded, calls } = sessions

  const load = async (specs: readonly Tree<Spec>[], isCareful: boolean): Promise<Loaded> => {
    const { graph: traced, result } = trace(fn as never, specs, options)
    const chosen = await chosenDevice()
    const device = (isCareful && chosen.careful) || chosen
    const adapted = device.adapt(simplify(traced, device.compositions), arrangementOf)
    const { graph, together } = joinUpdates(adapted.graph, placeOf)
    const lowered = lower(graph, { layouts: packsOf(variablesOf(graph), together, adapted.arrangements) })
    const session = made++
    const settings = { threads: engineOptions().threads, ...(profile !== undefined && { profile }) }
    await theRoom()
      .load(session, writeModel(lowered.model), settings)
      .catch((error: Error) => {
        throw missingKernel(error, graph) ?? error
      })
    return { session, isGuarded: adapted.isGuarded, graph, lowered, result }
  }

  const programOf = (specs: readonly Tree<Spec>[], isCareful: boolean): Promise<Loaded> => {
    const id = `${isCareful ? "careful " : ""}${JSON.stringify(specs)}`
    let ready = loaded.get(id)
    if (ready === undefined) {
      ready = load(specs, isCareful)
      loaded.set(id, ready)
      ready.catch(() => loaded.delete(id))
    }
    return ready
  }

  const compiled = async (...inputs: readonly unknown[]): Promise<Fetch<R>> => {
    let finish = (): void => {}
    const call = new Promise<void>((resolve) => {
      finish = resolve
    })
    calls.add(call)
    try {
      return await answer(inputs)
    } finally {
      calls.delete(call)
      finish()
    }
  }

  const answer = async (inputs: readonly unknown[]): Promise<Fetch<R>> => {
    const arrays: NdArray[] = []
    const specs = inputs.map((x, i) => mapTree(x as Tree<Arrayable>, isFeed, (a) => specOf(arrays, a), `x${i}`))
    const ready = programOf(specs, false)
    const run = compiled.runs++
    const program = await ready
    // Every run is judged by its own numbers alone, so one that is resumed goes the way it would have gone.
    const outputs = (await execute(program, arrays, run)) ?? (await execute(await programOf(specs, true), arrays, run))!
    let next = 0
    return mapTree(program.result as Tree<Tensor>, isTensor, () => outputs[next++]) as Fetch<R>
  }

  /** One run; nothing is given or written where the program's guard refuses the numbers. */
  const execute = async (program: Loaded, arrays: readonly NdArray[], run: number): Promise<NdArray[] | undefined> => {
    const { session, graph, lowered, isGuarded } = program
    const feeds: Record<string, NdArray> = {}
    for (const [i, name] of lowered.inputs.entries()) feeds[name] = arrays[i]
    for (const [i, leaf] of randomsOf(graph).entries())
      feeds[lowered.randoms.get(leaf)!] = draw(leaf, fold(key, run, i))
    const { stateInputs, stateOutputs } = lowered
    const buffersOf = (names: ReadonlyMap<Layout, string>): Record<string, number> =>
      Object.fromEntries([...names].map(([layout, name]) => [name, bufferOf(layout)]))
    const uploaded = upload(new Set([...stateInputs.keys(), ...stateOutputs.keys()]))
    // Noted before the run, which is in order with all other calls: whoever reads now waits for it.
    for (const layout of stateOutputs.keys()) written(layout)
    const outputs = theRoom().run({
      session,
      feeds,
      reads: buffersOf(stateInputs),
      writes: buffersOf(stateOutputs),
      fetches: lowered.outputs,
      guard: isGuarded ? lowered.outputs.at(-1) : undefined,
    })
    return (await Promise.all([outputs, uploaded]))[0]
  }
  compiled.runs = 0
  compiled.graph = (...specs: readonly Tree<Spec>[]): Graph => simplify(trace(fn as never, specs, options).graph)
  compiled.profile = async (): Promise<string> => {
    const last = [...loaded.values()].at(-1)
    if (last === undefined) throw new UsageError("profile: the program has not run yet")
    const told = await theRoom().profile((await last).session)
    return told === "" && profile !== undefined ? newestFile(profile) : told
  }
  compiled.dispose = (): Promise<void> => sessions.release()
  ended.register(compiled, sessions)
  return compiled as Compiled<A, R>
}

/** What the runtime says where it cannot compute an op in some dtype, told by that op. */
function missingKernel({ message }: Error, graph: Graph): UsageError | undefined {
  const [, type, name] = /implementation for (\w+)\(\d+\) node with name '([^'/]+)/.exec(message) ?? []
  if (name === undefined) return undefined
  const dtypes = topological(roots(graph))
    .filter((node) => node.op.name === name)
    .flatMap((node) => node.inputs.map((v) => v.spec.dtype))
  const dtype = dtypes.find((d) => d !== "float32") ?? "float32"
  return new UsageError(`${name}: ONNX Runtime computes no ${type} of ${dtype} here (cast its operands to float32)`)
}

/** Numbers of a random leaf for one run. */
function draw(leaf: Value, key: Key): NdArray {
  const { distribution } = leaf.node.attrs as { distribution: "uniform" | "normal" }
  const { shape } = leaf.spec
  if (shape.some(isSymbolic))
    throw new UsageError(`random: a draw of shape ${formatShape(shape)} needs a known batch size`)
  const data = new Float32Array(shape.reduce((n, d) => n * d, 1))
  return array("float32", shape, distribution === "normal" ? fillNormal(data, key) : fillUniform(data, key))
}

/** Whether a value is one input, not a tree of them: arrays, typed arrays, numbers, and lists of numbers. */
export function isFeed(x: unknown): x is Arrayable {
  if (typeof x === "number" || typeof x === "boolean" || isArray(x) || ArrayBuffer.isView(x)) return true
  return Array.isArray(x) && (x.length === 0 || isNestedNumbers(x[0]))
}

function isNestedNumbers(x: unknown): boolean {
  return typeof x === "number" || typeof x === "boolean" || (Array.isArray(x) && isNestedNumbers(x[0]))
}

function specOf(arrays: NdArray[], x: Arrayable): Spec {
  const a = asArray(x)
  arrays.push(a)
  return { dtype: a.dtype as Dtype, shape: [...a.shape] }
}
