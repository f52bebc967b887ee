/** Matrix products, batched, with either side read transposed. */
import { sizeOf } from "../array.ts"
import { apply, expectDtype, floats, type Importer, type Op, primitive } from "../graph.ts"
import { broadcastShapes, broadcastStrides, formatShape, formatSize, UsageError, walk } from "../shape.ts"
import type { Tensor } from "../tensor.ts"

/** Which operands are read with their last two axes exchanged. */
export interface MatmulOptions {
  readonly transposeA?: boolean
  readonly transposeB?: boolean
}

type Attrs = Required<MatmulOptions>

const matmulOp: Op<Attrs> = primitive<Attrs>({
  name: "matmul",
  doc: "matrix product over the last two axes, broadcasting the others",
  spec: ([a, b], { transposeA, transposeB }) => {
    const dtype = expectDtype("matmul", [a, b], floats)
    if (a.shape.length < 2 || b.shape.length < 2) {
      throw new UsageError(
        `matmul: got ${formatShape(a.shape)} and ${formatShape(b.shape)}, expected at least two axes each`,
      )
    }
    const [m, inner] = ends(a.shape, transposeA)
    const [other, n] = ends(b.shape, transposeB)
    if (inner !== other) {
      const how = (t: boolean): string => (t ? " transposed" : "")
      throw new UsageError(
        `matmul: ${formatShape(a.shape)}${how(transposeA)} has ${formatSize(inner)} columns, ${formatShape(b.shape)}${how(transposeB)} has ${formatSize(other)} rows`,
      )
    }
    return { dtype, shape: [...broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2)), m, n] }
  },
  grad: (g, [a, b], _, { transposeA, transposeB }) => {
    const da = transposeA
      ? product(b, g, { transposeA: transposeB, transposeB: true })
      : product(g, b, { transposeA: false, transposeB: !transposeB })
    const db = transposeB
      ? product(g, a, { transposeA: true, transposeB: transposeA })
      : product(a, g, { transposeA: !transposeA, transposeB: false })
    return [da.sumTo(a.shape), db.sumTo(b.shape)]
  },
  onnx: (emit, [a, b], node) => {
    const { transposeA, transposeB } = node.attrs
    const ranks = node.inputs.map((v) => v.spec.shape.length)
    if ((transposeA || transposeB) && ranks.every((r) => r === 2)) {
      return emit.node("Gemm", [a, b], { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 })
    }
    const turned = (name: string, rank: number, turn: boolean): string => {
      if (!turn) return name
      const axes = Array.from({ length: rank }, (_, i) => i)
      return emit.node("Transpose", [name], { perm: [...axes.slice(0, -2), rank - 1, rank - 2] })
    }
    return emit.node("MatMul", [turned(a, ranks[0], transposeA), turned(b, ranks[1], transposeB)])
  },
  host: ([a, b], node) => {
    const [sa, sb] = node.inputs.map((v) => v.spec.shape)
    const { shape } = node.outputs[0].spec
    const batch = shape.slice(0, -2)
    const [m, n] = shape.slice(-2)
    const [, inner] = ends(sa, node.attrs.transposeA)
    const [rowA, colA] = node.attrs.transposeA ? [1, m] : [inner, 1]
    const [rowB, colB] = node.attrs.transposeB ? [1, inner] : [n, 1]
    const offsetsB: number[] = []
    walk(batch, broadcastStrides(sb.slice(0, -2), batch), (at) => offsetsB.push(at * inner * n))
    const out = new Float64Array(sizeOf(shape))
    walk(batch, broadcastStrides(sa.slice(0, -2), batch), (at, k) => {
      const startA = at * m * inner
      for (let i = 0; i < m; i++) {
        for (let l = 0; l < inner; l++) {
          const x = a[startA + i * rowA + l * colA]
          const startB = offsetsB[k] + l * rowB
          const startOut = (k * m + i) * n
          for (let j = 0; j < n; j++) out[startOut + j] += x * b[startB + j * colB]
        }
      }
    })
    return out
  },
})

function ends(shape: readonly number[], transposed: boolean): [number, number] {
  const [m, n] = shape.slice(-2)
  return transposed ? [n, m] : [m, n]
}

function product(a: Tensor, b: Tensor, attrs: Attrs): Tensor {
  // A plain matrix on the right meets every row alike: one large product instead of many small ones.
  if (b.shape.length === 2 && a.shape.length > 2 && !attrs.transposeA) {
    const rows = a.reshape([sizeOf(a.shape.slice(0, -1)), a.shape[a.shape.length - 1]])
    const y = apply(matmulOp, [rows, b], attrs)
    return y.reshape([...a.shape.slice(0, -1), y.shape[1]])
  }
  return apply(matmulOp, [a, b], attrs)
}

/**
 * Matrix product over the last two axes, `[..., m, k] x [..., k, n] -> [..., m, n]`, broadcasting the leading ones.
 * A vector on either side is taken as one row or one column, which is dropped from the result.
 */
export function matmul(a: Tensor, b: Tensor, { transposeA = false, transposeB = false }: MatmulOptions = {}): Tensor {
  if (a.shape.length === 1 && b.shape.length === 1) return matmul(a.reshape([1, a.shape[0]]), b).reshape([])
  if (a.shape.length === 1) return dropAxis(matmul(a.reshape([1, a.shape[0]]), b, { transposeB }), -2)
  if (b.shape.length === 1) return dropAxis(matmul(a, b.reshape([b.shape[0], 1]), { transposeA }), -1)
  return product(a, b, { transposeA, transposeB })
}

function dropAxis(x: Tensor, axis: number): Tensor {
  const at = axis + x.shape.length
  return x.reshape(x.shape.filter((_, i) => i !== at))
}

/** All records of this file. */
export const matmulOps: readonly Op[] = [matmulOp]

/** ONNX operators read as these ops. */
export const matmulImporters: readonly Importer[] = [
  { type: "MatMul", read: (site) => matmul(site.input(0), site.input(1)) },
  {
    type: "Gemm",
    read: (site) => {
      const [alpha, beta] = [site.float("alpha", 1), site.float("beta", 1)]
      const product = matmul(site.input(0), site.input(1), {
        transposeA: site.int("transA", 0) !== 0,
        transposeB: site.int("transB", 0) !== 0,
      })
      const scaled = alpha === 1 ? product : product.mul(alpha)
      const c = site.inputs[2]
      return c ? scaled.add(beta === 1 ? c : c.mul(beta)) : scaled
    },
  },
]
