import { expect, test } from "vitest"
import { expmSeries, expSeries, logSeries } from "../../examples/linalg-series.ts"
import { array } from "../engine/array.ts"
import { fillNormal, Generator, keyOf } from "../engine/random.ts"
import { add, diag, eye, scale, subtract } from "./arithmetic.ts"
import { largest } from "./blas.ts"
import { expm } from "./expm.ts"
import type { Real } from "./matrix.ts"
import { norm } from "./norm.ts"
import { matmul } from "./product.ts"
import { rotation } from "./rotation.ts"
import { inv } from "./solve.ts"

const gauss = (seed: number, ...shape: number[]): Real =>
  array("float64", shape, fillNormal(new Float64Array(shape.reduce((p, n) => p * n, 1)), keyOf(seed)))

test("the series of exp gives e to 1e-15; that of log converges on (0, 2] and at 3 is -64.8 after ten terms [C21]", () => {
  expect(Math.abs(expSeries(1) - Math.E)).toBeLessThan(1e-15)
  const g = new Generator(21)
  for (let k = 0; k < 10_000; k++) {
    const a = g.uniform(-8, 8)
    expect(Math.abs(expSeries(a, 80) - Math.exp(a))).toBeLessThan(4e-16 * Math.exp(Math.abs(a)) * 8)
    const b = g.uniform(0.4, 1.6)
    expect(Math.abs(logSeries(b, 80) - Math.log(b))).toBeLessThan(1e-14)
  }
  expect(logSeries(3, 10)).toBeCloseTo(-64.8254, 4)
  expect(Math.abs(logSeries(3, 60))).toBeGreaterThan(1e15)
  expect(Math.abs(logSeries(2, 100_000) - Math.LN2)).toBeLessThan(1e-5)
})

/** y' = A y from 0 to t by the classical Runge-Kutta method. */
function trajectory(a: Real, c: Real, t: number, steps: number): Real {
  const h = t / steps
  let y = c
  for (let i = 0; i < steps; i++) {
    const k1 = matmul(a, y)
    const k2 = matmul(a, add(y, scale(h / 2, k1)))
    const k3 = matmul(a, add(y, scale(h / 2, k2)))
    const k4 = matmul(a, add(y, scale(h, k3)))
    y = add(y, scale(h / 6, add(add(k1, scale(2, add(k2, k3))), k4)))
  }
  return y
}

test("exp of [[0, -t], [t, 0]] is the rotation by t; exp(A t) c follows f' = A f; large norms are squared down [C22]", () => {
  for (const t of [0, 1e-9, 0.1, 0.5, 1, 2, 3, 10, 100]) {
    const turn = expm([
      [0, -t],
      [t, 0],
    ])
    expect(largest(subtract(turn, rotation(t)).data)).toBeLessThan(2e-15 * Math.max(1, t))
  }
  for (let k = 0; k < 20; k++) {
    const n = 1 + (k % 5)
    const a = gauss(k, n, n)
    const c = gauss(k + 100, n)
    const exact = matmul(expm(a), c)
    const by = (steps: number): number => norm(subtract(trajectory(a, c, 1, steps), exact)) / norm(c)
    expect(by(200)).toBeLessThan(1e-6)
    // Fourth order: twice the steps, a sixteenth of the error (until rounding).
    if (by(50) > 1e-9) expect(by(25) / by(50)).toBeGreaterThan(10)
    const size = norm(a)
    expect(norm(subtract(expm(a), expmSeries(a, 60)))).toBeLessThan(1e-14 * Math.exp(size))
    // exp(64 A) by scaling equals exp(A) squared six times.
    let power = expm(scale(1 / size, a))
    for (let i = 0; i < 6; i++) power = matmul(power, power)
    const big = expm(scale(64 / size, a))
    expect(norm(subtract(big, power))).toBeLessThan(1e-11 * norm(power))
  }
})

test("exp(A) exp(-A) = I, exp of a diagonal is entrywise, exp of zero is I", () => {
  for (let k = 0; k < 300; k++) {
    const n = 1 + (k % 6)
    const a = scale(2 ** ((k % 7) - 5), gauss(k + 500, n, n))
    const forth = expm(a)
    const back = expm(scale(-1, a))
    const size = norm(forth) * norm(back)
    expect(norm(subtract(matmul(forth, back), eye(n)))).toBeLessThan(1e-13 * size)
    expect(norm(subtract(inv(forth), back))).toBeLessThan(1e-13 * size * norm(back))
  }
  const e = expm(diag([-30, 0, 1, 50])).data
  for (const [i, x] of [-30, 0, 1, 50].entries()) expect(Math.abs(e[5 * i] / Math.exp(x) - 1)).toBeLessThan(1e-13)
  expect(expm(scale(0, eye(3))).data).toEqual(eye(3).data)
})

test("a result beyond double precision is refused, a nilpotent matrix of any size is not", () => {
  expect(() => expm([[1e4]])).toThrow(/expm: the result overflows/)
  expect(() =>
    expm([
      [1e300, 1],
      [1, 1e300],
    ]),
  ).toThrow(/expm: the result overflows/)
  expect(
    Array.from(
      expm([
        [0, 1e40],
        [0, 0],
      ]).data,
    ),
  ).toEqual([1, 1e40, 0, 1])
  expect(expm([[-1e4]]).data[0]).toBe(0)
})
