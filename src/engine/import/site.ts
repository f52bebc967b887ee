/** A node of an ONNX file as importers see it: inputs as tensors, attributes checked, faults named. */
import { type NdArray, toNumbers } from "../array.ts"
import type { ImportSite } from "../graph.ts"
import type { AttributeValue, OnnxNode } from "../onnx/model.ts"
import { UsageError } from "../shape.ts"
import type { Tensor } from "../tensor.ts"

/** Elements an importer may lay out on the host: tables of indices, counts and masks. */
const hostLimit = 2 ** 24

/** What the messages call a node. */
export function describeNode({ name, type, domain }: OnnxNode, opset: number | undefined): string {
  const operator = domain === "" ? type : `${domain}.${type}`
  const set = opset === undefined ? "no operator set" : `operator set ${opset}`
  return `importOnnx: node ${JSON.stringify(name)} (${operator}, ${set})`
}

/** The value of a tensor that is a constant; undefined for all others. */
export function constantOf(tensor: Tensor): NdArray | undefined {
  const { op, attrs } = tensor.value.node
  return op.leaf === "constant" ? (attrs as { array: NdArray }).array : undefined
}

/** One node being read. */
export class Site implements ImportSite {
  readonly node: OnnxNode
  readonly opset: number
  readonly inputs: readonly (Tensor | null)[]
  readonly #asked = new Set<string>()

  constructor(node: OnnxNode, opset: number, inputs: readonly (Tensor | null)[]) {
    this.node = node
    this.opset = opset
    this.inputs = inputs
  }

  fail(message: string): never {
    throw new UsageError(`${describeNode(this.node, this.opset)}: ${message}`)
  }

  input(index: number): Tensor {
    return this.inputs[index] ?? this.fail(`input ${index} is missing`)
  }

  constant(index: number): number[] | undefined {
    const tensor = this.inputs[index]
    if (tensor === undefined || tensor === null) return undefined
    const array = constantOf(tensor)
    if (array === undefined) {
      const name = JSON.stringify(this.node.inputs[index])
      return this.fail(`input ${index} (${name}) is computed from data, expected a constant or a shape`)
    }
    return [...toNumbers(array)]
  }

  attribute(name: string): AttributeValue | undefined {
    this.#asked.add(name)
    return Object.hasOwn(this.node.attributes, name) ? this.node.attributes[name] : undefined
  }

  int(name: string, fallback: number): number {
    const value = this.attribute(name)
    if (value === undefined) return fallback
    return "int" in value ? value.int : this.#wrong(name, "an integer")
  }

  ints(name: string): readonly number[] | undefined {
    const value = this.attribute(name)
    if (value === undefined) return undefined
    return "ints" in value ? value.ints : this.#wrong(name, "a list of integers")
  }

  float(name: string, fallback: number): number {
    const value = this.attribute(name)
    if (value === undefined) return fallback
    return "float" in value ? value.float : this.#wrong(name, "a number")
  }

  text(name: string, fallback: string): string {
    const value = this.attribute(name)
    if (value === undefined) return fallback
    return "string" in value ? value.string : this.#wrong(name, "text")
  }

  /** Refuses attributes that nobody asked for: they would have changed what the node computes. */
  finish(): void {
    for (const name of Object.keys(this.node.attributes)) {
      if (!this.#asked.has(name)) this.fail(`attribute ${JSON.stringify(name)} is not supported`)
    }
  }

  #wrong(name: string, expected: string): never {
    return this.fail(`attribute ${JSON.stringify(name)} is no ${expected.replace(/^an? /, "")}, expected ${expected}`)
  }
}

/** Refuses a table that a file's numbers make too large to lay out. */
export function expectSize(site: ImportSite, size: number, what: string, limit = hostLimit): void {
  if (!(size >= 0 && size <= limit)) site.fail(`${what} has ${size} entries, expected at most ${limit}`)
}
