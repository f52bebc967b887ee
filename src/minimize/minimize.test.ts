import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { array, asArray } from "../engine/array.ts"
import { randomNormal } from "../engine/create.ts"
import { sin, softplus } from "../engine/ops/elementwise.ts"
import type { Tensor } from "../engine/tensor.ts"
import { Variable } from "../engine/tensor.ts"
import {
  bfgs,
  compiled,
  conditionAt,
  conjugateGradient,
  curvatureAt,
  gradientDescent,
  hessianAt,
  iterate,
  iterateAsync,
  lbfgs,
  linearCg,
  type Method,
  MinimizeError,
  minimize,
  minimizeAsync,
  modifiedCholesky,
  newton,
  newtonCg,
  type Objective,
  program,
  quadratic,
  solveCg,
  trustRegion,
} from "./index.ts"

const { abs, hypot, max, sqrt } = Math

/** Rosenbrock's valley in any dimension: sum 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2. */
const rosenbrock = (x: Tensor): Tensor => {
  const [a, b] = [x.slice([[0, -1]]), x.slice([[1]])]
  return b.sub(a.square()).square().mul(100).add(a.sub(1).square()).sum()
}

/** The same by hand, without curvature. */
const plain: Objective = {
  value: (x) => {
    let sum = 0
    for (let i = 0; i + 1 < x.length; i++) sum += 100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
    return sum
  },
  gradient: (x) => {
    const g = new Float64Array(x.length)
    for (let i = 0; i + 1 < x.length; i++) {
      const rise = x[i + 1] - x[i] ** 2
      g[i] += -400 * x[i] * rise - 2 * (1 - x[i])
      g[i + 1] += 200 * rise
    }
    return g
  },
}

interface Fixture {
  readonly tolerance: number
  readonly runs: readonly {
    readonly problem: string
    readonly start: number[]
    readonly method: string
    readonly iterations: number
    readonly values: number
    readonly gradients: number
  }[]
}
const scipy = JSON.parse(readFileSync(new URL("./fixtures/scipy.json", import.meta.url), "utf8")) as Fixture

describe("beside SciPy, with its iterations times 1.2 at most", () => {
  const ours: Readonly<Record<string, Method>> = {
    BFGS: bfgs(),
    "L-BFGS-B": lbfgs(),
    CG: conjugateGradient(),
    "Newton-CG": newtonCg(),
    "trust-ncg": trustRegion(),
  }
  for (const { problem, start, method, iterations, values } of scipy.runs) {
    test(`${method} takes Rosenbrock's valley in ${problem} to 1e-8`, () => {
      const found = minimize(rosenbrock, start, { method: ours[method], tolerance: scipy.tolerance })
      expect(found.isConverged).toBe(true)
      expect(found.gradientNorm).toBeLessThanOrEqual(1e-8)
      expect(hypot(...found.x.data.map((v) => v - 1))).toBeLessThan(1e-7)
      expect(found.step).toBeLessThanOrEqual(1.2 * iterations)
      // Nor is a step bought with more evaluations.
      if (method !== "Newton-CG") expect(found.evaluations).toBeLessThanOrEqual(1.2 * values)
    })
  }
})

test("a hand-written function and a traced one take the same steps", () => {
  for (const method of [bfgs(), lbfgs(), conjugateGradient({ beta: "fletcher-reeves" })]) {
    const a = [...iterate(plain, [-1.2, 1, 0.5], { method })]
    const b = [...iterate(rosenbrock, [-1.2, 1, 0.5], { method })]
    expect(a.length).toBe(b.length)
    for (const [k, step] of a.entries()) {
      expect(step.rate).toBeCloseTo(b[k].rate, 4)
      expect(step.step).toBe(k)
      expect(step.evaluations).toBe(b[k].evaluations)
    }
    expect(a[0]).toMatchObject({ rate: 0, evaluations: 1, curvatures: 0 })
  }
})

