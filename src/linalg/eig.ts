/** Eigenvalues and eigenvectors of general real matrices. */

import type { Arrayable } from "../engine/array.ts"
import { balance } from "./balance.ts"
import { dotAt, largest, rescale, transposed } from "./blas.ts"
import { francis } from "./francis.ts"
import { block, gemm } from "./gemm.ts"
import { formHessenbergQ, reduceHessenberg } from "./hessenberg.ts"
import { type Complex, eps, perMatrix, real, squareMatrixOf, squareOf } from "./matrix.ts"
import { plainSvdvals } from "./svd.ts"

/** What {@link eig} gives: A v = lambda v, column by column. */
export interface Eig {
  /** [..., n]; a complex pair stands together, the positive imaginary part first. */
  readonly values: Complex
  /** Unit eigenvectors as columns, [..., n, n]. */
  readonly vectors: Complex
}

/** Eigenvalues on the diagonal blocks of a real Schur form. */
function valuesOf(n: number, t: Float64Array, scale: number): { re: Float64Array; im: Float64Array } {
  const re = new Float64Array(n)
  const im = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    re[i] = t[i * n + i] / scale
    const sub = i + 1 < n ? t[(i + 1) * n + i] : 0
    if (sub !== 0) {
      im[i] = (Math.sqrt(Math.abs(t[i * n + i + 1])) * Math.sqrt(Math.abs(sub))) / scale
      im[i + 1] = -im[i]
      re[i + 1] = re[i]
      i++
    }
  }
  return { re, im }
}

/**
 * Eigenvectors of a quasi-triangular T as rows [n, n], by back substitution; for a complex pair the first row is the
 * real part and the second the imaginary part of the vector whose eigenvalue has the positive imaginary part.
 */
function backSubstitute(n: number, t: Float64Array): Float64Array {
  const out = new Float64Array(n * n)
  const least = Math.max(eps * largest(t), 1e-290)
  for (let k = n - 1; k >= 0; k--) {
    const isPair = k > 0 && t[k * n + k - 1] !== 0
    const first = isPair ? k - 1 : k
    const re = first * n
    const im = k * n
    const lambda = t[k * n + k]
    let mu = 0
    if (isPair) {
      const b = t[first * n + k]
      const c = t[k * n + first]
      mu = Math.sqrt(Math.abs(b)) * Math.sqrt(Math.abs(c))
      if (Math.abs(b) >= Math.abs(c)) {
        out[re + first] = 1
        out[im + k] = mu / b
      } else {
        out[re + first] = -mu / c
        out[im + k] = 1
      }
    } else {
      out[re + k] = 1
    }
    for (let i = first - 1; i >= 0; i--) {
      const count = k - i
      const row = i * n + i + 1
      const r = -dotAt(t, row, out, re + i + 1, count)
      const s = isPair ? -dotAt(t, row, out, im + i + 1, count) : 0
      if (i > 0 && t[i * n + i - 1] !== 0) {
        const up = (i - 1) * n + i + 1
        const r0 = -dotAt(t, up, out, re + i + 1, count)
        const s0 = isPair ? -dotAt(t, up, out, im + i + 1, count) : 0
        // [a - l, b; c, a - l] [x0; x1] = [r0; r1] by Cramer's rule, l complex.
        const a = t[i * n + i] - lambda
        const b = t[(i - 1) * n + i]
        const c = t[i * n + i - 1]
        let detRe = a * a - mu * mu - b * c
        const detIm = -2 * a * mu
        if (Math.hypot(detRe, detIm) < least * least) detRe = least * least
        const x0 = a * r0 + mu * s0 - b * r
        const y0 = a * s0 - mu * r0 - b * s
        const x1 = a * r + mu * s - c * r0
        const y1 = a * s - mu * r - c * s0
        divide(x0, y0, detRe, detIm)
        out[re + i - 1] = quotient[0]
        if (isPair) out[im + i - 1] = quotient[1]
        divide(x1, y1, detRe, detIm)
        out[re + i] = quotient[0]
        if (isPair) out[im + i] = quotient[1]
        i--
      } else {
        let gap = t[i * n + i] - lambda
        if (Math.abs(gap) + mu < least) gap = least
        divide(r, s, gap, -mu)
        out[re + i] = quotient[0]
        if (isPair) out[im + i] = quotient[1]
      }
      let size = Math.abs(out[re + i]) + Math.abs(out[re + i + 1])
      if (isPair) size += Math.abs(out[im + i]) + Math.abs(out[im + i + 1])
      if (size > 1e100) {
        for (let j = i; j <= k; j++) {
          out[re + j] /= size
          if (isPair) out[im + j] /= size
        }
      }
    }
    if (isPair) k--
  }
  return out
}

const quotient = new Float64Array(2)

/** Complex division without overflow (Smith 1962), into `quotient`. */
function divide(a: number, b: number, c: number, d: number): void {
  if (Math.abs(c) >= Math.abs(d)) {
    const r = d / c
    const s = c + d * r
    quotient[0] = (a + b * r) / s
    quotient[1] = (b - a * r) / s
  } else {
    const r = c / d
    const s = d + c * r
    quotient[0] = (a * r + b) / s
    quotient[1] = (b * r - a) / s
  }
}

