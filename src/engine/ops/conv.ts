/**
 * Convolution, its input gradient and its kernel gradient: three primitives, each bilinear, closed under
 * differentiation. (What networks call convolution is cross-correlation: the kernel is not flipped.)
 */
import { sizeOf } from "../array.ts"
import { apply, type Emitter, expectDtype, floats, type Node, type Op, primitive, type Spec } from "../graph.ts"
import { formatShape, UsageError } from "../shape.ts"
import type { Tensor } from "../tensor.ts"

/** The geometry all three share, one entry a spatial axis. */
export interface ConvAttrs {
  readonly strides: readonly number[]
  readonly low: readonly number[]
  readonly high: readonly number[]
  readonly dilations: readonly number[]
  readonly groups: number
}

/** The input gradient also needs the spatial sizes of the input, the kernel gradient those of the kernel. */
export interface SizedConvAttrs extends ConvAttrs {
  readonly sizes: readonly number[]
}

function outputSizes(input: readonly number[], kernel: readonly number[], a: ConvAttrs): number[] {
  return input.map(
    (n, i) => Math.floor((n + a.low[i] + a.high[i] - a.dilations[i] * (kernel[i] - 1) - 1) / a.strides[i]) + 1,
  )
}

const onnxGeometry = (a: ConvAttrs): Record<string, number | readonly number[]> => ({
  strides: a.strides,
  dilations: a.dilations,
  pads: [...a.low, ...a.high],
  group: a.groups,
})

const convOp: Op<ConvAttrs> = primitive<ConvAttrs>({
  name: "conv",
  doc: "convolution (cross-correlation) of [batch, channels, ...] with [out, in / groups, ...], and a bias",
  spec: (inputs, attrs) => {
    const [x, w, b] = inputs
    const where = `conv${x.shape.length - 2}d`
    const dtype = expectDtype(where, inputs, floats)
    const both = `(input ${formatShape(x.shape)}, weight ${formatShape(w.shape)})`
    if (x.shape.length !== w.shape.length || x.shape.length < 3) {
      throw new UsageError(`${where}: input and weight must have the same number of axes, at least 3 ${both}`)
    }
    if (x.shape[1] !== w.shape[1] * attrs.groups) {
      const expects = attrs.groups === 1 ? `${w.shape[1]}` : `${w.shape[1]} x ${attrs.groups} groups`
      throw new UsageError(`${where}: input has ${x.shape[1]} channels, weight expects ${expects} ${both}`)
    }
    if (w.shape[0] % attrs.groups !== 0) {
      throw new UsageError(`${where}: ${w.shape[0]} output channels do not divide into ${attrs.groups} groups ${both}`)
    }
    if (b !== undefined && (b.shape.length !== 1 || b.shape[0] !== w.shape[0])) {
      throw new UsageError(`${where}: bias is ${formatShape(b.shape)}, expected [${w.shape[0]}]`)
    }
    const sizes = outputSizes(x.shape.slice(2), w.shape.slice(2), attrs)
    if (sizes.some((n) => n < 1)) throw new UsageError(`${where}: the kernel is larger than the padded input ${both}`)
    return { dtype, shape: [x.shape[0], w.shape[0], ...sizes] }
  },
  grad: (g, [x, w, b], _, attrs) => {
    const dx = apply(convInputOp, [g, w], { ...attrs, sizes: x.shape.slice(2) })
    const dw = apply(convKernelOp, [x, g], { ...attrs, sizes: w.shape.slice(2) })
    if (b === undefined) return [dx, dw]
    return [dx, dw, g.sum({ axes: g.shape.map((_, i) => i).filter((i) => i !== 1) })]
  },
  onnx: (emit, inputs, node) => emit.node("Conv", inputs, onnxGeometry(node.attrs)),
  host: ([x, w, b], node) => {
    const g = geometry(node, node.inputs[0].spec, node.inputs[1].spec, node.outputs[0].spec)
    const y = new Float64Array(sizeOf(node.outputs[0].spec.shape))
    eachTap(g, (ix, iw, iy) => {
      y[iy] += x[ix] * w[iw]
    })
    if (b !== undefined) for (let i = 0; i < y.length; i++) y[i] += b[Math.floor(i / g.outSize) % g.out]
    return y
  },
})

