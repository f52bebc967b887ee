/** An exported program runs for any batch size and says the same as the program itself. */
import { describe, expect, test } from "vitest"
import { Conv2d, ConvTranspose2d } from "../nn/conv.ts"
import { GroupNorm, Linear, MultiheadAttention, seeded, variables } from "../nn/index.ts"
import { array, fromNumbers, type NdArray, sizeOf, toNumbers } from "./array.ts"
import { compile } from "./compile.ts"
import { arange, filled, oneHot, randomNormal } from "./create.ts"
import { type ExportOptions, exportOnnx } from "./export.ts"
import { silu } from "./fused/activation.ts"
import { loop } from "./fused/loop.ts"
import { avgPool2d, maxPool2d, upsampleConv2d } from "./fused/pool.ts"
import { gradients } from "./grad.ts"
import type { Spec } from "./graph.ts"
import { readModel } from "./onnx/read.ts"
import { argMax, cumSum } from "./ops/along.ts"
import { cos, sin } from "./ops/elementwise.ts"
import { gather, takeAlong } from "./ops/gather.ts"
import { concat, stack } from "./ops/movement.ts"
import { variance } from "./ops/reduce.ts"
import { flip, pad, slice, split } from "./ops/slice.ts"
import { softmax } from "./ops/softmax.ts"
import { Generator } from "./random.ts"
import { LocalRoom } from "./session.ts"
import { batchSize, sizeAt, UsageError } from "./shape.ts"
import { constant, type Tensor, Variable } from "./tensor.ts"

const float = (...shape: number[]): Spec => ({ dtype: "float32", shape })
const int = (...shape: number[]): Spec => ({ dtype: "int32", shape })

/** What a denoiser is made of, small: every kind of block of a U-Net. */
class Denoiser {
  readonly time = new Linear(8, 8)
  readonly stem = new Conv2d(1, 8, 3, { padding: 1 })
  readonly norm = new GroupNorm(2, 8)
  readonly down = new Conv2d(8, 8, 3, { stride: 2, padding: 1 })
  readonly attention = new MultiheadAttention(8, 2)
  readonly up = new Conv2d(8, 8, 3, { padding: 1 })
  readonly wide = new ConvTranspose2d(8, 4, 2, { stride: 2 })
  readonly last = new Conv2d(12, 1, 3, { padding: 1 })

  forward(x: Tensor, t: Tensor): Tensor {
    const [batch, , height, width] = x.shape
    const angles = t
      .cast("float32")
      .reshape([batch, 1])
      .mul(constant([1, 0.1, 0.01, 0.001]))
    const embedded = silu(this.time.forward(concat([sin(angles), cos(angles)], 1)))
    const skip = silu(this.norm.forward(this.stem.forward(x))).add(embedded.reshape([batch, 8, 1, 1]))
    const low = this.down.forward(skip)
    const tokens = low.reshape([batch, 8, -1]).transpose([0, 2, 1])
    const seen = this.attention
      .forward(tokens)
      .transpose([0, 2, 1])
      .reshape([batch, 8, height / 2, width / 2])
    const high = upsampleConv2d(low.add(seen), this.up.weight, this.up.bias)
    return this.last.forward(concat([high.add(skip), this.wide.forward(low)], 1))
  }
}

const denoiser = seeded(1, () => new Denoiser())
const weights = constant(
  fromNumbers(
    "float32",
    [6, 4],
    Array.from({ length: 24 }, (_, i) => Math.sin(i)),
  ),
)

interface Case {
  readonly name: string
  readonly specs: readonly Spec[]
  readonly fn: (...inputs: Tensor[]) => Tensor | readonly Tensor[]
}

