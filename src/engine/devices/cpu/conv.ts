/** Convolutions in blocks, with all that one pass can add to them, and kernels turned around for the transposed map. */
import { sizeOf } from "../../array.ts"
import { type Emitter, type Op, primitive, type Spec, type Value } from "../../graph.ts"
import { type ConvAttrs, convOps } from "../../ops/conv.ts"
import { type Blocks, blockedDomain, channels, filters, kernels, plain, rearrange } from "./blocks.ts"
import type { Rule } from "./layout.ts"

const [convOp] = convOps as unknown as readonly [Op<ConvAttrs>]

/** Which of the optional inputs are there: a bias by channel, and a tensor of the result's shape that is added. */
export interface Extras {
  readonly bias: boolean
  readonly sum: boolean
}

/** The host value of another op on the same numbers. */
export function hostOf<A extends object>(
  op: Op<A>,
  inputs: readonly { readonly spec: Spec; readonly data: Float64Array }[],
  attrs: A,
): Float64Array {
  const values = inputs.map(({ spec }) => ({ spec, index: 0 }) as Value)
  const outputs = op
    .spec(
      inputs.map((v) => v.spec),
      attrs,
    )
    .map((spec) => ({ spec, index: 0 }) as Value)
  return op.host(
    inputs.map((v) => v.data),
    { op, inputs: values, attrs, outputs },
  )[0]
}

/** The geometry alone of attributes that say more. */
export const geometryOf = ({ strides, low, high, dilations, groups }: ConvAttrs): ConvAttrs => ({
  strides,
  low,
  high,
  dilations,
  groups,
})

const onnxGeometry = (a: ConvAttrs, kernel: readonly number[]): Record<string, number | readonly number[]> => ({
  strides: a.strides,
  dilations: a.dilations,
  pads: [...a.low, ...a.high],
  group: a.groups,
  kernel_shape: kernel,
})

/** Orders of input, kernel and output; `undefined` where the channels do not fit. */
function ordersOf(
  inputs: number,
  outputs: number,
  groups: number,
  block: number,
): readonly [Blocks, Blocks, Blocks] | undefined {
  const isWhole = (n: number): boolean => n % block === 0
  if (groups === 1 && isWhole(outputs)) {
    if (isWhole(inputs)) return [channels, kernels, channels]
    return inputs < block ? [plain, filters, channels] : undefined
  }
  if (groups === 1) return isWhole(inputs) ? [channels, plain, plain] : undefined
  if (groups === inputs && groups === outputs) return isWhole(inputs) ? [channels, filters, channels] : undefined
  // The runtime reads groups of part of a block as if they were whole, without a word.
  return isWhole(inputs / groups) && isWhole(outputs / groups) ? [channels, kernels, channels] : undefined
}

/** Convolution with everything that can be added in the same pass. */
export const convolution: Op<ConvAttrs & Extras> = primitive<ConvAttrs & Extras>({
  name: "cpu.conv",
  doc: "convolution, with a bias and a tensor added",
  spec: (inputs, attrs) => convOp.spec(inputs.slice(0, attrs.bias ? 3 : 2), attrs)[0],
  grad: () => [],
  onnx: (emit, names, { attrs }) => {
    const { bias, sum } = attrs
    const y = emit.node("Conv", names.slice(0, bias ? 3 : 2), {
      strides: attrs.strides,
      dilations: attrs.dilations,
      pads: [...attrs.low, ...attrs.high],
      group: attrs.groups,
    })
    return sum ? emit.node("Add", [y, names[names.length - 1]]) : y
  },
  host: (inputs, node) => {
    const { attrs } = node
    const count = attrs.bias ? 3 : 2
    const given = inputs.slice(0, count).map((data, i) => ({ data, spec: node.inputs[i].spec }))
    const y = hostOf(convOp, given, geometryOf(attrs))
    const sum = attrs.sum ? inputs[count] : undefined
    return sum === undefined ? y : y.map((v, i) => v + sum[i])
  },
})

