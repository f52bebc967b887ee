/** Dropout, composition, and what layers refuse. */
import { describe, expect, test } from "vitest"
import { full, toNested, toNumbers, zeros } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { avgPool2d, maxPool2d } from "../engine/fused/pool.ts"
import { gradients } from "../engine/grad.ts"
import { placeholder, type Tensor } from "../engine/tensor.ts"
import { trace } from "../engine/trace.ts"
import { MultiheadAttention, mergeHeads, splitHeads } from "./attention.ts"
import { Conv1d, Conv2d, Conv3d, ConvTranspose2d } from "./conv.ts"
import { Dropout, dropout, Sequential } from "./layers.ts"
import { Embedding, Linear } from "./linear.ts"
import { stateDict } from "./module.ts"
import { BatchNorm2d, GroupNorm, LayerNorm } from "./norm.ts"

const ones = full([100, 200], 1)

describe("dropout", () => {
  test("drops at its rate, divides the rest by 1 - rate, and draws anew at each run and each use", async () => {
    const layer = new Dropout(0.3)
    const run = compile((x: Tensor) => [layer.forward(x), layer.forward(x)], { training: true, seed: 4 })
    const [[a, b], [c]] = [await run(ones), await run(ones)]
    const kept = Math.fround(1 / 0.7)
    for (const y of [a, b, c]) {
      const values = toNumbers(y)
      expect(values.every((v) => v === 0 || Math.abs(v - kept) < 1e-6)).toBe(true)
      const dropped = values.filter((v) => v === 0).length / values.length
      // Four standard errors of a proportion of 20000.
      expect(Math.abs(dropped - 0.3)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / 20000))
      const mean = values.reduce((s, v) => s + v, 0) / values.length
      expect(Math.abs(mean - 1)).toBeLessThan(4 * Math.sqrt(0.3 / 0.7 / 20000))
    }
    const agree = (x: typeof a, y: typeof a): number =>
      toNumbers(x).filter((v, i) => (v === 0) === (y.data[i] === 0)).length / 20000
    // Independent masks agree with probability 0.3^2 + 0.7^2.
    for (const [x, y] of [
      [a, b],
      [a, c],
    ])
      expect(Math.abs(agree(x, y) - 0.58)).toBeLessThan(4 * Math.sqrt((0.58 * 0.42) / 20000))
    await run.dispose()
  })

  test("passes the gradient through what it kept, by the factor it kept it with", async () => {
    const run = compile(
      (x: Tensor) => {
        const y = dropout(x.mul(3), 0.5)
        return [y, gradients(y.sum(), [x])[0]]
      },
      { training: true },
    )
    const [y, g] = await run(full([50], 1))
    expect(toNested(g)).toEqual(toNested(y))
    expect(new Set(toNumbers(g))).toEqual(new Set([0, 6]))
    await run.dispose()
  })

  test("is the identity when evaluating, and at rate 0", () => {
    const x = placeholder("x", { dtype: "float32", shape: [2] })
    expect(new Dropout(0.9).forward(x)).toBe(x)
    const { graph } = trace((y: Tensor) => dropout(y, 0), [x.value.spec], { training: true })
    expect(graph.outputs).toEqual(graph.inputs)
  })

  test("refuses rates that drop everything or more", () => {
    const x = placeholder("x", { dtype: "float32", shape: [2] })
    expect(() => new Dropout(1)).toThrow("Dropout: got 1, expected a probability from 0 to below 1")
    expect(() => new Dropout(Number.NaN)).toThrow(RangeError)
    expect(() => dropout(x, 1)).toThrow("dropout: got 1")
    expect(() => dropout(x, -0.1)).toThrow("dropout: got -0.1")
  })
})

test("a sequence applies layers and functions in order; an empty one is the identity", async () => {
  const first = new Linear(2, 2)
  const net = new Sequential(first, (x) => x.mul(2), new Sequential((x) => x.add(1)))
  const run = compile((x: Tensor) => [net.forward(x), first.forward(x).mul(2).add(1), new Sequential().forward(x)])
  const [a, b, c] = await run([[1, 2]])
  expect(a).toEqual(b)
  expect(toNested(c)).toEqual([[1, 2]])
  await run.dispose()
})

test("heads are split and merged back", async () => {
  const run = compile((x: Tensor) => [mergeHeads(splitHeads(x, 2)), splitHeads(x, 2)])
  const x = [
    [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ],
  ]
  const [same, heads] = await run(x)
  expect(toNested(same)).toEqual(x)
  expect(toNested(heads)).toEqual([
    [
      [
        [1, 2],
        [5, 6],
      ],
      [
        [3, 4],
        [7, 8],
      ],
    ],
  ])
  await run.dispose()
})

