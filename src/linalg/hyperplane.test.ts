import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { fillNormal, Generator, keyOf } from "../engine/random.ts"
import { add, scale, subtract } from "./arithmetic.ts"
import { distanceTo, gapBetween, hyperplane, nearestOn } from "./hyperplane.ts"
import type { Real } from "./matrix.ts"
import { norm } from "./norm.ts"
import { dot } from "./product.ts"

const gauss = (seed: number, ...shape: number[]): Real =>
  array("float64", shape, fillNormal(new Float64Array(shape.reduce((p, n) => p * n, 1)), keyOf(seed)))

test("parallel hyperplanes are |c2 - c1| / ||w|| apart, from the first to the second along w; a margin is 2 / ||w|| [C40]", () => {
  expect(gapBetween([1, 0], 0, 1)).toBe(1)
  const g = new Generator(40)
  for (let k = 0; k < 10_000; k++) {
    const n = 1 + g.integer(5)
    const w = gauss(k, n)
    if (norm(w) < 0.05) continue
    const [c1, c2] = [g.normal(), g.normal()]
    const first = nearestOn(hyperplane(w, c1), gauss(k + 20_000, n))
    const gap = gapBetween(w, c1, c2)
    // Going the signed gap along the unit normal leads from one to the other.
    const there = add(first, scale(gap / norm(w), w))
    expect(Math.abs(dot(w, there) - c2)).toBeLessThan(1e-12 * Math.max(1, norm(w) * norm(there)))
    expect(Math.abs(distanceTo(hyperplane(w, c2), first))).toBeCloseTo(Math.abs(gap), 11)
    expect(gapBetween(w, -1, 1)).toBeCloseTo(2 / norm(w), 11)
  }
})

test("a hyperplane that misses the origin is no subspace", () => {
  const h = hyperplane([3, 4], 10)
  const p = nearestOn(h, [0, 0])
  expect(Array.from(p.data)).toEqual([1.2000000000000002, 1.6])
  expect(distanceTo(h, scale(2, p))).toBeCloseTo(2, 14)
  expect(distanceTo(h, [0, 0])).toBe(-2)
  expect(norm(subtract(p, [0, 0]))).toBe(2)
  expect(() => hyperplane([0, 0], 1)).toThrow(/hyperplane: normal is zero/)
  expect(() => gapBetween([0, 0], 1, 2)).toThrow(/gapBetween: normal is zero/)
  expect(() => distanceTo(h, [1, 2, 3])).toThrow(/distanceTo: point has 3 entries, expected 2/)
})

test("the graph y = b.x + c is a hyperplane with normal (b, -1): (b, 1) is not perpendicular to it", () => {
  const b = [2, -3]
  const [p, q] = [
    [0.5, 1, 0],
    [-1, 2, 0],
  ].map(([x, y]) => [x, y, b[0] * x + b[1] * y + 4])
  const along = subtract(q, p)
  expect(dot([...b, -1], along)).toBe(0)
  expect(dot([...b, 1], along)).toBe(-12)
  expect(distanceTo(hyperplane([...b, -1], { point: p }), q)).toBe(0)
})
