/** The state of modules: names, freezing, tying, and what loading refuses. */
import { expect, test } from "vitest"
import { full, type NdArray, toNested, toNumbers, zeros } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { linear } from "../engine/fused/attention.ts"
import { gradients } from "../engine/grad.ts"
import { constant, type Tensor, Variable } from "../engine/tensor.ts"
import { readSafetensors, writeSafetensors } from "../io/safetensors.ts"
import { Conv2d } from "./conv.ts"
import { seeded } from "./init.ts"
import { Sequential } from "./layers.ts"
import { Embedding, Linear } from "./linear.ts"
import { freeze, loadStateDict, parameterCount, parameters, stateDict, tie, variables } from "./module.ts"
import { BatchNorm2d } from "./norm.ts"

test("variables are named by where they are: properties in snake case, lists by position, maps and children as given", () => {
  const owner = { innerPart: {} as { back?: unknown; lastLayer: Linear } }
  owner.innerPart = { lastLayer: new Linear(1, 1), back: owner }
  const model = {
    ...owner,
    convIn: new Conv2d(1, 2, 3, { bias: false }),
    blocks: [new Linear(2, 2), [new Linear(2, 2, { bias: false })]],
    heads: new Map([["Mixed_5b", new Linear(1, 1, { bias: false })]]),
    net: new Sequential(new Linear(1, 1, { bias: false }), (x) => x, new Linear(1, 1, { bias: false })),
    children: [1, 2, 3],
    noise: constant(1).mul(new Variable([1])),
    table: new Float32Array(3),
    nothing: null,
  }
  expect([...variables(model).keys()]).toEqual([
    "inner_part.last_layer.weight",
    "inner_part.last_layer.bias",
    "conv_in.weight",
    "blocks.0.weight",
    "blocks.0.bias",
    "blocks.1.0.weight",
    "heads.Mixed_5b.weight",
    "net.0.weight",
    "net.2.weight",
  ])
  expect(parameterCount(model.blocks)).toBe(4 + 2 + 4)
})

test("frozen parameters are found by no optimizer; buffers never are; thawing brings back what was frozen", () => {
  const model = { encoder: new Linear(2, 3), decoder: new Linear(3, 2), norm: new BatchNorm2d(2) }
  expect([...parameters(model).keys()]).not.toContain("norm.running_mean")
  // A regular expression with a memory (the flag g) matches every path all the same.
  freeze(model, /^encoder\./g)
  expect([...parameters(model).keys()]).toEqual(["decoder.weight", "decoder.bias", "norm.weight", "norm.bias"])
  expect([...variables(model).keys()]).toHaveLength(9)
  freeze(model)
  expect(parameters(model).size).toBe(0)
  freeze(model, /bias$/, false)
  expect([...parameters(model).keys()]).toEqual(["encoder.bias", "decoder.bias", "norm.bias"])
  expect(model.norm.runningMean.trainable).toBe(false)
})

const language = (): { embedding: Embedding; body: Linear; head: Linear } => ({
  embedding: new Embedding(5, 3),
  body: new Linear(3, 3),
  head: new Linear(3, 5, { bias: false }),
})

test("tied weights are one variable: one gradient, the sum of both uses, one entry in the file", async () => {
  const model = seeded(1, language)
  tie(model, "head.weight", "embedding.weight")
  expect(model.head.weight).toBe(model.embedding.weight)
  expect([...variables(model).keys()]).toEqual(["embedding.weight", "body.weight", "body.bias"])
  const loss = (tokens: Tensor, table: Tensor, output: Tensor): Tensor => {
    const h = model.body.forward(constant([[1, 2, 3]]).add(table.slice([[0, 1]])))
    return linear(h, output).mul(tokens).sum()
  }
  const grads = compile((tokens: Tensor) => {
    const shared = model.embedding.weight
    const [together] = gradients(loss(tokens, shared, shared), [shared])
    const copy = shared.add(0)
    const other = shared.mul(1)
    return { together, apart: gradients(loss(tokens, copy, other), [copy, other]) }
  })
  const { together, apart } = await grads([[1, -1, 2, 0, 3]])
  const [first, second] = apart.map(toNumbers)
  toNumbers(together).forEach((g, i) => {
    expect(g).toBeCloseTo(first[i] + second[i], 5)
  })
  expect(second.some((v) => v !== 0) && first.some((v) => v !== 0)).toBe(true)
  await grads.dispose()

  const bytes = writeSafetensors(await stateDict(model))
  const copy = seeded(2, language)
  tie(copy, "head.weight", "embedding.weight")
  await loadStateDict(copy, readSafetensors(bytes).tensors)
  expect(copy.head.weight.initial).toEqual(model.embedding.weight.initial)

  // PyTorch's own dictionaries hold tied weights twice, other writers under either name.
  const state = await stateDict(model)
  const weight = state.get("embedding.weight")!
  await loadStateDict(copy, new Map([...state, ["head.weight", weight]]))
  const renamed = new Map(state)
  renamed.delete("embedding.weight")
  await loadStateDict(copy, renamed.set("head.weight", weight))
  await expect(loadStateDict(copy, new Map([...state, ["head.weight", full([5, 3], 7)]]))).rejects.toThrow(
    "embedding.weight and head.weight are one variable here, with different values",
  )
  freeze(copy, /^head/)
  expect([...parameters(copy).keys()]).toEqual(["body.weight", "body.bias"])
})

