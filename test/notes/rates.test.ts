/**
 * The notes on rates of descent as numbers (systems F15-F18), in float64,
 * by the public functions of tweedie/minimize; where a printed sentence is wrong, how far off it is
 * (docs/errata/optimisation.md).
 */
import { describe, expect, test } from "vitest"
import { sin, softplus } from "../../src/engine/ops/elementwise.ts"
import { Generator } from "../../src/engine/random.ts"
import type { Tensor } from "../../src/engine/tensor.ts"
import {
  conditionAt,
  convexity,
  curvatureAt,
  gradientDescent,
  iterate,
  linearCg,
  lipschitz,
  minimize,
  plConstant,
  program,
  quadratic,
  strongConvexity,
} from "../../src/minimize/index.ts"
import { adam } from "../../src/optim/adam.ts"
import { bowl, descend, settled } from "./descent.ts"
import { real } from "./differences.ts"

import { diagonal, take, turned } from "./quadratics.ts"

const { abs, hypot, log, sqrt, max, min } = Math

describe("rates of descent", () => {
  test("under strong convexity steps of 1/L shrink the error by 1 - mu/L each, at least [F15]", () => {
    const spectrum = [0.5, 1, 2, 7, 10]
    const f = quadratic(turned(spectrum, 1))
    const { least, most } = curvatureAt(f, new Float64Array(5))
    expect(least).toBeCloseTo(0.5, 12)
    expect(most).toBeCloseTo(10, 12)
    const shrink = 1 - least / most
    const path = take(
      iterate(f, [1, -2, 3, 1, 2], { method: gradientDescent({ rate: "lipschitz" }), tolerance: 0 }),
      80,
    )
    for (const [k, { x, rate }] of path.entries()) {
      if (k > 0) expect(rate).toBeCloseTo(1 / most, 14)
      expect(hypot(...x)).toBeLessThanOrEqual(shrink ** k * hypot(...path[0].x) * (1 + 1e-12))
    }
    // It is no slower than that in the end: the softest axis is left.
    expect(hypot(...path[79].x) / hypot(...path[78].x)).toBeCloseTo(shrink, 3)

    // No quadratic: curvature from 1 to 1 + 4 / 4 on each axis, and a minimum that is not at 0.
    const g = (x: Tensor): Tensor => softplus(x.mul(2)).add(x.square().mul(0.5)).sum()
    const corner = strongConvexity(g, [[20, 20]])
    const centre = lipschitz(g, [[0, 0]])
    expect(corner).toBeCloseTo(1, 12)
    expect(centre).toBeCloseTo(2, 12)
    const least2 = minimize(g, [0, 0], { tolerance: 1e-12 })
    const way = take(iterate(g, [3, -2], { method: gradientDescent({ rate: 1 / centre }), tolerance: 0 }), 25)
    for (const [k, { value }] of way.entries())
      expect(value - least2.value).toBeLessThanOrEqual(
        (1 - corner / centre) ** k * (way[0].value - least2.value) + 1e-14,
      )
    // The definition, with mu = 1: f(y) >= f(x) + f'(x)(y - x) + |y - x|^2 / 2; with mu = 2.5 it breaks.
    const { value, gradient } = program(g, [0, 0])
    const gap = (mu: number): number => {
      const random = new Generator(5)
      const draw = (): Float64Array => Float64Array.from([0, 0], () => random.uniform(-4, 4))
      return min(
        ...Array.from({ length: 200 }, () => {
          const [x, y] = [draw(), draw()]
          const slope = gradient(x)
          const d = y.map((v, i) => v - x[i])
          return value(y) - value(x) - slope[0] * d[0] - slope[1] * d[1] - (mu / 2) * (d[0] ** 2 + d[1] ** 2)
        }),
      )
    }
    expect(gap(1)).toBeGreaterThan(0)
    expect(gap(2.5)).toBeLessThan(-0.1)
  })

  test("a step of 1/L, L of the gradient, falls by |gradient|^2 / 2L at least, and without a floor leads nowhere [F16]", () => {
    const ripple = (x: Tensor): Tensor =>
      sin(x.mul(2))
        .mul(0.5)
        .add(softplus(x.mul(real([3, 1]))))
        .sum()
    // |2 sin'' / 2| <= 2 and 9/4: L = 4.25 bounds the sum.
    const L = 2 + 9 / 4
    const grid = Array.from({ length: 200 }, (_, i) => [-4 + i / 25, 4 - i / 25])
    expect(lipschitz(ripple, grid)).toBeLessThan(L)
    for (const start of [
      [2, -1],
      [0.3, 3],
      [-3, 0],
    ]) {
      const path = take(iterate(ripple, start, { method: gradientDescent({ rate: 1 / L }), tolerance: 1e-6 }), 60)
      for (let k = 1; k < path.length; k++)
        expect(path[k - 1].value - path[k].value).toBeGreaterThanOrEqual(
          path[k - 1].gradientNorm ** 2 / (2 * L) - 1e-15,
        )
    }
    // Of a quadratic's stiff axis a step of 1/L takes exactly that, and one beyond 2/L climbs.
    const stiff = quadratic(diagonal(1, 10))
    const [from, to] = take(iterate(stiff, [0, 1], { method: gradientDescent({ rate: "lipschitz" }) }), 2)
    expect(from.value - to.value).toBeCloseTo(from.gradientNorm ** 2 / 20, 14)
    const far = take(iterate(stiff, [0, 1], { method: gradientDescent({ rate: 0.21 }) }), 20)
    expect(far[19].value).toBeGreaterThan(far[0].value)
    // -x^2/2 is smooth with L = 1: its decrease is as promised, and x doubles at every step.
    const hill = take(iterate(quadratic([[-1]]), [1], { method: gradientDescent({ rate: "lipschitz" }) }), 11)
    expect(hill[10].x[0]).toBe(1024)
  })

  test("the condition number slows descent in proportion, momentum by its root, conjugate gradients not at all [F17]", () => {
    const kappas = [10, 100, 1000]
    const f = (kappa: number) => quadratic(diagonal(1, kappa))
    for (const kappa of kappas) expect(conditionAt(f(kappa), [0, 0])).toBeCloseTo(kappa, 9)
    const count = (method: ReturnType<typeof gradientDescent>, kappa: number): number =>
      minimize(f(kappa), [1, 1], { method, tolerance: 1e-6, maxSteps: 1e5 }).step
    const plain = kappas.map((kappa) => count(gradientDescent({ rate: 2 / (kappa + 1) }), kappa))
    const heavy = kappas.map((kappa) => {
      const r = sqrt(kappa)
      return count(gradientDescent({ rate: 4 / (r + 1) ** 2, momentum: ((r - 1) / (r + 1)) ** 2 }), kappa)
    })
    const growth = (counts: readonly number[]): number => log(counts[2] / counts[1]) / log(10)
    expect(growth(plain)).toBeGreaterThan(0.9)
    expect(growth(plain)).toBeLessThan(1.15)
    expect(growth(heavy)).toBeGreaterThan(0.4)
    expect(growth(heavy)).toBeLessThan(0.65)
    expect(heavy[2]).toBeLessThan(plain[2] / 10)
    for (const kappa of kappas) expect(minimize(f(kappa), [1, 1], { method: linearCg() }).step).toBeLessThanOrEqual(2)
    // Adam scales each axis by itself: along the axes of the valley the condition number hardly matters to it.
    const adams = [10, 1000].map((kappa) =>
      settled(descend(bowl(1, kappa), { optimizer: adam({ lr: 0.05 }), start: [1, 1], steps: 400 }), 1e-3),
    )
    expect(adams[1]).toBeLessThan(plain[2] / 10)
    expect(adams[1]).toBeLessThan(2 * adams[0])

    // The zigzag: with exact steps each is at a right angle to the last, and from the worst start the value falls by
    // ((k - 1) / (k + 1))^2, no more.
    const kappa = 50
    const path = take(iterate(f(kappa), [kappa, 1], { method: gradientDescent({ rate: "exact" }), tolerance: 0 }), 12)
    for (let k = 1; k < path.length; k++) {
      expect(path[k].value / path[k - 1].value).toBeCloseTo(((kappa - 1) / (kappa + 1)) ** 2, 10)
      const [g, h] = [path[k - 1].gradient, path[k].gradient]
      expect(abs(g[0] * h[0] + g[1] * h[1]) / (path[k - 1].gradientNorm * path[k].gradientNorm)).toBeLessThan(1e-10)
      expect(Math.sign(path[k].x[1])).toBe(-Math.sign(path[k - 1].x[1]))
    }
    // Where all curvatures are one, one step does.
    expect(minimize(f(1), [3, -2], { method: gradientDescent({ rate: "exact" }) }).step).toBe(1)
  })

  test("the Polyak-Lojasiewicz condition gives a linear rate without convexity: x^2 + 3 sin^2 x [F18]", () => {
    const f = program((x: Tensor) => x.square().add(sin(x).square().mul(3)).sum(), [0])
    const grid = Array.from({ length: 2001 }, (_, i) => [-5 + i / 200])
    // f'' = 2 + 6 cos 2x, from -4 to 8.
    const bends = grid.map((x) => curvatureAt(f, x).least)
    expect(max(...bends)).toBeCloseTo(8, 4)
    expect(min(...bends)).toBeCloseTo(-4, 4)
    const L = 8
    expect(convexity(f, { low: [-5], high: [5] }).isConvex).toBe(false)
    expect(strongConvexity(f, grid)).toBeLessThan(-3.99)
    // Far out |f'|^2 / 2f grows to 2: the least is near x = 2.4.
    const mu = plConstant(f, grid, 0)
    expect(mu).toBeGreaterThan(0.1755)
    expect(mu).toBeLessThan(0.1758)
    expect(mu).toBeGreaterThan(1 / 32)
    for (const start of [5, 2.5, 1.8, -3.3, 0.4]) {
      const path = take(iterate(f, [start], { method: gradientDescent({ rate: 1 / L }), tolerance: 0 }), 120)
      for (const [k, { value }] of path.entries())
        expect(value).toBeLessThanOrEqual((1 - 0.1755 / L) ** k * path[0].value + 1e-300)
      expect(abs(path.at(-1)!.x[0])).toBeLessThan(1e-6)
      expect(path.length).toBeGreaterThanOrEqual(4)
    }
    // Without the condition there is no such rate: x^4 has none, and its values fall like 1/k^2.
    const quartic = (x: Tensor): Tensor => x.square().square().sum()
    expect(plConstant(quartic, [[1e-3]], 0)).toBeLessThan(1e-5)
  })
})
