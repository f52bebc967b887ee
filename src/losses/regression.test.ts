/** The notes on distances between numbers: worked examples, and where the printed sentence is off. */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { interpret } from "../../test/laws/interpret.ts"
import { near, none, numberOf, real, slopeAt, sum, valuesOf } from "../../test/laws/numbers.ts"
import { asArray } from "../engine/array.ts"
import type { Tensor } from "../engine/tensor.ts"
import { lstsq } from "../linalg/lstsq.ts"
import { huberLoss, l1Loss, mseLoss, smoothL1Loss } from "./regression.ts"

describe("numbers", () => {
  test("the L1 loss is the sum of absolute differences, and an outlier's share of it is smaller than of the L2 loss [E15]", () => {
    const [x, y] = [real([1, 2, 3, 4]), real([1.5, 1.5, 3.5, 14])]
    expect(numberOf(l1Loss(x, y, sum))).toBe(11.5)
    const share = (values: number[]): number => values[3] / values.reduce((a, b) => a + b)
    expect(share(valuesOf(l1Loss(x, y, none)))).toBeCloseTo(0.8696, 4)
    expect(share(valuesOf(mseLoss(x, y, none)))).toBeCloseTo(0.9926, 4)
    // Of differences below 1 the square is the smaller one: notes 003, remark 3.45, have it the other way round.
    expect(numberOf(mseLoss(real([0.1]), real([0])))).toBeCloseTo(0.01, 15)
    expect(slopeAt([0, 3, -0.1], (p) => l1Loss(p, real([0, 0, 0]), sum))).toEqual([0, 1, -1])
  })

  test("the L2 loss of (3, 4) is 25, not the root of it [E16]", () => {
    expect(numberOf(mseLoss(real([3, 4]), real([0, 0]), sum))).toBe(25)
    expect(slopeAt([3, 4], (p) => mseLoss(p, real([0, 0]), sum))).toEqual([6, 8])
  })

  test("norm, squared, averaged: the L2 norm, the L2 loss and the mean squared error of one vector [E17]", () => {
    const [x, y] = [real([3, 4, 0]), real([0, 0, 0])]
    expect(numberOf(mseLoss(x, y, sum).sqrt())).toBe(5)
    expect(numberOf(mseLoss(x, y, sum))).toBe(25)
    expect(numberOf(mseLoss(x, y))).toBeCloseTo(25 / 3, 14)
  })

  test("the sum of squared residuals is flat where the normal equations hold, and nowhere lower [E18]", () => {
    const a = [
      [1, 0.2],
      [1, 1.1],
      [1, 1.9],
      [1, 3.2],
      [1, 4.1],
    ]
    const b = [0.5, 1.2, 1.6, 2.9, 3.3]
    const best = lstsq(asArray(a, "float64"), asArray(b, "float64"))
    const loss = (p: Tensor): Tensor =>
      mseLoss(
        real(a)
          .matmul(p.reshape([2, 1]))
          .reshape([5]),
        real(b),
        sum,
      )
    const at = [...best.x.data]
    expect(near(slopeAt(at, loss), [0, 0])).toBeLessThan(1e-12)
    expect(numberOf(loss(real(at)))).toBeCloseTo(best.residuals.data[0], 13)
    const value = interpret((p: Tensor) => [loss(p)])
    fc.assert(
      fc.property(
        fc.tuple(fc.double({ min: -2, max: 2, noNaN: true }), fc.double({ min: -2, max: 2, noNaN: true })),
        (d) => {
          const moved = value(
            asArray(
              at.map((v, i) => v + d[i]),
              "float64",
            ),
          )[0].data[0]
          expect(moved).toBeGreaterThanOrEqual(best.residuals.data[0] - 1e-12)
        },
      ),
    )
  })

  test("Huber's loss is beta times smooth L1, the square below the joint and the absolute value above it", () => {
    const [x, y] = [real([0.1, -0.4, 2, -7]), real([0, 0, 0, 0])]
    const smooth = valuesOf(smoothL1Loss(x, y, { beta: 0.4, ...none }))
    expect(
      near(
        valuesOf(huberLoss(x, y, { delta: 0.4, ...none })),
        smooth.map((v) => 0.4 * v),
      ),
    ).toBeLessThan(1e-15)
    expect(near(valuesOf(huberLoss(x, y, { delta: 100, ...none })), [0.005, 0.08, 2, 24.5])).toBeLessThan(1e-14)
    expect(near(smooth, [0.0125, 0.2, 1.8, 6.8])).toBeLessThan(1e-14)
  })
})
