import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { concat } from "../engine/ops/movement.ts"
import { prod } from "../engine/ops/reduce.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { bisection, brent, findRoot, leastSquares, newtonRoot, solveSystem, stationary } from "./index.ts"

const { abs, cbrt, exp, cos } = Math

/** The functions of fixtures/make.py, by name. */
const functions: Readonly<Record<string, (x: number) => number>> = {
  "cos x - x": (x) => cos(x) - x,
  "x^3 - 2x - 5": (x) => x ** 3 - 2 * x - 5,
  "x e^(-x^2)": (x) => x * exp(-x * x),
  "(x - 1)^7": (x) => (x - 1) ** 7,
  "sign(x) sqrt|x|": (x) => Math.sign(x) * Math.sqrt(abs(x)),
  "1 / (x - pi)": (x) => 1 / (x - Math.PI),
  "e^x - 1e-8": (x) => exp(x) - 1e-8,
}

const { roots } = JSON.parse(readFileSync(new URL("./fixtures/scipy.json", import.meta.url), "utf8")) as {
  readonly roots: readonly {
    readonly name: string
    readonly low: number
    readonly high: number
    readonly root: number
    readonly evaluations: number
  }[]
}

test("Brent's method finds SciPy's roots with no more evaluations than brentq, times 1.2", () => {
  expect(roots.length).toBe(Object.keys(functions).length)
  for (const { name, low, high, root, evaluations } of roots) {
    const found = findRoot(functions[name], low, high, { tolerance: 2e-12 })
    expect(found.isConverged, name).toBe(true)
    expect(abs(found.x - root), name).toBeLessThan(name === "(x - 1)^7" ? 1e-2 : 1e-11 * Math.max(1, abs(root)))
    expect(found.evaluations, name).toBeLessThanOrEqual(1.2 * evaluations + 2)
  }
})

test("brackets always hold a sign change, and bisection halves them", () => {
  for (const { name, low, high } of roots) {
    const f = functions[name]
    for (const method of [bisection, brent]) {
      let last = Number.POSITIVE_INFINITY
      for (const b of method(f, low, high)) {
        expect(b.high - b.low).toBeLessThanOrEqual(last)
        last = b.high - b.low
        if (b.value !== 0) expect(Math.sign(f(b.low)) * Math.sign(f(b.high))).toBeLessThanOrEqual(0)
        expect(b.value).toBe(f(b.x))
      }
    }
    const widths = [...bisection(f, low, high)].map((b) => b.high - b.low)
    for (let k = 1; k < Math.min(20, widths.length - 1); k++) expect(widths[k] / widths[k - 1]).toBeCloseTo(0.5, 6)
  }
  expect(findRoot((x) => x ** 3 - 2, 0, 2).x).toBeCloseTo(cbrt(2), 15)
  expect(findRoot((x) => x ** 3 - 2, 0, 2, { method: bisection }).x).toBeCloseTo(cbrt(2), 15)
  // A root at an end, one next to 0, and one so wide apart that the middle must not overflow.
  expect(findRoot((x) => x, 0, 1)).toMatchObject({ x: 0, isConverged: true })
  expect(abs(findRoot((x) => x - 1e-300, -1, 1).x - 1e-300)).toBeLessThan(1e-310)
  expect(findRoot((x) => x - 3, -1.7e308, 1.7e308, { method: bisection }).x).toBeCloseTo(3, 13)
})

test("a search without a sign change, or that meets NaN, is refused by name", () => {
  expect(() => findRoot((x) => x * x + 1, -1, 1)).toThrow(
    "brent: the function is 2 at -1 and 2 at 1, expected different signs",
  )
  expect(() => findRoot((x) => x, 1, -1)).toThrow("brent: got the interval [1, -1]")
  expect(() => findRoot((x) => x, 0, Number.POSITIVE_INFINITY, { method: bisection })).toThrow(
    "bisection: got the interval",
  )
  expect(() => findRoot((x) => (x === 0.5 ? Number.NaN : x - 0.4), 0, 1, { method: bisection })).toThrow(
    "bisection: the function is NaN at 0.5",
  )
  expect(findRoot((x) => x ** 3 - 2, 0, 2, { maxSteps: 2 }).isConverged).toBe(false)
})

