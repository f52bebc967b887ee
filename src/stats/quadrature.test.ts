import { expect, test } from "vitest"
import { Generator } from "../engine/random.ts"
import { expectation } from "./expectation.ts"
import { empirical } from "./laws/empirical.ts"
import { gamma } from "./laws/gamma.ts"
import { laplace } from "./laws/laplace.ts"
import { normal } from "./laws/normal.ts"
import { poisson } from "./laws/poisson.ts"
import { uniform } from "./laws/uniform.ts"
import { integrate } from "./quadrature.ts"

test("integrals over finite and infinite ranges, with kinks, peaks and singular ends, are right to the error asked for", () => {
  const cases: [(x: number) => number, number, number, number, { breaks?: number[]; relative?: number }][] = [
    [(x) => x ** 20, 0, 1, 1 / 21, {}],
    [(x) => Math.exp(-x * x), -Infinity, Infinity, Math.sqrt(Math.PI), {}],
    [(x) => 1 / (1 + x * x), 0, Infinity, Math.PI / 2, {}],
    [(x) => Math.exp(x), -Infinity, 0, 1, {}],
    [(x) => Math.abs(x - 1 / 3), 0, 1, (1 / 9 + 4 / 9) / 2, {}],
    [(x) => 1 / Math.sqrt(x), 0, 1, 2, { relative: 1e-9 }],
    [(x) => Math.log(x), 0, 1, -1, {}],
    [(x) => Math.sin(x) ** 2, 0, 200, 100 - Math.sin(400) / 4, {}],
    [(x) => Math.exp(-((x - 700) ** 2) * 5e5), 0, 1000, Math.sqrt(Math.PI / 5e5), { breaks: [699.99, 700, 700.01] }],
  ]
  for (const [f, low, high, expected, options] of cases) {
    const { value, error } = integrate(f, low, high, options)
    expect(Math.abs(value - expected)).toBeLessThan((options.relative ?? 1e-10) * 10 * Math.abs(expected))
    expect(error).toBeLessThan(1e-8 * Math.max(1, Math.abs(expected)))
  }
  expect(integrate((x) => x, 1, 0).value).toBeCloseTo(-0.5, 14)
  expect(() => integrate(() => Number.NaN, 0, 1)).toThrow("integrate: f(")
  expect(() => integrate((x) => Math.sin(1 / x), 0, 1, { panels: 20 })).toThrow("integrate: error")
  expect(() => integrate((x) => x, Number.NaN, 1)).toThrow("integrate: low is NaN")
})

test("Jensen: f(E X) <= E f(X) for convex f, >= for concave, equal for affine f only; weights must be non-negative [D41]", () => {
  const g = new Generator(1)
  const convex: ((x: number) => number)[] = [
    (x) => x * x,
    (x) => Math.exp(x),
    (x) => Math.abs(x - 0.3),
    (x) => Math.max(0, x) ** 3,
    (x) => -Math.log(x + 6),
  ]
  for (let i = 0; i < 10_000; i++) {
    const n = 2 + g.integer(4)
    const values = Float64Array.from({ length: n }, () => g.uniform(-5, 5))
    const weights = values.map(() => -Math.log1p(-g.uniform()))
    const total = weights.reduce((a, b) => a + b, 0)
    const probs = weights.map((v) => v / total)
    const law = empirical({ values, probs })
    const f = convex[i % convex.length]
    const gap = expectation(law, f) - f(law.mean)
    if (!(gap >= -1e-12)) expect.fail(`${values} ${probs}: ${gap}`)
    // strictly above for the strictly convex ones, mirrored for the concave ones
    if (i % convex.length < 2 && !(gap > 0)) expect.fail(`${values} ${probs}: ${gap}`)
    if (!(expectation(law, (x) => -f(x)) <= -f(law.mean) + 1e-12)) expect.fail(`${values}`)
    const line = (x: number): number => 2.5 * x - 1
    if (!(Math.abs(expectation(law, line) - line(law.mean)) < 1e-13 * 30)) expect.fail(`${values}`)
  }
  // for laws with a density too
  for (const law of [normal({ mean: 0.4 }), gamma({ shape: 2 }), uniform(), laplace()]) {
    expect(expectation(law, (x) => x * x) - law.mean ** 2).toBeCloseTo(law.variance, 8)
    expect(expectation(law, (x) => Math.exp(0.3 * x))).toBeGreaterThan(Math.exp(0.3 * law.mean))
  }
  expect(Math.log(expectation(poisson({ rate: 3 }), (x) => x + 1))).toBeGreaterThan(
    expectation(poisson({ rate: 3 }), (x) => Math.log(x + 1)),
  )
  // weights (1.5, -.5) add up to 1 and break it: f(-.5) = .25 > -.5
  const [c, x] = [
    [1.5, -0.5],
    [0, 1],
  ]
  const at = c[0] * x[0] + c[1] * x[1]
  expect(at ** 2).toBeGreaterThan(c[0] * x[0] ** 2 + c[1] * x[1] ** 2)
  expect(() => empirical({ values: x, probs: c })).toThrow("empirical: probs[0] is 1.5, expected a number from 0 to 1")
})

test("an expectation that is not finite, or a sum without end, is refused by name", () => {
  expect(() => expectation(poisson(), (x) => 1 / x)).toThrow("expectation: f(0) is Infinity")
  expect(() => expectation(poisson({ rate: 1e12 }), (x) => x)).toThrow("expectation: the sum over poisson has")
  // 1e6 + 0.001 z is rounded to 1e-7 of its spread
  expect(expectation(normal({ mean: 1e6, std: 1e-3 }), (x) => x) / 1e6).toBeCloseTo(1, 6)
})
