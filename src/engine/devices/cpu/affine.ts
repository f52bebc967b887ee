/** Maps and numbers of their channels, each in one pass: a factor and a shift for every channel, and products summed. */
import { sizeOf } from "../../array.ts"
import { apply, type Op, primitive } from "../../graph.ts"
import type { Tensor } from "../../tensor.ts"
import { depthwise } from "./blind.ts"
import { blockedDomain, channels, plain, sameOrder } from "./blocks.ts"
import type { Rule } from "./layout.ts"

/** Which of the optional inputs of {@link affine} are there, and what is applied to the result. */
export interface Affine {
  readonly factor: boolean
  readonly shift: boolean
  readonly sum: boolean
  readonly activation: "" | "Sigmoid"
}

const logistic = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)))

/** Inputs of an affine node by what they are. */
function namedInputs<T>(
  inputs: readonly T[],
  { factor, shift, sum }: Affine,
): { x: T; factor?: T; shift?: T; sum?: T } {
  let next = 1
  return {
    x: inputs[0],
    ...(factor && { factor: inputs[next++] }),
    ...(shift && { shift: inputs[next++] }),
    ...(sum && { sum: inputs[next++] }),
  }
}

/** `x [batch, channels, h, w]` times a factor and plus a shift `[batch, channels]`, plus a tensor like x, in one pass. */
export const affine: Op<Affine> = primitive<Affine>({
  name: "cpu.affine",
  doc: "a factor and a shift for each channel of each sample, and a tensor added",
  spec: ([x]) => x,
  grad: () => [],
  onnx: (emit, names, node) => {
    const { x, factor, shift, sum } = namedInputs(names, node.attrs)
    const [batch, count] = node.outputs[0].spec.shape
    const perChannel = (v: string): string => emit.node("Reshape", [v, emit.ints([batch, count, 1, 1])])
    let y = x
    if (factor !== undefined) y = emit.node("Mul", [y, perChannel(factor)])
    if (shift !== undefined) y = emit.node("Add", [y, perChannel(shift)])
    if (sum !== undefined) y = emit.node("Add", [y, sum])
    return node.attrs.activation === "" ? y : emit.node(node.attrs.activation, [y])
  },
  host: (inputs, node) => {
    const { x, factor, shift, sum } = namedInputs(inputs, node.attrs)
    const area = sizeOf(node.outputs[0].spec.shape.slice(2))
    return x.map((v, i) => {
      const c = Math.floor(i / area)
      const y = v * (factor?.[c] ?? 1) + (shift?.[c] ?? 0) + (sum?.[i] ?? 0)
      return node.attrs.activation === "" ? y : logistic(y)
    })
  },
})

const affineRule: Rule = (node) => {
  const attrs = node.attrs as Affine
  const { shape } = node.outputs[0].spec
  const vectors = [attrs.factor, attrs.shift].filter(Boolean).map(() => plain)
  return {
    needs: ["same", ...vectors, ...(attrs.sum ? (["same"] as const) : []), "same"],
    accepts: ([order]) => order.length === 0 || sameOrder(order, channels),
    onnx: (emit, names) => {
      const { x, ...parts } = namedInputs(names, attrs)
      const { activation } = attrs
      return [depthwise(emit, shape, x, { ...parts, ...(activation !== "" && { activation }) })]
    },
  }
}

/** Optional parts of {@link scaled}. */
interface Parts {
  readonly factor?: Tensor | null
  readonly shift?: Tensor | null
  readonly sum?: Tensor | null
  readonly activation?: Affine["activation"]
}

/** {@link affine} of the parts that are there. */
export function scaled(x: Tensor, { factor = null, shift = null, sum = null, activation = "" }: Parts): Tensor {
  const inputs = [x, factor, shift, sum].filter((t) => t !== null)
  return apply(affine, inputs, { factor: factor !== null, shift: shift !== null, sum: sum !== null, activation })
}

/** Sum over the pixels of the product of two `[batch, channels, h, w]`: `[batch, channels]`. */
export const dot: Op<object> = primitive<object>({
  name: "cpu.dot",
  doc: "sum over pixels of a product",
  spec: ([x]) => ({ dtype: x.dtype, shape: x.shape.slice(0, 2) }),
  grad: () => [],
  onnx: (emit, [x, y]) => emit.node("ReduceSum", [emit.node("Mul", [x, y]), emit.ints([2, 3])], { keepdims: 0 }),
  host: ([x, y], node) => {
    const area = sizeOf(node.inputs[0].spec.shape.slice(2))
    const out = new Float64Array(x.length / area)
    for (let i = 0; i < x.length; i++) out[Math.floor(i / area)] += x[i] * y[i]
    return out
  },
})

const dotRule: Rule = (node) => {
  const [batch, count, height, width] = node.inputs[0].spec.shape
  return {
    needs: ["same", "same", plain],
    accepts: ([order]) => order.length === 0 || sameOrder(order, channels),
    onnx: (emit, [x, y]) => {
      // A depthwise convolution whose kernel is the other factor reads both once and writes next to nothing.
      const image = emit.node("Reshape", [x, emit.ints([1, batch * count, height, width])])
      const kernel = emit.node("Reshape", [y, emit.ints([batch * count, 1, height, width])])
      const attributes = { group: batch * count, kernel_shape: [height, width] }
      const sums = emit.node("Conv", [image, kernel], attributes, blockedDomain)
      return [emit.node("Reshape", [sums, emit.ints([batch, count])])]
    },
  }
}

/** Reductions over the pixels of each channel. */
export const overPixels: { readonly axes: readonly number[] } = { axes: [2, 3] }

/** Rules of the ops of this file. */
export const affineRules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  [affine.name, affineRule],
  [dot.name, dotRule],
])
