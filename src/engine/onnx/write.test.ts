import { readFileSync } from "node:fs"
import fc from "fast-check"
import * as ort from "onnxruntime-node"
import { expect, test } from "vitest"
import { array, type Dtype, type NdArray, sizeOf } from "../array.ts"
import type { AttributeValue, OnnxGraph, OnnxModel, OnnxNode, OnnxValue } from "./model.ts"
import { readModel } from "./read.ts"
import { writeModel } from "./write.ts"

const fixture = (name: string): Uint8Array => readFileSync(new URL(`fixtures/${name}`, import.meta.url))

test("a network that PyTorch exported is written back byte for byte, but for PyTorch's version", () => {
  const bytes = Buffer.from(fixture("torch.onnx"))
  // Field 3, producer_version, of six characters: the one thing in the file that a model does not keep.
  const version = bytes.indexOf("1a06322e31352e30", "hex")
  expect(version).toBeGreaterThan(0)
  const rest = Buffer.concat([bytes.subarray(0, version), bytes.subarray(version + 8)])
  expect(Buffer.from(writeModel(readModel(bytes))).equals(rest)).toBe(true)
})

test("a model with every kind of attribute, type and subgraph reads as it was before it was written", () => {
  const model = readModel(fixture("helper.onnx"))
  const bytes = writeModel(model)
  expect(readModel(bytes)).toEqual(model)
  expect(Buffer.from(writeModel(readModel(bytes))).equals(bytes)).toBe(true)
})

const dtypes: readonly Dtype[] = ["float32", "float64", "int32", "int64", "bool"]
const name = fc.oneof(fc.string({ maxLength: 20 }), fc.string({ unit: "grapheme", maxLength: 150 }))
const someName = name.filter((s) => s !== "")
const int = fc.maxSafeInteger()
const float = fc.float()

/** Arrays of up to some thousand elements, so that both small and large runs occur. */
const anyArray: fc.Arbitrary<NdArray> = fc
  .record({
    dtype: fc.constantFrom(...dtypes),
    shape: fc.array(fc.nat(12), { maxLength: 3 }),
    fill: fc.uint8Array({ minLength: 1, maxLength: 64 }),
  })
  .map(({ dtype, shape, fill }) => {
    const size = sizeOf(shape)
    const bytes = Uint8Array.from({ length: 8 * size }, (_, i) => fill[i % fill.length])
    if (dtype === "bool")
      return array(
        dtype,
        shape,
        bytes.slice(0, size).map((b) => b & 1),
      )
    if (dtype === "int64") return array(dtype, shape, new BigInt64Array(bytes.buffer))
    if (dtype === "float64") return array(dtype, shape, new Float64Array(bytes.buffer))
    if (dtype === "int32") return array(dtype, shape, new Int32Array(bytes.buffer, 0, size))
    return array(dtype, shape, new Float32Array(bytes.buffer, 4 * size, size))
  })

const value: fc.Arbitrary<OnnxValue> = fc.record({
  name,
  dtype: fc.constantFrom(...dtypes),
  shape: fc.option(fc.array(fc.oneof(fc.maxSafeNat(), someName), { maxLength: 5 }), { nil: undefined }),
})

const graphAt = (depth: number): fc.Arbitrary<OnnxGraph> => {
  const kinds: fc.Arbitrary<AttributeValue>[] = [
    fc.record({ int }),
    fc.record({ float }),
    fc.record({ string: name }),
    fc.record({ ints: fc.array(int) }),
    fc.record({ floats: fc.array(float) }),
    fc.record({ strings: fc.array(name) }),
    fc.record({ tensor: anyArray }),
  ]
  if (depth > 0) kinds.push(fc.record({ graph: graphAt(depth - 1) }))
  const node: fc.Arbitrary<OnnxNode> = fc.record({
    name,
    type: someName,
    domain: name,
    inputs: fc.array(name, { maxLength: 4 }),
    outputs: fc.array(name, { maxLength: 4 }),
    attributes: fc
      .array(fc.tuple(fc.oneof(someName, fc.constant("__proto__")), fc.oneof(...kinds)), { maxLength: 4 })
      .map((entries) => Object.fromEntries(entries)),
  })
  return fc
    .record({
      name,
      nodes: fc.array(node, { maxLength: 5 }),
      initializers: fc.array(fc.tuple(someName, anyArray), { maxLength: 4 }).map((entries) => new Map(entries)),
      inputs: fc.array(value, { maxLength: 3 }),
      outputs: fc.array(value, { maxLength: 3 }),
      values: fc.array(value, { maxLength: 3 }),
    })
    .map(({ values, ...rest }) => (values.length > 0 ? { ...rest, values } : rest))
}