const images = [float(batchSize, 1, 8, 8), int(batchSize)]
const cases: readonly Case[] = [
  { name: "a denoiser", specs: images, fn: (x, t) => denoiser.forward(x, t) },
  {
    name: "the gradient of a denoiser by its input and its weights",
    specs: images,
    fn: (x, t) => {
      const energy = denoiser.forward(x, t).square().mean()
      return gradients(energy, [x, ...variables(denoiser).values()])
    },
  },
  {
    name: "pooling",
    specs: [float(batchSize, 2, 7, 8)],
    fn: (x) => [maxPool2d(x.slice([null, null, [1]])), maxPool2d(x, 3, { stride: 2, padding: 1 }), avgPool2d(x, 3)],
  },
  {
    name: "shapes made of the batch size",
    specs: [float(batchSize, 6)],
    fn: (x) => [
      x.reshape([-1]),
      x.reshape([-1, 2, 3]).transpose([1, 0, 2]).reshape([2, -1]),
      x.matmul(weights).flatten(),
      x.reshape([3, -1, 2]).transpose(),
      filled([x.shape[0], 2], 3),
      arange(x.shape[0]),
      constant([[1, 2, 3]])
        .broadcastTo([x.shape[0], 3])
        .add(1),
      x.matmul(x, { transposeB: true }),
      x
        .reshape([1, -1, 6])
        .sub(x.reshape([-1, 1, 6]))
        .square()
        .sum({ axes: 2 }),
    ],
  },
  {
    name: "reductions over the batch",
    specs: [float(batchSize, 6)],
    fn: (x) => [x.sum({ axes: 0 }), x.mean(), x.max({ axes: [0] }), variance(x, { axes: 0, ddof: 1 }), argMax(x, 0)],
  },
  {
    name: "a denoiser in a loop, told the time, with noise from outside",
    specs: [...images, float(3, batchSize, 1, 8, 8)],
    fn: (x, t, noise) => {
      const first = x.mul(2)
      const tables = [constant([0.5, 0.25, 0.125]), constant([2, 1, 0], "int32")]
      const [last, times] = loop([first, t], tables, ([now, at], [rate, k]) => [
        now.sub(denoiser.forward(now, at).mul(rate)).add(gather(noise, k).mul(first)),
        at.add(k),
      ])
      return [last.add(first), first, times, last]
    },
  },
  {
    name: "a loop within a loop, and one that gives what is not its own",
    specs: [float(batchSize, 6)],
    fn: (x) => {
      const rows = constant([1, 2])
      const other = x.neg()
      const [deep] = loop([x], [rows], ([a], [r]) => loop([a], [rows], ([b], [q]) => [b.mul(r).add(q).add(a).add(x)]))
      return [deep, ...loop([x, deep, x], [rows], ([a, , c]) => [other, constant(3).broadcastTo(a.shape), c])]
    },
  },
  {
    name: "the gradient of a mean over the batch",
    specs: [float(batchSize, 6)],
    fn: (x) => gradients(variance(x.matmul(weights), { ddof: 1 }), [x]),
  },
  {
    name: "movement along the batch",
    specs: [float(batchSize, 6)],
    fn: (x) => [
      concat([x, x.neg()]),
      ...split(concat([x, x.neg()]), 2).map((part) => part.exp()),
      x.slice([[0, 1]]),
      x.slice([[-1]]),
      flip(x, [0]),
      stack([x, x], 1),
      stack([x, x], 0),
      slice(x, [null, [1, 5, 2]]),
      pad(x, [
        [0, 0],
        [1, 2],
      ]),
      cumSum(x, 0),
      softmax(x, 0),
    ],
  },
  {
    name: "the gradient of movement along the batch",
    specs: [float(batchSize, 6)],
    fn: (x) => {
      const halves = split(concat([x, x.square()]), 2)
      return gradients(
        halves[0]
          .mul(halves[1].exp())
          .mul(slice(flip(x, [0, 1]), [null, [0, 6, 6]]))
          .sum(),
        [x],
      )
    },
  },
  {
    name: "indices",
    specs: [float(batchSize, 6), int(batchSize)],
    fn: (x, i) => [
      gather(weights, i),
      takeAlong(x, i.reshape([-1, 1]), 1),
      oneHot(i, 6),
      ...gradients(
        gather(weights, i)
          .sum({ axes: 1 })
          .mul(takeAlong(x.square(), i.reshape([-1, 1]), 1).sum())
          .sum(),
        [weights, x],
      ),
    ],
  },
  {
    name: "twice the batch in one axis",
    specs: [float(2 * batchSize, 3), float(batchSize, 3)],
    fn: (x, y) => [concat([x, y]).mul(2), x.reshape([2, -1, 3]).add(y)],
  },
]