test("batch normalisation used twice in one program moves its statistics twice", async () => {
  const [once, twice] = [new BatchNorm2d(1), new BatchNorm2d(1)]
  const x = [1, 3].map((v) => full([2, 1, 1, 2], v))
  const single = compile((a: Tensor) => once.forward(a), { training: true })
  for (const a of x) await single(a)
  const both = compile((a: Tensor, b: Tensor) => [twice.forward(a), twice.forward(b)], { training: true })
  await both(x[0], x[1])
  const [a, b] = [await stateDict(once), await stateDict(twice)]
  for (const name of ["running_mean", "running_var", "num_batches_tracked"]) expect(b.get(name)).toEqual(a.get(name))
  // 0.9 (0.9 * 0 + 0.1 * 1) + 0.1 * 3
  expect(toNumbers(b.get("running_mean")!)[0]).toBeCloseTo(0.39, 6)
  await single.dispose()
  await both.dispose()
})

describe("misfits are refused by name", () => {
  const x = (...shape: number[]): Tensor => placeholder("x", { dtype: "float32", shape })
  test.each<[string, () => unknown, string]>([
    [
      "groups of inputs",
      () => new Conv2d(3, 4, 3, { groups: 2 }),
      "Conv2d: 3 input channels do not divide into 2 groups",
    ],
    ["groups of outputs", () => new Conv1d(4, 3, 3, { groups: 2 }), "Conv1d: 3 output channels do not divide into 2"],
    ["transposed groups", () => new ConvTranspose2d(3, 4, 3, { groups: 2 }), "ConvTranspose2d: 3 input channels do"],
    ["a kernel of another rank", () => new Conv3d(1, 1, [3, 3]), "Conv3d: kernel has 2 sizes, expected 3"],
    ["a kernel of no size", () => new Conv2d(1, 1, 0), "Conv2d: a weight of shape [1, 1, 0, 0] cannot be"],
    ["a map from nothing", () => new Linear(0, 2), "Linear: a weight of shape [2, 0] cannot be"],
    ["a table of part of a row", () => new Embedding(1.5, 2), "Embedding: a weight of shape [1.5, 2] cannot be"],
    ["heads", () => new MultiheadAttention(6, 4), "MultiheadAttention: width 6 does not divide into 4 heads"],
    ["groups of a norm", () => new GroupNorm(4, 6), "GroupNorm: 6 channels do not divide into 4 groups"],
    ["features", () => new Linear(4, 2).forward(x(3, 5)), "linear: input has 5 features, weight expects 4"],
    ["channels", () => new Conv2d(3, 2, 1).forward(x(1, 4, 2, 2)), "conv2d: input has 4 channels, weight expects 3"],
    // Broadcasting would make a result of the weight's shape out of a single channel.
    ["one channel", () => new GroupNorm(1, 4).forward(x(2, 1, 3)), "groupNorm: weight is [4], expected [1]"],
    ["one feature", () => new LayerNorm(4).forward(x(2, 1)), "layerNorm: weight is [4], expected [1]"],
    ["one channel in a batch", () => new BatchNorm2d(4).forward(x(2, 1, 3, 3)), "expected [batch, 4, height, width]"],
    [
      "a batch of one value",
      () => trace(() => new BatchNorm2d(2).forward(x(1, 2, 1, 1)), [], { training: true }),
      "BatchNorm2d: input [1, 2, 1, 1] has one value a channel",
    ],
    [
      "an output padding as large as the stride",
      () => new ConvTranspose2d(1, 1, 3, { stride: 2, outputPadding: 2 }).forward(x(1, 1, 2, 2)),
      "outputPadding is 2, expected a whole number below the stride 2",
    ],
    [
      "a window of padding alone",
      () => maxPool2d(x(1, 1, 4, 4), 2, { padding: 2 }),
      "maxPool2d: padding is 2, expected",
    ],
    ["a window without size", () => avgPool2d(x(1, 1, 4, 4), 0), "avgPool2d: size and stride must be whole numbers"],
    ["an image without channels", () => maxPool2d(x(1, 4, 4)), "maxPool2d: input is [1, 4, 4], expected [batch"],
  ])("%s", (_, misuse, message) => {
    expect(misuse).toThrow(message)
  })
})

test("a layer whose statistics were never moved evaluates as it stands", async () => {
  const layer = new BatchNorm2d(2)
  const run = compile((x: Tensor) => layer.forward(x))
  const y = await run(full([1, 2, 1, 1], 3))
  for (const v of y.data as Float32Array) expect(v).toBeCloseTo(3 / Math.sqrt(1 + 1e-5), 5)
  expect((await stateDict(layer)).get("running_mean")).toEqual(zeros([2]))
  await run.dispose()
})
