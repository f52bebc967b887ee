import { describe, expect, test } from "vitest"
import { interpret } from "../../test/laws/interpret.ts"
import { differencesAt, int, near, real, slopeAt } from "../../test/laws/numbers.ts"
import { asArray } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { exportOnnx } from "../engine/export.ts"
import { gradients } from "../engine/grad.ts"
import { importOnnx } from "../engine/import.ts"
import { sigmoid } from "../engine/ops/elementwise.ts"
import { logSoftmax } from "../engine/ops/softmax.ts"
import { batchSize } from "../engine/shape.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { bceLoss, bceWithLogitsLoss } from "./binary.ts"
import { crossEntropyLoss, multiMarginLoss, nllLoss } from "./classification.ts"
import { diceLoss } from "./dice.ts"
import { klDivLoss } from "./divergence.ts"
import { contrastiveLoss, cosineEmbeddingLoss, tripletLoss, tripletMarginLoss } from "./margin.ts"
import { l1Penalty, softThreshold } from "./penalty.ts"
import { huberLoss, l1Loss, mseLoss, smoothL1Loss } from "./regression.ts"

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
