/** Where programs run: a worker thread in Node's built package, this thread elsewhere. */
import type { Worker } from "node:worker_threads"
import type { NdArray } from "./array.ts"
import { LocalRoom, type Room } from "./session.ts"
import type { Answer, Call } from "./worker.ts"

/** Settings of the whole engine, for {@link configure}. */
export interface EngineOptions {
  /** Threads of one operator in Node; by default the number of processors this process may use. */
  readonly threads?: number
  /**
   * How graphs are written for ONNX Runtime: `portable` by standard operators alone; `cpu` by its faster operators for the
   * CPU, which only Node has; `auto`, the default, by those where they pass a probe, and else portably.
   */
  readonly device?: "auto" | "portable" | "cpu"
}

let settings: EngineOptions = {}

/**
 * Changes the settings that are given, for the whole process. Programs follow the settings of their first run with inputs of
 * one dtype and shape.
 *
 * @throws RangeError when threads is no whole number from 1. Where `cpu` does not pass its probe, the first run of a program
 * throws.
 */
export function configure(options: EngineOptions): void {
  if (options.threads !== undefined && !(Number.isInteger(options.threads) && options.threads >= 1)) {
    throw new RangeError(`threads: got ${options.threads}, expected a whole number from 1`)
  }
  settings = { ...settings, ...options }
}

/** The settings in force. */
export function engineOptions(): Required<EngineOptions> {
  return { threads: settings.threads ?? processors(), device: settings.device ?? "auto" }
}

type NodeProcess = { getBuiltinModule?: (name: string) => unknown }

/** A module of Node itself, or undefined in a browser; no bundler sees an import. */
function builtin<T>(name: string): T | undefined {
  const host = (globalThis as { process?: NodeProcess }).process
  return host?.getBuiltinModule?.(name) as T | undefined
}

/** Whether this is Node: elsewhere ONNX Runtime is the browser's. */
export function isNode(): boolean {
  return builtin("node:os") !== undefined
}

function processors(): number {
  const os = builtin<{ availableParallelism(): number }>("node:os")
  return os?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1
}

/**
 * The newest file whose path begins with a prefix: ONNX Runtime appends the time to the name of a profile and, in Node,
 * does not tell it. Empty where there is none, or no disk.
 */
export function newestFile(prefix: string): string {
  const fs = builtin<typeof import("node:fs")>("node:fs")
  const path = builtin<typeof import("node:path")>("node:path")
  if (fs === undefined || path === undefined) return ""
  const folder = path.dirname(`${prefix}_`)
  const files = fs
    .readdirSync(folder)
    .map((name) => path.join(folder, name))
    .filter((file) => file.startsWith(path.normalize(`${prefix}_`)))
    .map((file) => ({ file, time: fs.statSync(file).mtimeMs }))
  return files.reduce((best, f) => (f.time >= best.time ? f : best), { file: "", time: 0 }).file
}

let room: Room | undefined

/** The room in which all programs of this process run. */
export function theRoom(): Room {
  room ??= makeRoom()
  return room
}

function makeRoom(): Room {
  const threads = builtin<{ Worker: typeof Worker }>("node:worker_threads")
  // Uncompiled sources cannot be a worker's entry in Node 20: tests of the sources run in this thread.
  if (threads === undefined || !import.meta.url.endsWith(".js")) return new LocalRoom()
  return remoteRoom(new threads.Worker(new URL("./worker.js", import.meta.url)))
}

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** The array without the rest of a larger buffer that it is a view of: a message would copy all of that. */
function apart(a: NdArray): NdArray {
  return a.data.byteLength < a.data.buffer.byteLength ? { ...a, data: a.data.slice() as never } : a
}

/** A room behind messages. The worker keeps the process alive only while a call is under way. */
function remoteRoom(worker: Worker): Room {
  const pending = new Map<number, Pending>()
  let last = 0
  const settle = (id: number, finish: (p: Pending) => void): void => {
    const call = pending.get(id)
    pending.delete(id)
    if (pending.size === 0) worker.unref()
    if (call !== undefined) finish(call)
  }
  worker.unref()
  worker.on("message", ({ id, result, error }: Answer) =>
    settle(id, (p) => (error === undefined ? p.resolve(result) : p.reject(new Error(error)))),
  )
  worker.on("error", (error) => {
    for (const id of [...pending.keys()]) settle(id, (p) => p.reject(error))
    room = undefined
  })
  const call = <T>(method: keyof Room, ...args: readonly unknown[]): Promise<T> =>
    new Promise((resolve, reject) => {
      const id = ++last
      // First, for it refuses what cannot be sent: nobody would answer that.
      worker.postMessage({ id, method, args } satisfies Call)
      if (pending.size === 0) worker.ref()
      pending.set(id, { resolve: resolve as (value: unknown) => void, reject })
    })
  return {
    load: (...args) => call("load", ...args),
    run: ({ feeds, ...request }) => {
      const own = Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, apart(value)]))
      return call("run", { ...request, feeds: own })
    },
    release: (...args) => call("release", ...args),
    profile: (...args) => call("profile", ...args),
    put: (buffer, value) => call("put", buffer, apart(value)),
    get: (...args) => call("get", ...args),
    drop: (...args) => call("drop", ...args),
  }
}
