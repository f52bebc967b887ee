import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { fillNormal, Generator, keyOf } from "../engine/random.ts"
import { add, diag, eye, scale, subtract, transpose } from "./arithmetic.ts"
import { cholesky } from "./cholesky.ts"
import { definiteness, isPositiveDefinite, leadingMinors, nearestPositiveDefinite, sylvester } from "./definite.ts"
import { eigh, eigvalsh } from "./eigh.ts"
import type { Real } from "./matrix.ts"
import { norm } from "./norm.ts"
import { matmul } from "./product.ts"
import { qr } from "./qr.ts"
import { quadraticForm } from "./quadratic.ts"
import { det, inv } from "./solve.ts"

const gauss = (seed: number, ...shape: number[]): Real =>
  array("float64", shape, fillNormal(new Float64Array(shape.reduce((p, n) => p * n, 1)), keyOf(seed)))
const symmetric = (a: Real): Real => scale(0.5, add(a, transpose(a)))

/** Q diag(values) Q^T with a random Q. */
function withEigenvalues(seed: number, values: readonly number[]): Real {
  const { q } = qr(gauss(seed, values.length, values.length))
  return symmetric(matmul(matmul(q, diag([...values])), transpose(q)))
}

const kinds = [
  ["positive definite", [1, 2, 0.5]],
  ["positive semidefinite", [1, 0, 2]],
  ["negative definite", [-1, -3, -0.2]],
  ["negative semidefinite", [0, -1, 0]],
  ["indefinite", [-1, 0, 1]],
  ["zero", [0, 0, 0]],
] as const

test("eigenvalue signs give the definiteness, z^T A z = sum lambda_i z'_i^2, and indefinite is told too [C27]", () => {
  kinds.forEach(([kind, values], k) => {
    for (let seed = 0; seed < 40; seed++) {
      const a = withEigenvalues(seed + 50 * k, values)
      expect(definiteness(a)).toBe(kind)
      expect(definiteness(diag([...values]))).toBe(kind)
      const { values: lambda, vectors } = eigh(a)
      const signs = new Set<number>()
      for (let t = 0; t < 30; t++) {
        const z = gauss(seed * 100 + t, 3)
        const turned = matmul(transpose(vectors), z)
        const sum = turned.data.reduce((s, v, i) => s + lambda.data[i] * v * v, 0)
        const value = quadraticForm(a, z)
        expect(Math.abs(sum - value)).toBeLessThan(1e-13 * 30)
        expect(norm(turned)).toBeCloseTo(norm(z), 12)
        if (Math.abs(value) > 1e-10) signs.add(Math.sign(value))
      }
      if (kind.startsWith("positive")) expect(signs).toEqual(new Set([1]))
      if (kind.startsWith("negative")) expect(signs).toEqual(new Set([-1]))
      if (kind === "zero") expect(signs.size).toBe(0)
    }
  })
  expect(definiteness([[1e-9]])).toBe("positive definite")
  expect(
    definiteness(
      [
        [1, 0],
        [0, 1e-9],
      ],
      { tolerance: 1e-6 },
    ),
  ).toBe("positive semidefinite")
})

test("semi-definite matrices are invertible exactly when no eigenvalue is zero: the identity is one, and is", () => {
  expect(inv(eye(3)).data).toEqual(eye(3).data)
  expect(definiteness(eye(3))).toBe("positive definite")
  expect(quadraticForm(eye(3), [1, 2, 3])).toBeGreaterThanOrEqual(0)
  expect(() => inv(diag([1, 0]))).toThrow(/singular/)
})

test("Sylvester: leading minors for definite, all principal minors for semi-definite; diag(1,0), diag(0,-1) tell [C28]", () => {
  // Positive leading minors are asked of a semi-definite matrix by the notes: diag(1, 0) has 1, 0.
  expect(Array.from(leadingMinors(diag([1, 0])).data)).toEqual([1, 0])
  expect(sylvester(diag([1, 0]))).toBe("positive semidefinite")
  // And leading minors that are at least 0 do not make one: diag(0, -1) has 0, 0.
  expect(Array.from(leadingMinors(diag([0, -1])).data.map(Math.abs))).toEqual([0, 0])
  expect(sylvester(diag([0, -1]))).toBe("negative semidefinite")
  kinds.forEach(([kind, values], k) => {
    for (let seed = 0; seed < 40; seed++) expect(sylvester(withEigenvalues(seed + 1000 * k, values))).toBe(kind)
  })
  const g = new Generator(28)
  for (let k = 0; k < 500; k++) {
    const n = 1 + g.integer(5)
    const a = symmetric(gauss(k, n, n))
    const shifted = add(a, scale(g.uniform(-3, 3), eye(n)))
    expect(sylvester(shifted)).toBe(definiteness(shifted))
    const minors = leadingMinors(shifted).data
    expect(Math.abs(minors[n - 1] - det(shifted))).toBeLessThan(1e-12 * Math.max(1, norm(shifted)) ** n)
  }
  expect(() => sylvester(eye(17))).toThrow(/sylvester: matrix is \[17, 17\], expected at most \[16, 16\]/)
})

test("the nearest positive definite matrix factors, and no other semi-definite matrix is nearer", () => {
  for (let k = 0; k < 200; k++) {
    const n = 1 + (k % 6)
    const a = k % 2 === 0 ? gauss(k, n, n) : symmetric(gauss(k, n, n))
    const near = nearestPositiveDefinite(a)
    expect(isPositiveDefinite(near)).toBe(true)
    expect(cholesky(near).shape).toEqual([n, n])
    const plain = nearestPositiveDefinite(a, { floor: 0 })
    expect(eigvalsh(plain).data[0]).toBeGreaterThan(-1e-14 * Math.max(1, norm(a)))
    const best = norm(subtract(a, plain))
    for (let t = 0; t < 10; t++) {
      const x = gauss(1000 * t + k, n, n)
      const other = add(plain, scale(0.1 * (t + 1), matmul(transpose(x), x)))
      expect(norm(subtract(a, other))).toBeGreaterThanOrEqual(best * (1 - 1e-12))
    }
    // The squared distance is the asymmetric part's and that of the negative eigenvalues.
    const skew = norm(subtract(a, symmetric(a))) ** 2
    const negative = eigvalsh(symmetric(a)).data.reduce((s, v) => s + Math.min(0, v) ** 2, 0)
    expect(best ** 2).toBeCloseTo(skew + negative, 10)
  }
  const good = add(eye(3), scale(0.1, diag([1, 2, 3])))
  expect(norm(subtract(nearestPositiveDefinite(good), good))).toBeLessThan(1e-14)
  expect(isPositiveDefinite(nearestPositiveDefinite(scale(0, eye(3))))).toBe(true)
  expect(() => nearestPositiveDefinite(eye(2), { floor: -1 })).toThrow(/floor is -1/)
})
