import { expect, test } from "vitest"
import { gradientAt, integral, normalDensity, printedHeight, valueAt } from "../../examples/linalg-gaussian.ts"
import { integralRemainder, printedRemainder, taylorPolynomial } from "../../examples/linalg-taylor.ts"
import { array } from "../engine/array.ts"
import { fillNormal, keyOf } from "../engine/random.ts"
import { add, column, diag, scale, subtract, transpose } from "./arithmetic.ts"
import { definiteness } from "./definite.ts"
import type { Real } from "./matrix.ts"
import { norm } from "./norm.ts"
import { dot, matmul } from "./product.ts"
import { qr } from "./qr.ts"
import { contourAxes, criticalPoint, curvature, gaussianHeight, quadraticForm, taylor2 } from "./quadratic.ts"
import { rotation } from "./rotation.ts"

const gauss = (seed: number, ...shape: number[]): Real =>
  array("float64", shape, fillNormal(new Float64Array(shape.reduce((p, n) => p * n, 1)), keyOf(seed)))
const vector = (...v: number[]): Real => array("float64", [v.length], Float64Array.from(v))
const symmetric = (a: Real): Real => scale(0.5, add(a, transpose(a)))
function withEigenvalues(seed: number, values: readonly number[]): Real {
  const { q } = qr(gauss(seed, values.length, values.length))
  return symmetric(matmul(matmul(q, diag([...values])), transpose(q)))
}
const quadraticAt = (a: Real, b: Real, x: Real): number => quadraticForm(a, x) + dot(b, x)
const gradientOf = (a: Real, b: Real, x: Real): Real => add(scale(2, matmul(a, x)), b)

test("x = -A^-1 b / 2 is the minimum, maximum or saddle of x^T A x + b^T x by the definiteness of A [C41]", () => {
  const cases = [
    ["minimum", [1, 2, 5]],
    ["maximum", [-1, -2, -0.3]],
    ["saddle", [-1, 2, 3]],
  ] as const
  for (const [kind, values] of cases) {
    for (let seed = 0; seed < 100; seed++) {
      const a = withEigenvalues(seed, values)
      const b = gauss(seed + 300, 3)
      const found = criticalPoint(a, b)
      expect(found.kind).toBe(kind)
      expect(found.isUnique).toBe(true)
      expect(norm(gradientOf(a, b, found.point))).toBeLessThan(1e-12)
      const here = quadraticAt(a, b, found.point)
      const changes = Array.from({ length: 40 }, (_, t) => {
        const step = gauss(t + 41 * seed, 3)
        const there = quadraticAt(a, b, add(found.point, step))
        // q(x + d) - q(x) = d^T A d
        expect(Math.abs(there - here - quadraticForm(a, step))).toBeLessThan(1e-11)
        return Math.sign(there - here)
      })
      const seen = new Set(changes)
      expect(seen.has(1)).toBe(kind !== "maximum")
      expect(seen.has(-1)).toBe(kind !== "minimum")
    }
  }
})

test("a singular A has critical points exactly where b is in its range, b = 0 or not", () => {
  const valley = criticalPoint(diag([1, 0]), [2, 0])
  expect(valley.kind).toBe("valley")
  expect(valley.isUnique).toBe(false)
  expect(Array.from(valley.point.data)).toEqual([-1, -0])
  for (const t of [-3, 0, 7]) expect(norm(gradientOf(diag([1, 0]), vector(2, 0), vector(-1, t)))).toBe(0)
  expect(() => criticalPoint(diag([1, 0]), [0, 1])).toThrow(/criticalPoint: the linear term has a part outside/)
  expect(criticalPoint(diag([-1, 0]), [0, 0]).kind).toBe("ridge")
  expect(criticalPoint(diag([0, 0]), [0, 0]).kind).toBe("flat")
})

