/** Collecting an ONNX graph: what records emit, written once, with names and with sizes that may depend on the batch. */
import { array, type Dtype, fromNumbers, type NdArray, textOf } from "./array.ts"
import { type Attribute, attributesText, type Emitter, type Node, type Spec, topological, type Value } from "./graph.ts"
import { neededFor, renamedNode, settled } from "./onnx/arrange.ts"
import type { AttributeValue, OnnxGraph, OnnxModel, OnnxNode, OnnxValue } from "./onnx/model.ts"
import { batchSize, formatSize, isSymbolic, isTracked, UsageError } from "./shape.ts"

/** The operator set everything portable is written in. */
const opset = 18

/** Name of the symbolic batch axis in exported files. */
const batchName = "batch"

function attribute(value: Attribute): AttributeValue {
  if (typeof value === "number") return { int: value }
  if (typeof value === "string") return { string: value }
  return Array.isArray(value) ? { ints: value as readonly number[] } : (value as AttributeValue)
}

function dims(shape: readonly number[]): (number | string)[] {
  return shape.map((n) => (n === batchSize ? batchName : isSymbolic(n) ? `${n / batchSize}*${batchName}` : n))
}

/** Elements `start` to `end` of a vector. */
interface Piece {
  readonly base: string
  readonly start: number
  readonly end: number
}

/** What has been written of one graph. What was written of the graph around it is known in it, and not the other way. */
class Page {
  readonly nodes: OnnxNode[] = []
  readonly inputs: OnnxValue[] = []
  readonly outputs: OnnxValue[] = []
  readonly values = new Map<string, OnnxValue>()
  readonly computed = new Set<string>()
  /** Outputs of nodes and names of constants, by all that they say. */
  readonly written: Map<string, string[]>
  readonly constants: Map<string, string>
  readonly around: Page | undefined

  constructor(around?: Page) {
    this.around = around
    this.written = new Map(around?.written)
    this.constants = new Map(around?.constants)
  }
}

/** Collects nodes and constants of a graph, and of those inside it; equal ones are written once. */
export class Writer implements Emitter {
  /** Name of the op being written: it becomes part of node names, so timings can be told apart. */
  scope = ""
  #page = new Page()
  readonly #initializers = new Map<string, NdArray>()
  readonly #domains = new Set<string>()
  /** Constant vectors by name, and the vectors whose size is known. */
  readonly #vectors = new Map<string, readonly number[]>()
  readonly #sizes = new Map<string, number>()
  readonly #pieces = new Map<string, Piece>()
  readonly #renamed = new Map<string, string>()
  readonly #reserved: ReadonlySet<string>
  readonly #constantNodes: boolean
  #count = 0

  /** Names the caller has given are not used for anything else. */
  constructor(reserved: readonly string[], constantNodes: boolean) {
    this.#reserved = new Set(reserved)
    this.#constantNodes = constantNodes
  }

  #name(prefix: string): string {
    for (;;) {
      const name = `${prefix}${this.#count++}`
      if (!this.#reserved.has(name)) return name
    }
  }

  node(
    type: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, Attribute>>,
    domain?: string,
  ): string {
    return this.nodes(1, type, inputs, attributes, domain)[0]
  }

