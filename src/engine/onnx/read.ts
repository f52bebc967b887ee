/** Reads ONNX files, which are untrusted: sizes are checked before anything is allocated, and errors name the byte. */
import type { NdArray } from "../array.ts"
import { WireReader } from "../wire/read.ts"
import { elementName, elements } from "./element.ts"
import type { AttributeValue, OnnxGraph, OnnxModel, OnnxNode, OnnxValue } from "./model.ts"
import { itemBytes, readEntry, readTensor } from "./tensor.ts"

/**
 * Reads an ONNX model from the bytes of its file. Fields that are unknown, and documentation below the model's own, are
 * skipped. The domain `ai.onnx` reads as `""`. A size that the file leaves open gets a symbol of its own: the value's
 * name, a dot and the axis. Integers of attributes at the ends of int64, which mean "to the end" (Slice), become
 * ±Number.MAX_SAFE_INTEGER. Element types change as {@link readTensor} says, in values as in tensors.
 *
 * Reading allocates at most four times the file's size and 64 MiB.
 *
 * @throws RangeError `onnx: ...` with the byte where it went wrong: bytes that are no ONNX model, truncated or
 * contradictory files, values kept in other files, local functions, training graphs, sparse tensors, and values that are
 * not tensors of numbers.
 */
export function readModel(bytes: Uint8Array): OnnxModel {
  const r = WireReader.of("onnx", bytes)
  if (bytes.length === 0) r.fail("the file is empty")
  let graph: OnnxGraph | undefined
  let irVersion = 0
  let producer = ""
  let doc = ""
  const opsets = new Map<string, number>()
  const metadata = new Map<string, string>()
  while (r.next()) {
    if (r.field === 1) irVersion = r.int()
    else if (r.field === 2) producer = r.string()
    else if (r.field === 6) doc = r.string()
    else if (r.field === 7) {
      if (graph !== undefined) r.fail("the file has two graphs")
      graph = readGraph(r.message())
    } else if (r.field === 8) {
      r.charge(100)
      const [domain, version] = readOpset(r.message())
      if (opsets.has(domain)) r.fail(`operator set ${JSON.stringify(domain)} is imported twice`)
      opsets.set(domain, version)
    } else if (r.field === 14) {
      r.charge(100)
      const [key, value] = readEntry(r.message())
      if (metadata.has(key)) r.fail(`metadata ${JSON.stringify(key)} is given twice`)
      metadata.set(key, value)
    } else if (r.field === 20) r.fail("the model holds a training graph, expected one for inference only")
    else if (r.field === 25) {
      const name = readFunctionName(r.message())
      r.fail(
        `the model defines a function of its own, ${JSON.stringify(name)}, which is not supported; inline it ` +
          "(in Python: onnx.inliner.inline_local_functions(model))",
      )
    }
  }
  if (graph === undefined || irVersion <= 0) {
    const missing = graph === undefined ? "graph" : "IR version"
    return r.fail(`no ${missing} in the file, expected an ONNX model (a ModelProto)`)
  }
  return { graph, opsets, irVersion, producer, ...(doc === "" ? {} : { doc }), metadata }
}

function domainOf(name: string): string {
  return name === "ai.onnx" ? "" : name
}

function readOpset(r: WireReader): [string, number] {
  let domain = ""
  let version = 0
  while (r.next()) {
    if (r.field === 1) domain = domainOf(r.string())
    else if (r.field === 2) version = r.int()
  }
  if (version <= 0) r.fail(`operator set ${JSON.stringify(domain)} has version ${version}, expected 1 or more`)
  return [domain, version]
}

function readFunctionName(r: WireReader): string {
  let name = ""
  while (r.next()) if (r.field === 1) name = r.string()
  return name
}

