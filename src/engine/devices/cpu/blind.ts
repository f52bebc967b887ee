/** Ops that need not know the order of elements: arithmetic, reductions, and moves of whole blocks. */
import { sizeOf } from "../../array.ts"
import type { Emitter, Node, Op } from "../../graph.ts"
import { compareOps } from "../../ops/compare.ts"
import { elementwiseOps } from "../../ops/elementwise.ts"
import { sameShape } from "../../shape.ts"
import { type Blocks, blockedDomain, channels, fits, physicalShape, plain, rearrange, sameOrder } from "./blocks.ts"
import { type Placing, type Rule, reshaped } from "./layout.ts"

/** The order of an operand that is broadcast to `shape` when the result is ordered so. */
function broadcastOrder(operand: readonly number[], shape: readonly number[], order: Blocks): Blocks {
  const lead = shape.length - operand.length
  const kept = order.map((a) => a - lead).filter((a) => a >= 0 && operand[a] !== 1)
  // One blocked axis with nothing behind it lies as it would anyway.
  return kept.length === 1 && operand.slice(kept[0] + 1).every((n) => n === 1) ? plain : kept
}

/** The dimensions in which an operand meets a result in blocks: 1 where it is repeated. */
function broadcastShape(operand: readonly number[], shape: readonly number[], order: Blocks, block: number): number[] {
  const full = [...new Array<number>(shape.length - operand.length).fill(1), ...operand]
  const outer = full.map((n, a) => (order.includes(a) && n !== 1 ? n / block : n))
  return [...outer, ...order.map((a) => (full[a] === 1 ? 1 : block))]
}

/** Writes a node on the dimensions in which elements lie. */
function writePhysical(
  emit: Emitter,
  node: Node,
  names: readonly string[],
  inputs: readonly (readonly number[])[],
  output: readonly number[],
  attrs: object = node.attrs,
): readonly string[] {
  const views = names.map((name, i) =>
    sameShape(node.inputs[i].spec.shape, inputs[i]) ? name : emit.node("Reshape", [name, emit.ints(inputs[i])]),
  )
  const [y] = node.op.onnx(emit, views, reshaped(node, inputs, [output], attrs) as Node<never>)
  const { shape } = node.outputs[0].spec
  return [sameShape(shape, output) ? y : emit.node("Reshape", [y, emit.ints(shape)])]
}

/** Whether an operand has one number for each channel of `[batch, channels, h, w]`, and perhaps each sample. */
function isPerChannel(operand: readonly number[], shape: readonly number[]): boolean {
  const [batch, count, ...rest] = [...new Array<number>(4 - operand.length).fill(1), ...operand]
  return operand.length <= 4 && count === shape[1] && (batch === 1 || batch === shape[0]) && rest.every((n) => n === 1)
}

/** What a depthwise 1x1 convolution does instead of broadcasting over pixels, which is slow: its factor and its bias. */
const perChannel: Readonly<
  Record<string, (emit: Emitter, v: string, isSecond: boolean) => { factor?: string; shift?: string } | undefined>
> = {
  mul: (_, factor) => ({ factor }),
  add: (_, shift) => ({ shift }),
  sub: (emit, v, isSecond) => (isSecond ? { shift: emit.node("Neg", [v]) } : undefined),
}

/** `x * factor + shift (+ sum)`, an activation after it, for blocked `[batch, channels, h, w]` and vectors that fit it. */
export function depthwise(
  emit: Emitter,
  shape: readonly number[],
  x: string,
  { factor, shift, sum, activation }: { factor?: string; shift?: string; sum?: string; activation?: string },
  count: number = shape[0] * shape[1],
): string {
  const view = [sizeOf(shape) / (count * shape[2] * shape[3]), count, shape[2], shape[3]]
  const viewed = (name: string): string => emit.node("Reshape", [name, emit.ints(view)])
  const weight =
    factor === undefined
      ? emit.constant({ dtype: "float32", shape: [count, 1, 1, 1], data: new Float32Array(count).fill(1) })
      : emit.node("Reshape", [factor, emit.ints([count, 1, 1, 1])])
  const inputs = [viewed(x), weight]
  if (shift !== undefined || sum !== undefined)
    inputs.push(shift === undefined ? "" : emit.node("Reshape", [shift, emit.ints([count])]))
  if (sum !== undefined) inputs.push(viewed(sum))
  const y = emit.node(
    "Conv",
    inputs,
    { group: count, kernel_shape: [1, 1], ...(activation !== undefined && { activation }) },
    blockedDomain,
  )
  return emit.node("Reshape", [y, emit.ints(shape)])
}