const convInputOp: Op<SizedConvAttrs> = primitive<SizedConvAttrs>({
  name: "convInput",
  doc: "the gradient of conv with respect to its input; as a layer, transposed convolution",
  spec: ([g, w], { sizes, groups }) => {
    const where = `convTranspose${g.shape.length - 2}d`
    if (g.shape[1] !== w.shape[0]) {
      throw new UsageError(
        `${where}: input has ${g.shape[1]} channels, weight expects ${w.shape[0]} (input ${formatShape(g.shape)}, weight ${formatShape(w.shape)})`,
      )
    }
    if (w.shape[0] % groups !== 0) {
      throw new UsageError(`${where}: ${w.shape[0]} input channels do not divide into ${groups} groups`)
    }
    return { dtype: expectDtype(where, [g, w], floats), shape: [g.shape[0], w.shape[1] * groups, ...sizes] }
  },
  grad: (gx, [g, w], _, attrs) => [
    apply(convOp, [gx, w], plain(attrs)),
    apply(convKernelOp, [gx, g], { ...plain(attrs), sizes: w.shape.slice(2) }),
  ],
  onnx: (emit, [g, w], node) => {
    const a = node.attrs
    const [gs, ws] = node.inputs.map((v) => v.spec.shape)
    const kernel = ws.slice(2)
    const reach = kernel.map((k, i) => a.dilations[i] * (k - 1))
    const low = reach.map((r, i) => r - a.low[i])
    const high = a.sizes.map((n, i) => n - gs[2 + i] + reach[i] - low[i])
    if (a.strides.every((s) => s === 1) && [...low, ...high].every((p) => p >= 0)) {
      // At stride 1 the transpose is itself a convolution, with the kernel turned around: faster than ConvTranspose.
      const turned = turnKernel(emit, w, ws, a.groups)
      return emit.node("Conv", [g, turned], { pads: [...low, ...high], dilations: a.dilations, group: a.groups })
    }
    const rest = a.sizes.map((n, i) => n - (a.strides[i] * (gs[2 + i] - 1) + reach[i] + 1 - a.low[i] - a.high[i]))
    return emit.node("ConvTranspose", [g, w], {
      ...onnxGeometry({ ...a, high: a.high.map((p, i) => p + Math.max(0, -rest[i])) }),
      output_padding: rest.map((r) => Math.max(0, r)),
    })
  },
  host: ([y, w], node) => {
    const x = new Float64Array(sizeOf(node.outputs[0].spec.shape))
    eachTap(geometry(node, node.outputs[0].spec, node.inputs[1].spec, node.inputs[0].spec), (ix, iw, iy) => {
      x[ix] += y[iy] * w[iw]
    })
    return x
  },
})

