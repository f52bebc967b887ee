/** Convolutions in blocks: forward, the two gradients, and the strided transpose as one convolution a phase. */
import { sizeOf } from "../../array.ts"
import { type Emitter, type Op, primitive, type Spec, type Value } from "../../graph.ts"
import { type ConvAttrs, convOps, type SizedConvAttrs } from "../../ops/conv.ts"
import { type Blocks, blockedDomain, channels, filters, kernels, plain, rearrange } from "./blocks.ts"
import type { Placing, Rule } from "./layout.ts"

const [convOp, convInputOp, convKernelOp] = convOps as unknown as readonly [
  Op<ConvAttrs>,
  Op<SizedConvAttrs>,
  Op<SizedConvAttrs>,
]

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

/** One axis of the strided transpose: for each phase, which tap meets which neighbour. */
interface Phases {
  /** `taps[phase][t]`: the tap for the `t`-th neighbour, or `undefined`. */
  readonly taps: readonly (readonly (number | undefined)[])[]
  /** Where each phase reads the common grid. */
  readonly shifts: readonly number[]
  readonly low: number
  readonly high: number
  /** Size of the common grid. */
  readonly grid: number
}

/** `out[stride i + r - low] += x[i] w[r]`, sorted by the remainder of the position in `out`. */
function phasesOf(input: number, kernel: number, stride: number, low: number, output: number): Phases {
  const reach = Array.from({ length: stride }, (_, a) => {
    const offsets = Array.from({ length: kernel }, (_, r) => a + low - r).filter((d) => d % stride === 0)
    const steps = offsets.map((d) => d / stride)
    return steps.length === 0 ? [0, 0] : [Math.min(...steps), Math.max(...steps)]
  })
  const width = Math.max(...reach.map(([first, last]) => last - first + 1))
  const start = Math.min(0, ...reach.map(([first]) => first))
  const taps = reach.map(([first], a) =>
    Array.from({ length: width }, (_, t) => {
      const r = a + low - stride * (first + t)
      return r >= 0 && r < kernel ? r : undefined
    }),
  )
  const shifts = reach.map(([first]) => first - start)
  const needed = Math.max(...shifts.map((s, a) => s + Math.ceil((output - a) / stride)))
  const high = Math.max(0, needed + start + width - 1 - input)
  return { taps, shifts, low: -start, high, grid: input - start + high - width + 1 }
}

/** Geometry of {@link spread}. */
export interface Spread extends SizedConvAttrs {
  readonly bias: boolean
}

/** The input gradient of a strided convolution, its kernel given as `[channels of the result, channels of x, kh, kw]`. */
export const spread: Op<Spread> = primitive<Spread>({
  name: "cpu.spread",
  doc: "transposed strided convolution",
  spec: ([x, w], { sizes }) => ({ dtype: x.dtype, shape: [x.shape[0], w.shape[0], ...sizes] }),
  grad: () => [],
  onnx: () => {
    throw new Error("cpu.spread: has no plain form")
  },
  host: ([x, w, b], node) => {
    const [xs, ws] = node.inputs.map((v) => v.spec)
    const turned = { dtype: ws.dtype, shape: [ws.shape[1], ws.shape[0], ...ws.shape.slice(2)] }
    const back = hostOf(turn, [{ data: w, spec: ws }], { reverse: false })
    const given = [
      { data: x, spec: xs },
      { data: back, spec: turned },
    ]
    const y = hostOf(convInputOp, given, { ...geometryOf(node.attrs), sizes: node.attrs.sizes })
    const plane = sizeOf(node.attrs.sizes)
    return b === undefined ? y : y.map((v, i) => v + b[Math.floor(i / plane) % ws.shape[0]])
  },
})

