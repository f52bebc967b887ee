import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { mmd } from "../stats/mmd.ts"
import { distances } from "./distances.ts"
import { optimalTransport } from "./optimal-transport.ts"
import { type Sinkhorn, sinkhorn } from "./sinkhorn.ts"
import { sinkhornDivergence } from "./sinkhorn-divergence.ts"
import { wasserstein1d } from "./wasserstein.ts"

const fixture = JSON.parse(readFileSync(new URL("./fixtures/transport.json", import.meta.url), "utf8"))

const cloud = (g: Generator, n: number, shift = 0) =>
  array(
    "float64",
    [n, 2],
    Float64Array.from({ length: 2 * n }, () => g.normal(shift)),
  )

/** Rows and columns of a plan, added up. */
function marginals({ plan }: Sinkhorn): [Float64Array, Float64Array] {
  const [n, m] = plan.shape
  const [rows, columns] = [new Float64Array(n), new Float64Array(m)]
  plan.data.forEach((v, at) => {
    rows[Math.floor(at / m)] += v
    columns[at % m] += v
  })
  return [rows, columns]
}

const gap = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a, (v, i) => Math.abs(v - b[i])).reduce((x, y) => x + y, 0)

test("plan, cost and value are POT's to 1e-12, with and without stages", () => {
  const { cost, a, b, regularization, plan, transport, value } = fixture.sinkhorn
  for (const scaling of [0.5, 1]) {
    const found = sinkhorn(cost, { source: a, target: b, regularization, scaling, tolerance: 1e-14 })
    expect(found.hasConverged).toBe(true)
    expect(gap(found.plan.data, plan.flat())).toBeLessThan(1e-12)
    expect(found.cost).toBeCloseTo(transport, 12)
    expect(found.value).toBeCloseTo(value, 12)
  }
})

test("marginals are met to the error reported, and the plan is the Gibbs kernel of the potentials", () => {
  const g = new Generator(1)
  const cost = distances(cloud(g, 30), cloud(g, 40, 1), { power: 2 })
  const source = Float64Array.from({ length: 30 }, () => 0.1 + g.uniform())
  const found = sinkhorn(cost, { source, tolerance: 1e-10 })
  const share = source.reduce((x, y) => x + y, 0)
  const [rows, columns] = marginals(found)
  expect(found.error).toBeLessThan(1e-10)
  expect(
    gap(
      rows,
      source.map((v) => v / share),
    ),
  ).toBeCloseTo(found.error, 12)
  expect(gap(columns, new Float64Array(40).fill(1 / 40))).toBeLessThan(1e-12)
  const { plan, f, g: price, regularization } = found
  for (let at = 0; at < plan.data.length; at++) {
    const [i, j] = [Math.floor(at / 40), at % 40]
    const gibbs = (source[i] / share / 40) * Math.exp((f[i] + price[j] - cost.data[at]) / regularization)
    if (Math.abs(plan.data[at] - gibbs) > 1e-14) expect.fail(`plan[${i}, ${j}]`)
  }
})

test("for smaller epsilon the cost comes down to the exact one, and never below; costs of 1e5 epsilon stay finite", () => {
  const g = new Generator(2)
  const cost = distances(cloud(g, 25), cloud(g, 25, 2), { power: 2 })
  const exact = optimalTransport(cost).cost
  const most = Math.max(...cost.data)
  let last = Infinity
  for (const share of [1, 0.1, 0.01, 0.001]) {
    const found = sinkhorn(cost, { regularization: share * most, tolerance: 1e-4 })
    expect(found.hasConverged).toBe(true)
    expect(found.cost).toBeGreaterThan(exact - 1e-4 * most)
    expect(found.cost).toBeLessThan(last)
    last = found.cost
  }
  expect(last / exact).toBeLessThan(1.002)
  // Here convergence takes longer than anyone waits, and what there is after 500 iterations is said and sound.
  const { cost: rough, error, hasConverged } = sinkhorn(cost, { regularization: 1e-5 * most, maxIterations: 500 })
  expect(hasConverged).toBe(false)
  expect(error).toBeLessThan(0.2)
  expect(rough / exact).toBeGreaterThan(0.9)
  expect(rough / exact).toBeLessThan(1.1)
})

