import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { type NdArray, toNumbers } from "../array.ts"
import { Generator } from "../random.ts"
import { WireWriter } from "../wire/write.ts"
import { brainBits, halfBits } from "./element.ts"
import type { OnnxModel } from "./model.ts"
import { readModel } from "./read.ts"

const fixture = (name: string): Uint8Array => readFileSync(new URL(`fixtures/${name}`, import.meta.url))

test("every tensor encoding that Python's onnx writes reads as the values numpy sees", () => {
  const expected = JSON.parse(Buffer.from(fixture("helper.json")).toString()) as Record<
    string,
    { shape: number[]; float64?: string[]; integers?: string[] }
  >
  const { initializers } = readModel(fixture("helper.onnx")).graph
  expect([...initializers.keys()]).toEqual(Object.keys(expected))
  expect(initializers.size).toBe(28)
  for (const [name, want] of Object.entries(expected)) {
    const got = initializers.get(name) as NdArray
    expect(got.shape).toEqual(want.shape)
    if (want.float64 !== undefined) {
      expect(got.dtype, name).toBe(name.startsWith("double") ? "float64" : "float32")
      const bits = new BigUint64Array(toNumbers(got).buffer)
      expect(
        Array.from(bits, (b) => b.toString(16).padStart(16, "0")),
        name,
      ).toEqual(want.float64)
    } else {
      const dtype = /^bool/.test(name) ? "bool" : /^(int64|uint32|uint64)/.test(name) ? "int64" : "int32"
      expect(got.dtype, name).toBe(dtype)
      expect(Array.from(got.data as BigInt64Array, String), name).toEqual(want.integers)
    }
  }
})

test("nodes, attributes, subgraphs, values and metadata of a file by Python's onnx read as they were given", () => {
  const { graph, ...rest } = readModel(fixture("helper.onnx"))
  expect(rest).toEqual({
    opsets: new Map([
      ["", 9],
      ["org.example", 1],
    ]),
    irVersion: 10,
    producer: "helper",
    doc: "All that can be read.",
    metadata: new Map([
      ["author", "make.py"],
      ["size", "small"],
    ]),
  })
  const branch = (name: string, value: number): unknown => ({
    name: `${name}.branch`,
    nodes: [
      {
        name: "",
        type: "Constant",
        domain: "",
        inputs: [],
        outputs: [name],
        attributes: { value: { tensor: { dtype: "float32", shape: [1], data: Float32Array.of(value) } } },
      },
    ],
    initializers: new Map(),
    inputs: [],
    outputs: [{ name, dtype: "float32", shape: [1] }],
  })
  expect({ ...graph, initializers: undefined }).toEqual({
    name: "everything",
    initializers: undefined,
    nodes: [
      {
        name: "slice",
        type: "Slice",
        domain: "",
        inputs: ["x"],
        outputs: ["part"],
        attributes: { axes: { ints: [1] }, starts: { ints: [0] }, ends: { ints: [Number.MAX_SAFE_INTEGER] } },
      },
      {
        name: "",
        type: "If",
        domain: "",
        inputs: ["bool.scalar"],
        outputs: ["chosen"],
        attributes: { then_branch: { graph: branch("yes", 1) }, else_branch: { graph: branch("no", -1) } },
      },
      {
        name: "clip",
        type: "Clip",
        domain: "",
        inputs: ["part", "", "scalar"],
        outputs: ["clipped"],
        attributes: {},
      },
      {
        name: "mine",
        type: "Mine",
        domain: "org.example",
        inputs: ["clipped", "chosen"],
        outputs: ["y"],
        attributes: {
          alpha: { float: 0.25 },
          axis: { int: -1 },
          mode: { string: "ja, naïvely ☃" },
          scales: { floats: [1, 2.5] },
          keys: { strings: ["a", "b"] },
          low: { ints: [-Number.MAX_SAFE_INTEGER] },
        },
      },
    ],
    inputs: [
      { name: "x", dtype: "float32", shape: ["batch", 3, "x.2"] },
      { name: "bool.scalar", dtype: "bool", shape: [] },
      { name: "scalar", dtype: "float32", shape: [] },
    ],
    outputs: [{ name: "y", dtype: "float32", shape: undefined }],
    // A value that is a sequence is left out: nothing needs it.
    values: [{ name: "clipped", dtype: "int32", shape: ["batch", 0] }],
  })
})

