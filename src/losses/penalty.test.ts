/** The notes on regularisation as numbers: exact zeros, ridge regression, and weight decay. */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { interpret } from "../../test/laws/interpret.ts"
import { near, numberOf, real, slopeAt, sum, valuesOf } from "../../test/laws/numbers.ts"
import { asArray, type NdArray } from "../engine/array.ts"
import { gradients } from "../engine/grad.ts"
import { constant, type Tensor, Variable } from "../engine/tensor.ts"
import { lstsq } from "../linalg/lstsq.ts"
import { adam, adamW } from "../optim/adam.ts"
import { sgd } from "../optim/sgd.ts"
import { l1Penalty, l2Penalty, softThreshold } from "./penalty.ts"
import { mseLoss } from "./regression.ts"

describe("penalties", () => {
  /** 30 rows of 8 columns, the last 5 of which have nothing to do with the target. */
  const rows = Array.from({ length: 30 }, (_, i) =>
    Array.from({ length: 8 }, (_, j) => Math.sin(1 + i * (j + 1.3) + j * j)),
  )
  const target = rows.map((row, i) => 2 * row[0] - 1.5 * row[1] + row[2] + 0.1 * Math.cos(5 * i))
  const residual = (p: Tensor): Tensor =>
    mseLoss(
      real(rows)
        .matmul(p.reshape([8, 1]))
        .reshape([30]),
      real(target),
      sum,
    )

  test("L1 regularisation with its proximal step makes exact zeros, and meets the conditions of a minimum [E19]", () => {
    const [lambda, rate] = [6, 0.02]
    const step = interpret((p: Tensor) => [
      softThreshold(p.sub(gradients(residual(p), [p])[0].mul(rate)), lambda * rate),
    ])
    let p: NdArray = asArray(new Array(8).fill(0), "float64")
    for (let k = 0; k < 300; k++) p = step(p)[0]
    const at = [...(p.data as Float64Array)].map((v) => v + 0)
    expect(at.slice(3)).toEqual([0, 0, 0, 0, 0])
    for (const v of at.slice(0, 3)) expect(Math.abs(v)).toBeGreaterThan(0.5)
    const slope = slopeAt(at, residual)
    for (const [i, v] of at.entries()) {
      if (v === 0) expect(Math.abs(slope[i])).toBeLessThan(lambda)
      else expect(slope[i] + lambda * Math.sign(v)).toBeCloseTo(0, 9)
    }
    // A gradient step alone leaves none of them at 0: it jumps across.
    const plain = interpret((p: Tensor) => [
      p.sub(gradients(residual(p).add(l1Penalty([p]).mul(lambda)), [p])[0].mul(rate)),
    ])
    let q: NdArray = asArray(new Array(8).fill(0), "float64")
    for (let k = 0; k < 300; k++) q = plain(q)[0]
    expect([...(q.data as Float64Array)].filter((v) => v === 0)).toEqual([])
    expect(slopeAt([0, -2, 3], (x) => l1Penalty([x]))).toEqual([0, -1, 1])
  })

  test("L2 regularisation is ridge regression: its minimum is the closed form, which shrinks and has no zeros [E20]", () => {
    const norms: number[] = []
    for (const lambda of [0, 1, 10, 100]) {
      // (A^T A + lambda I) p = A^T y is the least squares of A over sqrt(lambda) I and y over 0.
      const more = Array.from({ length: 8 }, (_, i) =>
        Array.from({ length: 8 }, (_, j) => (i === j ? Math.sqrt(lambda) : 0)),
      )
      const { x } = lstsq(
        asArray([...rows, ...more], "float64"),
        asArray([...target, ...new Array(8).fill(0)], "float64"),
      )
      const at = [...x.data]
      expect(
        near(
          slopeAt(at, (p) => residual(p).add(l2Penalty([p]).mul(lambda))),
          new Array(8).fill(0),
        ),
      ).toBeLessThan(1e-11)
      expect(at.every((v) => v !== 0)).toBe(true)
      norms.push(Math.hypot(...at))
    }
    expect([...norms].sort((a, b) => b - a)).toEqual(norms)
    expect(norms[3]).toBeLessThan(0.2 * norms[0])
    expect(numberOf(l2Penalty([real([3, 4]), real([[1]])]))).toBe(26)
  })

  test("half the weight decay times the L2 penalty is weight decay under gradient descent, and is not under Adam", () => {
    const decay = 0.3
    const path = (make: () => ReturnType<typeof sgd>, penalty: number): number[] => {
      const p = new Variable(asArray([1, -2, 3, 0.5, 0, 1, -1, 2], "float64"))
      const optimizer = make()
      const run = interpret(() => {
        const loss = residual(p)
          .mul(0.01)
          .add(l2Penalty([p]).mul(penalty / 2))
        optimizer.update(new Map([["p", p]]), gradients(loss, [p]), constant(0.1, "float64"))
        return [loss]
      })
      for (let k = 0; k < 5; k++) run()
      return [...(p.initial.data as Float64Array)]
    }
    const plain = path(() => sgd({ lr: 0.1 }), decay)
    expect(
      near(
        plain,
        path(() => sgd({ lr: 0.1, weightDecay: decay }), 0),
      ),
    ).toBeLessThan(1e-14)
    const adaptive = path(() => adam({ lr: 0.1 }), decay)
    expect(
      near(
        adaptive,
        path(() => adam({ lr: 0.1, weightDecay: decay }), 0),
      ),
    ).toBeLessThan(1e-13)
    expect(
      near(
        adaptive,
        path(() => adamW({ lr: 0.1, weightDecay: decay }), 0),
      ),
    ).toBeGreaterThan(0.01)
  })

  test("the soft threshold minimises half the squared distance plus the threshold times the absolute value", () => {
    expect(valuesOf(softThreshold(real([-3, -0.5, 0, 0.2, 1.5]), 0.5))).toEqual([-2.5, 0, 0, 0, 1])
    fc.assert(
      fc.property(
        fc.double({ min: -5, max: 5, noNaN: true }),
        fc.double({ min: 0, max: 3, noNaN: true }),
        fc.double({ min: -6, max: 6, noNaN: true }),
        (x, t, other) => {
          const cost = (z: number): number => (z - x) ** 2 / 2 + t * Math.abs(z)
          expect(cost(numberOf(softThreshold(real([x]), t)))).toBeLessThanOrEqual(cost(other) + 1e-12)
        },
      ),
      { numRuns: 50 },
    )
  })
})