test("contours of the gradient's length are ellipsoids with semi-axes c / (2 |lambda_i|) along v_i [C42]", () => {
  for (let seed = 0; seed < 100; seed++) {
    const values = [1, 4, -0.5].slice(0, 2 + (seed % 2))
    const n = values.length
    const a = withEigenvalues(seed, values)
    const b = gauss(seed + 900, n)
    const level = 3
    const { lengths, values: lambda, directions } = contourAxes(a, level)
    const { point } = criticalPoint(a, b)
    for (let i = 0; i < n; i++) {
      const v = column(directions, i)
      const end = add(point, scale(level / (2 * lambda.data[i]), v))
      // The gradient there is c v, and the way there is as long as the semi-axis.
      expect(norm(subtract(gradientOf(a, b, end), scale(level, v)))).toBeLessThan(1e-12)
      expect(norm(subtract(end, point))).toBeCloseTo(lengths.data[i], 12)
      expect(lengths.data[i]).toBeCloseTo(level / (2 * Math.abs(lambda.data[i])), 14)
    }
    // Any point of the ellipsoid, not only the ends of its axes.
    const u = gauss(seed + 4000, n)
    const unit = scale(1 / norm(u), u)
    const d = vector(...unit.data.map((x, i) => x * lengths.data[i]))
    expect(norm(gradientOf(a, b, add(point, matmul(directions, d))))).toBeCloseTo(level, 11)
  }
  // The printed formula, sum d^2 / (4 lambda^2) = 1, on a point of the contour for lambda = (1, 4), c = 3.
  const { lengths } = contourAxes(diag([1, 4]), 3)
  const d = [lengths.data[0] * 0.6, lengths.data[1] * 0.8]
  const printed = d[0] ** 2 / 4 + d[1] ** 2 / 64
  const right = (4 * d[0] ** 2 + 64 * d[1] ** 2) / 9
  expect(right).toBeCloseTo(1, 14)
  expect(printed).toBeCloseTo(0.2039, 4)
  // A larger |eigenvalue| of A, or of the precision matrix, makes a shorter axis; a larger one of the covariance a longer.
  expect(lengths.data[1]).toBeLessThan(lengths.data[0])
  const precision = contourAxes(diag([1 / 18, 1 / 2]), 1).lengths.data
  expect(precision[0] / precision[1]).toBeCloseTo(9, 12)
  expect(() => contourAxes(diag([1, 0]))).toThrow(/contourAxes: eigenvalue .* is zero/)
  expect(() => contourAxes(diag([1, 2]), 0)).toThrow(/level is 0/)
})

test("a Gaussian function has q's critical point, gradient g grad q, and integral 1 at height sqrt(det(-A) / pi^n) [C43]", () => {
  const mean = vector(1, -2)
  const covariance = matmul(matmul(rotation(0.4), diag([2, 3])), transpose(rotation(0.4)))
  const g = normalDensity(mean, symmetric(covariance))
  expect(integral(g)).toBeCloseTo(1, 11)
  expect(g.height).toBeCloseTo(1 / (2 * Math.PI * Math.sqrt(6)), 15)
  expect(g.height).toBeCloseTo(0.064975, 6)
  expect(printedHeight(g.a)).toBeCloseTo(0.7797, 4)
  expect(integral({ ...g, height: printedHeight(g.a) })).toBeCloseTo(12, 10)
  const found = criticalPoint(g.a, g.b)
  expect(found.kind).toBe("maximum")
  expect(norm(subtract(found.point, mean))).toBeLessThan(1e-14)
  expect(Math.hypot(...gradientAt(g, mean))).toBeLessThan(1e-15)
  for (let k = 0; k < 100; k++) {
    const x = gauss(k, 2)
    const slope = gradientAt(g, x)
    for (let i = 0; i < 2; i++) {
      const e = vector(i === 0 ? 1e-5 : 0, i === 1 ? 1e-5 : 0)
      const difference = (valueAt(g, add(x, e)) - valueAt(g, subtract(x, e))) / 2e-5
      expect(Math.abs(difference - slope[i])).toBeLessThan(1e-11)
    }
  }
  // One variable: the printed root is of a negative number, the right height is 1 / sqrt(2 pi).
  expect(gaussianHeight([[-0.5]])).toBeCloseTo(1 / Math.sqrt(2 * Math.PI), 15)
  expect(printedHeight(array("float64", [1, 1], Float64Array.of(-0.5)))).toBeNaN()
  expect(() => gaussianHeight(diag([-1, 0]))).toThrow(/gaussianHeight: eigenvalue .* is not negative/)
})

