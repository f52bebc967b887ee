/** Shapes as arithmetic: broadcasting, axes, strides, and sizes that are not known yet. */

/**
 * The size of the symbolic batch axis: a prime no real size reaches, so that a size is symbolic exactly when it is a
 * multiple of it. Shape arithmetic (`batch * heads`) is then ordinary arithmetic on numbers.
 */
export const batchSize: number = 2 ** 31 - 1

/** A second such prime: a program traced with the one and with the other must differ in nothing else. */
export const otherBatchSize: number = 2 ** 30 + 3

/** The prime that a symbolic size is a multiple of; 0 for all other sizes. */
function unitOf(size: number): number {
  if (size === 0) return 0
  return size % batchSize === 0 ? batchSize : size % otherBatchSize === 0 ? otherBatchSize : 0
}

/** Whether a size stands for the symbolic batch or a multiple of it. */
export function isSymbolic(size: number): boolean {
  return unitOf(size) !== 0
}

/** Real sizes stay below this; what lies above without being symbolic came of the batch in a way that is not tracked. */
const largest = 2 ** 30

/** Whether a number that came of sizes is one that any batch size can be put into: plain, or a multiple of the batch. */
export function isTracked(size: number): boolean {
  return isSymbolic(size) ? Number.isSafeInteger(size) : Math.abs(size) < largest
}

/** The size for a batch of `batch` samples. */
export function sizeAt(size: number, batch: number): number {
  const whole = Math.round(size / batchSize)
  return whole * batch + (size - whole * batchSize)
}

/** Size as people read it: `8`, `batch`, `2*batch`; also what is not tracked: `batch-1`. */
export function formatSize(size: number): string {
  if (Math.abs(size) < largest || !Number.isSafeInteger(size)) return String(size)
  const unit = unitOf(size) || batchSize
  const whole = Math.round(size / unit)
  const rest = size - whole * unit
  const batches = whole === 1 ? "batch" : `${whole}*batch`
  return rest === 0 ? batches : `${batches}${rest > 0 ? "+" : ""}${rest}`
}

/** Shape as people read it: `[8, 3, 32, 32]`, `[batch, 4]`. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.map(formatSize).join(", ")}]`
}

/** A product of sizes as `unit ** batches * rest`, exact where the number itself would not be. */
export interface Elements {
  readonly unit: number
  readonly batches: number
  readonly rest: number
}

/** How many elements an array of the given shape has. */
export function elementsOf(shape: readonly number[]): Elements {
  let [unit, batches, rest] = [batchSize, 0, 1]
  for (const n of shape) {
    const own = unitOf(n)
    rest *= own === 0 ? n : n / own
    if (own === 0) continue
    unit = own
    batches++
  }
  return rest === 0 ? { unit, batches: 0, rest } : { unit, batches, rest }
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

/** Refuses sizes that no array can have. */
export function expectSizes(where: string, shape: readonly number[]): void {
  if (!shape.every((n) => Number.isInteger(n) && n >= 0))
    throw new UsageError(`${where}: got the shape ${formatShape(shape)}, expected whole numbers from 0`)
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
        `${where}: cannot broadcast ${formatShape(a)} with ${formatShape(b)} (axis ${i}: ${formatSize(m)} and ${formatSize(n)})`,
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
