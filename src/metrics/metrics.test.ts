/** What the notes say of metrics, as numbers: worked examples, limits, laws, and what is refused. */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { array, asArray } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"
import * as m from "./index.ts"
import { fallingOrder } from "./order.ts"

/** Lists with the given counts of outcomes. */
function outcomes({ tp = 0, fp = 0, fn = 0, tn = 0 }: Partial<m.Counts>): [number[], number[]] {
  const many = (n: number, v: number): number[] => new Array(n).fill(v)
  return [
    [...many(tp, 1), ...many(fp, 0), ...many(fn, 1), ...many(tn, 0)],
    [...many(tp, 1), ...many(fp, 1), ...many(fn, 0), ...many(tn, 0)],
  ]
}

/** The worked case of the notes' errata. */
const [truth, guess] = outcomes({ tp: 6, fp: 2, fn: 4, tn: 8 })
const labelsOf = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })), {
  minLength: 1,
  maxLength: 30,
})

describe("counts", () => {
  test("the confusion matrix counts what was predicted for what was true, in the notes' layout for labels 1, 0 [E27]", () => {
    expect([...m.confusionMatrix(truth, guess, { labels: [1, 0] }).counts.data]).toEqual([6, 4, 2, 8])
    expect(m.confusionMatrix(truth, guess).labels).toEqual([0, 1])
    expect([...m.confusionMatrix(truth, guess).counts.data]).toEqual([8, 2, 4, 6])
    expect(m.binaryCounts(truth, guess)).toEqual({ tp: 6, fp: 2, fn: 4, tn: 8 })
    expect(m.binaryCounts(truth, guess, { positive: 0 })).toEqual({ tp: 8, fp: 4, fn: 2, tn: 6 })
    fc.assert(
      fc.property(labelsOf, (pairs) => {
        const [y, p] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)]
        const { labels, counts } = m.confusionMatrix(y, p)
        for (const [i, a] of labels.entries()) {
          for (const [j, b] of labels.entries())
            expect(counts.data[i * labels.length + j]).toBe(pairs.filter(([u, v]) => u === a && v === b).length)
        }
      }),
    )
  })

  test("6 hits, 2 false alarms, 4 misses, 8 right rejections: precision .75, negative predictive value 2/3 [E28]", () => {
    expect(m.precision(truth, guess)).toBe(0.75)
    expect(m.npv(truth, guess)).toBeCloseTo(2 / 3, 15)
    expect(m.npv(truth, guess)).toBe(m.precision(truth, guess, { positive: 0 }))
  })

  test("the same: recall .6, specificity .8 [E29]", () => {
    expect(m.recall(truth, guess)).toBe(0.6)
    expect(m.specificity(truth, guess)).toBe(0.8)
    expect(m.specificity(truth, guess)).toBe(m.recall(truth, guess, { positive: 0 }))
  })

  test("the same: accuracy .7, balanced accuracy the mean of recall and specificity [E30]", () => {
    expect(m.accuracy(truth, guess)).toBe(0.7)
    expect(m.balancedAccuracy(truth, guess)).toBeCloseTo(0.7, 15)
    const [rare, never] = outcomes({ fn: 5, tn: 95 })
    expect(m.accuracy(rare, never)).toBe(0.95)
    expect(m.balancedAccuracy(rare, never)).toBe(0.5)
    expect(m.balancedAccuracy(rare, never, { adjusted: true })).toBe(0)
  })

  test("the same: F1 2/3 and F2 .625, from the counts and from precision and recall [E31]", () => {
    const [p, r] = [m.precision(truth, guess), m.recall(truth, guess)]
    for (const [beta, wanted] of [
      [1, 2 / 3],
      [2, 0.625],
    ]) {
      expect(m.fBeta(truth, guess, { beta })).toBeCloseTo(wanted, 15)
      // The weighted harmonic mean; notes 003, definition 3.58, leave "weighted" out.
      expect(((1 + beta ** 2) * p * r) / (beta ** 2 * p + r)).toBeCloseTo(wanted, 15)
    }
    expect(m.f1(truth, guess)).toBe(m.fBeta(truth, guess))
    expect(m.fBeta(truth, guess, { beta: 0 })).toBe(p)
  })

  test("the same: intersection over union .5, of boxes a seventh, and Dice is 2 IoU / (1 + IoU) [E26]", () => {
    expect(m.iou(truth, guess)).toBe(0.5)
    expect(m.dice(truth, guess)).toBeCloseTo(2 / 3, 15)
    expect(m.boxIou([0, 0, 2, 2], [1, 1, 3, 3])).toBeCloseTo(1 / 7, 15)
    expect(m.boxIou([0, 0, 2, 2], [0, 0, 2, 2])).toBe(1)
    expect(m.boxIou([0, 0, 2, 2], [2, 0, 3, 2])).toBe(0)
    expect(m.boxIou([1, 1, 1, 1], [1, 1, 1, 1])).toBe(0)
    fc.assert(
      fc.property(labelsOf, (pairs) => {
        const [y, p] = [pairs.map(([a]) => Number(a > 1)), pairs.map(([, b]) => Number(b > 1))]
        const overlap = m.iou(y, p)
        expect(m.dice(y, p)).toBeCloseTo((2 * overlap) / (1 + overlap), 14)
        expect(m.iou(p, y)).toBe(overlap)
      }),
    )
  })

  test("a set against itself is perfect, and no rate leaves [0, 1], under any average", () => {
    fc.assert(
      fc.property(labelsOf, fc.constantFrom("macro", "micro", "weighted"), (pairs, average) => {
        const [y, p] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)]
        for (const rate of [m.precision, m.recall, m.f1, m.iou]) {
          expect(rate(y, y, { average })).toBe(1)
          const value = rate(y, p, { average })
          expect(value).toBeGreaterThanOrEqual(0)
          expect(value).toBeLessThanOrEqual(1)
        }
        expect(m.accuracy(y, y)).toBe(1)
        expect(m.precision(y, p, { average: "micro" })).toBeCloseTo(m.accuracy(y, p), 14)
        expect(m.recall(y, p, { average: "weighted" })).toBeCloseTo(m.accuracy(y, p), 14)
        expect(Math.abs(m.mcc(y, p))).toBeLessThanOrEqual(1 + 1e-12)
        if (new Set(y).size > 1) {
          expect(m.mcc(y, y)).toBeCloseTo(1, 12)
          expect(m.cohenKappa(y, y)).toBe(1)
        }
      }),
    )
  })

  test("weights are repetitions", () => {
    fc.assert(
      fc.property(
        labelsOf,
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 30, maxLength: 30 }),
        (pairs, counts) => {
          const weights = counts.slice(0, pairs.length).map((n, i) => (i === 0 ? n + 1 : n))
          const again = pairs.flatMap((pair, i) => new Array<typeof pair>(weights[i]).fill(pair))
          const lists = (all: typeof pairs): [number[], number[]] => [all.map(([a]) => a), all.map(([, b]) => b)]
          const labels = [0, 1, 2, 3]
          for (const rate of [m.precision, m.specificity, m.f1]) {
            const options = { average: "macro", labels } as const
            expect(rate(...lists(pairs), { ...options, weights })).toBeCloseTo(rate(...lists(again), options), 13)
          }
          expect(m.mcc(...lists(pairs), { weights })).toBeCloseTo(m.mcc(...lists(again)), 12)
        },
      ),
    )
  })

  test("a rate that is 0 / 0 is what zeroDivision says, and NaN leaves the class out of a mean", () => {
    const [y, p] = outcomes({ fn: 3, tn: 5 })
    expect(m.precision(y, p)).toBe(0)
    expect(m.precision(y, p, { zeroDivision: 1 })).toBe(1)
    const three = { average: "macro", labels: [0, 1, 2] } as const
    expect(m.recall([0, 1], [0, 1], three)).toBeCloseTo(2 / 3, 15)
    expect(m.recall([0, 1], [0, 1], { ...three, zeroDivision: Number.NaN })).toBe(1)
    expect(m.cohenKappa([1, 1], [1, 1])).toBe(0)
    expect(m.mcc([1, 1], [1, 1])).toBe(0)
  })

  test("kappa is 0 for raters who agree as often as chance has it, and forgives near misses by their distance", () => {
    const chance = outcomes({ tp: 4, fp: 4, fn: 4, tn: 4 })
    expect(m.cohenKappa(...chance)).toBe(0)
    const [y, p] = [
      [0, 1, 2, 3, 0, 1, 2, 3],
      [1, 0, 3, 2, 0, 1, 2, 3],
    ]
    const [equal, linear, quadratic] = (["equal", "linear", "quadratic"] as const).map((cost) =>
      m.cohenKappa(y, p, { cost }),
    )
    expect(equal).toBeCloseTo(1 / 3, 15)
    expect(linear).toBeGreaterThan(equal)
    expect(quadratic).toBeGreaterThan(linear)
  })
})

