/** The notes on margins and overlaps as numbers. */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { differencesAt, int, near, none, numberOf, real, slopeAt, sum, valuesOf } from "../../test/laws/numbers.ts"
import type { Tensor } from "../engine/tensor.ts"
import { multiMarginLoss } from "./classification.ts"
import { diceLoss } from "./dice.ts"
import { contrastiveLoss, cosineEmbeddingLoss, hingeLoss, tripletLoss, tripletMarginLoss } from "./margin.ts"

describe("margins", () => {
  test("the triplet loss is 0 outside the margin, with its gradient, and follows differences inside [E23]", () => {
    const [a, p] = [real([0, 0]), real([0.5, 0])]
    expect(numberOf(tripletLoss(a, p, real([1.5, 0])))).toBe(0)
    expect(slopeAt([1.5, 0], (n) => tripletLoss(a, p, n))).toEqual([0, 0])
    expect(numberOf(tripletLoss(a, p, real([1, 0])))).toBe(0.25)
    for (const loss of [tripletLoss, tripletMarginLoss]) {
      const at = (x: Tensor): Tensor => {
        const [anchor, positive, negative] = x.reshape([3, 3]).split([1, 1, 1], 0)
        return loss(anchor, positive, negative, { margin: 2 })
      }
      const x = [0.1, 0.5, -0.3, 0.7, -0.2, 0.4, -0.6, 0.9, 0.2]
      expect(numberOf(at(real(x)))).toBeGreaterThan(0)
      expect(near(slopeAt(x, at), differencesAt(x, at))).toBeLessThan(1e-8)
    }
  })

  test("the hinge loss is 0 from the margin on, has its kink at 1, and grows with a wrong output [E24]", () => {
    const y = real([1, 1, 1, 1, -1, -1])
    const x = [2, 1, 0.5, -2, -1, 0.25]
    expect(valuesOf(hingeLoss(real(x), y, none))).toEqual([0, 0, 0.5, 3, 0, 1.25])
    expect(slopeAt(x, (v) => hingeLoss(v, y, sum))).toEqual([0, 0, -1, -1, 0, 1])
    expect(slopeAt([1 - 1e-9, 1 + 1e-9], (v) => hingeLoss(v, real([1, 1]), sum))).toEqual([-1, 0])
    expect(valuesOf(hingeLoss(real(x), y, { squared: true, ...none }))).toEqual([0, 0, 0.25, 9, 0, 1.5625])
    expect(numberOf(multiMarginLoss(real([[2, 0, 0.5]]), int([0])))).toBe(0)
    expect(numberOf(multiMarginLoss(real([[0.5, 0, 0.25]]), int([0])))).toBeCloseTo((0.5 + 0.75) / 3, 15)
  })

  test("pairs that are equal have no contrastive loss, unlike ones the more of it the closer they are", () => {
    const a = real([
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 0],
    ])
    const b = real([
      [0, 0],
      [3, 4],
      [0, 0],
      [0.3, 0.4],
    ])
    const losses = valuesOf(contrastiveLoss(a, b, int([1, 1, 0, 0]), none))
    expect(near(losses, [0, 12.5, 0.5, 0.125])).toBeLessThan(1e-15)
    expect(slopeAt([0, 0], (x) => contrastiveLoss(x, real([0, 0]), int(0)))).toEqual([0, 0])
    const cosines = valuesOf(
      cosineEmbeddingLoss(
        real([
          [1, 0],
          [1, 0],
          [1, 0],
        ]),
        real([
          [2, 0],
          [0, 1],
          [3, 0],
        ]),
        int([1, 1, -1]),
        none,
      ),
    )
    expect(near(cosines, [0, 1, 1])).toBeLessThan(1e-11)
  })

  test("Dice of 6 hits, 2 false alarms and 4 misses is 2/3, twice the overlap over one plus it, and the loss is minus that [E25]", () => {
    const [hits, alarms, misses, rest] = [6, 2, 4, 8]
    const mask = (...parts: number[]): number[] =>
      [hits, alarms, misses, rest].flatMap((n, i) => new Array(n).fill(parts[i]))
    const [found, truth] = [real(mask(1, 1, 0, 0)), real(mask(1, 0, 1, 0))]
    const dice = -numberOf(diceLoss(found, truth))
    expect(dice).toBeCloseTo(0.666667, 6)
    const overlap = hits / (hits + alarms + misses)
    expect(overlap).toBe(0.5)
    expect(dice).toBeCloseTo((2 * overlap) / (1 + overlap), 7)
    // As printed: TP / (2 TP + FP + FN).
    expect(hits / (2 * hits + alarms + misses)).toBeCloseTo(0.3333, 4)
    expect(numberOf(diceLoss(truth, truth))).toBeCloseTo(-1, 7)
    expect(numberOf(diceLoss(truth, truth.neg().add(1)))).toBeCloseTo(0, 15)
    expect(numberOf(diceLoss(truth.mul(0), truth.mul(0)))).toBeCloseTo(0, 15)
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })), {
          minLength: 2,
          maxLength: 9,
        }),
        (pairs) => {
          const value = numberOf(diceLoss(real(pairs.map(([v]) => v)), real(pairs.map(([, v]) => v))))
          expect(value).toBeGreaterThanOrEqual(-1)
          expect(value + 0).toBeLessThanOrEqual(0)
        },
      ),
      { numRuns: 50 },
    )
  })
})
