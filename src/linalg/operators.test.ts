import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { fillNormal, Generator, keyOf } from "../engine/random.ts"
import { scale, transpose } from "./arithmetic.ts"
import { dotAt, largest } from "./blas.ts"
import type { Real } from "./matrix.ts"
import { type Boundary, divergence, gradient, interpolate, laplacian, splat } from "./operators.ts"
import { dot, matmul } from "./product.ts"

const gauss = (seed: number, ...shape: readonly number[]): Real =>
  array("float64", shape, fillNormal(new Float64Array(shape.reduce((p, n) => p * n, 1)), keyOf(seed)))
const inner = (a: Real, b: Real): number => dotAt(a.data, 0, b.data, 0, a.data.length)
const boundaries: readonly Boundary[] = ["periodic", "zero"]
const shapes = [[1], [2], [9], [4, 5], [1, 6], [3, 2, 4]] as const

test("<A f, g> = <f, A^T g> for 10,000 random matrices and vectors [C04]", () => {
  const g = new Generator(4)
  for (let k = 0; k < 10_000; k++) {
    const m = 1 + g.integer(6)
    const n = 1 + g.integer(6)
    const all = gauss(k, m * n + m + n).data
    const a = array("float64", [m, n], all.slice(0, m * n))
    const f = array("float64", [n], all.slice(m * n, m * n + n))
    const h = array("float64", [m], all.slice(m * n + n))
    const left = dot(matmul(a, f), h)
    expect(Math.abs(left - dot(f, matmul(transpose(a), h)))).toBeLessThan(1e-13 * (1 + Math.abs(left)) * 100)
  }
})

test("the adjoint of the gradient is minus the divergence, with periodic and with zero boundary [C05]", () => {
  for (const boundary of boundaries) {
    shapes.forEach((shape, k) => {
      for (const spacing of [1, 0.25]) {
        const f = gauss(k, ...shape)
        const g = gauss(k + 90, shape.length, ...shape)
        const left = inner(gradient(f, { boundary, spacing }), g)
        const right = -inner(f, divergence(g, { boundary, spacing }))
        expect(Math.abs(left - right)).toBeLessThan(1e-12)
      }
    })
  }
  // Boundary terms that do not vanish break it: the operators must agree on what lies outside.
  const f = gauss(1, 8)
  const g = gauss(2, 1, 8)
  const mixed = inner(gradient(f, { boundary: "periodic" }), g) + inner(f, divergence(g, { boundary: "zero" }))
  expect(Math.abs(mixed)).toBeGreaterThan(0.1)
})

test("the Laplacian's matrix is symmetric, and <Lf, g> = <f, Lg> [C07]", () => {
  for (const boundary of boundaries) {
    for (const shape of shapes) {
      const size = shape.reduce<number>((p, n) => p * n, 1)
      const columns = Array.from({ length: size }, (_, j) => {
        const basis = new Float64Array(size)
        basis[j] = 1
        return Array.from(laplacian(array("float64", shape, basis), { boundary }).data)
      })
      expect(transpose(columns).data).toEqual(array("float64", [size, size], Float64Array.from(columns.flat())).data)
      const f = gauss(size, ...shape)
      const g = gauss(size + 70, ...shape)
      expect(inner(laplacian(f, { boundary }), g)).toBeCloseTo(inner(f, laplacian(g, { boundary })), 11)
      if (boundary === "periodic") {
        const composed = divergence(gradient(f))
        expect(largest(composed.data.map((v, i) => v - laplacian(f).data[i]))).toBeLessThan(1e-13)
      }
    }
  }
  expect(() => laplacian([1, 2], { spacing: 0 })).toThrow(/laplacian: spacing is 0/)
})

test("the adjoint of linear interpolation is splatting, which keeps the sum [C08]", () => {
  const g = new Generator(8)
  for (let k = 0; k < 300; k++) {
    const shape = Array.from({ length: 1 + g.integer(3) }, () => 1 + g.integer(5))
    const count = 1 + g.integer(9)
    const points = Array.from({ length: count }, () => shape.map((n) => g.uniform(0, n - 1)))
    if (k % 3 === 0) points[0] = shape.map((n) => n - 1)
    const f = gauss(k, ...shape)
    const v = gauss(k + 400, count)
    const spread = splat(v, points, shape)
    expect(Math.abs(inner(interpolate(f, points), v) - inner(f, spread))).toBeLessThan(1e-12)
    const sum = (a: Real): number => a.data.reduce((s, x) => s + x, 0)
    expect(Math.abs(sum(spread) - sum(v))).toBeLessThan(1e-12)
  }
  expect(interpolate([0, 10, 20], [[0.5], [2], [1.25]]).data).toEqual(Float64Array.of(5, 20, 12.5))
  expect(() => interpolate([0, 1], [[1.5]])).toThrow(/interpolate: point 0 has coordinate 1.5, expected 0 to 1/)
  expect(() => splat([1, 2], [[0]], [4])).toThrow(/splat: values have shape \[2\], expected \[1\]/)
  expect(() =>
    divergence([
      [1, 2, 3],
      [1, 2, 3],
    ]),
  ).toThrow(/divergence: field has shape \[2, 3\]/)
  expect(scale(2, splat([1], [[0.25]], [2])).data).toEqual(Float64Array.of(1.5, 0.5))
})
