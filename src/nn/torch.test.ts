/** Layers against PyTorch: outputs, gradients of inputs and parameters, and state files, from fixtures/make.py. */
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { type NdArray, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { evaluate } from "../engine/evaluate.ts"
import { elu, gelu, leakyRelu, mish, silu } from "../engine/fused/activation.ts"
import { avgPool2d, maxPool2d } from "../engine/fused/pool.ts"
import { gradients } from "../engine/grad.ts"
import type { Node } from "../engine/graph.ts"
import { relu, sigmoid, softplus, tanh } from "../engine/ops/elementwise.ts"
import { upsample } from "../engine/ops/resize.ts"
import { constant, type Tensor, type Variable } from "../engine/tensor.ts"
import { trace } from "../engine/trace.ts"
import { readSafetensors, writeSafetensors } from "../io/safetensors.ts"
import { MultiheadAttention } from "./attention.ts"
import { Conv1d, Conv2d, Conv3d, ConvTranspose2d } from "./conv.ts"
import { type Layer, Sequential } from "./layers.ts"
import { Embedding, Linear } from "./linear.ts"
import { loadStateDict, type Module, parameters, stateDict } from "./module.ts"
import { BatchNorm2d, GroupNorm, LayerNorm } from "./norm.ts"

const fixture = (name: string): Uint8Array => readFileSync(new URL(`fixtures/${name}`, import.meta.url))
const { tensors } = readSafetensors(fixture("layers.safetensors"))
const states = JSON.parse(new TextDecoder().decode(fixture("states.json"))) as Record<string, string>
const stateOf = (name: string): Uint8Array => Uint8Array.from(Buffer.from(states[name], "base64"))

/** Arrays of a case by what follows `<name>/<kind>/`, in the order of the names. */
function recorded(name: string, kind: string): Map<string, NdArray> {
  const prefix = `${name}/${kind}/`
  return new Map(
    [...tensors]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), value] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

function expectClose(actual: NdArray, expected: NdArray, tolerance: number, what: string): void {
  expect(actual.shape, `${what}: shape`).toEqual(expected.shape)
  const [a, b] = [toNumbers(actual), toNumbers(expected)]
  const scale = Math.max(1, ...b.map(Math.abs))
  for (let i = 0; i < b.length; i++) {
    if (!(Math.abs(a[i] - b[i]) <= tolerance * scale))
      expect.fail(`${what}: element ${i} is ${a[i]}, expected ${b[i]} within ${tolerance * scale}`)
  }
}

type Results = { y: Tensor; slopes: Tensor[]; grads: Tensor[] }

/** The output of `forward`, and the gradients of sum(output * seed) by inputs and parameters. */
function program(forward: (...inputs: Tensor[]) => Tensor, module: Module): (...inputs: Tensor[]) => Results {
  const wrt = [...parameters(module).values()]
  return (...all) => {
    const [seed, ...inputs] = all
    const y = forward(...inputs)
    const floats = inputs.filter((x) => x.dtype === "float32")
    const found = gradients(y.mul(seed).sum(), [...floats, ...wrt])
    return { y, slopes: found.slice(0, floats.length), grads: found.slice(floats.length) }
  }
}

/** Compares a module with what PyTorch recorded under `name`, by the reference interpreter and by the runtime. */
async function expectTorch(
  name: string,
  forward: (...inputs: Tensor[]) => Tensor,
  module: Module,
  { training = false }: { readonly training?: boolean } = {},
): Promise<void> {
  const inputs = [tensors.get(`${name}/seed`)!, ...recorded(name, "input").values()]
  expect(inputs.length, `${name} is recorded`).toBeGreaterThan(1)
  const expected = [
    ["output", tensors.get(`${name}/output`)!] as const,
    ...recorded(name, "slope"),
    ...[...parameters(module).keys()].map((path) => [path, recorded(name, "grad").get(path)!] as const),
  ]
  expect([...recorded(name, "grad").keys()].sort()).toEqual([...parameters(module).keys()].sort())
  const fn = program(forward, module)

  const { graph } = trace(
    fn,
    inputs.map(({ dtype, shape }) => ({ dtype, shape })),
    { training },
  )
  const given = new Map(graph.inputs.map((v, i) => [v.node, inputs[i]]))
  const leaves = (node: Node): NdArray | undefined =>
    given.get(node) ?? (node.attrs as { variable?: Variable }).variable?.initial
  for (const [i, value] of evaluate(graph.outputs, leaves).entries())
    expectClose(value, expected[i][1], 1e-6, `${name}, reference: ${expected[i][0]}`)

  const run = compile(fn, { training })
  const { y, slopes, grads } = await run(...inputs)
  for (const [i, value] of [y, ...slopes, ...grads].entries())
    expectClose(value, expected[i][1], 5e-6, `${name}, runtime: ${expected[i][0]}`)
  await run.dispose()
}

const layers: Record<string, () => { forward(x: Tensor): Tensor }> = {
  linear: () => new Linear(5, 3),
  "linear, no bias": () => new Linear(5, 3, { bias: false }),
  conv1d: () => new Conv1d(4, 6, 3, { stride: 2, padding: 2, dilation: 2, groups: 2 }),
  conv2d: () => new Conv2d(3, 4, 3, { padding: 1 }),
  "conv2d, stride": () => new Conv2d(4, 6, 3, { stride: 2, padding: 1, dilation: 2, groups: 2 }),
  "conv2d, rectangle": () =>
    new Conv2d(2, 3, [3, 2], { stride: [1, 2], padding: [2, 0], dilation: [2, 1], bias: false }),
  "conv2d, depthwise": () => new Conv2d(3, 6, 3, { padding: 1, groups: 3 }),
  conv3d: () => new Conv3d(2, 4, 2, { stride: 2, padding: 1, groups: 2 }),
  "conv3d, dilation": () => new Conv3d(2, 2, [1, 2, 3], { dilation: 2 }),
  convTranspose2d: () => new ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
  "convTranspose2d, dilation": () => new ConvTranspose2d(2, 3, 2, { stride: 3, dilation: 2, bias: false }),
  groupNorm: () => new GroupNorm(2, 4),
  "groupNorm, eps": () => new GroupNorm(1, 3, { eps: 0.1 }),
  layerNorm: () => new LayerNorm(6),
  "layerNorm, two axes": () => new LayerNorm([3, 4], { eps: 1e-6 }),
  embedding: () => new Embedding(7, 4),
  attention: () => new MultiheadAttention(8, 2),
}

const flatten: Layer = (x) => x.flatten(1)
const network = (): Sequential =>
  new Sequential(
    new Conv2d(1, 4, 3, { padding: 1 }),
    new BatchNorm2d(4),
    relu,
    (x) => maxPool2d(x),
    flatten,
    new Linear(4 * 3 * 3, 5),
    new Sequential(silu, new Linear(5, 2, { bias: false })),
  )

/** Loads PyTorch's bytes into a module and checks that they come back as they were. */
async function loaded<M extends Module>(name: string, module: M): Promise<M> {
  const bytes = stateOf(name)
  await loadStateDict(module, readSafetensors(bytes).tensors)
  expect(Buffer.compare(writeSafetensors(await stateDict(module)), bytes), `${name}: saved as it was loaded`).toBe(0)
  return module
}

describe("PyTorch's state loads under its names, saves byte for byte, and gives PyTorch's outputs and gradients", () => {
  test.each(Object.keys(layers))("%s", async (name) => {
    const layer = await loaded(name, layers[name]())
    await expectTorch(name, (x) => layer.forward(x), layer)
  })

  test("attention, masked", async () => {
    const layer = await loaded("attention, masked", new MultiheadAttention(8, 4))
    const rows = Array.from({ length: 5 }, (_, i) => Array.from({ length: 5 }, (_, j) => j <= i))
    const hidden = rows.map((row) => row.map((may) => (may ? 0 : -1e9)))
    await expectTorch("attention, masked", (x) => layer.forward(x, x, x, { mask: constant(hidden) }), layer)
    await expectTorch("attention, masked", (x) => layer.forward(x, x, x, { mask: constant(rows) }), layer)
  })

  test("attention, crossed", async () => {
    const layer = await loaded("attention, crossed", new MultiheadAttention(4, 2))
    await expectTorch("attention, crossed", (q, k, v) => layer.forward(q, k, v), layer)
  })

  test("batch normalisation in training; its statistics after four steps; and evaluation with them", async () => {
    const layer = await loaded("batchNorm2d", new BatchNorm2d(3, { momentum: 0.2 }))
    await expectTorch("batchNorm2d", (x) => layer.forward(x), layer, { training: true })
    const step = compile((x: Tensor) => layer.forward(x), { training: true })
    for (const x of recorded("batchNorm2d", "step").values()) await step(x)
    await step.dispose()
    const trained = readSafetensors(stateOf("batchNorm2d, trained")).tensors
    const state = await stateDict(layer)
    expect(state.get("num_batches_tracked")).toEqual(trained.get("num_batches_tracked"))
    for (const name of ["running_mean", "running_var"]) expectClose(state.get(name)!, trained.get(name)!, 1e-6, name)
    await expectTorch("batchNorm2d, trained", (x) => layer.forward(x), await loaded("batchNorm2d, trained", layer))
  })

  test("a network of layers in sequence, in training", async () => {
    const net = await loaded("sequential", network())
    await expectTorch("sequential", (x) => net.forward(x), net, { training: true })
  })
})

describe("functions without parameters give PyTorch's values and gradients", () => {
  const functions: Record<string, (x: Tensor) => Tensor> = {
    relu,
    sigmoid,
    softplus,
    tanh,
    silu,
    gelu,
    "gelu, approximate": (x) => gelu(x, { approximate: true }),
    leakyRelu: (x) => leakyRelu(x, 0.2),
    elu: (x) => elu(x, 1.3),
    mish,
    maxPool2d: (x) => maxPool2d(x),
    "maxPool2d, leftover": (x) => maxPool2d(x, 2),
    "maxPool2d, padded": (x) => maxPool2d(x, 3, { stride: 2, padding: 1 }),
    avgPool2d: (x) => avgPool2d(x),
    "avgPool2d, padded": (x) => avgPool2d(x, 3, { stride: 2, padding: 1 }),
    upsample: (x) => upsample(x, 2),
  }
  test.each(Object.keys(functions))("%s", async (name) => {
    await expectTorch(name, functions[name], {})
  })
})
