/** Entry of the worker thread (Node only): a room that is spoken to by messages. */
import { type MessagePort, parentPort } from "node:worker_threads"
import type { NdArray } from "./array.ts"
import { LocalRoom, type Room } from "./session.ts"

/** A call of a room's method. */
export interface Call {
  readonly id: number
  readonly method: keyof Room
  readonly args: readonly unknown[]
}

/** What came of a call: its result, or the message of its error. */
export interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

/** Buffers of results are handed over, not copied. */
function buffersOf(result: unknown): ArrayBuffer[] {
  const arrays = (Array.isArray(result) ? result : [result]) as (NdArray | undefined)[]
  return arrays.flatMap((a) => {
    const buffer = a?.data?.buffer
    return buffer instanceof ArrayBuffer ? [buffer] : []
  })
}

function serve(port: MessagePort): void {
  const room = new LocalRoom()
  port.on("message", ({ id, method, args }: Call) => {
    const work = (room[method] as (...args: readonly unknown[]) => Promise<unknown>).apply(room, args as unknown[])
    work.then(
      (result) => port.postMessage({ id, result } satisfies Answer, buffersOf(result)),
      (error: unknown) =>
        port.postMessage({ id, error: error instanceof Error ? error.message : String(error) } satisfies Answer),
    )
  })
}

if (parentPort !== null) serve(parentPort)
