/**
 * The notes on derivatives as numbers (systems B01-B15): every rule against finite differences in float64, and where a
 * printed rule is wrong, how far off it is (docs/errata/calculus.md).
 */
import { describe, expect, test } from "vitest"
import { backpropagation, main } from "../../examples/backpropagation.ts"
import { full, type Nested, toNumbers, zeros } from "../../src/engine/array.ts"
import { compile } from "../../src/engine/compile.ts"
import { randomNormal } from "../../src/engine/create.ts"
import { hostValue } from "../../src/engine/evaluate.ts"
import { linear } from "../../src/engine/fused/attention.ts"
import { grad, gradients, valueAndGrad } from "../../src/engine/grad.ts"
import { hessian, jacobian } from "../../src/engine/jacobian.ts"
import { conv3d } from "../../src/engine/ops/conv.ts"
import { cos, exp, log, sigmoid, sin, stopGradient, tanh } from "../../src/engine/ops/elementwise.ts"
import { stack } from "../../src/engine/ops/movement.ts"
import { constant, placeholder, type Tensor, Variable } from "../../src/engine/tensor.ts"
import { Conv3d } from "../../src/nn/conv.ts"
import { seeded } from "../../src/nn/init.ts"
import { Linear } from "../../src/nn/linear.ts"
import { loadStateDict } from "../../src/nn/module.ts"
import { differences, distance, normals, real, valuesOf } from "./differences.ts"

/** Central differences are right to about this; printed errors are many orders larger. */
const near = 1e-7

const transposed = (t: Tensor): Tensor => t.transpose()
const outer = (a: Tensor, b: Tensor): Tensor => a.reshape([-1, 1]).mul(b.reshape([1, -1]))
const times = (m: Tensor, v: Tensor): Tensor => m.matmul(v.reshape([-1, 1])).reshape([-1])
/** A matrix of two rows. */
const square = (...values: number[]): Tensor => real(values).reshape([2, 2])
const dot = (a: Tensor, b: Tensor): Tensor => a.mul(b).sum()
const entry = (x: Tensor, i: number): Tensor => x.slice([[i, i + 1]]).reshape([])

describe("a fully connected layer", () => {
  const [n, d, m] = [3, 4, 2]
  const [x, w, b] = [normals(1, n, d), normals(2, d, m), normals(3, m)]

  test("is Y = X W + 1 b, element by element [B01]", async () => {
    const y = x.matmul(w).add(b)
    expect(y.shape).toEqual([n, m])
    const [xs, ws, bs] = [x, w, b].map(valuesOf)
    const loops: number[] = []
    for (let i = 0; i < n; i++)
      for (let j = 0; j < m; j++) {
        let sum = bs[j]
        for (let k = 0; k < d; k++) sum += xs[i * d + k] * ws[k * m + j]
        loops.push(sum)
      }
    expect(distance(y, real(loops).reshape([n, m]))).toBeLessThan(1e-14)

    // The layer keeps W^T, as PyTorch does, and any axes before the last are rows.
    const layer = new Linear(d, m)
    const state = new Map([
      ["weight", hostValue(transposed(w))],
      ["bias", hostValue(b)],
    ])
    await loadStateDict(layer, state)
    const run = compile((x: Tensor) => layer.forward(x))
    const found = await run(hostValue(x.cast("float32")))
    expect(found.shape).toEqual([n, m])
    toNumbers(found).forEach((v, i) => {
      expect(v).toBeCloseTo(loops[i], 5)
    })
    await run.dispose()
  })

  test("has the gradients L_Y W^T, X^T L_Y and 1^T L_Y, by loss functions of any kind [B02]", () => {
    const loss = (x: Tensor, w: Tensor, b: Tensor): Tensor =>
      tanh(linear(x, transposed(w), b))
        .square()
        .sum()
    const [lx, lw, lb] = gradients(loss(x, w, b), [x, w, b])
    const ly = grad((y: Tensor) => tanh(y).square().sum())(x.matmul(w).add(b))
    expect(distance(lx, ly.matmul(transposed(w)))).toBeLessThan(1e-13)
    expect(distance(lw, transposed(x).matmul(ly))).toBeLessThan(1e-13)
    expect(distance(lb, ly.sum({ axes: 0 }))).toBeLessThan(1e-13)
    expect(
      distance(
        lx,
        differences((t) => loss(t, w, b), x),
      ),
    ).toBeLessThan(near)
    expect(
      distance(
        lw,
        differences((t) => loss(x, t, b), w),
      ),
    ).toBeLessThan(near)
    expect(
      distance(
        lb,
        differences((t) => loss(x, w, t), b),
      ),
    ).toBeLessThan(near)

    // Printed: L_x[i, j] = sum_m L_y[n, m] w[j, m] with n left free. Only n = i is right.
    const [X, W] = [real([[1], [2]]), real([[3]])]
    const half = grad((x: Tensor) => x.matmul(W).square().sum().mul(0.5))(X)
    const slopes = valuesOf(X.matmul(W))
    const printed = (n: number): number => slopes[n] * 3
    expect(valuesOf(half)).toEqual([printed(0), printed(1)])
    expect(printed(1) - printed(0)).toBe(9)
  })
})

