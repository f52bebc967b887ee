/** What was exported is read back as the same program; faults of files are named. */
import { describe, expect, test } from "vitest"
import { UNet } from "../diffusion/unet.ts"
import { seeded } from "../nn/init.ts"
import { variables } from "../nn/module.ts"
import { BatchNorm2d } from "../nn/norm.ts"
import { fromNumbers, type NdArray, sizeOf, toNumbers } from "./array.ts"
import { compile } from "./compile.ts"
import { exportOnnx } from "./export.ts"
import { gradients } from "./grad.ts"
import { importOnnx } from "./import.ts"
import type { OnnxGraph, OnnxNode } from "./onnx/model.ts"
import { readModel } from "./onnx/read.ts"
import { writeModel } from "./onnx/write.ts"
import { Generator } from "./random.ts"
import { batchSize, UsageError } from "./shape.ts"
import { read } from "./state.ts"
import { constant, placeholder, type Tensor, Variable } from "./tensor.ts"

const unet = seeded(4, () => new UNet({ size: 8, width: 8, multipliers: [1, 2], headSize: 8, groups: 2 }))
const specs = [
  { dtype: "float32", shape: [batchSize, 1, 8, 8] },
  { dtype: "int32", shape: [batchSize] },
] as const
const forward = (x: Tensor, t: Tensor): Tensor => unet.forward(x, t)

function feeds(batch: number): [NdArray, NdArray] {
  const random = new Generator(batch)
  const shape = [batch, 1, 8, 8]
  return [
    fromNumbers(
      "float32",
      shape,
      Array.from({ length: sizeOf(shape) }, () => random.normal()),
    ),
    fromNumbers(
      "int32",
      [batch],
      Array.from({ length: batch }, () => random.integer(1000)),
    ),
  ]
}

function expectClose(actual: NdArray, expected: NdArray, tolerance: number, what = "value"): void {
  expect(actual.shape, what).toEqual(expected.shape)
  const [a, b] = [toNumbers(actual), toNumbers(expected)]
  const scale = Math.max(1e-3, ...b.map(Math.abs))
  for (const [i, v] of b.entries()) {
    if (!(Math.abs(a[i] - v) <= tolerance * scale)) expect.fail(`${what}: element ${i} is ${a[i]}, expected ${v}`)
  }
}

const exported = (): Promise<Uint8Array> =>
  exportOnnx(forward, specs, {
    inputNames: ["x", "t"],
    outputNames: ["v"],
    variables: variables(unet),
    metadata: { author: "me" },
  })

describe("an exported U-Net", () => {
  test("is read back with its inputs, outputs, parameters and metadata", async () => {
    const program = importOnnx(await exported())
    expect(program.inputs).toEqual({ x: specs[0], t: specs[1] })
    expect(program.outputs).toEqual(["v"])
    expect([...program.metadata]).toEqual([["author", "me"]])
    expect([...program.variables.keys()].sort()).toEqual([...variables(unet).keys()].sort())
    for (const [name, v] of variables(unet)) {
      const found = program.variables.get(name)!
      expect(found.initial).toEqual(v.initial)
      expect([found.name, found.role, found.trainable]).toEqual([name, "parameter", true])
    }
  })

  test("read back gives the values and the gradients of the original, at batch 1 and 3", async () => {
    const program = importOnnx(await exported())
    const names = [...variables(unet).keys()]
    const energy = (y: Tensor): Tensor => y.mul(y.add(1).square()).sum()
    const own = compile((x: Tensor, t: Tensor) => {
      const y = forward(x, t)
      return { y, grads: gradients(energy(y), [x, ...names.map((n) => variables(unet).get(n)!)]) }
    })
    const again = compile((x: Tensor, t: Tensor) => {
      const y = program.call({ x, t })["v"]
      return { y, grads: gradients(energy(y), [x, ...names.map((n) => program.variables.get(n)!)]) }
    })
    for (const batch of [1, 3]) {
      const [expected, actual] = [await own(...feeds(batch)), await again(...feeds(batch))]
      expectClose(actual.y, expected.y, 2e-6)
      const scale = Math.max(...expected.grads.flatMap((g) => [...toNumbers(g)].map(Math.abs)))
      for (const [i, g] of expected.grads.entries()) {
        const [a, b] = [toNumbers(actual.grads[i]), toNumbers(g)]
        expect(actual.grads[i].shape).toEqual(g.shape)
        // Some true gradients are 0 (keys' bias): the bound is that of the largest.
        expect(Math.max(...b.map((v, k) => Math.abs(a[k] - v)))).toBeLessThanOrEqual(2e-6 * scale)
      }
    }
    await own.dispose()
    await again.dispose()
  })

  test("read back is exported again for any batch size, and means the same", async () => {
    const program = importOnnx(await exported())
    const twice = importOnnx(await exportOnnx(program.call, [program.inputs], { variables: program.variables }))
    expect(Object.values(twice.inputs)).toEqual([...specs])
    expect([...twice.variables.keys()].sort()).toEqual([...program.variables.keys()].sort())
    const [x, t] = feeds(2)
    const [one, two] = [compile(program.call), compile(twice.call)]
    const [a, b] = [await one({ x, t }), await two({ "x0.x": x, "x0.t": t })]
    expectClose(b["y.v"], a["v"], 2e-6)
  })

  test("read back can be trained: a step downhill lowers the loss, and the file is not changed by it", async () => {
    const bytes = await exported()
    const program = importOnnx(bytes)
    const parameters = [...program.variables.values()]
    const step = compile((x: Tensor, t: Tensor) => {
      const loss = program.call({ x, t })["v"].sub(x).square().mean()
      for (const [i, g] of gradients(loss, parameters).entries()) parameters[i].assign(parameters[i].sub(g.mul(0.02)))
      return loss
    })
    const losses: number[] = []
    for (let i = 0; i < 5; i++) losses.push(toNumbers(await step(...feeds(4)))[0])
    for (const [i, loss] of losses.slice(1).entries()) expect(loss).toBeLessThan(losses[i])
    expect((await read(parameters))[0]).not.toEqual(unet.convIn.weight.initial)
    expect(importOnnx(bytes).variables.get("conv_in.weight")!.initial).toEqual(unet.convIn.weight.initial)
    await step.dispose()
  })
})

