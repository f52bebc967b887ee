/** Orders of elements: row-major, or with axes cut into blocks whose insides lie innermost. */
import { allocate, array, type NdArray } from "../../array.ts"
import type { Emitter } from "../../graph.ts"
import { sameShape, stridesOf, walk } from "../../shape.ts"

/**
 * Axes cut into blocks, in the order in which the insides of their blocks follow all other axes; none is row-major.
 * `[1]` of `[batch, channels, h, w]` lies as `[batch, channels / 16, h, w, 16]`.
 */
export type Blocks = readonly number[]

/** Row-major. */
export const plain: Blocks = []
/** Of an activation `[batch, channels, ...]`. */
export const channels: Blocks = [1]
/** Of a kernel `[out, in, kh, kw]`: `[out / 16, in / 16, kh, kw, 16 in, 16 out]`. */
export const kernels: Blocks = [1, 0]
/** Of a kernel whose input is plain or depthwise: `[out / 16, in, kh, kw, 16 out]`. */
export const filters: Blocks = [0]

/** The shape in which the elements lie, outermost first. */
export function physicalShape(shape: readonly number[], blocks: Blocks, block: number): number[] {
  const outer = shape.map((n, i) => (blocks.includes(i) ? n / block : n))
  return [...outer, ...blocks.map(() => block)]
}

/** Whether every blocked axis is there and is made of whole blocks. */
export function fits(shape: readonly number[], blocks: Blocks, block: number): boolean {
  return blocks.every((a) => a < shape.length && shape[a] > 0 && shape[a] % block === 0)
}

/** Whether elements lie alike under both orders. */
export function sameOrder(a: Blocks, b: Blocks): boolean {
  return sameShape(a, b)
}

/** Part of an axis of the input: all of it, its blocks, or the inside of a block. */
interface Part {
  readonly axis: number
  readonly part: "all" | "block" | "inside"
  readonly size: number
}

/** The dimensions in which elements lie, with every axis of `split` in its two parts. */
function partsOf(
  axes: readonly number[],
  sizes: readonly number[],
  blocks: Blocks,
  split: ReadonlySet<number>,
  block: number,
): Part[] {
  const at = (i: number): Part[] => {
    const axis = axes[i]
    if (!split.has(axis)) return [{ axis, part: "all", size: sizes[i] }]
    const outer: Part = { axis, part: "block", size: sizes[i] / block }
    return blocks.includes(i) ? [outer] : [outer, { axis, part: "inside", size: block }]
  }
  const inner = blocks.map((i): Part => ({ axis: axes[i], part: "inside", size: block }))
  return [...axes.flatMap((_, i) => at(i)), ...inner]
}

/** Sizes and permutation of a transposition with axes of size 1 left out and neighbours that stay neighbours merged. */
function merged(from: readonly Part[], to: readonly Part[]): { sizes: number[]; order: number[] } {
  const real = (p: Part): boolean => p.size !== 1
  const source = from.filter(real)
  const order = to.filter(real).map((p) => source.findIndex((q) => q.axis === p.axis && q.part === p.part))
  const runs: number[][] = []
  for (const i of order) {
    const last = runs.at(-1)
    if (last !== undefined && last.at(-1) === i - 1) last.push(i)
    else runs.push([i])
  }
  const ranked = [...runs].sort((a, b) => a[0] - b[0])
  return {
    sizes: ranked.map((run) => run.reduce((n, i) => n * source[i].size, 1)),
    order: runs.map((run) => ranked.indexOf(run)),
  }
}

/** What {@link rearrange} is asked for. */
export interface Rearrangement {
  readonly shape: readonly number[]
  readonly from: Blocks
  readonly to: Blocks
  readonly block: number
  /** Axis `i` of the result is axis `axes[i]` of the input. */
  readonly axes?: readonly number[]
  /** Whether the runtime has the blocked domain; else standard operators do. */
  readonly native: boolean
}

