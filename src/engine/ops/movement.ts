/** Ops that move whole elements without computing: reshape, transpose, broadcast, concatenate. */
import { sizeOf } from "../array.ts"
import { apply, expectDtype, type Importer, makeNode, type Op, primitive } from "../graph.ts"
import {
  broadcastShapes,
  broadcastStrides,
  type Elements,
  elementsOf,
  expectSizes,
  formatShape,
  isSymbolic,
  normalizeAxis,
  sameShape,
  stridesOf,
  UsageError,
  walk,
} from "../shape.ts"
import type { Tensor } from "../tensor.ts"

interface Shaped {
  readonly shape: readonly number[]
}

const reshapeOp: Op<Shaped> = primitive<Shaped>({
  name: "reshape",
  doc: "the same elements in row-major order under another shape",
  spec: ([x], { shape }) => {
    expectSizes("reshape", shape)
    const [from, to] = [elementsOf(x.shape), elementsOf(shape)]
    if (from.batches !== to.batches || from.rest !== to.rest) {
      throw new UsageError(
        `reshape: ${formatShape(x.shape)} holds ${formatElements(from)} elements, ${formatShape(shape)} holds ${formatElements(to)}`,
      )
    }
    return { dtype: x.dtype, shape }
  },
  grad: (g, [x]) => [g.reshape(x.shape)],
  onnx: (emit, [x], node) => emit.reshape(x, node.attrs.shape),
  host: ([x]) => x,
  simplify: (node) => {
    const [x] = node.inputs
    if (sameShape(x.spec.shape, node.attrs.shape)) return x
    // A reshape of a reshape is one reshape.
    return x.node.op === reshapeOp ? makeNode(reshapeOp, [x.node.inputs[0]], node.attrs).outputs[0] : undefined
  },
})

function formatElements({ batches, rest }: Elements): string {
  return [...(rest === 1 && batches > 0 ? [] : [rest]), ...new Array<string>(batches).fill("batch")].join("*")
}

/** The same elements under another shape; one size may be -1 and is worked out. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const unknown = shape.indexOf(-1)
  let target = shape
  if (unknown >= 0) {
    const known = elementsOf(shape.filter((_, i) => i !== unknown))
    const whole = elementsOf(x.shape)
    const rest = whole.rest / known.rest
    const batches = whole.batches - known.batches
    const left = batches === 1 ? rest * whole.unit : rest
    if (!(Number.isSafeInteger(left) && left >= 0 && (batches === 0 || batches === 1))) {
      throw new UsageError(`reshape: cannot work out -1 in ${formatShape(shape)} for ${formatShape(x.shape)}`)
    }
    target = shape.map((d, i) => (i === unknown ? left : d))
  }
  return sameShape(x.shape, target) ? x : apply(reshapeOp, [x], { shape: target })
}

const transposeOp = primitive<{ readonly axes: readonly number[] }>({
  name: "transpose",
  doc: "axes in another order",
  spec: ([x], { axes }) => ({ dtype: x.dtype, shape: axes.map((a) => x.shape[a]) }),
  grad: (g, _inputs, _y, { axes }) => [
    transpose(
      g,
      axes.map((_, i) => axes.indexOf(i)),
    ),
  ],
  onnx: (emit, [x], node) => emit.node("Transpose", [x], { perm: node.attrs.axes }),
  host: ([x], node) => {
    const strides = stridesOf(node.inputs[0].spec.shape)
    const out = new Float64Array(x.length)
    walk(
      node.outputs[0].spec.shape,
      node.attrs.axes.map((a) => strides[a]),
      (at, i) => {
        out[i] = x[at]
      },
    )
    return out
  },
})

/** Axes in another order: axis `i` of the result is axis `axes[i]` of x. Without `axes`, the order is reversed. */
export function transpose(x: Tensor, axes?: readonly number[]): Tensor {
  const rank = x.shape.length
  const order = (axes ?? Array.from({ length: rank }, (_, i) => rank - 1 - i)).map((a) =>
    normalizeAxis("transpose", a, rank),
  )
  if (order.length !== rank || new Set(order).size !== rank) {
    throw new UsageError(
      `transpose: axes [${order.join(", ")}] are no reordering of the ${rank} axes of ${formatShape(x.shape)}`,
    )
  }
  return order.every((a, i) => a === i) ? x : apply(transposeOp, [x], { axes: order })
}

