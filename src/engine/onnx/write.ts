/** Writes ONNX files. */
import type { NdArray } from "../array.ts"
import { WireWriter } from "../wire/write.ts"
import { codeOf } from "./element.ts"
import type { AttributeValue, OnnxGraph, OnnxModel, OnnxNode, OnnxValue } from "./model.ts"

/**
 * The bytes of a model's file. Tensors are written as `raw_data`, fields in the order of their numbers, as PyTorch
 * writes them.
 *
 * @throws RangeError `onnx: ...` for an integer attribute that is no integer within ±(2^53 - 1), for an array whose data
 * does not fill its shape, and for files beyond 2 GiB.
 */
export function writeModel(model: OnnxModel): Uint8Array<ArrayBuffer> {
  const w = new WireWriter()
  w.int(1, integer(model.irVersion, "the IR version"))
  text(w, 2, model.producer)
  if (model.doc !== undefined) text(w, 6, model.doc)
  w.message(7, () => writeGraph(w, model.graph))
  for (const [domain, version] of model.opsets) {
    w.message(8, () => {
      text(w, 1, domain)
      w.int(2, integer(version, `operator set ${JSON.stringify(domain)}`))
    })
  }
  for (const [key, value] of model.metadata) {
    w.message(14, () => {
      w.string(1, key)
      w.string(2, value)
    })
  }
  if (w.length > 0x7fffffff)
    throw new RangeError(
      `onnx: the file would have ${w.length} bytes, at most ${0x7fffffff} are possible (make weights inputs)`,
    )
  return w.finish()
}

/** A string field that is left out when it is empty. */
function text(w: WireWriter, field: number, value: string): void {
  if (value !== "") w.string(field, value)
}

function integer(value: number, where: string): number {
  if (!Number.isSafeInteger(value))
    throw new RangeError(`onnx: ${where} is ${value}, expected an integer within ±(2^53 - 1)`)
  return value
}

function writeGraph(w: WireWriter, graph: OnnxGraph): void {
  for (const node of graph.nodes) w.message(1, () => writeNode(w, node))
  text(w, 2, graph.name)
  for (const [name, array] of graph.initializers) w.message(5, () => writeTensor(w, array, name))
  for (const value of graph.inputs) w.message(11, () => writeValue(w, value))
  for (const value of graph.outputs) w.message(12, () => writeValue(w, value))
  for (const value of graph.values ?? []) w.message(13, () => writeValue(w, value))
}

function writeNode(w: WireWriter, node: OnnxNode): void {
  for (const name of node.inputs) w.string(1, name)
  for (const name of node.outputs) w.string(2, name)
  text(w, 3, node.name)
  w.string(4, node.type)
  for (const name of Object.keys(node.attributes)) {
    w.message(5, () => {
      w.string(1, name)
      writeAttribute(w, node.attributes[name], `attribute ${JSON.stringify(name)} of ${node.type}`)
    })
  }
  text(w, 7, node.domain)
}

function writeAttribute(w: WireWriter, value: AttributeValue, where: string): void {
  let type: number
  if ("float" in value) {
    w.float(2, value.float)
    type = 1
  } else if ("int" in value) {
    w.int(3, integer(value.int, where))
    type = 2
  } else if ("string" in value) {
    w.string(4, value.string)
    type = 3
  } else if ("tensor" in value) {
    w.message(5, () => writeTensor(w, value.tensor, ""))
    type = 4
  } else if ("graph" in value) {
    w.message(6, () => writeGraph(w, value.graph))
    type = 5
  } else if ("floats" in value) {
    for (const x of value.floats) w.float(7, x)
    type = 6
  } else if ("ints" in value) {
    for (const x of value.ints) w.int(8, integer(x, where))
    type = 7
  } else {
    for (const x of value.strings) w.string(9, x)
    type = 8
  }
  w.int(20, type)
}

function writeTensor(w: WireWriter, array: NdArray, name: string): void {
  let size = 1
  for (const n of array.shape) {
    w.int(1, integer(n, `a size of tensor ${JSON.stringify(name)}`))
    size *= n
  }
  const { data } = array
  if (size !== data.length) {
    throw new RangeError(
      `onnx: tensor ${JSON.stringify(name)} has ${data.length} values, its shape [${array.shape.join(", ")}] says ${size}`,
    )
  }
  w.int(2, codeOf[array.dtype])
  text(w, 8, name)
  // As in memory: ONNX is little-endian, and so is every machine that runs JavaScript.
  w.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
}

function writeValue(w: WireWriter, value: OnnxValue): void {
  const { shape } = value
  w.string(1, value.name)
  w.message(2, () => {
    w.message(1, () => {
      w.int(1, codeOf[value.dtype])
      if (shape === undefined) return
      w.message(2, () => {
        for (const size of shape) {
          w.message(1, () => {
            if (typeof size === "number") w.int(1, integer(size, `a size of ${JSON.stringify(value.name)}`))
            else w.string(2, size)
          })
        }
      })
    })
  })
}
