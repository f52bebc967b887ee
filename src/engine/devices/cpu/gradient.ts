/** The kernel gradient as one convolution: the batch is the channel that is summed over, the output gradient the kernel. */
import { sizeOf } from "../../array.ts"
import { type Emitter, type Op, primitive } from "../../graph.ts"
import { convOps, type SizedConvAttrs } from "../../ops/conv.ts"
import { blockedDomain, channels, filters, kernels, permuted, plain } from "./blocks.ts"
import type { Placing, Rule } from "./layout.ts"

const [, , convKernelOp] = convOps as unknown as readonly [Op, Op, Op<SizedConvAttrs>]

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
interface Cut {
  readonly each: number
  readonly groups: number
}

/** Groups of a batch; of one image where adding up many results costs less than sorting the images' planes. */
function batchGroups(batch: number, block: number, isSingle: boolean): Cut {
  const whole = batch < block ? batch : Math.ceil(batch / block) * block
  const each = isSingle ? 1 : batch < block ? batch : block / 2
  return { each, groups: whole / each }
}

/** What is put around images, or taken away from their last rows. */
interface Margins {
  readonly batch: number
  readonly rows: number
  readonly left: number
  readonly right: number
}

/** Blocked images `[batch, planes * unit, height, width]` with margins of zeros. */
function withMargins(
  emit: Emitter,
  x: string,
  [batch, planes, height, width]: readonly number[],
  unit: number,
  { batch: more, rows, left, right }: Margins,
): string {
  if (more === 0 && rows === 0 && left === 0 && right === 0) return x
  if (more === 0 && rows === 0 && left >= 0 && right >= 0 && unit > 1) {
    // A convolution with one number 1 pads with several threads, the operator for it with one.
    const count = planes * unit
    const ones = emit.constant({ dtype: "float32", shape: [count, 1, 1, 1], data: new Float32Array(count).fill(1) })
    const attributes = { group: count, kernel_shape: [1, 1], pads: [0, left, 0, right] }
    const images = emit.node("Reshape", [x, emit.ints([batch, count, height, width])])
    return emit.node("Conv", [images, ones], attributes, blockedDomain)
  }
  const view = emit.node("Reshape", [x, emit.ints([batch, planes, height, width * unit])])
  const pads = [0, 0, 0, left * unit, more, 0, rows, right * unit]
  return emit.node("Pad", [view, emit.ints(pads), emit.scalar("float32", 0)])
}

/** Sum over the groups of `[before, groups, planes, after]`, then planes before `before`. */
function sumGroups(
  emit: Emitter,
  y: string,
  [before, groups, planes, after]: readonly [number, number, number, number],
  target: readonly number[],
): string {
  let at = y
  if (groups > 1) {
    at = emit.node("Reshape", [at, emit.ints([before, groups, planes * after])])
    at = emit.node("ReduceSum", [at, emit.ints([1])], { keepdims: 0 })
  }
  if (before > 1 && planes > 1) at = permuted(emit, at, [before, planes, after], [1, 0, 2])
  return emit.node("Reshape", [at, emit.ints(target)])
}

/** Images `[batch, planes, area]` as kernels: groups of `each` images, planes, images of the group. */
function asKernels(
  emit: Emitter,
  x: string,
  { each, groups }: Cut,
  [planes, area]: readonly [number, number],
  shape: readonly number[],
): string {
  const sorted = planes === 1 || each === 1 ? x : permuted(emit, x, [groups, each, planes, area], [0, 2, 1, 3])
  return emit.node("Reshape", [sorted, emit.ints(shape)])
}

/** Rule of {@link kernelGradient}. */
export const kernelGradientRule: Rule = (node, block) => {
  const attrs = node.attrs as SizedConvAttrs
  const [x, g] = node.inputs.map((v) => v.spec.shape)
  if (x.length !== 4 || node.inputs[0].spec.dtype !== "float32") return undefined
  const [batch, inner] = x
  if (batch === 0) return undefined
  const outer = g[1]
  const isWhole = (n: number): boolean => n % block === 0
  const { sizes, low, strides, dilations } = attrs
  const isSimple = strides.every((s) => s === 1) && dilations.every((d) => d === 1)
  if (attrs.groups === inner && attrs.groups === outer && isWhole(inner)) return depthwiseGradient(attrs, x, g)
  if (attrs.groups !== 1 || dilations[1] !== 1) return undefined
  const area = g[2] * g[3]
  const cut = batchGroups(batch, block, outer > block && inner * sizeOf(sizes) < area)
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
    const margins = { batch: more, rows, left: low[1], right: ends[1] }
    const padded = withMargins(emit, name, [batch, planes, x[2], x[3]], unit, margins)
    const [height, width] = [x[2] + rows, (x[3] + low[1] + ends[1]) * unit]
    const sorted = planes === 1 ? padded : permuted(emit, padded, [batch + more, planes, height * width], [1, 0, 2])
    return emit.node("Reshape", [sorted, emit.ints([planes, batch + more, height, width])])
  }
  const kernelOf = (emit: Emitter, name: string): string => {
    const ob = outer / block
    const padded = withMargins(emit, name, [batch, ob, area, block], 1, { batch: more, rows: 0, left: 0, right: 0 })
    return asKernels(emit, padded, cut, [ob, area * block], [cut.groups * outer, cut.each, g[2], g[3]])
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
  const cut = batchGroups(batch, block, inner > block && outer * sizeOf(sizes) < height * width)
  const more = cut.each * cut.groups - batch
  const starts = [0, 1].map((i) => sizes[i] - 1 - low[i])
  const ends = [0, 1].map((i) => sizes[i] - 1 + x[2 + i] - g[2 + i] - starts[i])
  return {
    needs: [channels, plain, plain],
    onnx: (emit, [xName, gName]) => {
      const ib = inner / block
      const margins = { batch: more, rows: 0, left: 0, right: 0 }
      const padded = withMargins(emit, xName, [batch, ib, height * width, block], 1, margins)
      const shape = [cut.groups * inner, cut.each, height, width]
      const kernel = asKernels(emit, padded, cut, [ib, height * width * block], shape)
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
export const gradientRules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  [kernelGradient.name, kernelGradientRule],
])
