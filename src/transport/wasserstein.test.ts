import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import {
  cauchy,
  integrate,
  jsDivergence,
  jsMonteCarlo,
  klDivergence,
  klMonteCarlo,
  normal,
  studentT,
  uniform,
} from "../stats/index.ts"
import { distances } from "./distances.ts"
import { monotoneCoupling } from "./monotone.ts"
import { optimalTransport } from "./optimal-transport.ts"
import { wasserstein, wasserstein1d, wassersteinLaws } from "./wasserstein.ts"

const fixture = JSON.parse(readFileSync(new URL("./fixtures/transport.json", import.meta.url), "utf8"))

const draw = (g: Generator, n: number): number[] => Array.from({ length: n }, () => g.normal(0, 1 + 3 * g.uniform()))

test("on a line and in space, distances are SciPy's and POT's", () => {
  for (const { x, y, a, b, w1, w1_plain, w } of fixture.lines) {
    expect(wasserstein1d(x, y)).toBeCloseTo(w1_plain, 13)
    expect(wasserstein1d(x, y, { xWeights: a, yWeights: b })).toBeCloseTo(w1, 13)
    for (const p of ["1.5", "2", "3"]) {
      expect(wasserstein1d(x, y, { p: Number(p), xWeights: a, yWeights: b })).toBeCloseTo(w[p], 12)
    }
  }
  for (const { x, y, a, b, power, cost } of fixture.clouds) {
    const found = wasserstein(x, y, { p: power, xWeights: a, yWeights: b })
    expect(found).toBeCloseTo(cost ** (1 / power), 12)
  }
})

test("the quantile form is the linear program's for every p, the distribution functions' form for p = 1 only [E09]", () => {
  const g = new Generator(1)
  for (let k = 0; k < 30; k++) {
    const [x, y] = [draw(g, 2 + g.integer(9)), draw(g, 2 + g.integer(9))]
    const xWeights = x.map(() => g.integer(4) + (k % 2))
    if (Math.max(...xWeights) === 0) xWeights[0] = 1
    const sum = xWeights.reduce((a, b) => a + b, 0)
    const yWeights = new Array(y.length).fill(sum / y.length)
    for (const p of [1, 1.5, 2, 4]) {
      const { cost } = optimalTransport(distances(x, y, { power: p }), { source: xWeights, target: yWeights })
      expect(wasserstein1d(x, y, { p, xWeights, yWeights })).toBeCloseTo((cost / sum) ** (1 / p), 11)
    }
  }
  // The area between the distribution functions of point masses at 0 and 3 is 3 for every p.
  const area = (p: number): number => integrate((s) => Math.abs((s >= 0 ? 1 : 0) - (s >= 3 ? 1 : 0)) ** p, 0, 3).value
  expect(area(1)).toBeCloseTo(wasserstein1d([0], [3]), 12)
  expect(wasserstein1d([0], [3], { p: 2 })).toBe(3)
  expect(area(2) ** (1 / 2)).toBeCloseTo(Math.sqrt(3), 12)
  expect(wasserstein1d([0], [3], { p: Infinity })).toBe(3)
})

test("four squares at 0 to one each at 1, 2, 3, 4: work 10; for p = 2 the sum of 4^p ... 1^p is right only where no mass is in place [E10]", () => {
  const bins = [0, 1, 2, 3, 4]
  const work = (common: number, power: number): number => {
    const source = [4 + common, common, common, common, common]
    const target = [common, 1 + common, 1 + common, 1 + common, 1 + common]
    const { cost } = optimalTransport(distances(bins, bins, { power }), { source, target })
    const mass = 4 + 5 * common
    const line = wasserstein1d(bins, bins, { p: power, xWeights: source, yWeights: target })
    expect(mass * line ** power).toBeCloseTo(cost, 11)
    return cost
  }
  for (const common of [0, 1, 3]) expect(work(common, 1)).toBeCloseTo(4 + 3 + 2 + 1, 12)
  expect(work(0, 2)).toBeCloseTo(16 + 9 + 4 + 1, 12)
  expect(work(1, 2)).toBeCloseTo(16, 12)
  expect(work(3, 2)).toBeCloseTo(10, 12)
  expect(work(0, 3)).toBeCloseTo(100, 11)
  expect(work(1, 3)).toBeCloseTo(28, 11)
})

test("for uniform laws apart, KL is infinite, JS log 2, and the Wasserstein distance the shift [E06]", () => {
  const still = uniform()
  for (const shift of [1, 2, 5, 40]) {
    const moved = uniform({ low: shift, high: shift + 1 })
    expect(klMonteCarlo(still, moved, { count: 1000 }).mean).toBe(Infinity)
    expect(jsMonteCarlo(still, moved, { count: 1000 }).mean).toBeCloseTo(Math.LN2, 14)
    expect(wassersteinLaws(still, moved)).toBeCloseTo(shift, 10)
    expect(wassersteinLaws(still, moved, { p: 2 })).toBeCloseTo(shift, 10)
  }
  // The same on a grid of 64 cells, four to a law.
  const cells = Array.from({ length: 64 }, (_, i) => i)
  const at = (first: number): number[] => cells.map((i) => (i >= first && i < first + 4 ? 0.25 : 0))
  for (const shift of [4, 10, 60]) {
    expect(klDivergence(at(0), at(shift))).toBe(Infinity)
    expect(jsDivergence(at(0), at(shift))).toBe(Math.LN2)
    expect(wasserstein1d(cells, cells, { xWeights: at(0), yWeights: at(shift) })).toBeCloseTo(shift, 12)
  }
})

