/** Initial values: PyTorch's defaults by bound and variance, and the seed that fixes them. */
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { toNumbers } from "../engine/array.ts"
import { MultiheadAttention } from "./attention.ts"
import { Conv1d, Conv2d, Conv3d, ConvTranspose2d } from "./conv.ts"
import { fanInUniform, glorotUniform, heUniform, lecunUniform, normal, seeded, uniform } from "./init.ts"
import { Embedding, Linear, zeroed } from "./linear.ts"
import { type Module, stateDict } from "./module.ts"
import { BatchNorm2d, GroupNorm, LayerNorm } from "./norm.ts"

interface Measured {
  readonly shape: readonly number[]
  readonly mean: number
  readonly variance: number
  readonly largest: number
}

const initial = JSON.parse(readFileSync(new URL("fixtures/initial.json", import.meta.url), "utf8")) as Record<
  string,
  Record<string, Measured>
>

function measured(values: Float64Array): Omit<Measured, "shape"> {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length
  return { mean, variance, largest: values.reduce((a, b) => Math.max(a, Math.abs(b)), 0) }
}

const layers: Record<string, () => Module> = {
  linear: () => new Linear(300, 200),
  conv1d: () => new Conv1d(32, 64, 5, { groups: 2 }),
  conv2d: () => new Conv2d(32, 64, 3),
  conv3d: () => new Conv3d(16, 32, 3, { groups: 4 }),
  convTranspose2d: () => new ConvTranspose2d(32, 64, 3, { groups: 2 }),
  groupNorm: () => new GroupNorm(2, 64),
  layerNorm: () => new LayerNorm(64),
  batchNorm2d: () => new BatchNorm2d(64),
  embedding: () => new Embedding(300, 64),
  attention: () => new MultiheadAttention(96, 4),
}

test.each(Object.keys(initial))("%s starts as PyTorch's does: names, shapes, bounds, variances", async (name) => {
  const state = await stateDict(seeded(3, layers[name]))
  expect([...state.keys()].sort()).toEqual(Object.keys(initial[name]).sort())
  for (const [path, torch] of Object.entries(initial[name])) {
    const values = toNumbers(state.get(path)!)
    expect(state.get(path)!.shape, path).toEqual(torch.shape)
    const own = measured(values)
    const n = values.length
    if (torch.variance === 0) {
      expect(own, path).toEqual({ mean: torch.mean, variance: 0, largest: torch.largest })
      continue
    }
    // Five standard errors of each: of a mean, and of the ratio of two variances (a normal's are the widest).
    expect(Math.abs(own.mean - torch.mean), `${path}: mean`).toBeLessThan(5 * Math.sqrt((2 * torch.variance) / n))
    expect(Math.abs(own.variance / torch.variance - 1), `${path}: variance`).toBeLessThan(5 * Math.sqrt(4 / n))
    if (name === "embedding") continue
    // The largest of n uniforms is n / (n + 1) of the bound on average, with a spread of about 1 / n.
    expect(Math.abs(own.largest / torch.largest - 1), `${path}: bound`).toBeLessThan(10 / n)
  }
})

describe("the named initialisations have the variance of their source", () => {
  const shape = [64, 32, 3, 3]
  const [fanIn, fanOut] = [32 * 9, 64 * 9]
  test.each([
    ["fanInUniform", fanInUniform, 1 / (3 * fanIn)],
    ["lecunUniform", lecunUniform, 1 / fanIn],
    ["heUniform", heUniform, 2 / fanIn],
    ["glorotUniform", glorotUniform, 2 / (fanIn + fanOut)],
  ] as const)("%s", (_, make, expected) => {
    const { mean, variance, largest } = measured(toNumbers(seeded(5, () => make(shape))))
    expect(variance / expected).toBeCloseTo(1, 1.5)
    expect(Math.abs(mean)).toBeLessThan(5 * Math.sqrt(expected / 18432))
    expect(largest).toBeLessThanOrEqual(Math.sqrt(3 * expected))
  })
  test("normal", () => {
    const { mean, variance } = measured(toNumbers(seeded(6, () => normal([20000], 0.02))))
    expect(variance).toBeCloseTo(4e-4, 5)
    expect(Math.abs(mean)).toBeLessThan(5 * 0.02 * Math.sqrt(1 / 20000))
  })
})

test("a seed fixes the values whatever was built before, inside and after", async () => {
  const build = (): Linear => new Linear(3, 4)
  const first = seeded(1, build)
  new Linear(5, 5)
  const again = seeded(1, build)
  const other = seeded(2, build)
  expect(first.weight.initial).toEqual(again.weight.initial)
  expect(first.bias!.initial).toEqual(again.bias!.initial)
  expect(first.weight.initial).not.toEqual(other.weight.initial)
  const [outer, inner, rest] = seeded(1, () => [uniform([4], 1), seeded(9, () => uniform([4], 1)), uniform([4], 1)])
  expect(inner).toEqual(seeded(9, () => uniform([4], 1)))
  expect([...outer.data, ...rest.data]).toEqual([...seeded(1, () => uniform([8], 1)).data])
  // The outer stream goes on where it was, even when what was built throws.
  expect(() => seeded(1, () => new MultiheadAttention(5, 2))).toThrow("does not divide")
  const before = uniform([2], 1)
  expect(uniform([2], 1)).not.toEqual(before)
})

test("zeroed layers start at zero and pass nothing on", () => {
  const layer = zeroed(new Conv2d(2, 3, 3))
  expect(toNumbers(layer.weight.initial).every((v) => v === 0)).toBe(true)
  expect(toNumbers(layer.bias!.initial).every((v) => v === 0)).toBe(true)
  expect(zeroed(new Linear(2, 2, { bias: false })).bias).toBeNull()
})