function readGraph(r: WireReader): OnnxGraph {
  let name = ""
  const nodes: OnnxNode[] = []
  const initializers = new Map<string, NdArray>()
  const inputs: OnnxValue[] = []
  const outputs: OnnxValue[] = []
  const values: OnnxValue[] = []
  r.charge(800)
  const endpoint = (role: string): OnnxValue => {
    const at = r.position
    const value = readValue(r.message())
    if ("problem" in value) return r.fail(`${role} ${JSON.stringify(value.name)} ${value.problem}`, at)
    return value
  }
  while (r.next()) {
    if (r.field === 1) nodes.push(readNode(r.message()))
    else if (r.field === 2) name = r.string()
    else if (r.field === 5) {
      const at = r.position
      r.charge(100)
      const tensor = readTensor(r.message())
      if (tensor.name === "") r.fail("an initializer has no name", at)
      if (initializers.has(tensor.name)) r.fail(`initializer ${JSON.stringify(tensor.name)} is given twice`, at)
      initializers.set(tensor.name, tensor.array)
    } else if (r.field === 11) inputs.push(endpoint("input"))
    else if (r.field === 12) outputs.push(endpoint("output"))
    else if (r.field === 13) {
      const value = readValue(r.message())
      if (!("problem" in value)) values.push(value)
    } else if (r.field === 15) r.fail("the graph has a sparse initializer, expected dense ones")
  }
  return { name, nodes, initializers, inputs, outputs, ...(values.length > 0 ? { values } : {}) }
}

function readNode(r: WireReader): OnnxNode {
  const start = r.position
  let name = ""
  let type = ""
  let domain = ""
  const inputs: string[] = []
  const outputs: string[] = []
  let attributes: Map<string, AttributeValue> | undefined
  r.charge(400)
  while (r.next()) {
    if (r.field === 1) inputs.push(r.string())
    else if (r.field === 2) outputs.push(r.string())
    else if (r.field === 3) name = r.string()
    else if (r.field === 4) type = r.string()
    else if (r.field === 5) {
      const at = r.position
      r.charge(200)
      const [key, value] = readAttribute(r.message())
      attributes ??= new Map()
      if (attributes.has(key)) r.fail(`node ${JSON.stringify(name)} has attribute ${JSON.stringify(key)} twice`, at)
      attributes.set(key, value)
    } else if (r.field === 7) domain = domainOf(r.string())
  }
  if (type === "") r.fail(`node ${JSON.stringify(name)} names no operator`, start)
  return {
    name,
    type,
    domain,
    inputs,
    outputs,
    // From entries, so that an attribute called "__proto__" is an attribute.
    attributes: attributes === undefined ? {} : Object.fromEntries(attributes),
  }
}

/** Kinds of attribute by AttributeProto's `type`; where a file leaves it out, the one field present tells. */
const kinds = ["", "float", "int", "string", "tensor", "graph", "floats", "ints", "strings"] as const

const largest = 2n ** 63n - 1n
const safe = BigInt(Number.MAX_SAFE_INTEGER)

