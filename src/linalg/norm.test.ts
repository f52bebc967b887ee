import { expect, test } from "vitest"
import { hessianOf, stepsToConverge } from "../../examples/linalg-descent.ts"
import { array } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { diag } from "./arithmetic.ts"
import { eigvalsh } from "./eigh.ts"
import { angle, cond, norm } from "./norm.ts"

test("p-norms of (-3, 4) are 7, 5 and 4.4979; without absolute values they would be 1 and 3.3322 [C34]", () => {
  const a = [-3, 4]
  expect(norm(a, 1)).toBe(7)
  expect(norm(a)).toBe(5)
  expect(norm(a, 3)).toBeCloseTo(91 ** (1 / 3), 14)
  expect(norm(a, 3)).toBeCloseTo(4.4979, 4)
  expect(norm(a, Number.POSITIVE_INFINITY)).toBe(4)
  const printed = (p: number): number => (a[0] ** p + a[1] ** p) ** (1 / p)
  expect(printed(1)).toBe(1)
  expect(printed(3)).toBeCloseTo(3.3322, 4)
  const g = new Generator(34)
  for (let k = 0; k < 10_000; k++) {
    const x = Array.from({ length: 1 + g.integer(5) }, () => g.normal())
    const p = g.uniform(1, 9)
    let sum = 0
    for (const v of x) sum += Math.abs(v) ** p
    expect(Math.abs(norm(x, p) / sum ** (1 / p) - 1)).toBeLessThan(1e-13)
    // The p-norm falls as p grows, and scales with its vector.
    expect(norm(x, p + 1)).toBeLessThanOrEqual(norm(x, p) * (1 + 1e-14))
    expect(
      Math.abs(
        norm(
          x.map((v) => -3 * v),
          p,
        ) /
          norm(x, p) -
          3,
      ),
    ).toBeLessThan(1e-13)
  }
  expect(() => norm(a, 0.5)).toThrow(/norm: vector order is 0.5/)
  expect(() => norm([[1]], 3)).toThrow(/norm: matrix order is 3/)
  expect(() => norm(5)).toThrow(/norm: array has shape \[\]/)
})

test("entries near the ends of double precision neither overflow nor vanish", () => {
  expect(norm([3e200, 4e200])).toBeCloseTo(5e200, -190)
  expect(norm([3e-200, 4e-200]) / 5e-200).toBeCloseTo(1, 14)
  expect(norm([0, 0])).toBe(0)
  expect(() => norm([1.5e308, 1.5e308], 1)).toThrow(/norm: the norm overflows/)
})

test("the condition number is max |lambda| / min |lambda|, and gradient descent needs steps in proportion to it [C48]", () => {
  const counts = [10, 100, 1000].map((kappa) => {
    const h = hessianOf(kappa)
    expect(cond(h) / kappa).toBeCloseTo(1, 10)
    const { data } = eigvalsh(h)
    expect(data[1] / data[0] / kappa).toBeCloseTo(1, 10)
    return stepsToConverge(h)
  })
  expect(counts[1] / counts[0]).toBeGreaterThan(8)
  expect(counts[1] / counts[0]).toBeLessThan(12)
  expect(counts[2] / counts[1]).toBeGreaterThan(9)
  expect(counts[2] / counts[1]).toBeLessThan(11)
  expect(stepsToConverge(hessianOf(1))).toBe(1)
  expect(cond(diag([-8, 2, 4]))).toBeCloseTo(4, 14)
  expect(cond(diag([1, 0]))).toBe(Number.POSITIVE_INFINITY)
  expect(cond(array("float64", [2, 1], Float64Array.of(3, 4)))).toBe(1)
})

test("small angles keep their digits, where arccos of the cosine would give 0", () => {
  expect(angle([1, 0], [1, 1e-10])).toBeCloseTo(1e-10, 24)
  expect(Math.acos(1 / Math.hypot(1, 1e-10))).toBe(0)
  expect(angle([1, 0], [-1, 0])).toBe(Math.PI)
  expect(() => angle([0, 0], [1, 0])).toThrow(/angle: a vector is zero/)
})