test("a network exported by PyTorch reads, its weights under their own names", () => {
  const { graph, producer, opsets } = readModel(fixture("torch.onnx"))
  expect(producer).toBe("pytorch")
  expect(opsets.get("")).toBe(17)
  expect(graph.nodes.map((n) => n.type).filter((t) => t !== "Constant")).toEqual([
    "Conv",
    "Relu",
    "Slice",
    "Flatten",
    "Gemm",
  ])
  expect([...graph.initializers].map(([name, a]) => [name, a.dtype, a.shape])).toEqual([
    ["conv.weight", "float32", [2, 1, 3, 3]],
    ["conv.bias", "float32", [2]],
    ["linear.weight", "float32", [3, 24]],
    ["linear.bias", "float32", [3]],
  ])
  expect(graph.initializers.get("conv.weight")?.data[1]).toBeCloseTo(0.17881453, 7)
  expect(graph.inputs).toEqual([{ name: "x", dtype: "float32", shape: ["n", 1, 6, 6] }])
  // PyTorch slices "to the end" by a constant tensor, which keeps all of int64.
  const constants = graph.nodes.flatMap((n) => ("tensor" in (n.attributes.value ?? {}) ? [n.attributes.value] : []))
  expect(constants).toContainEqual({
    tensor: { dtype: "int64", shape: [1], data: BigInt64Array.of(2n ** 63n - 1n) },
  })
})

/** Value of 16 bits of a float of `exponentBits` and `fractionBits`, by the definition of IEEE 754. */
function floatOf(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >>> fractionBits) & (2 ** exponentBits - 1)
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits
  const bias = 2 ** (exponentBits - 1) - 1
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias)
}

test("all 65536 float16 and bfloat16 numbers become exactly the float32 that IEEE 754 says", () => {
  const bits = new Int32Array(1)
  const float = new Float32Array(bits.buffer)
  const wrong: number[] = []
  for (let i = 0; i < 65536; i++) {
    bits[0] = halfBits(i)
    if (!Object.is(float[0], floatOf(i, 5, 10))) wrong.push(i)
    bits[0] = brainBits(i)
    if (!Object.is(float[0], floatOf(i, 8, 7))) wrong.push(i)
  }
  expect(wrong).toEqual([])
})

type Body = (w: WireWriter) => void

/** A file with the given fields of its graph, and of the model. */
function file(graph: Body, model: Body = () => {}): Uint8Array {
  const w = new WireWriter()
  w.int(1, 8)
  w.message(7, () => graph(w))
  model(w)
  return w.finish()
}

const read =
  (graph: Body, model?: Body): (() => OnnxModel) =>
  () =>
    readModel(file(graph, model))

/** An initializer `w`; `fields` are those of its values. */
const tensor =
  (code: number, dims: readonly (number | bigint)[], fields: Body = () => {}): Body =>
  (w) =>
    w.message(5, () => {
      for (const n of dims) w.int(1, n)
      w.int(2, code)
      w.string(8, "w")
      fields(w)
    })

/** A node `Op` with one attribute `a`; `fields` are those of its value. */
const attribute =
  (fields: Body): Body =>
  (w) =>
    w.message(1, () => {
      w.string(4, "Op")
      w.message(5, () => {
        w.string(1, "a")
        fields(w)
      })
    })

const packed =
  (field: number, bytes: readonly number[]): Body =>
  (w) =>
    w.bytes(field, Uint8Array.from(bytes))
const input =
  (type: Body): Body =>
  (w) =>
    w.message(11, () => {
      w.string(1, "x")
      w.message(2, () => type(w))
    })

test("packed, unpacked and mixed repeated fields read alike", () => {
  const dims: Body = (w) =>
    w.message(5, () => {
      packed(1, [2, 2])(w)
      packed(7, [1, 2])(w)
      w.int(2, 7)
      w.int(7, -1)
      w.int(7, 4)
      w.string(8, "w")
    })
  expect(read(dims)().graph.initializers.get("w")).toEqual({
    dtype: "int64",
    shape: [2, 2],
    data: BigInt64Array.of(1n, 2n, -1n, 4n),
  })
  const mixed: Body = (w) => {
    packed(8, [3, 4])(w)
    w.int(8, -5)
  }
  const ints = read(attribute(mixed))()
  expect(ints.graph.nodes[0].attributes).toEqual({ a: { ints: [3, 4, -5] } })
  const floats = read(attribute(packed(7, [0, 0, 128, 63, 0, 0, 0, 192])))()
  expect(floats.graph.nodes[0].attributes).toEqual({ a: { floats: [1, -2] } })
})

