/** The notes on ordinary differential equations as numbers (systems N11-N14), by the public functions of tweedie/ode. */
import { expect, test } from "vitest"
import { expm } from "../../src/linalg/expm.ts"
import { matmul } from "../../src/linalg/product.ts"
import { euler, heun, integrate, linearEquation, midpoint, rk4, rk45, type Slope, solve } from "../../src/ode/index.ts"

const { abs, atan2, cos, exp, hypot, log, log2, max, sin, tan } = Math
const fine = rk45({ rtol: 1e-10, atol: 1e-12 })

test("linear equations of any order are followed, y'' + y = 0 to the cosine; equations need not be linear [N11]", () => {
  const times = Array.from({ length: 40 }, (_, i) => (i + 1) / 4)
  const found = solve(linearEquation([1, 0, 1]), [0, 10], [1, 0], { method: fine, times })
  for (const [k, t] of times.entries()) {
    expect(found.states[k][0]).toBeCloseTo(cos(t), 8)
    expect(found.states[k][1]).toBeCloseTo(-sin(t), 8)
  }
  // Coefficients that move: t^2 y'' + t y' - 4 y = 0 has t^2 and t^-2; with b = -5t added it has -5t / 3 ... as well.
  const euler2 = linearEquation([-4, (t) => t, (t) => t * t])
  expect(solve(euler2, [1, 3], [1, 2], { method: fine }).y[0]).toBeCloseTo(9, 7)
  expect(solve(euler2, [1, 3], [1, -2], { method: fine }).y[0]).toBeCloseTo(1 / 9, 7)
  // y = -t: t^2 * 0 + t * (-1) - 4 (-t) + b = 3 t + b.
  const pushed = linearEquation([-4, (t) => t, (t) => t * t], (t) => -3 * t)
  expect(solve(pushed, [1, 3], [-1, -1], { method: fine }).y[0]).toBeCloseTo(-3, 7)
  // Of the first order, and of the third: y''' = y.
  expect(solve(linearEquation([2, 1]), [0, 1], [1], { method: fine }).y[0]).toBeCloseTo(exp(-2), 9)
  expect(solve(linearEquation([-1, 0, 0, 1]), [0, 1], [1, 1, 1], { method: fine }).y[0]).toBeCloseTo(Math.E, 8)
  expect(() => solve(euler2, [0, 1], [1, 2])).toThrow("the coefficient of the highest derivative is 0 at t = 0")
  // What the notes' definition leaves out: y' = 1 + y^2 is no such equation, and is the tangent.
  expect(solve((_, y) => [1 + y[0] ** 2], [0, 1.2], [0], { method: fine }).y[0]).toBeCloseTo(tan(1.2), 8)
  // As a system with constants it is the matrix exponential.
  const a = [
    [0, 1],
    [-1, -0.3],
  ]
  const exact = matmul(expm(a.map((row) => row.map((v) => 2 * v))), [[1], [0.5]]).data
  const damped = solve(linearEquation([1, 0.3, 1]), [0, 2], [1, 0.5], { method: fine }).y
  for (const [i, v] of damped.entries()) expect(v).toBeCloseTo(exact[i], 9)
})

test("Euler's method goes along the field and is of order 1; it is a Runge-Kutta step whose slopes are one [N12]", () => {
  const field: Slope = (t, [u, v]) => [v, -u + 0 * t]
  const [, first] = [...integrate(field, [0, 1], [1, 0], { method: euler({ steps: 10 }) })]
  expect([...first.y]).toEqual([1, -0.1])
  const error = (steps: number): number => {
    const { y } = solve(field, [0, 1], [1, 0], { method: euler({ steps }) })
    return hypot(y[0] - cos(1), y[1] + sin(1))
  }
  const errors = [50, 100, 200, 400].map(error)
  for (let k = 1; k < errors.length; k++) expect(log2(errors[k - 1] / errors[k])).toBeCloseTo(1, 1)
  expect(log2(errors[2] / errors[3])).toBeCloseTo(1, 1.9)
  // (1 + t / n)^n, exactly, on y' = y.
  expect(solve((_, y) => y, [0, 1], [1], { method: euler({ steps: 10 }) }).y[0]).toBeCloseTo(1.1 ** 10, 14)
  // Where the slope is the same everywhere all methods are one.
  for (const method of [euler({ steps: 3 }), midpoint({ steps: 3 }), heun({ steps: 3 }), rk4({ steps: 3 })])
    expect(solve(() => [2], [0, 1], [1], { method }).y[0]).toBeCloseTo(3, 14)
})