const convKernelOp: Op<SizedConvAttrs> = primitive<SizedConvAttrs>({
  name: "convKernel",
  doc: "the gradient of conv with respect to its kernel",
  spec: ([x, g], { sizes, groups }) => ({ dtype: x.dtype, shape: [g.shape[1], x.shape[1] / groups, ...sizes] }),
  grad: (gw, [x, g], _, attrs) => [
    apply(convInputOp, [g, gw], { ...plain(attrs), sizes: x.shape.slice(2) }),
    apply(convOp, [x, gw], plain(attrs)),
  ],
  onnx: (emit, [x, g], node) => {
    const a = node.attrs
    const [xs, gs] = node.inputs.map((v) => v.spec.shape)
    const [batch, channels] = xs
    const out = gs[1]
    const spatial = xs.slice(2)
    const { dtype, shape } = node.outputs[0].spec
    // The runtime leaves a sum over no channels as it found the memory.
    if (batch === 0) return emit.node("Expand", [emit.scalar(dtype, 0), emit.ints(shape)])
    // The padding that makes the result exactly the kernel's size; what a stride never reached is cropped.
    const high = spatial.map(
      (n, i) => a.dilations[i] * (a.sizes[i] - 1) + 1 + a.strides[i] * (gs[2 + i] - 1) - n - a.low[i],
    )
    const cropped = cropEnd(emit, x, spatial, high)
    const size = spatial.map((n, i) => n + Math.min(0, high[i]))
    const ends = high.map((p) => Math.max(0, p))
    const kernels = emit.node("Transpose", [g], { perm: [1, 0, ...spatial.map((_, i) => i + 2)] })
    if (spatial.length === 2 && a.groups === 1 && a.dilations[1] === 1) {
      // The batch is the reduced channel, the output gradient the kernel, and (column, channel) one merged axis.
      const flat = emit.node("Transpose", [cropped], { perm: [0, 2, 3, 1] })
      const merged = emit.reshape(flat, [1, batch, size[0], size[1] * channels])
      const y = emit.node("Conv", [merged, kernels], {
        dilations: [a.strides[0], a.strides[1] * channels],
        strides: [a.dilations[0], 1],
        pads: [a.low[0], a.low[1] * channels, ends[0], ends[1] * channels],
      })
      const taps = emit.node("Reshape", [y, emit.ints([out, sizeOf(a.sizes), channels])])
      return emit.node("Reshape", [
        emit.node("Transpose", [taps], { perm: [0, 2, 1] }),
        emit.ints([out, channels, ...a.sizes]),
      ])
    }
    const perGroup = channels / a.groups
    const grouped = emit.reshape(cropped, [batch, a.groups, perGroup, sizeOf(size)])
    const turned = emit.node("Transpose", [grouped], { perm: [2, 1, 0, 3] })
    const images = emit.reshape(turned, [perGroup, a.groups * batch, ...size])
    const y = emit.node("Conv", [images, kernels], {
      dilations: a.strides,
      strides: a.dilations,
      pads: [...a.low, ...ends],
      group: a.groups,
    })
    return emit.node("Transpose", [y], { perm: [1, 0, ...spatial.map((_, i) => i + 2)] })
  },
  host: ([x, y], node) => {
    const w = new Float64Array(sizeOf(node.outputs[0].spec.shape))
    eachTap(geometry(node, node.inputs[0].spec, node.outputs[0].spec, node.inputs[1].spec), (ix, iw, iy) => {
      w[iw] += x[ix] * y[iy]
    })
    return w
  },
})

function plain({ strides, low, high, dilations, groups }: ConvAttrs): ConvAttrs {
  return { strides, low, high, dilations, groups }
}

/** Kernel [out, in / groups, ...] with its taps reversed and its channel axes exchanged within each group. */
function turnKernel(emit: Emitter, w: string, shape: readonly number[], groups: number): string {
  const [out, inner] = shape
  const kernel = shape.slice(2)
  const taps = sizeOf(kernel)
  let at = emit.node("Reshape", [w, emit.ints([groups, out / groups, inner, taps])])
  if (taps > 1)
    at = emit.node("Gather", [at, emit.ints(Array.from({ length: taps }, (_, i) => taps - 1 - i))], { axis: 3 })
  at = emit.node("Transpose", [at], { perm: [0, 2, 1, 3] })
  return emit.node("Reshape", [at, emit.ints([groups * inner, out / groups, ...kernel])])
}

function cropEnd(emit: Emitter, x: string, spatial: readonly number[], high: readonly number[]): string {
  const axes = spatial.map((_, i) => i).filter((i) => high[i] < 0)
  if (axes.length === 0) return x
  return emit.node("Slice", [
    x,
    emit.ints(axes.map(() => 0)),
    emit.ints(axes.map((i) => spatial[i] + high[i])),
    emit.ints(axes.map((i) => i + 2)),
  ])
}

interface Geometry {
  readonly batch: number
  readonly channels: number
  readonly out: number
  readonly groups: number
  readonly inSize: number
  readonly outSize: number
  readonly taps: number
  /** Input position for each output position and tap; -1 in the padding. */
  readonly table: Int32Array
}

