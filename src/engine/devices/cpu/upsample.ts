/** Upsampling by 2 before a 3x3 convolution, merged with it: on the small map it is a transposed 4x4 convolution. */
import { array, sizeOf } from "../../array.ts"
import { apply, type Node, type Op, primitive } from "../../graph.ts"
import type { Composition } from "../../simplify.ts"
import type { Tensor } from "../../tensor.ts"
import { physicalShape } from "./blocks.ts"
import { turn } from "./conv.ts"
import { convolve } from "./convolve.ts"
import { kernelGradient } from "./gradient.ts"
import type { Rule } from "./layout.ts"
import { spread, spreadRule } from "./spread.ts"

/** Which of the 3 taps of an axis add up to each of its 4: a pixel of the large map meets two of the small one. */
const sums = [
  [0, 0, 1],
  [0, 1, 1],
  [1, 1, 0],
  [1, 0, 0],
]

/** The map from 3x3 taps to 4x4 taps, `[16, 9]`. */
const spreadTaps = Float32Array.from({ length: 16 * 9 }, (_, k) => {
  const [to, from] = [Math.floor(k / 9), k % 9]
  return sums[to >> 2][Math.floor(from / 3)] * sums[to & 3][from % 3]
})
const gatherTaps = Float32Array.from({ length: 9 * 16 }, (_, k) => spreadTaps[(k % 16) * 9 + Math.floor(k / 16)])

/** Kernels `[out, in, 3, 3]` as kernels `[out, in, 4, 4]` on the small map, or the transpose of that map. */
const upsampleKernel: Op<{ readonly transposed: boolean }> = primitive<{ readonly transposed: boolean }>({
  name: "cpu.upsampleKernel",
  doc: "a 3x3 kernel after upsampling as a 4x4 kernel before it",
  spec: ([w], { transposed }) => ({
    dtype: w.dtype,
    shape: [...w.shape.slice(0, 2), ...(transposed ? [3, 3] : [4, 4])],
  }),
  grad: () => [],
  onnx: (emit, [w], node) => {
    const { transposed } = node.attrs
    const { shape } = node.outputs[0].spec
    const [from, to] = transposed ? [16, 9] : [9, 16]
    const map = array("float32", [from, to], transposed ? spreadTaps : gatherTaps)
    const rows = emit.node("Reshape", [w, emit.ints([shape[0] * shape[1], from])])
    return emit.node("Reshape", [emit.node("MatMul", [rows, emit.constant(map)]), emit.ints(shape)])
  },
  host: ([w], node) => {
    const { transposed } = node.attrs
    const [from, to] = transposed ? [16, 9] : [9, 16]
    const map = transposed ? gatherTaps : spreadTaps
    const out = new Float64Array((w.length / from) * to)
    for (let i = 0; i < out.length; i++) {
      const [row, t] = [Math.floor(i / to), i % to]
      for (let k = 0; k < from; k++) out[i] += map[t * from + k] * w[row * from + k]
    }
    return out
  },
})

const upsampleKernelRule: Rule = (node, block) => ({
  needs: ["same", "same"],
  accepts: ([order]) => !order.includes(2) && !order.includes(3),
  onnx: (emit, [w], [order]) => {
    const { transposed } = node.attrs as { transposed: boolean }
    const { shape } = node.outputs[0].spec
    const [from, to] = transposed ? [16, 9] : [9, 16]
    const map = array("float32", [to, from], transposed ? gatherTaps : spreadTaps)
    const sizes = physicalShape(shape, order, block)
    const taps = emit.node("Reshape", [w, emit.ints([sizes[0] * sizes[1], from, sizeOf(sizes.slice(4))])])
    return [emit.node("Reshape", [emit.node("MatMul", [emit.constant(map), taps]), emit.ints(shape)])]
  },
})

const still = { dilations: [1, 1], groups: 1 }
const strided = { ...still, strides: [2, 2], low: [1, 1], high: [1, 1] }

interface GradientAttrs {
  readonly inputs: number
  readonly live: readonly number[]
}

/** Compositions of the merged op, for blocks of the given size. */
export function upsampleCompositions(block: number): ReadonlyMap<string, Composition> {
  const forward: Composition = ([x, w, b]) => {
    if (x.dtype !== "float32") return undefined
    const kernel = apply(upsampleKernel, [w], { transposed: false })
    const inputs = b === undefined ? [x, kernel] : [x, kernel, b]
    const sizes = x.shape.slice(2).map((n) => 2 * n)
    const y = apply(spread, inputs, { ...strided, sizes, bias: b !== undefined })
    return spreadRule(y.value.node as Node<never>, block) === undefined ? undefined : [y]
  }
  const backward: Composition = (all, { inputs, live }: GradientAttrs) => {
    const [x, w] = all
    const g = all[inputs]
    if (forward([x, w], {} as never) === undefined) return undefined
    const grads: (() => Tensor)[] = [
      () => {
        const kernel = apply(turn, [apply(upsampleKernel, [w], { transposed: false })], { reverse: false })
        return convolve(g, kernel, strided)
      },
      () => {
        const turned = apply(kernelGradient, [g, x], { ...strided, sizes: [4, 4] })
        return apply(upsampleKernel, [apply(turn, [turned], { reverse: false })], { transposed: true })
      },
      () => g.sum({ axes: [0, 2, 3] }),
    ]
    return live.map((i) => grads[i]())
  }
  return new Map<string, Composition>([
    ["upsampleConv", forward],
    ["upsampleConv.grad", backward],
  ])
}

/** Rules of the ops of this file. */
export const upsampleRules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  [upsampleKernel.name, upsampleKernelRule],
])