/** Rule of {@link spread}. */
export const spreadRule: Rule = (node, block) => {
  const { strides, low, sizes, bias } = node.attrs as Spread
  const [x, w] = node.inputs.map((v) => v.spec.shape)
  const [batch, inner, height, width] = x
  const [outer, , kh, kw] = w
  if (inner % block !== 0 || outer % block !== 0 || node.inputs[0].spec.dtype !== "float32") return undefined
  return {
    needs: [channels, kernels, ...(bias ? [plain] : []), channels],
    onnx: (emit, names) => {
      const rows = phasesOf(height, kh, strides[0], low[0], sizes[0])
      const columns = phasesOf(width, kw, strides[1], low[1], sizes[1])
      const [ob, ib, taps, tile] = [outer / block, inner / block, kh * kw, block * block]
      const picks: number[] = []
      let hasZero = false
      for (const rowTaps of rows.taps) {
        for (const columnTaps of columns.taps) {
          for (let o = 0; o < ob * ib; o++) {
            for (const r of rowTaps) {
              for (const c of columnTaps) {
                hasZero ||= r === undefined || c === undefined
                picks.push(r === undefined || c === undefined ? -1 : o * taps + r * kw + c)
              }
            }
          }
        }
      }
      let tiles = emit.node("Reshape", [names[1], emit.ints([ob * ib * taps, tile])])
      // Where a phase has no tap for a neighbour it meets a tile of zeros, put behind the others.
      if (hasZero) tiles = emit.node("Pad", [tiles, emit.ints([0, 0, 1, 0]), emit.scalar("float32", 0)])
      const picked = emit.node("Gather", [tiles, emit.ints(picks.map((p) => (p < 0 ? ob * ib * taps : p)))])
      const count = strides[0] * strides[1]
      const kernel = [rows.taps[0].length, columns.taps[0].length]
      const inputs = [names[0], emit.node("Reshape", [picked, emit.ints([count * outer, inner, ...kernel])])]
      if (bias) inputs.push(emit.node("Concat", new Array<string>(count).fill(names[2]), { axis: 0 }))
      const y = emit.node(
        "Conv",
        inputs,
        { kernel_shape: kernel, pads: [rows.low, columns.low, rows.high, columns.high] },
        blockedDomain,
      )
      const grid = rows.grid * columns.grid
      const order = new Int32Array(ob * sizes[0] * sizes[1])
      let next = 0
      for (let o = 0; o < ob; o++) {
        for (let i = 0; i < sizes[0]; i++) {
          const [a, m] = [i % strides[0], Math.floor(i / strides[0])]
          for (let j = 0; j < sizes[1]; j++) {
            const [b, n] = [j % strides[1], Math.floor(j / strides[1])]
            const plane = (a * strides[1] + b) * ob + o
            order[next++] = plane * grid + (m + rows.shifts[a]) * columns.grid + n + columns.shifts[b]
          }
        }
      }
      const pixels = emit.node("Reshape", [y, emit.ints([batch, count * ob * grid, block])])
      const index = emit.constant({ dtype: "int32", shape: [order.length], data: order })
      const sorted = emit.node("Gather", [pixels, index], { axis: 1 })
      return [emit.node("Reshape", [sorted, emit.ints([batch, outer, ...sizes])])]
    },
  }
}

/** The kernel gradient, where the blocks fit. */
export const kernelGradient: Op<SizedConvAttrs> = primitive<SizedConvAttrs>({
  name: "cpu.convKernel",
  doc: "the gradient of conv with respect to its kernel",
  spec: (inputs, attrs) => convKernelOp.spec(inputs, attrs)[0],
  grad: () => [],
  onnx: (emit, names, node) => convKernelOp.onnx(emit, names, node)[0],
  host: (inputs, node) => convKernelOp.host(inputs, node)[0],
})

/**
 * How the batch, which is summed over, is cut: the runtime takes fewer than a block of input channels as they are,
 * without interleaving them, so groups of that many images need no preparation; their results are then added.
 */
function batchGroups(batch: number, block: number): { readonly each: number; readonly groups: number } {
  if (batch < block) return { each: batch, groups: 1 }
  return { each: block / 2, groups: 2 * Math.ceil(batch / block) }
}

/** Zeros around images `[batch, planes, rows, columns]`, or rows and columns less. */
interface Margins {
  readonly batch: number
  readonly rows: number
  readonly left: number
  readonly right: number
}

function withMargins(emit: Emitter, x: string, { batch, rows, left, right }: Margins): string {
  if (batch === 0 && rows === 0 && left === 0 && right === 0) return x
  return emit.node("Pad", [x, emit.ints([0, 0, 0, left, batch, 0, rows, right]), emit.scalar("float32", 0)])
}

