/**
 * The notes on Newton's methods, line searches and conjugate gradients as numbers (systems F20-F24), in float64,
 * by the public functions of tweedie/minimize; where a printed sentence is wrong, how far off it is
 * (docs/errata/optimisation.md).
 */
import { describe, expect, test } from "vitest"
import { hostValue } from "../../src/engine/evaluate.ts"
import { sin } from "../../src/engine/ops/elementwise.ts"
import { Generator } from "../../src/engine/random.ts"
import { constant, type Tensor } from "../../src/engine/tensor.ts"
import { isPositiveDefinite } from "../../src/linalg/definite.ts"
import { matmul } from "../../src/linalg/product.ts"
import { solve } from "../../src/linalg/solve.ts"
import {
  bfgs,
  bfgsInverse,
  bfgsUpdate,
  definitenessAt,
  gradientDescent,
  iterate,
  linearCg,
  lineSearch,
  minimize,
  newton,
  newtonRoot,
  program,
  quadratic,
  type Step,
  solveCg,
  solveSystem,
} from "../../src/minimize/index.ts"
import { real } from "./differences.ts"

import { diagonal, take, turned } from "./quadratics.ts"

const { abs, hypot, sqrt, max } = Math

const matrix = (rows: readonly (readonly number[])[]) => rows as number[][]
const rosenbrock = (x: Tensor): Tensor => {
  const [a, b] = [x.slice([[0, -1]]), x.slice([[1]])]
  return b.sub(a.square()).square().mul(100).add(a.sub(1).square()).sum()
}