test("the derivative of a loss by a layer's input sums over all the layer's outputs [B03]", () => {
  const [w1, w2, x] = [normals(4, 3, 3), normals(5, 2, 3), normals(6, 3)]
  const hidden = (x: Tensor): Tensor => tanh(times(w1, x))
  const output = (h: Tensor): Tensor => times(w2, sigmoid(h))
  const loss = (y: Tensor): Tensor =>
    y
      .square()
      .sum()
      .add(entry(y, 0).mul(entry(y, 1)))
  const whole = (x: Tensor): Tensor => loss(output(hidden(x)))
  const found = grad(whole)(x)
  expect(distance(found, differences(whole, x))).toBeLessThan(near)

  // By hand: every path x_i -> h_j -> y_k -> L, one product of three numbers each.
  const [h, y] = [hidden(x), output(hidden(x))]
  const dh = valuesOf(jacobian(hidden)(x))
  const dy = valuesOf(jacobian(output)(h))
  const dl = valuesOf(grad(loss)(y))
  const paths = (outputs: readonly number[]): number[] =>
    [0, 1, 2].map((i) =>
      [0, 1, 2].reduce((sum, j) => sum + outputs.reduce((s, k) => s + dl[k] * dy[k * 3 + j] * dh[j * 3 + i], 0), 0),
    )
  expect(distance(found, real(paths([0, 1])))).toBeLessThan(1e-14)
  expect(distance(found, real(paths([0])))).toBeGreaterThan(0.01)
})

describe("backpropagation graphs", () => {
  const x = new Variable(full([], 0.5, "float64"))
  const [a, b] = [sin(x), exp(x)]

  test("a diamond has a red node for each of its four arrows and a brown one where ways meet [B04]", () => {
    const L = a.mul(b)
    const { partials, totals, edges } = backpropagation({ x, a, b, L }, "L")
    expect(Object.keys(partials).sort()).toEqual(["∂L/∂a", "∂L/∂b", "∂a/∂x", "∂b/∂x"])
    const arrows = edges.map(([from, to]) => `${from} -> ${to}`).sort()
    expect(arrows).toEqual(
      [
        ["x -> a", "x -> b", "a -> L", "b -> L"],
        ["x -> ∂a/∂x", "a -> ∂a/∂x", "x -> ∂b/∂x", "b -> ∂b/∂x"],
        ["a -> ∂L/∂a", "L -> ∂L/∂a", "b -> ∂L/∂b", "L -> ∂L/∂b"],
        ["∂a/∂x -> dL/dx", "∂b/∂x -> dL/dx", "∂L/∂a -> dL/dx", "∂L/∂b -> dL/dx"],
      ]
        .flat()
        .sort(),
    )
    const slope = Math.cos(0.5) * Math.exp(0.5) + Math.sin(0.5) * Math.exp(0.5)
    expect(valuesOf(totals.x)[0]).toBeCloseTo(slope, 14)
    expect(distance(totals.x, gradients(L, [x])[0])).toBeLessThan(1e-15)
    expect(valuesOf(partials["∂L/∂a"])[0]).toBeCloseTo(Math.exp(0.5), 14)
  })

  test("a node that reaches the loss directly and through another needs a partial and a total derivative", () => {
    const s = new Variable(full([], 2, "float64"))
    const c = s.square()
    const L = s.mul(c)
    const { partials, totals, edges } = backpropagation({ s, c, L }, "L")
    // L = s c with c = s^2: 4 at s = 2 with c held fixed, 12 in all. One node cannot be both.
    expect(valuesOf(partials["∂L/∂s"])[0]).toBe(4)
    expect(valuesOf(totals.s)[0]).toBe(12)
    expect(valuesOf(partials["∂c/∂s"])[0]).toBe(4)
    expect(edges.filter(([, to]) => to === "dL/ds").map(([from]) => from)).toEqual(["∂L/∂s", "∂c/∂s", "∂L/∂c"])
    expect(() => backpropagation({ s, L }, "L")).toThrow("L needs a mul that has no name")
  })

  test("the example prints the diamond", async () => {
    const text = await main()
    expect(text).toContain("∂L/∂a -> dL/dx")
    expect(text).toContain("dL/dx = 2.237328")
    expect(text).toContain("dL/dx by the engine = 2.237328")
  })
})

