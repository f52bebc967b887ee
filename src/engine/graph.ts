/** The program as data: nodes, their values, and what an op must say about itself. Names no op. */
import type { Dtype, NdArray } from "./array.ts"
import type { AttributeValue, OnnxNode } from "./onnx/model.ts"
import { formatShape, UsageError } from "./shape.ts"
import type { Tensor } from "./tensor.ts"

/** What is known of a value before it is computed. */
export interface Spec {
  readonly dtype: Dtype
  readonly shape: readonly number[]
}

/** One output of one node. */
export interface Value {
  readonly node: Node
  readonly index: number
  readonly spec: Spec
}

/** One application of an op. Nodes never change once made; a graph is what can be reached from its outputs. */
export interface Node<A extends object = object> {
  readonly op: Op<A>
  readonly inputs: readonly Value[]
  readonly attrs: A
  readonly outputs: readonly Value[]
}

/** What a gradient rule is given. */
export interface GradientSite<A extends object> {
  /** Gradient of the loss with respect to each output; `null` where the loss does not depend on it. */
  readonly grads: readonly (Tensor | null)[]
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  readonly attrs: A
  /** Reverse-mode differentiation itself, for ops whose rule is to differentiate their composition. */
  readonly differentiate: Differentiate
}

/** Gradients of `outputs`, weighted by `seeds`, with respect to `wrt`; `null` where nothing depends on it. */
export type Differentiate = (
  outputs: readonly Tensor[],
  seeds: readonly (Tensor | null)[],
  wrt: readonly Tensor[],
) => (Tensor | null)[]

/** ONNX attributes in short: a number or list of them is an int, strings are strings, the rest say what they are. */
export type Attribute = number | string | readonly number[] | AttributeValue

/** Writes ONNX nodes for one graph. Equal nodes are written once. */
export interface Emitter {
  /** Appends a node and returns its output's name. */
  node(
    type: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, Attribute>>,
    domain?: string,
  ): string
  /** As `node`, for a node of several outputs. */
  nodes(
    count: number,
    type: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, Attribute>>,
    domain?: string,
  ): string[]
  /** Name of a constant. */
  constant(array: NdArray): string
  /** Name of an int64 vector; sizes and positions in it may be symbolic, and are then computed at each run. */
  ints(values: readonly number[]): string
  /** `Reshape` to a shape that may have symbolic sizes. */
  reshape(input: string, shape: readonly number[]): string
  /** Name of a scalar constant of the given dtype. */
  scalar(dtype: Dtype, value: number): string
  /** A graph as an attribute: of inputs of its own, and of values outside it, which have names already. */
  graph(inputs: readonly Value[], outside: ReadonlyMap<Value, string>, outputs: readonly Value[]): AttributeValue
}

/** A node being read from an ONNX file. */
export interface ImportSite {
  readonly node: OnnxNode
  readonly opset: number
  /** Inputs as tensors; `null` where an optional one is absent. */
  readonly inputs: readonly (Tensor | null)[]
  /** An input that must be there. */
  input(index: number): Tensor
  /** Numbers of an input that must be known while reading (axes, shapes); undefined where it is absent. */
  constant(index: number): number[] | undefined
  int(name: string, fallback: number): number
  ints(name: string): readonly number[] | undefined
  float(name: string, fallback: number): number
  text(name: string, fallback: string): string
  /** Any attribute, as the file has it. */
  attribute(name: string): AttributeValue | undefined
  /** Refuses the node: the message says what was got and what was expected. */
  fail(message: string): never
}

/** Operator sets that can be read: in all of them an operator's attributes and inputs mean what its importer says. */
export const opsets: readonly [number, number] = [7, 28]

/** Reads one ONNX operator as tensors of ours: the inverse of lowering. Attributes it does not ask for are refused. */
export interface Importer {
  /** ONNX operator name. */
  readonly type: string
  /** Operator set versions it is right for, both included; all that can be read unless given. */
  readonly opsets?: readonly [number, number]
  /** Inputs that are settings: where they are initializers, these do not become variables. */
  readonly settings?: readonly number[]
  /** Inputs that are statistics: where they are initializers, these become buffers, which no optimizer changes. */
  readonly buffers?: readonly number[]
  read(site: ImportSite): Tensor | readonly (Tensor | null)[]
}

/** All that the library knows about one op. */
export interface Op<A extends object = object> {
  readonly name: string
  /** What it computes, in one line. */
  readonly doc: string
  /** Leaves are given, not computed: by the caller, by the program itself, by the generator, by a variable. */
  readonly leaf?: "input" | "constant" | "random" | "variable"
  /** Dtype and shape of each output. Throws a UsageError where the inputs do not fit. */
  spec(inputs: readonly Spec[], attrs: A): readonly Spec[]
  /** Gradient for each input; `null`, written, where there is none. */
  grad(site: GradientSite<A>): readonly (Tensor | null)[]
  /** Portable lowering: standard ONNX operators only. */
  onnx(emit: Emitter, inputs: readonly string[], node: Node<A>): readonly string[]
  /** Plain float64 evaluation: the reference that every other form is tested against. */
  host(inputs: readonly Float64Array[], node: Node<A>): readonly Float64Array[]
  /** Whether its only input gives the same result wherever it is broadcast to this op's shape instead. */
  readonly repeats?: true
  /** A fused op is a name for this composition; its shape, gradient, lowering and value all come from it. */
  expand?(inputs: readonly Tensor[], attrs: A): readonly Tensor[]
  /** A simpler value equal to the node's only output, where its record knows one. */
  simplify?(node: Node<A>): Value | undefined
  /** The sum of several results of this op, where there is a better way than to add them up. */
  sum?(results: readonly Tensor[]): Tensor | undefined
}

