/** Norms of vectors and matrices, condition numbers, angles. */

import type { Arrayable } from "../engine/array.ts"
import { largest } from "./blas.ts"
import { factor, solveFactored } from "./lu.ts"
import { LinAlgError, matrixOf, realOf, show, squareMatrixOf, vectorOf } from "./matrix.ts"
import { plainSvdvals } from "./svd.ts"

/** Matrix norms: entries (Frobenius), sum of singular values (nuclear), columns (1), rows (Infinity), largest singular value (2). */
export type MatrixNorm = "fro" | "nuc" | 1 | 2 | typeof Number.POSITIVE_INFINITY

/** (sum |x_i|^p)^(1/p), scaled by the largest entry so that nothing overflows on the way. */
export function plainNorm(x: Float64Array, p: number): number {
  const most = largest(x)
  if (most === 0 || p === Number.POSITIVE_INFINITY) return most
  let sum = 0
  if (p === 2) for (let i = 0; i < x.length; i++) sum += (x[i] / most) ** 2
  else if (p === 1) for (let i = 0; i < x.length; i++) sum += Math.abs(x[i]) / most
  else for (let i = 0; i < x.length; i++) sum += (Math.abs(x[i]) / most) ** p
  return most * (p === 2 ? Math.sqrt(sum) : p === 1 ? sum : sum ** (1 / p))
}

/**
 * Norm of a vector [n] or a matrix [m, n]. For a vector the order is p >= 1 or Infinity (2 by default) and the norm
 * (sum |x_i|^p)^(1/p): notes 000 eq 1.2.7 leave out the absolute values, which gives (-3, 4) the 1-norm 1 in place
 * of 7. For a matrix it is "fro" (the default), "nuc", 1, 2 or Infinity, as in NumPy.
 *
 * @throws RangeError for an order that makes no norm.
 */
export function norm(a: Arrayable, order?: number | MatrixNorm): number {
  const { shape, data } = realOf("norm", a)
  if (shape.length === 1) {
    const p = order ?? 2
    if (typeof p !== "number" || !(p >= 1)) throw new RangeError(`norm: vector order is ${p}, expected a number from 1`)
    return checked(plainNorm(data, p))
  }
  if (shape.length !== 2) throw new RangeError(`norm: array has shape ${show(shape)}, expected a vector or a matrix`)
  return checked(plainMatrixNorm(shape[0], shape[1], data, order ?? "fro"))
}

function checked(value: number): number {
  if (!Number.isFinite(value)) throw new LinAlgError("norm: the norm overflows double precision (scale the input down)")
  return value
}

/** Norm of a plain [m, n]. */
export function plainMatrixNorm(m: number, n: number, x: Float64Array, order: number | string): number {
  if (order === "fro") return plainNorm(x, 2)
  if (order === 2 || order === "nuc") {
    const s = plainSvdvals("norm", m, n, x.slice())
    return order === 2 ? s[0] : s.reduce((sum, v) => sum + v, 0)
  }
  if (order !== 1 && order !== Number.POSITIVE_INFINITY)
    throw new RangeError(`norm: matrix order is ${order}, expected "fro", "nuc", 1, 2 or Infinity`)
  const sums = new Float64Array(order === 1 ? n : m)
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) sums[order === 1 ? j : i] += Math.abs(x[i * n + j])
  return largest(sums)
}

/**
 * Condition number ||A|| ||A^-1|| of [m, n], at least 1: how much a relative error of the input can grow. With order 2
 * (the default) it is the ratio of the largest to the smallest singular value, which for a symmetric matrix is
 * max |lambda| / min |lambda| (notes 004 §2). A singular matrix has the condition number Infinity.
 *
 * @param order 2 for any shape; 1, Infinity or "fro" for square matrices.
 */
export function cond(a: Arrayable, order: 1 | 2 | "fro" | typeof Number.POSITIVE_INFINITY = 2): number {
  if (order === 2) {
    const { rows, cols, data } = matrixOf("cond", a)
    const s = plainSvdvals("cond", rows, cols, data.slice())
    return s[s.length - 1] === 0 ? Number.POSITIVE_INFINITY : s[0] / s[s.length - 1]
  }
  const { rows: n, data } = squareMatrixOf("cond", a)
  const identity = new Float64Array(n * n)
  for (let i = 0; i < n; i++) identity[i * n + i] = 1
  try {
    const inverse = solveFactored(factor("cond", n, data.slice()), n, identity)
    return plainMatrixNorm(n, n, data, order) * plainMatrixNorm(n, n, inverse, order)
  } catch (error) {
    if (error instanceof LinAlgError) return Number.POSITIVE_INFINITY
    throw error
  }
}

/**
 * Angle between two vectors [n] in radians, from 0 to pi: cos theta = a.b / (||a|| ||b||). Computed from the half
 * angle, tan(theta / 2) = ||u - v|| / ||u + v|| with u, v of length 1 (Kahan 2006), so small angles keep their digits.
 *
 * @throws RangeError where a vector is zero: it has no direction.
 */
export function angle(a: Arrayable, b: Arrayable): number {
  const x = vectorOf("angle", a, "first vector")
  const y = vectorOf("angle", b, "second vector", x.length)
  const nx = plainNorm(x, 2)
  const ny = plainNorm(y, 2)
  if (nx === 0 || ny === 0) throw new RangeError("angle: a vector is zero, expected one with a direction")
  let apart = 0
  let along = 0
  for (let i = 0; i < x.length; i++) {
    const u = x[i] / nx
    const v = y[i] / ny
    apart += (u - v) ** 2
    along += (u + v) ** 2
  }
  return 2 * Math.atan2(Math.sqrt(apart), Math.sqrt(along))
}
