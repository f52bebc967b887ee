import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { distances } from "./distances.ts"
import { directedHausdorff, hausdorff } from "./hausdorff.ts"

const { hausdorff: fixture } = JSON.parse(readFileSync(new URL("./fixtures/transport.json", import.meta.url), "utf8"))

const cloud = (g: Generator, n: number, d: number) =>
  array(
    "float64",
    [n, d],
    Float64Array.from({ length: n * d }, () => g.normal()),
  )

test("directed distances and the pairs that attain them are SciPy's", () => {
  const { x, y, xy, yx } = fixture
  for (const [a, b, [distance, from, to]] of [
    [x, y, xy],
    [y, x, yx],
  ]) {
    const found = directedHausdorff(a, b)
    expect(found.distance).toBeCloseTo(distance, 14)
    expect([found.from, found.to]).toEqual([from, to])
  }
})

test("a part is 0 from the whole and not the reverse; the larger of both is a metric, and the brute-force one [E22]", () => {
  const [part, whole] = [
    [0, 1],
    [0, 1, 5],
  ]
  expect(directedHausdorff(part, whole).distance).toBe(0)
  expect(directedHausdorff(whole, part)).toEqual({ distance: 4, from: 2, to: 1 })
  expect(hausdorff(part, whole)).toBe(4)
  const g = new Generator(1)
  for (let k = 0; k < 100; k++) {
    const d = 1 + (k % 3)
    const [x, y, z] = [cloud(g, 1 + g.integer(20), d), cloud(g, 1 + g.integer(20), d), cloud(g, 1 + g.integer(20), d)]
    const [xy, yz, xz] = [hausdorff(x, y), hausdorff(y, z), hausdorff(x, z)]
    const all = distances(x, y)
    const [n, m] = all.shape
    const rows = Array.from({ length: n }, (_, i) => Math.min(...all.data.subarray(i * m, (i + 1) * m)))
    const columns = Array.from({ length: m }, (_, j) =>
      Math.min(...Array.from({ length: n }, (_, i) => all.data[i * m + j])),
    )
    expect(xy).toBeCloseTo(Math.max(...rows, ...columns), 14)
    expect(directedHausdorff(x, y).distance).toBeCloseTo(Math.max(...rows), 14)
    expect(hausdorff(y, x)).toBe(xy)
    expect(hausdorff(x, x)).toBe(0)
    expect(xz).toBeLessThanOrEqual(xy + yz + 1e-14)
  }
})

test("ten thousand points a set take well under a second", () => {
  const g = new Generator(2)
  const [x, y] = [cloud(g, 10_000, 2), cloud(g, 10_000, 2)]
  const start = performance.now()
  const found = hausdorff(x, y)
  expect(performance.now() - start).toBeLessThan(2000)
  expect(found).toBe(Math.max(directedHausdorff(x, y).distance, directedHausdorff(y, x).distance))
})

test("sets that are empty, of different spaces or too far apart are refused by name", () => {
  expect(() => hausdorff([], [1])).toThrow("hausdorff: x is empty")
  expect(() => hausdorff([[1, 2]], [1])).toThrow("hausdorff: points of x have 2 coordinates, those of y 1")
  expect(() => directedHausdorff([1], [Infinity])).toThrow("directedHausdorff: y entry [0] is Infinity")
  expect(() => hausdorff([0], [1e200])).toThrow("hausdorff: a squared distance overflows")
})
