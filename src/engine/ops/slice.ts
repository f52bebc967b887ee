/** Ops that take parts of axes or add to their ends: slice and its transpose, pad; flips and splits made of them. */
import { sizeOf } from "../array.ts"
import { apply, type Importer, type ImportSite, type Node, type Op, primitive } from "../graph.ts"
import {
  formatShape,
  formatSize,
  isSymbolic,
  isTracked,
  normalizeAxis,
  sameShape,
  stridesOf,
  UsageError,
  walk,
} from "../shape.ts"
import type { Tensor } from "../tensor.ts"
import { concat } from "./movement.ts"
import { expectNumber } from "./pointwise.ts"

interface Shaped {
  readonly shape: readonly number[]
}

/** A slice of each axis: `start` included, `end` excluded, both counted from the front; `step` may be negative. */
interface Ranges {
  readonly starts: readonly number[]
  readonly ends: readonly number[]
  readonly steps: readonly number[]
}

function sliced(shape: readonly number[], { starts, ends, steps }: Ranges): number[] {
  return shape.map((n, i) =>
    isSymbolic(n) && starts[i] === 0 && ends[i] === n && steps[i] === 1
      ? n
      : Math.max(0, Math.ceil((ends[i] - starts[i]) / steps[i])),
  )
}

const sliceOp = primitive<Ranges>({
  name: "slice",
  doc: "a range of each axis, with steps",
  spec: ([x], ranges) => ({ dtype: x.dtype, shape: sliced(x.shape, ranges) }),
  grad: (g, [x], _, ranges) => [unslice(g, x.shape, ranges)],
  onnx: (emit, [x], node) => {
    const { starts, ends, steps } = node.attrs
    const { shape } = node.inputs[0].spec
    const axes = shape.map((_, i) => i).filter((i) => !(starts[i] === 0 && ends[i] === shape[i] && steps[i] === 1))
    if (axes.length === 0) return x
    const pick = (list: readonly number[]): string => emit.ints(axes.map((i) => list[i]))
    // Going backwards past the first element is written as a very negative end, the end of an unknown size as a large one.
    const stops = ends.map((e, i) => {
      if (steps[i] < 0 && e < 0) return Number.MIN_SAFE_INTEGER
      return isSymbolic(shape[i]) && e === shape[i] ? Number.MAX_SAFE_INTEGER : fromEnd(e, shape[i])
    })
    return emit.node("Slice", [
      x,
      pick(starts.map((s, i) => fromEnd(s, shape[i]))),
      pick(stops),
      emit.ints(axes),
      pick(steps),
    ])
  },
  host: ([x], node) => {
    const { starts, steps } = node.attrs
    const strides = stridesOf(node.inputs[0].spec.shape)
    const { shape } = node.outputs[0].spec
    const out = new Float64Array(sizeOf(shape))
    walk(
      shape,
      strides.map((s, i) => s * steps[i]),
      (at, i) => {
        out[i] = x[at]
      },
      starts.reduce((n, s, i) => n + s * strides[i], 0),
    )
    return out
  },
})

/** A position near the end of a symbolic size, counted from there. */
function fromEnd(position: number, size: number): number {
  return isSymbolic(size) && !isTracked(position) ? position - size : position
}

/** Part of an axis: from `start` (0) to `end` (the size), negative positions counting from the back; or one step size. */
export type Range = readonly [start?: number | null, end?: number | null, step?: number]

/**
 * A range of each axis, as NumPy's `x[a:b, c:d:s]`: one `[start, end, step]` for each leading axis, `null` for all of it.
 *
 * @example slice(x, [null, [1, -1]]) // all rows, without the first and last column
 */
