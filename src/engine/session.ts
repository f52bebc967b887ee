/** Sessions and state buffers of ONNX Runtime: the only file that imports it. */
import * as ort from "#ort"
import { array, type Dtype, type NdArray } from "./array.ts"

/** How a session is made. */
export interface SessionOptions {
  /** Threads of one operator. */
  readonly threads: number
  /** Prefix of the profile file, to time every node. */
  readonly profile?: string
}

/** One run: the caller's inputs, the buffers the state comes from and goes to, and the outputs to hand back. */
export interface RunRequest {
  readonly session: number
  readonly feeds: Readonly<Record<string, NdArray>>
  /** Input name to buffer. */
  readonly reads: Readonly<Record<string, number>>
  /** Output name to buffer. */
  readonly writes: Readonly<Record<string, number>>
  readonly fetches: readonly string[]
  /** One of `fetches`: by a number above 0 it refuses the run; nothing is handed back or written then. */
  readonly guard?: string | undefined
}

/** What a program needs of the place where it runs, here or in a worker. */
export interface Room {
  load(session: number, bytes: Uint8Array, options: SessionOptions): Promise<void>
  /** Outputs in the order of `fetches`; undefined where the guard refused. */
  run(request: RunRequest): Promise<NdArray[] | undefined>
  release(session: number): Promise<void>
  /** Ends profiling and tells the name of the file it wrote. */
  profile(session: number): Promise<string>
  put(buffer: number, value: NdArray): Promise<void>
  get(buffer: number): Promise<NdArray>
  drop(buffer: number): Promise<void>
}

function toOrt(a: NdArray): ort.Tensor {
  return new ort.Tensor(a.dtype, a.data as never, a.shape)
}

function fromOrt(t: ort.Tensor): NdArray {
  return array(t.type as Dtype, t.dims, t.data as never)
}

/** The room itself. Calls are served one after another, in order. */
export class LocalRoom implements Room {
  readonly #sessions = new Map<number, ort.InferenceSession>()
  readonly #buffers = new Map<number, ort.Tensor>()
  #last: Promise<unknown> = Promise.resolve()

  #next<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => undefined)
    return result
  }

  load(session: number, bytes: Uint8Array, { threads, profile }: SessionOptions): Promise<void> {
    return this.#next(async () => {
      const made = await ort.InferenceSession.create(bytes, {
        // Our own passes have done the work of the higher levels, two of which are wrong on some providers.
        graphOptimizationLevel: "basic",
        // A pattern is one block for all values of a run, taken beside what the first run took value by value: a training
        // step would hold half as much again, and be no faster.
        enableMemPattern: false,
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        logSeverityLevel: 3,
        ...(profile !== undefined && { enableProfiling: true, profileFilePrefix: profile }),
      })
      this.#sessions.set(session, made)
    })
  }

  run({ session, feeds, reads, writes, fetches, guard }: RunRequest): Promise<NdArray[] | undefined> {
    return this.#next(async () => {
      const inputs: Record<string, ort.Tensor> = {}
      for (const [name, value] of Object.entries(feeds)) inputs[name] = toOrt(value)
      for (const [name, buffer] of Object.entries(reads)) inputs[name] = this.#buffers.get(buffer)!
      const results = await this.#session(session).run(inputs, [...fetches, ...Object.keys(writes)])
      if (guard !== undefined && Number(results[guard].data[0]) > 0) return undefined
      for (const [name, buffer] of Object.entries(writes)) this.#buffers.set(buffer, results[name])
      return fetches.map((name) => fromOrt(results[name]))
    })
  }

  release(session: number): Promise<void> {
    return this.#next(async () => {
      await this.#sessions.get(session)?.release()
      this.#sessions.delete(session)
    })
  }

  profile(session: number): Promise<string> {
    return this.#next(async () => String((this.#session(session).endProfiling as () => unknown)() ?? ""))
  }

  put(buffer: number, value: NdArray): Promise<void> {
    return this.#next(async () => void this.#buffers.set(buffer, toOrt(value)))
  }

  get(buffer: number): Promise<NdArray> {
    return this.#next(async () => {
      const { dtype, shape, data } = fromOrt(this.#buffers.get(buffer)!)
      return array(dtype, shape, data.slice() as never)
    })
  }

  drop(buffer: number): Promise<void> {
    return this.#next(async () => void this.#buffers.delete(buffer))
  }

  #session(id: number): ort.InferenceSession {
    const session = this.#sessions.get(id)
    if (session === undefined) throw new Error(`session ${id} was released`)
    return session
  }
}
