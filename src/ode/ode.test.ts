import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { array, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import type { Tensor } from "../engine/tensor.ts"
import {
  euler,
  heun,
  integrate,
  integrateAsync,
  linearEquation,
  type Method,
  midpoint,
  OdeError,
  rk4,
  rk45,
  type Slope,
  solve,
  solveAsync,
} from "./index.ts"
import {
  denseWeights,
  dormandPrince,
  errorWeights,
  eulerTableau,
  heunTableau,
  midpointTableau,
  rk4Tableau,
} from "./tableau.ts"

const { abs, cos, exp, hypot, log2, log10, max, sin } = Math

const mu = 0.012277471
/** The problems of fixtures/make.py, by name. */
const problems: Readonly<Record<string, Slope>> = {
  decay: (_, y) => [-y[0]],
  oscillator: (_, y) => [y[1], -y[0]],
  "prey and predators": (_, y) => [y[0] * (1.5 - y[1]), y[1] * (y[0] - 3)],
  "van der Pol": (_, y) => [y[1], 2 * (1 - y[0] ** 2) * y[1] - y[0]],
  pushed: (t, y) => [cos(t) - 0.3 * y[0] ** 3],
  backward: (_, y) => [y[1], -sin(y[0])],
  orbit: (_, [u, v, du, dv]) => {
    const near = ((u + mu) ** 2 + v * v) ** 1.5
    const far = ((u - 1 + mu) ** 2 + v * v) ** 1.5
    return [
      du,
      dv,
      u + 2 * dv - ((1 - mu) * (u + mu)) / near - (mu * (u - 1 + mu)) / far,
      v - 2 * du - ((1 - mu) * v) / near - (mu * v) / far,
    ]
  },
}

const circle: Slope = (_, y) => [-y[1], y[0]]
const growth: Slope = (_, y) => y

const { runs } = JSON.parse(readFileSync(new URL("./fixtures/scipy.json", import.meta.url), "utf8")) as {
  readonly runs: readonly {
    readonly problem: string
    readonly span: [number, number]
    readonly start: number[]
    readonly rtol: number
    readonly atol: number
    readonly times: number[]
    readonly exact: number[][]
    readonly error: number
    readonly between: number
    readonly evaluations: number
  }[]
}

describe("beside SciPy's RK45, at the same tolerances", () => {
  for (const { problem, span, start, rtol, atol, times, exact, error, between, evaluations } of runs) {
    test(`${problem} to ${rtol} is as exact, to a decade, for 1.3 times its evaluations at most`, () => {
      const found = solve(problems[problem], span, start, { method: rk45({ rtol, atol }), times })
      const apart = (k: number): number => max(...exact[k].map((v, i) => abs(v - found.states[k][i])))
      expect(log10(apart(times.length - 1) / error)).toBeLessThan(1)
      expect(log10(max(...times.map((_, k) => apart(k))) / between)).toBeLessThan(1)
      expect(found.evaluations).toBeLessThanOrEqual(1.3 * evaluations)
    })
  }
})

test("tables meet the conditions of their order", () => {
  for (const { name, order, a, b, c } of [eulerTableau, midpointTableau, heunTableau, rk4Tableau, dormandPrince]) {
    const sum = (of: (i: number) => number): number => b.reduce((s, w, i) => s + w * of(i), 0)
    const row = (i: number, of: (j: number) => number): number => a[i].reduce((s, w, j) => s + w * of(j), 0)
    for (let i = 0; i < c.length; i++)
      expect(
        row(i, () => 1),
        name,
      ).toBeCloseTo(c[i], 14)
    // Quadrature: sum b c^(k - 1) = 1 / k, up to the order and no further.
    for (let k = 1; k <= order; k++)
      expect(
        sum((i) => c[i] ** (k - 1)),
        `${name} ${k}`,
      ).toBeCloseTo(1 / k, 14)
    expect(abs(sum((i) => c[i] ** order) - 1 / (order + 1)), name).toBeGreaterThan(1e-4)
    if (order < 3) continue
    expect(
      sum((i) => row(i, (j) => c[j])),
      name,
    ).toBeCloseTo(1 / 6, 14)
    expect(
      sum((i) => c[i] * row(i, (j) => c[j])),
      name,
    ).toBeCloseTo(1 / 8, 14)
    expect(
      sum((i) => row(i, (j) => c[j] ** 2)),
      name,
    ).toBeCloseTo(1 / 12, 14)
    expect(
      sum((i) => row(i, (j) => row(j, (k) => c[k]))),
      name,
    ).toBeCloseTo(1 / 24, 14)
    if (order < 5) continue
    expect(
      sum((i) => row(i, (j) => row(j, (k) => row(k, (l) => c[l])))),
      name,
    ).toBeCloseTo(1 / 120, 14)
    expect(
      sum((i) => row(i, (j) => c[j] ** 3)),
      name,
    ).toBeCloseTo(1 / 20, 14)
    // The weights of the error are those of two methods that agree on what order 4 can see.
    const times = [...c, 1]
    for (let k = 0; k < 4; k++) expect(errorWeights.reduce((s, w, i) => s + w * times[i] ** k, 0)).toBeCloseTo(0, 14)
    expect(denseWeights.reduce((s, w) => s + w, 0)).toBeCloseTo(0, 12)
  }
})

describe("order of convergence", () => {
  const orders: readonly (readonly [(steps: number) => Method, number])[] = [
    [(steps) => euler({ steps }), 1],
    [(steps) => midpoint({ steps }), 2],
    [(steps) => heun({ steps }), 2],
    [(steps) => rk4({ steps }), 4],
    // Steps held to one length by tolerances that never bind.
    [(steps) => rk45({ rtol: 0.9, atol: 1e9, firstStep: 2 / steps, maxStep: 2 / steps }), 5],
  ]
  for (const [method, order] of orders) {
    test(`${method(10).name} is of order ${order}, on equations that move with the time too`, () => {
      // y' = y cos t is e^(sin t).
      const error = (steps: number): number =>
        abs(solve((t, y) => [y[0] * cos(t)], [0, 2], [1], { method: method(steps) }).y[0] - exp(sin(2)))
      const [coarse, fine, finest] = [20, 40, 80].map(error)
      expect(abs(log2(coarse / fine) - order)).toBeLessThan(0.35)
      expect(abs(log2(fine / finest) - order)).toBeLessThan(0.2)
    })

    test(`${method(10).name} comes back where it began, to its order, when time is turned`, () => {
      const back = (steps: number): number => {
        const there = solve(problems.backward, [0, 2], [1, 0.2], { method: method(steps) })
        const home = solve(problems.backward, [2, 0], there.y, { method: method(steps) })
        return hypot(home.y[0] - 1, home.y[1] - 0.2)
      }
      expect(back(80)).toBeGreaterThan(0)
      // One order is won where the leading error is the same both ways with its sign turned.
      expect(log2(back(40) / back(80))).toBeGreaterThan(order - 0.3)
    })
  }

  test("energy drifts with the order: up for Euler, by parts in a billion for RK4", () => {
    const energy = ([u, v]: Float64Array): number => (v * v) / 2 - cos(u)
    const drift = (method: Method): number => {
      const { y } = solve(problems.backward, [0, 20], [1, 0.2], { method })
      return energy(y) - energy(Float64Array.of(1, 0.2))
    }
    expect(drift(euler({ steps: 1000 }))).toBeGreaterThan(0.02)
    expect(log2(abs(drift(rk4({ steps: 200 })) / drift(rk4({ steps: 400 }))))).toBeGreaterThan(3.8)
    expect(abs(drift(rk4({ steps: 2000 })))).toBeLessThan(1e-9)
    expect(abs(drift(rk45({ rtol: 1e-10, atol: 1e-12 })))).toBeLessThan(1e-8)
  })
})

describe("states between steps", () => {
  test("are as exact as order 4 is, and pass through the ends", () => {
    const worst = (step: number): number => {
      let error = 0
      const method = rk45({ rtol: 0.9, atol: 1e9, firstStep: step, maxStep: step })
      let before = 0
      for (const { t, at, y } of integrate(circle, [0, 2], [1, 0], { method })) {
        for (const share of [0.25, 0.5, 0.75]) {
          const middle = before + share * (t - before)
          const [u, v] = at(middle)
          error = max(error, hypot(u - cos(middle), v - sin(middle)))
        }
        for (const [i, v] of at(t).entries()) expect(v).toBeCloseTo(y[i], 14)
        before = t
      }
      return error
    }
    expect(log2(worst(0.2) / worst(0.1))).toBeGreaterThan(3.9)
  })

  test("of fixed steps come from a cubic through both slopes, for one slope more in all", () => {
    const times = [0, 0.03, 0.5, 0.77, 1]
    const found = solve(growth, [0, 1], [1], { method: rk4({ steps: 20 }), times })
    for (const [k, t] of times.entries()) expect(found.states[k][0]).toBeCloseTo(exp(t), 6)
    expect(found.evaluations).toBe(4 * 20 + 1)
    expect(solve(growth, [0, 1], [1], { method: rk4({ steps: 20 }) }).evaluations).toBe(4 * 20)
    const [, step] = [...integrate(growth, [0, 1], [1], { method: euler({ steps: 2 }) })]
    expect(() => step.at(0.2)).toThrow("with `dense: true` only")
    const [, dense] = [...integrate(growth, [0, 1], [1], { method: euler({ steps: 2 }), dense: true })]
    expect(() => dense.at(0.7)).toThrow("at: got t 0.7, expected one between 0 and 0.5")
  })

  test("may be asked for backward in time", () => {
    const times = [2, 1.5, 0.2, 0]
    const found = solve(circle, [2, 0], [cos(2), sin(2)], { method: rk45({ rtol: 1e-9, atol: 1e-12 }), times })
    for (const [k, t] of times.entries()) {
      expect(found.states[k][0]).toBeCloseTo(cos(t), 8)
      expect(found.states[k][1]).toBeCloseTo(sin(t), 8)
    }
  })
})

describe("choosing steps", () => {
  test("the error falls with the tolerance, and steps lengthen where nothing happens", () => {
    const errors = [1e-4, 1e-6, 1e-8, 1e-10].map((rtol) => {
      const { y } = solve(circle, [0, 10], [1, 0], { method: rk45({ rtol, atol: rtol }) })
      return hypot(y[0] - cos(10), y[1] - sin(10))
    })
    for (let k = 1; k < errors.length; k++) expect(errors[k]).toBeLessThan(errors[k - 1] / 20)
    // A pulse at t = 5, 0.05 wide.
    const pulse: Slope = (t) => [exp(-(((t - 5) / 0.05) ** 2))]
    const steps = [...integrate(pulse, [0, 10], [0], { method: rk45({ maxStep: 0.5, rtol: 1e-6, atol: 1e-9 }) })]
    const lengths = (from: number, to: number): number[] => steps.filter((s) => s.t > from && s.t < to).map((s) => s.h)
    expect(max(...lengths(4.95, 5.05))).toBeLessThan(0.05)
    expect(max(...lengths(7, 9))).toBeCloseTo(0.5, 12)
    expect(steps.at(-1)!.y[0]).toBeCloseTo(0.05 * Math.sqrt(Math.PI), 4)
    for (const s of steps) expect(s.error).toBeLessThanOrEqual(1)
    expect(steps.at(-1)!.t).toBe(10)
    expect(steps.at(-1)!.rejected).toBeGreaterThan(0)
  })

  test("each element may have a tolerance of its own", () => {
    const two: Slope = (_, y) => [-y[0], 1e-6 * cos(y[0])]
    const loose = solve(two, [0, 5], [1, 0], { method: rk45({ rtol: 1e-10, atol: [1, 1] }) })
    const tight = solve(two, [0, 5], [1, 0], { method: rk45({ rtol: 1e-10, atol: [1e-10, 1] }) })
    expect(tight.evaluations).toBeGreaterThan(3 * loose.evaluations)
    expect(abs(tight.y[0] - exp(-5))).toBeLessThan(1e-9)
  })

  test("a singularity and a stiff problem end with a clear error, a step into what is not defined is taken back", () => {
    // y' = y^2 from 1 is 1 / (1 - t).
    expect(() => solve((_, y) => [y[0] ** 2], [0, 2], [1])).toThrow(
      /^rk45: steps shrank to .* at t = 0\.99.*stiff, or singular/,
    )
    expect(() => solve((_, y) => [-1e6 * (y[0] - 1)], [0, 10], [0], { method: rk45({ maxSteps: 500 }) })).toThrow(
      /^rk45: 500 steps reached/,
    )
    expect(() => solve((_, y) => [y[0] ** 2], [0, 2], [1], { method: euler({ steps: 1000 }) })).toThrow(OdeError)
    expect(() => solve(() => [Number.NaN], [0, 1], [1])).toThrow("rk45: the slope at the start is NaN")
    // y' = -sqrt(y) - 1: a first step of 1 would land below 0.
    const root = solve((_, y) => [-Math.sqrt(y[0])], [0, 1.9], [1], { method: rk45({ firstStep: 1.9, rtol: 1e-8 }) })
    expect(root.y[0]).toBeCloseTo((1 - 0.95) ** 2, 6)
  })
})

test("steps may end where a grid says, forward or back", () => {
  const grid = [0.1, 0.3, 0.35, 1]
  const ts = [...integrate(growth, [0, 1], [1], { method: heun({ grid }) })].map((s) => s.t)
  expect(ts).toEqual([0, ...grid])
  let y = 1
  for (const [i, t] of grid.entries()) {
    const h = t - (grid[i - 1] ?? 0)
    y *= 1 + h + (h * h) / 2
  }
  expect(solve(growth, [0, 1], [1], { method: heun({ grid }) }).y[0]).toBeCloseTo(y, 14)
  expect(solve(growth, [1, 0], [1], { method: euler({ grid: [0.5, 0] }) }).y[0]).toBe(0.25)
})

describe("batches whose slopes are promised", () => {
  const slope = compile((y: Tensor, t: Tensor) => y.mul(t.mul(-1)))
  const start = array("float32", [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6))

  test("a compiled program is followed as a function of the host is", async () => {
    const found = await solveAsync((t, y) => slope(y, array("float32", [], Float32Array.of(t))), [0, 1], start, {
      method: rk45({ rtol: 1e-5, atol: 1e-7 }),
      times: [0.5, 1],
    })
    expect(found.y.dtype).toBe("float32")
    expect(found.y.shape).toEqual([3, 2])
    for (const [k, t] of [0.5, 1].entries())
      for (const [i, v] of toNumbers(found.states[k]).entries()) expect(v / (i + 1)).toBeCloseTo(exp((-t * t) / 2), 5)
    const here = solve((t, y) => y.map((v) => -t * v), [0, 1], toNumbers(start), { method: rk4({ steps: 10 }) })
    const there = await solveAsync(
      async (t, y) => ({ ...y, dtype: "float64", data: toNumbers(y).map((v) => -t * v) }),
      [0, 1],
      array("float64", [3, 2], toNumbers(start)),
      { method: rk4({ steps: 10 }) },
    )
    expect([...toNumbers(there.y)]).toEqual([...here.y])
    expect(there.evaluations).toBe(40)
    await slope.dispose()
  })

  test("the norm of the worst sample keeps one from being sacrificed to the others", async () => {
    // Of 64 samples one turns fast; the mean over all hides its error eightfold.
    const n = 64
    const speed = (i: number): number => (i === 0 ? 8 : 0.01)
    const y0 = array(
      "float64",
      [n, 2],
      Float64Array.from({ length: 2 * n }, (_, i) => (i % 2 === 0 ? 1 : 0)),
    )
    const run = (norm: "all" | "sample") =>
      solveAsync(
        (_, y) => {
          const d = toNumbers(y)
          return array(
            "float64",
            [n, 2],
            d.map((_, i) => speed(i >> 1) * (i % 2 === 0 ? -d[i + 1] : d[i - 1])),
          )
        },
        [0, 3],
        y0,
        { method: rk45({ norm, rtol: 1e-5, atol: 1e-5 }) },
      )
    const [all, each] = [await run("all"), await run("sample")]
    const error = (y: Float64Array): number => hypot(y[0] - cos(24), y[1] - sin(24))
    expect(each.evaluations).toBeGreaterThan(all.evaluations)
    expect(error(toNumbers(each.y))).toBeLessThan(error(toNumbers(all.y)) / 4)
    // Alone it would be followed exactly as it is among others.
    const alone = solve((_, y) => [-8 * y[1], 8 * y[0]], [0, 3], [1, 0], { method: rk45({ rtol: 1e-5, atol: 1e-5 }) })
    expect(toNumbers(each.y)[0]).toBeCloseTo(alone.y[0], 3)
  })

  test("they may be stopped", async () => {
    const control = new AbortController()
    const run = async (): Promise<void> => {
      for await (const { step } of integrateAsync((_, y) => y, [0, 1], start, {
        method: euler(),
        signal: control.signal,
      }))
        if (step === 3) control.abort(new Error("enough"))
    }
    await expect(run()).rejects.toThrow("enough")
  })
})

test("misuse is refused by name", async () => {
  expect(() => solve(growth, [0, 0], [1])).toThrow("integrate: got the span [0, 0]")
  expect(() => solve(growth, [0, Number.POSITIVE_INFINITY], [1])).toThrow("integrate: got the span")
  expect(() => solve(growth, [0, 1], [])).toThrow("integrate: the start is []")
  expect(() => solve(growth, [0, 1], [Number.NaN])).toThrow("integrate: the start is [NaN]")
  expect(() => solve(() => [1, 2], [0, 1], [1])).toThrow("rk45: the slope has 2 elements, the state has 1")
  expect(() => solve(growth, [0, 1], [1], { times: [0.5, 0.2] })).toThrow("solve: got the time 0.2 after 0.5")
  expect(() => solve(growth, [0, 1], [1], { times: [2] })).toThrow("solve: got the time 2")
  expect(() => euler({ steps: 0 })).toThrow("euler: got 0 steps")
  expect(() => solve(growth, [0, 1], [1], { method: euler({ steps: 2, grid: [1] }) })).toThrow(
    "got both steps and a grid",
  )
  expect(() => solve(growth, [0, 1], [1], { method: rk4({ grid: [0.5, 0.4, 1] }) })).toThrow(
    "rk4: the grid goes from 0.5 to 0.4",
  )
  expect(() => solve(growth, [0, 1], [1], { method: rk4({ grid: [0.5] }) })).toThrow("rk4: the grid ends at 0.5")
  expect(() => rk45({ rtol: 0 })).toThrow("rk45: got rtol 0")
  expect(() => rk45({ atol: -1 })).toThrow("rk45: got atol -1")
  expect(() => rk45({ maxStep: 0 })).toThrow("rk45: got maxStep 0")
  expect(() => solve(growth, [0, 1], [1], { method: rk45({ atol: [1, 2] }) })).toThrow(
    "got 2 absolute tolerances for 1 elements",
  )
  expect(() => linearEquation([1])).toThrow("linearEquation: got 1 coefficients")
  const state = array("float32", [2], Float32Array.of(1, 2))
  await expect(solveAsync(() => array("float32", [1], Float32Array.of(1)), [0, 1], state)).rejects.toThrow(
    "rk45: the slope is [1], expected the state's [2]",
  )
  await expect(solveAsync((_, y) => y, [0, 1], array("int32", [1], Int32Array.of(1)))).rejects.toThrow(
    "the state is int32",
  )
})