test("systems are solved by Newton's method, with damping from farther off", () => {
  const circle = (x: Tensor): Tensor => {
    const [u, v] = x.split([1, 1])
    return concat([u.square().add(v.square()).sub(4), u.exp().add(v).sub(1)])
  }
  const found = solveSystem(circle, [1, -1.7])
  expect(found.isConverged).toBe(true)
  const [u, v] = found.x.data
  expect(u * u + v * v).toBeCloseTo(4, 12)
  expect(exp(u) + v).toBeCloseTo(1, 12)
  // arctan from 2: full steps run away, damped ones do not.
  const arctan = {
    value: (x: Float64Array) => x.map(Math.atan),
    jacobian: (x: Float64Array) => x.map((w) => 1 / (1 + w * w)),
  }
  const far = [...newtonRoot(arctan, [2], { maxSteps: 6 })].map((s) => abs(s.x[0]))
  expect(far.at(-1)).toBeGreaterThan(1e6)
  expect(solveSystem(arctan, [2], { damped: true })).toMatchObject({ isConverged: true })
  const tree = solveSystem(
    ({ a, b }: { a: Tensor; b: Tensor }) => concat([a.add(b).sub(3).reshape([1]), a.sub(b).sub(1).reshape([1])]),
    { a: 0, b: 0 },
  )
  expect([tree.x.a.data[0], tree.x.b.data[0]]).toEqual([2, 1])
  expect(() => solveSystem((x: Tensor) => x.sum(), [1, 2])).toThrow("solveSystem: 1 equations of 2 unknowns")
  expect(() => solveSystem((x: Tensor) => x.sum().add(x.mul(0)).sub(1), [1, 2])).toThrow(
    "solveSystem: the Jacobian is singular at [1, 2]",
  )
  expect(() => solveSystem((x: Tensor) => x.log(), -1)).toThrow("solveSystem: the function is not finite")
})

test("a curve is fitted to SciPy's parameters by Levenberg and Marquardt's method, exact data by Gauss and Newton's", () => {
  const { x, y, fit, cost } = (
    JSON.parse(readFileSync(new URL("./fixtures/scipy.json", import.meta.url), "utf8")) as {
      readonly squares: { readonly x: number[]; readonly y: number[]; readonly fit: number[]; readonly cost: number }
    }
  ).squares
  const times = constant(x, "float64")
  const model = (p: Tensor): Tensor => {
    const [a, b, c] = p.split([1, 1, 1])
    return a.mul(times.mul(b.neg()).exp()).add(c)
  }
  const found = leastSquares((p: Tensor) => model(p).sub(constant(y, "float64")), [1, 1, 0])
  expect(found.isConverged).toBe(true)
  for (const [i, v] of fit.entries()) expect(found.x.data[i]).toBeCloseTo(v, 6)
  expect(found.value).toBeCloseTo(cost, 10)
  // Far off, where the full step leads nowhere, the damping does.
  expect(leastSquares((p: Tensor) => model(p).sub(constant(y, "float64")), [10, 3, -5]).value).toBeCloseTo(cost, 8)
  // A linear problem takes one step without damping.
  const line = leastSquares(
    (p: Tensor) =>
      times
        .mul(p.slice([[0, 1]]))
        .add(p.slice([[1]]))
        .sub(times.mul(2)),
    [0, 1],
    { damping: 0 },
  )
  expect(line.step).toBe(1)
  expect(line.x.data[0]).toBeCloseTo(2, 12)
  expect(() => leastSquares((p: Tensor) => p.sum(), [1, 2])).toThrow("leastSquares: 1 residuals of 2 unknowns")
})

test("several constraints have a multiplier each, and saddles and lone points are told", () => {
  // Nearest point of a line in space to the origin: x + y + z = 3, x - y = 1.
  const found = stationary(
    (x: Tensor) => x.square().sum().mul(0.5),
    (x: Tensor) => {
      const [u, v, w] = x.split([1, 1, 1])
      return concat([u.add(v).add(w).sub(3), u.sub(v).sub(1)])
    },
    [0, 0, 0],
  )
  expect(found).toMatchObject({ kind: "minimum", isConverged: true, steps: 1 })
  for (const [i, v] of [1.5, 0.5, 1].entries()) expect(found.x.data[i]).toBeCloseTo(v, 12)
  expect(found.multipliers[0]).toBeCloseTo(1, 12)
  expect(found.multipliers[1]).toBeCloseTo(0.5, 12)
  // x^2 - y^2 on the plane z = 1 has a saddle at (0, 0, 1).
  const saddle = stationary(
    (x: Tensor) =>
      x
        .square()
        .mul(constant([1, -1, 0], "float64"))
        .sum(),
    (x: Tensor) => x.slice([[2]]).sub(1),
    [1, 1, 0],
  )
  expect(saddle.kind).toBe("saddle")
  expect(
    stationary(
      (x: Tensor) => prod(x),
      (x: Tensor) => x.sub(2),
      [1, 1],
    ).kind,
  ).toBe("isolated")
  // The same constraint twice: no one multiplier.
  expect(() =>
    stationary(
      (x: Tensor) => x.square().sum(),
      (x: Tensor) => concat([x.sum().reshape([1]).sub(1), x.sum().reshape([1]).sub(1)]),
      [0, 0],
    ),
  ).toThrow("stationary: the Jacobian is singular")
  expect(() =>
    stationary(
      (x: Tensor) => x.square().sum(),
      (x: Tensor) => x.sum(),
      [0, 0],
      { multipliers: [1, 2] },
    ),
  ).toThrow("got 2 multipliers for 1 constraints")
})