/** Sum over the groups of `[before, groups, after]`, with the two other axes exchanged if there are two rows or more. */
function sumGroups(
  emit: Emitter,
  y: string,
  sizes: readonly [number, number, number, number],
  target: readonly number[],
): string {
  const [before, groups, planes, after] = sizes
  let at = y
  if (groups > 1) {
    at = emit.node("Reshape", [at, emit.ints([before, groups, planes * after])])
    at = emit.node("ReduceSum", [at, emit.ints([1])], { keepdims: 0 })
  }
  if (before > 1 && planes > 1) {
    at = emit.node("Transpose", [emit.node("Reshape", [at, emit.ints([before, planes, after])])], { perm: [1, 0, 2] })
  }
  return emit.node("Reshape", [at, emit.ints(target)])
}

/** Images `[batch, planes, ...]` as kernels: groups of `each` images, planes, images of the group. */
function asKernels(
  emit: Emitter,
  x: string,
  { each, groups }: { readonly each: number; readonly groups: number },
  planes: number,
  area: number,
  shape: readonly number[],
): string {
  if (planes === 1 || each === 1) return emit.node("Reshape", [x, emit.ints(shape)])
  const view = emit.node("Reshape", [x, emit.ints([groups, each, planes, area])])
  return emit.node("Reshape", [emit.node("Transpose", [view], { perm: [0, 2, 1, 3] }), emit.ints(shape)])
}

/** Rule of {@link kernelGradient}. */
export const kernelGradientRule: Rule = (node, block) => {
  const attrs = node.attrs as SizedConvAttrs
  const [x, g] = node.inputs.map((v) => v.spec.shape)
  if (x.length !== 4 || node.inputs[0].spec.dtype !== "float32") return undefined
  const [batch, inner] = x
  const outer = g[1]
  const isWhole = (n: number): boolean => n % block === 0
  const { sizes, low, strides, dilations } = attrs
  const isSimple = strides.every((s) => s === 1) && dilations.every((d) => d === 1)
  if (attrs.groups === inner && attrs.groups === outer && isWhole(inner)) return depthwiseGradient(attrs, x, g)
  if (attrs.groups !== 1 || dilations[1] !== 1) return undefined
  const cut = batchGroups(batch, block)
  const more = cut.each * cut.groups - batch
  // What the strides never reached is cropped; where they reach beyond the input there are zeros.
  const ends = [0, 1].map((i) => dilations[i] * (sizes[i] - 1) + 1 + strides[i] * (g[2 + i] - 1) - x[2 + i] - low[i])
  const rows = Math.min(0, ends[0])
  const tapWidth = (unit: number): readonly number[] => [sizes[0], sizes[1] * unit]
  const convolve = (emit: Emitter, images: string, kernel: string, unit: number): string =>
    emit.node(
      "Conv",
      [images, kernel],
      {
        kernel_shape: g.slice(2),
        dilations: [strides[0], strides[1] * unit],
        strides: [dilations[0], 1],
        pads: [low[0], 0, Math.max(0, ends[0]), 0],
        group: cut.groups,
      },
      blockedDomain,
    )
  /** Images with margins, each plane apart: `[planes, batch, height, width * unit]`. */
  const sliding = (emit: Emitter, name: string, planes: number, unit: number): string => {
    const view = emit.node("Reshape", [name, emit.ints([batch, planes, x[2], x[3] * unit])])
    const margins = { batch: more, rows, left: low[1] * unit, right: ends[1] * unit }
    const padded = withMargins(emit, view, margins)
    if (planes > 1) return emit.node("Transpose", [padded], { perm: [1, 0, 2, 3] })
    return emit.node("Reshape", [padded, emit.ints([1, batch + more, x[2] + rows, (x[3] + low[1] + ends[1]) * unit])])
  }
  const kernelOf = (emit: Emitter, name: string): string => {
    const ob = outer / block
    const area = g[2] * g[3] * block
    const view = emit.node("Reshape", [name, emit.ints([batch, ob, area, 1])])
    const padded = withMargins(emit, view, { batch: more, rows: 0, left: 0, right: 0 })
    return asKernels(emit, padded, cut, ob, area, [cut.groups * outer, cut.each, g[2], g[3]])
  }
  if (isWhole(outer) && isWhole(inner)) {
    return {
      needs: [channels, channels, kernels],
      onnx: (emit, [xName, gName]) => {
        const y = convolve(emit, sliding(emit, xName, inner / block, block), kernelOf(emit, gName), block)
        const taps = sizeOf(tapWidth(block)) * block
        return [sumGroups(emit, y, [inner / block, cut.groups, outer / block, taps], [outer, inner, ...sizes])]
      },
    }
  }
  if (isWhole(outer) && inner < block) {
    return {
      needs: [plain, channels, filters],
      onnx: (emit, [xName, gName]) => {
        const y = convolve(emit, sliding(emit, xName, inner, 1), kernelOf(emit, gName), 1)
        const taps = sizeOf(sizes) * block
        return [sumGroups(emit, y, [inner, cut.groups, outer / block, taps], [outer, inner, ...sizes])]
      },
    }
  }
  if (isWhole(inner) && outer < block && isSimple) return swappedGradient(attrs, x, g, block)
  return undefined
}

