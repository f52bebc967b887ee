/** Sums over rows as matrix products, and layer normalisation made of them: reductions by the runtime are slower. */
import { sizeOf } from "../../array.ts"
import { applyAll, type Op } from "../../graph.ts"
import { matmul } from "../../ops/matmul.ts"
import type { Composition } from "../../simplify.ts"
import type { Tensor } from "../../tensor.ts"

/** The sum of weighted rows: `[rows, width]` with weights `[rows]`, all 1 by default, gives `[width]`. */
function sumOfRows(x: Tensor, weights: Tensor = x.like(1).broadcastTo([x.shape[0]])): Tensor {
  return matmul(weights.reshape([1, x.shape[0]]), x).reshape([x.shape[1]])
}

const isLeading = (axes: readonly number[]): boolean => axes.length > 0 && axes.every((a, i) => a === i)

const reduceSum: Composition = ([x], { axes, keepDims }: { axes: readonly number[]; keepDims: boolean }) => {
  // Images lie in blocks, whose sums have a rule of their own.
  if (x.dtype !== "float32" || x.rank > 3 || !isLeading(axes) || axes.length === x.rank) return undefined
  const [rows, width] = [sizeOf(x.shape.slice(0, axes.length)), sizeOf(x.shape.slice(axes.length))]
  // Short sums are no work, and a row of few numbers is no matrix.
  if (rows < 16 || width < 16) return undefined
  const rest = x.shape.slice(axes.length)
  return [sumOfRows(x.reshape([rows, width])).reshape(keepDims ? [...axes.map(() => 1), ...rest] : rest)]
}

interface LayerNorm {
  readonly axes: number
  readonly eps: number
}

/** Normalised rows, and what is needed again for the gradient: mean and inverse deviation `[rows, 1]`. */
const normRows: Op<{ readonly eps: number }> = {
  name: "cpu.layerNorm",
  doc: "rows of zero mean and unit variance, scaled and shifted; their means and inverse deviations",
  spec: ([x]) => [x, ...[0, 1].map(() => ({ dtype: x.dtype, shape: [x.shape[0], 1] }))],
  grad: () => [],
  onnx: (emit, inputs, { attrs }) =>
    emit.nodes(3, "LayerNormalization", inputs, { axis: 1, epsilon: { float: attrs.eps } }),
  host: ([x, weight, bias], { inputs, attrs }) => {
    const [rows, width] = inputs[0].spec.shape
    const [y, means, inverses] = [rows * width, rows, rows].map((n) => new Float64Array(n))
    for (let r = 0; r < rows; r++) {
      const row = x.subarray(r * width, (r + 1) * width)
      means[r] = row.reduce((a, b) => a + b, 0) / width
      inverses[r] = 1 / Math.sqrt(row.reduce((a, b) => a + (b - means[r]) ** 2, 0) / width + attrs.eps)
      for (let i = 0; i < width; i++) y[r * width + i] = (row[i] - means[r]) * inverses[r] * weight[i] + bias[i]
    }
    return [y, means, inverses]
  },
}

const isFit = (x: Tensor, weight: Tensor | undefined): boolean => x.dtype === "float32" && weight !== undefined

/** x as rows with its scale and shift, and what the op makes of them. */
function normalised(x: Tensor, weight: Tensor, bias: Tensor, { axes, eps }: LayerNorm) {
  const width = sizeOf(x.shape.slice(x.rank - axes))
  const rows = x.reshape([-1, width])
  const [y, mean, inverse] = applyAll(normRows, [rows, weight.reshape([width]), bias.reshape([width])], { eps })
  return { rows, width, y, mean, inverse }
}

const forward: Composition = ([x, weight, bias], attrs: LayerNorm) =>
  isFit(x, weight) ? [normalised(x, weight, bias, attrs).y.reshape(x.shape)] : undefined

interface GradientAttrs {
  readonly attrs: LayerNorm
  readonly inputs: number
  readonly live: readonly number[]
}

/**
 * With c the centred row, r its inverse deviation and v = g * weight: dx = r (v - mean(v) - c r^2 mean(v c)). Means
 * over a row of v and v c are matrix products of g and g c with the weight, so v itself is needed only once.
 */
const backward: Composition = (all, { attrs, inputs, live }: GradientAttrs) => {
  const [x, weight, bias] = all.slice(0, inputs)
  if (!isFit(x, weight)) return undefined
  const { rows, width, mean, inverse } = normalised(x, weight, bias, attrs)
  const g = all[inputs].reshape([-1, width])
  const centred = rows.sub(mean)
  const slanted = g.mul(centred)
  const averaging = weight.reshape([width, 1]).mul(1 / width)
  const along = slanted.matmul(averaging).mul(inverse).mul(inverse)
  const grads = [
    () =>
      g
        .mul(weight.reshape([width]))
        .sub(centred.mul(along))
        .sub(g.matmul(averaging))
        .mul(inverse)
        .reshape(x.shape),
    () => sumOfRows(slanted, inverse).reshape(weight.shape),
    () => sumOfRows(g).reshape(bias.shape),
  ]
  return live.map((i) => grads[i]())
}

/** Compositions of sums and norms of rows. */
export const rowCompositions: ReadonlyMap<string, Composition> = new Map<string, Composition>([
  ["reduceSum", reduceSum],
  ["layerNorm", forward],
  ["layerNorm.grad", backward],
])