test("tying refuses what is not there, what does not fit, and what has no place to be put", () => {
  expect(() => tie(language(), "head.weigth", "embedding.weight")).toThrow(
    "tie: no variable head.weigth (there are embedding.weight, body.weight, body.bias, head.weight)",
  )
  expect(() => tie(language(), "body.weight", "embedding.weight")).toThrow(
    "tie: body.weight is [3, 3], embedding.weight is [5, 3]",
  )
  const named = { a: new Variable([1]), b: { children: () => [["w", new Variable([2])] as const] } }
  expect(() => tie(named, "b.w", "a")).toThrow("which names its children itself")
  const net = { net: new Sequential(new Linear(2, 2), new Linear(2, 2)) }
  tie(net, "net.1.weight", "net.0.weight")
  expect([...variables(net).keys()]).toEqual(["net.0.weight", "net.0.bias", "net.1.bias"])
})

test("loading names every fault and then writes nothing", async () => {
  const model = seeded(1, language)
  const before = await stateDict(model)
  const state = new Map<string, NdArray>([
    ["embedding.weight", zeros([5, 4])],
    ["body.weight", zeros([3, 3])],
    ["head.weight", zeros([5, 3])],
    ["tail.weight", zeros([1])],
  ])
  await expect(loadStateDict(model, state)).rejects.toThrow(
    "loadStateDict: embedding.weight is [5, 4], expected [5, 3]; body.bias is missing; tail.weight is not part of the model",
  )
  expect(await stateDict(model)).toEqual(before)
  // A shape that differs is a fault even where strangers are not.
  await expect(loadStateDict(model, state, { strict: false })).rejects.toThrow("embedding.weight is [5, 4]")
  state.delete("embedding.weight")
  await loadStateDict(model, state, { strict: false })
  const after = await stateDict(model)
  expect(toNested(after.get("body.weight")!)).toEqual(toNested(zeros([3, 3])))
  expect(after.get("embedding.weight")).toEqual(before.get("embedding.weight"))
  const many = new Map(Array.from({ length: 9 }, (_, i) => [`extra${i}`, zeros([1])] as const))
  await expect(loadStateDict(model, new Map([...before, ...many]))).rejects.toThrow(
    "extra4 is not part of the model; and 4 more",
  )
})

test("PyTorch's count of batches may be missing from a file, or left over in one", async () => {
  const norm = new BatchNorm2d(2)
  const state = await stateDict(norm)
  expect(state.get("num_batches_tracked")!.dtype).toBe("int64")
  state.delete("num_batches_tracked")
  await loadStateDict(norm, state)
  const plain = new Linear(1, 1)
  await loadStateDict(plain, new Map([...(await stateDict(plain)), ["num_batches_tracked", zeros([], "int64")]]))
})

test("values loaded from another float type are converted, and programs already compiled see them", async () => {
  const layer = new Linear(2, 1, { bias: false })
  const run = compile((x: Tensor) => layer.forward(x))
  await run([[1, 1]])
  await loadStateDict(layer, new Map([["weight", full([1, 2], 3, "float64")]]))
  expect(toNested(await run([[1, 1]]))).toEqual([[6]])
  expect((await stateDict(layer)).get("weight")!.dtype).toBe("float32")
  await run.dispose()
})