function draw(spec: Spec, batch: number): NdArray {
  const shape = spec.shape.map((n) => sizeAt(n, batch))
  const random = new Generator(batch)
  const values = Array.from({ length: sizeOf(shape) }, () =>
    spec.dtype === "int32" ? random.integer(6) : random.normal(),
  )
  return fromNumbers(spec.dtype, shape, values)
}

async function runFile(bytes: Uint8Array, feeds: readonly NdArray[]): Promise<NdArray[]> {
  const { graph } = readModel(bytes)
  const room = new LocalRoom()
  await room.load(0, bytes, { threads: 1 })
  const outputs = await room.run({
    session: 0,
    feeds: Object.fromEntries(graph.inputs.map((v, i) => [v.name, feeds[i]])),
    reads: {},
    writes: {},
    fetches: graph.outputs.map((v) => v.name),
  })
  await room.release(0)
  return outputs!
}

function expectClose(actual: NdArray, expected: NdArray): void {
  expect(actual.shape).toEqual(expected.shape)
  const [a, b] = [toNumbers(actual), toNumbers(expected)]
  const scale = Math.max(1, ...b.filter(Number.isFinite).map(Math.abs))
  for (const [i, v] of b.entries()) {
    if (!Object.is(a[i], v)) expect(Math.abs(a[i] - v)).toBeLessThanOrEqual(1e-5 * scale)
  }
}

describe.each(cases)("$name", ({ fn, specs }) => {
  test("the file gives what the program gives, at batch 1, 2 and 7", async () => {
    const bytes = await exportOnnx(fn, specs)
    const run = compile(fn)
    for (const batch of [1, 2, 7]) {
      const inputs = specs.map((s) => draw(s, batch))
      const found = await run(...inputs)
      const expected = (Array.isArray(found) ? found : [found]) as NdArray[]
      const actual = await runFile(bytes, inputs)
      expect(actual.length).toBe(expected.length)
      for (const [i, y] of expected.entries()) expectClose(actual[i], y)
    }
    await run.dispose()
  })
})

test("inputs, outputs, parameters and metadata are named, and the batch axis is a symbol", async () => {
  const bytes = await exportOnnx((x: Tensor, t: Tensor) => ({ eps: denoiser.forward(x, t) }), images, {
    inputNames: ["xt", "v1"],
    variables: variables(denoiser),
    metadata: { "tweedie.predict": "eps" },
  })
  const { graph, metadata, opsets } = readModel(bytes)
  expect(graph.inputs).toEqual([
    { name: "xt", dtype: "float32", shape: ["batch", 1, 8, 8] },
    { name: "v1", dtype: "int32", shape: ["batch"] },
  ])
  expect(graph.outputs).toEqual([{ name: "y.eps", dtype: "float32", shape: ["batch", 1, 8, 8] }])
  for (const [name, v] of variables(denoiser)) expect(graph.initializers.get(name)).toEqual(v.initial)
  expect([...opsets]).toEqual([["", 18]])
  expect(graph.nodes.every((n) => n.domain === "")).toBe(true)
  expect(metadata.get("tweedie.predict")).toBe("eps")
  const defined = new Set([...graph.inputs.map((v) => v.name), ...graph.initializers.keys()])
  for (const node of graph.nodes) {
    for (const name of node.inputs) expect(name === "" || defined.has(name), name).toBe(true)
    for (const name of node.outputs) {
      expect(defined.has(name)).toBe(false)
      defined.add(name)
    }
  }
})

