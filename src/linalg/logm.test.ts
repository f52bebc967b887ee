import { expect, test } from "vitest"
import { logmSeries } from "../../examples/linalg-series.ts"
import { array } from "../engine/array.ts"
import { fillNormal, keyOf } from "../engine/random.ts"
import { add, eye, scale, subtract, trace, transpose } from "./arithmetic.ts"
import { largest } from "./blas.ts"
import { expm } from "./expm.ts"
import { gaussLegendre, logm } from "./logm.ts"
import type { Real } from "./matrix.ts"
import { cond, norm } from "./norm.ts"
import { matmul } from "./product.ts"
import { rotation } from "./rotation.ts"
import { slogdet } from "./solve.ts"
import { sqrtm } from "./sqrtm.ts"

const gauss = (seed: number, ...shape: number[]): Real =>
  array("float64", shape, fillNormal(new Float64Array(shape.reduce((p, n) => p * n, 1)), keyOf(seed)))
const symmetric = (a: Real): Real => scale(0.5, add(a, transpose(a)))

test("exp(log A) = A for positive definite and general matrices; log of a rotation is its angle [C23]", () => {
  for (let k = 0; k < 300; k++) {
    const n = 1 + (k % 7)
    const x = gauss(k, n + 1, n)
    const a = add(symmetric(matmul(transpose(x), x)), scale(0.05, eye(n)))
    const log = logm(a)
    expect(norm(subtract(expm(log), a))).toBeLessThan(1e-12 * norm(a))
    expect(norm(subtract(log, transpose(log)))).toBeLessThan(1e-13 * Math.max(1, norm(log)))
    // exp of any real matrix with small imaginary parts has that matrix as its principal logarithm.
    const b = scale(2 / (1 + norm(gauss(k + 1000, n, n))), gauss(k + 1000, n, n))
    const e = expm(b)
    expect(norm(subtract(logm(e), b))).toBeLessThan(1e-13 * cond(e) * 10)
  }
  for (const t of [-3.1, -1, 1e-8, 0.5, 2, 3.14]) {
    const log = logm(rotation(t))
    const want = [
      [0, -t],
      [t, 0],
    ]
    expect(largest(subtract(log, want).data)).toBeLessThan(3e-15)
  }
})

test("the power series agrees where the spectral radius of A - I is below 1, and only there", () => {
  const near = add(eye(4), scale(0.1, gauss(3, 4, 4)))
  expect(norm(subtract(logmSeries(near, 200), logm(near)))).toBeLessThan(1e-13)
  const far = scale(3, eye(2))
  expect(Math.abs(logmSeries(far, 10).data[0])).toBeGreaterThan(64)
  expect(logm(far).data[0]).toBeCloseTo(Math.log(3), 15)
})

test("log(A B) = log A + log B for commuting matrices only; log det always adds [C24]", () => {
  for (let k = 0; k < 100; k++) {
    const n = 2 + (k % 4)
    const c = gauss(k, n, n)
    const h = scale(0.6 / norm(c), c)
    // Two polynomials in one matrix commute.
    const a = expm(h)
    const b = add(scale(2, eye(n)), matmul(h, h))
    const sum = add(logm(a), logm(b))
    expect(norm(subtract(logm(matmul(a, b)), sum))).toBeLessThan(1e-10)
    const [p, q] = [gauss(k + 500, n, n), gauss(k + 900, n, n)]
    const logs = slogdet(p).logAbsDet + slogdet(q).logAbsDet
    expect(slogdet(matmul(p, q)).logAbsDet).toBeCloseTo(logs, 9)
  }
  const a = [
    [1, 1],
    [1, 3],
  ]
  const b = [
    [3, 1],
    [1, 3],
  ]
  const gap = subtract(logm(matmul(a, b)), add(logm(a), logm(b)))
  expect(largest(gap.data)).toBeCloseTo(0.2405391, 7)
  // The traces agree all the same: log det is additive.
  expect(trace(gap)).toBeCloseTo(0, 13)
})

test("no real principal logarithm: zero and negative eigenvalues are refused by value", () => {
  expect(() =>
    logm([
      [-1, 0],
      [0, 2],
    ]),
  ).toThrow(/logm: eigenvalue -1 is not positive/)
  expect(() =>
    logm([
      [1, 1],
      [1, 1],
    ]),
  ).toThrow(/logm: eigenvalue .* is not positive/)
  expect(() =>
    logm([
      [-2, 1],
      [0, 3],
    ]),
  ).toThrow(/logm: eigenvalue -2 is not positive/)
})

test("Gauss-Legendre on [0, 1] with m points is exact to degree 2m - 1", () => {
  for (let m = 1; m <= 16; m++) {
    const { nodes, weights } = gaussLegendre(m)
    for (let p = 0; p < 2 * m; p++) {
      let sum = 0
      for (let i = 0; i < m; i++) sum += weights[i] * nodes[i] ** p
      expect(Math.abs(sum - 1 / (p + 1))).toBeLessThan(1e-15 * 2)
    }
  }
})

test("square roots: X X = A for semi-definite and general matrices, principal and real; refusals name the eigenvalue", () => {
  for (let k = 0; k < 200; k++) {
    const n = 1 + (k % 7)
    const x = gauss(k, Math.max(1, n - 1), n)
    const low = symmetric(matmul(transpose(x), x))
    const root = sqrtm(low)
    expect(norm(subtract(matmul(root, root), low))).toBeLessThan(1e-13 * Math.max(1, norm(low)))
    const g = gauss(k + 300, n, n)
    const a = matmul(g, g)
    if (cond(a) > 1e6) continue
    const general = sqrtm(add(scale(0.5, a), scale(norm(a), eye(n))))
    expect(norm(subtract(matmul(general, general), add(scale(0.5, a), scale(norm(a), eye(n)))))).toBeLessThan(
      1e-12 * Math.max(1, norm(a)),
    )
  }
  expect(largest(subtract(sqrtm(rotation(2)), rotation(1)).data)).toBeLessThan(2e-15)
  expect(() =>
    sqrtm([
      [-1, 0],
      [0, 1],
    ]),
  ).toThrow(/sqrtm: eigenvalue -1 is negative/)
  expect(() =>
    sqrtm([
      [-4, 1],
      [0, 1],
    ]),
  ).toThrow(/sqrtm: eigenvalue -4 is negative/)
  expect(() =>
    sqrtm([
      [0, 1],
      [0, 0],
    ]),
  ).toThrow(/sqrtm: zero is a defective eigenvalue/)
})
