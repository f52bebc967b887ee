/** The notes on likelihoods as losses, of logits and of probabilities: limits, laws, and the errata. */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { int, near, none, numberOf, real, slopeAt, sum, valuesOf } from "../../test/laws/numbers.ts"
import { asArray } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { sigmoid } from "../engine/ops/elementwise.ts"
import { stack } from "../engine/ops/movement.ts"
import { logSoftmax } from "../engine/ops/softmax.ts"
import type { Tensor } from "../engine/tensor.ts"
import { klDivergence } from "../stats/information.ts"
import { bceLoss, bceWithLogitsLoss } from "./binary.ts"
import { crossEntropyLoss, nllLoss } from "./classification.ts"
import { klDivLoss } from "./divergence.ts"

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