export function slice(x: Tensor, ranges: readonly (Range | null)[]): Tensor {
  if (ranges.length > x.shape.length) throw new UsageError(`slice: ${ranges.length} ranges for ${formatShape(x.shape)}`)
  const starts: number[] = []
  const ends: number[] = []
  const steps: number[] = []
  for (const [axis, n] of x.shape.entries()) {
    const [start, end, step = 1] = ranges[axis] ?? []
    if (!Number.isInteger(step) || step === 0)
      throw new UsageError(`slice: step ${step} of axis ${axis} is not a non-zero integer`)
    for (const at of [start, end]) {
      if (typeof at === "number" && !Number.isInteger(at) && Math.abs(at) !== Infinity)
        throw new UsageError(`slice: position ${at} of axis ${axis} is not an integer`)
    }
    const from = (v: number): number => (v < 0 ? v + n : v)
    const low = step > 0 ? 0 : -1
    const high = step > 0 ? n : n - 1
    const clamp = (v: number): number => Math.min(Math.max(v, low), high)
    starts.push(start === undefined || start === null ? (step > 0 ? 0 : n - 1) : clamp(from(start)))
    ends.push(end === undefined || end === null ? (step > 0 ? n : -1) : clamp(from(end)))
    steps.push(step)
    for (const at of isSymbolic(n) ? [starts[axis], ends[axis]] : []) {
      if (isSymbolic(at) || Math.abs(at) <= 1 || at === n - 1) continue
      throw new UsageError(
        `slice: position ${formatSize(at)} of axis ${axis} of ${formatShape(x.shape)} is not there in a small batch; fix the batch size`,
      )
    }
  }
  const attrs = { starts, ends, steps }
  if (sameShape(sliced(x.shape, attrs), x.shape) && steps.every((s) => s === 1)) return x
  return apply(sliceOp, [x], attrs)
}

/** x with the order of the elements along the given axes reversed. */
export function flip(x: Tensor, axes: readonly number[]): Tensor {
  const at = axes.map((a) => normalizeAxis("flip", a, x.shape.length))
  return slice(
    x,
    x.shape.map((_, i) => (at.includes(i) ? [null, null, -1] : null)),
  )
}

const unsliceOp = primitive<Ranges & Shaped>({
  name: "unslice",
  doc: "zeros of the given shape with x written into a slice: the transpose of slice",
  spec: ([x], { shape }) => ({ dtype: x.dtype, shape }),
  grad: (g, _inputs, _y, ranges) => [
    apply(sliceOp, [g], { starts: ranges.starts, ends: ranges.ends, steps: ranges.steps }),
  ],
  onnx: (emit, [x], node) => {
    const { starts, steps, shape } = node.attrs
    const { shape: small, dtype } = node.inputs[0].spec
    let at = x
    const sizes = [...small]
    for (const [i, step] of steps.entries()) {
      if (step < 0 && sizes[i] > 1) {
        at = emit.node("Slice", [
          at,
          emit.ints([-1]),
          emit.ints([Number.MIN_SAFE_INTEGER]),
          emit.ints([i]),
          emit.ints([-1]),
        ])
      }
      const gap = Math.abs(step) - 1
      if (gap === 0 || sizes[i] <= 1) continue
      // Zeros between the elements: give each its own axis, pad that, and merge the two.
      const before = sizes.slice(0, i)
      const after = sizes.slice(i + 1)
      at = emit.reshape(at, [sizeOf(before), sizes[i], 1, sizeOf(after)])
      at = emit.node("Pad", [at, emit.ints([0, 0, 0, 0, 0, 0, gap, 0]), emit.scalar(dtype, 0)])
      sizes[i] = sizes[i] * (gap + 1)
      at = emit.reshape(at, sizes)
    }
    const low = starts.map((s, i) => (steps[i] < 0 && small[i] > 0 ? s + (small[i] - 1) * steps[i] : s))
    // The padding that leaves too many zeros behind the last element is negative: ONNX crops there.
    const high = shape.map((n, i) => n - low[i] - sizes[i])
    if ([...low, ...high].every((p) => p === 0)) return at
    return emit.node("Pad", [at, emit.ints([...low, ...high]), emit.scalar(dtype, 0)])
  },
  host: ([x], node) => {
    const { starts, steps, shape } = node.attrs
    const strides = stridesOf(shape)
    const out = new Float64Array(sizeOf(shape))
    walk(
      node.inputs[0].spec.shape,
      strides.map((s, i) => s * steps[i]),
      (at, i) => {
        out[at] = x[i]
      },
      starts.reduce((n, s, i) => n + s * strides[i], 0),
    )
    return out
  },
  sum: sideBySide,
})

/** Parts that lie side by side along one axis and fill it need no zeros around them. */
function sideBySide(parts: readonly Tensor[]): Tensor | undefined {
  const nodes = parts.map((t) => t.value.node as Node<Ranges & Shaped>)
  const { shape } = nodes[0].attrs
  const small = (node: Node): readonly number[] => node.inputs[0].spec.shape
  const axes = shape.map((_, i) => i).filter((i) => nodes.some((n) => small(n)[i] !== shape[i]))
  if (axes.length !== 1 || nodes.some(({ attrs }) => attrs.steps.some((s) => s !== 1))) return undefined
  const [axis] = axes
  const sorted = nodes.toSorted((a, b) => a.attrs.starts[axis] - b.attrs.starts[axis])
  let at = 0
  for (const node of sorted) {
    if (node.attrs.starts[axis] !== at) return undefined
    at += small(node)[axis]
  }
  if (at !== shape[axis]) return undefined
  return concat(
    sorted.map((n) => parts[0].derive(n.inputs[0])),
    axis,
  )
}

