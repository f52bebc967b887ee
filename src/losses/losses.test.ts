/** What the notes say of losses, as numbers: worked examples, limits, laws, and what is refused. */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { interpret } from "../../test/laws/interpret.ts"
import { asArray, type NdArray, type Nested } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { exportOnnx } from "../engine/export.ts"
import { gradients } from "../engine/grad.ts"
import { importOnnx } from "../engine/import.ts"
import { sigmoid } from "../engine/ops/elementwise.ts"
import { stack } from "../engine/ops/movement.ts"
import { logSoftmax } from "../engine/ops/softmax.ts"
import { batchSize } from "../engine/shape.ts"
import { constant, type Tensor, Variable } from "../engine/tensor.ts"
import { lstsq } from "../linalg/lstsq.ts"
import { adam, adamW } from "../optim/adam.ts"
import { sgd } from "../optim/sgd.ts"
import { klDivergence } from "../stats/information.ts"
import { bceLoss, bceWithLogitsLoss } from "./binary.ts"
import { crossEntropyLoss, multiMarginLoss, nllLoss } from "./classification.ts"
import { diceLoss } from "./dice.ts"
import { klDivLoss } from "./divergence.ts"
import { contrastiveLoss, cosineEmbeddingLoss, hingeLoss, tripletLoss, tripletMarginLoss } from "./margin.ts"
import { l1Penalty, l2Penalty, softThreshold } from "./penalty.ts"
import { huberLoss, l1Loss, mseLoss, smoothL1Loss } from "./regression.ts"

const real = (x: Nested): Tensor => constant(asArray(x, "float64"))
const int = (x: Nested): Tensor => constant(asArray(x, "int32"))
/** Numbers of a tensor of constants, in float64. */
// Adding 0 makes -0 a 0.
const valuesOf = (t: Tensor): number[] => [...interpret(() => [t])()[0].data].map((v) => v + 0)
const numberOf = (t: Tensor): number => valuesOf(t)[0]
/** Numbers of the gradient of `fn` at x. */
const slopeAt = (x: Nested, fn: (x: Tensor) => Tensor): number[] => {
  const [g] = interpret((at: Tensor) => gradients(fn(at), [at]))(asArray(x, "float64"))
  return [...g.data].map((v) => v + 0)
}
/** Central differences of `fn` at x. */
const differencesAt = (x: readonly number[], fn: (x: Tensor) => Tensor, h = 1e-5): number[] =>
  x.map((_, i) => {
    const moved = (by: number): number => numberOf(fn(real(x.map((v, j) => (i === j ? v + by : v)))))
    return (moved(h) - moved(-h)) / (2 * h)
  })
const near = (a: readonly number[], b: readonly number[]): number => Math.max(...a.map((v, i) => Math.abs(v - b[i])))
const sum = { reduction: "sum" } as const
const none = { reduction: "none" } as const

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