describe("the chain rule", () => {
  // g(x) = (x0 x1, x0 + x1) and f(u) = (u0^2, u0 u1) at x = (1, 2): whole numbers throughout.
  const g = (x: Tensor): Tensor => stack([entry(x, 0).mul(entry(x, 1)), entry(x, 0).add(entry(x, 1))])
  const f = (u: Tensor): Tensor => stack([entry(u, 0).square(), entry(u, 0).mul(entry(u, 1))])
  const x = real([1, 2])

  test("is J_f J_g with rows of outputs, and D_g D_f in the notes' layout, not as printed [B05]", () => {
    const [jg, jf, whole] = [jacobian(g)(x), jacobian(f)(g(x)), jacobian((x: Tensor) => f(g(x)))(x)]
    const [dg, df] = [jg, jf].map(transposed)
    expect(
      distance(
        whole,
        differences((x) => f(g(x)), x),
      ),
    ).toBeLessThan(near)
    expect(distance(whole, jf.matmul(jg))).toBe(0)
    expect(distance(transposed(whole), dg.matmul(df))).toBe(0)
    expect(valuesOf(transposed(whole))).toEqual([8, 8, 4, 5])
    // Printed for the layout in which gradients are columns: df/dg dg/dx.
    expect(valuesOf(df.matmul(dg))).toEqual([11, 7, 2, 2])
    expect(distance(transposed(whole), df.matmul(dg))).toBe(3)
    // Where the sizes differ it is no product at all: g: R^2 -> R^2, h: R^2 -> R^3.
    const h = (u: Tensor): Tensor => stack([entry(u, 0), entry(u, 1), dot(u, u)])
    const dh = transposed(jacobian(h)(g(x)))
    expect(dh.shape).toEqual([2, 3])
    expect(() => dh.matmul(dg)).toThrow("has 3 columns")
    expect(distance(transposed(jacobian((x: Tensor) => h(g(x)))(x)), dg.matmul(dh))).toBe(0)
  })
})