const anyModel: fc.Arbitrary<OnnxModel> = fc
  .record({
    graph: graphAt(2),
    opsets: fc.array(fc.tuple(name, fc.integer({ min: 1, max: 2 ** 40 })), { maxLength: 3 }).map((e) => new Map(e)),
    irVersion: fc.integer({ min: 1, max: 1000 }),
    producer: name,
    doc: name,
    metadata: fc.array(fc.tuple(name, name), { maxLength: 3 }).map((e) => new Map(e)),
  })
  .map(({ doc, ...rest }) => (doc === "" ? rest : { ...rest, doc }))

test("any model at all reads as it was before it was written", () => {
  fc.assert(
    fc.property(anyModel, (model) => {
      expect(readModel(writeModel(model))).toEqual(model)
    }),
    { numRuns: 300, seed: 11 },
  )
})

test("ONNX Runtime runs a convolution and an addition that we wrote, with the values of arithmetic", async () => {
  const attributes = { kernel_shape: { ints: [2, 2] }, pads: { ints: [0, 0, 1, 1] }, strides: { ints: [1, 1] } }
  const weight = array("float32", [1, 1, 2, 2], Float32Array.of(1, 10, 100, 1000))
  const model: OnnxModel = {
    graph: {
      name: "small",
      nodes: [
        { name: "conv", type: "Conv", domain: "", inputs: ["x", "weight", "bias"], outputs: ["c"], attributes },
        { name: "add", type: "Add", domain: "", inputs: ["c", "step"], outputs: ["y"], attributes: {} },
        { name: "shape", type: "Shape", domain: "", inputs: ["y"], outputs: ["s"], attributes: {} },
        {
          name: "reshape",
          type: "Reshape",
          domain: "",
          inputs: ["step", "shape of step"],
          outputs: ["r"],
          attributes: { allowzero: { int: 0 } },
        },
      ],
      initializers: new Map<string, NdArray>([
        ["weight", weight],
        ["bias", array("float32", [1], Float32Array.of(0.5))],
        ["step", array("float32", [1, 1, 1, 3], Float32Array.of(0, 1e4, 2e4))],
        ["shape of step", array("int64", [2], BigInt64Array.of(3n, -1n))],
      ]),
      inputs: [{ name: "x", dtype: "float32", shape: ["batch", 1, 2, 3] }],
      outputs: [
        { name: "y", dtype: "float32", shape: ["batch", 1, 2, 3] },
        { name: "s", dtype: "int64", shape: [4] },
        { name: "r", dtype: "float32", shape: [3, 1] },
      ],
      values: [{ name: "c", dtype: "float32", shape: ["batch", 1, 2, 3] }],
    },
    opsets: new Map([["", 17]]),
    irVersion: 8,
    producer: "tweedie",
    doc: "A test.",
    metadata: new Map([["key", "value"]]),
  }
  const session = await ort.InferenceSession.create(writeModel(model))
  const x = new ort.Tensor("float32", Float32Array.of(1, 2, 3, 4, 5, 6), [1, 1, 2, 3])
  const { y, s, r } = await session.run({ x })
  // Each output is x00 + 10 x01 + 100 x10 + 1000 x11 of the patch, 0 beyond the edge, and a half, and the step.
  expect([...(y.data as Float32Array)]).toEqual([5421.5, 16532.5, 20603.5, 54.5, 10065.5, 20006.5])
  expect([...(s.data as BigInt64Array)]).toEqual([1n, 1n, 2n, 3n])
  expect(r.dims).toEqual([3, 1])
  await session.release()
})

const modelOf = (node: Partial<OnnxNode>, initializers: OnnxGraph["initializers"] = new Map()): OnnxModel => ({
  graph: {
    name: "g",
    nodes: [{ name: "", type: "Op", domain: "", inputs: [], outputs: [], attributes: {}, ...node }],
    initializers,
    inputs: [],
    outputs: [],
  },
  opsets: new Map(),
  irVersion: 8,
  producer: "",
  metadata: new Map(),
})

test("what a file cannot hold is refused by name", () => {
  const attribute = (value: AttributeValue) => () => writeModel(modelOf({ attributes: { axis: value } }))
  expect(attribute({ int: 1.5 })).toThrow('onnx: attribute "axis" of Op is 1.5, expected an integer within ±(2^53 - 1)')
  expect(attribute({ int: Number.NaN })).toThrow('onnx: attribute "axis" of Op is NaN')
  expect(attribute({ ints: [1, 2 ** 53] })).toThrow('onnx: attribute "axis" of Op is 9007199254740992')
  const short = { dtype: "float32", shape: [2, 2], data: new Float32Array(3) } as const
  expect(() => writeModel(modelOf({}, new Map([["w", short]])))).toThrow(
    'onnx: tensor "w" has 3 values, its shape [2, 2] says 4',
  )
})