test("what a function cannot say of its curvature is found from its gradients", () => {
  const at = [-1.2, 1, 0.4]
  const exact = hessianAt(rosenbrock, at)
  for (const [i, v] of hessianAt(plain, at).entries()) expect(v).toBeCloseTo(exact[i], 5)
  for (const method of [newton(), newtonCg(), trustRegion(), linearCg()]) {
    const found = minimize(plain, [0.99, 0.98], { method, maxSteps: 50 })
    expect(found.value, method.name).toBeLessThan(1e-4)
  }
  expect(minimize(plain, [-1.2, 1], { method: newton() })).toMatchObject({ isConverged: true })
})

test("Hessians beyond one program's size are made of products, to the same numbers", () => {
  const n = 40
  const at = Array.from({ length: n }, (_, i) => Math.cos(i))
  const f = program(rosenbrock, at)
  const h = f.hessian(Float64Array.from(at))
  for (let i = 0; i < n; i++) {
    const unit = new Float64Array(n)
    unit[i] = 1
    const row = f.product(Float64Array.from(at), unit)
    for (let j = 0; j < n; j++) expect(h[i * n + j]).toBeCloseTo(row[j], 12)
    // d^2 / dx_i^2 by hand.
    const own = (i + 1 < n ? 1200 * at[i] ** 2 - 400 * at[i + 1] + 2 : 0) + (i > 0 ? 200 : 0)
    expect(h[i * n + i]).toBeCloseTo(own, 9)
  }
})

test("trees of tensors are found as they were given, and keep their dtype", () => {
  const fit = ({ w, b }: { w: Tensor; b: Tensor }): Tensor => w.sub(3).square().sum().add(b.add(2).square().sum())
  const found = minimize(fit, { w: [[0, 1, 2]], b: 5 })
  expect(found.x.w.shape).toEqual([1, 3])
  expect(found.x.w.dtype).toBe("float64")
  for (const v of found.x.w.data) expect(v).toBeCloseTo(3, 9)
  expect(found.x.b.shape).toEqual([])
  expect(found.x.b.data[0]).toBeCloseTo(-2, 9)
  expect(found.gradient.w.shape).toEqual([1, 3])
  const single = minimize((x: Tensor) => x.sub(3).square().sum(), asArray([0, 0], "float32"))
  expect(single.x.dtype).toBe("float32")
  const list = minimize(
    ([x, y]: [Tensor, Tensor]) => x.sub(y).square().add(y.square()).sum(),
    [asArray(1, "float64"), asArray(2, "float64")],
  )
  expect(hypot(list.x[0].data[0], list.x[1].data[0])).toBeLessThan(1e-8)
})

test("variables are read when the function runs", () => {
  const target = new Variable(array("float64", [], Float64Array.of(4)))
  const f = program((x: Tensor) => x.sub(target).square().sum(), [0])
  expect(minimize(f, [0]).x[0]).toBeCloseTo(4, 9)
  target.initial = array("float64", [], Float64Array.of(-1))
  expect(minimize(f, [0]).x[0]).toBeCloseTo(-1, 9)
})

