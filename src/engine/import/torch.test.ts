/** Networks exported by PyTorch, by its older and its newer exporter, give PyTorch's values and gradients. */
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { fromNumbers, type NdArray, toNumbers } from "../array.ts"
import { compile } from "../compile.ts"
import { exportOnnx } from "../export.ts"
import { gradients } from "../grad.ts"
import { floats } from "../graph.ts"
import { importOnnx } from "../import.ts"
import type { Tensor } from "../tensor.ts"

interface Values {
  readonly shape: readonly number[]
  readonly values: readonly number[]
}

/** What PyTorch says of one batch, for the loss `sum(y^2) + sum(y)`. */
interface Expected {
  readonly inputs: Readonly<Record<string, Values>>
  readonly y: Values
  readonly inputGradients: Readonly<Record<string, readonly number[]>>
  readonly gradients: Readonly<Record<string, readonly number[]>>
}

const folder = new URL("./fixtures/", import.meta.url)

function worst(actual: ArrayLike<number>, expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length)
  return Math.max(...expected.map((v, i) => Math.abs(actual[i] - v)))
}

const size = (values: readonly number[]): number => Math.max(...values.map(Math.abs))

/**
 * How many initializers are PyTorch's parameters still. The newer exporter transposes weights of linear maps under names
 * of its own; it folds the normalisation into the first convolution, and unties the weights of the transformer's head.
 */
const exporters: readonly [string, [string, number][]][] = [
  [
    "script",
    [
      ["cnn", 13],
      ["transformer", 28],
      ["denoiser", 16],
    ],
  ],
  [
    "dynamo",
    [
      ["cnn", 10],
      ["transformer", 18],
      ["denoiser", 13],
    ],
  ],
]
const changed: readonly string[] = ["cnn-dynamo stem.weight", "transformer-dynamo tokens.weight"]

describe.each(exporters)("by the exporter %s", (exporter, files) => {
  test.each(files)("a %s", async (name, count) => {
    const program = importOnnx(readFileSync(new URL(`${name}-${exporter}.onnx`, folder)))
    const cases = JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8")) as Expected[]
    const known = [...program.variables].filter(
      ([n, v]) =>
        cases[0].gradients[n]?.length === v.initial.data.length && !changed.includes(`${name}-${exporter} ${n}`),
    )
    const smooth = Object.keys(program.inputs).filter((n) => floats.includes(program.inputs[n].dtype))
    const run = compile((inputs: Record<string, Tensor>) => {
      const { y } = program.call(inputs)
      const loss = y.square().sum().add(y.sum())
      return { y, grads: gradients(loss, [...smooth.map((n) => inputs[n]), ...known.map(([, v]) => v)]) }
    })
    for (const expected of cases) {
      const feeds: Record<string, NdArray> = {}
      for (const [n, { shape, values }] of Object.entries(expected.inputs)) {
        feeds[n] = fromNumbers(program.inputs[n].dtype, shape, values)
      }
      const { y, grads } = await run(feeds)
      expect(y.shape).toEqual(expected.y.shape)
      expect(worst(toNumbers(y), expected.y.values)).toBeLessThanOrEqual(2e-5 * size(expected.y.values))
      const wanted = [...smooth.map((n) => expected.inputGradients[n]), ...known.map(([n]) => expected.gradients[n])]
      const scale = Math.max(...wanted.map(size))
      for (const [i, g] of grads.entries()) expect(worst(toNumbers(g), wanted[i])).toBeLessThanOrEqual(2e-5 * scale)
    }
    expect(known.length).toBe(count)
    await run.dispose()
  })

  test.each(files)("a %s is exported again for any batch size", async (name) => {
    const program = importOnnx(readFileSync(new URL(`${name}-${exporter}.onnx`, folder)))
    const again = importOnnx(await exportOnnx(program.call, [program.inputs], { variables: program.variables }))
    const [{ inputs, y }] = (JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8")) as Expected[]).slice(1)
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([n, { shape, values }]) => [
        `x0.${n}`,
        fromNumbers(program.inputs[n].dtype, shape, values),
      ]),
    )
    const run = compile(again.call)
    expect(worst(toNumbers((await run(feeds))["y.y"]), y.values)).toBeLessThanOrEqual(2e-5 * size(y.values))
    await run.dispose()
  })
})