/** Rule of {@link convolution}. */
export const convolutionRule: Rule = (node, block) => {
  const attrs = node.attrs as ConvAttrs & Extras
  const [x, w] = node.inputs.map((v) => v.spec.shape)
  const orders = ordersOf(x[1], w[0], attrs.groups, block)
  if (orders === undefined || x.length !== 4 || node.inputs[0].spec.dtype !== "float32") return undefined
  const [inputOrder, kernelOrder, outputOrder] = orders
  const bias = attrs.bias ? [plain] : []
  const sum = attrs.sum ? [outputOrder] : []
  return {
    needs: [inputOrder, kernelOrder, ...bias, ...sum, outputOrder],
    onnx: (emit, names) => {
      const padded = outputOrder.length === 0
      const biasName = attrs.bias ? names[2] : ""
      const sumName = attrs.sum ? names[names.length - 1] : ""
      if (!padded) {
        const inputs = [names[0], names[1], biasName, sumName]
        while (inputs.at(-1) === "") inputs.pop()
        return [emit.node("Conv", inputs, onnxGeometry(attrs, w.slice(2)), blockedDomain)]
      }
      // Filters of zeros fill the last block; what they give is left out when the result becomes row-major.
      const extra = Math.ceil(w[0] / block) * block - w[0]
      const zero = emit.scalar("float32", 0)
      const full = emit.node("Pad", [names[1], emit.ints([0, 0, 0, 0, extra, 0, 0, 0]), zero])
      const shape = [w[0] + extra, ...w.slice(1)]
      const inputs = [names[0], rearrange(emit, full, { shape, from: plain, to: kernels, block, native: true })]
      if (attrs.bias) inputs.push(emit.node("Pad", [biasName, emit.ints([0, extra]), zero]))
      const y = emit.node("Conv", inputs, onnxGeometry(attrs, w.slice(2)), blockedDomain)
      const out = emit.node("ReorderOutput", [y], { channels: w[0] }, blockedDomain)
      return [attrs.sum ? emit.node("Add", [out, sumName]) : out]
    },
  }
}

/** Kernels `[out, in, kh, kw]` of the transposed map: `[in, out, kh, kw]`, its taps reversed if asked. */
export const turn: Op<{ readonly reverse: boolean }> = primitive<{ readonly reverse: boolean }>({
  name: "cpu.turn",
  doc: "a kernel with its channels exchanged and perhaps its taps reversed",
  spec: ([w]) => ({ dtype: w.dtype, shape: [w.shape[1], w.shape[0], ...w.shape.slice(2)] }),
  grad: () => [],
  onnx: (emit, [w], node) => writeTurn(emit, w, node.inputs[0].spec.shape, plain, plain, node.attrs.reverse, 1),
  host: ([w], node) => {
    const [outer, inner, ...kernel] = node.inputs[0].spec.shape
    const taps = sizeOf(kernel)
    const out = new Float64Array(w.length)
    for (let i = 0; i < w.length; i++) {
      const [o, c, t] = [Math.floor(i / (inner * taps)), Math.floor(i / taps) % inner, i % taps]
      out[(c * outer + o) * taps + (node.attrs.reverse ? taps - 1 - t : t)] = w[i]
    }
    return out
  },
})

function writeTurn(
  emit: Emitter,
  w: string,
  shape: readonly number[],
  from: Blocks,
  to: Blocks,
  reverse: boolean,
  block: number,
): string {
  const [outer, inner, kh, kw] = shape
  const target = [inner, outer, kh, kw]
  const taps = kh * kw
  const reversed = Array.from({ length: taps }, (_, t) => taps - 1 - t)
  if (from.length === 2 && to.length === 2) {
    // Whole taps of block x block numbers change places, then each is transposed.
    const rows: number[] = []
    const [ob, ib] = [outer / block, inner / block]
    for (let c = 0; c < ib; c++)
      for (let o = 0; o < ob; o++)
        for (const t of reverse ? reversed : reversed.toReversed()) rows.push((o * ib + c) * taps + t)
    const flat = emit.node("Reshape", [w, emit.ints([rows.length, block * block])])
    const moved = rows.every((r, i) => r === i) ? flat : emit.node("Gather", [flat, emit.ints(rows)])
    const tiles = emit.node("Reshape", [moved, emit.ints([rows.length, block, block, 1])])
    return emit.node("Reshape", [emit.node("ReorderInput", [tiles], {}, blockedDomain), emit.ints(target)])
  }
  const y = rearrange(emit, w, { shape, from, to, block, axes: [1, 0, 2, 3], native: from.length + to.length > 0 })
  if (!reverse || taps === 1) return y
  const inside = block ** to.length
  const rows = emit.node("Reshape", [y, emit.ints([(outer * inner) / inside, taps, inside])])
  return emit.node("Reshape", [emit.node("Gather", [rows, emit.ints(reversed)], { axis: 1 }), emit.ints(target)])
}

const turnRule: Rule = (node, block) => ({
  needs: ["any", "any"],
  onnx: (emit, [w], [from, to]) => [
    writeTurn(emit, w, node.inputs[0].spec.shape, from, to, (node.attrs as { reverse: boolean }).reverse, block),
  ],
})

/** Rules of the ops of this file. */
export const convRules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  [convolution.name, convolutionRule],
  [turn.name, turnRule],
])
