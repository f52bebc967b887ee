/** General to upper Hessenberg form, by blocks of reflectors. */

import type { Arrayable } from "../engine/array.ts"
import { axpyAt, dotAt, gemv, gemvT, rescale } from "./blas.ts"
import { block, flip, gemm } from "./gemm.ts"
import { gather, type Reflectors, reflect, reflectLeft } from "./householder.ts"
import { finite, perMatrix, type Real, real, squareOf } from "./matrix.ts"

const panel = 32

/** What {@link hessenberg} gives: A = Q H Q^T. */
export interface Hessenberg {
  /** Orthogonal, [..., n, n]. */
  readonly q: Real
  /** Zero below the first subdiagonal, [..., n, n]. */
  readonly h: Real
}

/**
 * Reduces A [n, n] in place to H and returns Q as blocks. Inside a panel the matrix is (A - Y V^T) from the right, with
 * the left side applied to one column at a time; half of the work is one matrix-vector product a column, the rest
 * matrix products (Dongarra, Sorensen and Hammarling 1989; Quintana-Orti and van de Geijn 2006).
 */
export function reduceHessenberg(n: number, a: Float64Array): Reflectors[] {
  const blocks: Reflectors[] = []
  const steps = Math.max(0, n - 2)
  const taus = new Float64Array(steps)
  const column = new Float64Array(n)
  const c = new Float64Array(panel)
  const tc = new Float64Array(panel)
  for (let from = 0; from < steps; from += panel) {
    const k = Math.min(panel, steps - from)
    const length = n - from - 1
    const v = new Float64Array(k * length)
    const y = new Float64Array(k * n)
    const t = new Float64Array(k * k)
    for (let i = 0; i < k; i++) {
      const j = from + i
      for (let r = 0; r < n; r++) column[r] = a[r * n + j]
      // From the right: column - Y V^T e_j, then from the left: (I - V T^T V^T) column.
      if (i > 0) {
        for (let q = 0; q < i; q++) axpyAt(-v[q * length + i - 1], y, q * n, column, 0, n)
        for (let q = 0; q < i; q++) c[q] = dotAt(v, q * length, column, from + 1, length)
        for (let q = 0; q < i; q++) {
          let sum = 0
          for (let l = 0; l <= q; l++) sum += t[l * k + q] * c[l]
          tc[q] = sum
        }
        gemvT(i, length, -1, v, 0, length, tc, 0, column, from + 1)
      }
      const at = i * length + i
      v.set(column.subarray(j + 1), at)
      column[j + 1] = reflect(v, at, n - j - 1, taus, j)
      for (let r = j + 2; r < n; r++) column[r] = 0
      for (let r = 0; r < n; r++) a[r * n + j] = column[r]
      const tau = taus[j]
      const yAt = i * n
      gemv(n, n - j - 1, a, j + 1, n, v, at, y, yAt)
      for (let q = 0; q < i; q++) c[q] = dotAt(v, q * length + i, v, at, n - j - 1)
      gemvT(i, n, -1, y, 0, n, c, 0, y, yAt)
      for (let r = 0; r < n; r++) y[yAt + r] *= tau
      for (let q = 0; q < i; q++) {
        let sum = 0
        for (let l = q; l < i; l++) sum += t[q * k + l] * c[l]
        t[q * k + i] = -tau * sum
      }
      t[i * k + i] = tau
    }
    const right = from + k
    const rest = n - right
    gemm(n, rest, k, -1, flip(block(y, 0, n)), block(v, k - 1, length), block(a, right, n))
    const h = gather(from + 1, k, length, v, 0, length, taus, from)
    reflectLeft(h, true, rest, a, (from + 1) * n + right, n)
    blocks.push(h)
  }
  return blocks
}

/** Q [n, n] of a reduction: blocks are applied last to first, each to the corner it can have touched. */
export function formHessenbergQ(n: number, blocks: readonly Reflectors[]): Float64Array {
  const q = new Float64Array(n * n)
  for (let i = 0; i < n; i++) q[i * n + i] = 1
  for (let b = blocks.length - 1; b >= 0; b--) {
    const h = blocks[b]
    reflectLeft(h, false, n - h.from, q, h.from * n + h.from, n)
  }
  return q
}

/** Hessenberg form A = Q H Q^T of [..., n, n] by Householder reflectors: the first half of every nonsymmetric eigenproblem. */
export function hessenberg(a: Arrayable): Hessenberg {
  const s = squareOf("hessenberg", a)
  const n = s.rows
  return perMatrix(s, (x) => {
    const scale = rescale(x)
    const q = formHessenbergQ(n, reduceHessenberg(n, x))
    if (scale !== 1) for (let i = 0; i < x.length; i++) x[i] /= scale
    return { q: real([n, n], q), h: real([n, n], finite("hessenberg", x)) }
  })
}
