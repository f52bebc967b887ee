/** Laws of files: every op, and its gradient, means the same when it was exported and read back. */
import { describe, expect, test } from "vitest"
import { type NdArray, toNumbers } from "../../src/engine/array.ts"
import { compile } from "../../src/engine/compile.ts"
import { exportOnnx } from "../../src/engine/export.ts"
import { gradients } from "../../src/engine/grad.ts"
import { floats, type Spec } from "../../src/engine/graph.ts"
import { importOnnx } from "../../src/engine/import.ts"
import { Generator } from "../../src/engine/random.ts"
import { constant, type Tensor } from "../../src/engine/tensor.ts"
import { opCases } from "./cases.ts"

/** Sum of the output under fixed weights, which every element of the output enters differently. */
function weighed(y: Tensor): Tensor {
  const random = new Generator(3)
  const weights = Float32Array.from({ length: y.shape.reduce((n, d) => n * d, 1) }, () => random.uniform(-1, 1))
  return y.mul(constant({ dtype: "float32", shape: y.shape, data: weights })).sum()
}

function expectClose(actual: NdArray, expected: NdArray, what: string): void {
  expect([actual.dtype, actual.shape], what).toEqual([expected.dtype, expected.shape])
  const [a, b] = [toNumbers(actual), toNumbers(expected)]
  const scale = Math.max(1, ...b.filter(Number.isFinite).map(Math.abs))
  for (const [i, v] of b.entries()) {
    if (!(Object.is(a[i], v) || a[i] === v || Math.abs(a[i] - v) <= 2e-6 * scale))
      expect.fail(`${what}: element ${i} is ${a[i]}, the original's ${v}`)
  }
}

// A loop is written as Scan, which the importer refuses by name (src/engine/fused/loop.test.ts runs its files).
const readable = opCases.filter(({ name }) => !name.startsWith("loop"))

describe.each(readable)("$name", ({ fn, inputs, smooth }) => {
  const specs = inputs.map(({ dtype, shape }): Spec => ({ dtype, shape }))
  const names = inputs.map((_, i) => `in${i}`)
  const readBack = async (f: (...x: Tensor[]) => Tensor | readonly Tensor[]): Promise<(...x: Tensor[]) => Tensor[]> => {
    const { call } = importOnnx(await exportOnnx(f, specs, { inputNames: names }))
    return (...x) => Object.values(call(Object.fromEntries(x.map((t, i) => [names[i], t]))))
  }
  const live = (x: readonly Tensor[]): Tensor[] => x.filter((t) => floats.includes(t.dtype))

  test("read back, gives the values it gave, and its gradients", async () => {
    const own = (...x: Tensor[]): Tensor[] => {
      const y = fn(...x)
      return smooth ? [y, ...gradients(weighed(y), live(x))] : [y]
    }
    const again = await readBack(fn)
    const twice = (...x: Tensor[]): Tensor[] => {
      const [y] = again(...x)
      return smooth ? [y, ...gradients(weighed(y), live(x))] : [y]
    }
    const [one, two] = [compile(own), compile(twice)]
    const [expected, actual] = [await one(...inputs), await two(...inputs)]
    for (const [i, y] of expected.entries()) expectClose(actual[i], y, i === 0 ? "value" : `gradient ${i - 1}`)
    await one.dispose()
    await two.dispose()
  })
  if (!smooth) return
  test("its gradient as a program, read back, gives the values it gave", async () => {
    const slope = (...x: Tensor[]): Tensor[] => gradients(weighed(fn(...x)), live(x))
    const [one, two] = [compile(slope), compile(await readBack(slope))]
    const [expected, actual] = [await one(...inputs), await two(...inputs)]
    for (const [i, g] of expected.entries()) expectClose(actual[i], g, `gradient ${i}`)
    await one.dispose()
    await two.dispose()
  })
})
