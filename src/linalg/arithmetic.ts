/** Arrays entry by entry, and the plain matrices everything else is made of. */

import type { Arrayable } from "../engine/array.ts"
import { transposed } from "./blas.ts"
import { finite, perMatrix, type Real, real, realOf, show, squareMatrixOf, stackOf, vectorOf } from "./matrix.ts"

function pair(where: string, a: Arrayable, b: Arrayable): [Real, Real] {
  const x = realOf(where, a, "first array")
  const y = realOf(where, b, "second array")
  if (x.shape.length !== y.shape.length || x.shape.some((size, i) => size !== y.shape[i]))
    throw new RangeError(`${where}: shapes ${show(x.shape)} and ${show(y.shape)} differ, expected the same`)
  return [x, y]
}

/** a + b, entry by entry; shapes must be equal. */
export function add(a: Arrayable, b: Arrayable): Real {
  const [x, y] = pair("add", a, b)
  return real(
    x.shape,
    finite(
      "add",
      Float64Array.from(x.data, (v, i) => v + y.data[i]),
    ),
  )
}

/** a - b, entry by entry; shapes must be equal. */
export function subtract(a: Arrayable, b: Arrayable): Real {
  const [x, y] = pair("subtract", a, b)
  return real(
    x.shape,
    finite(
      "subtract",
      Float64Array.from(x.data, (v, i) => v - y.data[i]),
    ),
  )
}

/** r a: every entry of `a` times the number r. */
export function scale(r: number, a: Arrayable): Real {
  const x = realOf("scale", a)
  return real(
    x.shape,
    finite(
      "scale",
      Float64Array.from(x.data, (v) => r * v),
    ),
  )
}

/** Identity matrix [n, n], or ones on the diagonal of [n, m]. */
export function eye(n: number, m: number = n): Real {
  if (!(Number.isInteger(n) && n > 0 && Number.isInteger(m) && m > 0))
    throw new RangeError(`eye: got ${n} rows and ${m} columns, expected positive integers`)
  const data = new Float64Array(n * m)
  for (let i = 0; i < Math.min(n, m); i++) data[i * m + i] = 1
  return real([n, m], data)
}

/** Square matrix [n, n] with the vector [n] on its diagonal. */
export function diag(d: Arrayable): Real {
  const values = vectorOf("diag", d)
  const n = values.length
  const data = new Float64Array(n * n)
  for (let i = 0; i < n; i++) data[i * n + i] = values[i]
  return real([n, n], data)
}

/** Diagonal [..., min(m, n)] of [..., m, n]. */
export function diagonal(a: Arrayable): Real {
  const s = stackOf("diagonal", a)
  const k = Math.min(s.rows, s.cols)
  return perMatrix(s, (x) => ({
    d: real(
      [k],
      Float64Array.from({ length: k }, (_, i) => x[i * s.cols + i]),
    ),
  })).d
}

/** Transpose [..., n, m] of [..., m, n]. */
export function transpose(a: Arrayable): Real {
  const s = stackOf("transpose", a)
  return perMatrix(s, (x) => ({ t: real([s.cols, s.rows], transposed(s.rows, s.cols, x)) })).t
}

/** Trace of a square [n, n]: the sum of its diagonal, which is the sum of its eigenvalues. */
export function trace(a: Arrayable): number {
  const { rows: n, data } = squareMatrixOf("trace", a)
  let sum = 0
  for (let i = 0; i < n; i++) sum += data[i * n + i]
  return sum
}

/** Row i of a matrix [m, n], as a vector [n]. */
export function row(a: Arrayable, i: number): Real {
  const { shape, data } = oneMatrix("row", a, i, 0)
  const n = shape[1]
  return real([n], data.slice(i * n, (i + 1) * n))
}

/** Column j of a matrix [m, n], as a vector [m]. */
export function column(a: Arrayable, j: number): Real {
  const { shape, data } = oneMatrix("column", a, j, 1)
  return real(
    [shape[0]],
    Float64Array.from({ length: shape[0] }, (_, i) => data[i * shape[1] + j]),
  )
}

function oneMatrix(where: string, a: Arrayable, index: number, axis: number): Real {
  const x = realOf(where, a, "matrix")
  if (x.shape.length !== 2) throw new RangeError(`${where}: matrix has shape ${show(x.shape)}, expected two axes`)
  if (!(Number.isInteger(index) && index >= 0 && index < x.shape[axis]))
    throw new RangeError(`${where}: index is ${index}, expected an integer from 0 to ${x.shape[axis] - 1}`)
  return x
}
