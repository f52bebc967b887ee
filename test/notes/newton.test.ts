/**
 * The notes on convexity, rates of descent, Newton's methods and line searches as numbers (systems F13-F24), in float64,
 * by the public functions of tweedie/minimize; where a printed sentence is wrong, how far off it is
 * (docs/errata/optimisation.md).
 */
import { describe, expect, test } from "vitest"
import { hostValue } from "../../src/engine/evaluate.ts"
import { maximum, minimum, sin, softplus } from "../../src/engine/ops/elementwise.ts"
import { prod } from "../../src/engine/ops/reduce.ts"
import { Generator } from "../../src/engine/random.ts"
import { constant, type Tensor } from "../../src/engine/tensor.ts"
import { isPositiveDefinite } from "../../src/linalg/definite.ts"
import { matmul } from "../../src/linalg/product.ts"
import { solve } from "../../src/linalg/solve.ts"
import {
  bfgs,
  bfgsInverse,
  bfgsUpdate,
  conditionAt,
  convexity,
  curvatureAt,
  definitenessAt,
  gradientDescent,
  isConvexSet,
  iterate,
  linearCg,
  lineSearch,
  lipschitz,
  minimize,
  newton,
  newtonRoot,
  plConstant,
  program,
  quadratic,
  type Step,
  solveCg,
  solveSystem,
  stationary,
  strongConvexity,
} from "../../src/minimize/index.ts"
import { adam } from "../../src/optim/adam.ts"
import { bowl, descend, settled } from "./descent.ts"
import { real } from "./differences.ts"

const { abs, hypot, log, sqrt, max, min } = Math
const matrix = (rows: readonly (readonly number[])[]) => rows as number[][]
const diagonal = (...values: number[]): number[][] => values.map((v, i) => values.map((_, j) => (i === j ? v : 0)))

/** A symmetric matrix with these eigenvalues, its axes turned at random: Q diag Q^T by Householder reflections. */
function turned(eigenvalues: readonly number[], seed: number): number[][] {
  const random = new Generator(seed)
  const n = eigenvalues.length
  let a = diagonal(...eigenvalues)
  for (let k = 0; k < n; k++) {
    const v = Array.from({ length: n }, () => random.normal())
    const square = v.reduce((s, x) => s + x * x, 0)
    const reflect = (m: number[][]): number[][] =>
      m.map((row) => {
        const share = (2 * row.reduce((s, x, j) => s + x * v[j], 0)) / square
        return row.map((x, j) => x - share * v[j])
      })
    const transpose = (m: number[][]): number[][] => m.map((_, i) => m.map((row) => row[i]))
    a = reflect(transpose(reflect(a)))
  }
  return a.map((row, i) => row.map((x, j) => (x + a[j][i]) / 2))
}

/** Steps of an iteration, as many as asked for. */
function take<T>(steps: Iterable<T>, count: number): T[] {
  const taken: T[] = []
  for (const step of steps) if (taken.push(step) >= count) break
  return taken
}

const rosenbrock = (x: Tensor): Tensor => {
  const [a, b] = [x.slice([[0, -1]]), x.slice([[1]])]
  return b.sub(a.square()).square().mul(100).add(a.sub(1).square()).sum()
}

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