describe("probabilities and logits", () => {
  test("binary cross-entropy of 0 where 1 was right is 100, and its gradient is finite", () => {
    expect(valuesOf(bceLoss(real([0, 1, 0, 1]), real([1, 0, 0, 1]), none))).toEqual([100, 100, 0, 0])
    const slope = slopeAt([0, 1, 0, 1], (p) => bceLoss(p, real([1, 0, 0, 1]), sum))
    expect(slope.every(Number.isFinite)).toBe(true)
    expect(slope[0]).toBeLessThan(-9e11)
    // Every number of [0, 1] is an input and a target: notes 003, function 3.3, allow the two ends.
    expect(numberOf(bceLoss(real([0.25]), real([0.5])))).toBeCloseTo(-(Math.log(0.25) + Math.log(0.75)) / 2, 15)
  })

  test("of logits it is the same as after a sigmoid in the middle, and finite at +-1000 where that saturates", () => {
    const logits = [-6, -2.5, -0.1, 0, 0.7, 3, 8]
    const targets = real([0, 1, 0.3, 0.5, 1, 0, 1])
    expect(
      near(
        valuesOf(bceWithLogitsLoss(real(logits), targets, none)),
        valuesOf(bceLoss(sigmoid(real(logits)), targets, none)),
      ),
    ).toBeLessThan(1e-12)
    expect(valuesOf(bceWithLogitsLoss(real([1000, -1000]), real([0, 1]), none))).toEqual([1000, 1000])
    expect(slopeAt([1000, -1000, 1000], (x) => bceWithLogitsLoss(x, real([0, 1, 1]), sum))).toEqual([1, -1, 0])
    expect(valuesOf(bceLoss(sigmoid(real([1000, -1000])), real([0, 1]), none))).toEqual([100, 100])
  })

  test("binary cross-entropy is the cross-entropy of two logits, of which one is 0 [E46]", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ min: -30, max: 30, noNaN: true }), fc.integer({ min: 0, max: 1 })), {
          minLength: 1,
          maxLength: 6,
        }),
        (pairs) => {
          const x = real(pairs.map(([v]) => v))
          const two = stack([x.mul(0), x], 1)
          const binary = numberOf(bceWithLogitsLoss(x, real(pairs.map(([, y]) => y))))
          expect(numberOf(crossEntropyLoss(two, int(pairs.map(([, y]) => y))))).toBeCloseTo(binary, 12)
          const soft = real(pairs.map(([, y]) => [1 - y, y]))
          expect(numberOf(crossEntropyLoss(two, soft))).toBeCloseTo(binary, 12)
        },
      ),
      { numRuns: 50 },
    )
  })

  test("log-softmax does not change when a number is added to all, stays at or below 0, and is finite at 1000 [E42]", async () => {
    const x = [
      [1000, 0, -1000],
      [0.3, 0.2, 0.1],
    ]
    const plain = valuesOf(logSoftmax(real(x)))
    expect(plain.slice(0, 3)).toEqual([0, -1000, -2000])
    expect(plain.every((v) => v <= 0 && Number.isFinite(v))).toBe(true)
    expect(near(valuesOf(logSoftmax(real(x).add(777))), plain)).toBeLessThan(1e-12)
    const rows = [plain.slice(0, 3), plain.slice(3)].map((row) => row.reduce((a, v) => a + Math.exp(v), 0))
    expect(near(rows, [1, 1])).toBeLessThan(1e-15)
    const run = compile((t: Tensor) => logSoftmax(t))
    expect([...((await run(x)).data as Float32Array)].slice(0, 3)).toEqual([0, -1000, -2000])
    await run.dispose()
  })

  /** The recorded case of the notes' errata: three classes of weights 1, 2, 3. */
  const weight = [1, 2, 3]
  const logits = [
    [0.2, 1.1, -0.4],
    [1.3, 0.1, 0.5],
    [-0.3, 0.8, 0.9],
  ]

  test("a weighted mean divides by the weights of the targets, which a plain mean of weighted losses does not", () => {
    const target = int([1, 0, 2])
    const logs = logSoftmax(real(logits), 1)
    const parts = valuesOf(nllLoss(logs, target, { weight, ...none }))
    const total = parts.reduce((a, b) => a + b)
    expect(numberOf(nllLoss(logs, target, { weight }))).toBeCloseTo(total / 6, 15)
    expect(numberOf(crossEntropyLoss(real(logits), target, { weight }))).toBeCloseTo(total / 6, 15)
    expect(Math.abs(total / 3 - total / 6)).toBeGreaterThan(0.5)
    // Raw scores are no log-probabilities: the loss of them may be below 0.
    expect(numberOf(nllLoss(real(logits), target))).toBeLessThan(0)
    expect(numberOf(nllLoss(logs, target))).toBeGreaterThan(0)
  })

  test("a target outside the classes is refused when the program runs, a negative one too, on the host and by the runtime", async () => {
    const logs = logSoftmax(real(logits), 1)
    expect(() => numberOf(nllLoss(logs, int([0, -1, 2])))).toThrow(/index 3 is out of range/)
    expect(() => numberOf(nllLoss(logs, int([0, 3, 2])))).toThrow(/index 3 is out of range/)
    const run = compile((x: Tensor, y: Tensor) => crossEntropyLoss(x, y))
    await expect(run(logits, asArray([0, -1, 2], "int32"))).rejects.toThrow(/Out of range/)
    await run.dispose()
    expect(numberOf(nllLoss(logs, int([0, -1, 2]), { ignoreIndex: -1 }))).toBeGreaterThan(0)
  })

  test("the classes stand on axis 1: images [batch, classes, height, width] are their pixels one by one", () => {
    const x = Array.from({ length: 2 * 3 * 2 * 2 }, (_, i) => Math.sin(3 * i))
    const images = real(x).reshape([2, 3, 2, 2])
    const labels = int([0, 2, 1, 1, 2, 0, 1, 2]).reshape([2, 2, 2])
    const pixels = images.transpose([0, 2, 3, 1]).reshape([8, 3])
    const plain = valuesOf(crossEntropyLoss(pixels, labels.reshape([8]), none))
    expect(near(valuesOf(crossEntropyLoss(images, labels, none)), plain)).toBeLessThan(1e-15)
  })

  test("batchmean is the mean divergence of the rows, and mean is that divided by the number of classes", () => {
    const p = [
      [0.7, 0.2, 0.05, 0.05],
      [0.1, 0.1, 0.1, 0.7],
    ]
    const q = [
      [0.1, 0.3, 0.3, 0.3],
      [0.4, 0.2, 0.2, 0.2],
    ]
    const mean = (klDivergence(p[0], q[0]) + klDivergence(p[1], q[1])) / 2
    const x = real(q).log()
    expect(numberOf(klDivLoss(x, real(p), { reduction: "batchmean" }))).toBeCloseTo(mean, 14)
    expect(numberOf(klDivLoss(x, real(p)))).toBeCloseTo(mean / 4, 14)
    const logs = { reduction: "batchmean", logTarget: true } as const
    expect(numberOf(klDivLoss(x, real(p).log(), logs))).toBeCloseTo(mean, 14)
  })
})

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

