/** The input gradient of a strided convolution: one convolution for all phases of the result, and a sorting of pixels. */
import { sizeOf } from "../../array.ts"
import { type Op, primitive } from "../../graph.ts"
import { convOps, type SizedConvAttrs } from "../../ops/conv.ts"
import { blockedDomain, channels, kernels, plain } from "./blocks.ts"
import { geometryOf, hostOf, turn } from "./conv.ts"
import type { Rule } from "./layout.ts"

const [, convInputOp] = convOps as unknown as readonly [Op, Op<SizedConvAttrs>]

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

/** Rules of the ops of this file. */
export const spreadRules: ReadonlyMap<string, Rule> = new Map<string, Rule>([[spread.name, spreadRule]])