test("buffers are read back as buffers, and scalar parameters as parameters", async () => {
  const norm = new BatchNorm2d(3)
  const scale = new Variable(2, { name: "scale" })
  const named = new Map([...variables(norm), ["scale", scale] as const])
  const fn = (x: Tensor): Tensor => norm.forward(x).mul(scale)
  const file = await exportOnnx(fn, [{ dtype: "float32", shape: [batchSize, 3, 2, 2] }], { variables: named })
  const { variables: found } = importOnnx(file)
  expect(Object.fromEntries([...found].map(([name, v]) => [name, v.trainable]))).toEqual({
    weight: true,
    bias: true,
    running_mean: false,
    running_var: false,
    scale: true,
  })
})

/** A file of one graph; what is left out is empty. */
function file(graph: Partial<OnnxGraph>, opset = 17): Uint8Array {
  return writeModel({
    graph: { name: "g", nodes: [], initializers: new Map(), inputs: [], outputs: [], ...graph },
    opsets: new Map([["", opset]]),
    irVersion: 8,
    producer: "test",
    metadata: new Map(),
  })
}

function node(type: string, inputs: string[], outputs: string[], more: Partial<OnnxNode> = {}): OnnxNode {
  return { name: `the ${type}`, type, domain: "", inputs, outputs, attributes: {}, ...more }
}

const x = { name: "x", dtype: "float32", shape: ["n", 4] } as const
const y = { name: "y", dtype: "float32", shape: ["n", 4] } as const