test("ripples of higher frequency come closer to the flat density, 1 / (2 pi k), while their L1 distance stays 2 / pi [E13]", () => {
  const cells = 4096
  const x = Float64Array.from({ length: cells }, (_, i) => (i + 0.5) / cells)
  for (const k of [1, 4, 16, 64]) {
    const rippled = x.map((v) => 1 + Math.sin(2 * Math.PI * k * v))
    const found = wasserstein1d(x, x, { xWeights: rippled })
    expect(found * 2 * Math.PI * k).toBeCloseTo(1, 2)
    const l1 = rippled.reduce((sum, v) => sum + Math.abs(v - 1) / cells, 0)
    expect(l1).toBeCloseTo(2 / Math.PI, 2)
  }
})

test("laws have the distances of their closed forms", () => {
  const [a, b] = [normal(), normal({ mean: 4, std: 3 })]
  expect(wassersteinLaws(a, b, { p: 2 })).toBeCloseTo(Math.sqrt(16 + 4), 8)
  expect(wassersteinLaws(a, normal({ mean: 4 }))).toBeCloseTo(4, 10)
  expect(wassersteinLaws(a, a)).toBe(0)
  const scaled = normal({ std: 2 })
  expect(wassersteinLaws(a, scaled)).toBeCloseTo(Math.sqrt(2 / Math.PI), 8)
  expect(wassersteinLaws(studentT({ df: 3 }), uniform())).toBeGreaterThan(0.5)
  expect(() => wassersteinLaws(cauchy(), a)).toThrow(
    "wassersteinLaws: the integral of |U^-1 - V^-1|^1 does not come out",
  )
})

test("W_p is a metric on a line and in space: symmetric, 0 only between equals, no detour shorter; it grows with p", () => {
  const g = new Generator(5)
  for (let k = 0; k < 40; k++) {
    const d = 1 + (k % 3)
    const cloud = (): ReturnType<typeof array<"float64">> => {
      const n = 3 + g.integer(8)
      return array("float64", [n, d], Float64Array.from(draw(g, n * d)))
    }
    const [x, y, z] = [cloud(), cloud(), cloud()]
    const p = [1, 2, 3.5][k % 3]
    const [xy, yz, xz] = [wasserstein(x, y, { p }), wasserstein(y, z, { p }), wasserstein(x, z, { p })]
    expect(wasserstein(y, x, { p })).toBeCloseTo(xy, 12)
    expect(xz).toBeLessThanOrEqual(xy + yz + 1e-12)
    expect(xy).toBeGreaterThan(0.01)
    expect(wasserstein(x, x, { p })).toBe(0)
    expect(wasserstein(x, y, { p: p + 1 })).toBeGreaterThanOrEqual(xy - 1e-12)
    const [a, b] = [x, y].map((c) => ({ ...c, data: c.data.map((v) => 1e6 + 10 * v) }))
    expect(wasserstein(a, b, { p })).toBeCloseTo(10 * xy, 6)
  }
  expect(wasserstein([[0, 0]], [[3, -4]], { metric: "cityblock" })).toBe(7)
  expect(wasserstein([[0, 0]], [[3e200, -4e200]], { p: 3 })).toBeCloseTo(5e200, -186)
})

test("equal weights meet exactly: three points against six leave no dust to move far, even for p = Infinity", () => {
  const [x, y] = [
    [0, 10, 20],
    [0, 0, 10, 10, 20, 20],
  ]
  for (const p of [1, 2, Infinity]) expect(wasserstein1d(x, y, { p })).toBe(0)
  const n = 700
  const many = Array.from({ length: n }, (_, i) => i)
  const twice = many.flatMap((v) => [v, v, v])
  expect(wasserstein1d(many, twice, { p: Infinity })).toBe(0)
  const { from, to, mass } = monotoneCoupling([3, 1, 2], [6, 4, 5])
  expect([Array.from(from), Array.from(to)]).toEqual([
    [1, 2, 0],
    [1, 2, 0],
  ])
  expect(mass.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 15)
  const part = monotoneCoupling([3, 1, 2], [6, 4], { xWeights: [1, 0, 3] })
  expect([Array.from(part.from), Array.from(part.to), Array.from(part.mass)]).toEqual([
    [2, 2, 0],
    [1, 0, 0],
    [0.5, 0.25, 0.25],
  ])
  expect(() => monotoneCoupling([1], [2], { yWeights: [0] })).toThrow("monotoneCoupling: yWeights adds up to 0")
})

test("orders, values and weights that make no distance are refused by name", () => {
  expect(() => wasserstein1d([1], [2], { p: 0.5 })).toThrow(
    "wasserstein1d: p is 0.5, expected a number from 1, or Infinity",
  )
  expect(() => wasserstein([[1, 2]], [[3, 4]], { p: Infinity })).toThrow(
    "wasserstein: p is Infinity, expected a finite number",
  )
  expect(() => wassersteinLaws(normal(), normal(), { p: Number.NaN })).toThrow("wassersteinLaws: p is NaN")
  expect(() => wasserstein1d([], [2])).toThrow("wasserstein1d: x has 0 numbers, expected at least one number")
  expect(() => wasserstein1d([1], [Number.NaN])).toThrow("wasserstein1d: y[0] is NaN")
  expect(() => wasserstein1d([1], [2], { xWeights: [1, 2] })).toThrow(
    "wasserstein1d: xWeights has 2 entries, expected 1",
  )
  expect(() => wasserstein([[1, 2]], [[3, 4]], { yWeights: [-1] })).toThrow("wasserstein: yWeights[0] is -1")
  expect(() => wasserstein1d([1], [2], { yWeights: [0] })).toThrow("wasserstein1d: yWeights adds up to 0")
  expect(() => wasserstein([[0, 0]], [[1.5e308, 1.5e308]])).toThrow("wasserstein: a distance overflows")
})