test("iterations that run out are reported, and the plan still has the right columns", () => {
  const g = new Generator(3)
  const cost = distances(cloud(g, 20), cloud(g, 20, 3), { power: 2 })
  for (const maxIterations of [1, 3, 30]) {
    const found = sinkhorn(cost, { regularization: 0.01, maxIterations })
    expect(found.iterations).toBe(maxIterations)
    expect(found.hasConverged).toBe(false)
    const [rows, columns] = marginals(found)
    expect(gap(columns, new Float64Array(20).fill(0.05))).toBeLessThan(1e-10)
    expect(gap(rows, new Float64Array(20).fill(0.05))).toBeCloseTo(found.error, 10)
  }
})

test("points of no weight change nothing, and two far clusters are no trouble", () => {
  const cost = distances([0, 1, 1000], [0.5, 1000.5, 1001], { power: 2 })
  const wide = sinkhorn(cost, { source: [1, 0, 1], target: [0.5, 0, 0.5], regularization: 1 })
  const narrow = sinkhorn(distances([0, 1000], [0.5, 1001], { power: 2 }), { regularization: 1 })
  expect(wide.value).toBeCloseTo(narrow.value, 10)
  expect(Array.from(wide.f).every(Number.isFinite) && Array.from(wide.g).every(Number.isFinite)).toBe(true)
  expect(wide.plan.data[8]).toBeCloseTo(0.5, 12)
  expect(sinkhorn([[0]]).plan.data[0]).toBe(1)
})

test("the divergence is that of three problems of POT's, symmetric, 0 between equals and positive otherwise", () => {
  const { x, y, a, b, regularization, value } = fixture.divergence
  const options = { regularization, tolerance: 1e-13 }
  const found = sinkhornDivergence(x, y, { xWeights: a, yWeights: b, ...options })
  expect(found.value).toBeCloseTo(value, 11)
  expect(found.hasConverged).toBe(true)
  expect(sinkhornDivergence(y, x, { xWeights: b, yWeights: a, ...options }).value).toBeCloseTo(value, 11)
  expect(Math.abs(sinkhornDivergence(x, x, { xWeights: a, yWeights: a, ...options }).value)).toBeLessThan(1e-12)
  const g = new Generator(4)
  for (let k = 0; k < 10; k++) {
    for (const power of [1, 2])
      expect(sinkhornDivergence(cloud(g, 8), cloud(g, 9), { power }).value).toBeGreaterThan(0.01)
  }
})

test("the divergence goes from W_p^p for small epsilon to half the discrepancy of -distance^p for a large one", () => {
  const g = new Generator(5)
  const [x, y] = [
    Float64Array.from({ length: 12 }, () => g.normal()),
    Float64Array.from({ length: 15 }, () => g.normal(1)),
  ]
  const small = sinkhornDivergence(x, y, { power: 1, regularization: 0.002, tolerance: 1e-6, maxIterations: 100_000 })
  expect(small.hasConverged).toBe(true)
  expect(small.value).toBeCloseTo(wasserstein1d(x, y), 2)
  const large = sinkhornDivergence(x, y, { power: 1, regularization: 1e5 })
  expect(large.value).toBeCloseTo(mmd(x, y, { kernel: { kind: "energy" }, isUnbiased: false }) / 2, 4)
})

test("options out of range are refused by name", () => {
  expect(() => sinkhorn([[1]], { regularization: 0 })).toThrow("sinkhorn: regularization is 0")
  expect(() => sinkhorn([[1]], { scaling: 0 })).toThrow("sinkhorn: scaling is 0, expected a number above 0, at most 1")
  expect(() => sinkhorn([[1]], { tolerance: Number.NaN })).toThrow("sinkhorn: tolerance is NaN")
  expect(() => sinkhorn([[1]], { maxIterations: 0.5 })).toThrow("sinkhorn: maxIterations is 0.5")
  expect(() => sinkhorn([[1, 2]], { source: [1, 1] })).toThrow("sinkhorn: source has 2 entries, expected 1")
  expect(() => sinkhorn([[1, Infinity]])).toThrow("sinkhorn: cost entry [0, 1] is Infinity")
  expect(() => sinkhornDivergence([1], [2], { yWeights: [-1] })).toThrow("sinkhornDivergence: yWeights[0] is -1")
  expect(() => sinkhornDivergence([1], [[2, 3]])).toThrow("sinkhornDivergence: points of x have 1 coordinates")
})