describe("Newton's methods", () => {
  test("Newton's root of x^2 - 2 doubles its right digits with every step [F20]", () => {
    const steps = [...newtonRoot((x: Tensor) => x.square().sub(2), 1.5, { tolerance: 1e-15 })]
    const errors = steps.map(({ x }) => abs(x.data[0] - Math.SQRT2))
    for (let k = 1; k < errors.length && errors[k - 1] > 1e-7; k++) {
      // e' = e^2 / 2x exactly: x - (x^2 - 2) / 2x - r = (x - r)^2 / 2x.
      expect(errors[k] / errors[k - 1] ** 2).toBeCloseTo(1 / (2 * steps[k - 1].x.data[0]), 2)
    }
    expect(steps.length).toBeLessThanOrEqual(6)
    expect(errors.at(-1)).toBeLessThan(3e-16)
    // At a double root only a half is gained a step; and from 0, x^3 - 2x + 2 sends Newton from 0 to 1 and back.
    const halves = take(
      newtonRoot((x: Tensor) => x.square(), 1),
      12,
    )
    for (const [k, { x }] of halves.entries()) expect(x.data[0]).toBe(2 ** -k)
    const cycle = (x: Tensor): Tensor => x.pow(3).sub(x.mul(2)).add(2)
    expect(take(newtonRoot(cycle, 0), 5).map(({ x }) => x.data[0])).toEqual([0, 1, 0, 1, 0])
    expect(solveSystem(cycle, 0).isConverged).toBe(false)
  })

  test("Newton's minimum of a quadratic is one step away; the method also runs to saddles, and needs H invertible [F21]", () => {
    const none = { method: newton({ safeguard: "none" }) }
    const a = turned([0.1, 1, 3, 20, 400], 7)
    const b = [1, -2, 0.5, 3, 1]
    const once = minimize(quadratic(a, b), [5, 5, 5, 5, 5], none)
    expect(once).toMatchObject({ step: 1, isConverged: true })
    const right = solve(a, b).data
    for (const [i, v] of once.x.entries()) expect(v).toBeCloseTo(right[i], 10)

    const saddle = (x: Tensor): Tensor =>
      x
        .square()
        .mul(real([1, -1]))
        .sum()
    const found = minimize(saddle, [3, 2], none)
    expect([...found.x.data]).toEqual([0, 0])
    expect(definitenessAt(saddle, [0, 0])).toBe("indefinite")
    // With a floor added, the plain method still runs to the saddle; the safe one to a minimum.
    const wells = (x: Tensor): Tensor => {
      const [u, v] = x.split([1, 1])
      return u.square().sub(v.square()).add(v.square().square().mul(0.25)).sum()
    }
    expect(hypot(...minimize(wells, [1, 0.3], none).x.data)).toBeLessThan(1e-8)
    const safe = minimize(wells, [1, 0.3], { method: newton() })
    expect(safe.value).toBeCloseTo(-1, 12)
    expect(safe.x.data[1]).toBeCloseTo(sqrt(2), 8)
    expect(definitenessAt(wells, safe.x)).toBe("positive definite")

    const flat = (x: Tensor): Tensor => x.sum().square()
    expect(() => minimize(flat, [1, 2], none)).toThrow(/^newton: the Hessian is singular at \[1, 2\]/)
    expect(minimize(flat, [1, 2], { method: newton() }).value).toBeLessThan(1e-15)
  })

  test("BFGS finds Rosenbrock's minimum; its matrices map s to y, stay positive definite, and give its directions [F22]", () => {
    const steps: Step[] = []
    const f = program(rosenbrock, [-1.2, 1])
    const run = iterate(f, [-1.2, 1], { method: bfgs(), tolerance: 1e-8 })
    let next = run.next()
    for (; next.done !== true; next = run.next()) steps.push(next.value)
    expect(next.value).toMatchObject({ isConverged: true, reason: "gradient" })
    expect(next.value.gradientNorm).toBeLessThan(1e-8)
    expect(hypot(next.value.x[0] - 1, next.value.x[1] - 1)).toBeLessThan(1e-7)

    const two = (data: Float64Array) => ({ dtype: "float64", shape: [2, 2], data }) as const
    let g: Float64Array | undefined
    let h: Float64Array | undefined
    for (let k = 1; k < steps.length; k++) {
      const [from, to] = [steps[k - 1], steps[k]]
      const s = to.x.map((v, i) => v - from.x[i])
      const y = to.gradient.map((v, i) => v - from.gradient[i])
      if (g !== undefined) {
        // The step was along -G grad.
        const p = g.map((_, i) => (i < 2 ? -(g![2 * i] * from.gradient[0] + g![2 * i + 1] * from.gradient[1]) : 0))
        expect(hypot(s[0] - to.rate * p[0], s[1] - to.rate * p[1])).toBeLessThan(1e-9 * hypot(...s) + 1e-15)
      }
      const scale = (s[0] * y[0] + s[1] * y[1]) / (y[0] ** 2 + y[1] ** 2)
      g = bfgsInverse(g ?? Float64Array.of(scale, 0, 0, scale), s, y)
      h = bfgsUpdate(h ?? Float64Array.of(1 / scale, 0, 0, 1 / scale), s, y)
      const hs = [h[0] * s[0] + h[1] * s[1], h[2] * s[0] + h[3] * s[1]]
      expect(hypot(hs[0] - y[0], hs[1] - y[1])).toBeLessThan(1e-9 * hypot(...y))
      const gy = [g[0] * y[0] + g[1] * y[1], g[2] * y[0] + g[3] * y[1]]
      expect(hypot(gy[0] - s[0], gy[1] - s[1])).toBeLessThan(1e-9 * hypot(...s))
      expect(isPositiveDefinite(two(h))).toBe(true)
      expect(isPositiveDefinite(two(g))).toBe(true)
      const { data } = matmul(two(h), two(g))
      expect(max(abs(data[0] - 1), abs(data[1]), abs(data[2]), abs(data[3] - 1))).toBeLessThan(1e-6)
    }
    // Without upward curvature between two points no positive definite matrix maps s to y.
    expect(() => bfgsUpdate(Float64Array.of(1), Float64Array.of(1), Float64Array.of(-1))).toThrow(/y\.s is -1/)
  })

  test("at the end of a line search both of Wolfe's inequalities hold [F23]", () => {
    const random = new Generator(11)
    const functions: ((x: Tensor) => Tensor)[] = [
      rosenbrock,
      (x) =>
        x
          .square()
          .add(sin(x.mul(5)).mul(0.7))
          .sum(),
      (x) => x.exp().sum().add(x.mul(-3).exp().sum()),
      (x) => x.square().add(1e-3).sqrt().sum(),
    ]
    let searches = 0
    for (const fn of functions) {
      const f = program(fn, [0, 0, 0])
      for (let k = 0; k < 25; k++) {
        const x = Float64Array.from([0, 0, 0], () => random.uniform(-2, 2))
        const g = f.gradient(x)
        const scale = 10 ** random.uniform(-3, 3)
        const p = g.map((v) => -scale * v * random.uniform(0.2, 1))
        const slope = p.reduce((s, v, i) => s + v * g[i], 0)
        for (const [c1, c2] of [
          [1e-4, 0.9],
          [1e-4, 0.1],
          [0.3, 0.4],
        ]) {
          const found = lineSearch(f, x, p, { c1, c2 })
          const to = x.map((v, i) => v + found.rate * p[i])
          expect([...found.x]).toEqual([...to])
          expect(f.value(to)).toBeLessThanOrEqual(f.value(x) + c1 * found.rate * slope)
          expect(abs(f.gradient(to).reduce((s, v, i) => s + v * p[i], 0))).toBeLessThanOrEqual(c2 * abs(slope))
          searches++
        }
        const { rate, value } = lineSearch(f, x, p, { condition: "armijo" })
        expect(value).toBeLessThanOrEqual(f.value(x) + 1e-4 * rate * slope)
      }
    }
    expect(searches).toBe(300)
    // Halving alone may stop where the slope is still steep; the exact step of a quadratic leaves none.
    const valley = quadratic(diagonal(1, 100))
    const tiny = lineSearch(valley, [1, 0], [-1e-3, 0], { condition: "armijo" })
    expect(abs(tiny.slope)).toBeGreaterThan(0.9 * 1e-3)
    const [from, to] = take(iterate(valley, [3, 1], { method: gradientDescent({ rate: "exact" }) }), 2)
    expect(abs(to.gradient[0] * from.gradient[0] + to.gradient[1] * from.gradient[1])).toBeLessThan(1e-10)
    expect(() => lineSearch(valley, [1, 1], [1, 1])).toThrow(/^lineSearch: no step/)
  })

  test("conjugate gradients solve a definite system in n steps and find negative curvature; descent misses a saddle [F24]", () => {
    const pictures = {
      definite: diagonal(3, 1),
      negative: diagonal(-3, -1),
      valley: diagonal(1, 0),
      saddle: diagonal(1, -1),
    }
    const kinds = Object.values(pictures).map((a) => definitenessAt(quadratic(a), [0, 0]))
    expect(kinds).toEqual(["positive definite", "negative definite", "positive semidefinite", "indefinite"])
    // In three dimensions a singular form can be a saddle too.
    expect(definitenessAt(quadratic(diagonal(1, 0, -1)), [0, 0, 0])).toBe("indefinite")

    const n = 8
    const b = Array.from({ length: n }, (_, i) => (i % 3) - 0.7)
    const a = turned([1, 2, 3, 5, 8, 13, 21, 34], 2)
    const steps = [...iterate(quadratic(a, b), new Float64Array(n), { method: linearCg(), tolerance: 1e-10 })]
    expect(steps.length - 1).toBeLessThanOrEqual(n)
    expect(steps[n - 2].gradientNorm).toBeGreaterThan(1e-6)
    const exact = solve(a, b).data
    for (const [i, v] of steps.at(-1)!.x.entries()) expect(v).toBeCloseTo(exact[i], 9)
    // Gradients are orthogonal and steps conjugate.
    for (let i = 1; i < n; i++) {
      for (let j = 0; j < i; j++) {
        const [g, h] = [steps[i].gradient, steps[j].gradient]
        expect(abs(g.reduce((s, v, k) => s + v * h[k], 0)) / (hypot(...g) * hypot(...h))).toBeLessThan(1e-7)
      }
    }
    // As many steps as there are different eigenvalues.
    const three = [
      ...iterate(quadratic(turned([1, 1, 1, 4, 4, 9, 9, 9], 3), b), new Float64Array(n), { method: linearCg() }),
    ]
    expect(three).toHaveLength(4)
    const solved = solveCg(a, b).data
    for (const [i, v] of solved.entries()) expect(v).toBeCloseTo(exact[i], 9)

    // The valley: singular, with a line of solutions where b allows one; a start finds the nearest.
    const line = minimize(quadratic(pictures.valley, [2, 0]), [0, 5], { method: linearCg() })
    expect([...line.x]).toEqual([2, 5])
    // A hill and a saddle have no minimum, which both methods notice.
    for (const method of [linearCg(), gradientDescent({ rate: "exact" })]) {
      expect(minimize(quadratic(pictures.negative), [1, 1], { method })).toMatchObject({
        reason: "negative curvature",
        step: 0,
      })
      expect(minimize(quadratic(pictures.saddle), [1, 2], { method })).toMatchObject({ reason: "negative curvature" })
    }
    expect(() => solveCg(diagonal(1, -1), [1, 2])).toThrow(/^solveCg: the matrix is not positive definite/)
    // Along the ridge fixed steps end at the saddle; the least push aside and they run away.
    const fixed = { method: gradientDescent({ rate: 0.1 }), maxSteps: 300, tolerance: 1e-12 }
    expect(hypot(...minimize(quadratic(pictures.saddle), [1, 0], fixed).x)).toBeLessThan(1e-11)
    expect(abs(minimize(quadratic(pictures.saddle), [1, 1e-9], fixed).x[1])).toBeGreaterThan(1)
  })
})

test("values of tensors and plain functions agree", () => {
  const a = matrix([
    [2, 1],
    [1, 3],
  ])
  const x = [0.3, -0.7]
  const traced = (t: Tensor): Tensor =>
    t
      .mul(
        constant(a, "float64")
          .matmul(t.reshape([2, 1]))
          .reshape([2]),
      )
      .sum()
      .mul(0.5)
  expect(quadratic(a).value(Float64Array.from(x))).toBeCloseTo(hostValue(traced(real(x))).data[0] as number, 15)
})
