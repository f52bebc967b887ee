/** Ops that reduce axes: sums, means, extremes and products. */
import { sizeOf } from "../array.ts"
import { apply, expectDtype, floats, type Importer, type ImportSite, numbers, type Op, primitive } from "../graph.ts"
import {
  formatShape,
  isSymbolic,
  normalizeAxes,
  reduceShape,
  sameShape,
  stridesOf,
  UsageError,
  walk,
} from "../shape.ts"
import type { Tensor } from "../tensor.ts"
import { cast, equal, where } from "./compare.ts"
import type { Operand } from "./pointwise.ts"
import { pad, slice } from "./slice.ts"

interface Axes {
  readonly axes: readonly number[]
  readonly keepDims: boolean
}

/** Strides that send every position of `shape` to its place in the reduced result. */
function reducedStrides(shape: readonly number[], axes: readonly number[]): number[] {
  const own = stridesOf(reduceShape(shape, axes, true))
  return own.map((s, i) => (axes.includes(i) ? 0 : s))
}

function reduction(
  onnxType: string,
  doc: string,
  initial: number,
  step: (total: number, x: number) => number,
  finish: (total: number, count: number) => number,
  grad: (g: Tensor, x: Tensor, y: Tensor, count: Operand) => Tensor,
): Op<Axes> {
  const name = onnxType[0].toLowerCase() + onnxType.slice(1)
  readers.push({
    type: onnxType,
    read: (site) => {
      const x = site.input(0)
      const options = readReduce(site)
      const isBool = x.dtype === "bool"
      const axes = normalizeAxes(name, options.axes, x.shape.length)
      if (
        Math.abs(initial) === Infinity &&
        axes.some((a) => x.shape[a] === 0) &&
        (isBool || floats.includes(x.dtype))
      ) {
        const least = isBool ? Number(initial > 0) : initial
        return x.like(least).broadcastTo(reduceShape(x.shape, axes, options.keepDims ?? false))
      }
      // The extremes of booleans are those of 0 and 1.
      const y = reduce(name, op, isBool ? cast(x, "int32") : x, options)
      return isBool ? cast(y, "bool") : y
    },
  })
  const op: Op<Axes> = primitive<Axes>({
    name,
    doc,
    spec: ([x], { axes, keepDims }) => ({
      dtype: expectDtype(name, [x], onnxType === "ReduceMean" ? floats : numbers),
      shape: reduceShape(x.shape, axes, keepDims),
    }),
    grad: (g, [x], y, { axes }) => {
      const kept = reduceShape(x.shape, axes, true)
      return [grad(g.reshape(kept), x, y.reshape(kept), countOf(x, axes))]
    },
    onnx: (emit, [x], node) =>
      node.attrs.axes.length === 0
        ? x
        : emit.node(onnxType, [x, emit.ints(node.attrs.axes)], { keepdims: node.attrs.keepDims ? 1 : 0 }),
    host: ([x], node) => {
      const { shape } = node.inputs[0].spec
      const out = new Float64Array(sizeOf(node.outputs[0].spec.shape)).fill(initial)
      walk(shape, reducedStrides(shape, node.attrs.axes), (at, i) => {
        out[at] = step(out[at], x[i])
      })
      const count = sizeOf(node.attrs.axes.map((a) => shape[a]))
      return out.map((v) => finish(v, count))
    },
  })
  return op
}

const readers: Importer[] = []

/** Axes of an ONNX reduction: an attribute in older operator sets, an input in newer ones. */
export function readReduce(site: ImportSite): ReduceOptions {
  const axes = site.ints("axes") ?? site.constant(1) ?? []
  const keepDims = site.int("keepdims", 1) !== 0
  const isIdle = site.int("noop_with_empty_axes", 0) !== 0
  return axes.length > 0 || isIdle ? { axes, keepDims } : { keepDims }
}

/** Number of elements that meet in a reduction; counted at each run where an axis is symbolic. */
function countOf(x: Tensor, axes: readonly number[]): Operand {
  const sizes = axes.map((a) => x.shape[a])
  return sizes.some(isSymbolic) ? sum(x.like(1).broadcastTo(sizes)) : sizeOf(sizes)
}

const itself = (total: number): number => total
const sumOp: Op<Axes> = reduction(
  "ReduceSum",
  "sum over axes",
  0,
  (a, x) => a + x,
  itself,
  (g, x) => g.broadcastTo(x.shape),
)
const meanOp = reduction(
  "ReduceMean",
  "mean over axes",
  0,
  (a, x) => a + x,
  (a, n) => a / n,
  (g, x, _, n) => (typeof n === "number" ? g.mul(1 / n) : g.div(n)).broadcastTo(x.shape),
)
const maxOp = reduction(
  "ReduceMax",
  "largest over axes",
  -Infinity,
  (a, x) => (x > a || Number.isNaN(x) ? x : a),
  itself,
  shareExtreme,
)
const minOp = reduction(
  "ReduceMin",
  "smallest over axes",
  Infinity,
  (a, x) => (x < a || Number.isNaN(x) ? x : a),
  itself,
  shareExtreme,
)
const prodOp = reduction(
  "ReduceProd",
  "product over axes",
  1,
  (a, x) => a * x,
  itself,
  (g, x, y) =>
    g.mul(
      productOfOthers(
        x,
        x.shape.map((_, i) => i).filter((i) => y.shape[i] === 1),
      ),
    ),
)

