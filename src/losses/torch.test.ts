/** Every loss beside torch, in value and in gradient, from fixtures/make.py. */
import { readFileSync } from "node:fs"
import { afterAll, describe, expect, test } from "vitest"
import { interpret } from "../../test/laws/interpret.ts"
import { type Dtype, fromNumbers, type NdArray } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { gradients } from "../engine/grad.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import * as losses from "./index.ts"

interface Plain {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

interface Case {
  readonly loss: keyof typeof losses
  readonly inputs: readonly Plain[]
  readonly tensors: Readonly<Record<string, Plain>>
  readonly options: Readonly<Record<string, unknown>>
  readonly seed: Plain
  readonly value: Plain
  readonly grads: readonly (Plain | null)[]
}

const { cases } = JSON.parse(readFileSync(new URL("fixtures/torch.json", import.meta.url), "utf8")) as {
  readonly cases: readonly Case[]
}

type Float = "float32" | "float64"
const arrayOf = ({ dtype, shape, data }: Plain, float: Float): NdArray =>
  fromNumbers(dtype === "float64" ? float : dtype, shape, data)

/** The loss of a case as a program of its inputs: its value, and the gradients that torch gave. */
function program({ loss, options, tensors, seed, grads }: Case, float: Float): (...inputs: Tensor[]) => Tensor[] {
  return (...inputs) => {
    const fn = losses[loss] as (...args: unknown[]) => Tensor
    const given = Object.entries(tensors).map(([key, v]) => [key, constant(arrayOf(v, float))])
    const plain = Object.entries(options).map(([key, v]) => [key, v === "Infinity" ? Infinity : v])
    const value = fn(...inputs, Object.fromEntries([...plain, ...given]))
    const wanted = inputs.filter((_, i) => grads[i] !== null)
    return [value, ...gradients(value.mul(constant(arrayOf(seed, float))).sum(), wanted)]
  }
}

function expectNear(actual: ArrayLike<number>, expected: readonly number[], tolerance: number, what: string): void {
  expect(actual.length, what).toBe(expected.length)
  for (const [i, v] of expected.entries()) {
    if (!(Math.abs(actual[i] - v) <= tolerance * Math.max(1, Math.abs(v))))
      expect.fail(`${what}: element ${i} is ${actual[i]}, torch has ${v}`)
  }
}

function expectTorch(found: readonly NdArray[], { value, grads }: Case, tolerance: number, what: string): void {
  const wanted = [value, ...grads.filter((g) => g !== null)]
  expect(found.length).toBe(wanted.length)
  for (const [i, { shape, data }] of wanted.entries()) {
    const part = i === 0 ? `${what}, value` : `${what}, gradient ${i - 1}`
    expect(found[i].shape, part).toEqual(shape)
    expectNear(found[i].data as Float64Array, data, tolerance, part)
  }
}

const describeCase = ({ loss, inputs, options, tensors }: Case): string =>
  `${loss} of [${inputs.map((x) => `[${x.shape}]`)}] ${JSON.stringify({ ...options, ...tensors })}`

/** Checks all cases of a loss, on the host in float64 and by the runtime in float32. */
async function besideTorch(loss: string): Promise<number> {
  const own = cases.filter((c) => c.loss === loss)
  for (const one of own) {
    const inputs = (float: Float): NdArray[] => one.inputs.map((x) => arrayOf(x, float))
    expectTorch(
      interpret(program(one, "float64"))(...inputs("float64")),
      one,
      1e-12,
      `${describeCase(one)} on the host`,
    )
  }
  // One program for all: loading a session takes longer than running it.
  const run = compile((all: readonly Tensor[]) => {
    let next = 0
    return own.map((one) => program(one, "float32")(...all.slice(next, (next += one.inputs.length))))
  })
  running.push(run)
  const found = await run(own.flatMap((one) => one.inputs.map((x) => arrayOf(x, "float32"))))
  for (const [i, one] of own.entries()) expectTorch(found[i], one, 1e-6, `${describeCase(one)} by the runtime`)
  return own.length
}

const running: { dispose(): Promise<void> }[] = []
afterAll(async () => {
  for (const run of running) await run.dispose()
})

const rows: Readonly<Record<string, string>> = {
  l1Loss: "the absolute error is torch's under all three reductions, and its gradient [E38]",
  mseLoss: "the squared error is torch's under all three reductions, and its gradient [E39]",
  smoothL1Loss: "smooth L1 is torch's at every beta, at the joint too",
  huberLoss: "Huber's loss is torch's at every delta, at the joint too",
  bceLoss: "binary cross-entropy is torch's with and without weights, at 0 and 1 too, value and gradient [E40]",
  bceWithLogitsLoss: "binary cross-entropy of logits is torch's with weights and positive weights, at +-1000 too [E41]",
  nllLoss:
    "the negative log-likelihood is torch's with weights and ignored targets, on rows, images and one example [E43]",
  crossEntropyLoss:
    "cross-entropy is torch's with weights, ignored targets, smoothing and probabilities, on every shape [E44]",
  multiMarginLoss: "the hinge loss of several classes is torch's, with weights and squared",
  klDivLoss: "the divergence is torch's under all four reductions, of probabilities and of their logarithms [E45]",
  tripletMarginLoss: "the triplet margin loss is torch's in every norm and with the swap",
  tripletLoss: "the triplet loss of squared distances has the gradient that torch finds for it",
  cosineEmbeddingLoss: "the cosine embedding loss is torch's, of zero vectors too",
  contrastiveLoss: "the contrastive loss has the gradient that torch finds for it",
  hingeLoss: "the hinge loss has the gradient that torch finds for it, plain and squared",
  diceLoss: "the Dice loss has the gradient that torch finds for it",
}

describe("to 1e-12 in float64 on the host, to 1e-6 in float32 by the runtime", () => {
  test("every loss that losses exports is in the fixture", () => {
    const exported = Object.keys(losses).filter((name) => name.endsWith("Loss"))
    expect(exported.sort()).toEqual([...new Set(cases.map((c) => c.loss as string))].sort())
    expect(Object.keys(rows).sort()).toEqual(exported.sort())
  })
  for (const [loss, title] of Object.entries(rows)) {
    test(title, async () => {
      expect(await besideTorch(loss)).toBeGreaterThan(2)
    })
  }
})