test("unknown fields are skipped, ai.onnx is the empty domain, and an attribute's default may be absent", () => {
  const model = readModel(
    file(
      (w) => {
        w.int(99, 1)
        w.double(98, 1)
        w.message(1, () => {
          w.string(4, "Op")
          w.string(7, "ai.onnx")
          for (const [name, type] of [
            ["__proto__", 2],
            ["b", 1],
            ["c", 3],
            ["d", 7],
          ] as const) {
            w.message(5, () => {
              w.string(1, name)
              w.int(20, type)
            })
          }
          w.float(97, 1)
        })
      },
      (w) => {
        w.message(96, () => w.string(1, "later"))
        w.message(8, () => {
          w.string(1, "ai.onnx")
          w.int(2, 13)
        })
      },
    ),
  )
  expect(model.opsets).toEqual(new Map([["", 13]]))
  const { domain, attributes } = model.graph.nodes[0]
  expect(domain).toBe("")
  expect(Object.entries(attributes)).toEqual([
    ["__proto__", { int: 0 }],
    ["b", { float: 0 }],
    ["c", { string: "" }],
    ["d", { ints: [] }],
  ])
})

test("an initializer may be listed among the inputs as well", () => {
  const { graph } = read((w) => {
    tensor(1, [1], (v) => v.float(4, 3))(w)
    input((v) => v.message(1, () => v.int(1, 1)))(w)
    w.message(11, () => {
      w.string(1, "w")
      w.message(2, () => w.message(1, () => w.int(1, 1)))
    })
  })()
  expect(graph.inputs.map((i) => i.name)).toEqual(["x", "w"])
  expect([...graph.initializers.keys()]).toEqual(["w"])
})

test("attribute integers at the ends of int64 are clamped, others beyond 2^53 are refused", () => {
  const int = (v: bigint) => read(attribute((w) => w.int(3, v)))
  expect(int(2n ** 63n - 1n)().graph.nodes[0].attributes).toEqual({ a: { int: Number.MAX_SAFE_INTEGER } })
  expect(int(-(2n ** 63n))().graph.nodes[0].attributes).toEqual({ a: { int: -Number.MAX_SAFE_INTEGER } })
  expect(int(2n ** 53n - 1n)().graph.nodes[0].attributes).toEqual({ a: { int: 2 ** 53 - 1 } })
  expect(int(2n ** 53n)).toThrow(
    /^onnx: attribute "a" holds 9007199254740992, which is beyond .* \(at byte \d+ of \d+\)$/,
  )
  expect(int(-(2n ** 62n))).toThrow("onnx: attribute")
})

test("tensors whose sizes and values disagree are refused before anything is allocated", () => {
  expect(read(tensor(1, [2 ** 40], packed(9, [0, 0, 0, 0])))).toThrow(
    'onnx: tensor "w" has 1 values of float, its dims [1099511627776] say 1099511627776 (is the file truncated?)',
  )
  expect(read(tensor(1, [2n ** 52n, 2n ** 52n]))).toThrow("onnx: tensor")
  expect(read(tensor(7, [2n ** 32n, 2n ** 32n]))).toThrow("onnx: tensor")
  expect(read(tensor(1, [2n ** 60n]))).toThrow("onnx: field 1 is beyond ±(2^53 - 1)")
  expect(read(tensor(1, [-1], packed(9, [0, 0, 0, 0])))).toThrow("has a negative size (dims [-1])")
  expect(read(tensor(1, [0, -1]))).toThrow("has a negative size")
  expect(read(tensor(1, [2], packed(9, [0, 0, 0, 0, 0])))).toThrow("has 1.25 values of float, its dims [2] say 2")
  expect(read(tensor(1, [1], packed(9, new Array(8).fill(0))))).toThrow("has 2 values of float, its dims [1] say 1")
  expect(read(tensor(6, [3], packed(5, [1, 2])))).toThrow("has 2 values of int32, its dims [3] say 3")
  expect(read(tensor(6, [2], packed(5, [1, 128])))).toThrow("has 1 values of int32")
  expect(read(tensor(6, [1], packed(5, [1, 128])))).toThrow("truncated: a number does not end")
  expect(read(tensor(1, [1], packed(7, [1])))).toThrow('onnx: tensor "w" is float but has its values in int64_data')
  expect(
    read(
      tensor(1, [1], (w) => {
        w.float(4, 1)
        w.bytes(9, new Uint8Array(4))
      }),
    ),
  ).toThrow("has its values twice")
  expect(read(tensor(2, [1], packed(5, [128, 2])))).toThrow("holds 256, uint8 is from 0 to 255 in int32_data")
  expect(read(tensor(12, [1], (w) => w.int(11, 2n ** 32n)))).toThrow("holds 4294967296, which is no uint32")
  expect(read(tensor(13, [1], (w) => w.int(11, -1)))).toThrow("holds 18446744073709551615, the largest uint64")
  expect(read(tensor(13, [1], packed(9, new Array(8).fill(255))))).toThrow("holds 18446744073709551615")
  // A scalar without a value is as wrong as any other; nothing at all is right for no values.
  expect(read(tensor(1, []))).toThrow("has 0 values of float, its dims [] say 1")
  expect(read(tensor(1, [2 ** 52, 2 ** 52, 0]))().graph.initializers.get("w")?.data).toEqual(new Float32Array(0))
})