describe("scores", () => {
  const scoredOf = fc
    .array(fc.tuple(fc.boolean(), fc.integer({ min: -6, max: 6 })), { minLength: 2, maxLength: 40 })
    .filter((pairs) => new Set(pairs.map(([y]) => y)).size === 2)
    .map((pairs): [number[], number[]] => [pairs.map(([y]) => Number(y)), pairs.map(([, s]) => s / 4)])

  test("a lower threshold raises both rates, from (0, 0) to (1, 1) [E32]", () => {
    fc.assert(
      fc.property(scoredOf, ([y, s]) => {
        const { fpr, tpr, thresholds } = m.rocCurve(y, s, { dropCollinear: false })
        const last = fpr.length - 1
        expect([fpr[0], tpr[0], thresholds[0]]).toEqual([0, 0, Infinity])
        expect([fpr[last], tpr[last]]).toEqual([1, 1])
        for (let i = 1; i <= last; i++) {
          expect(thresholds[i]).toBeLessThan(thresholds[i - 1])
          expect(fpr[i] - fpr[i - 1]).toBeGreaterThanOrEqual(0)
          expect(tpr[i] - tpr[i - 1]).toBeGreaterThanOrEqual(0)
          const called = s.map((v) => Number(v >= thresholds[i]))
          expect(tpr[i]).toBeCloseTo(m.recall(y, called), 14)
          expect(fpr[i]).toBeCloseTo(1 - m.specificity(y, called), 14)
        }
      }),
    )
  })

  test("the area is the chance of ranking a pair rightly, a tie counting one half, and that under the curve [E33]", () => {
    fc.assert(
      fc.property(scoredOf, ([y, s]) => {
        const [high, low] = [s.filter((_, i) => y[i] === 1), s.filter((_, i) => y[i] === 0)]
        const wins = high.flatMap((a) => low.map((b) => (a > b ? 1 : a === b ? 0.5 : 0)))
        const area = m.rocAuc(y, s)
        expect(area).toBeCloseTo(wins.reduce<number>((a, b) => a + b, 0) / wins.length, 14)
        const { fpr, tpr } = m.rocCurve(y, s)
        expect(m.auc(fpr, tpr)).toBeCloseTo(area, 14)
        // Any rising map of the scores leaves it, a falling one mirrors it.
        expect(
          m.rocAuc(
            y,
            s.map((v) => Math.exp(3 * v) - 7),
          ),
        ).toBe(area)
        expect(
          m.rocAuc(
            y,
            s.map((v) => -v),
          ),
        ).toBeCloseTo(1 - area, 14)
        expect(
          m.rocAuc(
            y.map((v) => 1 - v),
            s,
          ),
        ).toBeCloseTo(1 - area, 14)
      }),
    )
    const constant = new Array(6).fill(0.3)
    expect(m.rocAuc([0, 1, 0, 1, 1, 0], constant)).toBe(0.5)
    // As printed, with < alone, it would be 0.
    expect(constant.flatMap((a) => constant.filter((b) => a < b)).length).toBe(0)
  })

  test("an area of 1 goes with an accuracy near 0 where the threshold lies beside all scores, on either side [E34]", () => {
    const at = (threshold: number, scores: number[]): number[] => scores.map((s) => Number(s > threshold))
    const [mostlyTrue, low] = [
      [1, 1, 1, 1, 1, 1, 1, 1, 1, 0],
      [0.4, 0.41, 0.42, 0.3, 0.33, 0.2, 0.25, 0.22, 0.45, 0.1],
    ]
    expect(m.rocAuc(mostlyTrue, low)).toBe(1)
    expect(m.accuracy(mostlyTrue, at(0.5, low))).toBe(0.1)
    // The claim of notes 003, remark 3.43: that it would then be good at positives.
    expect(m.recall(mostlyTrue, at(0.5, low))).toBe(0)
    const [mostlyFalse, high] = [mostlyTrue.map((y) => 1 - y), low.map((s) => 1 - s)]
    expect(m.rocAuc(mostlyFalse, high)).toBe(1)
    expect(m.accuracy(mostlyFalse, at(0.5, high))).toBe(0.1)
    expect(m.specificity(mostlyFalse, at(0.5, high))).toBe(0)
    expect(m.recall(mostlyFalse, at(0.5, high))).toBe(1)
  })

  test("average precision is 1 for a perfect order, the share of positives for constant scores, and the steps' area", () => {
    expect(m.averagePrecision([0, 0, 1, 1], [1, 2, 3, 4])).toBe(1)
    expect(m.averagePrecision([0, 0, 0, 1], [7, 7, 7, 7])).toBe(0.25)
    fc.assert(
      fc.property(scoredOf, ([y, s]) => {
        const { precision, recall } = m.prCurve(y, s)
        let area = 0
        for (let i = 1; i < recall.length; i++) area += (recall[i] - recall[i - 1]) * precision[i]
        expect(m.averagePrecision(y, s)).toBeCloseTo(area, 14)
      }),
    )
  })

  test("scores are ordered as a stable sort orders them, whatever their signs and sizes", () => {
    const values = fc.array(fc.oneof(fc.double({ noNaN: true }), fc.integer({ min: -2, max: 2 })), { maxLength: 60 })
    fc.assert(
      fc.property(values, (list) => {
        const wanted = list.map((_, i) => i).sort((a, b) => (list[a] === list[b] ? a - b : list[a] > list[b] ? -1 : 1))
        expect([...fallingOrder(Float64Array.from(list))]).toEqual(wanted)
      }),
    )
  })

  test("a million scores have their area in less than a second of processor time", () => {
    const random = new Generator(3)
    const n = 1_000_000
    const scores = new Float64Array(n)
    const target = new Uint8Array(n)
    // A linear congruence: quicker to draw than to measure.
    let state = random.bits()
    for (let i = 0; i < n; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      target[i] = i & 1
      scores[i] = state / 4294967296 + (i & 1) / 2
    }
    const before = process.cpuUsage()
    const area = m.rocAuc(target, scores)
    const { user } = process.cpuUsage(before)
    // For uniforms half a unit apart: 1 - (1/2)^2 / 2.
    expect(area).toBeCloseTo(0.875, 2)
    expect(user / 1e6).toBeLessThan(1)
  })
})