describe("a file is refused, by node, operator and operator set,", () => {
  const refused: readonly [string, Uint8Array, string][] = [
    [
      "whose operator is not known",
      file({ nodes: [node("NonMaxSuppression", ["x"], ["y"])], inputs: [x], outputs: [y] }),
      'importOnnx: node "the NonMaxSuppression" (NonMaxSuppression, operator set 17): the operator is not known',
    ],
    [
      "whose operator is of a domain that is not known",
      file({ nodes: [node("Gelu", ["x"], ["y"], { domain: "com.microsoft" })], inputs: [x], outputs: [y] }),
      'node "the Gelu" (com.microsoft.Gelu, no operator set): the operator is not known',
    ],
    [
      "whose operator set is too old",
      file({ nodes: [node("Relu", ["x"], ["y"])], inputs: [x], outputs: [y] }, 6),
      'node "the Relu" (Relu, operator set 6): the operator is known in operator sets 7 to 28',
    ],
    [
      "whose operator came later",
      file({ nodes: [node("LayerNormalization", ["x", "x"], ["y"])], inputs: [x], outputs: [y] }, 16),
      "(LayerNormalization, operator set 16): the operator is known in operator sets 17 to 28",
    ],
    [
      "whose nodes are out of order",
      file({ nodes: [node("Relu", ["z"], ["y"]), node("Relu", ["x"], ["z"])], inputs: [x], outputs: [y] }),
      'node "the Relu" (Relu, operator set 17): input "z" is not made by any node before it',
    ],
    [
      "whose value is made twice",
      file({ nodes: [node("Relu", ["x"], ["y"]), node("Exp", ["x"], ["y"])], inputs: [x], outputs: [y] }),
      'node "the Exp" (Exp, operator set 17): output "y" is made twice',
    ],
    ["whose output is made by none", file({ inputs: [x], outputs: [y] }), 'output "y" is not made by any node'],
    [
      "whose sizes beyond the batch are open",
      file({
        nodes: [node("Relu", ["x"], ["y"])],
        inputs: [{ ...x, shape: ["n", "height"] }],
        outputs: [y],
      }),
      'input "x" leaves the size "height" open; give it, as in importOnnx(bytes, { sizes: { "height": 32 } })',
    ],
  ]
  test.each(refused)("%s", (_, bytes, message) => {
    expect(() => importOnnx(bytes)).toThrow(message)
    expect(() => importOnnx(bytes)).toThrow(UsageError)
  })

  const called: readonly [string, OnnxNode, string][] = [
    [
      "whose attribute has a value that is not supported",
      node("Pad", ["x"], ["y"], { attributes: { mode: { string: "mirror" }, pads: { ints: [0, 1, 0, 1] } } }),
      'importOnnx: node "the Pad" (Pad, operator set 10): mode is "mirror", expected constant, reflect, edge or wrap',
    ],
    [
      "whose attribute is not known",
      node("Relu", ["x"], ["y"], { attributes: { slope: { float: 1 } } }),
      'node "the Relu" (Relu, operator set 10): attribute "slope" is not supported',
    ],
    [
      "whose attribute is of another kind",
      node("Softmax", ["x"], ["y"], { attributes: { axis: { float: 1 } } }),
      'node "the Softmax" (Softmax, operator set 10): attribute "axis" is no integer, expected an integer',
    ],
    [
      "whose output is not supported",
      node("Softplus", ["x"], ["y", "more"]),
      'node "the Softplus" (Softplus, operator set 10): output 1 ("more") is not supported',
    ],
    [
      "whose corners meet at no whole size",
      node("Resize", ["x", "scales"], ["y"], {
        attributes: { mode: { string: "linear" }, coordinate_transformation_mode: { string: "align_corners" } },
      }),
      'node "the Resize" (Resize, operator set 10): coordinate_transformation_mode is "align_corners" and the scale 1.25',
    ],
    [
      "whose axes are computed from data",
      node("Slice", ["x", "x", "x"], ["y"]),
      'node "the Slice" (Slice, operator set 10): input 1 ("x") is computed from data, expected a constant or a shape',
    ],
    [
      "whose inputs do not fit",
      node("Reshape", ["x", "shape"], ["y"]),
      'node "the Reshape" (Reshape, operator set 10): reshape: cannot work out -1 in [3, -1] for [2, 4]',
    ],
  ]
  test.each(called)("%s", (_, step, message) => {
    const initializers = new Map<string, NdArray>([
      ["shape", fromNumbers("int64", [2], [3, -1])],
      ["scales", fromNumbers("float32", [2], [1.25, 1])],
    ])
    const { call } = importOnnx(file({ nodes: [step], inputs: [x], outputs: [y], initializers }, 10))
    const stand = { x: placeholder("x", { dtype: "float32", shape: [2, 4] }) }
    expect(() => call(stand)).toThrow(message)
    expect(() => call(stand)).toThrow(/import\.test\.ts/)
  })

  test("and nodes that no output needs are not looked at", () => {
    const nodes = [node("Unheard", ["x"], ["z"]), node("Relu", ["x"], ["y"])]
    expect(importOnnx(file({ nodes, inputs: [x], outputs: [y] })).outputs).toEqual(["y"])
  })
})

describe("a call is refused", () => {
  const two = { name: "t", dtype: "int32", shape: ["n"] } as const
  const nodes = [node("Cast", ["t"], ["f"], { attributes: { to: { int: 1 } } }), node("MatMul", ["f", "x"], ["y"])]
  const { call } = importOnnx(file({ nodes, inputs: [x, two], outputs: [{ ...y, shape: [4] }] }))
  const stand = (dtype: "float32" | "int32", ...shape: number[]): Tensor => placeholder("x", { dtype, shape })
  test.each([
    ["without an input", { x: stand("float32", 2, 4) }, 'call: input "t" is missing'],
    [
      "with an input that is not there",
      { x: stand("float32", 2, 4), t: stand("int32", 2), z: constant(1) },
      'call: there is no input "z"; the file has x, t',
    ],
    [
      "with another dtype",
      { x: stand("int32", 2, 4), t: stand("int32", 2) },
      'call: input "x" is int32 [2, 4], expected float32 [batch, 4]',
    ],
    [
      "with another shape",
      { x: stand("float32", 2, 3), t: stand("int32", 2) },
      'call: input "x" is float32 [2, 3], expected float32 [batch, 4]',
    ],
    [
      "with batches that differ",
      { x: stand("float32", 2, 4), t: stand("int32", 3) },
      'call: input "t" is int32 [3], expected int32 [batch]',
    ],
  ] as [string, Record<string, Tensor>, string][])("%s", (_, feeds, message) => {
    expect(() => call(feeds)).toThrow(message)
  })
})

test("sizes that a file leaves open are given by name", () => {
  const open = { ...x, shape: ["n", "height"] }
  const bytes = file({ nodes: [node("Relu", ["x"], ["y"])], inputs: [open], outputs: [y] })
  expect(importOnnx(bytes, { sizes: { height: 5 } }).inputs).toEqual({ x: { dtype: "float32", shape: [batchSize, 5] } })
})

test("constants of exported files are nodes, so their initializers are the variables alone", async () => {
  const { graph } = readModel(await exported())
  expect([...graph.initializers.keys()].sort()).toEqual([...variables(unet).keys()].sort())
})
