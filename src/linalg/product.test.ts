import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { fillNormal, keyOf } from "../engine/random.ts"
import { add, column, eye, row, subtract, transpose } from "./arithmetic.ts"
import { largest } from "./blas.ts"
import type { Real } from "./matrix.ts"
import { dot, kron, matmul, matrixPower, outer, unvec, vec } from "./product.ts"

const gauss = (seed: number, ...shape: number[]): Real =>
  array("float64", shape, fillNormal(new Float64Array(shape.reduce((p, n) => p * n, 1)), keyOf(seed)))

/** The definition, by three loops. */
function byLoops(a: Real, b: Real): Float64Array {
  const [m, k] = a.shape
  const n = b.shape[1]
  const out = new Float64Array(m * n)
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      for (let t = 0; t < k; t++) out[i * n + j] += a.data[i * k + t] * b.data[t * n + j]
    }
  }
  return out
}

const gap = (a: Real, b: Real | Float64Array): number => {
  const other = "shape" in b ? b.data : b
  return largest(a.data.map((v, i) => v - other[i]))
}

test("a matrix's columns are the images of the basis vectors [C01]", () => {
  const a = [
    [3, 1],
    [1, 2],
  ]
  expect(matmul(a, [1, 0]).data).toEqual(Float64Array.of(3, 1))
  expect(matmul(a, [0, 1]).data).toEqual(Float64Array.of(1, 2))
  const b = gauss(1, 5, 4)
  for (let j = 0; j < 4; j++) expect(matmul(b, row(eye(4), j)).data).toEqual(column(b, j).data)
})

test.each([
  [1, 1, 1],
  [3, 4, 2],
  [5, 7, 6],
  [4, 300, 9],
  [130, 260, 131],
  [257, 3, 258],
  [1, 50, 40],
  [40, 50, 1],
])("products of rows with columns and sums of outer products are the same matrix, %d x %d x %d [C02]", (m, k, n) => {
  const a = gauss(m, m, k)
  const b = gauss(n + 1000, k, n)
  const loops = byLoops(a, b)
  const product = matmul(a, b)
  expect(gap(product, loops)).toBeLessThan(1e-12)
  const inner = new Float64Array(m * n)
  const sample = Math.min(m, 4)
  for (let i = 0; i < sample; i++) for (let j = 0; j < n; j++) inner[i * n + j] = dot(row(a, i), column(b, j))
  expect(largest(inner.slice(0, sample * n).map((v, i) => v - loops[i]))).toBeLessThan(1e-12)
  let sum = outer(column(a, 0), row(b, 0))
  for (let t = 1; t < k; t++) sum = add(sum, outer(column(a, t), row(b, t)))
  expect(gap(sum, loops)).toBeLessThan(1e-12)
})

test("multiplying by the identity from either side changes no bit [C36]", () => {
  for (const [m, n] of [
    [1, 1],
    [3, 5],
    [40, 33],
  ]) {
    const a = gauss(m, m, n)
    expect(matmul(a, eye(n)).data).toEqual(a.data)
    expect(matmul(eye(m), a).data).toEqual(a.data)
  }
  expect(() => eye(0)).toThrow(/eye: got 0 rows/)
  expect(eye(2, 3).data).toEqual(Float64Array.of(1, 0, 0, 0, 1, 0))
})

test("vectors lose their axis and leading axes broadcast, as in NumPy", () => {
  const a = gauss(1, 2, 1, 3, 4)
  const b = gauss(2, 5, 4, 2)
  const c = matmul(a, b)
  expect(c.shape).toEqual([2, 5, 3, 2])
  for (let i = 0; i < 2; i++) {
    for (let j = 0; j < 5; j++) {
      const left = array("float64", [3, 4], a.data.slice(i * 12, i * 12 + 12))
      const right = array("float64", [4, 2], b.data.slice(j * 8, j * 8 + 8))
      expect(c.data.slice((i * 5 + j) * 6, (i * 5 + j + 1) * 6)).toEqual(matmul(left, right).data)
    }
  }
  expect(matmul(gauss(3, 3, 4), gauss(4, 4)).shape).toEqual([3])
  expect(matmul(gauss(3, 3), gauss(4, 3, 4)).shape).toEqual([4])
  expect(() => matmul([1, 2], [3, 4])).toThrow(/matmul: shapes \[2\] and \[2\].*dot or outer/)
  expect(() => matmul(gauss(1, 2, 3), gauss(2, 2, 3))).toThrow(/first has 3 columns, second has 2 rows/)
  expect(() => matmul(gauss(1, 2, 2, 3), gauss(2, 3, 3, 1))).toThrow(/do not broadcast/)
  expect(() => matmul([[1e200]], [[1e200]])).toThrow(/matmul: the result overflows/)
})

test("vec stacks columns, and vec(A W B) = (B^T kron A) vec(W)", () => {
  expect(
    vec([
      [1, 2],
      [3, 4],
    ]).data,
  ).toEqual(Float64Array.of(1, 3, 2, 4))
  const a = gauss(1, 3, 4)
  const w = gauss(2, 4, 2)
  const b = gauss(3, 2, 5)
  const left = vec(matmul(matmul(a, w), b))
  expect(gap(left, matmul(kron(transpose(b), a), vec(w)))).toBeLessThan(1e-13)
  expect(unvec(vec(w), 4)).toEqual(w)
  expect(() => unvec([1, 2, 3], 2)).toThrow(/unvec: 3 entries do not make columns of 2 rows/)
})

test("(A kron B)(C kron D) = A C kron B D", () => {
  const [a, b, c, d] = [gauss(1, 2, 3), gauss(2, 4, 2), gauss(3, 3, 2), gauss(4, 2, 5)]
  expect(gap(matmul(kron(a, b), kron(c, d)), kron(matmul(a, c), matmul(b, d)))).toBeLessThan(1e-13)
})

test("powers are repeated products", () => {
  const a = gauss(5, 4, 4)
  let power = eye(4)
  for (let k = 0; k <= 7; k++) {
    expect(gap(matrixPower(a, k), power)).toBeLessThan(1e-10)
    power = matmul(power, a)
  }
  expect(subtract(matrixPower(a, 1), a).data.every((v) => v === 0)).toBe(true)
  expect(() => matrixPower(a, -1)).toThrow(/exponent is -1/)
  expect(() => matrixPower(a, 1.5)).toThrow(/exponent is 1.5/)
})