describe("rules of the notes, in their layout: D[i, j] = d f_j / d x_i", () => {
  const x = real([1, 2])
  const f = (x: Tensor): Tensor => stack([entry(x, 0).mul(entry(x, 1)), entry(x, 0).square()])
  const g = (x: Tensor): Tensor => stack([entry(x, 0).square(), entry(x, 1)])
  const u = (x: Tensor): Tensor => entry(x, 0).mul(3).add(entry(x, 1).square())
  const v = (x: Tensor): Tensor => sin(entry(x, 0)).mul(entry(x, 1))
  const [A, B] = [square(1, 2, 0, 3), square(2, -1, 1, 1)]
  const [a, b, e] = [real([1, -2]), real([3, 1]), real([2, 5])]
  const [C, D] = [square(1, 1, 0, 2), square(0, 1, 3, 1)]
  /** Derivative in the notes' layout. */
  const denominator = (fn: (x: Tensor) => Tensor): Tensor => {
    const j = jacobian(fn)(x)
    return j.rank === 2 ? transposed(j) : j
  }
  const [Jf, Jg] = [jacobian(f)(x), jacobian(g)(x)]
  const [Df, Dg] = [Jf, Jg].map(transposed)
  const [fx, gx] = [f(x), g(x)]

  /** Each rule: the function, what the corrected rule says, and what is printed where that is something else. */
  const scalar: [string, (x: Tensor) => Tensor, Tensor, printed?: Tensor, error?: number][] = [
    ["u v", (x) => u(x).mul(v(x)), productRule(u(x), denominator(v), v(x), denominator(u))],
    ["u(v)", (x) => exp(v(x)), denominator(v).mul(exp(v(x)))],
    ["f^T g", (x) => dot(f(x), g(x)), times(Df, gx).add(times(Dg, fx)), times(Jf, gx).add(times(Jg, fx)), 2],
    [
      "f^T A g",
      (x) => dot(f(x), times(A, g(x))),
      times(Df, times(A, gx)).add(times(Dg, times(transposed(A), fx))),
      times(transposed(Df), times(A, gx)).add(times(Dg, times(transposed(A), fx))),
      6,
    ],
    ["a^T x", (x) => dot(a, x), a],
    ["x^T a", (x) => dot(x, a), a],
    ["a^T f", (x) => dot(a, f(x)), times(Df, a)],
    ["x^T x", (x) => dot(x, x), x.mul(2)],
    ["a^T x x^T b", (x) => dot(a, x).mul(dot(x, b)), times(outer(a, b).add(outer(b, a)), x)],
    ["b^T A x", (x) => dot(b, times(A, x)), times(transposed(A), b)],
    ["x^T A x", (x) => dot(x, times(A, x)), times(A.add(transposed(A)), x)],
    ["|f|^2", (x) => dot(f(x), f(x)), times(Df, fx).mul(2), times(Jf, fx).mul(2), 4],
  ]
  function productRule(p: Tensor, dq: Tensor, q: Tensor, dp: Tensor): Tensor {
    return dq.mul(p).add(dp.mul(q))
  }

  test("scalars by vectors: products, chains, linear and quadratic forms [B06]", () => {
    for (const [name, fn, rule, printed, error] of scalar) {
      expect(distance(denominator(fn), differences(fn, x)), name).toBeLessThan(near)
      expect(distance(denominator(fn), rule), name).toBeLessThan(1e-13)
      if (printed !== undefined) expect(distance(denominator(fn), printed), `${name}, as printed`).toBe(error)
    }
    // (A x + b)^T C (D x + e): what is printed as its derivative by e is that by x.
    const form = (x: Tensor, e: Tensor): Tensor => dot(times(A, x).add(b), times(C, times(D, x).add(e)))
    const [byX, byE] = gradients(form(x, e), [x, e])
    const printed = times(transposed(D), times(transposed(C), times(A, x).add(b))).add(
      times(transposed(A), times(C, times(D, x).add(e))),
    )
    expect(distance(byX, printed)).toBe(0)
    expect(
      distance(
        byE,
        differences((e) => form(x, e), e),
      ),
    ).toBeLessThan(near)
    expect(distance(byE, times(transposed(C), times(A, x).add(b)))).toBe(0)
    expect(distance(byE, printed)).toBe(96)
  })

  test("vectors by vectors: products, chains, linear maps [B07]", () => {
    const vectors: [string, (x: Tensor) => Tensor, Tensor, printed?: Tensor, error?: number][] = [
      [
        "u f",
        (x) => f(x).mul(u(x)),
        Df.mul(u(x)).add(outer(denominator(u), fx)),
        Df.mul(u(x)).add(outer(fx, denominator(u))),
        5,
      ],
      ["x o a", (x) => x.mul(a), outer(a, real([1, 1])).mul(square(1, 0, 0, 1))],
      ["a", (x) => a.add(x.mul(0)), real(zeros([2, 2]))],
      ["f(g)", (x) => f(g(x)), Dg.matmul(transposed(jacobian(f)(gx))), transposed(jacobian(f)(gx)).matmul(Dg), 2],
      ["A x", (x) => times(A, x), transposed(A), A, 2],
      ["x^T A", (x) => times(transposed(A), x), A, transposed(A), 2],
      ["3 f", (x) => f(x).mul(3), Df.mul(3), Jf.mul(3), 3],
    ]
    for (const [name, fn, rule, printed, error] of vectors) {
      expect(distance(denominator(fn), transposed(differences(fn, x))), name).toBeLessThan(near)
      expect(distance(denominator(fn), rule), name).toBeLessThan(1e-13)
      if (printed !== undefined) expect(distance(denominator(fn), printed), `${name}, as printed`).toBe(error)
    }
    // A constant that does not meet x at all has a derivative of 0 too.
    expect(valuesOf(jacobian(() => a)(x))).toEqual([0, 0, 0, 0])
  })

  test("scalars by matrices: forms and traces [B08]", () => {
    const X = square(1, 2, -1, 3)
    const trace = (m: Tensor): Tensor => m.mul(square(1, 0, 0, 1)).sum()
    const [abT, baT] = [outer(a, b), outer(b, a)]
    const rules: [string, (X: Tensor) => Tensor, Tensor, printed?: Tensor, error?: number][] = [
      ["a^T X b", (X) => dot(a, times(X, b)), abT],
      ["a^T X^T b", (X) => dot(a, times(transposed(X), b)), baT],
      ["a^T X a", (X) => dot(a, times(X, a)), outer(a, a), transposed(A).matmul(transposed(B)), 3],
      ["a^T X^T a", (X) => dot(a, times(transposed(X), a)), outer(a, a)],
      ["Tr(A X B)", (X) => trace(A.matmul(X).matmul(B)), transposed(A).matmul(transposed(B))],
      ["a^T X^T X b", (X) => dot(times(X, a), times(X, b)), X.matmul(abT.add(baT)), X.matmul(baT).add(baT), 22],
    ]
    for (const [name, fn, rule, printed, error] of rules) {
      const found = grad(fn)(X)
      expect(distance(found, differences(fn, X)), name).toBeLessThan(near)
      expect(distance(found, rule), name).toBeLessThan(1e-13)
      if (printed !== undefined) expect(distance(found, printed), `${name}, as printed`).toBe(error)
    }
  })

  test("a vector by a matrix: d(X a)_k / dX_ij is a_j where k = i, a tensor of three axes [B09]", () => {
    const X = normals(7, 3, 2)
    const found = jacobian((X: Tensor) => times(X, a))(X)
    expect(found.shape).toEqual([3, 3, 2])
    const expected: Nested = [0, 1, 2].map((k) => [0, 1, 2].map((i) => [0, 1].map((j) => (k === i ? [1, -2][j] : 0))))
    expect(distance(found, real(expected))).toBe(0)
    expect(
      distance(
        found,
        differences((X) => times(X, a), X),
      ),
    ).toBeLessThan(near)
    // Printed: X^T, of another rank, and moving with X where the derivative does not.
    expect(transposed(X).rank).toBe(2)
    expect(distance(found, jacobian((X: Tensor) => times(X, a))(X.mul(5)))).toBe(0)
  })
})

