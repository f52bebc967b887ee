import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { Generator } from "../engine/random.ts"
import { type Kernel, mmd, mmdTest } from "./mmd.ts"

const { mmd: fixture } = JSON.parse(readFileSync(new URL("./fixtures/distances.json", import.meta.url), "utf8"))
const { x, y } = fixture

const kernels: Readonly<Record<string, Kernel>> = {
  gaussian: { kind: "gaussian", bandwidth: fixture.bandwidth },
  polynomial: { kind: "polynomial" },
  energy: { kind: "energy" },
}

const sample = (count: number, seed: number, center = 0, width = 1): number[] => {
  const generator = new Generator(seed)
  return Array.from({ length: count }, () => generator.normal(center, width))
}

test("both estimates are NumPy's double sums for every kernel, and the energy kernel's is SciPy's energy distance", () => {
  for (const [name, kernel] of Object.entries(kernels)) {
    expect(mmd(x, y, { kernel })).toBeCloseTo(fixture.unbiased[name], 12)
    expect(mmd(x, y, { kernel, isUnbiased: false })).toBeCloseTo(fixture.biased[name], 12)
    expect(mmd(y, x, { kernel })).toBeCloseTo(mmd(x, y, { kernel }), 12)
    expect(mmd(x, x, { kernel, isUnbiased: false })).toBe(0)
  }
  const first = (rows: number[][]): number[] => rows.map(([v]) => v)
  const found = mmd(first(x), first(y), { kernel: { kind: "energy" }, isUnbiased: false })
  expect(Math.sqrt(found)).toBeCloseTo(fixture.energy_first, 12)
  const median: Kernel = { kind: "gaussian", bandwidth: fixture.median }
  expect(mmd(x, y)).toBeCloseTo(mmd(x, y, { kernel: median }), 14)
})

test("the unbiased estimate averages to 0 for equal laws, where the biased one cannot", () => {
  const kernel: Kernel = { kind: "gaussian", bandwidth: 1 }
  let unbiased = 0
  let biased = 0
  const rounds = 200
  for (let k = 0; k < rounds; k++) {
    const [a, b] = [sample(20, 2 * k), sample(20, 2 * k + 1)]
    unbiased += mmd(a, b, { kernel }) / rounds
    biased += mmd(a, b, { kernel, isUnbiased: false }) / rounds
  }
  expect(Math.abs(unbiased)).toBeLessThan(0.005)
  expect(biased).toBeGreaterThan(0.02)
})

test("the test's statistic is the discrepancy, its p-value small for different laws and uniform for equal ones", () => {
  for (const kernel of Object.values(kernels)) {
    for (const isUnbiased of [true, false]) {
      const { statistic } = mmdTest(x, y, { kernel, isUnbiased, permutations: 1 })
      expect(statistic).toBeCloseTo(mmd(x, y, { kernel, isUnbiased }), 11)
    }
  }
  const apart = mmdTest(sample(40, 1), sample(40, 2, 0, 2.5), { permutations: 199 })
  expect(apart.pValue).toBe(1 / 200)
  expect(apart.permutations).toBe(199)
  const rounds = 300
  let below = 0
  let half = 0
  for (let k = 0; k < rounds; k++) {
    const { pValue } = mmdTest(sample(10, 500 + 2 * k), sample(12, 501 + 2 * k), { permutations: 39, source: k })
    if (pValue <= 0.1) below++
    if (pValue <= 0.5) half++
  }
  // Binomial: 30 +- 5.2 and 150 +- 8.7.
  expect(below).toBeGreaterThan(12)
  expect(below).toBeLessThan(48)
  expect(Math.abs(half - 150)).toBeLessThan(30)
})

test("equal samples are never called different: ties count", () => {
  const points = [1, 1, 1, 2, 2, 2]
  expect(mmdTest(points, points, { permutations: 99, kernel: { kind: "gaussian", bandwidth: 1 } }).pValue).toBe(1)
})

test("samples and kernels that do not fit are refused by name", () => {
  expect(() => mmd([[1, 2]], [[1], [2]])).toThrow("mmd: points of x have 2 coordinates, those of y 1")
  expect(() => mmd([1], [1, 2])).toThrow("mmd: samples have 1 and 2 points, expected two or more of each")
  expect(() => mmd([1, 1], [1, 1])).toThrow("mmd: the median distance of the points is 0, so no bandwidth follows")
  expect(() => mmd([1, 2], [3, 4], { kernel: { kind: "gaussian", bandwidth: 0 } })).toThrow(
    "mmd: kernel.bandwidth is 0, expected a finite number above 0",
  )
  expect(() => mmd([1, 2], [3, 4], { kernel: { kind: "cubic" } as unknown as Kernel })).toThrow(
    "mmd: kernel.kind is cubic, expected gaussian, polynomial or energy",
  )
  expect(() => mmd([1, Number.NaN], [3, 4])).toThrow("mmd: x entry [1] is NaN, expected a finite number")
  expect(() => mmdTest([1, 2], [3, 4], { permutations: 0 })).toThrow("mmdTest: permutations is 0")
  expect(() => mmd([[[1]]], [1])).toThrow("mmd: x has shape [1, 1, 1], expected points [count, dimension] or [count]")
})