function unslice(x: Tensor, shape: readonly number[], { starts, ends, steps }: Ranges): Tensor {
  return apply(unsliceOp, [x], { starts, ends, steps, shape })
}

const padOp = primitive<{ readonly low: readonly number[]; readonly high: readonly number[]; readonly value: number }>({
  name: "pad",
  doc: "a border of one value",
  spec: ([x], { low, high }) => ({ dtype: x.dtype, shape: x.shape.map((n, i) => n + low[i] + high[i]) }),
  grad: (g, [x], _, { low }) => [
    slice(
      g,
      x.shape.map((n, i) => [low[i], low[i] + n]),
    ),
  ],
  onnx: (emit, [x], node) =>
    emit.node("Pad", [
      x,
      emit.ints([...node.attrs.low, ...node.attrs.high]),
      emit.scalar(node.outputs[0].spec.dtype, node.attrs.value),
    ]),
  host: ([x], node) => {
    const { low, value } = node.attrs
    const { shape } = node.outputs[0].spec
    const strides = stridesOf(shape)
    const out = new Float64Array(sizeOf(shape)).fill(value)
    walk(
      node.inputs[0].spec.shape,
      strides,
      (at, i) => {
        out[at] = x[i]
      },
      low.reduce((n, s, i) => n + s * strides[i], 0),
    )
    return out
  },
})

/** x with `[before, after]` elements of `value` added to each axis, in the order of the axes. */
export function pad(x: Tensor, widths: readonly (readonly [number, number])[], value = 0): Tensor {
  if (widths.length !== x.shape.length || widths.flat().some((w) => !Number.isInteger(w) || w < 0)) {
    throw new UsageError(
      `pad: got widths ${JSON.stringify(widths)} for ${formatShape(x.shape)}, expected two whole numbers an axis`,
    )
  }
  expectNumber("pad", x, value)
  if (widths.flat().every((w) => w === 0)) return x
  return apply(padOp, [x], { low: widths.map((w) => w[0]), high: widths.map((w) => w[1]), value })
}

/** x cut along an axis into pieces of the given sizes, or into `sizes` equal ones. */
export function split(x: Tensor, sizes: number | readonly number[], axis = 0): Tensor[] {
  const at = normalizeAxis("split", axis, x.shape.length)
  const n = x.shape[at]
  const list = typeof sizes === "number" ? Array.from({ length: sizes }, () => n / sizes) : sizes
  if (list.some((s) => !Number.isInteger(s) || s < 0) || list.reduce((a, b) => a + b, 0) !== n) {
    throw new UsageError(`split: sizes ${JSON.stringify(sizes)} do not divide axis ${at} of ${formatShape(x.shape)}`)
  }
  let start = 0
  return list.map((size) => {
    const from = start
    start += size
    return slice(
      x,
      x.shape.map((_, i) => (i === at ? [from, from + size] : null)),
    )
  })
}

/** All records of this file. */
export const sliceOps: readonly Op[] = [sliceOp, unsliceOp, padOp]

/** Ranges of an ONNX Slice: attributes before operator set 10, inputs since. */
function readRanges(site: ImportSite, rank: number): (Range | null)[] {
  const list = (name: string, index: number): readonly number[] | undefined => site.ints(name) ?? site.constant(index)
  const starts = list("starts", 1) ?? site.fail("has no starts")
  const ends = list("ends", 2) ?? site.fail("has no ends")
  const axes = list("axes", 3) ?? starts.map((_, i) => i)
  const steps = site.constant(4) ?? starts.map(() => 1)
  if ([ends, axes, steps].some((l) => l.length !== starts.length))
    site.fail("has starts, ends, axes of several lengths")
  const ranges = new Array<Range | null>(rank).fill(null)
  for (const [i, axis] of axes.entries()) {
    ranges[normalizeAxis("slice", axis, rank)] = [starts[i], ends[i], steps[i]]
  }
  return ranges
}

/** ONNX operators read as these ops. */
export const sliceImporters: readonly Importer[] = [
  { type: "Slice", read: (site) => slice(site.input(0), readRanges(site, site.input(0).shape.length)) },
]