test("the log-derivative trick estimates gradients of means without bias, at more variance than the pathwise way [B10]", async () => {
  // The identity itself, for the density of N(theta, 1) at several points.
  for (const point of [-1.3, 0.2, 2]) {
    const density = (theta: Tensor): Tensor => exp(theta.sub(point).square().mul(-0.5)).mul(1 / Math.sqrt(2 * Math.PI))
    const theta = real(0.4)
    const trick = density(theta).mul(grad((t: Tensor) => log(density(t)))(theta))
    expect(distance(grad(density)(theta), trick)).toBeLessThan(1e-15)
  }
  // d/dtheta of E[x^2] for x ~ N(theta, 1), which is 2 theta.
  const [mean, count] = [1.5, 200_000]
  const run = compile(
    () => {
      const theta = constant(mean)
      const noise = randomNormal([count])
      const perSample = theta.broadcastTo([count])
      const drawn = stopGradient(perSample.add(noise))
      const logDensity = drawn.sub(perSample).square().mul(-0.5)
      const score = gradients(logDensity.mul(drawn.square()).sum(), [perSample])[0]
      const pathwise = gradients(perSample.add(noise).square().sum(), [perSample])[0]
      const moments = (g: Tensor): Tensor => stack([g.mean(), g.sub(g.mean()).square().mean()])
      return [moments(score), moments(pathwise)]
    },
    { seed: 12 },
  )
  const [score, pathwise] = (await run()).map((m) => [...toNumbers(m)])
  // Var[x^2 (x - theta)] = theta^4 + 14 theta^2 + 15, Var[2 x] = 4.
  const variance = mean ** 4 + 14 * mean ** 2 + 15
  for (const [found, expected] of [
    [score, variance],
    [pathwise, 4],
  ] as const) {
    expect(Math.abs(found[0] - 2 * mean)).toBeLessThan(4 * Math.sqrt(expected / count))
    expect(Math.abs(found[1] / expected - 1)).toBeLessThan(0.1)
  }
  expect(score[1] / pathwise[1]).toBeGreaterThan(10)
  await run.dispose()
})