test("what is not supported is refused by name, with the cure where there is one", () => {
  expect(
    read(
      tensor(1, [4], (w) => {
        for (const [key, value] of [
          ["location", "weights.bin"],
          ["offset", "0"],
        ]) {
          w.message(13, () => {
            w.string(1, key)
            w.string(2, value)
          })
        }
        w.int(14, 1)
      }),
    ),
  ).toThrow(/^onnx: tensor "w" keeps its values in another file, "weights.bin"; save the model as one file .*onnx.save/)
  expect(read(tensor(8, [1], (w) => w.string(6, "text")))).toThrow('onnx: tensor "w" has elements of string')
  expect(read(tensor(17, [1], packed(9, [0])))).toThrow("has elements of float8e4m3fn")
  expect(read(tensor(22, [2], packed(9, [0])))).toThrow("has elements of int4")
  expect(read(tensor(0, [0]))).toThrow("has elements of no type")
  expect(read(tensor(1, [1], (w) => w.message(3, () => w.int(1, 0))))).toThrow("is one segment of a tensor")
  expect(
    read(
      () => {},
      (w) => w.message(25, () => w.string(1, "Gelu")),
    ),
  ).toThrow(/^onnx: the model defines a function of its own, "Gelu", .*inline_local_functions/)
  expect(
    read(
      () => {},
      (w) => w.message(20, () => {}),
    ),
  ).toThrow("onnx: the model holds a training graph")
  expect(read((w) => w.message(15, () => {}))).toThrow("onnx: the graph has a sparse initializer")
  expect(read(attribute((w) => w.message(22, () => {})))).toThrow('onnx: attribute "a" holds tensors, graphs or types')
  expect(read(attribute((w) => w.string(21, "b")))).toThrow("refers to a function's")
  expect(read(input((w) => w.message(4, () => {})))).toThrow('onnx: input "x" is a sequence, expected a tensor')
  expect(read(input((w) => w.message(1, () => w.int(1, 8))))).toThrow('onnx: input "x" has elements of string')
  expect(read(input(() => {}))).toThrow('onnx: input "x" has no element type')
})

test("files that contradict themselves are refused", () => {
  const scalar = tensor(1, [], (w) => w.float(4, 1))
  expect(
    read((w) => {
      scalar(w)
      scalar(w)
    }),
  ).toThrow('onnx: initializer "w" is given twice')
  expect(read((w) => w.message(5, () => [w.int(2, 1), w.float(4, 1)]))).toThrow("onnx: an initializer has no name")
  expect(read((w) => w.message(1, () => w.string(3, "n")))).toThrow('onnx: node "n" names no operator')
  expect(read(attribute(() => {}))).toThrow('onnx: attribute "a" of type 0 has no value')
  expect(read(attribute((w) => w.int(20, 4)))).toThrow('onnx: attribute "a" of type 4 has no value')
  expect(read(attribute((w) => w.int(20, 77)))).toThrow('onnx: attribute "a" of type 77 has no value')
  expect(
    read((w) =>
      w.message(1, () => {
        w.string(4, "Op")
        for (let i = 0; i < 2; i++) w.message(5, () => [w.string(1, "a"), w.int(3, i)])
      }),
    ),
  ).toThrow('has attribute "a" twice')
  expect(
    read(
      () => {},
      (w) => w.message(7, () => {}),
    ),
  ).toThrow("onnx: the file has two graphs")
  expect(
    read(
      () => {},
      (w) => w.message(8, () => w.int(2, 0)),
    ),
  ).toThrow('onnx: operator set "" has version 0')
  expect(
    read(input((w) => w.message(1, () => [w.int(1, 1), w.message(2, () => w.message(1, () => w.int(1, -1)))]))),
  ).toThrow("onnx: a value has the negative size -1")
  expect(() => readModel(new Uint8Array(0))).toThrow("onnx: the file is empty")
  expect(() => readModel(Uint8Array.of(8, 8))).toThrow("onnx: no graph in the file, expected an ONNX model")
  expect(() => readModel(file(() => {}).subarray(2))).toThrow("onnx: no IR version in the file")
  expect(() => readModel(Buffer.from("<!doctype html><html><body>Not found</body></html>"))).toThrow(/^onnx: /)
})