test("an indefinite Hessian has a direction up and a direction down: x^2 - y^2 is a saddle [C44]", () => {
  const test2 = curvature([
    [2, 0],
    [0, -2],
  ])
  expect(test2.kind).toBe("saddle")
  expect([test2.most, test2.least]).toEqual([2, -2])
  expect(Math.abs(test2.up.data[0])).toBe(1)
  expect(Math.abs(test2.down.data[1])).toBe(1)
  // U(t) = f(t u) has a strict minimum at 0 and V(t) = f(t v) a strict maximum, by differences of f itself.
  const f = (x: number, y: number): number => x ** 2 - y ** 2 + 0.3 * x ** 3 - 0.2 * y ** 4
  const along = (u: Real, t: number): number => f(t * u.data[0], t * u.data[1])
  const second = (u: Real): number => (along(u, 1e-3) - 2 * along(u, 0) + along(u, -1e-3)) / 1e-6
  expect(second(test2.up)).toBeCloseTo(2, 4)
  expect(second(test2.down)).toBeCloseTo(-2, 4)
  for (let k = 0; k < 300; k++) {
    const n = 2 + (k % 4)
    const h = symmetric(gauss(k, n, n))
    const { kind, up, down, most, least } = curvature(h)
    expect(quadraticForm(h, up)).toBeCloseTo(most, 12)
    expect(quadraticForm(h, down)).toBeCloseTo(least, 12)
    expect(kind === "saddle").toBe(most > 0 && least < 0)
    expect(definiteness(h) === "indefinite").toBe(kind === "saddle")
  }
})

test("Taylor's second order with its half has an error of third order; without it x^2 from 0 to 1 is 2 [C45]", () => {
  expect(taylor2(0, [0], [[2]], [1])).toBe(1)
  expect(quadraticForm([[2]], [1])).toBe(2)
  const f = (x: number, y: number): number => Math.exp(x) * Math.sin(y) + x * x * y
  const [x, y] = [0.3, 0.8]
  const [ex, s, c] = [Math.exp(x), Math.sin(y), Math.cos(y)]
  const gradient = [ex * s + 2 * x * y, ex * c + x * x]
  const hessian = [
    [ex * s + 2 * y, ex * c + 2 * x],
    [ex * c + 2 * x, -ex * s],
  ]
  const errorAt = (h: number): number => {
    const d = [0.6 * h, -0.8 * h]
    return Math.abs(f(x + d[0], y + d[1]) - taylor2(f(x, y), gradient, hessian, d))
  }
  for (const h of [0.2, 0.1, 0.05, 0.025]) {
    expect(errorAt(h) / errorAt(h / 2)).toBeGreaterThan(6.5)
    expect(errorAt(h) / errorAt(h / 2)).toBeLessThan(9.5)
  }
  // Without the half the error is of second order.
  const printed = (h: number): number => {
    const d = vector(0.6 * h, -0.8 * h)
    return Math.abs(f(x + d.data[0], y + d.data[1]) - f(x, y) - dot(gradient, d) - quadraticForm(hessian, d))
  }
  expect(printed(0.02) / printed(0.01)).toBeLessThan(4.5)
})

test("Taylor's remainder is the integral of f^(n+1)(t) (x-t)^n / n!: .2182818 for e^x, n = 2; as printed .8591 [C46]", () => {
  expect(integralRemainder(Math.exp, 2, 0, 1)).toBeCloseTo(Math.E - 2.5, 12)
  expect(integralRemainder(Math.exp, 2, 0, 1)).toBeCloseTo(0.2182818, 7)
  expect(printedRemainder(Math.exp, 2, 0, 1)).toBeCloseTo(0.8591, 4)
  for (let n = 0; n <= 6; n++) {
    for (const [x0, x] of [
      [0, 1],
      [0.5, -1],
      [-1, 2],
    ]) {
      const derivatives = Array.from({ length: n + 1 }, (_, k) => Math.sin(x0 + (k * Math.PI) / 2))
      const next = (t: number): number => Math.sin(t + ((n + 1) * Math.PI) / 2)
      const sum = taylorPolynomial(derivatives, x0, x) + integralRemainder(next, n, x0, x)
      expect(sum).toBeCloseTo(Math.sin(x), 11)
    }
  }
})