/** A primitive of one output, which is nearly all of them. */
export interface Primitive<A extends object> {
  readonly name: string
  readonly doc: string
  spec(inputs: readonly Spec[], attrs: A): Spec
  grad(g: Tensor, inputs: readonly Tensor[], output: Tensor, attrs: A): readonly (Tensor | null)[]
  onnx(emit: Emitter, inputs: readonly string[], node: Node<A>): string
  host(inputs: readonly Float64Array[], node: Node<A>): Float64Array
  readonly repeats?: true
  simplify?(node: Node<A>): Value | undefined
  sum?(results: readonly Tensor[]): Tensor | undefined
}

/** The op record of a primitive of one output. */
export function primitive<A extends object>(p: Primitive<A>): Op<A> {
  return {
    name: p.name,
    doc: p.doc,
    spec: (inputs, attrs) => [p.spec(inputs, attrs)],
    grad: (site) => (site.grads[0] === null ? [] : p.grad(site.grads[0]!, site.inputs, site.outputs[0], site.attrs)),
    onnx: (emit, inputs, node) => [p.onnx(emit, inputs, node)],
    host: (inputs, node) => [p.host(inputs, node)],
    ...(p.repeats && { repeats: p.repeats }),
    ...(p.simplify && { simplify: p.simplify }),
    ...(p.sum && { sum: p.sum }),
  }
}

/** Attributes as text that tells them apart; JSON writes NaN and both infinities alike, and -0 as 0. */
export function attributesText(attrs: object): string {
  const isOdd = (v: unknown): v is number => typeof v === "number" && (!Number.isFinite(v) || Object.is(v, -0))
  return JSON.stringify(attrs, (_, v: unknown) => (isOdd(v) ? (v === 0 ? "-0" : String(v)) : v))
}

/** A new node; its outputs' shapes come from the record, which throws where the inputs do not fit. */
export function makeNode<A extends object>(op: Op<A>, inputs: readonly Value[], attrs: A): Node<A> {
  const specs = op.spec(
    inputs.map((v) => v.spec),
    attrs,
  )
  const outputs: Value[] = []
  const node: Node<A> = { op, inputs, attrs, outputs }
  for (const [index, spec] of specs.entries()) outputs.push({ node, index, spec })
  return node
}

/** Applies an op of any number of outputs to tensors, at least one. */
export function applyAll<A extends object>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor[] {
  const node = makeNode(
    op,
    inputs.map((t) => t.value),
    attrs,
  )
  return node.outputs.map((value) => inputs[0].derive(value))
}

/** Applies an op of one output to tensors, at least one. */
export function apply<A extends object>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
  return applyAll(op, inputs, attrs)[0]
}

/**
 * All nodes that `outputs` need, each after its inputs; nodes for which `stop` holds are left out with all before
 * them. Iterative: graphs may be deeper than the call stack.
 */
export function topological(outputs: readonly Value[], stop: (node: Node) => boolean = () => false): Node[] {
  const order: Node[] = []
  const state = new Map<Node, "open" | "done">()
  const stack: Node[] = outputs
    .map((v) => v.node)
    .filter((n) => !stop(n))
    .reverse()
  while (stack.length > 0) {
    const node = stack[stack.length - 1]
    const at = state.get(node)
    if (at !== undefined) {
      stack.pop()
      if (at === "open") {
        state.set(node, "done")
        order.push(node)
      }
      continue
    }
    state.set(node, "open")
    for (let i = node.inputs.length - 1; i >= 0; i--) {
      const next = node.inputs[i].node
      if (!state.has(next) && !stop(next)) stack.push(next)
    }
  }
  return order
}

/** A node of the same op on other inputs of the same specs, which need no second look. */
export function rebuilt(node: Node, inputs: readonly Value[]): Node {
  if (node.inputs.every((v, i) => v === inputs[i])) return node
  const outputs: Value[] = []
  const next: Node = { op: node.op, inputs, attrs: node.attrs, outputs }
  for (const { index, spec } of node.outputs) outputs.push({ node: next, index, spec })
  return next
}

/** New values for all that `outputs` need, where `change` gives a node's outputs anew (or leaves it: undefined). */
export function rewrite(
  outputs: readonly Value[],
  change: (node: Node) => readonly Value[] | undefined,
): ReadonlyMap<Value, Value> {
  const done = new Map<Value, Value>()
  for (const node of topological(outputs)) {
    const next = rebuilt(
      node,
      node.inputs.map((v) => done.get(v)!),
    )
    const values = change(next) ?? next.outputs
    for (const [i, v] of node.outputs.entries()) done.set(v, values[i])
  }
  return done
}

/** Refuses inputs whose dtypes differ or are not among `allowed`. */
export function expectDtype(where: string, inputs: readonly Spec[], allowed?: readonly Dtype[]): Dtype {
  const dtype = inputs[0].dtype
  for (const s of inputs) {
    if (s.dtype !== dtype) {
      const list = inputs.map((i) => `${i.dtype} ${formatShape(i.shape)}`).join(", ")
      throw new UsageError(`${where}: dtypes differ (${list}); cast one of them`)
    }
  }
  if (allowed !== undefined && !allowed.includes(dtype)) {
    throw new UsageError(`${where}: got ${dtype}, expected ${allowed.join(" or ")}`)
  }
  return dtype
}

/** Dtypes that have gradients. */
export const floats: readonly Dtype[] = ["float32", "float64"]
/** Dtypes that have arithmetic. */
export const numbers: readonly Dtype[] = ["float32", "float64", "int32", "int64"]
