/** Products: matrix, inner, outer, Kronecker; vec and its inverse; integer powers. */

import { type Arrayable, sizeOf } from "../engine/array.ts"
import { dotAt } from "./blas.ts"
import { block, gemm } from "./gemm.ts"
import { finite, matrixOf, perMatrix, type Real, real, realOf, show, squareOf, vectorOf } from "./matrix.ts"

/** Product of two plain square matrices [n, n]. */
export function square(n: number, a: Float64Array, b: Float64Array): Float64Array {
  const out = new Float64Array(n * n)
  gemm(n, n, n, 1, block(a, 0, n), block(b, 0, n), block(out, 0, n))
  return out
}

/**
 * Matrix product [..., m, k] x [..., k, n] -> [..., m, n]; leading axes broadcast. A vector on the left is one row, on
 * the right one column, and its axis is dropped from the result, as in NumPy. Two vectors have {@link dot}.
 * Entry [i, j] is the inner product of row i and column j; the whole is also the sum of the outer products of columns
 * of the first with rows of the second (notes 003, D1.1).
 *
 * @throws RangeError where the inner sizes differ or leading axes do not broadcast; LinAlgError where the result overflows.
 */
export function matmul(a: Arrayable, b: Arrayable): Real {
  const x = realOf("matmul", a, "first matrix")
  const y = realOf("matmul", b, "second matrix")
  const rank = Math.min(x.shape.length, y.shape.length)
  if (rank < 1 || (x.shape.length === 1 && y.shape.length === 1)) {
    throw new RangeError(
      `matmul: shapes ${show(x.shape)} and ${show(y.shape)}, expected at least one matrix (two vectors: dot or outer)`,
    )
  }
  const xs = x.shape.length === 1 ? [1, x.shape[0]] : x.shape
  const ys = y.shape.length === 1 ? [y.shape[0], 1] : y.shape
  const m = xs[xs.length - 2]
  const k = xs[xs.length - 1]
  const n = ys[ys.length - 1]
  if (ys[ys.length - 2] !== k) {
    throw new RangeError(
      `matmul: first has ${k} columns, second has ${ys[ys.length - 2]} rows (${show(x.shape)} x ${show(y.shape)})`,
    )
  }
  const batch = broadcast(xs.slice(0, -2), ys.slice(0, -2), x.shape, y.shape)
  const count = sizeOf(batch)
  const out = new Float64Array(count * m * n)
  for (let i = 0; i < count; i++) {
    const xAt = offset(i, batch, xs.slice(0, -2)) * m * k
    const yAt = offset(i, batch, ys.slice(0, -2)) * k * n
    gemm(m, n, k, 1, block(x.data, xAt, k), block(y.data, yAt, n), block(out, i * m * n, n))
  }
  const shape = [...batch]
  if (x.shape.length > 1) shape.push(m)
  if (y.shape.length > 1) shape.push(n)
  return real(shape, finite("matmul", out))
}

function broadcast(
  a: readonly number[],
  b: readonly number[],
  aShape: readonly number[],
  bShape: readonly number[],
): number[] {
  const out: number[] = []
  for (let i = 1; i <= Math.max(a.length, b.length); i++) {
    const p = a[a.length - i] ?? 1
    const q = b[b.length - i] ?? 1
    if (p !== q && p !== 1 && q !== 1)
      throw new RangeError(`matmul: leading axes of ${show(aShape)} and ${show(bShape)} do not broadcast`)
    out.unshift(Math.max(p, q))
  }
  return out
}

/** Which matrix of a stack with the axes `own` stands at place `flat` of the broadcast axes `batch`. */
function offset(flat: number, batch: readonly number[], own: readonly number[]): number {
  let rest = flat
  let at = 0
  let step = 1
  for (let i = 1; i <= batch.length; i++) {
    const size = batch[batch.length - i]
    const mine = own[own.length - i] ?? 1
    if (mine > 1) at += (rest % size) * step
    step *= mine
    rest = Math.floor(rest / size)
  }
  return at
}

/** Inner product of two vectors [n]: sum a_i b_i = ||a|| ||b|| cos theta. (Notes 000 §2.2.) */
export function dot(a: Arrayable, b: Arrayable): number {
  const x = vectorOf("dot", a, "first vector")
  const y = vectorOf("dot", b, "second vector", x.length)
  const out = dotAt(x, 0, y, 0, x.length)
  finite("dot", Float64Array.of(out))
  return out
}

/** Outer product [m, n] of vectors [m] and [n]: entry [i, j] is a_i b_j. */
export function outer(a: Arrayable, b: Arrayable): Real {
  const x = vectorOf("outer", a, "first vector")
  const y = vectorOf("outer", b, "second vector")
  const out = new Float64Array(x.length * y.length)
  for (let i = 0; i < x.length; i++) for (let j = 0; j < y.length; j++) out[i * y.length + j] = x[i] * y[j]
  return real([x.length, y.length], finite("outer", out))
}

/** Kronecker product of [m, n] and [p, q], [m p, n q]: block [i, j] is a_ij B. */
export function kron(a: Arrayable, b: Arrayable): Real {
  const x = matrixOf("kron", a, "first matrix")
  const y = matrixOf("kron", b, "second matrix")
  const cols = x.cols * y.cols
  const out = new Float64Array(x.rows * y.rows * cols)
  for (let i = 0; i < x.rows; i++) {
    for (let r = 0; r < y.rows; r++) {
      const at = (i * y.rows + r) * cols
      for (let j = 0; j < x.cols; j++) {
        const v = x.data[i * x.cols + j]
        for (let c = 0; c < y.cols; c++) out[at + j * y.cols + c] = v * y.data[r * y.cols + c]
      }
    }
  }
  return real([x.rows * y.rows, cols], finite("kron", out))
}

/** The columns of [m, n] stacked into one vector [m n]: vec(A W B) = (B^T kron A) vec(W). */
export function vec(a: Arrayable): Real {
  const { rows, cols, data } = matrixOf("vec", a)
  const out = new Float64Array(rows * cols)
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) out[j * rows + i] = data[i * cols + j]
  return real([rows * cols], out)
}

/** The matrix [rows, size / rows] whose columns, stacked, are the vector: the inverse of {@link vec}. */
export function unvec(v: Arrayable, rows: number): Real {
  const data = vectorOf("unvec", v)
  if (!(Number.isInteger(rows) && rows > 0 && data.length % rows === 0))
    throw new RangeError(`unvec: ${data.length} entries do not make columns of ${rows} rows`)
  const cols = data.length / rows
  const out = new Float64Array(data.length)
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) out[i * cols + j] = data[j * rows + i]
  return real([rows, cols], out)
}

/** Power A^k of [..., n, n] for an integer k >= 0, by repeated squaring; A^0 is the identity. */
export function matrixPower(a: Arrayable, k: number): Real {
  if (!(Number.isInteger(k) && k >= 0))
    throw new RangeError(`matrixPower: exponent is ${k}, expected an integer from 0 (invert first for negative ones)`)
  const s = squareOf("matrixPower", a)
  const n = s.rows
  return perMatrix(s, (x) => {
    let out: Float64Array = new Float64Array(n * n)
    for (let i = 0; i < n; i++) out[i * n + i] = 1
    let base = x
    for (let rest = k; rest > 0; rest = Math.floor(rest / 2)) {
      if (rest % 2 === 1) out = square(n, out, base)
      if (rest > 1) base = square(n, base, base)
    }
    return { power: real([n, n], finite("matrixPower", out)) }
  }).power
}
