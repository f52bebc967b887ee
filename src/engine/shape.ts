/** Shapes as arithmetic: broadcasting, axes, strides, and sizes that are not known yet. */

/**
 * The size of the symbolic batch axis: a prime no real size reaches, so that a size is symbolic exactly when it is a
 * multiple of it. Shape arithmetic (`batch * heads`) is then ordinary arithmetic on numbers.
 */
export const batchSize: number = 2 ** 31 - 1

/** Whether a size stands for the symbolic batch or a multiple of it. */
export function isSymbolic(size: number): boolean {
  return size !== 0 && size % batchSize === 0
}

/** Shape as people read it: `[8, 3, 32, 32]`, `[batch, 4]`. */
export function formatShape(shape: readonly number[]): string {
  const words = shape.map((n) => {
    if (!isSymbolic(n)) return String(n)
    return n === batchSize ? "batch" : `${n / batchSize}*batch`
  })
  return `[${words.join(", ")}]`
}

/** An error in the use of an op or layer. Its message ends with the line of the caller's code that is at fault. */
export class UsageError extends Error {
  override readonly name = "UsageError"
  constructor(message: string) {
    // The caller's line may lie deep below layers, fused ops and gradients.
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 100
    super(message)
    Error.stackTraceLimit = limit
    const line = callerLine(this.stack ?? "")
    if (line !== undefined) this.message = `${message}\n  at ${line}`
  }
}

const root = new URL("..", import.meta.url).href

/** First stack frame outside this package's own sources (its tests count as outside). */
function callerLine(stack: string): string | undefined {
  for (const frame of stack.split("\n").slice(1)) {
    const place = /\(?((?:file:\/\/|https?:\/\/|\/|[A-Za-z]:[\\/])[^()]*:\d+:\d+)\)?$/.exec(frame.trim())?.[1]
    if (place === undefined || place.includes("node_modules")) continue
    const url = place.startsWith("/") ? `file://${place}` : place
    if (url.startsWith(root) && !/\.test\.[tj]s:/.test(url)) continue
    return place.replace(/^file:\/\//, "")
  }
  return undefined
}

/** Axis counted from the front; negative axes count from the back. */
export function normalizeAxis(where: string, axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(at) || at < 0 || at >= rank) {
    throw new UsageError(`${where}: axis ${axis} is out of range for rank ${rank}`)
  }
  return at
}

/** Axes counted from the front, ascending, without repeats; `undefined` means all of them. */
export function normalizeAxes(where: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, i) => i)
  const list = (typeof axes === "number" ? [axes] : axes).map((a) => normalizeAxis(where, a, rank))
  const unique = [...new Set(list)].sort((a, b) => a - b)
  if (unique.length !== list.length) throw new UsageError(`${where}: axes [${list.join(", ")}] repeat`)
  return unique
}

/** Shape that both broadcast to, by NumPy's rule: sizes meet from the back and are equal or 1. */
export function broadcastShapes(where: string, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length)
  const out = new Array<number>(rank)
  for (let i = 0; i < rank; i++) {
    const m = a[a.length - rank + i] ?? 1
    const n = b[b.length - rank + i] ?? 1
    if (m !== n && m !== 1 && n !== 1) {
      throw new UsageError(
        `${where}: cannot broadcast ${formatShape(a)} with ${formatShape(b)} (axis ${i}: ${m} and ${n})`,
      )
    }
    out[i] = m === 1 ? n : m
  }
  return out
}

/** Shape after reducing the given normalised axes. */
export function reduceShape(shape: readonly number[], axes: readonly number[], keepDims: boolean): number[] {
  if (keepDims) return shape.map((n, i) => (axes.includes(i) ? 1 : n))
  return shape.filter((_, i) => !axes.includes(i))
}

/** Row-major strides in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step
    step *= shape[i]
  }
  return strides
}

/** Strides with which an array of `from` is read as one of `to`: 0 along broadcast axes. */
export function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const own = stridesOf(from)
  return to.map((n, i) => {
    const j = i - (to.length - from.length)
    return j < 0 || (from[j] === 1 && n !== 1) ? 0 : own[j]
  })
}

/**
 * Calls `visit(at, out)` for every position of `shape` in row-major order, `at` being the element offset under
 * `strides` from `start` and `out` the running index.
 */
export function walk(
  shape: readonly number[],
  strides: readonly number[],
  visit: (at: number, out: number) => void,
  start = 0,
): void {
  const rank = shape.length
  const index = new Array<number>(rank).fill(0)
  let total = 1
  for (const n of shape) total *= n
  let at = start
  for (let out = 0; out < total; out++) {
    visit(at, out)
    for (let axis = rank - 1; axis >= 0; axis--) {
      at += strides[axis]
      if (++index[axis] < shape[axis]) break
      at -= strides[axis] * shape[axis]
      index[axis] = 0
    }
  }
}

/** Whether two shapes are the same. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i])
}