  nodes(
    count: number,
    type: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = "",
  ): string[] {
    if (type === "Concat" && domain === "" && attributes["axis"] === 0) {
      const fewer = this.#merged(inputs)
      if (fewer.length === 1) return fewer
      if (fewer.length < inputs.length) return this.nodes(count, type, fewer, attributes)
    }
    // Graphs are not compared.
    const isPlain = Object.values(attributes).every((a) => typeof a !== "object" || !("graph" in a))
    const key = isPlain ? `${domain}:${type}(${inputs.join(",")})${attributesText(attributes)}${count}` : undefined
    const before = key === undefined ? undefined : this.#page.written.get(key)
    if (before !== undefined) return before
    const written = Object.fromEntries(Object.entries(attributes).map(([k, v]) => [k, attribute(v)]))
    for (const value of Object.values(written)) {
      // Attributes are fixed in the file.
      const sizes = "ints" in value ? value.ints : "int" in value ? [value.int] : []
      for (const n of sizes) if (isSymbolic(n) || !isTracked(n)) this.#refuse(n, type)
    }
    const id = this.#count
    const outputs = Array.from({ length: count }, () => this.#name("v"))
    for (const name of outputs) this.#page.computed.add(name)
    this.#domains.add(domain)
    this.#page.nodes.push({
      name: `${this.scope}/${type}.${id}`,
      type,
      domain,
      inputs,
      outputs,
      attributes: written,
    })
    if (key !== undefined) this.#page.written.set(key, outputs)
    if (domain === "") this.#trace(type, inputs, outputs[0])
    return outputs
  }

  /** Writes a node that is computed; `names` are those of its inputs, and then of its outputs too. */
  write(node: Node, names: Map<Value, string>): void {
    this.scope = node.op.name
    const inputs = node.inputs.map((v) => names.get(v)!)
    const outputs = node.op.onnx(this, inputs, node as Node<never>)
    for (const [i, v] of node.outputs.entries()) {
      names.set(v, outputs[i])
      this.describe(outputs[i], v.spec)
    }
  }

  graph(inputs: readonly Value[], outside: ReadonlyMap<Value, string>, outputs: readonly Value[]): AttributeValue {
    const names = new Map(outside)
    const { scope } = this
    this.#page = new Page(this.#page)
    for (const v of inputs) names.set(v, this.input(this.#name("s"), v.spec))
    for (const node of topological(outputs)) if (!names.has(node.outputs[0])) this.write(node, names)
    for (const v of outputs) this.output(names.get(v)!, v.spec)
    const graph = this.#finished(this.#page.nodes)
    this.#page = this.#page.around!
    this.scope = scope
    return { graph }
  }

  /** Notes which part of a longer vector a new value is. */
  #trace(type: string, inputs: readonly string[], output: string): void {
    const [x, ...given] = inputs
    const [first, second, axes, steps] = given.map((name) => this.#vectors.get(name))
    const from = this.#pieces.get(x)
    const size = this.#sizes.get(x)
    const isPart = type === "Slice" && first?.length === 1 && axes?.join() === "0" && (steps ?? [1]).join() === "1"
    if (isPart && size !== undefined && second !== undefined && first[0] <= second[0] && second[0] <= size) {
      const { base, start } = from ?? { base: x, start: 0 }
      this.#pieces.set(output, { base, start: start + first[0], end: start + second[0] })
      this.#sizes.set(output, second[0] - first[0])
    } else if (type === "Reshape" && first !== undefined) {
      const piece = from ?? (size === undefined ? undefined : { base: x, start: 0, end: size })
      if (piece === undefined) return
      this.#pieces.set(output, piece)
      if (first.length === 1) this.#sizes.set(output, piece.end - piece.start)
    }
  }

  /** Vectors to be laid end to end, with those that follow each other in a longer one taken from there at once. */
  #merged(names: readonly string[]): string[] {
    const out: string[] = []
    let run: Piece | undefined
    const finish = (): void => {
      if (run === undefined) return
      const { base, start, end } = run
      const isWhole = start === 0 && end === this.#sizes.get(base)
      out.push(isWhole ? base : this.node("Slice", [base, this.ints([start]), this.ints([end]), this.ints([0])]))
      run = undefined
    }
    for (const name of names) {
      const piece = this.#sizes.has(name) ? this.#pieces.get(name) : undefined
      if (piece !== undefined && run?.base === piece.base && run.end === piece.start) {
        run = { ...run, end: piece.end }
        continue
      }
      finish()
      if (piece === undefined) out.push(name)
      else run = piece
    }
    finish()
    return out
  }

  constant(value: NdArray): string {
    const key = textOf(value)
    const before = key === undefined ? undefined : this.#page.constants.get(key)
    if (before !== undefined) return before
    const name = this.#name("c")
    if (this.#constantNodes) {
      const attributes = { value: { tensor: value } }
      this.#page.nodes.push({
        name: `constant/${name}`,
        type: "Constant",
        domain: "",
        inputs: [],
        outputs: [name],
        attributes,
      })
    } else this.#initializers.set(name, value)
    if (key !== undefined) this.#page.constants.set(key, name)
    return name
  }

  ints(values: readonly number[]): string {
    const isFar = (v: number): boolean => Math.abs(v) === Number.MAX_SAFE_INTEGER
    for (const v of values) if (!isFar(v) && !isTracked(v)) this.#refuse(v, "a shape")
    if (values.some(isSymbolic)) return this.#atRun(values)
    const numbers = values.map((v) => (isFar(v) ? BigInt(Math.sign(v)) << 62n : BigInt(v)))
    const name = this.constant(array("int64", [values.length], BigInt64Array.from(numbers)))
    this.#vectors.set(name, values)
    return name
  }

  /** A vector with multiples of the batch in it, computed from the shape of an input. */
  #atRun(values: readonly number[]): string {
    let source: OnnxValue | undefined
    for (let page: Page | undefined = this.#page; page !== undefined && source === undefined; page = page.around)
      source = page.inputs.find((i) => i.shape?.includes(batchName))
    if (source === undefined) {
      throw new UsageError(
        `${this.scope}: a symbolic batch size is used, but no input has an axis of it; use batchSize in the spec of one`,
      )
    }
    const axis = source.shape!.indexOf(batchName)
    const batch = this.node("Shape", [source.name], { start: axis, end: axis + 1 })
    const parts = values.map((n) => {
      if (!isSymbolic(n)) return this.ints([n])
      return n === batchSize ? batch : this.node("Mul", [batch, this.ints([n / batchSize])])
    })
    return parts.length === 1 ? parts[0] : this.node("Concat", parts, { axis: 0 })
  }

  #refuse(size: number, what: string): never {
    throw new UsageError(
      `${this.scope}: ${what} needs the size ${formatSize(size)}, which cannot be written for every batch size; fix the batch size in the specs`,
    )
  }

  scalar(dtype: Dtype, value: number): string {
    return this.constant(fromNumbers(dtype, [], [value]))
  }

  reshape(input: string, shape: readonly number[]): string {
    // -1 asks the runtime for what is left, so one unknown size needs no computation.
    const single = shape.filter(isSymbolic).length === 1
    // A size of 0 would mean that of the input, unless it is said that it does not.
    if (shape.includes(0)) return this.node("Reshape", [input, this.ints(shape)], { allowzero: 1 })
    return this.node("Reshape", [input, this.ints(single ? shape.map((n) => (isSymbolic(n) ? -1 : n)) : shape)])
  }

  input(name: string, { dtype, shape }: Spec): string {
    this.#page.inputs.push({ name, dtype, shape: dims(shape) })
    this.#measure(name, shape)
    return name
  }

  #measure(name: string, shape: readonly number[]): void {
    if (shape.length === 1 && !isSymbolic(shape[0])) this.#sizes.set(name, shape[0])
  }

  initializer(name: string, value: NdArray): string {
    this.#initializers.set(name, value)
    return name
  }

  /** Says what is known of a value, for people who read the file and for shape inference. */
  describe(name: string, { dtype, shape }: Spec): void {
    for (const n of shape) if (!isTracked(n)) this.#refuse(n, "the result")
    if (!this.#page.computed.has(name)) return
    this.#page.values.set(name, { name, dtype, shape: dims(shape) })
    this.#measure(name, shape)
  }

  /** Makes a value an output. One that is an input, a constant or an output already gets a node of its own. */
  output(name: string, { dtype, shape }: Spec, as?: string): string {
    let at = as ?? name
    if (this.#page.computed.has(name) && !this.#renamed.has(name) && !this.#page.outputs.some((o) => o.name === name)) {
      if (as !== undefined) this.#renamed.set(name, as)
    } else {
      at = as ?? this.#name("y")
      this.#page.nodes.push({
        name: `output/${at}`,
        type: "Identity",
        domain: "",
        inputs: [name],
        outputs: [at],
        attributes: {},
      })
    }
    this.#page.values.delete(name)
    this.#page.outputs.push({ name: at, dtype, shape: dims(shape) })
    return at
  }

  /** The page as a graph of the nodes that its outputs need. */
  #finished(nodes: readonly OnnxNode[], initializers: ReadonlyMap<string, NdArray> = new Map()): OnnxGraph {
    const { inputs, outputs, values } = this.#page
    const { used, needed } = neededFor(
      nodes,
      outputs.map((o) => o.name),
    )
    return {
      name: "tweedie",
      nodes: used,
      initializers: new Map([...initializers].filter(([name]) => needed.has(name))),
      inputs,
      outputs,
      values: [...values.values()].filter((v) => needed.has(v.name)),
    }
  }

  model(metadata: ReadonlyMap<string, string> = new Map()): OnnxModel {
    const extra = [...this.#domains].filter((d) => d !== "").map((d) => [d, 1] as const)
    const rename = (name: string): string => this.#renamed.get(name) ?? name
    return {
      graph: settled(
        this.#finished(
          this.#page.nodes.map((node) => renamedNode(node, rename)),
          this.#initializers,
        ),
      ),
      opsets: new Map([["", opset], ...extra]),
      irVersion: 8,
      producer: "tweedie",
      metadata,
    }
  }
}