const broadcastOp = primitive<Shaped>({
  name: "broadcastTo",
  repeats: true,
  doc: "elements repeated along axes of size 1",
  spec: ([x], { shape }) => {
    expectSizes("broadcastTo", shape)
    if (!sameShape(broadcastShapes("broadcastTo", x.shape, shape), shape)) {
      throw new UsageError(`broadcastTo: ${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}`)
    }
    return { dtype: x.dtype, shape }
  },
  grad: (g, [x]) => [g.sumTo(x.shape)],
  onnx: (emit, [x], node) => {
    const from = node.inputs[0].spec.shape
    const { shape } = node.attrs
    const lead = shape.length - from.length
    // A size of 1 keeps the input's own: so an unknown size that is already there need not be computed.
    return emit.node("Expand", [x, emit.ints(shape.map((n, i) => (isSymbolic(n) && from[i - lead] === n ? 1 : n)))])
  },
  host: ([x], node) => {
    const { shape } = node.attrs
    const out = new Float64Array(sizeOf(shape))
    walk(shape, broadcastStrides(node.inputs[0].spec.shape, shape), (at, i) => {
      out[i] = x[at]
    })
    return out
  },
})

/** x repeated along axes of size 1 (and new leading axes) until it has the given shape. */
export function broadcastTo(x: Tensor, shape: readonly number[]): Tensor {
  return sameShape(x.shape, shape) ? x : apply(broadcastOp, [x], { shape })
}

const concatOp = primitive<{ readonly axis: number }>({
  name: "concat",
  doc: "tensors one after another along an axis",
  spec: (inputs, { axis }) => {
    const dtype = expectDtype("concat", inputs)
    const shape = [...inputs[0].shape]
    for (const other of inputs.slice(1)) {
      if (other.shape.length !== shape.length || other.shape.some((n, i) => i !== axis && n !== shape[i])) {
        throw new UsageError(
          `concat: ${inputs.map((s) => formatShape(s.shape)).join(" and ")} differ outside axis ${axis}`,
        )
      }
      shape[axis] += other.shape[axis]
    }
    return { dtype, shape }
  },
  grad: (g, inputs, _, { axis }) =>
    g.split(
      inputs.map((x) => x.shape[axis]),
      axis,
    ),
  onnx: (emit, inputs, node) => emit.node("Concat", inputs, { axis: node.attrs.axis }),
  host: (inputs, node) => {
    const { axis } = node.attrs
    const { shape } = node.outputs[0].spec
    const out = new Float64Array(sizeOf(shape))
    const outer = sizeOf(shape.slice(0, axis))
    const row = sizeOf(shape.slice(axis))
    let offset = 0
    for (const [k, x] of inputs.entries()) {
      const part = sizeOf(node.inputs[k].spec.shape.slice(axis))
      for (let i = 0; i < outer; i++) out.set(x.subarray(i * part, (i + 1) * part), i * row + offset)
      offset += part
    }
    return out
  },
})

/** Tensors one after another along an axis; all other sizes must agree. */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  if (tensors.length === 0) throw new UsageError("concat: got no tensors, expected at least one")
  const at = normalizeAxis("concat", axis, tensors[0].shape.length)
  return tensors.length === 1 ? tensors[0] : apply(concatOp, tensors, { axis: at })
}

/** Tensors of one shape along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  if (tensors.length === 0) throw new UsageError("stack: got no tensors, expected at least one")
  const at = normalizeAxis("stack", axis, tensors[0].shape.length + 1)
  return concat(
    tensors.map((t) => t.reshape([...t.shape.slice(0, at), 1, ...t.shape.slice(at)])),
    at,
  )
}

/** All records of this file. */
export const movementOps: readonly Op[] = [reshapeOp, transposeOp, broadcastOp, concatOp]

/** ONNX operators read as these ops. */
export const movementImporters: readonly Importer[] = [
  {
    type: "Reshape",
    read: (site) => {
      const x = site.input(0)
      const isPlain = site.int("allowzero", 0) !== 0
      const shape = site.constant(1) ?? site.fail("has no shape")
      return reshape(
        x,
        shape.map((n, i) =>
          n === 0 && !isPlain ? (x.shape[i] ?? site.fail(`copies axis ${i}, which is not there`)) : n,
        ),
      )
    },
  },
  { type: "Transpose", read: (site) => transpose(site.input(0), site.ints("perm")) },
  {
    type: "Expand",
    read: (site) => {
      const x = site.input(0)
      return broadcastTo(x, broadcastShapes("expand", x.shape, site.constant(1) ?? site.fail("has no shape")))
    },
  },
  {
    type: "Concat",
    read: (site) =>
      concat(
        site.inputs.map((_, i) => site.input(i)),
        site.int("axis", 1),
      ),
  },
]
