/** Pooling and repetition of pixels by the runtime's own operators, in blocks or not. */
import { apply, type Op, primitive } from "../../graph.ts"
import { equal } from "../../ops/compare.ts"
import { blockSum, upsample } from "../../ops/resize.ts"
import type { Composition } from "../../simplify.ts"
import type { Tensor } from "../../tensor.ts"
import { blockedDomain, channels, sameOrder } from "./blocks.ts"
import type { Placing, Rule } from "./layout.ts"

interface Size {
  readonly size: number
}

const window = (size: number): { kernel_shape: number[]; strides: number[] } => ({
  kernel_shape: [size, size],
  strides: [size, size],
})

/** The largest pixel of each block of `size` x `size`. */
const maxPool: Op<Size> = primitive<Size>({
  name: "cpu.maxPool",
  doc: "largest value of each block of pixels",
  spec: ([x], { size }) => ({ dtype: x.dtype, shape: x.shape.map((n, i) => (i < 2 ? n : n / size)) }),
  grad: () => [],
  onnx: (emit, [x], { attrs }) => emit.node("MaxPool", [x], window(attrs.size)),
  host: ([x], node) => {
    const { size } = node.attrs
    const [, , height, width] = node.inputs[0].spec.shape
    const out = new Float64Array(x.length / (size * size)).fill(Number.NEGATIVE_INFINITY)
    for (const [i, v] of x.entries()) {
      const [column, row] = [i % width, Math.floor(i / width)]
      const plane = Math.floor(row / height)
      const to = (plane * (height / size) + Math.floor((row % height) / size)) * (width / size)
      const at = to + Math.floor(column / size)
      out[at] = Math.max(out[at], v)
    }
    return out
  },
})

interface Window {
  readonly size: number
  readonly stride: number
  readonly padding: number
}

/** Blocks that lie side by side and fill the image; other windows overlap or leave pixels over. */
function pooled(x: Tensor, { size, stride, padding }: Window): Tensor | undefined {
  const isWhole = x.shape.slice(2).every((n) => n % size === 0)
  if (x.dtype !== "float32" || stride !== size || padding !== 0 || !isWhole) return undefined
  return apply(maxPool, [x], { size })
}

const forward: Composition = ([x], window: Window) => {
  const y = pooled(x, window)
  return y && [y]
}

/** Every pixel that is the largest of its block has an equal share of the gradient. */
const backward: Composition = ([x, g], { attrs }: { readonly attrs: Window }) => {
  const y = pooled(x, attrs)
  if (y === undefined) return undefined
  const isLargest = equal(x, upsample(y, attrs.size)).cast(x.dtype)
  return [isLargest.mul(upsample(g.div(blockSum(isLargest, attrs.size)), attrs.size))]
}

/** Compositions of pooling. */
export const poolCompositions: ReadonlyMap<string, Composition> = new Map<string, Composition>([
  ["maxPool", forward],
  ["maxPool.grad", backward],
])

/** What is written for blocked images; plain ones are written by the record. */
const inBlocks =
  (write: NonNullable<Placing["onnx"]>): Rule =>
  (node) =>
    node.inputs[0].spec.shape.length === 4 && node.inputs[0].spec.dtype === "float32"
      ? {
          needs: ["same", "same"],
          accepts: ([order]) => order.length === 0 || sameOrder(order, channels),
          onnx: write,
        }
      : undefined

/** Rules of pooling and of repeating pixels. */
export const poolRules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  [
    maxPool.name,
    (node, block) => {
      const { size } = node.attrs as Size
      return inBlocks((emit, [x]) => [emit.node("MaxPool", [x], window(size), blockedDomain)])(node, block)
    },
  ],
  [
    "upsample",
    (node, block) => {
      const { factor } = node.attrs as { factor: number }
      return inBlocks((emit, [x]) => [
        emit.node("Upsample", [x], { scales: [1, 1, factor, factor], mode: "nearest" }, blockedDomain),
      ])(node, block)
    },
  ],
  [
    "blockSum",
    (node, block) => {
      const { factor } = node.attrs as { factor: number }
      return inBlocks((emit, [x]) => {
        const mean = emit.node("AveragePool", [x], window(factor), blockedDomain)
        return [emit.node("Mul", [mean, emit.scalar("float32", factor * factor)])]
      })(node, block)
    },
  ],
])
