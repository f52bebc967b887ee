/** Complex matrices as pairs of real ones: adjoint, products, systems, the Fourier matrix. */

import type { Arrayable } from "../engine/array.ts"
import { dotAt, transposed } from "./blas.ts"
import { block, gemm } from "./gemm.ts"
import { factor, solveFactored } from "./lu.ts"
import { type Complex, finite, type Real, real, realOf, show } from "./matrix.ts"

/** A complex array from real and imaginary parts of one shape; without the second it is real. */
export function complex(re: Arrayable, im?: Arrayable): Complex {
  return partsOf("complex", re, im)
}

function partsOf(where: string, re: Arrayable, im: Arrayable | undefined): Complex {
  const x = realOf(where, re, "real part")
  const y = im === undefined ? real(x.shape, new Float64Array(x.data.length)) : realOf(where, im, "imaginary part")
  if (x.shape.length !== y.shape.length || x.shape.some((size, i) => size !== y.shape[i]))
    throw new RangeError(`${where}: real part is ${show(x.shape)}, imaginary part ${show(y.shape)}, expected the same`)
  return { re: x, im: y }
}

function matrixPair(where: string, a: Complex): { m: number; n: number; re: Float64Array; im: Float64Array } {
  const { re, im } = partsOf(where, a.re, a.im)
  if (re.shape.length !== 2) throw new RangeError(`${where}: array has shape ${show(re.shape)}, expected a matrix`)
  return { m: re.shape[0], n: re.shape[1], re: re.data, im: im.data }
}

/** Conjugate transpose (adjoint, Hermitian transpose) A* [n, m] of [m, n]: <A f, g> = <f, A* g>. (Notes 003, D1.2.) */
export function conjTranspose(a: Complex): Complex {
  const { m, n, re, im } = matrixPair("conjTranspose", a)
  const flipped = transposed(m, n, im)
  for (let i = 0; i < flipped.length; i++) flipped[i] = flipped[i] === 0 ? 0 : -flipped[i]
  return { re: real([n, m], transposed(m, n, re)), im: real([n, m], flipped) }
}

/** Product [m, n] of complex matrices [m, k] and [k, n]. */
export function complexMatmul(a: Complex, b: Complex): Complex {
  const x = matrixPair("complexMatmul", a)
  const y = matrixPair("complexMatmul", b)
  if (x.n !== y.m)
    throw new RangeError(`complexMatmul: first is ${show([x.m, x.n])}, second ${show([y.m, y.n])}, inner sizes differ`)
  const re = new Float64Array(x.m * y.n)
  const im = new Float64Array(x.m * y.n)
  const add = (p: Float64Array, q: Float64Array, sign: number, out: Float64Array): void =>
    gemm(x.m, y.n, x.n, sign, block(p, 0, x.n), block(q, 0, y.n), block(out, 0, y.n))
  add(x.re, y.re, 1, re)
  add(x.im, y.im, -1, re)
  add(x.re, y.im, 1, im)
  add(x.im, y.re, 1, im)
  return { re: real([x.m, y.n], finite("complexMatmul", re)), im: real([x.m, y.n], finite("complexMatmul", im)) }
}

/**
 * Solves A X = B for complex A [n, n] and B [n, r], as the real system [[Re, -Im], [Im, Re]] of twice the size.
 *
 * @throws LinAlgError where A is singular to working precision.
 */
export function complexSolve(a: Complex, b: Complex): Complex {
  const x = matrixPair("complexSolve", a)
  const y = matrixPair("complexSolve", b)
  const { n } = x
  if (x.m !== n || y.m !== n) {
    throw new RangeError(
      `complexSolve: matrix is ${show([x.m, n])} and right-hand side ${show([y.m, y.n])}, expected [n, n] and [n, r]`,
    )
  }
  const r = y.n
  const wide = 2 * n
  const all = new Float64Array(wide * wide)
  const right = new Float64Array(wide * r)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      all[i * wide + j] = all[(n + i) * wide + n + j] = x.re[i * n + j]
      all[(n + i) * wide + j] = x.im[i * n + j]
      all[i * wide + n + j] = -x.im[i * n + j]
    }
  }
  right.set(y.re)
  right.set(y.im, n * r)
  const out = finite("complexSolve", solveFactored(factor("complexSolve", wide, all), r, right))
  return { re: real([n, r], out.slice(0, n * r)), im: real([n, r], out.slice(n * r)) }
}

/** Inner product sum conj(a_i) b_i of complex vectors [n], as [real part, imaginary part]. */
export function vdot(a: Complex, b: Complex): readonly [re: number, im: number] {
  const x = partsOf("vdot", a.re, a.im)
  const y = partsOf("vdot", b.re, b.im)
  const n = x.re.data.length
  if (x.re.shape.length !== 1 || y.re.shape.length !== 1 || y.re.data.length !== n)
    throw new RangeError(`vdot: shapes ${show(x.re.shape)} and ${show(y.re.shape)}, expected vectors of one length`)
  const sum = (p: Real, q: Real): number => dotAt(p.data, 0, q.data, 0, n)
  return [sum(x.re, y.re) + sum(x.im, y.im), sum(x.re, y.im) - sum(x.im, y.re)]
}

/**
 * Matrix [n, n] of the discrete Fourier transform, entry [k, j] = exp(-2 pi i k j / n), divided by sqrt(n) with norm
 * "ortho". Its adjoint is its inverse only with "ortho"; the plain one has F* F = n I (notes 003, E2, do not say).
 */
export function dft(n: number, { norm = "backward" }: { norm?: "backward" | "ortho" } = {}): Complex {
  if (!(Number.isInteger(n) && n > 0 && n <= 8192))
    throw new RangeError(`dft: size is ${n}, expected an integer from 1 to 8192`)
  const scale = norm === "ortho" ? 1 / Math.sqrt(n) : 1
  const re = new Float64Array(n * n)
  const im = new Float64Array(n * n)
  for (let k = 0; k < n; k++) {
    for (let j = 0; j < n; j++) {
      const turn = (-2 * Math.PI * ((k * j) % n)) / n
      re[k * n + j] = scale * Math.cos(turn)
      im[k * n + j] = scale * Math.sin(turn)
    }
  }
  return { re: real([n, n], re), im: real([n, n], im) }
}