describe("probabilities", () => {
  test("probabilities that come true as often as they say have calibration error 0, and ones that overstate have their excess", () => {
    const stated = [0.25, 0.25, 0.25, 0.25, 0.75, 0.75, 0.75, 0.75]
    const target = [1, 0, 0, 0, 1, 1, 1, 0]
    expect(m.calibrationError(target, stated)).toBe(0)
    const bold = stated.map((p) => (p > 0.5 ? 0.95 : 0.05))
    expect(m.calibrationError(target, bold)).toBeCloseTo(0.2, 15)
    expect(m.calibrationError(target, bold, { norm: "max" })).toBeCloseTo(0.2, 15)
    const uneven = [...bold, 0.45]
    const gaps = { mean: (8 * 0.2 + 0.45) / 9, max: 0.45, rms: Math.sqrt((8 * 0.04 + 0.2025) / 9) }
    for (const [norm, value] of Object.entries(gaps))
      expect(m.calibrationError([...target, 0], uneven, { norm: norm as "mean" })).toBeCloseTo(value, 15)
  })

  test("bins hold their upper ends, the first its lower one too, and empty ones are kept", () => {
    const bins = m.reliability([0, 1, 0, 1], [0, 0.25, 0.5, 1], { bins: 4 })
    expect(bins.map(({ count }) => count)).toEqual([2, 1, 0, 1])
    expect(bins.map(({ lower, upper }) => [lower, upper])).toEqual([
      [0, 0.25],
      [0.25, 0.5],
      [0.5, 0.75],
      [0.75, 1],
    ])
    expect(bins[2]).toMatchObject({ confidence: 0.625, frequency: 0 })
  })

  test("stating what one believes has the least Brier score and logarithmic loss in expectation", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 1, max: 99 }), (true100, stated100) => {
        const target = Array.from({ length: 100 }, (_, i) => Number(i < true100))
        const all = (p: number): number[] => new Array(100).fill(p / 100)
        for (const score of [m.brier, m.logLoss])
          expect(score(target, all(true100))).toBeLessThanOrEqual(score(target, all(stated100)) + 1e-15)
      }),
    )
    expect(m.brier([1, 0], [1, 0])).toBe(0)
    expect(m.logLoss([1], [0])).toBeCloseTo(36.04365, 5)
    // Two classes in two columns: twice the binary Brier score, the same logarithmic loss.
    const rows = asArray(
      [
        [0.3, 0.7],
        [0.9, 0.1],
      ],
      "float64",
    )
    expect(m.brier([1, 0], rows)).toBeCloseTo(2 * m.brier([1, 0], [0.7, 0.1]), 15)
    expect(m.logLoss([1, 0], rows)).toBeCloseTo(m.logLoss([1, 0], [0.7, 0.1]), 15)
    expect(m.brier([1, 0], array("float64", [2], Float64Array.of(0.7, 0.1)))).toBe(m.brier([1, 0], [0.7, 0.1]))
  })

  test("the likeliest class of each row is a binary problem, whose calibration is that of the classifier", () => {
    const rows = [
      [0.5, 0.3, 0.2],
      [0.1, 0.8, 0.1],
      [0.4, 0.4, 0.2],
    ]
    const { target, probabilities } = m.topLabel([0, 2, 0], rows)
    expect([...target]).toEqual([1, 0, 1])
    expect([...probabilities]).toEqual([0.5, 0.8, 0.4])
    expect(m.topKAccuracy([0, 2, 0], rows, { k: 1 })).toBeCloseTo(1 / 3, 15)
    // Of the level classes 0 and 2 of the second row, 2 comes first.
    expect(m.topKAccuracy([0, 2, 0], rows, { k: 2 })).toBe(1)
    expect(m.topKAccuracy([0, 0, 0], rows, { k: 2 })).toBeCloseTo(2 / 3, 15)
  })
})