function readAttribute(r: WireReader): [string, AttributeValue] {
  const start = r.position
  let name = ""
  let type = 0
  let float = 0
  let int = 0
  let string = ""
  let tensor: NdArray | undefined
  let graph: OnnxGraph | undefined
  let floats: number[] | undefined
  let ints: number[] | undefined
  let strings: string[] | undefined
  let present = 0
  const readInt = (): number => {
    const at = r.position
    const value = r.int64()
    if (value >= -safe && value <= safe) return Number(value)
    if (value === largest) return Number.MAX_SAFE_INTEGER
    if (value === -largest - 1n) return -Number.MAX_SAFE_INTEGER
    return r.fail(`attribute ${JSON.stringify(name)} holds ${value}, which is beyond ±(2^53 - 1)`, at)
  }
  while (r.next()) {
    const field = r.field
    if (field === 1) name = r.string()
    else if (field === 20) type = r.int32()
    else if (field === 21) r.fail(`attribute ${JSON.stringify(name)} refers to a function's, but is in no function`)
    else if (field >= 2 && field <= 9) {
      if (field === 2) float = r.float()
      else if (field === 3) int = readInt()
      else if (field === 4) string = r.string()
      else if (field === 5) tensor = readTensor(r.message()).array
      else if (field === 6) graph = readGraph(r.message())
      else if (field === 7) {
        const list = (floats ??= [])
        r.each(5, () => {
          r.charge(itemBytes)
          list.push(r.float())
        })
      } else if (field === 8) {
        const list = (ints ??= [])
        r.each(0, () => {
          r.charge(itemBytes)
          list.push(readInt())
        })
      } else (strings ??= []).push(r.string())
      // The fields of float, int, string, tensor, graph, floats, ints and strings, in the order of `kinds`.
      present = field === 2 ? 1 : field === 3 ? 2 : field - 1
    } else if (field === 10 || field === 11 || field === 14 || field === 15 || field === 22 || field === 23) {
      r.fail(`attribute ${JSON.stringify(name)} holds tensors, graphs or types in a way that is not supported`)
    }
  }
  if (name === "") r.fail("an attribute has no name", start)
  const kind = kinds[type === 0 ? present : type]
  // Values that equal their default may be absent from a file, as lists of nothing are.
  if (kind === "float") return [name, { float }]
  if (kind === "int") return [name, { int }]
  if (kind === "string") return [name, { string }]
  if (kind === "tensor" && tensor !== undefined) return [name, { tensor }]
  if (kind === "graph" && graph !== undefined) return [name, { graph }]
  if (kind === "floats") return [name, { floats: floats ?? [] }]
  if (kind === "ints") return [name, { ints: ints ?? [] }]
  if (kind === "strings") return [name, { strings: strings ?? [] }]
  return r.fail(`attribute ${JSON.stringify(name)} of type ${type} has no value`, start)
}

/** A value that cannot be had here, and why. */
interface Unreadable {
  readonly name: string
  readonly problem: string
}

const containers: Readonly<Record<number, string>> = {
  4: "is a sequence",
  5: "is a map",
  7: "is opaque",
  8: "is a sparse tensor",
  9: "is optional",
}

function readValue(r: WireReader): OnnxValue | Unreadable {
  let name = ""
  let code = 0
  let sizes: (number | string)[] | undefined
  let problem = ""
  r.charge(250)
  while (r.next()) {
    if (r.field === 1) name = r.string()
    else if (r.field === 2) {
      const type = r.message()
      while (type.next()) {
        if (type.field === 1) {
          const tensor = type.message()
          while (tensor.next()) {
            if (tensor.field === 1) code = tensor.int32()
            else if (tensor.field === 2) sizes = readShape(tensor.message())
          }
        } else problem = containers[type.field] ?? problem
      }
    }
  }
  if (problem !== "") return { name, problem: `${problem}, expected a tensor` }
  if (code === 0) return { name, problem: "has no element type, expected one" }
  const element = elements.get(code)
  if (element === undefined)
    return { name, problem: `has elements of ${elementName(code)}, expected floats, integers or bool` }
  const shape = sizes?.map((size, axis) => {
    if (size !== "") return size
    r.charge(2 * itemBytes + name.length)
    return `${name}.${axis}`
  })
  return { name, dtype: element.dtype, shape }
}

/** Reads a TensorShapeProto; an open size is `""`. */
function readShape(r: WireReader): (number | string)[] {
  const sizes: (number | string)[] = []
  while (r.next()) {
    if (r.field !== 1) continue
    const at = r.position
    const dimension = r.message()
    let size: number | string = ""
    r.charge(2 * itemBytes)
    while (dimension.next()) {
      if (dimension.field === 1) size = dimension.int()
      else if (dimension.field === 2) size = dimension.string()
    }
    if (typeof size === "number" && size < 0) r.fail(`a value has the negative size ${size}`, at)
    sizes.push(size)
  }
  return sizes
}