test("a step of RK4 on y' = y is the exponential's first five terms, and its error falls by 16 with half the step [N13]", () => {
  const growth: Slope = (_, y) => y
  const [, once] = [...integrate(growth, [0, 1], [1], { method: rk4({ steps: 10 }) })]
  expect(once.y[0]).toBeCloseTo(1.1051708333, 10)
  expect(once.y[0]).toBeCloseTo(1 + 0.1 + 0.1 ** 2 / 2 + 0.1 ** 3 / 6 + 0.1 ** 4 / 24, 15)
  expect(exp(0.1) - once.y[0]).toBeCloseTo(8.474e-8, 10)
  const errors = [10, 20, 40].map((steps) => abs(solve(growth, [0, 1], [1], { method: rk4({ steps }) }).y[0] - Math.E))
  expect(log2(errors[0] / errors[1])).toBeCloseTo(3.94, 2)
  expect(log2(errors[1] / errors[2])).toBeCloseTo(3.97, 2)
  // The slopes look at h / 2 where they should: an equation of the time alone is Simpson's rule, exact for cubics.
  expect(solve((t) => [4 * t ** 3 - t], [0, 2], [7], { method: rk4({ steps: 1 }) }).y[0]).toBeCloseTo(7 + 16 - 2, 13)
  // y is the start plus the integral, not the integral alone, as the notes have it.
  expect(solve((t) => [cos(t)], [0, 1], [3], { method: rk4({ steps: 50 }) }).y[0]).toBeCloseTo(3 + sin(1), 9)
})

test("integral curves are tangent to their field; on the circle's, RK4 keeps the radius to the fourth order of the step [N14]", () => {
  const field: Slope = (_, [u, v]) => [-v, u]
  const drift = (steps: number): number => {
    let worst = 0
    for (const { y } of integrate(field, [0, 2 * Math.PI], [1, 0], { method: rk4({ steps }) }))
      worst = max(worst, abs(hypot(...y) - 1))
    return worst
  }
  const drifts = [20, 40, 80].map(drift)
  for (let k = 1; k < drifts.length; k++) expect(log2(drifts[k - 1] / drifts[k])).toBeGreaterThan(4)
  expect(drifts[2]).toBeLessThan(((2 * Math.PI) / 80) ** 4)
  // Euler's curve spirals out: each step lengthens the radius by sqrt(1 + h^2).
  const spiral = solve(field, [0, 2 * Math.PI], [1, 0], { method: euler({ steps: 40 }) }).y
  expect(log(hypot(...spiral))).toBeCloseTo(20 * log(1 + (Math.PI / 20) ** 2), 12)
  // Tangency, of the curve between two steps: its direction is the field's.
  const swirl: Slope = (t, [u, v]) => [-v + 0.3 * u, u + 0.3 * v - 0.1 * t]
  const before = { t: 0 }
  for (const { t, at, h } of integrate(swirl, [0, 3], [1, 0.5], { method: fine })) {
    if (h > 0) {
      const middle = (before.t + t) / 2
      const [a, b] = [at(middle - h / 100), at(middle + h / 100)]
      const [du, dv] = Array.from(swirl(middle, at(middle)))
      expect(atan2(b[1] - a[1], b[0] - a[0]) - atan2(dv, du)).toBeCloseTo(0, 5)
    }
    before.t = t
  }
})
