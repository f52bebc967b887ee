/** Eigenvalues and eigenvectors of general real matrices. */

import type { Arrayable } from "../engine/array.ts"
import { balance } from "./balance.ts"
import { largest, rescale, transposed } from "./blas.ts"
import { backSubstitute } from "./eigenvectors.ts"
import { francis } from "./francis.ts"
import { block, flip, gemm } from "./gemm.ts"
import { formHessenbergQ, reduceHessenberg } from "./hessenberg.ts"
import { type Complex, finite, perMatrix, real, squareMatrixOf, squareOf, toleranceOf } from "./matrix.ts"
import { plainSvdvals } from "./svd.ts"

/** What {@link eig} gives: A v = lambda v, column by column. */
export interface Eig {
  /** [..., n]; a complex pair stands together, the positive imaginary part first. */
  readonly values: Complex
  /** Unit eigenvectors as columns, [..., n, n]. */
  readonly vectors: Complex
}

/** Eigenvalues on the diagonal blocks of a real Schur form. */
function valuesOf(n: number, t: Float64Array): { re: Float64Array; im: Float64Array } {
  const re = new Float64Array(n)
  const im = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    re[i] = t[i * n + i]
    const sub = i + 1 < n ? t[(i + 1) * n + i] : 0
    if (sub !== 0) {
      im[i] = Math.sqrt(Math.abs(t[i * n + i + 1])) * Math.sqrt(Math.abs(sub))
      im[i + 1] = -im[i]
      re[i + 1] = re[i]
      i++
    }
  }
  return { re, im }
}

interface PlainEig {
  readonly re: Float64Array
  readonly im: Float64Array
  /** Rows: eigenvectors, or real and imaginary part of a pair, scaled so that the complex vector has length 1. */
  readonly rows: Float64Array
}

/** Eigensystem of one [n, n], balanced first; where that cost the vectors their accuracy, done again without. */
function plainEig(where: string, n: number, a: Float64Array): PlainEig {
  const scale = rescale(a)
  const original = a.slice()
  const d = balance(n, a)
  const isBalanced = d.some((v) => v !== 1)
  let out = eigensystem(where, n, a, d)
  if (isBalanced && !(residual(n, original, out) <= 1e-13 * Math.sqrt(n) * largest(original)))
    out = eigensystem(where, n, original, new Float64Array(n).fill(1))
  for (let i = 0; i < n; i++) {
    out.re[i] /= scale
    out.im[i] /= scale
  }
  for (const part of [out.re, out.im, out.rows]) finite(where, part)
  return out
}

/** Largest entry of A V - V diag(lambda), from the packed rows. */
function residual(n: number, a: Float64Array, e: PlainEig): number {
  const image = new Float64Array(n * n)
  gemm(n, n, n, 1, block(e.rows, 0, n), flip(block(a, 0, n)), block(image, 0, n))
  for (let k = 0; k < n; k++) {
    const at = k * n
    const other = e.im[k] === 0 ? at : at + n
    for (let i = 0; i < n; i++) {
      const x = e.rows[at + i]
      const y = other === at ? 0 : e.rows[other + i]
      image[at + i] -= e.re[k] * x - e.im[k] * y
      if (other !== at) image[other + i] -= e.re[k] * y + e.im[k] * x
    }
    if (other !== at) k++
  }
  for (let i = 0; i < image.length; i++) if (Number.isNaN(image[i])) return image[i]
  return largest(image)
}

function eigensystem(where: string, n: number, a: Float64Array, d: Float64Array): PlainEig {
  const zt = transposed(n, n, formHessenbergQ(n, reduceHessenberg(n, a)))
  francis(where, { n, h: a, zt }, 0, n - 1)
  const { re, im } = valuesOf(n, a)
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
    const values = valuesOf(n, x)
    for (const part of [values.re, values.im]) {
      for (let i = 0; i < n; i++) part[i] /= scale
      finite("eigvals", part)
    }
    return { re: real([n], values.re), im: real([n], values.im) }
  })
  return { re, im }
}

/**
 * Whether a square [n, n] has n independent eigenvectors, to working precision: the unit eigenvectors' smallest
 * singular value is at least `tolerance` (default 1e-6) times their largest. Rounding splits a defective eigenvalue by the root of
 * machine precision, so any matrix that near to a defective one counts as defective. (Notes 003, R1.11.)
 */
export function isDiagonalizable(a: Arrayable, { tolerance }: { tolerance?: number } = {}): boolean {
  const { rows: n, data } = squareMatrixOf("isDiagonalizable", a)
  const { im, rows } = plainEig("isDiagonalizable", n, data.slice())
  // [v, conj v] and sqrt 2 [Re v, Im v] differ by a unitary factor, so real singular values will do.
  for (let k = 0; k < n; k++) if (im[k] !== 0) for (let i = 0; i < n; i++) rows[k * n + i] *= Math.SQRT2
  const s = plainSvdvals("isDiagonalizable", n, n, rows)
  return s[n - 1] >= toleranceOf("isDiagonalizable", tolerance, 1e-6) * s[0]
}
