import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { fillNormal, Generator, keyOf } from "../engine/random.ts"
import { diag, eye, scale, subtract, trace } from "./arithmetic.ts"
import { largest } from "./blas.ts"
import { complex, complexMatmul, complexSolve } from "./complex.ts"
import { eig, eigvals, isDiagonalizable } from "./eig.ts"
import { eigh } from "./eigh.ts"
import type { Complex, Real } from "./matrix.ts"
import { norm } from "./norm.ts"
import { matmul } from "./product.ts"
import { rotation } from "./rotation.ts"
import { det, inv } from "./solve.ts"
import { nullSpace } from "./subspace.ts"

const gauss = (seed: number, ...shape: number[]): Real =>
  array("float64", shape, fillNormal(new Float64Array(shape.reduce((p, n) => p * n, 1)), keyOf(seed)))

/** Largest entry of A V - V diag(lambda), complex. */
function residual(a: Real, values: Complex, vectors: Complex): number {
  const n = a.shape[0]
  const left = complexMatmul(complex(a), vectors)
  let most = 0
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const p = i * n + k
      const [vr, vi, lr, li] = [vectors.re.data[p], vectors.im.data[p], values.re.data[k], values.im.data[k]]
      most = Math.max(most, Math.hypot(left.re.data[p] - vr * lr + vi * li, left.im.data[p] - vr * li - vi * lr))
    }
  }
  return most
}

const shear = [
  [1, 1],
  [0, 1],
]

test("A v = lambda v and |A - lambda I| = 0 for random matrices; a shear has one eigenvector, lambda 1 [C10]", () => {
  for (let k = 0; k < 300; k++) {
    const n = 1 + (k % 7)
    const a = gauss(k, n, n)
    const { values, vectors } = eig(a)
    expect(residual(a, values, vectors)).toBeLessThan(1e-13 * Math.max(1, norm(a)))
    for (let i = 0; i < n; i++) {
      if (values.im.data[i] !== 0) continue
      const characteristic = det(subtract(a, scale(values.re.data[i], eye(n))))
      expect(Math.abs(characteristic)).toBeLessThan(1e-10 * Math.max(1, norm(a)) ** n)
    }
  }
  const { values, vectors } = eig(shear)
  expect(Array.from(values.re.data)).toEqual([1, 1])
  expect(Array.from(values.im.data)).toEqual([0, 0])
  expect(Math.abs(vectors.re.data[2])).toBeLessThan(1e-15)
  expect(Math.abs(vectors.re.data[3])).toBeLessThan(1e-15)
  const space = nullSpace(subtract(shear, eye(2)))
  expect(space.shape).toEqual([2, 1])
  expect(Math.abs(space.data[0])).toBeCloseTo(1, 14)
})

test("the determinant is the product of the eigenvalues and the trace their sum, not the other way round [C11]", () => {
  const a = [
    [1, 0],
    [0, 4],
  ]
  expect(trace(a)).toBe(5)
  expect(det(a)).toBe(4)
  const g = new Generator(11)
  for (let k = 0; k < 2000; k++) {
    const n = 1 + g.integer(6)
    const m = gauss(k, n, n)
    const { re, im } = eigvals(m)
    let sum = 0
    let productRe = 1
    let productIm = 0
    for (let i = 0; i < n; i++) {
      sum += re.data[i]
      const next = productRe * re.data[i] - productIm * im.data[i]
      productIm = productRe * im.data[i] + productIm * re.data[i]
      productRe = next
    }
    const size = Math.max(1, norm(m))
    expect(Math.abs(sum - trace(m))).toBeLessThan(1e-13 * n * size)
    expect(Math.abs(productRe - det(m))).toBeLessThan(1e-12 * size ** n)
    expect(Math.abs(productIm)).toBeLessThan(1e-12 * size ** n)
  }
})

test("diagonalisable matrices are Q L Q^-1 and P^-1 A P is diagonal; Jordan blocks are flagged defective [C12]", () => {
  for (let k = 0; k < 200; k++) {
    const n = 1 + (k % 8)
    const a = gauss(k + 300, n, n)
    const { values, vectors } = eig(a)
    expect(isDiagonalizable(a)).toBe(true)
    const lambda: Complex = { re: diag(values.re), im: diag(values.im) }
    const p = complexSolve(vectors, complexMatmul(complex(a), vectors))
    const off = Math.max(largest(subtract(p.re, lambda.re).data), largest(subtract(p.im, lambda.im).data))
    expect(off).toBeLessThan(1e-10 * Math.max(1, norm(a)))
    const inverse = complexSolve(vectors, complex(eye(n)))
    const back = complexMatmul(complexMatmul(vectors, lambda), inverse)
    expect(largest(subtract(back.re, a).data) + largest(back.im.data)).toBeLessThan(1e-10 * Math.max(1, norm(a)))
  }
  expect(isDiagonalizable(shear)).toBe(false)
  for (let n = 2; n <= 6; n++) {
    const jordan = array("float64", [n, n], new Float64Array(n * n))
    for (let i = 0; i < n; i++) {
      jordan.data[i * n + i] = 2
      if (i + 1 < n) jordan.data[i * n + i + 1] = 1
    }
    expect(isDiagonalizable(jordan)).toBe(false)
    for (let seed = 0; seed < 20; seed++) {
      const p = gauss(seed + 60 * n, n, n)
      expect(isDiagonalizable(matmul(matmul(p, jordan), inv(p)))).toBe(false)
    }
  }
  expect(isDiagonalizable(eye(4))).toBe(true)
  expect(
    isDiagonalizable([
      [0, 0],
      [0, 0],
    ]),
  ).toBe(true)
})

test("eigenvalues of a rotation are exp(+- i theta), the positive imaginary part first", () => {
  const { re, im } = eigvals(rotation(0.3))
  expect(re.data[0]).toBeCloseTo(Math.cos(0.3), 15)
  expect(im.data[0]).toBeCloseTo(Math.sin(0.3), 15)
  expect(im.data[1]).toBe(-im.data[0])
})

test("badly scaled, huge and tiny matrices keep their eigenvalues", () => {
  const a = [
    [1, 1e9, 1e18],
    [1e-9, 2, 1e9],
    [1e-18, 1e-9, 3],
  ]
  const plain = [
    [1, 1, 1],
    [1, 2, 1],
    [1, 1, 3],
  ]
  const want = eigh(plain).values.data
  const got = eigvals(a).re.data.slice().sort()
  for (let i = 0; i < 3; i++) expect(Math.abs(got[i] / want[i] - 1)).toBeLessThan(1e-12)
  for (const size of [1e-300, 1e300]) {
    const scaled = eigvals(scale(size, plain)).re.data.slice().sort()
    for (let i = 0; i < 3; i++) expect(Math.abs(scaled[i] / size / want[i] - 1)).toBeLessThan(1e-12)
  }
})
