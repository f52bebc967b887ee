/** Square systems: solve, inverse, determinant. */

import type { Arrayable } from "../engine/array.ts"
import { factor, reduceLu, solveFactored } from "./lu.ts"
import { finite, LinAlgError, perMatrix, type Real, real, realOf, show, squareMatrixOf, squareOf } from "./matrix.ts"

/**
 * Solves A x = b by LU with partial pivoting. A is [..., n, n]; b is [n] or [n, columns] for one matrix, and
 * [..., n, columns] with the same batch for a stack.
 *
 * @throws LinAlgError where A is singular to working precision (use {@link lstsq} or {@link pinv}).
 */
export function solve(a: Arrayable, b: Arrayable): Real {
  const s = squareOf("solve", a)
  const n = s.rows
  const right = realOf("solve", b, "right-hand side")
  const { shape } = right
  const isVector = s.batch.length === 0 && shape.length === 1
  const r = isVector ? 1 : shape[shape.length - 1]
  const expected = isVector ? [n] : [...s.batch, n, r]
  if (shape.length !== expected.length || shape.some((size, i) => size !== expected[i])) {
    const wanted = s.batch.length === 0 ? `[${n}] or [${n}, columns]` : show(expected)
    throw new RangeError(
      `solve: right-hand side has shape ${show(shape)}, expected ${wanted} for a matrix ${show([...s.batch, n, n])}`,
    )
  }
  let at = 0
  const out = perMatrix(s, (x) => {
    const f = factor("solve", n, x)
    const part = solveFactored(f, r, right.data.subarray(at, at + n * r))
    at += n * r
    return { x: real([n, r], part) }
  }).x
  return real(expected, finite("solve", out.data))
}

/**
 * Inverse of [..., n, n] by LU with partial pivoting. To solve a system use {@link solve}: it is faster and closer.
 *
 * @throws LinAlgError where the matrix is singular to working precision (use {@link pinv}).
 */
export function inv(a: Arrayable): Real {
  const s = squareOf("inv", a)
  const n = s.rows
  const identity = new Float64Array(n * n)
  for (let i = 0; i < n; i++) identity[i * n + i] = 1
  return perMatrix(s, (x) => ({
    inverse: real([n, n], finite("inv", solveFactored(factor("inv", n, x), n, identity))),
  })).inverse
}

/** Sign and logarithm of a determinant: det = sign exp(logAbsDet). */
export interface SignedLogDet {
  /** 1, -1, or 0 for a singular matrix. */
  readonly sign: number
  /** log |det|, -Infinity for a singular matrix. */
  readonly logAbsDet: number
}

/**
 * Determinant of [n, n] as a sign and a logarithm, by LU: it neither overflows nor vanishes for large n.
 * An exactly singular matrix gives sign 0 and -Infinity, as in NumPy.
 */
export function slogdet(a: Arrayable): SignedLogDet {
  const { rows: n, data } = squareMatrixOf("slogdet", a)
  const x = data.slice()
  let { sign } = reduceLu(n, n, x)
  let logAbsDet = 0
  for (let i = 0; i < n; i++) {
    const d = x[i * n + i]
    sign *= Math.sign(d)
    logAbsDet += Math.log(Math.abs(d))
  }
  return { sign: sign === 0 ? 0 : sign, logAbsDet }
}

/**
 * Determinant of [n, n] by LU: the product of the pivots and of the permutation's sign.
 *
 * @throws LinAlgError where it overflows (use {@link slogdet}).
 */
export function det(a: Arrayable): number {
  const { rows: n, data } = squareMatrixOf("det", a)
  const x = data.slice()
  let product: number = reduceLu(n, n, x).sign
  let exponent = 0
  for (let i = 0; i < n; i++) {
    product *= x[i * n + i]
    const size = Math.abs(product)
    if (size !== 0 && (size < 1e-100 || size > 1e100)) {
      const shift = Math.floor(Math.log2(size))
      product *= 2 ** -shift
      exponent += shift
    }
  }
  // Two factors, because 2^-1074 alone would lose what the mantissa still holds.
  const half = Math.trunc(exponent / 2)
  const value = product * 2 ** half * 2 ** (exponent - half)
  if (!Number.isFinite(value)) throw new LinAlgError("det: the determinant overflows double precision (use slogdet)")
  return value
}
