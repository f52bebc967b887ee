/** One pass that decides which values lie in blocks, and converts at the borders of that region. Names no op. */
import { type NdArray, sizeOf } from "../../array.ts"
import { type Emitter, makeNode, type Node, type Op, rebuilt, type Spec, topological, type Value } from "../../graph.ts"
import type { Variable } from "../../tensor.ts"
import { type Graph, roots } from "../../trace.ts"
import { type Blocks, fits, intoBlocks, plain, rearrange, sameOrder } from "./blocks.ts"

/**
 * What a node needs of the order of one of its values: exactly this one; the `same` as its other values of that need,
 * for the op does not look at the order; one that follows from it; or `any`.
 */
export type Need = Blocks | "same" | "any" | ((same: Blocks) => Blocks)

/** How a node can be written with its values in blocks. */
export interface Placing {
  /** One entry for each input, then one for each output. */
  readonly needs: readonly Need[]
  /** Whether it can be written with its values so ordered; by default it can. Otherwise all of them become plain. */
  accepts?(orders: readonly Blocks[]): boolean
  /** Whether it is written so even where all of its values are plain. */
  readonly always?: boolean
  /** Writes it. By default its record does, for which the order of elements makes no difference. */
  onnx?(emit: Emitter, inputs: readonly string[], orders: readonly Blocks[]): readonly string[]
}

/** What is known of one op; `undefined` where a node of it must be plain. */
export type Rule = (node: Node<never>, block: number) => Placing | undefined

/** What {@link place} is told. */
export interface PlaceOptions {
  readonly rules: ReadonlyMap<string, Rule>
  readonly block: number
  /** Whether the runtime has operators of its own for blocks. */
  readonly native: boolean
  /** The order in which a variable is stored already, or `undefined` where that is still to be decided. */
  readonly stored: (variable: Variable) => Blocks | undefined
}

/** The program in blocks, and the orders of the variables whose place was still to be decided. */
export interface Placed {
  readonly graph: Graph
  readonly orders: ReadonlyMap<Variable, Blocks>
}

const reorderOp: Op<{ readonly from: Blocks; readonly to: Blocks; readonly block: number; readonly native: boolean }> =
  {
    name: "cpu.reorder",
    doc: "the same elements in another order in memory",
    spec: ([x]) => [x],
    grad: () => [],
    onnx: (emit, [x], { attrs, inputs }) => {
      const { node, spec } = inputs[0]
      const { shape, dtype } = spec
      if (node.op.leaf === "constant" && attrs.from.length === 0) {
        // A constant is put in order once, here.
        const { array } = node.attrs as { array: NdArray }
        return [emit.constant(intoBlocks(array, attrs.to, attrs.block))]
      }
      return [rearrange(emit, x, { ...attrs, shape, native: attrs.native && dtype === "float32" })]
    },
    host: ([x]) => [x],
  }

interface PlacedAttrs {
  readonly of: object
  readonly write: (emit: Emitter, inputs: readonly string[]) => readonly string[]
}

const wrappers = new WeakMap<Op, Op<PlacedAttrs>>()

/** The op with the same meaning whose nodes bring their own lowering. */
function placedForm(op: Op): Op<PlacedAttrs> {
  let form = wrappers.get(op)
  if (form === undefined) {
    form = {
      name: op.name,
      doc: op.doc,
      spec: (specs, { of }) => op.spec(specs, of),
      grad: () => [],
      onnx: (emit, inputs, { attrs }) => attrs.write(emit, inputs),
      host: (inputs, node) => op.host(inputs, { ...node, op, attrs: node.attrs.of }),
    }
    wrappers.set(op, form)
  }
  return form
}

/** Values that must lie alike, and how much their neighbours want which order. */
class Classes {
  readonly #parent = new Map<Value, Value>()
  readonly #members = new Map<Value, Value[]>()
  readonly #votes = new Map<Value, Map<string, { readonly blocks: Blocks; weight: number }>>()