test("the gradient of x^T A x + x^T b + c is (A + A^T) x + b, and its Hessian A + A^T [B11]", () => {
  const [A, b, x] = [normals(8, 4, 4), normals(9, 4), normals(10, 4)]
  const q = (x: Tensor): Tensor => dot(x, times(A, x)).add(dot(x, b)).add(3)
  const both = A.add(transposed(A))
  const [value, found] = valueAndGrad(q)(x)
  expect(distance(value, q(x))).toBe(0)
  expect(distance(found, times(both, x).add(b))).toBeLessThan(1e-13)
  expect(distance(found, differences(q, x))).toBeLessThan(near)
  expect(distance(hessian(q)(x), both)).toBeLessThan(1e-13)
  // 2 A x + b is right for symmetric A alone.
  expect(distance(found, times(A, x).mul(2).add(b))).toBeGreaterThan(0.1)
})

test("stop-gradient is the identity forward and a constant backward: the target stands still, the predictor learns [B12]", () => {
  const [x1, x2] = [normals(11, 3), normals(12, 3)]
  const [W, P] = [normals(13, 2, 3), normals(14, 2, 2)]
  const loss = (target: (f: Tensor) => Tensor) => (W: Tensor, P: Tensor) =>
    times(P, times(W, x1))
      .sub(target(times(W, x2)))
      .square()
      .sum()
      .mul(0.5)
  const [stopped, open] = [loss(stopGradient), loss((f) => f)]
  expect(distance(stopped(W, P), open(W, P))).toBe(0)
  // The encoder's gradient is that of the predicting branch, the target held at its value.
  const held = times(W, x2)
  const byEncoder = gradients(stopped(W, P), [W])[0]
  expect(
    distance(
      byEncoder,
      differences((W) => loss(() => held)(W, P), W),
    ),
  ).toBeLessThan(near)
  expect(distance(byEncoder, gradients(open(W, P), [W])[0])).toBeCloseTo(2.897, 3)
  // The predictor is not what is stopped: it has the same gradient either way.
  const byPredictor = gradients(stopped(W, P), [P])[0]
  expect(distance(byPredictor, gradients(open(W, P), [P])[0])).toBe(0)
  expect(Math.max(...valuesOf(byPredictor).map(Math.abs))).toBeCloseTo(1.899, 3)
  // A branch that is detached as a whole has no gradient at all.
  const detached = (x: Tensor): Tensor => stopGradient(x.square()).sum()
  expect(valuesOf(grad(detached)(x1))).toEqual([0, 0, 0])
  expect(valuesOf(detached(x1))).toEqual(valuesOf(x1.square().sum()))
})