interface PlainEig {
  readonly re: Float64Array
  readonly im: Float64Array
  /** Rows: eigenvectors, or real and imaginary part of a pair, scaled so that the complex vector has length 1. */
  readonly rows: Float64Array
}

function plainEig(where: string, n: number, a: Float64Array): PlainEig {
  const scale = rescale(a)
  const d = balance(n, a)
  const zt = transposed(n, n, formHessenbergQ(n, reduceHessenberg(n, a)))
  francis(where, { n, h: a, zt }, 0, n - 1)
  const { re, im } = valuesOf(n, a, scale)
  const x = backSubstitute(n, a)
  const rows = new Float64Array(n * n)
  gemm(n, n, n, 1, block(x, 0, n), block(zt, 0, n), block(rows, 0, n))
  for (let k = 0; k < n; k++) {
    const wide = im[k] === 0 ? n : 2 * n
    const at = k * n
    let most = 0
    for (let i = 0; i < wide; i++) most = Math.max(most, Math.abs((rows[at + i] *= d[i % n])))
    let sum = 0
    for (let i = 0; i < wide; i++) sum += (rows[at + i] /= most) ** 2
    const length = Math.sqrt(sum)
    for (let i = 0; i < wide; i++) rows[at + i] /= length
    if (wide > n) {
      turnReal(n, at, rows)
      k++
    }
  }
  return { re, im, rows }
}

/** Turns a complex vector's phase so that its largest component is real and positive. */
function turnReal(n: number, at: number, rows: Float64Array): void {
  let best = 0
  let most = -1
  for (let i = 0; i < n; i++) {
    const size = rows[at + i] ** 2 + rows[at + n + i] ** 2
    if (size > most) {
      most = size
      best = i
    }
  }
  const length = Math.sqrt(most)
  const c = rows[at + best] / length
  const s = rows[at + n + best] / length
  for (let i = 0; i < n; i++) {
    const x = rows[at + i]
    const y = rows[at + n + i]
    rows[at + i] = c * x + s * y
    rows[at + n + i] = c * y - s * x
  }
  rows[at + n + best] = 0
}

/**
 * Eigenvalues and unit eigenvectors of general real [..., n, n]: A v = lambda v, by balancing, Hessenberg form and
 * double-shift QR. Complex pairs come as real and imaginary parts. A defective matrix has fewer independent vectors
 * than columns: see {@link isDiagonalizable}. For a symmetric matrix {@link eigh} is faster and orthonormal.
 *
 * @throws RangeError for an empty or non-square input, NaN or Infinity; LinAlgError where the sweeps do not converge.
 */
export function eig(a: Arrayable): Eig {
  const s = squareOf("eig", a)
  const n = s.rows
  const { re, im, x, y } = perMatrix(s, (data) => {
    const e = plainEig("eig", n, data)
    const vr = new Float64Array(n * n)
    const vi = new Float64Array(n * n)
    for (let k = 0; k < n; k++) {
      const isPair = e.im[k] !== 0
      for (let i = 0; i < n; i++) {
        vr[i * n + k] = e.rows[k * n + i]
        if (isPair) {
          vr[i * n + k + 1] = e.rows[k * n + i]
          vi[i * n + k] = e.rows[(k + 1) * n + i]
          vi[i * n + k + 1] = -vi[i * n + k]
        }
      }
      if (isPair) k++
    }
    return { re: real([n], e.re), im: real([n], e.im), x: real([n, n], vr), y: real([n, n], vi) }
  })
  return { values: { re, im }, vectors: { re: x, im: y } }
}

/** Eigenvalues of general real [..., n, n], shape [..., n]: {@link eig} without the vectors, a third of the work. */
export function eigvals(a: Arrayable): Complex {
  const s = squareOf("eigvals", a)
  const n = s.rows
  const { re, im } = perMatrix(s, (x) => {
    const scale = rescale(x)
    balance(n, x)
    reduceHessenberg(n, x)
    francis("eigvals", { n, h: x, zt: undefined }, 0, n - 1)
    const values = valuesOf(n, x, scale)
    return { re: real([n], values.re), im: real([n], values.im) }
  })
  return { re, im }
}

/**
 * Whether a square [n, n] has n independent eigenvectors, to working precision: the unit eigenvectors' smallest
 * singular value is at least `tolerance` times their largest. Rounding splits a defective eigenvalue by the root of
 * machine precision, so any matrix that near to a defective one counts as defective. (Seed 003, R1.11.)
 */
export function isDiagonalizable(a: Arrayable, { tolerance = 1e-6 }: { tolerance?: number } = {}): boolean {
  const { rows: n, data } = squareMatrixOf("isDiagonalizable", a)
  const { im, rows } = plainEig("isDiagonalizable", n, data.slice())
  // [v, conj v] and sqrt 2 [Re v, Im v] differ by a unitary factor, so real singular values will do.
  for (let k = 0; k < n; k++) if (im[k] !== 0) for (let i = 0; i < n; i++) rows[k * n + i] *= Math.SQRT2
  const s = plainSvdvals("isDiagonalizable", n, n, rows)
  return s[n - 1] >= tolerance * s[0]
}