  root(v: Value): Value {
    let at = v
    for (let up = this.#parent.get(at); up !== undefined; up = this.#parent.get(at)) at = up
    if (at !== v) this.#parent.set(v, at)
    return at
  }

  join(a: Value, b: Value): void {
    const [x, y] = [this.root(a), this.root(b)]
    if (x === y) return
    this.#parent.set(y, x)
    this.#members.set(x, [...(this.#members.get(x) ?? [x]), ...(this.#members.get(y) ?? [y])])
    this.#members.delete(y)
  }

  vote(v: Value, blocks: Blocks): void {
    const root = this.root(v)
    const all = this.#votes.get(root) ?? new Map()
    this.#votes.set(root, all)
    const key = blocks.join()
    const entry = all.get(key) ?? { blocks, weight: 0 }
    entry.weight += sizeOf(v.spec.shape)
    all.set(key, entry)
  }

  /** The order most wanted that all values can have. */
  decide(block: number): (v: Value) => Blocks {
    const decided = new Map<Value, Blocks>()
    for (const [root, votes] of this.#votes) {
      const members = this.#members.get(root) ?? [root]
      let best = { blocks: plain, weight: votes.get("")?.weight ?? 0 }
      for (const entry of votes.values()) {
        if (entry.weight > best.weight && members.every((v) => fits(v.spec.shape, entry.blocks, block))) best = entry
      }
      decided.set(root, best.blocks)
    }
    return (v) => decided.get(this.root(v)) ?? plain
  }
}

/** The same program with its values in the orders that its ops want. */
export function place(graph: Graph, { rules, block, native, stored }: PlaceOptions): Placed {
  const all = roots(graph)
  const nodes = topological(all)
  const placings = new Map<Node, Placing>()
  const isEmpty = (v: Value): boolean => v.spec.shape.includes(0)
  for (const node of nodes) {
    if ([...node.inputs, ...node.outputs].some(isEmpty)) continue
    const placing = rules.get(node.op.name)?.(node as Node<never>, block)
    if (placing !== undefined) placings.set(node, placing)
  }
  const decided = decide(graph, nodes, placings, block, stored)

  const done = new Map<Value, { readonly value: Value; readonly order: Blocks }>()
  const converted = new Map<Value, Map<string, Value>>()
  const orders = new Map<Variable, Blocks>()
  const orderOf = (variable: Variable): Blocks => {
    const known = stored(variable) ?? orders.get(variable)
    if (known !== undefined) return known
    const next = graph.assigned.get(variable)
    const wanted = [variable.value, ...(next === undefined ? [] : [next])]
      .map(decided)
      .find((order) => order.length > 0 && fits(variable.shape, order, block))
    orders.set(variable, wanted ?? plain)
    return wanted ?? plain
  }
  const as = (v: Value, order: Blocks): Value => {
    const { value, order: from } = done.get(v)!
    if (sameOrder(from, order)) return value
    const known = converted.get(value) ?? new Map<string, Value>()
    converted.set(value, known)
    let result = known.get(order.join())
    if (result === undefined) {
      result = makeNode(reorderOp, [value], { from, to: order, block, native }).outputs[0]
      known.set(order.join(), result)
    }
    return result
  }

  for (const node of nodes) {
    const finish = (next: Node, order: (i: number) => Blocks): void => {
      for (const [i, v] of node.outputs.entries()) done.set(v, { value: next.outputs[i], order: order(i) })
    }
    if (node.op.leaf !== undefined) {
      finish(node, () =>
        node.op.leaf === "variable" ? orderOf((node.attrs as { variable: Variable }).variable) : plain,
      )
      continue
    }
    const values = [...node.inputs, ...node.outputs]
    const placing = placings.get(node)
    const chosen = placing && ordersFor(placing, values, decided, (v) => done.get(v)?.order, block)
    const isPlain = chosen?.every((order) => order.length === 0) && placing?.always !== true
    if (placing === undefined || chosen === undefined || isPlain) {
      const inputs = node.inputs.map((v) => as(v, plain))
      finish(rebuilt(node, inputs), () => plain)
      continue
    }
    const inputs = node.inputs.map((v, i) => as(v, chosen[i]))
    const write = placing.onnx
    const next = write === undefined ? rebuilt(node, inputs) : wrapped(node, inputs, write, chosen)
    finish(next, (i) => chosen[node.inputs.length + i])
  }

  const result: Graph = {
    inputs: graph.inputs,
    outputs: graph.outputs.map((v) => as(v, plain)),
    assigned: new Map([...graph.assigned].map(([variable, v]) => [variable, as(v, orderOf(variable))])),
  }
  return { graph: result, orders }
}

/** Joins what must lie alike, counts what everyone wants, and decides. */
function decide(
  graph: Graph,
  nodes: readonly Node[],
  placings: ReadonlyMap<Node, Placing>,
  block: number,
  stored: PlaceOptions["stored"],
): (v: Value) => Blocks {
  const classes = new Classes()
  // What is given from outside is row-major, whatever its neighbours want.
  const isGiven = (v: Value): boolean => v.node.op.leaf !== undefined && v.node.op.leaf !== "variable"
  for (const node of nodes) {
    const values = [...node.inputs, ...node.outputs]
    const needs = placings.get(node)?.needs
    if (needs === undefined) continue
    const alike = values.filter((v, i) => needs[i] === "same" && !isGiven(v))
    for (const v of alike.slice(1)) classes.join(alike[0], v)
  }
  for (const [variable, next] of graph.assigned) classes.join(variable.value, next)
  for (const node of nodes) {
    if (node.op.leaf !== undefined) continue
    const needs = placings.get(node)?.needs
    for (const [i, v] of [...node.inputs, ...node.outputs].entries()) {
      const need = needs === undefined ? plain : needs[i]
      if (typeof need === "object" && !isGiven(v)) classes.vote(v, need)
    }
  }
  for (const v of graph.outputs) if (!isGiven(v)) classes.vote(v, plain)
  for (const node of nodes) {
    const order = node.op.leaf === "variable" && stored((node.attrs as { variable: Variable }).variable)
    if (order) classes.vote(node.outputs[0], order)
  }
  return classes.decide(block)
}

/** Orders of a node's inputs and outputs, or `undefined` where it cannot be written with those decided on. */
function ordersFor(
  { needs, accepts }: Placing,
  values: readonly Value[],
  decided: (v: Value) => Blocks,
  present: (v: Value) => Blocks | undefined,
  block: number,
): readonly Blocks[] | undefined {
  // The last value of that need is an output if there is one: what is given from outside has no order of its own.
  const same = values.findLast((_, i) => needs[i] === "same")
  const common = same === undefined ? plain : decided(same)
  const orders = values.map((v, i) => {
    const need = needs[i]
    if (need === "same") return common
    if (need === "any") return present(v) ?? decided(v)
    return typeof need === "function" ? need(common) : need
  })
  const possible = orders.every((order, i) => fits(values[i].spec.shape, order, block))
  return possible && accepts?.(orders) !== false ? orders : undefined
}

function wrapped(
  node: Node,
  inputs: readonly Value[],
  write: NonNullable<Placing["onnx"]>,
  orders: readonly Blocks[],
): Node {
  const outputs: Value[] = []
  const attrs: PlacedAttrs = { of: node.attrs, write: (emit, names) => write(emit, names, orders) }
  const next = { op: placedForm(node.op), inputs, attrs, outputs } as unknown as Node
  for (const { index, spec } of node.outputs) outputs.push({ node: next, index, spec })
  return next
}

/** A node like this one whose inputs and outputs have other shapes: for writing it in terms of the physical ones. */
export function reshaped(
  node: Node,
  inputs: readonly (readonly number[])[],
  outputs: readonly (readonly number[])[],
  attrs: object,
): Node {
  const spec = (s: Spec, shape: readonly number[]): Spec => ({ dtype: s.dtype, shape })
  const ins = node.inputs.map((v, i) => ({ ...v, spec: spec(v.spec, inputs[i]) }))
  const outs = node.outputs.map((v, i) => ({ ...v, spec: spec(v.spec, outputs[i]) }))
  return { op: node.op, inputs: ins, outputs: outs, attrs }
}
