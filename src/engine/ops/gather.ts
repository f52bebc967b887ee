/** Ops that pick elements by index, and their transposes that add into places. */
import { sizeOf } from "../array.ts"
import {
  apply,
  type Emitter,
  expectDtype,
  type Importer,
  type ImportSite,
  type Op,
  primitive,
  type Spec,
} from "../graph.ts"
import { formatShape, normalizeAxis, sameShape, stridesOf, UsageError, walk } from "../shape.ts"
import type { Tensor } from "../tensor.ts"
import { greater, where } from "./compare.ts"

interface At {
  readonly axis: number
}
interface Into extends At {
  /** Size of the axis that is written into. */
  readonly size: number
}

const indexTypes = ["int32", "int64"] as const

function gathered(x: Spec, indices: Spec, axis: number): number[] {
  return [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)]
}

/** Calls `visit` with the offset in x and in the gathered result, for every element gathered. */
function eachGathered(
  where: string,
  shape: readonly number[],
  indices: Float64Array,
  axis: number,
  visit: (at: number, out: number) => void,
): void {
  const outer = sizeOf(shape.slice(0, axis))
  const inner = sizeOf(shape.slice(axis + 1))
  const n = shape[axis]
  let out = 0
  for (let o = 0; o < outer; o++) {
    for (const raw of indices) {
      const k = raw < 0 ? raw + n : raw
      if (k < 0 || k >= n) throw new RangeError(`${where}: index ${raw} is out of range for axis ${axis} of size ${n}`)
      for (let i = 0; i < inner; i++) visit((o * n + k) * inner + i, out++)
    }
  }
}

const gatherOp: Op<At> = primitive<At>({
  name: "gather",
  doc: "slices of an axis, picked by index",
  spec: ([x, indices], { axis }) => {
    expectDtype("gather", [indices], indexTypes)
    return { dtype: x.dtype, shape: gathered(x, indices, axis) }
  },
  grad: (g, [x, indices], _, { axis }) => [apply(scatterOp, [g, indices], { axis, size: x.shape[axis] }), null],
  onnx: (emit, [x, indices], node) => emit.node("Gather", [x, indices], { axis: node.attrs.axis }),
  host: ([x, indices], node) => {
    const out = new Float64Array(sizeOf(node.outputs[0].spec.shape))
    eachGathered("gather", node.inputs[0].spec.shape, indices, node.attrs.axis, (at, i) => {
      out[i] = x[at]
    })
    return out
  },
})

const scatterOp: Op<Into> = primitive<Into>({
  name: "scatterAdd",
  doc: "zeros with slices added at indices of an axis: the transpose of gather",
  spec: ([g, indices], { axis, size }) => {
    expectDtype("scatterAdd", [indices], indexTypes)
    if (!sameShape(g.shape.slice(axis, axis + indices.shape.length), indices.shape)) {
      throw new UsageError(
        `scatterAdd: ${formatShape(g.shape)} has no axes ${formatShape(indices.shape)} of the indices at axis ${axis}`,
      )
    }
    const after = g.shape.slice(axis + indices.shape.length)
    return { dtype: g.dtype, shape: [...g.shape.slice(0, axis), size, ...after] }
  },
  grad: (g, [, indices], _, { axis }) => [apply(gatherOp, [g, indices], { axis }), null],
  onnx: (emit, [g, indices], node) => {
    const { axis } = node.attrs
    const { dtype, shape } = node.outputs[0].spec
    const rank = node.inputs[1].spec.shape.length
    const before = Array.from({ length: axis }, (_, i) => i)
    const picked = Array.from({ length: rank }, (_, i) => axis + i)
    const after = shape.slice(axis + 1).map((_, i) => axis + rank + i)
    const front = axis === 0 ? g : emit.node("Transpose", [g], { perm: [...picked, ...before, ...after] })
    const order = [axis, ...before, ...shape.slice(axis + 1).map((_, i) => axis + 1 + i)]
    const sizes = order.map((i) => shape[i])
    const count = sizeOf(node.inputs[1].spec.shape)
    const width = sizeOf(sizes.slice(1))
    // ScatterND would take whole rows, but adds rows of one index in several threads at once and loses some.
    const rows = emit.node("Expand", [emit.reshape(indices, [count, 1]), emit.ints([count, width])])
    const zeros = zerosLike(emit, { dtype, shape: [sizes[0], width] })
    const added = emit.node("ScatterElements", [zeros, rows, emit.reshape(front, [count, width])], { reduction: "add" })
    const y = emit.reshape(added, sizes)
    return axis === 0 ? y : emit.node("Transpose", [y], { perm: shape.map((_, i) => order.indexOf(i)) })
  },
  host: ([g, indices], node) => {
    const { shape } = node.outputs[0].spec
    const out = new Float64Array(sizeOf(shape))
    eachGathered("scatterAdd", shape, indices, node.attrs.axis, (at, i) => {
      out[at] += g[i]
    })
    return out
  },
})

function zerosLike(emit: Emitter, { dtype, shape }: Spec): string {
  return emit.node("Expand", [emit.scalar(dtype, 0), emit.ints(shape)])
}

