import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { array } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import { distances } from "./distances.ts"
import { type OptimalTransport, optimalTransport } from "./optimal-transport.ts"

const fixture = JSON.parse(readFileSync(new URL("./fixtures/transport.json", import.meta.url), "utf8"))

/** What makes a plan right and optimal: marginals, no negative mass, feasible prices, and a gap of 0. */
function check(
  cost: ArrayLike<number>,
  source: ArrayLike<number>,
  target: ArrayLike<number>,
  { plan, cost: least, u, v }: OptimalTransport,
): void {
  const [n, m] = plan.shape
  const [size, total] = [Math.max(...Array.from(cost, Math.abs), 1), Array.from(source).reduce((a, b) => a + b, 0)]
  const columns = new Float64Array(m)
  let dual = 0
  for (let i = 0; i < n; i++) {
    let row = 0
    for (let j = 0; j < m; j++) {
      const mass = plan.data[i * m + j]
      if (mass < 0) expect.fail(`plan[${i}, ${j}] is ${mass}`)
      row += mass
      columns[j] += mass
      const slack = cost[i * m + j] - u[i] - v[j]
      if (slack < -1e-12 * size) expect.fail(`slack[${i}, ${j}] is ${slack}`)
      if (mass > 0 && slack > 1e-12 * size) expect.fail(`mass ${mass} moves at slack ${slack}`)
    }
    if (Math.abs(row - source[i]) > 1e-14 * total) expect.fail(`row ${i} has ${row}, not ${source[i]}`)
    dual += source[i] * u[i]
  }
  for (let j = 0; j < m; j++) {
    if (Math.abs(columns[j] - target[j]) > 1e-14 * total) expect.fail(`column ${j} has ${columns[j]}, not ${target[j]}`)
    dual += target[j] * v[j]
  }
  expect(Math.abs(least - dual)).toBeLessThan(1e-12 * size * total)
}

/** The least cost of an assignment by trying every permutation. */
function bruteForce(cost: readonly (readonly number[])[]): number {
  const n = cost.length
  const visit = (row: number, taken: number): number => {
    if (row === n) return 0
    let least = Infinity
    for (let j = 0; j < n; j++)
      if (!((taken >> j) & 1)) least = Math.min(least, cost[row][j] + visit(row + 1, taken | (1 << j)))
    return least
  }
  return visit(0, 0) / n
}

test("the least cost is that of SciPy's linear programs to 1e-12, with marginals met and no duality gap", () => {
  for (const { x, y, a, b, power, cost } of fixture.clouds) {
    const c = distances(x, y, { power })
    const found = optimalTransport(c, { source: a, target: b })
    expect(Math.abs(found.cost - cost)).toBeLessThan(1e-12)
    check(c.data, a, b, found)
  }
  const { cost, a, b, least } = fixture.whole
  const found = optimalTransport(cost, { source: a, target: b })
  expect(found.cost).toBe(least)
  check(cost.flat(), a, b, found)
})

test("small problems cost what trying every assignment finds, and the root of the cost is the distance: 3 from 0 to 3 for every p [E07]", () => {
  const g = new Generator(1)
  for (let k = 0; k < 60; k++) {
    const n = 1 + g.integer(6)
    const cost = Array.from({ length: n }, () => Array.from({ length: n }, () => g.integer(10) - 3))
    const found = optimalTransport(cost)
    expect(found.cost).toBeCloseTo(bruteForce(cost), 13)
    check(cost.flat(), new Float64Array(n).fill(1 / n), new Float64Array(n).fill(1 / n), found)
  }
  for (const p of [1, 1.5, 2, 3, 7]) {
    const { cost } = optimalTransport(distances([0], [3], { power: p }))
    // Without the root, as the notes print it, p = 2 would say 9.
    expect(cost).toBeCloseTo(3 ** p, 10)
    expect(cost ** (1 / p)).toBeCloseTo(3, 14)
  }
})

test("the plan of an optimal transport on a line is monotone for p > 1 [E08]", () => {
  const g = new Generator(2)
  for (let k = 0; k < 40; k++) {
    const [n, m] = [2 + g.integer(12), 2 + g.integer(12)]
    const x = Float64Array.from({ length: n }, () => g.normal()).sort()
    const y = Float64Array.from({ length: m }, () => g.normal(1, 2)).sort()
    const source = Float64Array.from({ length: n }, () => 1 + g.integer(9))
    const share = source.reduce((a, b) => a + b, 0) / m
    const p = [1.2, 2, 3][k % 3]
    const { plan } = optimalTransport(distances(x, y, { power: p }), {
      source,
      target: new Float64Array(m).fill(share),
    })
    let last = -1
    for (let i = 0; i < n; i++) {
      const to = Array.from(plan.data.subarray(i * m, (i + 1) * m).keys()).filter((j) => plan.data[i * m + j] > 1e-12)
      if (!(to[0] >= last)) expect.fail(`${x[i]} goes to ${y[to[0]]}, an earlier point to ${y[last]}`)
      last = to[to.length - 1]
    }
  }
  // At p = 1 crossing costs the same: x = (0, 1), y = (5, 3) is 7 either way (notes 003, lemma 3.1, say less).
  const crossed = distances([0, 1], [5, 3], { power: 1 }).data
  expect(crossed[0] + crossed[3]).toBe(crossed[1] + crossed[2])
})

