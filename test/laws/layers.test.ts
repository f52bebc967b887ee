/** Laws of every layer that nn exports: gradients reach all parameters, files give the same output, seeds the same values. */
import { describe, expect, test } from "vitest"
import { fromNumbers, type NdArray, toNumbers } from "../../src/engine/array.ts"
import { compile } from "../../src/engine/compile.ts"
import { gradients } from "../../src/engine/grad.ts"
import { Generator } from "../../src/engine/random.ts"
import type { Tensor } from "../../src/engine/tensor.ts"
import { readSafetensors, writeSafetensors } from "../../src/io/safetensors.ts"
import * as nn from "../../src/nn/index.ts"

interface Forward {
  forward(x: Tensor): Tensor
}

interface Row {
  readonly build: () => Forward
  readonly input: NdArray
}

const random = new Generator(11)
const float = (...shape: number[]): NdArray =>
  fromNumbers(
    "float32",
    shape,
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => random.normal()),
  )

/** A row for every layer: how to build one, and an input for it. */
const rows: Record<string, Row> = {
  Linear: { build: () => new nn.Linear(3, 4), input: float(2, 5, 3) },
  Embedding: { build: () => new nn.Embedding(3, 4), input: fromNumbers("int32", [4], [2, 0, 1, 1]) },
  Conv1d: { build: () => new nn.Conv1d(2, 3, 3, { padding: 1 }), input: float(2, 2, 6) },
  Conv2d: { build: () => new nn.Conv2d(2, 4, 3, { padding: 1, groups: 2 }), input: float(2, 2, 4, 5) },
  Conv3d: { build: () => new nn.Conv3d(2, 3, 2), input: float(1, 2, 3, 3, 4) },
  ConvTranspose2d: { build: () => new nn.ConvTranspose2d(2, 3, 3, { stride: 2 }), input: float(2, 2, 3, 3) },
  GroupNorm: { build: () => new nn.GroupNorm(2, 4), input: float(2, 4, 3, 3) },
  LayerNorm: { build: () => new nn.LayerNorm(5), input: float(3, 5) },
  BatchNorm2d: { build: () => new nn.BatchNorm2d(3), input: float(2, 3, 2, 2) },
  MultiheadAttention: { build: () => new nn.MultiheadAttention(4, 2), input: float(2, 3, 4) },
  Dropout: { build: () => new nn.Dropout(0.5), input: float(3, 4) },
  Sequential: {
    build: () => new nn.Sequential(new nn.Linear(3, 4), nn.silu, new nn.LayerNorm(4), new nn.Linear(4, 2)),
    input: float(2, 3),
  },
}

const isLayer = (value: unknown): boolean =>
  typeof value === "function" && typeof (value.prototype as { forward?: unknown } | undefined)?.forward === "function"

/** Layers whose parameters are a file's and follow from no seed: src/nn/transfer.test.ts. */
const read = ["ImportedClassifier"]

test("every layer that nn exports has a row", () => {
  const layers = Object.entries(nn).filter(([, value]) => isLayer(value))
  expect([...Object.keys(rows), ...read].sort()).toEqual(layers.map(([name]) => name).sort())
})

/** The same state with every float moved a little, so that no layer is as it starts. */
function shaken(state: ReadonlyMap<string, NdArray>): Map<string, NdArray> {
  return new Map(
    [...state].map(([path, a]) => {
      if (a.dtype !== "float32") return [path, a] as const
      return [
        path,
        fromNumbers(
          "float32",
          a.shape,
          toNumbers(a).map((v) => v + random.uniform(0.1, 0.5)),
        ),
      ] as const
    }),
  )
}

/** Sum of the output under weights that tell its elements apart. */
const weighed = (y: Tensor): Tensor => y.mul(y).add(y).sum()

describe.each(Object.entries(rows))("%s", (_, { build, input }) => {
  test("every parameter gets a gradient, in training and in evaluation", async () => {
    for (const training of [true, false]) {
      const layer = nn.seeded(1, build)
      const parameters = nn.parameters(layer)
      if (parameters.size === 0) continue
      const run = compile((x: Tensor) => gradients(weighed(layer.forward(x)), [...parameters.values()]), { training })
      const grads = await run(input)
      for (const [i, path] of [...parameters.keys()].entries()) {
        const g = toNumbers(grads[i])
        expect(g.every(Number.isFinite), path).toBe(true)
        // Softmax is blind to the keys' bias, which is the middle third of attention's.
        expect(g.filter((v) => Math.abs(v) > 1e-4).length / g.length, path).toBeGreaterThan(0.5)
      }
      await run.dispose()
    }
  })

  test("saved and loaded into another, it gives the same output, bit for bit", async () => {
    const [layer, other] = [nn.seeded(1, build), nn.seeded(2, build)]
    await nn.loadStateDict(layer, shaken(await nn.stateDict(layer)))
    const [a, b] = [layer, other].map((l) => compile((x: Tensor) => l.forward(x)))
    const moved = compile((x: Tensor) => layer.forward(x), { training: true })
    // One step of training first, so that buffers are not what every layer starts with.
    await moved(input)
    const before = await b(input)
    await nn.loadStateDict(other, readSafetensors(writeSafetensors(await nn.stateDict(layer))).tensors)
    const [expected, found] = [await a(input), await b(input)]
    expect(found).toEqual(expected)
    if (nn.variables(layer).size > 0) expect(before).not.toEqual(expected)
    expect(writeSafetensors(await nn.stateDict(other))).toEqual(writeSafetensors(await nn.stateDict(layer)))
    for (const program of [a, b, moved]) await program.dispose()
  })

  test("the same seed gives the same values", async () => {
    const [a, b] = [await nn.stateDict(nn.seeded(5, build)), await nn.stateDict(nn.seeded(5, build))]
    expect(a).toEqual(b)
  })

  test("the output of a sample is the same in any batch", async () => {
    const layer = nn.seeded(1, build)
    const run = compile((x: Tensor) => layer.forward(x))
    const [rowsIn, size] = [input.shape[0], input.data.length / input.shape[0]]
    const whole = await run(input)
    const first = await run(fromNumbers(input.dtype, [1, ...input.shape.slice(1)], toNumbers(input).slice(0, size)))
    const share = whole.data.length / rowsIn
    const [a, b] = [toNumbers(first), toNumbers(whole).slice(0, share)]
    a.forEach((v, i) => {
      expect(Math.abs(v - b[i])).toBeLessThan(2e-6 * Math.max(1, Math.abs(b[i])))
    })
    await run.dispose()
  })
})
