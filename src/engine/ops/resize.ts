/** Nearest-neighbour upsampling and its transpose, the sum over blocks: two primitives closed under differentiation. */
import { sizeOf } from "../array.ts"
import { apply, expectDtype, floats, type Op, primitive } from "../graph.ts"
import { formatShape, stridesOf, UsageError, walk } from "../shape.ts"
import type { Tensor } from "../tensor.ts"

interface Factor {
  readonly factor: number
}

/** Offset of the block of each position of the large map. */
function eachPixel(large: readonly number[], factor: number, visit: (small: number, large: number) => void): void {
  const [batch, channels, ...spatial] = large
  const small = spatial.map((n) => n / factor)
  const strides = stridesOf(small)
  for (let plane = 0; plane < batch * channels; plane++) {
    const base = plane * sizeOf(small)
    const top = plane * sizeOf(spatial)
    walk(spatial, stridesOf(spatial), (at) => {
      let [rest, offset] = [at, base]
      for (let i = spatial.length - 1; i >= 0; i--) {
        offset += Math.floor((rest % spatial[i]) / factor) * strides[i]
        rest = Math.floor(rest / spatial[i])
      }
      visit(offset, top + at)
    })
  }
}

const upsampleOp: Op<Factor> = primitive<Factor>({
  name: "upsample",
  doc: "each pixel repeated factor times along every spatial axis",
  spec: ([x], { factor }) => ({
    dtype: expectDtype("upsample", [x], floats),
    shape: x.shape.map((n, i) => (i < 2 ? n : n * factor)),
  }),
  grad: (g, _x, _y, attrs) => [apply(blockSumOp, [g], attrs)],
  onnx: (emit, [x], node) => {
    const scales = node.inputs[0].spec.shape.map((_, i) => (i < 2 ? 1 : node.attrs.factor))
    return emit.node(
      "Resize",
      [x, "", emit.constant({ dtype: "float32", shape: [scales.length], data: Float32Array.from(scales) })],
      {
        mode: "nearest",
        nearest_mode: "floor",
        coordinate_transformation_mode: "asymmetric",
      },
    )
  },
  host: ([x], node) => {
    const { shape } = node.outputs[0].spec
    const out = new Float64Array(sizeOf(shape))
    eachPixel(shape, node.attrs.factor, (small, large) => {
      out[large] = x[small]
    })
    return out
  },
})

const blockSumOp: Op<Factor> = primitive<Factor>({
  name: "blockSum",
  doc: "sum over blocks of factor pixels along every spatial axis",
  spec: ([x], { factor }) => {
    if (x.shape.slice(2).some((n) => n % factor !== 0)) {
      throw new UsageError(`pooling: the spatial sizes of ${formatShape(x.shape)} are no multiples of ${factor}`)
    }
    return { dtype: expectDtype("pooling", [x], floats), shape: x.shape.map((n, i) => (i < 2 ? n : n / factor)) }
  },
  grad: (g, _x, _y, attrs) => [apply(upsampleOp, [g], attrs)],
  onnx: (emit, [x], node) => {
    const { factor } = node.attrs
    const { dtype, shape } = node.inputs[0].spec
    const window = shape.slice(2).map(() => factor)
    const mean = emit.node("AveragePool", [x], { kernel_shape: window, strides: window })
    return emit.node("Mul", [mean, emit.scalar(dtype, sizeOf(window))])
  },
  host: ([x], node) => {
    const out = new Float64Array(sizeOf(node.outputs[0].spec.shape))
    eachPixel(node.inputs[0].spec.shape, node.attrs.factor, (small, large) => {
      out[small] += x[large]
    })
    return out
  },
})

function expectFactor(where: string, factor: number): void {
  if (!(Number.isInteger(factor) && factor >= 1))
    throw new UsageError(`${where}: factor is ${factor}, expected a whole number from 1`)
}

/**
 * Nearest-neighbour upsampling of `[batch, channels, ...]` by a whole factor along every spatial axis: each value is
 * repeated, so `[n, c, h, w]` becomes `[n, c, factor h, factor w]`.
 *
 * @throws UsageError when x is no float, or the factor no whole number from 1.
 */
export function upsample(x: Tensor, factor = 2): Tensor {
  expectFactor("upsample", factor)
  return factor === 1 ? x : apply(upsampleOp, [x], { factor })
}

/**
 * Sum over blocks of `factor` pixels along every spatial axis of `[batch, channels, ...]`: the transpose of
 * {@link upsample}. `[n, c, h, w]` becomes `[n, c, h / factor, w / factor]`.
 *
 * @throws UsageError when x is no float, or a spatial size no multiple of the factor.
 */
export function blockSum(x: Tensor, factor = 2): Tensor {
  expectFactor("blockSum", factor)
  return factor === 1 ? x : apply(blockSumOp, [x], { factor })
}

/** All records of this file. */
export const resizeOps: readonly Op[] = [upsampleOp, blockSumOp]