/** The product of the elements that meet with each one, without it: from the left and from the right, never divided. */
function productOfOthers(x: Tensor, axes: readonly number[]): Tensor {
  if (axes.some((a) => isSymbolic(x.shape[a]))) return quotientOfOthers(x, axes)
  const order = [...x.shape.map((_, i) => i).filter((i) => !axes.includes(i)), ...axes]
  const sizes = order.map((i) => x.shape[i])
  const kept = sizes.length - axes.length
  const n = sizeOf(sizes.slice(kept))
  const flat = x.transpose(order).reshape([...sizes.slice(0, kept), n])
  const all = sizes.slice(0, kept).map(() => null)
  const none = all.map(() => [0, 0] as const)
  /** Moved by `steps` towards the end, or towards the start, with ones behind it. */
  const moved = (t: Tensor, steps: number): Tensor =>
    steps > 0
      ? pad(slice(t, [...all, [0, n - steps]]), [...none, [steps, 0]], 1)
      : pad(slice(t, [...all, [-steps, n]]), [...none, [0, -steps]], 1)
  const running = (sign: 1 | -1): Tensor => {
    let total = moved(flat, sign)
    for (let step = 1; step < n; step *= 2) total = total.mul(moved(total, sign * step))
    return total
  }
  const others = n > 1 ? running(1).mul(running(-1)) : x.like(1).broadcastTo(flat.shape)
  return others.reshape(sizes).transpose(order.map((_, i) => order.indexOf(i)))
}

/** The same along an axis whose size is open: a quotient, or, where elements are 0, what their number leaves of it. */
function quotientOfOthers(x: Tensor, axes: readonly number[]): Tensor {
  const isZero = equal(x, 0)
  const zeros = sum(isZero.cast(x.dtype), { axes, keepDims: true })
  const safe = where(isZero, 1, x)
  const product = prod(safe, { axes, keepDims: true })
  const one = where(equal(zeros, 1), product, 0)
  return where(isZero, one, where(equal(zeros, 0), product, 0).div(safe))
}

/** The gradient of an extreme goes to the elements that attain it, in equal parts. */
function shareExtreme(g: Tensor, x: Tensor, y: Tensor): Tensor {
  const hits = equal(x, y).cast(x.dtype)
  const axes = x.shape.map((_, i) => i).filter((i) => y.shape[i] === 1)
  return g.mul(hits).div(sum(hits, { axes, keepDims: true }))
}

/** Which axes to reduce (all of them by default), and whether they stay as size 1. */
export interface ReduceOptions {
  readonly axes?: number | readonly number[]
  readonly keepDims?: boolean
}

function reduce(where: string, op: Op<Axes>, x: Tensor, { axes, keepDims = false }: ReduceOptions): Tensor {
  const list = normalizeAxes(where, axes, x.shape.length)
  const count = sizeOf(list.map((a) => x.shape[a]))
  if (count === 0 && op !== sumOp && op !== prodOp)
    throw new UsageError(`${where}: no elements along axes [${list.join(", ")}] of ${formatShape(x.shape)}`)
  return list.length === 0 ? x : apply(op, [x], { axes: list, keepDims })
}

/** Sum over axes (all by default). */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return reduce("sum", sumOp, x, options)
}

/** Mean over axes (all by default). */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  return reduce("mean", meanOp, x, options)
}

/** Largest element over axes (all by default); equal ones share the gradient. */
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  return reduce("max", maxOp, x, options)
}

/** Smallest element over axes (all by default); equal ones share the gradient. */
export function min(x: Tensor, options: ReduceOptions = {}): Tensor {
  return reduce("min", minOp, x, options)
}

/**
 * Product over axes (all by default). Its gradient is the product of the other elements, exact where some are 0; along
 * an axis whose size is open only the first gradient is right there.
 */
export function prod(x: Tensor, options: ReduceOptions = {}): Tensor {
  return reduce("prod", prodOp, x, options)
}

/**
 * Variance over axes: the sum of squared distances from the mean, divided by n - `ddof` (0: the biased one). NaN where
 * there are `ddof` elements, as in PyTorch and in exported files.
 */
export function variance(x: Tensor, { ddof = 0, ...options }: ReduceOptions & { readonly ddof?: number } = {}): Tensor {
  const centred = x.sub(mean(x, { ...options, keepDims: true }))
  const v = mean(centred.mul(centred), options)
  if (ddof === 0) return v
  const n = countOf(x, normalizeAxes("variance", options.axes, x.shape.length))
  return v.mul(typeof n === "number" ? n / (n - ddof) : n.div(n.sub(ddof)))
}

/** The inverse of broadcasting: g summed over the axes along which `shape` was repeated. */
export function sumTo(g: Tensor, shape: readonly number[]): Tensor {
  if (sameShape(g.shape, shape)) return g
  const lead = g.shape.length - shape.length
  const axes = g.shape.map((_, i) => i).filter((i) => i < lead || (shape[i - lead] === 1 && g.shape[i] !== 1))
  return sum(g, { axes }).reshape(shape)
}

/** All records of this file. */
export const reduceOps: readonly Op[] = [sumOp, meanOp, maxOp, minOp, prodOp]

/** ONNX operators read as these ops. */
export const reduceImporters: readonly Importer[] = readers