describe("compiled by ONNX Runtime", () => {
  test("in float64, a search takes the steps of the interpreter", async () => {
    const here = minimize(rosenbrock, [-1.2, 1, 0.5])
    const there = await minimizeAsync(rosenbrock, [-1.2, 1, 0.5])
    expect(there.step).toBe(here.step)
    expect(max(...there.x.data.map((v, i) => abs(v - here.x.data[i])))).toBeLessThan(1e-9)
    const curved = await minimizeAsync(rosenbrock, [-1.2, 1], { method: newton() })
    expect(curved).toMatchObject({
      isConverged: true,
      step: minimize(rosenbrock, [-1.2, 1], { method: newton() }).step,
    })
    expect((await minimizeAsync(rosenbrock, [-1.2, 1], { method: trustRegion() })).isConverged).toBe(true)
  })

  test("in float32, a search goes as far as the values can tell, and says why it stops", async () => {
    const start = asArray([-1.2, 1], "float32")
    const found = await minimizeAsync((x: Tensor) => rosenbrock(x).add(1), start, { tolerance: 1e-12 })
    expect(found.x.dtype).toBe("float32")
    expect(["stuck", "gradient"]).toContain(found.reason)
    expect(hypot(...found.x.data.map((v) => v - 1))).toBeLessThan(5e-3)
    expect(found.step).toBeLessThan(60)
  })

  test("a program may be kept for several searches", async () => {
    const f = compiled(rosenbrock, [0, 0])
    try {
      for (const start of [f.layout.start, [3, 2]]) expect((await minimizeAsync(f, start)).isConverged).toBe(true)
      const h = await f.hessian(Float64Array.of(1, 1))
      expect([...h]).toEqual([802, -400, -400, 200])
    } finally {
      await f.dispose()
    }
  })

  test("a search stops where it is told to, by leaving it or by a signal", async () => {
    const control = new AbortController()
    let steps = 0
    const run = async (): Promise<void> => {
      for await (const { step } of iterateAsync(rosenbrock, [-1.2, 1], { signal: control.signal })) {
        steps = step
        if (step === 5) control.abort(new Error("enough"))
      }
    }
    await expect(run()).rejects.toThrow("enough")
    expect(steps).toBe(5)
    for await (const { step } of iterateAsync(rosenbrock, [-1.2, 1])) if (step === 2) break
    let asked = 0
    const promised = {
      evaluate: async (x: Float64Array) => {
        asked++
        return { value: x[0] ** 2, gradient: x.map((v) => 2 * v) }
      },
    }
    expect((await minimizeAsync(promised, [3])).x[0]).toBeCloseTo(0, 9)
    expect(asked).toBeGreaterThan(1)
  })
})

describe("the last digits", () => {
  test("where a value hides its changes, slopes lead to the same minimum", () => {
    // Beside 1e6 the value shows decreases of 1e-10, which is a slope of about 1e-4 here.
    const high = (x: Tensor): Tensor => rosenbrock(x).add(1e6)
    for (const method of [bfgs(), lbfgs(), newton(), trustRegion()]) {
      const found = minimize(high, [-1.2, 1], { method, tolerance: 1e-8 })
      expect(found, method.name).toMatchObject({ isConverged: true })
      expect(hypot(...found.x.data.map((v) => v - 1))).toBeLessThan(1e-7)
    }
  })

  test("a search that can do no better ends by itself", () => {
    const found = minimize(rosenbrock, [-1.2, 1], { tolerance: 0, maxSteps: 10_000 })
    expect(found.step).toBeLessThan(100)
    expect(found.gradientNorm).toBeLessThan(1e-12)
  })

  test("scales of 1e-90 and 1e90 change nothing", () => {
    for (const scale of [1e-90, 1e90]) {
      const f = quadratic(
        [
          [2 * scale, scale],
          [scale, 3 * scale],
        ],
        [scale, -scale],
      )
      const found = minimize(f, [0, 0], { method: linearCg(), tolerance: 1e-10 * scale })
      expect(found).toMatchObject({ isConverged: true })
      expect(found.x[0]).toBeCloseTo(0.8, 9)
      expect(found.x[1]).toBeCloseTo(-0.6, 9)
    }
  })
})

test("a line search steps back from where the function is not defined", () => {
  // log x - x has its maximum at 1; below 0 it is NaN.
  const barrier = (x: Tensor): Tensor => x.sub(x.log()).sum()
  for (const method of [
    bfgs(),
    newton(),
    conjugateGradient(),
    newtonCg(),
    trustRegion(),
    gradientDescent(),
    gradientDescent({ rate: "wolfe" }),
  ]) {
    const found = minimize(barrier, [0.01, 30], { method, maxSteps: 3000 })
    expect(found, method.name).toMatchObject({ isConverged: true })
    for (const v of found.x.data) expect(v).toBeCloseTo(1, 6)
  }
})

test("every method that uses curvature or a line search leaves a saddle for a minimum", () => {
  const wells = (x: Tensor): Tensor => {
    const [u, v] = x.split([1, 1])
    return u.square().sub(v.square()).add(v.square().square().mul(0.25)).sum()
  }
  for (const method of [bfgs(), lbfgs(), newton(), newtonCg(), trustRegion(), conjugateGradient()]) {
    const found = minimize(wells, [1, 1e-3], { method })
    expect(found, method.name).toMatchObject({ isConverged: true })
    expect(found.value).toBeCloseTo(-1, 12)
    expect(abs(found.x.data[1])).toBeCloseTo(sqrt(2), 7)
  }
})

