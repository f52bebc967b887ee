/** Laws of devices: the CPU's programs, the portable ones and the reference interpreter agree, gradients included. */
import { afterAll, describe, expect, test } from "vitest"
import { type NdArray, sizeOf, toNumbers } from "../../src/engine/array.ts"
import { compile } from "../../src/engine/compile.ts"
import { evaluate } from "../../src/engine/evaluate.ts"
import { groupNorm } from "../../src/engine/fused/normalize.ts"
import { differentiate, gradients } from "../../src/engine/grad.ts"
import { floats, topological } from "../../src/engine/graph.ts"
import { gather } from "../../src/engine/ops/gather.ts"
import { Generator } from "../../src/engine/random.ts"
import { configure } from "../../src/engine/runtime.ts"
import { constant, placeholder, type Tensor } from "../../src/engine/tensor.ts"
import { blockCases } from "./blocks.ts"
import { opCases } from "./cases.ts"
import { randomNetwork } from "./networks.ts"

afterAll(() => configure({ device: "auto" }))

type Fn = (...x: Tensor[]) => Tensor

/** Sum of the output under fixed random weights, its gradients, and the gradients of a weighted sum of those. */
function orders(fn: Fn, depth: number): (...x: Tensor[]) => Tensor[] {
  const weighed = (y: Tensor, seed: number): Tensor => {
    const random = new Generator(seed)
    const weights = Float32Array.from({ length: sizeOf(y.shape) }, () => random.uniform(-1, 1))
    return y
      .cast("float32")
      .mul(constant({ dtype: "float32", shape: y.shape, data: weights }))
      .sum()
  }
  return (...x) => {
    const y = fn(...x)
    const results = [y.cast("float32")]
    let loss = weighed(y, 1)
    for (let k = 0; k < depth; k++) {
      const grads = differentiate([loss], [loss.like(1)], x).filter((g, i) => g !== null && floats.includes(x[i].dtype))
      if (grads.length === 0) break
      results.push(...(grads as Tensor[]))
      loss = grads.map((g, i) => weighed(g!, 2 + i)).reduce((a, b) => a.add(b))
    }
    return results
  }
}

async function onDevice(
  device: "cpu" | "portable",
  fn: (...x: Tensor[]) => Tensor[],
  inputs: readonly NdArray[],
): Promise<readonly NdArray[]> {
  configure({ device })
  const run = compile(fn)
  const results = await run(...inputs)
  await run.dispose()
  return results as readonly NdArray[]
}

function reference(fn: (...x: Tensor[]) => Tensor[], inputs: readonly NdArray[]): readonly NdArray[] {
  const stands = inputs.map((a, i) => placeholder(`x${i}`, { dtype: a.dtype, shape: a.shape }))
  const values = new Map(stands.map((t, i) => [t.value.node, inputs[i]]))
  return evaluate(
    fn(...stands).map((t) => t.value),
    (node) => values.get(node),
  )
}

/** The largest difference, relative to the largest expected value (a value that cancels to 0: to the largest of all). */
function apart(actual: NdArray, expected: NdArray, all: number): number {
  expect(actual.shape).toEqual(expected.shape)
  const [a, b] = [toNumbers(actual), toNumbers(expected)]
  const scale = Math.max(largest(expected), 1e-2 * all, 1e-6)
  return a.reduce((m, v, i) => (v === b[i] || Object.is(v, b[i]) ? m : Math.max(m, Math.abs(v - b[i]) / scale)), 0)
}

function largest(of: NdArray): number {
  return toNumbers(of).reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 0)
}

async function expectAgreement(fn: Fn, inputs: readonly NdArray[], depth: number, tolerance = 1e-4): Promise<void> {
  const program = orders(fn, depth)
  const cpu = await onDevice("cpu", program, inputs)
  const plain = await onDevice("portable", program, inputs)
  const host = reference(program, inputs)
  const all = Math.max(...host.map(largest))
  for (const [i, y] of cpu.entries()) {
    expect(apart(y, host[i], all), `result ${i}, cpu and host`).toBeLessThan(tolerance)
    expect(apart(y, plain[i], all), `result ${i}, cpu and portable`).toBeLessThan(tolerance)
  }
}

describe("every op agrees, with its first and second gradients", () => {
  test.each(opCases)("$name", ({ fn, inputs, smooth }) => expectAgreement(fn, inputs, smooth ? 2 : 0))
})

describe("ops on whole blocks agree, with their first and second gradients", () => {
  test.each(blockCases)("$name", ({ fn, inputs }) => expectAgreement(fn, inputs, 2))
})

describe("random networks agree, with their first and second gradients", () => {
  // TWEEDIE_NETWORKS=200 tries more of them.
  const count = Number(process.env["TWEEDIE_NETWORKS"] ?? 25)
  test.each(Array.from({ length: count }, (_, seed) => seed))("network %i", (seed) => {
    const { fn, inputs } = randomNetwork(seed)
    return expectAgreement(fn, inputs, 2)
  })
})

test.each([10, 100, 1000])("group normalisation is exact where the mean is %i times the spread", async (ratio) => {
  const random = new Generator(ratio)
  for (const shape of [
    [2, 32, 8, 8],
    [3, 12, 5, 7],
  ]) {
    const x = Float32Array.from({ length: sizeOf(shape) }, () => ratio + random.normal())
    const inputs: NdArray[] = [{ dtype: "float32", shape, data: x }]
    await expectAgreement((t) => groupNorm(t, 4), inputs, 1)
  }
})

test.each(["cpu", "portable"] as const)(
  "rows of one index are all added up by several threads at once (%s)",
  async (device) => {
    configure({ device, threads: 2 })
    const [count, width, draws] = [50, 64, 20_000]
    const random = new Generator(7)
    const indices: NdArray = {
      dtype: "int32",
      shape: [draws],
      data: Int32Array.from({ length: draws }, () => random.integer(count)),
    }
    const table: NdArray = { dtype: "float32", shape: [count, width], data: new Float32Array(count * width).fill(1) }
    const run = compile((t: Tensor, i: Tensor) => gradients(gather(t, i).sum(), [t])[0])
    const expected = new Float32Array(count)
    for (const i of indices.data) expected[Number(i)]++
    for (let k = 0; k < 5; k++) {
      const { data } = await run(table, indices)
      expect(Float32Array.from({ length: count }, (_, i) => Number(data[i * width + (i % width)]))).toEqual(expected)
    }
    await run.dispose()
  },
)

test("the gradient of a split is laid side by side, with no zeros to add", () => {
  const x = placeholder("x", { dtype: "float32", shape: [2, 12] })
  const [a, b, c] = x.split([3, 4, 5], 1)
  const [g] = gradients(b.exp().sum().add(c.square().sum()).add(a.log().sum()), [x])
  expect(topological([g.value]).map((n) => n.op.name)).toContain("concat")
  expect(topological([g.value]).map((n) => n.op.name)).not.toContain("unslice")
})
