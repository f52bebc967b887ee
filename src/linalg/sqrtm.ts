/** Principal square root of a matrix. */

import type { Arrayable } from "../engine/array.ts"
import { largest } from "./blas.ts"
import { eigenRows } from "./eigh.ts"
import { block, flip, gemm } from "./gemm.ts"
import { eps, finite, LinAlgError, perMatrix, type Real, real, squareOf } from "./matrix.ts"
import { reduceSchur } from "./schur.ts"

/** Whether a plain [n, n] equals its transpose, to the last bit. */
export function isExactlySymmetric(n: number, a: Float64Array): boolean {
  for (let i = 1; i < n; i++) for (let j = 0; j < i; j++) if (a[i * n + j] !== a[j * n + i]) return false
  return true
}

/** V f(diag) V^T for a symmetric [n, n] and a function of its eigenvalues. */
export function ofEigenvalues(
  where: string,
  n: number,
  a: Float64Array,
  f: (values: Float64Array) => void,
): Float64Array {
  const { values, rows } = eigenRows(where, n, a)
  f(values)
  const scaled = new Float64Array(n * n)
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) scaled[i * n + j] = values[i] * rows[i * n + j]
  const out = new Float64Array(n * n)
  gemm(n, n, n, 1, flip(block(rows, 0, n)), block(scaled, 0, n), block(out, 0, n))
  return out
}

/** Z M Z^T from Z^T and M. */
export function outOfSchur(n: number, zt: Float64Array, m: Float64Array): Float64Array {
  const half = new Float64Array(n * n)
  gemm(n, n, n, 1, flip(block(zt, 0, n)), block(m, 0, n), block(half, 0, n))
  const out = new Float64Array(n * n)
  gemm(n, n, n, 1, block(half, 0, n), block(zt, 0, n), block(out, 0, n))
  return out
}

/** Where the diagonal blocks of a quasi-triangular [n, n] begin, and n. */
export function blocksOf(n: number, t: Float64Array): number[] {
  const starts: number[] = []
  for (let i = 0; i < n; i++) {
    starts.push(i)
    if (i + 1 < n && t[(i + 1) * n + i] !== 0) i++
  }
  return [...starts, n]
}

/**
 * Principal square root of a quasi-triangular T [n, n], block by block: R_ii R_ij + R_ij R_jj = T_ij - sum R_ik R_kj
 * (Bjorck and Hammarling 1983; Higham 1987 for 2 x 2 blocks).
 */
export function triangularSqrt(where: string, n: number, t: Float64Array): Float64Array {
  const r = new Float64Array(n * n)
  const starts = blocksOf(n, t)
  const count = starts.length - 1
  const noise = n * eps * largest(t)
  for (let b = 0; b < count; b++) {
    const i = starts[b]
    const p = i * n + i
    if (starts[b + 1] - i === 1) {
      if (t[p] < -noise)
        throw new LinAlgError(`${where}: eigenvalue ${t[p]} is negative, so no real principal root exists`)
      r[p] = Math.sqrt(Math.max(0, t[p]))
    } else {
      const re = t[p]
      const im = Math.sqrt(Math.abs(t[p + 1])) * Math.sqrt(Math.abs(t[p + n]))
      const modulus = Math.hypot(re, im)
      // sqrt(re + i im) = alpha + i beta, with alpha from the sum that does not cancel.
      const alpha = re > 0 ? Math.sqrt(modulus / 2 + re / 2) : im / (2 * Math.sqrt(modulus / 2 - re / 2))
      r[p] = alpha
      r[p + n + 1] = alpha
      r[p + 1] = t[p + 1] / (2 * alpha)
      r[p + n] = t[p + n] / (2 * alpha)
    }
  }
  for (let bj = 1; bj < count; bj++) {
    const j = starts[bj]
    const wide = starts[bj + 1] - j
    for (let bi = bj - 1; bi >= 0; bi--) {
      const i = starts[bi]
      const tall = starts[bi + 1] - i
      const c = new Float64Array(tall * wide)
      for (let x = 0; x < tall; x++) {
        for (let y = 0; y < wide; y++) {
          let sum = t[(i + x) * n + j + y]
          for (let k = i + tall; k < j; k++) sum -= r[(i + x) * n + k] * r[k * n + j + y]
          c[x * wide + y] = sum
        }
      }
      sylvester(where, n, r, i, tall, j, wide, c, noise)
    }
  }
  return r
}

/** Solves R_ii X + X R_jj = C for a block of at most 2 x 2 and writes X into R. */
function sylvester(
  where: string,
  n: number,
  r: Float64Array,
  i: number,
  tall: number,
  j: number,
  wide: number,
  c: Float64Array,
  noise: number,
): void {
  const size = tall * wide
  const m = new Float64Array(size * size)
  for (let x = 0; x < tall; x++) {
    for (let y = 0; y < wide; y++) {
      const row = (x * wide + y) * size
      for (let k = 0; k < tall; k++) m[row + k * wide + y] += r[(i + x) * n + i + k]
      for (let k = 0; k < wide; k++) m[row + x * wide + k] += r[(j + k) * n + j + y]
    }
  }
  for (let k = 0; k < size; k++) {
    let best = k
    for (let q = k + 1; q < size; q++) if (Math.abs(m[q * size + k]) > Math.abs(m[best * size + k])) best = q
    if (best !== k) {
      for (let q = 0; q < size; q++) {
        const held = m[k * size + q]
        m[k * size + q] = m[best * size + q]
        m[best * size + q] = held
      }
      const held = c[k]
      c[k] = c[best]
      c[best] = held
    }
    const pivot = m[k * size + k]
    if (pivot === 0) {
      if (Math.abs(c[k]) > noise)
        throw new LinAlgError(`${where}: zero is a defective eigenvalue, so the matrix has no square root`)
      m[k * size + k] = 1
      c[k] = 0
      continue
    }
    for (let q = k + 1; q < size; q++) {
      const ratio = m[q * size + k] / pivot
      if (ratio === 0) continue
      for (let l = k; l < size; l++) m[q * size + l] -= ratio * m[k * size + l]
      c[q] -= ratio * c[k]
    }
  }
  for (let k = size - 1; k >= 0; k--) {
    for (let q = k + 1; q < size; q++) c[k] -= m[k * size + q] * c[q]
    c[k] /= m[k * size + k]
  }
  for (let x = 0; x < tall; x++) for (let y = 0; y < wide; y++) r[(i + x) * n + j + y] = c[x * wide + y]
}

/**
 * Principal square root of [..., n, n]: the X with X X = A whose eigenvalues have no negative real part. By eigenvalues
 * for a symmetric matrix (semi-definite ones included), otherwise by the Schur form.
 *
 * @throws LinAlgError where an eigenvalue is a negative number, or zero is defective: no real principal root exists.
 */
export function sqrtm(a: Arrayable): Real {
  const s = squareOf("sqrtm", a)
  const n = s.rows
  return perMatrix(s, (x) => {
    if (isExactlySymmetric(n, x)) {
      const root = ofEigenvalues("sqrtm", n, x, (values) => {
        const noise = n * eps * largest(values)
        for (let i = 0; i < n; i++) {
          if (values[i] < -noise)
            throw new LinAlgError(`sqrtm: eigenvalue ${values[i]} is negative, so no real principal root exists`)
          values[i] = Math.sqrt(Math.max(0, values[i]))
        }
      })
      return { root: real([n, n], root) }
    }
    const zt = reduceSchur("sqrtm", n, x)
    const root = outOfSchur(n, zt, triangularSqrt("sqrtm", n, x))
    return { root: real([n, n], finite("sqrtm", root)) }
  }).root
}