const elementwise: Rule = (node, block) => {
  const { shape, dtype } = node.outputs[0].spec
  const shapes = node.inputs.map((v) => v.spec.shape)
  const isFull = shapes.map((s) => sameShape(s, shape))
  const needs: Placing["needs"] = [
    ...shapes.map((s, i) => (isFull[i] ? "same" : (order: Blocks) => broadcastOrder(s, shape, order))),
    "same",
  ]
  if (shapes.every((s, i) => isFull[i] || sizeOf(s) === 1)) return { needs }
  const onnx: Placing["onnx"] = (emit, names, orders) => {
    const order = orders[shapes.length]
    const small = isFull.indexOf(false)
    const isImage = dtype === "float32" && shape.length === 4 && sameOrder(order, channels) && names.length === 2
    if (isImage && isFull[1 - small] && isPerChannel(shapes[small], shape)) {
      const parts = perChannel[node.op.name]?.(emit, names[small], small === 1)
      if (parts !== undefined) return [depthwise(emit, shape, names[1 - small], parts, sizeOf(shapes[small]))]
    }
    const views = shapes.map((s) => broadcastShape(s, shape, order, block))
    return writePhysical(emit, node, names, views, broadcastShape(shape, shape, order, block))
  }
  return { needs, onnx }
}

/** Elementwise record that no rule of shapes binds: all inputs and the output lie alike. */
export const alike: Rule = (node) => ({ needs: [...node.inputs, ...node.outputs].map(() => "same" as const) })

const reduction: Rule = (node, block) => {
  const { axes, keepDims } = node.attrs as { axes: readonly number[]; keepDims: boolean }
  const { shape, dtype } = node.inputs[0].spec
  const target = node.outputs[0].spec.shape
  // What is left must lie row-major: the blocked axes are reduced, or the only one is followed by nothing.
  const isPlain = (order: Blocks): boolean => {
    const left = order.filter((a) => !axes.includes(a))
    return (
      left.length === 0 || (left.length === 1 && shape.every((n, a) => a <= left[0] || axes.includes(a) || n === 1))
    )
  }
  // What remains of all elements does not depend on their order.
  if (axes.length === shape.length) return { needs: ["any", plain] }
  const isMean = node.op.name === "reduceMean"
  const isPooling = isMean || node.op.name === "reduceSum"
  const isOverPixels = isPooling && axes.includes(2) && axes.includes(3) && !axes.includes(1)
  return {
    needs: ["any", plain],
    accepts: ([order]) => isPlain(order),
    onnx: (emit, [x], [order]) => {
      if (isOverPixels && shape.length === 4 && sameOrder(order, channels) && dtype === "float32") {
        const mean = emit.node("GlobalAveragePool", [x], {}, blockedDomain)
        const overBatch = axes.includes(0)
        const some = overBatch
          ? emit.node(isMean ? "ReduceMean" : "ReduceSum", [mean, emit.ints([0])], { keepdims: 1 })
          : mean
        const y = isMean ? some : emit.node("Mul", [some, emit.scalar("float32", shape[2] * shape[3])])
        return [emit.node("Reshape", [y, emit.ints(target)])]
      }
      const sizes = physicalShape(shape, order, block)
      const inner = order.map((a, k) => [a, shape.length + k]).filter(([a]) => axes.includes(a))
      const all = [...axes, ...inner.map(([, k]) => k)]
      const left = sizes.map((n, a) => (all.includes(a) ? 1 : n)).filter((_, a) => keepDims || !all.includes(a))
      return writePhysical(emit, node, [x], [sizes], left, { axes: all, keepDims })
    },
  }
}

const reshape: Rule = (node) => {
  const [from, to] = [node.inputs[0].spec.shape, node.outputs[0].spec.shape]
  // Only what lies behind the channels may be cut otherwise.
  if (from.length < 2 || to.length < 2 || from[0] !== to[0] || from[1] !== to[1]) return undefined
  return { needs: ["same", "same"], accepts: ([order]) => order.length === 0 || sameOrder(order, channels) }
}