/** Few output channels: the gradient slides and the input is the kernel, which gives the taps in reverse. */
function swappedGradient(
  { sizes, low }: SizedConvAttrs,
  x: readonly number[],
  g: readonly number[],
  block: number,
): Placing {
  const [batch, inner, height, width] = x
  const outer = g[1]
  const cut = batchGroups(batch, block)
  const more = cut.each * cut.groups - batch
  const starts = [0, 1].map((i) => sizes[i] - 1 - low[i])
  const ends = [0, 1].map((i) => sizes[i] - 1 + x[2 + i] - g[2 + i] - starts[i])
  return {
    needs: [channels, plain, plain],
    onnx: (emit, [xName, gName]) => {
      const ib = inner / block
      const area = height * width * block
      const view = emit.node("Reshape", [xName, emit.ints([batch, ib, area, 1])])
      const padded = withMargins(emit, view, { batch: more, rows: 0, left: 0, right: 0 })
      const kernel = asKernels(emit, padded, cut, ib, area, [cut.groups * inner, cut.each, height, width])
      const pads = [0, 0, starts[0], starts[1], more, 0, ends[0], ends[1]]
      const framed = pads.every((p) => p === 0)
        ? gName
        : emit.node("Pad", [gName, emit.ints(pads), emit.scalar("float32", 0)])
      const images = emit.node("Transpose", [framed], { perm: [1, 0, 2, 3] })
      const y = emit.node("Conv", [images, kernel], { kernel_shape: [height, width], group: cut.groups }, blockedDomain)
      const taps = sizes[0] * sizes[1]
      const sum = sumGroups(emit, y, [outer, cut.groups, 1, ib * taps * block], [outer * ib, taps, block])
      const back = Array.from({ length: taps }, (_, t) => taps - 1 - t)
      const turned = emit.node("Gather", [sum, emit.ints(back)], { axis: 1 })
      const w = emit.node("Transpose", [turned], { perm: [0, 2, 1] })
      return [emit.node("Reshape", [w, emit.ints([outer, inner, ...sizes])])]
    },
  }
}

/** Each channel of each image by itself, then the sum over the batch. */
function depthwiseGradient(
  { sizes, low, strides, dilations }: SizedConvAttrs,
  x: readonly number[],
  g: readonly number[],
): Placing | undefined {
  const [batch, count, height, width] = x
  const ends = [0, 1].map((i) => dilations[i] * (sizes[i] - 1) + 1 + strides[i] * (g[2 + i] - 1) - x[2 + i] - low[i])
  if (ends.some((n) => n < 0)) return undefined
  return {
    needs: [channels, channels, filters],
    onnx: (emit, [xName, gName]) => {
      const images = emit.node("Reshape", [xName, emit.ints([1, batch * count, height, width])])
      const kernel = emit.node("Reshape", [gName, emit.ints([batch * count, 1, g[2], g[3]])])
      const y = emit.node(
        "Conv",
        [images, kernel],
        {
          group: batch * count,
          kernel_shape: g.slice(2),
          dilations: strides,
          strides: dilations,
          pads: [...low, ...ends],
        },
        blockedDomain,
      )
      const taps = count * sizeOf(sizes)
      return [sumGroups(emit, y, [1, batch, 1, taps], [count, 1, ...sizes])]
    },
  }
}

/** Rules of the ops of this file. */
export const convRules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  [convolution.name, convolutionRule],
  [turn.name, turnRule],
  [spread.name, spreadRule],
  [kernelGradient.name, kernelGradientRule],
])