test("graphs nested beyond protobuf's own depth are refused, not overflowed", () => {
  const nest =
    (depth: number): Body =>
    (w) => {
      if (depth > 0) attribute((v) => v.message(6, () => nest(depth - 1)(v)))(w)
    }
  expect(read(nest(32))().graph.nodes).toHaveLength(1)
  expect(read(nest(40))).toThrow("onnx: messages nest deeper than 100")
  expect(read(nest(300))).toThrow("onnx: messages nest deeper than 100")
})

/** Bytes held by buffers and by the heap. */
function held(): number {
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
}

test("a file cannot be made to fill far more memory than its size", () => {
  const size = 20 << 20
  const ones = Buffer.alloc(size, 1)
  const empties = Buffer.alloc(size, Buffer.from("0a00", "hex"))
  const nodes = Buffer.alloc(size, Buffer.from("0a0322014f", "hex"))
  const bombs: Body[] = [
    (w) => w.bytes(1, empties),
    attribute((w) => w.bytes(8, ones)),
    attribute((w) => w.bytes(6, nodes)),
    input((w) => w.message(1, () => [w.int(1, 1), w.bytes(2, empties)])),
    tensor(7, [size], (w) => w.bytes(7, ones)),
    tensor(1, [], (w) => [w.bytes(1, ones), w.float(4, 1)]),
  ]
  for (const bomb of bombs) {
    const bytes = file(bomb)
    const before = held()
    const start = performance.now()
    expect(() => readModel(bytes)).toThrow(/^onnx: reading the file takes far more memory than its size warrants \(at/)
    expect(held() - before).toBeLessThan(4 * bytes.length + 2 ** 26)
    expect(performance.now() - start).toBeLessThan(5000)
  }
})

test("truncated and damaged files are read or refused with a byte, quickly and in little memory", () => {
  const bases = [fixture("helper.onnx"), fixture("torch.onnx")].map((b) => Uint8Array.from(b))
  const random = new Generator(7)
  let parsed = 0
  let refused = 0
  let slowest = 0
  const attempt = (bytes: Uint8Array): void => {
    const before = process.memoryUsage().arrayBuffers
    const start = performance.now()
    try {
      readModel(bytes)
      parsed++
    } catch (error) {
      refused++
      const { message } = error as Error
      if (!/^onnx: [\s\S]*\(at byte \d+ of \d+\)$/.test(message)) throw error
    }
    slowest = Math.max(slowest, performance.now() - start)
    const taken = process.memoryUsage().arrayBuffers - before
    if (taken > 4 * bytes.length + 2 ** 26) throw new Error(`took ${taken} bytes`)
  }
  for (const base of bases) {
    for (let n = 0; n < base.length; n++) attempt(base.slice(0, n))
    for (let i = 0; i < 2500; i++) {
      const bytes = base.slice()
      const flips = 1 + random.integer(3)
      for (let f = 0; f < flips; f++) bytes[random.integer(bytes.length)] ^= 1 << random.integer(8)
      attempt(bytes)
    }
    for (let i = 0; i < 1500; i++) {
      // Bytes that lengths and numbers are made of, put or inserted anywhere.
      const at = random.integer(base.length)
      const many = [0x80, 0xff, 0x7f, 0x00, 0x01][random.integer(5)]
      const run = new Uint8Array(1 + random.integer(10)).fill(many)
      const rest = base.subarray(random.integer(2) === 0 ? at : Math.min(base.length, at + run.length))
      attempt(Uint8Array.from([...base.subarray(0, at), ...run, ...rest]))
    }
  }
  expect(slowest).toBeLessThan(1000)
  expect(parsed).toBeGreaterThan(500)
  expect(refused).toBeGreaterThan(4000)
})
