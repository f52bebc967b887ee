/** General to upper bidiagonal form by blocks of reflectors, and the way back for singular vectors. */

import { axpyAt, dotAt, gemv, gemvT } from "./blas.ts"
import { block, flip, gemm } from "./gemm.ts"
import { gather, reflect, reflectRight } from "./householder.ts"

const panel = 32

/** A = Q B P^T with B upper bidiagonal. */
export interface Bidiagonal {
  readonly m: number
  readonly n: number
  /** Diagonal of B, [n]. */
  readonly d: Float64Array
  /** Superdiagonal of B, [n - 1]. */
  readonly e: Float64Array
  /** Rows are the left reflectors, [n, m]: the row j acts on coordinates j ... m. */
  readonly u: Float64Array
  readonly uTaus: Float64Array
  /** Rows are the right reflectors, [n - 1, n]: the row j acts on coordinates j + 1 ... n. */
  readonly p: Float64Array
  readonly pTaus: Float64Array
}

/**
 * Reduces A [m, n], m >= n, which is overwritten. Inside a panel the matrix is A - U^T Y - X^T P, kept in factors; half
 * of the work is two matrix-vector products a column, half is matrix products (Dongarra, Sorensen and Hammarling 1989).
 */
export function reduceBidiagonal(m: number, n: number, a: Float64Array): Bidiagonal {
  const d = new Float64Array(n)
  const e = new Float64Array(Math.max(0, n - 1))
  const u = new Float64Array(n * m)
  const p = new Float64Array(Math.max(0, n - 1) * n)
  const uTaus = new Float64Array(n)
  const pTaus = new Float64Array(Math.max(0, n - 1))
  const y = new Float64Array(panel * n)
  const x = new Float64Array(panel * m)
  const c = new Float64Array(panel)
  for (let from = 0; from < n; from += panel) {
    const to = Math.min(n, from + panel)
    for (let j = from; j < to; j++) {
      const done = j - from
      const uAt = j * m + j
      for (let i = j; i < m; i++) u[j * m + i] = a[i * n + j]
      for (let q = 0; q < done; q++) {
        axpyAt(-y[q * n + j], u, (from + q) * m + j, u, uAt, m - j)
        axpyAt(-p[(from + q) * n + j], x, q * m + j, u, uAt, m - j)
      }
      d[j] = reflect(u, uAt, m - j, uTaus, j)
      const wide = n - j - 1
      if (wide === 0) continue
      const yAt = done * n + j + 1
      y.fill(0, yAt, yAt + wide)
      gemvT(m - j, wide, 1, a, j * n + j + 1, n, u, uAt, y, yAt)
      gemv(done, m - j, u, from * m + j, m, u, uAt, c, 0)
      gemvT(done, wide, -1, y, j + 1, n, c, 0, y, yAt)
      gemv(done, m - j, x, j, m, u, uAt, c, 0)
      gemvT(done, wide, -1, p, from * n + j + 1, n, c, 0, y, yAt)
      for (let i = 0; i < wide; i++) y[yAt + i] *= uTaus[j]
      const pAt = j * n + j + 1
      p.set(a.subarray(j * n + j + 1, (j + 1) * n), pAt)
      for (let q = 0; q <= done; q++) axpyAt(-u[(from + q) * m + j], y, q * n + j + 1, p, pAt, wide)
      for (let q = 0; q < done; q++) axpyAt(-x[q * m + j], p, (from + q) * n + j + 1, p, pAt, wide)
      e[j] = reflect(p, pAt, wide, pTaus, j)
      const tall = m - j - 1
      const xAt = done * m + j + 1
      gemv(tall, wide, a, (j + 1) * n + j + 1, n, p, pAt, x, xAt)
      for (let q = 0; q <= done; q++) c[q] = dotAt(y, q * n + j + 1, p, pAt, wide)
      gemvT(done + 1, tall, -1, u, from * m + j + 1, m, c, 0, x, xAt)
      for (let q = 0; q < done; q++) c[q] = dotAt(p, (from + q) * n + j + 1, p, pAt, wide)
      gemvT(done, tall, -1, x, j + 1, m, c, 0, x, xAt)
      for (let i = 0; i < tall; i++) x[xAt + i] *= pTaus[j]
    }
    if (to < n) {
      const k = to - from
      const corner = block(a, to * n + to, n)
      gemm(m - to, n - to, k, -1, flip(block(u, from * m + to, m)), block(y, to, n), corner)
      gemm(m - to, n - to, k, -1, flip(block(x, to, m)), block(p, from * n + to, n), corner)
    }
  }
  return { m, n, d, e, u, uTaus, p, pTaus }
}

/** Rows [count, m] that are left singular vectors of B become those of A, in place: Z <- Z Q^T. */
export function undoLeft(b: Bidiagonal, count: number, z: Float64Array): void {
  const { m, n, u, uTaus } = b
  for (let from = Math.floor((n - 1) / panel) * panel; from >= 0; from -= panel) {
    const k = Math.min(panel, n - from)
    reflectRight(gather(from, k, m - from, u, from * m + from, m, uTaus, from), true, count, z, from, m)
  }
}

/** Rows [count, n] that are right singular vectors of B become those of A, in place: Z <- Z P^T. */
export function undoRight(b: Bidiagonal, count: number, z: Float64Array): void {
  const { n, p, pTaus } = b
  if (n < 2) return
  for (let from = Math.floor((n - 2) / panel) * panel; from >= 0; from -= panel) {
    const k = Math.min(panel, n - 1 - from)
    const h = gather(from + 1, k, n - from - 1, p, from * n + from + 1, n, pTaus, from)
    reflectRight(h, true, count, z, from + 1, n)
  }
}
