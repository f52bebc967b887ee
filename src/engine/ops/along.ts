/** Ops along one axis: positions of extremes, and the running sum. */
import { sizeOf } from "../array.ts"
import { apply, expectDtype, type Importer, numbers, type Op, primitive, type Spec } from "../graph.ts"
import { formatShape, normalizeAxis, reduceShape, UsageError } from "../shape.ts"
import type { Tensor } from "../tensor.ts"
import { cast } from "./compare.ts"
import { flip } from "./slice.ts"

function arg(
  onnxType: "ArgMax" | "ArgMin",
  better: (x: number, best: number) => boolean,
): Op<{ readonly axis: number }> {
  const name = onnxType === "ArgMax" ? "argMax" : "argMin"
  return primitive<{ readonly axis: number }>({
    name,
    doc: `position of the ${onnxType === "ArgMax" ? "largest" : "smallest"} element along an axis, the first of equals`,
    spec: ([x], { axis }): Spec => {
      expectDtype(name, [x], numbers)
      if (x.shape[axis] === 0)
        throw new UsageError(`${name}: no elements along axis ${axis} of ${formatShape(x.shape)}`)
      return { dtype: "int32", shape: reduceShape(x.shape, [axis], false) }
    },
    grad: () => [null],
    onnx: (emit, [x], node) =>
      emit.node("Cast", [emit.node(onnxType, [x], { axis: node.attrs.axis, keepdims: 0 })], { to: 6 }),
    host: ([x], node) => {
      const { shape } = node.inputs[0].spec
      const { axis } = node.attrs
      const inner = sizeOf(shape.slice(axis + 1))
      const out = new Float64Array(sizeOf(node.outputs[0].spec.shape))
      for (let i = 0; i < out.length; i++) {
        const start = Math.floor(i / inner) * inner * shape[axis] + (i % inner)
        for (let k = 1; k < shape[axis]; k++) if (better(x[start + k * inner], x[start + out[i] * inner])) out[i] = k
      }
      return out
    },
  })
}

const argMaxOp = arg("ArgMax", (x, best) => x > best)
const argMinOp = arg("ArgMin", (x, best) => x < best)

/**
 * Position (int32, from 0) of the largest element along an axis, the last by default; the first of equal ones. The result
 * lacks that axis. It has no gradient.
 *
 * @throws UsageError when x has no such axis, no elements along it, or holds booleans.
 */
export function argMax(x: Tensor, axis = -1): Tensor {
  return apply(argMaxOp, [x], { axis: normalizeAxis("argMax", axis, x.shape.length) })
}

/** Position (int32, from 0) of the smallest element along an axis; else as {@link argMax}. */
export function argMin(x: Tensor, axis = -1): Tensor {
  return apply(argMinOp, [x], { axis: normalizeAxis("argMin", axis, x.shape.length) })
}

const cumSumOp: Op<{ readonly axis: number; readonly reverse: boolean }> = primitive<{
  readonly axis: number
  readonly reverse: boolean
}>({
  name: "cumSum",
  doc: "running sum along an axis",
  spec: ([x]) => ({ dtype: expectDtype("cumSum", [x], numbers), shape: x.shape }),
  grad: (g, _inputs, _y, { axis, reverse }) => [apply(cumSumOp, [g], { axis, reverse: !reverse })],
  onnx: (emit, [x], node) =>
    emit.node("CumSum", [x, emit.scalar("int64", node.attrs.axis)], { reverse: node.attrs.reverse ? 1 : 0 }),
  host: ([x], node) => {
    const { shape } = node.inputs[0].spec
    const { axis, reverse } = node.attrs
    const inner = sizeOf(shape.slice(axis + 1))
    const block = inner * shape[axis]
    const out = Float64Array.from(x)
    for (let i = 0; i < x.length; i++) {
      const at = reverse ? x.length - 1 - i : i
      const k = Math.floor((at % block) / inner)
      const before = reverse ? at + inner : at - inner
      if (reverse ? k < shape[axis] - 1 : k > 0) out[at] += out[before]
    }
    return out
  },
})

/**
 * Running sum along an axis, the last by default: y_i = x_0 + ... + x_i, of the shape of x. With `reverse` it is
 * x_i + ... + x_(n - 1).
 *
 * @throws UsageError when x has no such axis, or holds booleans.
 */
export function cumSum(x: Tensor, axis = -1, { reverse = false }: { readonly reverse?: boolean } = {}): Tensor {
  return apply(cumSumOp, [x], { axis: normalizeAxis("cumSum", axis, x.shape.length), reverse })
}

/** All records of this file. */
export const alongOps: readonly Op[] = [argMaxOp, argMinOp, cumSumOp]

function readArg(type: string, fn: (x: Tensor, axis: number) => Tensor): Importer {
  return {
    type,
    read: (site) => {
      const x = site.input(0)
      const axis = normalizeAxis(type, site.int("axis", 0), x.shape.length)
      // The last of equals is the first from the back.
      const isLast = site.int("select_last_index", 0) !== 0
      const first = cast(fn(isLast ? flip(x, [axis]) : x, axis), "int64")
      const y = isLast ? first.neg().add(x.shape[axis] - 1) : first
      return site.int("keepdims", 1) === 0 ? y : y.reshape(reduceShape(x.shape, [axis], true))
    },
  }
}

/** ONNX operators read as these ops. */
export const alongImporters: readonly Importer[] = [
  readArg("ArgMax", argMax),
  readArg("ArgMin", argMin),
  {
    type: "CumSum",
    read: (site) => {
      const x = site.input(0)
      const y = cumSum(x, site.constant(1)?.[0] ?? 0, { reverse: site.int("reverse", 0) !== 0 })
      return site.int("exclusive", 0) === 0 ? y : y.sub(x)
    },
  },
]