/** Writes elements in another order of elements, and of axes. The result has the logical shape. */
export function rearrange(emit: Emitter, x: string, r: Rearrangement): string {
  const { shape, from, to, block, native, axes = shape.map((_, i) => i) } = r
  const target = axes.map((a) => shape[a])
  const split = new Set([...from, ...to.map((i) => axes[i])])
  const { sizes, order } = merged(
    partsOf(
      shape.map((_, i) => i),
      shape,
      from,
      split,
      block,
    ),
    partsOf(axes, target, to, split, block),
  )
  if (order.every((a, i) => a === i)) return sameShape(shape, target) ? x : emit.node("Reshape", [x, emit.ints(target)])
  const swapped = (n: number): boolean => order.length >= n && order.slice(0, -n).every((a, i) => a === i)
  const product = (list: readonly number[]): number => list.reduce((n, d) => n * d, 1)
  const named = (type: string, sizes: readonly number[], attributes: Readonly<Record<string, number>>): string => {
    const y = emit.node(type, [emit.node("Reshape", [x, emit.ints(sizes)])], attributes, blockedDomain)
    return emit.node("Reshape", [y, emit.ints(target)])
  }
  if (native && swapped(2) && order.at(-1) === order.length - 2) {
    // [..., inside, rest] to [..., rest, inside] and back have kernels of their own, several times as fast.
    const [first, second] = sizes.slice(-2)
    const before = product(sizes.slice(0, -2))
    if (first === block) return named("ReorderInput", [before, block, second, 1], {})
    if (second === block) return named("ReorderOutput", [before, block, first, 1], { channels: block })
  }
  if (native && swapped(3) && order.at(-1) === order.length - 1 && sizes.at(-1) === block) {
    // [..., p, q, inside] to [..., q, p, inside] is what reading [batch, pixels, channels] does.
    const [p, q] = sizes.slice(-3)
    return named("ReorderInput", [product(sizes.slice(0, -3)), p, 1, q * block], { channels_last: 1 })
  }
  return emit.node("Reshape", [permuted(emit, x, sizes, order), emit.ints(target)])
}

/** Longest list of rows that is written into the program. */
const mostRows = 1 << 16

/**
 * Axes in another order. Where rows of some length stay whole they are picked by number, which several threads do;
 * the runtime transposes with one.
 */
export function permuted(emit: Emitter, x: string, sizes: readonly number[], order: readonly number[]): string {
  const last = sizes.length - 1
  const row = sizes[last]
  const rows = sizes.slice(0, last).reduce((n, d) => n * d, 1)
  if (order[last] !== last || row < 16 || rows > mostRows)
    return emit.node("Transpose", [emit.node("Reshape", [x, emit.ints(sizes)])], { perm: order })
  const outer = order.slice(0, last)
  const strides = stridesOf(sizes.slice(0, last))
  const index = new Int32Array(rows)
  walk(
    outer.map((a) => sizes[a]),
    outer.map((a) => strides[a]),
    (at, i) => {
      index[i] = at
    },
  )
  const picked = emit.node("Gather", [
    emit.node("Reshape", [x, emit.ints([rows, row])]),
    emit.constant(array("int32", [rows], index)),
  ])
  return emit.node("Reshape", [picked, emit.ints([...outer.map((a) => sizes[a]), row])])
}

/** ONNX Runtime's own operators on blocked tensors. */
export const blockedDomain = "com.microsoft.nchwc"

/** Calls `visit` with the offsets of every element in row-major order and in blocks. */
function eachOffset(
  shape: readonly number[],
  blocks: Blocks,
  block: number,
  visit: (logical: number, physical: number) => void,
): void {
  const sizes = physicalShape(shape, blocks, block)
  const strides = sizes.map((_, i) => sizes.slice(i + 1).reduce((n, d) => n * d, 1))
  const total = shape.reduce((n, d) => n * d, 1)
  const index = new Array<number>(shape.length).fill(0)
  for (let logical = 0; logical < total; logical++) {
    let physical = 0
    for (let a = 0; a < index.length; a++) {
      const k = blocks.indexOf(a)
      physical +=
        k < 0
          ? index[a] * strides[a]
          : Math.floor(index[a] / block) * strides[a] + (index[a] % block) * strides[shape.length + k]
    }
    visit(logical, physical)
    for (let a = index.length - 1; a >= 0 && ++index[a] === shape[a]; a--) index[a] = 0
  }
}

/** Row-major elements put into blocks, on the host. */
export function intoBlocks(value: NdArray, blocks: Blocks, block: number): NdArray {
  const data = allocate(value.dtype, value.data.length)
  eachOffset(value.shape, blocks, block, (logical, physical) => {
    data[physical] = value.data[logical]
  })
  return array(value.dtype, value.shape, data)
}

/** Blocked elements put back into row-major order, on the host. */
export function outOfBlocks(value: NdArray, blocks: Blocks, block: number): NdArray {
  const data = allocate(value.dtype, value.data.length)
  eachOffset(value.shape, blocks, block, (logical, physical) => {
    data[logical] = value.data[physical]
  })
  return array(value.dtype, value.shape, data)
}