function geometry(node: Node<ConvAttrs>, x: Spec, w: Spec, y: Spec): Geometry {
  const a = node.attrs
  const input = x.shape.slice(2)
  const kernel = w.shape.slice(2)
  const output = y.shape.slice(2)
  const outSize = sizeOf(output)
  const taps = sizeOf(kernel)
  const table = new Int32Array(outSize * taps)
  for (let p = 0; p < outSize; p++) {
    for (let k = 0; k < taps; k++) {
      let [restP, restK, at, step] = [p, k, 0, 1]
      for (let i = input.length - 1; i >= 0 && at >= 0; i--) {
        const pos = (restP % output[i]) * a.strides[i] + (restK % kernel[i]) * a.dilations[i] - a.low[i]
        restP = Math.floor(restP / output[i])
        restK = Math.floor(restK / kernel[i])
        at = pos < 0 || pos >= input[i] ? -1 : at + pos * step
        step *= input[i]
      }
      table[p * taps + k] = at
    }
  }
  return {
    batch: x.shape[0],
    channels: x.shape[1],
    out: w.shape[0],
    groups: a.groups,
    inSize: sizeOf(input),
    outSize,
    taps,
    table,
  }
}

/** Visits every product of the convolution with the offsets of input, kernel and output. */
function eachTap(g: Geometry, visit: (ix: number, iw: number, iy: number) => void): void {
  const inner = g.channels / g.groups
  const outer = g.out / g.groups
  for (let b = 0; b < g.batch; b++) {
    for (let o = 0; o < g.out; o++) {
      const first = Math.floor(o / outer) * inner
      for (let c = 0; c < inner; c++) {
        const startX = (b * g.channels + first + c) * g.inSize
        const startW = (o * inner + c) * g.taps
        const startY = (b * g.out + o) * g.outSize
        for (let p = 0; p < g.outSize; p++) {
          for (let k = 0; k < g.taps; k++) {
            const at = g.table[p * g.taps + k]
            if (at >= 0) visit(startX + at, startW + k, startY + p)
          }
        }
      }
    }
  }
}

/** Geometry options of convolutions; a number stands for every spatial axis. */
export interface ConvOptions {
  /** Positions from one window to the next; default 1. */
  readonly stride?: number | readonly number[]
  /** Zeros on both sides of each axis, or `[low, high]` pairs by axis; default 0. */
  readonly padding?: number | readonly (number | readonly [number, number])[]
  /** Positions from one tap of the kernel to the next; default 1. */
  readonly dilation?: number | readonly number[]
  /** Groups of channels, each of which sees its own inputs alone; default 1. */
  readonly groups?: number
}

function attributes(
  where: string,
  rank: number,
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: ConvOptions,
): ConvAttrs {
  const spread = <T>(v: number | readonly T[], name: string): readonly (T | number)[] => {
    const list = typeof v === "number" ? new Array<number>(rank).fill(v) : v
    if (list.length !== rank) throw new UsageError(`${where}: ${name} has ${list.length} entries, expected ${rank}`)
    return list
  }
  const sides = spread(padding, "padding").map((p) => (typeof p === "number" ? [p, p] : p))
  const attrs: ConvAttrs = {
    strides: spread(stride, "stride"),
    low: sides.map((s) => s[0]),
    high: sides.map((s) => s[1]),
    dilations: spread(dilation, "dilation"),
    groups,
  }
  const whole = (n: number, least: number): boolean => Number.isInteger(n) && n >= least
  if (
    ![...attrs.strides, ...attrs.dilations, groups].every((n) => whole(n, 1)) ||
    !sides.flat().every((n) => whole(n, 0))
  ) {
    throw new UsageError(`${where}: strides, dilations and groups must be whole numbers from 1, padding from 0`)
  }
  return attrs
}