test("degenerate problems of 300 points are solved: equal masses, equal costs, points on a grid", () => {
  const g = new Generator(3)
  const n = 300
  const even = new Float64Array(n).fill(1 / n)
  const cases = [
    Float64Array.from({ length: n * n }, () => g.integer(3)),
    new Float64Array(n * n).fill(2),
    Float64Array.from({ length: n * n }, (_, at) => Math.abs((at % n) - Math.floor(at / n))),
    Float64Array.from({ length: n * n }, () => g.uniform()),
  ]
  for (const data of cases) {
    const found = optimalTransport(array("float64", [n, n], data))
    check(data, even, even, found)
    // Equal masses on both sides move whole: the plan is a permutation, without dust.
    const moved = found.plan.data.filter((v) => v > 0)
    expect(moved.length).toBe(n)
    for (const v of moved) expect(v * n).toBeCloseTo(1, 13)
  }
})

test("points of no mass stay still and still have feasible prices; masses need not add up to 1", () => {
  const cost = [
    [4, 1, 9],
    [2, 8, 3],
    [-7, 5, 5],
  ]
  const [source, target] = [
    [30, 0, 10],
    [0, 25, 15],
  ]
  const found = optimalTransport(cost, { source, target })
  check(cost.flat(), source, target, found)
  expect(found.cost).toBe(25 * 1 + 5 * 9 + 10 * 5)
  const alone = optimalTransport([[5]], { source: [1e-300], target: [1e-300] })
  expect(alone.plan.data[0] / 1e-300).toBeCloseTo(1, 14)
  const huge = optimalTransport([[1, 2]], { source: [1e200] })
  for (const v of huge.plan.data) expect(v / 5e199).toBeCloseTo(1, 14)
})

test("a price says how fast the cost grows with mass at its point", () => {
  const g = new Generator(4)
  const cost = Array.from({ length: 6 }, () => Array.from({ length: 5 }, () => g.uniform()))
  const source = Float64Array.from({ length: 6 }, () => 1 + g.uniform())
  const target = new Float64Array(5).fill(source.reduce((a, b) => a + b, 0) / 5)
  const { cost: before, u, v } = optimalTransport(cost, { source, target })
  const step = 1e-6
  source[2] += step
  target[3] += step
  expect((optimalTransport(cost, { source, target }).cost - before) / step).toBeCloseTo(u[2] + v[3], 8)
})

test("wrong masses and costs are refused by name", () => {
  const cost = [
    [1, 2],
    [3, 4],
  ]
  expect(() => optimalTransport(cost, { source: [1], target: [0.5, 0.5] })).toThrow(
    "optimalTransport: source has 1 masses, expected 2, one for each row of the cost",
  )
  expect(() => optimalTransport(cost, { source: [0.5, 0.6], target: [0.5, 0.5] })).toThrow(
    "optimalTransport: source adds up to 1.1, target to 1, expected the same (divide each by its sum)",
  )
  expect(() => optimalTransport(cost, { target: [-1, 2] })).toThrow("optimalTransport: target[0] is -1")
  expect(() => optimalTransport(cost, { target: [0, 0] })).toThrow("optimalTransport: target adds up to 0")
  expect(() => optimalTransport(cost, { target: [0, Number.NaN] })).toThrow("optimalTransport: target[1] is NaN")
  expect(() => optimalTransport([[1, Number.NaN]])).toThrow("optimalTransport: cost entry [0, 1] is NaN")
  expect(() => optimalTransport([1, 2])).toThrow("optimalTransport: cost has shape [2]")
  expect(() => optimalTransport(cost, { maxPivots: 1 })).toThrow("optimalTransport: no optimum after 1 pivots")
  expect(() => distances([[1, 2]], [3])).toThrow("distances: points of x have 2 coordinates, those of y 1")
  expect(() => distances([1], [3], { power: 0 })).toThrow("distances: power is 0, expected a finite number above 0")
  expect(() => distances([1], [3], { metric: "taxi" as "cityblock" })).toThrow("distances: metric is taxi")
  expect(() => distances([0], [1e200], { power: 2 })).toThrow("distances: the result overflows")
})

test("distances of the three metrics, to a power", () => {
  const [x, y] = [[[0, 0]], [[3, -4]]]
  expect(distances(x, y).data[0]).toBe(5)
  expect(distances(x, y, { power: 2 }).data[0]).toBe(25)
  expect(distances(x, y, { metric: "cityblock" }).data[0]).toBe(7)
  expect(distances(x, y, { metric: "chebyshev", power: 2 }).data[0]).toBe(16)
})
