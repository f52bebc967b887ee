/** The softmax family. */
import { sizeOf } from "../array.ts"
import { apply, expectDtype, floats, type Importer, type ImportSite, type Op, primitive } from "../graph.ts"
import { normalizeAxis } from "../shape.ts"
import type { Tensor } from "../tensor.ts"
import { exp } from "./elementwise.ts"
import { sum } from "./reduce.ts"

interface At {
  readonly axis: number
}

/** Runs `each` on every line of elements along an axis. */
function alongAxis(
  x: Float64Array,
  shape: readonly number[],
  axis: number,
  each: (line: Float64Array) => Float64Array,
): Float64Array {
  const inner = sizeOf(shape.slice(axis + 1))
  const n = shape[axis]
  const out = new Float64Array(x.length)
  const line = new Float64Array(n)
  for (let start = 0; start < x.length / n; start++) {
    const base = Math.floor(start / inner) * inner * n + (start % inner)
    for (let k = 0; k < n; k++) line[k] = x[base + k * inner]
    const y = each(line)
    for (let k = 0; k < n; k++) out[base + k * inner] = y[k]
  }
  return out
}

function normalized(line: Float64Array): { readonly top: number; readonly exps: Float64Array; readonly total: number } {
  const top = line.reduce((a, b) => Math.max(a, b), -Infinity)
  const exps = line.map((v) => Math.exp(v - top))
  return { top, exps, total: exps.reduce((a, b) => a + b, 0) }
}

const softmaxOp: Op<At> = primitive<At>({
  name: "softmax",
  doc: "e^x / sum e^x along an axis",
  spec: ([x]) => ({ dtype: expectDtype("softmax", [x], floats), shape: x.shape }),
  grad: (g, _, y, { axis }) => [y.mul(g.sub(sum(g.mul(y), { axes: axis, keepDims: true })))],
  onnx: (emit, [x], node) => emit.node("Softmax", [x], { axis: node.attrs.axis }),
  host: ([x], node) =>
    alongAxis(x, node.inputs[0].spec.shape, node.attrs.axis, (line) => {
      const { exps, total } = normalized(line)
      return exps.map((e) => e / total)
    }),
})

const logSoftmaxOp: Op<At> = primitive<At>({
  name: "logSoftmax",
  doc: "x - ln sum e^x along an axis",
  spec: ([x]) => ({ dtype: expectDtype("logSoftmax", [x], floats), shape: x.shape }),
  grad: (g, _, y, { axis }) => [g.sub(exp(y).mul(sum(g, { axes: axis, keepDims: true })))],
  onnx: (emit, [x], node) => emit.node("LogSoftmax", [x], { axis: node.attrs.axis }),
  host: ([x], node) =>
    alongAxis(x, node.inputs[0].spec.shape, node.attrs.axis, (line) => {
      const { top, total } = normalized(line)
      const shift = top + Math.log(total)
      return line.map((v) => v - shift)
    }),
})

/**
 * Softmax along an axis, the last by default: y_i = e^(x_i) / sum_j e^(x_j), positive numbers that sum to 1. Of the shape of x.
 * Stable for large inputs, since the largest is taken off first.
 *
 * @throws UsageError when x is no float, or has no such axis.
 */
export function softmax(x: Tensor, axis = -1): Tensor {
  return apply(softmaxOp, [x], { axis: normalizeAxis("softmax", axis, x.shape.length) })
}

/**
 * Logarithm of {@link softmax} along an axis, the last by default: x_i - ln sum_j e^(x_j). Of the shape of x. Exact where
 * probabilities are too small for a float.
 *
 * @throws UsageError when x is no float, or has no such axis.
 */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return apply(logSoftmaxOp, [x], { axis: normalizeAxis("logSoftmax", axis, x.shape.length) })
}

/** All records of this file. */
export const softmaxOps: readonly Op[] = [softmaxOp, logSoftmaxOp]

/** Before operator set 13, all axes from the given one on were one. */
function readSoftmax(site: ImportSite, fn: (x: Tensor, axis: number) => Tensor): Tensor {
  const x = site.input(0)
  if (site.opset >= 13) return fn(x, site.int("axis", -1))
  const axis = normalizeAxis("softmax", site.int("axis", 1), x.shape.length)
  return fn(x.flatten(axis), axis).reshape(x.shape)
}

/** ONNX operators read as these ops. */
export const softmaxImporters: readonly Importer[] = [
  { type: "Softmax", read: (site) => readSoftmax(site, softmax) },
  { type: "LogSoftmax", read: (site) => readSoftmax(site, logSoftmax) },
]