function conv(rank: number): (x: Tensor, weight: Tensor, bias?: Tensor | null, options?: ConvOptions) => Tensor {
  const where = `conv${rank}d`
  return (x, weight, bias = null, options = {}) => {
    if (x.shape.length !== rank + 2)
      throw new UsageError(`${where}: input is ${formatShape(x.shape)}, expected ${rank + 2} axes`)
    return apply(convOp, bias === null ? [x, weight] : [x, weight, bias], attributes(where, rank, options))
  }
}

/**
 * 1-D convolution: `[batch, in, length]` with weight `[out, in / groups, k]` and bias `[out]` gives `[batch, out, length]`.
 * As in other libraries the kernel is not turned around (cross-correlation): for one group y[n, o, i] = bias[o] + the sum
 * over c and j of weight[o, c, j] x[n, c, stride i + dilation j - low], with x zero outside. The output has
 * floor((length + low + high - dilation (k - 1) - 1) / stride) + 1 positions, where low and high are the padding.
 *
 * @throws UsageError for another number of axes, channels that do not fit the weight or the groups, or a window larger than
 * the padded input.
 */
export const conv1d: (x: Tensor, weight: Tensor, bias?: Tensor | null, options?: ConvOptions) => Tensor = conv(1)

/** 2-D convolution of `[batch, in, height, width]` with weight `[out, in / groups, kh, kw]`; else as {@link conv1d}. */
export const conv2d: (x: Tensor, weight: Tensor, bias?: Tensor | null, options?: ConvOptions) => Tensor = conv(2)

/** 3-D convolution of `[batch, in, depth, height, width]`, weight `[out, in / groups, kd, kh, kw]`; else as {@link conv1d}. */
export const conv3d: (x: Tensor, weight: Tensor, bias?: Tensor | null, options?: ConvOptions) => Tensor = conv(3)

/**
 * 2-D transposed convolution: `[batch, in, height, width]` with weight `[in, out / groups, kh, kw]` (PyTorch's layout).
 * Output size is `(n - 1) stride - 2 padding + dilation (k - 1) + outputPadding + 1`, with an `outputPadding` below the
 * stride.
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  { outputPadding = 0, ...options }: ConvOptions & { readonly outputPadding?: number } = {},
): Tensor {
  const attrs = attributes("convTranspose2d", 2, options)
  if (x.rank !== 4 || weight.rank !== 4) {
    throw new UsageError(
      `convTranspose2d: input and weight must have 4 axes (input ${formatShape(x.shape)}, weight ${formatShape(weight.shape)})`,
    )
  }
  const least = Math.min(...attrs.strides)
  if (!(Number.isInteger(outputPadding) && outputPadding >= 0 && outputPadding < least))
    throw new UsageError(
      `convTranspose2d: outputPadding is ${outputPadding}, expected a whole number below the stride ${least}`,
    )
  const outputs = weight.shape[1] * attrs.groups
  if (bias !== null && (bias.rank !== 1 || bias.shape[0] !== outputs))
    throw new UsageError(`convTranspose2d: bias is ${formatShape(bias.shape)}, expected [${outputs}]`)
  const sizes = [0, 1].map(
    (i) =>
      (x.shape[2 + i] - 1) * attrs.strides[i] -
      attrs.low[i] -
      attrs.high[i] +
      attrs.dilations[i] * (weight.shape[2 + i] - 1) +
      outputPadding +
      1,
  )
  if (sizes.some((n) => n < 1)) {
    throw new UsageError(
      `convTranspose2d: the output would have sizes [${sizes.join(", ")}], expected at least 1; use less padding (input ${formatShape(x.shape)}, weight ${formatShape(weight.shape)})`,
    )
  }
  const y = convTranspose(x, weight, { ...attrs, sizes })
  return bias === null ? y : y.add(bias.reshape([1, bias.shape[0], 1, 1]))
}

/** Transposed convolution over any number of axes, to the given sizes: `[batch, in, ...] -> [batch, out, ...sizes]`. */
export function convTranspose(x: Tensor, weight: Tensor, attrs: SizedConvAttrs): Tensor {
  return apply(convInputOp, [x, weight], attrs)
}

/** All records of this file. */
export const convOps: readonly Op[] = [convOp, convInputOp, convKernelOp]
