/**
 * The notes on convexity and constraints as numbers (systems F13, F14, F19), in float64,
 * by the public functions of tweedie/minimize; where a printed sentence is wrong, how far off it is
 * (docs/errata/optimisation.md).
 */
import { describe, expect, test } from "vitest"
import { maximum, minimum, sin, softplus } from "../../src/engine/ops/elementwise.ts"
import { prod } from "../../src/engine/ops/reduce.ts"
import { Generator } from "../../src/engine/random.ts"
import type { Tensor } from "../../src/engine/tensor.ts"
import { convexity, isConvexSet, iterate, newton, program, stationary } from "../../src/minimize/index.ts"
import { bowl } from "./descent.ts"
import { real } from "./differences.ts"

import { take } from "./quadratics.ts"

const { hypot } = Math

describe("convexity", () => {
  test("shows in chords, tangents and curvature alike, and strict convexity does not promise a minimum [F13]", () => {
    const box = { low: [-2, -2], high: [2, 2] }
    const bowls = convexity(bowl(1, 3), box)
    expect(bowls).toMatchObject({ isConvex: true, isStrict: true })
    expect(bowls.chord).toBeGreaterThan(0)
    expect(bowls.tangent).toBeGreaterThan(0)
    expect(bowls.curvature).toBeCloseTo(1, 10)
    // A plane is convex, and not strictly.
    expect(convexity((x) => x.mul(real([1, -2])).sum(), box)).toMatchObject({ isConvex: true, isStrict: false })
    // Each of the three conditions finds a function out.
    const waves = convexity((x) => sin(x.mul(3)).sum(), box)
    expect(waves.isConvex).toBe(false)
    expect(waves.chord).toBeLessThan(-0.1)
    expect(waves.tangent).toBeLessThan(-0.1)
    expect(waves.curvature).toBeLessThan(-5)

    // The second-order condition is on f'', not f': x^2 at -1 has f' = -2 and f'' = 2.
    const square = program((x: Tensor) => x.square().sum(), [-1])
    expect(square.gradient(Float64Array.of(-1))[0]).toBe(-2)
    expect(square.hessian(Float64Array.of(-1))[0]).toBe(2)

    // e^x is strictly convex, and falls on and on: no point is its minimum.
    const exponential = (x: Tensor): Tensor => x.exp().sum()
    expect(convexity(exponential, { low: [-3], high: [3] })).toMatchObject({ isConvex: true, isStrict: true })
    const values = take(iterate(exponential, [0], { method: newton({ safeguard: "none" }), tolerance: 0 }), 40)
    for (const [k, { value, x }] of values.entries()) {
      // Newton's step is -1 from anywhere.
      expect(x.data[0]).toBeCloseTo(-k, 10)
      if (k > 0) expect(value).toBeLessThan(values[k - 1].value)
    }

    const radius = (x: Float64Array): number => hypot(...x)
    expect(isConvexSet((x) => radius(x) <= 1.5, box)).toBe(true)
    expect(isConvexSet((x) => x[0] + x[1] <= 1, box)).toBe(true)
    expect(isConvexSet((x) => radius(x) >= 1 && radius(x) <= 1.5, box)).toBe(false)
    // Where f is convex its sublevel sets are.
    const value = program(bowl(1, 3), [0, 0]).value
    expect(isConvexSet((x) => value(x) <= 1, box)).toBe(true)
  })

  test("is kept by sums with weights from 0, by maxima, and by what is convex and does not fall, and by no others [F14]", () => {
    const box = { low: [-1.5, -1.5], high: [1.5, 1.5], segments: 100 }
    type F = (x: Tensor) => Tensor
    const random = new Generator(3)
    const draw = (): F => {
      const a = real([random.normal(), random.normal()])
      const b = real([random.uniform(0.1, 2), random.uniform(0.1, 2)])
      const c = random.normal()
      return (x) => x.mul(a).sum().add(c).exp().add(x.square().mul(b).sum())
    }
    for (let k = 0; k < 4; k++) {
      const [f, g] = [draw(), draw()]
      const [alpha, beta] = [random.uniform(0, 3), random.uniform(0, 3)]
      const kept: F[] = [
        (x) => f(x).mul(alpha).add(g(x).mul(beta)),
        (x) => maximum(f(x), g(x)),
        (x) => softplus(f(x)),
        (x) => f(x).exp(),
      ]
      for (const [i, h] of kept.entries()) expect(convexity(h, { ...box, seed: k }).isConvex, `rule ${i}`).toBe(true)
    }
    // What each rule leaves out breaks it: a weight below 0, a minimum, an outer function that falls or is not convex.
    const f: F = bowl(1, 1)
    const g: F = (x) => x.sub(1).square().sum()
    const lost: F[] = [
      (x) => f(x).sub(g(x).mul(2)),
      (x) => minimum(f(x), g(x)),
      (x) => f(x).neg().exp(),
      (x) => f(x).add(0.1).log(),
    ]
    for (const [i, h] of lost.entries()) expect(convexity(h, box).isConvex, `breach ${i}`).toBe(false)
  })
})

test("a point is stationary under a constraint where the Lagrangian is: xy on x + y = 1 is largest, 1/4, at the middle [F19]", () => {
  const sumIs =
    (c: number) =>
    (x: Tensor): Tensor =>
      x.sum().sub(c)
  const best = stationary((x: Tensor) => prod(x), sumIs(1), [0.2, 1.5])
  expect(best).toMatchObject({ kind: "maximum", isConverged: true })
  expect(best.x.data[0]).toBeCloseTo(0.5, 12)
  expect(best.x.data[1]).toBeCloseTo(0.5, 12)
  expect(best.multipliers[0]).toBeCloseTo(0.5, 12)
  expect(best.value).toBeCloseTo(0.25, 12)
  // The multiplier is what one more of the constraint's constant is worth: (c^2 / 4)' = c / 2.
  const more = stationary((x: Tensor) => prod(x), sumIs(1 + 1e-4), [0.2, 1.5])
  expect((more.value - best.value) / 1e-4).toBeCloseTo(best.multipliers[0], 4)
  // Stationary points are not all maxima, as the notes' arg max reads: x + y on the circle has one of each.
  const circle = (x: Tensor): Tensor => x.square().sum().sub(2)
  const line = (x: Tensor): Tensor => x.sum()
  const low = stationary(line, circle, [-2, -0.5], { multipliers: [-1], tolerance: 1e-13 })
  const high = stationary(line, circle, [2, 0.5], { multipliers: [1], tolerance: 1e-13 })
  expect([low.kind, high.kind]).toEqual(["minimum", "maximum"])
  expect(low.value).toBeCloseTo(-2, 12)
  expect(high.value).toBeCloseTo(2, 12)
})
