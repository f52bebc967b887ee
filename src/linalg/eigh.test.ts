import { expect, test } from "vitest"
import { matrixEigenvalues, operatorEigenvalue } from "../../examples/linalg-nystrom.ts"
import { array } from "../engine/array.ts"
import { fillNormal, keyOf } from "../engine/random.ts"
import { add, diag, eye, scale, subtract, transpose } from "./arithmetic.ts"
import { largest } from "./blas.ts"
import { eigh, eigvalsh } from "./eigh.ts"
import type { Real } from "./matrix.ts"
import { norm } from "./norm.ts"
import { matmul, outer } from "./product.ts"
import { qr } from "./qr.ts"
import { rotation } from "./rotation.ts"
import { inv } from "./solve.ts"

const gauss = (seed: number, ...shape: number[]): Real =>
  array("float64", shape, fillNormal(new Float64Array(shape.reduce((p, n) => p * n, 1)), keyOf(seed)))
const tridiagonal = (n: number, d: (i: number) => number, e: (i: number) => number): Real => {
  const a = array("float64", [n, n], new Float64Array(n * n))
  for (let i = 0; i < n; i++) {
    a.data[i * n + i] = d(i)
    if (i > 0) a.data[i * n + i - 1] = a.data[(i - 1) * n + i] = e(i)
  }
  return a
}

function check(a: Real, orthogonality = 1e-12): Float64Array {
  const n = a.shape[0]
  const { values, vectors } = eigh(a)
  const size = Math.max(norm(a), 1e-300)
  expect(largest(subtract(matmul(transpose(vectors), vectors), eye(n)).data)).toBeLessThan(orthogonality)
  const back = matmul(matmul(vectors, diag(values)), transpose(vectors))
  expect(norm(subtract(back, a)) / size).toBeLessThan(1e-13)
  for (let i = 1; i < n; i++) expect(values.data[i]).toBeGreaterThanOrEqual(values.data[i - 1])
  expect(largest(subtract(eigvalsh(a), values).data) / size).toBeLessThan(1e-13)
  return values.data
}

test("a symmetric matrix is Q L Q^T with orthonormal Q, repeated eigenvalues included [C13]", () => {
  for (const n of [1, 2, 3, 7, 31, 32, 33, 64, 65, 100, 150]) {
    const x = gauss(n, n, n)
    check(add(x, transpose(x)))
    check(eye(n))
    check(scale(0, eye(n)))
    check(add(eye(n), outer(gauss(n + 1, n), gauss(n + 1, n))))
    check(
      tridiagonal(
        n,
        () => 2,
        () => -1,
      ),
    )
    check(
      tridiagonal(
        n,
        (i) => Math.abs((n - 1) / 2 - i),
        () => 1,
      ),
    )
    check(
      tridiagonal(
        n,
        (i) => 10 ** (-i / 4),
        (i) => 10 ** (-i / 4) / 3,
      ),
    )
  }
  // The notes say a diagonalisable matrix has distinct eigenvalues; I_2 has 1 twice and any orthonormal basis.
  expect(Array.from(check(eye(2)))).toEqual([1, 1])
  const { q } = qr(gauss(3, 60, 60))
  const twice = diag(Array.from({ length: 60 }, (_, i) => (i < 40 ? 5 : i < 55 ? -1 : 2)))
  const values = check(symmetric(matmul(matmul(q, twice), transpose(q))))
  expect(Array.from(values, Math.round)).toEqual([...Array(15).fill(-1), ...Array(5).fill(2), ...Array(40).fill(5)])
})

function symmetric(a: Real): Real {
  return scale(0.5, add(a, transpose(a)))
}

test("an orthonormal eigenbasis is unique up to signs only where eigenvalues are simple", () => {
  const { vectors } = eigh(diag([1, 2]))
  expect(Array.from(vectors.data.map(Math.abs))).toEqual([1, 0, 0, 1])
  // The negated vectors rebuild the same matrix, and for the identity every rotation does.
  const flipped = scale(-1, vectors)
  expect(matmul(matmul(flipped, diag([1, 2])), transpose(flipped)).data).toEqual(diag([1, 2]).data)
  for (const angle of [0.1, 0.7, 2]) {
    const q = rotation(angle)
    expect(largest(subtract(matmul(matmul(q, eye(2)), transpose(q)), eye(2)).data)).toBeLessThan(4e-16)
  }
})

test("eigenvalues of the second difference are 2 - 2 cos(k pi / (n + 1))", () => {
  const n = 90
  const { values } = eigh(
    tridiagonal(
      n,
      () => 2,
      () => -1,
    ),
  )
  for (let k = 1; k <= n; k++) {
    expect(Math.abs(values.data[k - 1] - 2 + 2 * Math.cos((k * Math.PI) / (n + 1)))).toBeLessThan(1e-14 * 4)
  }
})

test("entries of any size are scaled before they are squared", () => {
  const x = gauss(8, 40, 40)
  const a = add(x, transpose(x))
  const want = eigvalsh(a).data
  for (const size of [1e-300, 1e-160, 1e160, 1e300]) {
    const got = check(scale(size, a))
    for (let i = 0; i < 40; i++) expect(Math.abs(got[i] / size - want[i])).toBeLessThan(1e-12)
  }
})

test("unit eigenvectors keep the eigenvalues: A = P' L P'^T with P' = P D^-1/2, where L D gives 52 [C14]", () => {
  const p = matmul(rotation(0.3), diag([2, 3]))
  const lambda = diag([5, 7])
  const a = matmul(matmul(p, lambda), inv(p))
  const gram = matmul(transpose(p), p)
  expect(largest(subtract(gram, diag([4, 9])).data)).toBeLessThan(1e-14)
  // P P^T is not diagonal: the notes' PP^T = D is P^T P = D.
  expect(Math.abs(matmul(p, transpose(p)).data[1])).toBeCloseTo(1.41, 2)
  const unit = matmul(p, diag([1 / 2, 1 / 3]))
  const right = matmul(matmul(unit, lambda), transpose(unit))
  expect(largest(subtract(right, a).data)).toBeLessThan(4e-15)
  const printed = matmul(matmul(unit, matmul(lambda, diag([4, 9]))), transpose(unit))
  expect(largest(subtract(printed, a).data)).toBeCloseTo(52.4, 1)
  const { values, vectors } = eigh(symmetric(a))
  expect(values.data[0]).toBeCloseTo(5, 13)
  expect(values.data[1]).toBeCloseTo(7, 13)
  expect(Math.abs(vectors.data[0])).toBeCloseTo(Math.cos(0.3), 13)
})

test("eigenvalues of a kernel matrix over n converge to the operator's, min(s, t): 4 / (pi^2 (2k-1)^2) [C49]", () => {
  const errors = [50, 100, 200, 400].map((n) => {
    const values = matrixEigenvalues(n, 5)
    return values.map((v, i) => Math.abs(v / operatorEigenvalue(i + 1) - 1))
  })
  for (let i = 0; i < 5; i++) {
    expect(errors[3][i]).toBeLessThan(2e-4)
    // Midpoints make the error of second order: halving the spacing divides it by four.
    for (let k = 1; k < 4; k++) expect(errors[k - 1][i] / errors[k][i]).toBeGreaterThan(3.5)
  }
  expect(operatorEigenvalue(1)).toBeCloseTo(0.405285, 6)
})