test("L-BFGS minimises over thousands of unknowns, and remembers what BFGS does while it can", () => {
  const n = 2000
  const f: Objective = {
    value: (x) => x.reduce((s, v, i) => s + ((1 + i / 100) * (v - 1) ** 2) / 2 + (v - 1) ** 4 / 4, 0),
    gradient: (x) => x.map((v, i) => (1 + i / 100) * (v - 1) + (v - 1) ** 3),
  }
  const found = minimize(f, new Float64Array(n), { method: lbfgs() })
  expect(found).toMatchObject({ isConverged: true })
  expect(found.step).toBeLessThan(60)
  // Up to its memory, L-BFGS scaled once as BFGS is takes BFGS's first two directions.
  const [a, b] = [bfgs(), lbfgs({ memory: 50 })].map((method) => [
    ...iterate(rosenbrock, [-1.2, 1], { method, maxSteps: 2 }),
  ])
  for (let k = 0; k <= 2; k++) for (let i = 0; i < 2; i++) expect(a[k].x.data[i]).toBeCloseTo(b[k].x.data[i], 12)
})

test("a modified factorisation adds nothing to a definite matrix, and enough to any other", () => {
  const product = (a: ReturnType<typeof modifiedCholesky>, n: number): number[] =>
    Array.from({ length: n * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n]
      let sum = 0
      for (let k = 0; k < n; k++) sum += a.l[i * n + k] * a.d[k] * a.l[j * n + k]
      return sum - (i === j ? a.added[i] : 0)
    })
  const definite = [4, 1, 0, 1, 3, -1, 0, -1, 2]
  const kept = modifiedCholesky(Float64Array.from(definite))
  expect([...kept.added]).toEqual([0, 0, 0])
  for (const a of [
    definite,
    [1, 2, 3, 2, 1, -4, 3, -4, -2],
    [0, 1, 1, 1, 0, 1, 1, 1, 0],
    new Array<number>(9).fill(0),
  ]) {
    const made = modifiedCholesky(Float64Array.from(a))
    for (const [i, v] of product(made, 3).entries()) expect(v).toBeCloseTo(a[i], 12)
    for (const d of made.d) expect(d).toBeGreaterThan(0)
    for (const e of made.added) expect(e).toBeGreaterThanOrEqual(0)
    expect(max(...made.added)).toBeLessThan(30)
  }
})

test("curvatures of many unknowns come from a few products", () => {
  const n = 500
  let asked = 0
  const scale = (i: number): number => -1 + (11 * i) / (n - 1)
  const f: Objective = {
    value: (x) => x.reduce((s, v, i) => s + (scale(i) * v * v) / 2, 0),
    gradient: (x) => x.map((v, i) => scale(i) * v),
    product: (_, v) => {
      asked++
      return v.map((w, i) => scale(i) * w)
    },
  }
  const { least, most } = curvatureAt(f, new Float64Array(n))
  expect(least).toBeCloseTo(-1, 3)
  expect(most).toBeCloseTo(10, 3)
  expect(asked).toBeLessThanOrEqual(100)
  // Equal sizes and opposite signs, where power iteration finds neither.
  expect(
    curvatureAt(
      quadratic([
        [0, 2],
        [2, 0],
      ]),
      [0, 0],
    ),
  ).toEqual({ least: expect.closeTo(-2, 12), most: expect.closeTo(2, 12) })
  expect(
    conditionAt(
      quadratic([
        [1, 0],
        [0, 0],
      ]),
      [0, 0],
    ),
  ).toBe(Number.POSITIVE_INFINITY)
  expect(() =>
    conditionAt(
      quadratic([
        [0, 2],
        [2, 0],
      ]),
      [0, 0],
    ),
  ).toThrow(/one sign/)
})

