/** Laws of every op: the runtime agrees with the reference interpreter, gradients with finite differences, twice. */
import { describe, expect, test } from "vitest"
import { array, castArray, type NdArray, sizeOf, toNumbers } from "../../src/engine/array.ts"
import { compile } from "../../src/engine/compile.ts"
import { evaluate } from "../../src/engine/evaluate.ts"
import { activationOps, silu } from "../../src/engine/fused/activation.ts"
import { attentionOps } from "../../src/engine/fused/attention.ts"
import { groupNorm, normalizeOps } from "../../src/engine/fused/normalize.ts"
import { poolOps } from "../../src/engine/fused/pool.ts"
import { differentiate } from "../../src/engine/grad.ts"
import { floats, type Op, topological } from "../../src/engine/graph.ts"
import { alongOps } from "../../src/engine/ops/along.ts"
import { compareOps } from "../../src/engine/ops/compare.ts"
import { convOps } from "../../src/engine/ops/conv.ts"
import { elementwiseOps } from "../../src/engine/ops/elementwise.ts"
import { gatherOps } from "../../src/engine/ops/gather.ts"
import { matmulOps } from "../../src/engine/ops/matmul.ts"
import { movementOps } from "../../src/engine/ops/movement.ts"
import { reduceOps } from "../../src/engine/ops/reduce.ts"
import { resizeOps } from "../../src/engine/ops/resize.ts"
import { sliceOps } from "../../src/engine/ops/slice.ts"
import { softmaxOps } from "../../src/engine/ops/softmax.ts"
import { Generator } from "../../src/engine/random.ts"
import { constant, placeholder, type Tensor } from "../../src/engine/tensor.ts"
import { opCases } from "./cases.ts"

const allOps: readonly Op[] = [
  ...activationOps,
  ...attentionOps,
  ...normalizeOps,
  ...poolOps,
  ...compareOps,
  ...convOps,
  ...elementwiseOps,
  ...gatherOps,
  ...matmulOps,
  ...movementOps,
  ...reduceOps,
  ...alongOps,
  ...resizeOps,
  ...sliceOps,
  ...softmaxOps,
]

const specOf = (a: NdArray): { dtype: NdArray["dtype"]; shape: readonly number[] } => ({
  dtype: a.dtype,
  shape: a.shape,
})

/** Sum of the output under fixed random weights: a scalar that every element of the output enters differently. */
function weighed(y: Tensor): Tensor {
  const random = new Generator(y.shape.length + 1)
  const weights = Float64Array.from({ length: y.shape.reduce((n, d) => n * d, 1) }, () => random.uniform(-1, 1))
  return y
    .cast("float32")
    .mul(constant(castArray(array("float64", y.shape, weights), "float32")))
    .sum()
}

/** A scalar function's gradient by its inputs, as a list (null where there is none). */
function gradientOf(fn: (...x: Tensor[]) => Tensor): (...x: Tensor[]) => (Tensor | null)[] {
  return (...x) => {
    const y = fn(...x)
    return differentiate([y], [y.like(1)], x)
  }
}

/** Reference values of a function of tensors; `labels` give the dtypes where the values are finer. */
function hostOf(
  fn: (...x: Tensor[]) => readonly Tensor[],
  inputs: readonly NdArray[],
  labels: readonly NdArray[] = inputs,
): NdArray<"float64">[] {
  const stands = labels.map((a, i) => placeholder(`x${i}`, specOf(a)))
  const values = new Map(stands.map((t, i) => [t.value.node, inputs[i]]))
  return evaluate(
    fn(...stands).map((t) => t.value),
    (node) => values.get(node),
  )
}

function expectClose(actual: NdArray, expected: NdArray, tolerance: number, what: string): void {
  expect(actual.shape, `${what}: shape`).toEqual(expected.shape)
  const [a, b] = [toNumbers(actual), toNumbers(expected)]
  const scale = Math.max(1, ...b.filter(Number.isFinite).map(Math.abs))
  for (let i = 0; i < b.length; i++) {
    const near = Object.is(a[i], b[i]) || Math.abs(a[i] - b[i]) <= tolerance * scale || a[i] === b[i]
    if (!near) expect.fail(`${what}: element ${i} is ${a[i]}, expected ${b[i]}`)
  }
}