describe("numbers", () => {
  test("the mean has R^2 0, a shifted truth explains all variance and has an R^2 below 1, and the pinball is least at its quantile", () => {
    const y = [1, 2, 3, 4, 10]
    expect(m.r2(y, new Array(5).fill(4))).toBe(0)
    expect(
      m.explainedVariance(
        y,
        y.map((v) => v + 5),
      ),
    ).toBe(1)
    expect(
      m.r2(
        y,
        y.map((v) => v + 5),
      ),
    ).toBeLessThan(0)
    expect(m.mse(y, new Array(5).fill(4))).toBe(10)
    expect(m.rmse([0, 0], [3, 4])).toBeCloseTo(Math.sqrt(12.5), 15)
    expect(m.mape([2, -4], [1, -5])).toBeCloseTo(0.375, 15)
    expect(m.pinball(y, [1, 1, 1, 1, 1])).toBeCloseTo(m.mae(y, [1, 1, 1, 1, 1]) / 2, 15)
    const loss = (p: number): number => m.pinball(y, new Array(5).fill(p), { quantile: 0.7 })
    for (const p of [1, 2, 3, 5, 10]) expect(loss(4)).toBeLessThan(loss(p))
  })
})

test("what does not fit is refused by name", () => {
  const refused: readonly [() => unknown, RegExp][] = [
    [() => m.accuracy([1, 0], [1]), /accuracy: predicted has 1 entries, target has 2, expected as many/],
    [() => m.accuracy([], []), /accuracy: target has 0 numbers, expected at least one/],
    [() => m.accuracy([Number.NaN], [1]), /accuracy: target\[0\] is NaN, expected a finite number/],
    [
      () => m.precision([0, 1, 2], [0, 1, 1]),
      /precision: there are labels \[0, 1, 2\], expected 1 and one more \(pass average/,
    ],
    [() => m.recall([0, 1], [0, 1], { average: "mean" as "macro" }), /recall: average is "mean", expected "binary"/],
    [() => m.recall([0, 1], [0, 1], { labels: [0] }), /recall: label 1 of example 1 is not among labels \[0\]/],
    [() => m.confusionMatrix([0, 1], [0, 1], { labels: [0, 1, 1] }), /confusionMatrix: labels \[0, 1, 1\] repeat/],
    [() => m.fBeta([0, 1], [0, 1], { beta: -1 }), /fBeta: beta is -1/],
    [() => m.mcc([0, 1], [0, 1], { weights: [1, -1] }), /mcc: weights\[1\] is -1, expected a number from 0/],
    [() => m.mcc([0, 1], [0, 1], { weights: [0, 0] }), /mcc: all weights are 0/],
    [() => m.balancedAccuracy([1, 1], [1, 0], { adjusted: true }), /balancedAccuracy: target has one class/],
    [() => m.cohenKappa([0, 1], [0, 1], { cost: "cubic" as "equal" }), /cohenKappa: cost is "cubic"/],
    [() => m.boxIou([1, 0, 0, 1], [0, 0, 1, 1]), /boxIou: a is \[1, 0, 0, 1\], expected \[left, top, right, bottom\]/],
    [() => m.boxIou([0, 0, 1, Number.NaN], [0, 0, 1, 1]), /boxIou: a is NaN/],
    [() => m.rocAuc([1, 1], [0, 1]), /rocAuc: target has no negative example/],
    [() => m.rocCurve([0, 0], [0, 1]), /rocCurve: target has no positive example/],
    [() => m.prCurve([0, 0], [0, 1]), /prCurve: target has no positive example/],
    [() => m.rocAuc([0, 1, 2], [0, 1, 2]), /rocAuc: target holds 0 and 2 beside the positive 1, expected two labels/],
    [() => m.rocAuc([0, 1], [0, Infinity]), /rocAuc: scores\[1\] is Infinity/],
    [() => m.auc([0, 1, 0.5], [0, 1, 1]), /auc: x turns at 2/],
    [() => m.auc([0], [0]), /auc: x has 1 points and y 1, expected two or more/],
    [
      () =>
        m.topKAccuracy(
          [0, 3],
          [
            [1, 2],
            [3, 4],
          ],
        ),
      /topKAccuracy: target\[1\] is 3, expected a class number from 0 to 1/,
    ],
    [
      () =>
        m.topKAccuracy(
          [0, 1],
          [
            [1, 2],
            [3, 4],
          ],
          { k: 3 },
        ),
      /topKAccuracy: k is 3, expected at most 2 classes/,
    ],
    [() => m.topKAccuracy([0, 1], [[1, 2]]), /topKAccuracy: scores is \[1, 2\], expected \[2, classes\]/],
    [
      () =>
        m.oneVsRest(
          [0, 0],
          [
            [1, 2],
            [3, 4],
          ],
          m.rocAuc,
        ),
      /rocAuc: target has no negative example/,
    ],
    [
      () => m.reliability([0, 1], [0, 1.5]),
      /reliability: probabilities\[1\] is 1.5, expected a number from 0 to 1 \(apply/,
    ],
    [() => m.reliability([0, 1], [0, 1], { bins: 0 }), /reliability: bins is 0/],
    [() => m.reliability([0, 1], [0, 1], { strategy: "even" as "uniform" }), /reliability: strategy is "even"/],
    [() => m.calibrationError([0, 1], [0, 1], { norm: "l3" as "max" }), /calibrationError: norm is "l3"/],
    [
      () =>
        m.brier(
          [0, 1],
          [
            [0.5, 0.6],
            [0.5, 0.5],
          ],
        ),
      /brier: row 0 of probabilities adds up to 1.1/,
    ],
    [() => m.logLoss([0, 1], [-0.1, 1]), /logLoss: probabilities\[0\] is -0.1/],
    [() => m.r2([2, 2], [1, 3]), /r2: the targets are all equal, expected some variance/],
    [() => m.explainedVariance([2], [1]), /explainedVariance: the targets are all equal/],
    [() => m.mape([1, 0], [1, 1]), /mape: target\[1\] is 0, expected no 0 \(use mae\)/],
    [() => m.pinball([1], [1], { quantile: 1 }), /pinball: quantile is 1, expected a number strictly between 0 and 1/],
  ]
  for (const [fn, message] of refused) expect(fn).toThrow(message)
})
