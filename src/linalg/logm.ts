/** Principal logarithm of a matrix. */

import type { Arrayable } from "../engine/array.ts"
import { balance } from "./balance.ts"
import { largest } from "./blas.ts"
import { reduceLu, solveFactored } from "./lu.ts"
import { eps, finite, LinAlgError, perMatrix, type Real, real, squareOf } from "./matrix.ts"
import { plainMatrixNorm } from "./norm.ts"
import { reduceSchur } from "./schur.ts"
import { blocksOf, isExactlySymmetric, ofEigenvalues, outOfSchur, triangularSqrt } from "./sqrtm.ts"

/** Nodes and weights of Gauss-Legendre quadrature with m points on [0, 1], by Newton's method on Legendre's polynomial. */
export function gaussLegendre(m: number): { nodes: Float64Array; weights: Float64Array } {
  const nodes = new Float64Array(m)
  const weights = new Float64Array(m)
  for (let i = 0; i < m; i++) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (m + 0.5))
    let slope = 1
    for (let step = 0; step < 100; step++) {
      let p0 = 1
      let p1 = x
      for (let k = 2; k <= m; k++) {
        const p2 = ((2 * k - 1) * x * p1 - (k - 1) * p0) / k
        p0 = p1
        p1 = p2
      }
      slope = (m * (p0 - x * p1)) / (1 - x * x)
      const move = p1 / slope
      x -= move
      if (Math.abs(move) < 1e-16) break
    }
    nodes[i] = (1 - x) / 2
    weights[i] = 1 / ((1 - x * x) * slope * slope)
  }
  return { nodes, weights }
}

/** The degree of the Pade approximant and how near to the identity it is exact to double precision. */
const degree = 8
const near = 0.25

/** log of a quasi-triangular T [n, n]: roots until T is near I, the [8 / 8] Pade approximant there, then doubling. */
function triangularLog(n: number, t: Float64Array): Float64Array {
  let x = t
  let roots = 0
  for (; ; roots++) {
    const minusOne = x.slice()
    for (let i = 0; i < n; i++) minusOne[i * n + i] -= 1
    if (plainMatrixNorm(n, n, minusOne, 1) <= near) {
      x = minusOne
      break
    }
    if (roots === 200) throw new LinAlgError("logm: no convergence in 200 square roots")
    x = triangularSqrt("logm", n, x)
  }
  const out = new Float64Array(n * n)
  const { nodes, weights } = gaussLegendre(degree)
  for (let k = 0; k < degree; k++) {
    // The approximant is a sum of w X (I + node X)^-1: the quadrature of the integral of X (I + s X)^-1.
    const lu = x.map((v) => v * nodes[k])
    for (let i = 0; i < n; i++) lu[i * n + i] += 1
    const pivots = reduceLu(n, n, lu)
    const term = solveFactored({ n, lu, pivots }, n, x)
    for (let i = 0; i < out.length; i++) out[i] += weights[k] * term[i]
  }
  const scale = 2 ** roots
  for (let i = 0; i < out.length; i++) out[i] *= scale
  return out
}

/**
 * Principal logarithm of [..., n, n]: the X with exp X = A whose eigenvalues have imaginary parts inside (-pi, pi).
 * By eigenvalues for a symmetric positive definite matrix, otherwise by inverse scaling and squaring on the Schur form
 * (Kenney and Laub 1989; Al-Mohy and Higham 2012). Notes 003, D1.10 define it by the power series, which converges only
 * where the spectral radius of A - I is below 1; and its §1.10 rule log(A B) = log A + log B holds for commuting
 * matrices with eigenvalues near enough to the positive axis, not in general.
 *
 * @throws LinAlgError where an eigenvalue is zero or a negative number: no real principal logarithm exists.
 */
export function logm(a: Arrayable): Real {
  const s = squareOf("logm", a)
  const n = s.rows
  const refuse = (value: number): never => {
    throw new LinAlgError(`logm: eigenvalue ${value} is not positive, so no real principal logarithm exists`)
  }
  return perMatrix(s, (x) => {
    if (isExactlySymmetric(n, x)) {
      const log = ofEigenvalues("logm", n, x, (values) => {
        const noise = n * eps * largest(values)
        for (let i = 0; i < n; i++) {
          if (!(values[i] > noise)) refuse(values[i])
          values[i] = Math.log(values[i])
        }
      })
      return { log: real([n, n], log) }
    }
    const d = balance(n, x)
    const zt = reduceSchur("logm", n, x)
    const noise = n * eps * largest(x)
    const starts = blocksOf(n, x)
    for (let b = 0; b + 1 < starts.length; b++) {
      const i = starts[b]
      if (starts[b + 1] - i === 1 && !(x[i * n + i] > noise)) refuse(x[i * n + i])
    }
    const log = outOfSchur(n, zt, triangularLog(n, x))
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) log[i * n + j] *= d[i] / d[j]
    return { log: real([n, n], finite("logm", log)) }
  }).log
}
