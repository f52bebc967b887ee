/** Matrix products that read either side transposed and scale in the same pass; attention and linear maps from them. */
import { sizeOf } from "../../array.ts"
import { apply, type Op, primitive } from "../../graph.ts"
import { type MatmulOptions, matmulOps } from "../../ops/matmul.ts"
import { softmax } from "../../ops/softmax.ts"
import { sameShape } from "../../shape.ts"
import type { Composition } from "../../simplify.ts"
import type { Tensor } from "../../tensor.ts"
import { extraDomain } from "./activation.ts"
import { hostOf } from "./conv.ts"

const [matmulOp] = matmulOps as unknown as readonly [Op<Required<MatmulOptions>>]

interface Product extends Required<MatmulOptions> {
  readonly factor: number
}

/** A batched matrix product times a number. */
const product: Op<Product> = primitive<Product>({
  name: "cpu.matmul",
  doc: "matrix product over the last two axes, times a number",
  spec: (inputs, attrs) => matmulOp.spec(inputs, attrs)[0],
  grad: () => [],
  onnx: (emit, inputs, { attrs }) =>
    emit.node(
      "FusedMatMul",
      inputs,
      { transA: Number(attrs.transposeA), transB: Number(attrs.transposeB), alpha: { float: attrs.factor } },
      extraDomain,
    ),
  host: (inputs, node) => {
    const { factor, ...options } = node.attrs
    const given = inputs.map((data, i) => ({ data, spec: node.inputs[i].spec }))
    return hostOf(matmulOp, given, options).map((v) => v * factor)
  },
})

/** `x [rows, in]` with weight `[out, in]` and bias `[out]`. */
const rowsOp: Op<object> = primitive<object>({
  name: "cpu.linear",
  doc: "x weight^T + bias of rows",
  spec: ([x, w]) => ({ dtype: x.dtype, shape: [x.shape[0], w.shape[0]] }),
  grad: () => [],
  onnx: (emit, inputs) => emit.node("Gemm", inputs, { transB: 1 }),
  host: ([x, w, b], node) => {
    const specs = node.inputs.map((v) => v.spec)
    const given = [x, w].map((data, i) => ({ data, spec: specs[i] }))
    const y = hostOf(matmulOp, given, { transposeA: false, transposeB: true })
    return y.map((v, i) => v + b[i % b.length])
  },
})

function multiply(a: Tensor, b: Tensor, options: MatmulOptions & { readonly factor?: number } = {}): Tensor {
  const { transposeA = false, transposeB = false, factor = 1 } = options
  return apply(product, [a, b], { transposeA, transposeB, factor })
}

const matmul: Composition = ([a, b], { transposeA, transposeB }: Required<MatmulOptions>) => {
  const isFlat = a.rank === 2 && b.rank === 2
  if (a.dtype !== "float32" || isFlat || !(transposeA || transposeB)) return undefined
  return [multiply(a, b, { transposeA, transposeB })]
}

const linear: Composition = ([x, w, b]) => {
  if (x.dtype !== "float32" || b === undefined || x.rank < 2) return undefined
  const rows = x.reshape([sizeOf(x.shape.slice(0, -1)), w.shape[1]])
  return [apply(rowsOp, [rows, w, b], {}).reshape([...x.shape.slice(0, -1), w.shape[0]])]
}

const attends = (q: Tensor, k: Tensor, mask: Tensor | undefined, scale: number): Tensor => {
  const scores = multiply(q, k, { transposeB: true, factor: scale })
  return softmax(mask === undefined ? scores : scores.add(mask))
}

const isBatched = (tensors: readonly Tensor[]): boolean =>
  tensors.every((t) => t.dtype === "float32" && sameShape(t.shape.slice(0, -2), tensors[0].shape.slice(0, -2)))

const attention: Composition = ([q, k, v, mask], { scale }: { scale: number }) =>
  isBatched([q, k, v]) ? [attends(q, k, mask, scale).matmul(v)] : undefined

interface GradientAttrs {
  readonly attrs: { readonly scale: number }
  readonly inputs: number
  readonly live: readonly number[]
}

const attentionGradient: Composition = (all, { attrs, inputs, live }: GradientAttrs) => {
  const [q, k, v, mask] = all.slice(0, inputs)
  const g = all[inputs]
  if (!isBatched([q, k, v, g]) || live.includes(3)) return undefined
  const p = attends(q, k, mask, attrs.scale)
  const dp = multiply(g, v, { transposeB: true })
  const ds = p.mul(dp.sub(dp.mul(p).sum({ axes: -1, keepDims: true })))
  const factor = attrs.scale
  const grads = [
    () => multiply(ds, k, { factor }),
    () => multiply(ds, q, { transposeA: true, factor }),
    () => multiply(p, g, { transposeA: true }),
  ]
  return live.map((i) => grads[i]())
}

/** Compositions of matrix products. */
export const linearCompositions: ReadonlyMap<string, Composition> = new Map<string, Composition>([
  ["matmul", matmul],
  ["linear", linear],
  ["attention", attention],
  ["attention.grad", attentionGradient],
])