/** Central differences of the reference value of a scalar function by one input. */
function finiteDifference(fn: (...x: Tensor[]) => Tensor, inputs: readonly NdArray[], k: number): NdArray {
  const base = toNumbers(castArray(inputs[k], "float64"))
  const h = 1e-5
  const at = (i: number, step: number): number => {
    const moved = Float64Array.from(base)
    moved[i] += step
    const changed = inputs.map((a, j) => (j === k ? array("float64", a.shape, moved) : a))
    return hostOf((...x) => [fn(...x)], changed as NdArray[], inputs)[0].data[0]
  }
  // The stand-in keeps its float32 spec: the reference computes in float64 whatever the label says.
  return array(
    "float64",
    inputs[k].shape,
    base.map((_, i) => (at(i, h) - at(i, -h)) / (2 * h)),
  )
}

describe.each(opCases)("$name", ({ fn, inputs, smooth }) => {
  test("the runtime gives the reference's values and shape", async () => {
    const run = compile((...x: Tensor[]) => fn(...x))
    const [expected] = hostOf((...x) => [fn(...x)], inputs)
    expectClose(await run(...inputs), expected, 2e-6, "value")
    await run.dispose()
  })
  if (!smooth) {
    test("no gradient reaches any input", () => {
      const stands = inputs.map((a, i) => placeholder(`x${i}`, specOf(a)))
      const grads = gradientOf((...x) => weighed(fn(...x)))(...stands)
      const values = new Map(stands.map((t, i) => [t.value.node, inputs[i]]))
      for (const g of grads) {
        if (g !== null && fn.toString().includes("stopGradient") === false)
          expect(toNumbers(evaluate([g.value], (n) => values.get(n))[0]).every((v) => v === 0)).toBe(true)
      }
    })
    return
  }
  const loss = (...x: Tensor[]): Tensor => weighed(fn(...x))
  const slope = (...x: Tensor[]): Tensor[] =>
    gradientOf(loss)(...x).flatMap((g, k) => (g !== null ? [g] : floats.includes(x[k].dtype) ? [x[k].mul(0)] : []))
  const differentiable = inputs.map((_, k) => k).filter((k) => floats.includes(inputs[k].dtype))
  test("the gradient equals finite differences, and the runtime's the reference's", async () => {
    const grads = hostOf(slope, inputs)
    for (const [i, k] of differentiable.entries())
      expectClose(grads[i], finiteDifference(loss, inputs, k), 2e-7, `gradient by input ${k}`)
    const run = compile(slope)
    for (const [i, g] of (await run(...inputs)).entries()) expectClose(g, grads[i], 5e-6, `runtime's gradient ${i}`)
    await run.dispose()
  })
  test("the second gradient equals finite differences of the first", () => {
    const second = (...x: Tensor[]): Tensor =>
      slope(...x)
        .map(weighed)
        .reduce((a, b) => a.add(b))
    for (const k of differentiable) {
      const stands = inputs.map((a, i) => placeholder(`x${i}`, specOf(a)))
      const g = gradientOf(second)(...stands)[k]
      const values = new Map(stands.map((t, i) => [t.value.node, inputs[i]]))
      const found =
        g === null
          ? array("float64", inputs[k].shape, new Float64Array(inputs[k].data.length))
          : evaluate([g.value], (n) => values.get(n))[0]
      expectClose(found, finiteDifference(second, inputs, k), 5e-7, `second gradient by input ${k}`)
    }
  })
})

test("every op has a row, or is the gradient of one that has", () => {
  const reached = new Set<string>()
  for (const { fn, inputs } of opCases) {
    const stands = inputs.map((a, i) => placeholder(`x${i}`, specOf(a)))
    const y = fn(...stands)
    const grads = gradientOf((...x) => weighed(fn(...x)))(...stands).filter((g) => g !== null)
    for (const node of topological([y, ...grads].map((t) => t.value))) reached.add(node.op.name)
  }
  expect(allOps.map((op) => op.name).filter((name) => !reached.has(name))).toEqual([])
})

test("the second gradient through fused ops that feed each other equals finite differences", () => {
  const random = new Generator(5)
  const [x, w, b] = [[2, 4, 3], [4], [4]].map((shape) =>
    castArray(
      array(
        "float64",
        shape,
        Float64Array.from({ length: sizeOf(shape) }, () => random.normal()),
      ),
      "float32",
    ),
  )
  const loss = (t: Tensor, weight: Tensor, bias: Tensor): Tensor =>
    weighed(silu(groupNorm(silu(t), 2, { weight, bias })).mul(t))
  const scalar = (...t: Tensor[]): Tensor =>
    gradientOf((...u) => loss(u[0], u[1], u[2]))(...t)
      .map((g) => weighed(g!))
      .reduce((p, q) => p.add(q))
  for (const k of [0, 1, 2]) {
    const found = hostOf((...t) => [gradientOf(scalar)(...t)[k]!], [x, w, b])[0]
    expectClose(found, finiteDifference(scalar, [x, w, b], k), 5e-7, `second gradient by input ${k}`)
  }
})
