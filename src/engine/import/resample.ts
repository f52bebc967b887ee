/** ONNX resizing where every output mixes several inputs: cubic, against aliasing, or of a region. One matrix an axis. */
import { array } from "../array.ts"
import type { ImportSite } from "../graph.ts"
import { matmul } from "../ops/matmul.ts"
import { transpose } from "../ops/movement.ts"
import { constant, type Tensor } from "../tensor.ts"
import { expectSize } from "./site.ts"

/** How one axis is resampled. */
export interface Resampling {
  readonly axis: number
  readonly from: number
  readonly to: number
  /** Factor of the size, where smaller than 1 the filter widens against aliasing. */
  readonly scale: number
  /** Place of an output in the input; undefined outside of the region, where `outside` stands. */
  readonly place: (i: number) => number | undefined
}

/** What is mixed into an output. */
export interface Filter {
  readonly mode: "linear" | "cubic"
  /** The cubic's coefficient. */
  readonly a: number
  readonly antialias: boolean
  /** Whether places beyond the input weigh nothing, instead of repeating its ends. */
  readonly excludes: boolean
  readonly outside: number
}

/** Cubic convolution (Keys 1981), of support 2. */
function cubic(x: number, a: number): number {
  const d = Math.abs(x)
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0
}

/** Weights of the input for each output, [to, from], and what is added where the output lies outside. */
function weightsOf(r: Resampling, filter: Filter): { readonly weights: Float64Array; readonly outside: Float64Array } {
  const { from, to, scale, place } = r
  const weights = new Float64Array(to * from)
  const outside = new Float64Array(to)
  const narrow = filter.antialias ? Math.min(scale, 1) : 1
  const support = (filter.mode === "cubic" ? 2 : 1) / narrow
  const weigh = (x: number): number =>
    filter.mode === "cubic" ? cubic(x * narrow, filter.a) : Math.max(0, 1 - Math.abs(x * narrow))
  for (let i = 0; i < to; i++) {
    const at = place(i)
    if (at === undefined) {
      outside[i] = filter.outside
      continue
    }
    let total = 0
    const row = weights.subarray(i * from, (i + 1) * from)
    for (let k = Math.ceil(at - support); k <= Math.floor(at + support); k++) {
      const isInside = k >= 0 && k < from
      if (filter.excludes && !isInside) continue
      const w = weigh(k - at)
      row[Math.min(Math.max(k, 0), from - 1)] += w
      total += w
    }
    if (filter.antialias || filter.excludes) for (const [k, w] of row.entries()) row[k] = w / total
  }
  return { weights, outside }
}

/** x resampled along each of the axes. */
export function resampled(site: ImportSite, x: Tensor, axes: readonly Resampling[], filter: Filter): Tensor {
  return axes.reduce((y, r) => {
    expectSize(site, r.to * r.from, `the weights of axis ${r.axis}`)
    const { weights, outside } = weightsOf(r, filter)
    // The axis goes last for the product, and back.
    const order = [...y.shape.map((_, i) => i).filter((i) => i !== r.axis), r.axis]
    const matrix = constant(array("float64", [r.to, r.from], weights), y.dtype)
    const product = matmul(transpose(y, order), matrix, { transposeB: true })
    const whole = outside.some((v) => v !== 0)
      ? product.add(constant(array("float64", [r.to], outside), y.dtype))
      : product
    return transpose(
      whole,
      order.map((_, i) => order.indexOf(i)),
    )
  }, x)
}