test("solveCg solves with a matrix or a function, and says when it cannot", () => {
  const a = [
    [4, 1],
    [1, 3],
  ]
  const times = (v: Float64Array): Float64Array => Float64Array.of(4 * v[0] + v[1], v[0] + 3 * v[1])
  for (const given of [a, times]) {
    const x = solveCg(given, [1, 2])
    expect(x.data[0]).toBeCloseTo(1 / 11, 12)
    expect(x.data[1]).toBeCloseTo(7 / 11, 12)
  }
  expect([...solveCg(a, [0, 0]).data]).toEqual([0, 0])
  expect(() =>
    solveCg(
      [
        [1, 0],
        [0, -1],
      ],
      [1, 1],
    ),
  ).toThrow("solveCg: the matrix is not positive definite")
  expect(() =>
    solveCg(
      [
        [1, 2],
        [0, 1],
      ],
      [1, 1],
    ),
  ).toThrow(RangeError)
  expect(() => solveCg(a, [1, 2, 3])).toThrow("solveCg: matrix is [2, 2], right-hand side has 3 entries")
})

test("misuse is refused by name", () => {
  const square = (x: Tensor): Tensor => x.square().sum()
  expect(() => minimize(square, [])).toThrow("minimize: start is float64 [0]")
  expect(() => minimize(square, asArray([1, 2], "int32"))).toThrow("minimize: start is int32 [2]")
  expect(() => minimize(square, [Number.NaN])).toThrow("minimize: the start is [NaN], expected finite numbers")
  expect(() => minimize((x: Tensor) => x.square(), [1, 2])).toThrow(
    "minimize: the function gives [2], expected a scalar",
  )
  expect(() => minimize((x: Tensor) => x.log().sum(), [-1])).toThrow("not finite (start where the function is defined)")
  expect(() => minimize((x: Tensor) => x.add(randomNormal([1]).cast("float64")).sum(), [1])).toThrow(
    "draws random numbers",
  )
  const counter = new Variable(array("float64", [1], Float64Array.of(0)))
  const counting = (x: Tensor): Tensor => {
    counter.assign(x)
    return x.square().sum()
  }
  expect(() => minimize(counting, [1])).toThrow("assigns variables")
  expect(() => minimize({ a: (x: Tensor) => x } as never, [1])).toThrow()
  expect(() => minimize(square, { a: [1], b: asArray([1], "float32") } as never)).toThrow(
    /start\.b is float32 \[1\], expected float64/,
  )
  expect(() => minimize({ value: () => 0, gradient: () => new Float64Array(3) }, [1])).toThrow(
    "the gradient has 3 elements, the start has 1",
  )
  expect(() => minimize(square, [1], { tolerance: Number.NaN })).toThrow("got tolerance NaN")
  expect(() => gradientDescent({ rate: 0 })).toThrow("gradientDescent: got rate 0")
  expect(() => gradientDescent({ rate: "armijo", momentum: 0.9 })).toThrow("needs a fixed step")
  expect(() => gradientDescent({ rate: 1, momentum: 1 })).toThrow("got momentum 1")
  expect(() => bfgs({ c1: 0.9, c2: 0.1 })).toThrow("bfgs: got c1 0.9 and c2 0.1, expected 0 < c1 < c2 < 1")
  expect(() => lbfgs({ memory: 0 })).toThrow("lbfgs: got memory 0")
  expect(() => trustRegion({ radius: -1 })).toThrow("trustRegion: got radius -1")
  expect(() => modifiedCholesky(new Float64Array(3))).toThrow("got 3 entries")
  // Steps too long, and functions without a floor.
  expect(() => minimize(square, [1], { method: gradientDescent({ rate: 3 }), maxSteps: 1e5 })).toThrow(MinimizeError)
  expect(() =>
    minimize((x: Tensor) => x.exp().neg().sum(), [0], { method: gradientDescent({ rate: "wolfe" }) }),
  ).toThrow(/-Infinity/)
  expect(() =>
    minimize((x: Tensor) => sin(softplus(x)).sum().mul(0), [0], {
      method: gradientDescent({ rate: "lipschitz" }),
      tolerance: 0,
    }),
  ).not.toThrow()
})
