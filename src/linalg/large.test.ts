/** Backward error of every decomposition: ill-conditioned, rank-deficient, and 1000 x 1000. */

import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { fillNormal, keyOf } from "../engine/random.ts"
import { transpose } from "./arithmetic.ts"
import { largest } from "./blas.ts"
import { cholesky } from "./cholesky.ts"
import { eig } from "./eig.ts"
import { eigh } from "./eigh.ts"
import { block, flip, gemm } from "./gemm.ts"
import { hessenberg } from "./hessenberg.ts"
import { lstsq, matrixRank } from "./lstsq.ts"
import { lu, luFactor, luSolve } from "./lu.ts"
import type { Real } from "./matrix.ts"
import { matmul } from "./product.ts"
import { qr } from "./qr.ts"
import { schur } from "./schur.ts"
import { svd } from "./svd.ts"

const gauss = (seed: number, m: number, n: number): Real =>
  array("float64", [m, n], fillNormal(new Float64Array(m * n), keyOf(seed)))
const bound = 1e-10

/** Frobenius norm of A - B C over that of A; for large matrices from its action on normal vectors, E||E x||^2 = ||E||^2. */
function backward(a: Real, b: Real, c: Real): number {
  const [m, n] = a.shape
  const k = b.shape[1]
  if (n >= 1000) {
    const x = gauss(99, n, 4)
    const rest = matmul(b, matmul(c, x)).data
    return length(matmul(a, x).data.map((v, i) => v - rest[i])) / 2 / length(a.data)
  }
  const rest = a.data.slice()
  gemm(m, n, k, -1, block(b.data, 0, k), block(c.data, 0, n), block(rest, 0, n))
  return length(rest) / Math.max(length(a.data), 1e-300)
}

function length(x: Float64Array): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += x[i] * x[i]
  return Math.sqrt(sum)
}

/** Largest entry of Q^T Q - I; for large matrices its Frobenius norm, from its action on normal vectors. */
function looseness(q: Real): number {
  const [m, n] = q.shape
  if (n >= 1000) {
    const x = gauss(98, n, 4)
    const back = matmul(transpose(q), matmul(q, x)).data
    return length(back.map((v, i) => v - x.data[i])) / 2
  }
  const gram = new Float64Array(n * n)
  gemm(n, n, m, 1, flip(block(q.data, 0, n)), block(q.data, 0, n), block(gram, 0, n))
  for (let i = 0; i < n; i++) gram[i * n + i] -= 1
  return largest(gram)
}

/** B with its columns scaled. */
function times(b: Real, s: Real): Real {
  const n = b.shape[1]
  return array(
    "float64",
    b.shape,
    b.data.map((v, i) => v * s.data[i % n]),
  )
}

/** U diag(s) V^T with orthonormal U and V. */
function withSingularValues(seed: number, m: number, n: number, s: (i: number) => number): Real {
  const k = Math.min(m, n)
  const values = array(
    "float64",
    [k],
    Float64Array.from({ length: k }, (_, i) => s(i)),
  )
  return matmul(times(qr(gauss(seed, m, k)).q, values), transpose(qr(gauss(seed + 1, n, k)).q))
}

function symmetric(a: Real): Real {
  const t = transpose(a)
  return array(
    "float64",
    a.shape,
    a.data.map((v, i) => (v + t.data[i]) / 2),
  )
}

/** Rows of A in the order of a permutation. */
function permuted(a: Real, order: Int32Array): Real {
  const n = a.shape[1]
  const out = new Float64Array(a.data.length)
  order.forEach((from, i) => {
    out.set(a.data.subarray(from * n, (from + 1) * n), i * n)
  })
  return array("float64", a.shape, out)
}

/** A V - V diag(lambda), complex, over ||A||. */
function eigenResidual(a: Real): number {
  const n = a.shape[0]
  const { values, vectors } = eig(a)
  const ar = matmul(a, vectors.re).data
  const ai = matmul(a, vectors.im).data
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const p = i * n + k
      const [x, y] = [vectors.re.data[p], vectors.im.data[p]]
      const [lr, li] = [values.re.data[k], values.im.data[k]]
      ar[p] -= x * lr - y * li
      ai[p] -= x * li + y * lr
    }
  }
  return Math.max(largest(ar), largest(ai)) / Math.max(length(a.data), 1e-300)
}

function checkSquare(a: Real): void {
  const f = lu(a)
  expect(backward(permuted(a, f.permutation), f.l, f.u)).toBeLessThan(bound)
  checkAny(a)
  const { q, h } = hessenberg(a)
  expect(backward(a, matmul(q, h), transpose(q))).toBeLessThan(bound)
  const { z, t } = schur(a)
  expect(backward(a, matmul(z, t), transpose(z))).toBeLessThan(bound)
  expect(looseness(z)).toBeLessThan(bound)
  expect(eigenResidual(a)).toBeLessThan(bound)
  const s = symmetric(a)
  const { values, vectors } = eigh(s)
  expect(backward(s, times(vectors, values), transpose(vectors))).toBeLessThan(bound)
  expect(looseness(vectors)).toBeLessThan(bound)
}