/** A transposition copies, so it may as well read and write blocks; only the borders of each must lie whole. */
const transpose: Rule = (node, block) => {
  const { axes } = node.attrs as { axes: readonly number[] }
  const { shape, dtype } = node.inputs[0].spec
  return {
    needs: ["any", "any"],
    always: true,
    onnx: (emit, [x], [from, to]) => [
      rearrange(emit, x, { shape, from, to, block, axes, native: dtype === "float32" }),
    ],
  }
}

const broadcast: Rule = (node, block) => {
  const from = node.inputs[0].spec.shape
  const { shape } = node.outputs[0].spec
  return {
    needs: [(order) => broadcastOrder(from, shape, order), "same"],
    onnx: (emit, names, [, order]) => {
      const target = physicalShape(shape, order, block)
      return writePhysical(emit, node, names, [broadcastShape(from, shape, order, block)], target, { shape: target })
    },
  }
}

const concat: Rule = (node, block) => {
  const { axis } = node.attrs as { axis: number }
  const all = [...node.inputs, ...node.outputs]
  return {
    needs: all.map(() => "same"),
    accepts: (orders) => all.every((v, i) => fits(v.spec.shape, orders[i], block)),
    onnx: (emit, names, [order]) => {
      const sizes = (v: { readonly spec: { readonly shape: readonly number[] } }): number[] =>
        physicalShape(v.spec.shape, order, block)
      return writePhysical(emit, node, names, node.inputs.map(sizes), sizes(node.outputs[0]), { axis })
    },
  }
}

interface Ranges {
  readonly starts: readonly number[]
  readonly ends: readonly number[]
  readonly steps: readonly number[]
}

/** The ranges on the physical dimensions, where those of blocked axes are whole blocks. */
function physicalRanges(ranges: Ranges, order: Blocks, block: number): Ranges | undefined {
  const { starts, ends, steps } = ranges
  if (order.some((a) => steps[a] !== 1 || starts[a] % block !== 0 || ends[a] % block !== 0)) return undefined
  const whole = (list: readonly number[], inside: number): number[] => [
    ...list.map((n, a) => (order.includes(a) ? n / block : n)),
    ...order.map(() => inside),
  ]
  return { starts: whole(starts, 0), ends: whole(ends, block), steps: [...steps, ...order.map(() => 1)] }
}

function ranged(extra: (sizes: readonly number[]) => object): Rule {
  return (node, block) => {
    const ranges = node.attrs as Ranges
    const [x, y] = [node.inputs[0].spec.shape, node.outputs[0].spec.shape]
    return {
      needs: ["same", "same"],
      accepts: ([order]) => physicalRanges(ranges, order, block) !== undefined,
      onnx: (emit, names, [order]) => {
        const sizes = physicalShape(y, order, block)
        const attrs = { ...physicalRanges(ranges, order, block)!, ...extra(sizes) }
        return writePhysical(emit, node, names, [physicalShape(x, order, block)], sizes, attrs)
      },
    }
  }
}

const pad: Rule = (node, block) => {
  const { low, high, value } = node.attrs as { low: readonly number[]; high: readonly number[]; value: number }
  const [x, y] = [node.inputs[0].spec.shape, node.outputs[0].spec.shape]
  return {
    needs: ["same", "same"],
    accepts: ([order]) => order.every((a) => low[a] % block === 0 && high[a] % block === 0),
    onnx: (emit, names, [order]) => {
      const scaled = (list: readonly number[]): number[] => [
        ...list.map((n, a) => (order.includes(a) ? n / block : n)),
        ...order.map(() => 0),
      ]
      const sizes = (shape: readonly number[]): number[] => physicalShape(shape, order, block)
      return writePhysical(emit, node, names, [sizes(x)], sizes(y), { low: scaled(low), high: scaled(high), value })
    },
  }
}

const named = (ops: readonly Op[], rule: Rule): [string, Rule][] => ops.map((op) => [op.name, rule])

/** Rules of the ops of this file. */
export const blindRules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...named([...elementwiseOps, ...compareOps], elementwise),
  ...["reduceSum", "reduceMean", "reduceMax", "reduceMin", "reduceProd"].map((n): [string, Rule] => [n, reduction]),
  ["reshape", reshape],
  ["transpose", transpose],
  ["broadcastTo", broadcast],
  ["concat", concat],
  ["slice", ranged(() => ({}))],
  ["unslice", ranged((shape) => ({ shape }))],
  ["pad", pad],
])