describe("all of them", () => {
  /** Each as a function of one matrix of logits [batch, 3]. */
  const all: Readonly<Record<string, (x: Tensor) => Tensor>> = {
    l1Loss: (x) => l1Loss(x, x.mul(0)),
    mseLoss: (x) => mseLoss(x, x.mul(0)),
    smoothL1Loss: (x) => smoothL1Loss(x, x.mul(0)),
    huberLoss: (x) => huberLoss(x, x.mul(0)),
    bceLoss: (x) => bceLoss(sigmoid(x), sigmoid(x.mul(2))),
    bceWithLogitsLoss: (x) => bceWithLogitsLoss(x, sigmoid(x.mul(2))),
    crossEntropyLoss: (x) => crossEntropyLoss(x, logSoftmax(x.mul(2), 1).exp(), { labelSmoothing: 0.1 }),
    "crossEntropyLoss of classes": (x) =>
      crossEntropyLoss(x, x.sum({ axes: 1 }).mul(0).cast("int32"), { weight: [1, 2, 3], labelSmoothing: 0.1 }),
    klDivLoss: (x) => klDivLoss(logSoftmax(x, 1), logSoftmax(x.mul(2), 1).exp(), { reduction: "batchmean" }),
    multiMarginLoss: (x) => multiMarginLoss(x, x.sum({ axes: 1 }).mul(0).cast("int32")),
    tripletMarginLoss: (x) => tripletMarginLoss(x, x.mul(0.5), x.mul(-1), { margin: 3 }),
    contrastiveLoss: (x) => contrastiveLoss(x, x.mul(0.4), x.sum({ axes: 1 }).mul(0)),
    cosineEmbeddingLoss: (x) => cosineEmbeddingLoss(x, x.mul(x), x.sum({ axes: 1 }).mul(0).add(1)),
    diceLoss: (x) => diceLoss(sigmoid(x), sigmoid(x.mul(2))),
  }

  test("serve any batch size from one file, and give there what they give here", async () => {
    const program = (x: Tensor): Tensor[] => Object.values(all).map((loss) => loss(x))
    const file = await exportOnnx(program, [{ dtype: "float32", shape: [batchSize, 3] }])
    const imported = importOnnx(file)
    const [input] = Object.keys(imported.inputs)
    const read = compile((x: Tensor) => Object.values(imported.call({ [input]: x })))
    for (const batch of [1, 4]) {
      const x = asArray(Array.from({ length: batch }, (_, i) => [0.3 * i + 0.2, -0.7, 0.9 - 0.2 * i]))
      const here = interpret(program as (...inputs: Tensor[]) => Tensor[])(x)
      const there = await read(x)
      for (const [i, name] of Object.keys(all).entries())
        expect(there[i].data[0], `${name} at ${batch}`).toBeCloseTo(here[i].data[0], 5)
    }
    await read.dispose()
  })

  test("have second derivatives that agree with differences of the first", () => {
    const x = [0.31, -0.72, 0.93, 0.24, 0.55, -0.16]
    for (const [name, loss] of Object.entries(all)) {
      const at = (v: Tensor): Tensor => loss(v.reshape([2, 3]))
      const slope = (v: Tensor): Tensor =>
        gradients(at(v), [v])[0]
          .mul(real([1, -2, 0.5, 0.7, -0.3, 1.1]))
          .sum()
      expect(near(slopeAt(x, at), differencesAt(x, at)), name).toBeLessThan(1e-8)
      expect(near(slopeAt(x, slope), differencesAt(x, slope)), name).toBeLessThan(1e-7)
    }
  })

  test("refuse what does not residual, by name, where they are traced", () => {
    const [x, y] = [real([[1, 2, 3]]), real([[1], [2], [3]])]
    const refused: readonly [() => Tensor, RegExp][] = [
      [() => mseLoss(x, y), /mseLoss: input is \[1, 3\] and target \[3, 1\], expected one shape/],
      [() => l1Loss(x, constant(x.shape.length)), /l1Loss: dtypes differ/],
      [() => l1Loss(int([1]), int([1])), /l1Loss: got int32, expected float32 or float64/],
      [() => mseLoss(x, x, { reduction: "average" as "mean" }), /mseLoss: reduction is "average", expected "mean"/],
      [() => huberLoss(x, x, { delta: 0 }), /huberLoss: delta is 0, expected a finite number above 0/],
      [() => smoothL1Loss(x, x, { beta: -1 }), /smoothL1Loss: beta is -1/],
      [() => bceLoss(x, x, { weight: [1, 2] }), /bceLoss: weight: cannot broadcast \[2\] with \[1, 3\]/],
      [() => bceLoss(x, x, { weight: real([[1], [2]]) }), /bceLoss: weight \[2, 1\] does not broadcast to the losses/],
      [() => nllLoss(x, real([1])), /nllLoss: target is float64, expected int32/],
      [() => nllLoss(x, int([1, 2])), /nllLoss: target is \[2\], expected \[1\] \(input \[1, 3\], classes on axis 1\)/],
      [() => nllLoss(x, int([1]), { weight: [1, 2] }), /nllLoss: weight is \[2\], expected one number for each of 3/],
      [() => nllLoss(real(1), int(0)), /nllLoss: input is one number/],
      [() => crossEntropyLoss(x, int([1]), { labelSmoothing: 2 }), /crossEntropyLoss: labelSmoothing is 2, expected/],
      [() => crossEntropyLoss(x, x, { ignoreIndex: 1 }), /crossEntropyLoss: ignoreIndex is 1, which probabilities/],
      [() => crossEntropyLoss(x, y), /crossEntropyLoss: input is \[1, 3\] and target \[3, 1\]/],
      [() => multiMarginLoss(x, int([1]), { p: 3 as 2 }), /multiMarginLoss: p is 3, expected 1 or 2/],
      [() => klDivLoss(real(1), real(1), { reduction: "batchmean" }), /klDivLoss: input is one number/],
      [() => tripletMarginLoss(x, x, x, { margin: 0 }), /tripletMarginLoss: margin is 0/],
      [() => tripletMarginLoss(x, x, x, { p: 0.5 }), /tripletMarginLoss: p is 0.5/],
      [() => tripletLoss(x, y, x), /tripletLoss: input is \[1, 3\] and positive \[3, 1\]/],
      [() => contrastiveLoss(x, x, int([1, 0])), /contrastiveLoss: target is \[2\], expected one for each pair: \[1\]/],
      [() => cosineEmbeddingLoss(x, x, int([1]), { margin: 2 }), /cosineEmbeddingLoss: margin is 2/],
      [() => diceLoss(x, x, { eps: 0 }), /diceLoss: eps is 0/],
      [() => l1Penalty([]), /l1Penalty: got no parameters/],
      [() => softThreshold(x, -1), /softThreshold: threshold is -1/],
    ]
    for (const [fn, message] of refused) expect(fn).toThrow(message)
  })
})