function checkAny(a: Real): void {
  const { q, r } = qr(a)
  expect(backward(a, q, r)).toBeLessThan(bound)
  expect(looseness(q)).toBeLessThan(bound)
  const { u, s, vt } = svd(a)
  expect(backward(a, times(u, s), vt)).toBeLessThan(bound)
  expect(looseness(u)).toBeLessThan(bound)
  expect(looseness(transpose(vt))).toBeLessThan(bound)
}

const shapes = [
  [100, 100],
  [130, 67],
  [67, 130],
  [200, 40],
] as const

test.each(shapes)(
  "%d x %d: random, condition 1e12, rank-deficient, zero and graded matrices are all rebuilt to 1e-10",
  (m, n) => {
    const k = Math.min(m, n)
    const rank = k >> 1
    const matrices = {
      random: gauss(1, m, n),
      conditioned: withSingularValues(2, m, n, (i) => 10 ** ((-12 * i) / (k - 1))),
      deficient: matmul(gauss(3, m, rank), gauss(4, rank, n)),
      zero: array("float64", [m, n], new Float64Array(m * n)),
      graded: array(
        "float64",
        [m, n],
        gauss(5, m, n).data.map((v, p) => v * 10 ** (-(Math.floor(p / n) + (p % n)) / 8)),
      ),
      repeated: withSingularValues(6, m, n, (i) => (i % 3) + 1),
    }
    for (const a of Object.values(matrices)) {
      if (m === n) checkSquare(a)
      else checkAny(a)
    }
    expect(matrixRank(matrices.deficient)).toBe(rank)
    expect(matrixRank(matrices.conditioned)).toBe(k)
    const b = gauss(7, m, 2)
    const fit = lstsq(matrices.deficient, b)
    expect(fit.rank).toBe(rank)
    const off = matmul(matrices.deficient, fit.x).data.map((v, i) => v - b.data[i])
    const slope = matmul(transpose(matrices.deficient), array("float64", [m, 2], off))
    expect(largest(slope.data)).toBeLessThan(1e-10 * length(matrices.deficient.data))
    if (m === n) {
      const x = luSolve(luFactor(matrices.conditioned), b)
      const rest = matmul(matrices.conditioned, x).data.map((v, i) => v - b.data[i])
      expect(length(rest)).toBeLessThan(1e-13 * length(matrices.conditioned.data) * length(x.data))
    }
  },
)

const n = 1000
const big = gauss(10, n, n)

test("1000 x 1000: LU and its solution", () => {
  const f = lu(big)
  expect(backward(permuted(big, f.permutation), f.l, f.u)).toBeLessThan(bound)
  const b = gauss(11, n, 1)
  const x = luSolve(luFactor(big), b)
  expect(length(matmul(big, x).data.map((v, i) => v - b.data[i]))).toBeLessThan(
    1e-13 * length(big.data) * length(x.data),
  )
})

test("1000 x 1000: Cholesky of a matrix with condition number 1e12", () => {
  // H D H with a reflection H = I - 2 v v^T: dense, and its eigenvalues are the diagonal's.
  const d = Float64Array.from({ length: n }, (_, i) => 10 ** ((-12 * i) / (n - 1)))
  const v = gauss(14, n, 1).data
  const size = length(v)
  for (let i = 0; i < n; i++) v[i] /= size
  const w = v.map((x, i) => x * d[i])
  const inner = v.reduce((sum, x, i) => sum + x * w[i], 0)
  const a = array("float64", [n, n], new Float64Array(n * n))
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      a.data[i * n + j] = (i === j ? d[i] : 0) - 2 * (v[i] * w[j] + w[i] * v[j]) + 4 * inner * v[i] * v[j]
    }
  }
  const l = cholesky(a)
  expect(backward(a, l, transpose(l))).toBeLessThan(bound)
})

test("1000 x 1000: QR", () => {
  const { q, r } = qr(big)
  expect(backward(big, q, r)).toBeLessThan(bound)
  expect(looseness(q)).toBeLessThan(bound)
})

test("1000 x 1000: symmetric eigenvectors", () => {
  const s = symmetric(big)
  const { values, vectors } = eigh(s)
  expect(backward(s, times(vectors, values), transpose(vectors))).toBeLessThan(bound)
  expect(looseness(vectors)).toBeLessThan(bound)
})

test("1000 x 1000: SVD of a matrix of rank 500", () => {
  const a = matmul(gauss(12, n, 500), gauss(13, 500, n))
  const { u, s, vt } = svd(a)
  expect(backward(a, times(u, s), vt)).toBeLessThan(bound)
  expect(looseness(u)).toBeLessThan(bound)
  expect(s.data[500]).toBeLessThan(1e-12 * s.data[0])
})

test("1000 x 1000: general eigenvectors", () => {
  expect(eigenResidual(big)).toBeLessThan(bound)
})
