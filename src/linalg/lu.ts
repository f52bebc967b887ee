/** LU factorisation with row pivoting, by blocks. */

import type { Arrayable } from "../engine/array.ts"
import { block, gemm } from "./gemm.ts"
import { eps, finite, LinAlgError, matrixOf, type Real, real, show, squareMatrixOf } from "./matrix.ts"
import { equilibrium, reciprocalCondition } from "./reciprocal.ts"
import { rightSideOf, solveTriangle } from "./triangular.ts"

const panel = 32

/** Row order and sign of a factorisation: row i of the product L U is row `order[i]` of A. */
export interface Pivots {
  readonly order: Int32Array
  /** 1 or -1: the sign of the permutation. */
  readonly sign: number
}

/** Factors A [m, n] in place: U on and above the diagonal, L's multipliers below it. */
export function reduceLu(m: number, n: number, a: Float64Array, pivot = true): Pivots {
  const order = Int32Array.from({ length: m }, (_, i) => i)
  let sign = 1
  const k = Math.min(m, n)
  for (let from = 0; from < k; from += panel) {
    const to = Math.min(k, from + panel)
    for (let j = from; j < to; j++) {
      let best = j
      if (pivot) {
        let most = Math.abs(a[j * n + j])
        for (let i = j + 1; i < m; i++) {
          const v = Math.abs(a[i * n + j])
          if (v > most) {
            most = v
            best = i
          }
        }
      }
      if (best !== j) {
        for (let l = 0, p = j * n, q = best * n; l < n; l++, p++, q++) {
          const held = a[p]
          a[p] = a[q]
          a[q] = held
        }
        const held = order[j]
        order[j] = order[best]
        order[best] = held
        sign = -sign
      }
      const d = a[j * n + j]
      if (d === 0) continue
      const top = j * n
      for (let i = j + 1; i < m; i++) {
        const row = i * n
        const v = a[row + j]
        if (v === 0) continue
        const ratio = v / d
        a[row + j] = ratio
        for (let l = j + 1; l < to; l++) a[row + l] -= ratio * a[top + l]
      }
    }
    if (to < n) {
      const corner = block(a, from * n + from, n)
      solveTriangle(to - from, n - to, corner, true, true, a, from * n + to, n)
      gemm(
        m - to,
        n - to,
        to - from,
        -1,
        block(a, to * n + from, n),
        block(a, from * n + to, n),
        block(a, to * n + to, n),
      )
    }
  }
  return { order, sign }
}

/** What {@link lu} gives: A[permutation] = L U. */
export interface Lu {
  /** Unit lower triangular (trapezoidal where m > n), [m, min(m, n)]. */
  readonly l: Real
  /** Upper triangular, [min(m, n), n]. */
  readonly u: Real
  /** Row i of L U is row `permutation[i]` of A. */
  readonly permutation: Int32Array
  /** Sign of the permutation, 1 or -1. */
  readonly sign: number
}

/**
 * LU factorisation of [m, n] with partial pivoting: A[permutation] = L U. A singular matrix is factored too, with
 * zeros on U's diagonal. Without pivoting it exists where every leading minor is nonzero, for example where the matrix
 * is strictly diagonally dominant (notes 003, D1.12).
 *
 * @throws LinAlgError without pivoting, where a pivot is zero.
 */
export function lu(a: Arrayable, { pivot = true }: { pivot?: boolean } = {}): Lu {
  const { rows: m, cols: n, data } = matrixOf("lu", a)
  const x = data.slice()
  const { order, sign } = reduceLu(m, n, x, pivot)
  const k = Math.min(m, n)
  if (!pivot) {
    for (let i = 0; i < k; i++) {
      if (x[i * n + i] === 0 && (i + 1 < m || i + 1 < n))
        throw new LinAlgError(`lu: pivot ${i} is zero without pivoting (use pivot: true)`)
    }
  }
  const l = new Float64Array(m * k)
  const u = new Float64Array(k * n)
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < Math.min(i, k); j++) l[i * k + j] = x[i * n + j]
    if (i < k) {
      l[i * k + i] = 1
      for (let j = i; j < n; j++) u[i * n + j] = x[i * n + j]
    }
  }
  return { l: real([m, k], finite("lu", l)), u: real([k, n], finite("lu", u)), permutation: order, sign }
}

/** A factored square matrix that {@link luSolve} can solve with, as often as wanted. */
export interface LuFactor {
  readonly n: number
  /** U on and above the diagonal, L's multipliers below it, [n, n]. */
  readonly lu: Float64Array
  readonly pivots: Pivots
}

/**
 * Factors a square matrix once, to be solved with by {@link luSolve}.
 *
 * @throws LinAlgError where the matrix is singular to working precision: with rows and columns scaled alike, its
 * reciprocal condition number is below machine precision. So diag(1, 1e-30) passes and [[0.1, 0.2], [0.3, 0.6]] does not.
 */
export function luFactor(a: Arrayable): LuFactor {
  const { rows: n, data } = squareMatrixOf("luFactor", a)
  return factor("luFactor", n, data.slice())
}

/** Factors in place, or refuses a singular matrix in the caller's name. */
export function factor(where: string, n: number, x: Float64Array): LuFactor {
  const scales = equilibrium(n, x)
  const f: LuFactor = { n, lu: x, pivots: reduceLu(n, n, x) }
  const reciprocal = reciprocalCondition(f, scales)
  if (reciprocal < eps) {
    throw new LinAlgError(
      `${where}: matrix ${show([n, n])} is singular to working precision (reciprocal condition number ${reciprocal.toPrecision(2)}; use lstsq or pinv)`,
    )
  }
  return f
}

/** Solves with a factored matrix: the right-hand sides [n, r] in, the solutions [n, r] out. */
export function solveFactored(f: LuFactor, r: number, b: Float64Array): Float64Array {
  const { n, lu: x, pivots } = f
  const out = new Float64Array(n * r)
  for (let i = 0; i < n; i++) {
    const from = pivots.order[i] * r
    for (let j = 0; j < r; j++) out[i * r + j] = b[from + j]
  }
  solveTriangle(n, r, block(x, 0, n), true, true, out, 0, r)
  solveTriangle(n, r, block(x, 0, n), false, false, out, 0, r)
  return out
}

/** Solves A x = b by two substitutions with a factored A; b is [n] or [n, columns]. (Notes 003, R1.9.) */
export function luSolve(f: LuFactor, b: Arrayable): Real {
  const { columns, shape, data } = rightSideOf("luSolve", b, f.n)
  return real(shape, finite("luSolve", solveFactored(f, columns, data)))
}