/**
 * Slices of an axis picked by int32 index: `gather(x [n, d], indices [b]) -> [b, d]`. The axis is replaced by the axes
 * of `indices`; negative indices count from the back.
 */
export function gather(x: Tensor, indices: Tensor, axis = 0): Tensor {
  return apply(gatherOp, [x, indices], { axis: normalizeAxis("gather", axis, x.shape.length) })
}

/**
 * Zeros with slices added at int32 indices of an axis of the given size: the transpose of {@link gather}. `axis` is one of
 * the result, in which it stands for the axes of `indices`.
 */
export function scatterAdd(g: Tensor, indices: Tensor, axis: number, size: number): Tensor {
  return apply(scatterOp, [g, indices], { axis: normalizeAxis("scatterAdd", axis, g.rank - indices.rank + 1), size })
}

/** Calls `visit` with the offset in x and in the result, for torch-style per-element gathering. */
function eachTaken(
  shape: readonly number[],
  taken: readonly number[],
  indices: Float64Array,
  axis: number,
  visit: (at: number, out: number) => void,
): void {
  const strides = stridesOf(shape)
  const step = strides[axis]
  walk(
    taken,
    strides.map((s, i) => (i === axis ? 0 : s)),
    (at, out) => {
      const k = indices[out] < 0 ? indices[out] + shape[axis] : indices[out]
      if (k < 0 || k >= shape[axis]) {
        throw new RangeError(`takeAlong: index ${indices[out]} is out of range for axis ${axis} of size ${shape[axis]}`)
      }
      visit(at + k * step, out)
    },
  )
}

const takeOp: Op<At> = primitive<At>({
  name: "takeAlong",
  doc: "one element along an axis for each index",
  spec: ([x, indices], { axis }) => {
    expectDtype("takeAlong", [indices], indexTypes)
    if (indices.shape.length !== x.shape.length || indices.shape.some((n, i) => i !== axis && n > x.shape[i])) {
      throw new UsageError(
        `takeAlong: indices ${formatShape(indices.shape)} do not fit ${formatShape(x.shape)} along axis ${axis}`,
      )
    }
    return { dtype: x.dtype, shape: indices.shape }
  },
  grad: (g, [x, indices], _, { axis }) => [apply(putOp, [g, indices], { axis, shape: x.shape }), null],
  onnx: (emit, [x, indices], node) => emit.node("GatherElements", [x, indices], { axis: node.attrs.axis }),
  host: ([x, indices], node) => {
    const out = new Float64Array(indices.length)
    eachTaken(node.inputs[0].spec.shape, node.inputs[1].spec.shape, indices, node.attrs.axis, (at, i) => {
      out[i] = x[at]
    })
    return out
  },
})

const putOp: Op<At & { readonly shape: readonly number[] }> = primitive<At & { readonly shape: readonly number[] }>({
  name: "putAlong",
  doc: "zeros with one element added along an axis for each index: the transpose of takeAlong",
  spec: ([g], { shape }) => ({ dtype: g.dtype, shape }),
  grad: (g, [, indices], _, { axis }) => [apply(takeOp, [g, indices], { axis }), null],
  onnx: (emit, [g, indices], node) =>
    emit.node("ScatterElements", [zerosLike(emit, node.outputs[0].spec), indices, g], {
      axis: node.attrs.axis,
      reduction: "add",
    }),
  host: ([g, indices], node) => {
    const { shape } = node.attrs
    const out = new Float64Array(sizeOf(shape))
    eachTaken(shape, node.inputs[1].spec.shape, indices, node.attrs.axis, (at, i) => {
      out[at] += g[i]
    })
    return out
  },
})

/** One element along an axis for each int32 index: `y[i][j] = x[indices[i][j]][j]` for axis 0 (torch.gather). */
export function takeAlong(x: Tensor, indices: Tensor, axis: number): Tensor {
  return apply(takeOp, [x, indices], { axis: normalizeAxis("takeAlong", axis, x.shape.length) })
}

/** All records of this file. */
export const gatherOps: readonly Op[] = [gatherOp, scatterOp, takeOp, putOp]

/** ONNX operators read as these ops. */
export const gatherImporters: readonly Importer[] = [
  { type: "Gather", read: (site) => gather(site.input(0), site.input(1), site.int("axis", 0)) },
  { type: "GatherElements", read: (site) => takeAlong(site.input(0), site.input(1), site.int("axis", 0)) },
  {
    type: "ScatterElements",
    read: (site) => {
      const [x, indices, updates] = [site.input(0), site.input(1), site.input(2)]
      const axis = normalizeAxis("scatter", site.int("axis", 0), x.shape.length)
      return written(site, x, updates, (g) => apply(putOp, [g, indices], { axis, shape: x.shape }))
    },
  },
]

/** x with updates put into places: added to what is there, or in its stead. */
export function written(site: ImportSite, x: Tensor, updates: Tensor, put: (g: Tensor) => Tensor): Tensor {
  const reduction = site.text("reduction", "none")
  if (reduction === "add") return x.add(put(updates))
  if (reduction !== "none") site.fail(`reduction is ${JSON.stringify(reduction)}, expected none or add`)
  const hits = put(updates.like(1).broadcastTo(updates.shape))
  return where(greater(hits, 0), put(updates), x)
}