test("a variable is written with the value it has now, under the first of its names", async () => {
  const w = new Variable([1, 2], { name: "w" })
  const grow = compile(() => {
    w.assign(w.mul(10))
    return w.sum()
  })
  await grow()
  const two = new Map([
    ["first", w],
    ["second", w],
  ])
  const file = await exportOnnx((x: Tensor) => x.add(w), [float(batchSize, 2)], { variables: two })
  const { initializers } = readModel(file).graph
  expect([...initializers]).toEqual([["first", array("float32", [2], Float32Array.of(10, 20))]])
  expect([...readModel(await exportOnnx(() => w.add(1), [])).graph.initializers.keys()]).toEqual(["w"])
  await grow.dispose()
})

test("variables of one name are numbered, and an output may be an input, a variable, or twice the same", async () => {
  const [a, b] = [new Variable([1]), new Variable([2])]
  const file = await exportOnnx(
    (x: Tensor) => {
      const y = x.add(a).add(b)
      return [x, a, y, y]
    },
    [float(batchSize)],
  )
  const { graph } = readModel(file)
  expect([...graph.initializers.keys()]).toEqual(["parameter", "parameter.1"])
  expect(graph.outputs.map((o) => o.name)).toEqual(["y.0", "y.1", "y.2", "y.3"])
  const found = await runFile(file, [array("float32", [3], Float32Array.of(5, 6, 7))])
  expect(found.map((y) => [...toNumbers(y)])).toEqual([[5, 6, 7], [1], [8, 9, 10], [8, 9, 10]])
})

describe("what cannot be said for every batch size is refused", () => {
  const x = float(batchSize, 4)
  const refused: readonly [string, (x: Tensor) => Tensor | readonly Tensor[], RegExp][] = [
    ["a constant made of it", (t) => t.sum().mul(1 / t.shape[0]), /the constant .* depends on the batch size/],
    [
      "an array made of it",
      (t) => t.add(constant(Array.from({ length: 4 }, (_, i) => (i * t.shape[0]) % 9))),
      /depend/,
    ],
    ["a choice by it", (t) => (t.shape[0] % 8 === 7 ? t.exp() : t.log()), /which ops are computed depends/],
    ["a position inside it", (t) => t.slice([[1, 4]]), /slice: position 4 of axis 0 of \[batch, 4\]/],
    ["a size that is no multiple", (t) => t.slice([[1]]), /slice: the result needs the size batch-1/],
    [
      "padding it",
      (t) =>
        pad(t, [
          [1, 0],
          [0, 0],
        ]),
      /pad: the result needs the size batch\+1/,
    ],
    ["two of them in one axis", (t) => t.matmul(t, { transposeB: true }).reshape([-1]), /reshape: cannot work out -1/],
    ["random numbers", (t) => t.add(randomNormal([4])), /draws random numbers/],
  ]
  test.each(refused)("%s", async (_, fn, message) => {
    await expect(exportOnnx(fn, [x])).rejects.toThrow(message)
    await expect(exportOnnx(fn, [x])).rejects.toThrow(UsageError)
  })

  test("assigned variables, and names that repeat or are too few", async () => {
    const w = new Variable([1], { name: "counter" })
    const counts = (t: Tensor): Tensor => {
      w.assign(w.add(1))
      return t.add(w)
    }
    await expect(exportOnnx(counts, [x])).rejects.toThrow("the program assigns counter")
    const plain = (t: Tensor): Tensor => t.add(1)
    const named = (options: ExportOptions): Promise<unknown> => exportOnnx(plain, [x], options)
    await expect(named({ inputNames: ["a"], outputNames: ["a"] })).rejects.toThrow('two values are named "a"')
    await expect(named({ inputNames: ["a", "b"] })).rejects.toThrow("got 2 input names, expected 1")
  })
})