describe("gradients through depth", () => {
  /** Norms of the gradients of a chain's weights, from the first layer to the last. */
  const norms = (weights: readonly Tensor[], act: (x: Tensor) => Tensor, x: Tensor): number[] => {
    const y = weights.reduce((h, w) => act(linear(h, w)), x)
    return gradients(y.sum(), weights).map((g) => Math.hypot(...valuesOf(g)))
  }

  test("sigmoid's slope is at most 1/4 and tanh's 1, so twenty sigmoid layers leave the first a millionth [B13]", () => {
    const grid = real(Array.from({ length: 2001 }, (_, i) => (i - 1000) / 100))
    const largest = (f: (x: Tensor) => Tensor): [number, number] => {
      const slopes = valuesOf(grad((x: Tensor) => f(x).sum())(grid))
      return [Math.max(...slopes), slopes.indexOf(Math.max(...slopes))]
    }
    expect(largest(sigmoid)).toEqual([0.25, 1000])
    expect(largest(tanh)).toEqual([1, 1000])
    const layers = seeded(1, () => Array.from({ length: 20 }, () => new Linear(16, 16, { bias: false })))
    const weights = layers.map((layer) => constant(layer.weight.initial, "float64"))
    const x = normals(15, 4, 16)
    const found = norms(weights, sigmoid, x)
    expect(found[0] / found[19]).toBeLessThan(1e-6)
    expect(found[0]).toBeGreaterThan(0)
    // Every layer takes its share, and a chain whose slope is 1 takes nothing like it.
    for (let i = 1; i < 20; i++) expect(found[i - 1]).toBeLessThan(found[i])
    const rotations = Array.from({ length: 20 }, (_, i) => rotation(i))
    const kept = norms(rotations, (h) => h, normals(16, 4, 2))
    expect(kept[0] / kept[19]).toBeCloseTo(1, 12)
  })

  const rotation = (angle: number): Tensor => {
    const [c, s] = [cos(real(angle)), sin(real(angle))]
    return stack([stack([c, s.neg()]), stack([s, c])])
  }

  test("a linear chain of gain 3 grows as 3 to the depth; a gain above 1 is needed for that but does not suffice [B14]", () => {
    for (const depth of [1, 5, 10, 20]) {
      const chain = (x: Tensor): Tensor =>
        Array.from({ length: depth }, (_, i) => rotation(i).mul(3)).reduce((h, w) => times(w, h), x)
      const singular = valuesOf(jacobian(chain)(real([1, 0])))
      expect(Math.hypot(singular[0], singular[2]) / 3 ** depth).toBeCloseTo(1, 12)
      expect(Math.hypot(singular[1], singular[3]) / 3 ** depth).toBeCloseTo(1, 12)
    }
    // The recurrence h <- U h with the largest singular value 2: its second power is 0.
    const U = square(0, 2, 0, 0)
    const twice = jacobian((h: Tensor) => times(U, times(U, h)))(real([1, 1]))
    expect(valuesOf(jacobian((h: Tensor) => times(U, h))(real([1, 1])))).toEqual([0, 2, 0, 0])
    expect(valuesOf(twice)).toEqual([0, 0, 0, 0])
  })
})

test("samples stand along the first axis, each alone: a batch of two is two batches of one [B15]", async () => {
  // The notes' example at its full size, as a shape: two volumes of 128^3 with 4 channels.
  const volumes = placeholder("x", { dtype: "float32", shape: [2, 4, 128, 128, 128] })
  const wide = conv3d(volumes, constant(zeros([8, 4, 3, 3, 3])), null, { padding: 1 })
  expect(wide.shape).toEqual([2, 8, 128, 128, 128])

  const layer = seeded(1, () => new Conv3d(4, 3, 3, { padding: 1 }))
  const run = compile((x: Tensor) => tanh(layer.forward(x)))
  const x = hostValue(normals(17, 2, 4, 8, 8, 8).cast("float32"))
  const values = toNumbers(x)
  const sample = (i: number): Tensor => real([...values.slice(i * 2048, (i + 1) * 2048)]).reshape([1, 4, 8, 8, 8])
  const both = toNumbers(await run(x))
  for (const i of [0, 1]) {
    const alone = await run(hostValue(sample(i).cast("float32")))
    expect(alone.shape).toEqual([1, 3, 8, 8, 8])
    toNumbers(alone).forEach((v, k) => {
      expect(Math.abs(v - both[i * 1536 + k])).toBeLessThan(1e-6)
    })
  }
  await run.dispose()

  // "The loss is the sum of all samples' losses" where PyTorch's losses, and ours, are means: the factor is the batch.
  const w = real([0.5, -1])
  const rows = square(1, 2, 3, 1)
  const losses = (w: Tensor): Tensor => times(rows, w).square()
  const [bySum, byMean] = [grad((w: Tensor) => losses(w).sum())(w), grad((w: Tensor) => losses(w).mean())(w)]
  expect(distance(bySum, byMean.mul(2))).toBe(0)
})
