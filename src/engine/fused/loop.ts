/** A step repeated for every row of some tables: an op whose composition is the step over and over. */
import { sizeOf } from "../array.ts"
import { applyAll, type Node, type Op, rewrite, type Spec, topological, type Value } from "../graph.ts"
import { formatShape, isSymbolic, sameShape, UsageError } from "../shape.ts"
import { isTraining, placeholder, type Tensor, type Variable, within } from "../tensor.ts"
import { fused } from "./fused.ts"

let bodies = 0

/** A step as a graph of its own: values that it is given, each a stand-in, and what it makes of them. */
export class Body {
  readonly #id = bodies++
  readonly #inputs: readonly Value[]
  readonly #outputs: readonly Value[]

  constructor(inputs: readonly Value[], outputs: readonly Value[]) {
    this.#inputs = inputs
    this.#outputs = outputs
  }

  get inputs(): readonly Value[] {
    return this.#inputs
  }

  get outputs(): readonly Value[] {
    return this.#outputs
  }

  /** The outputs for other inputs of the same specs. */
  of(inputs: readonly Tensor[]): Tensor[] {
    const given = new Map(this.#inputs.map((v, i) => [v.node, [inputs[i].value]]))
    const done = rewrite(this.#outputs, (node) => given.get(node))
    return this.#outputs.map((v) => inputs[0].derive(done.get(v)!))
  }

  /** Nodes are compared by their attributes as text; no two bodies are the same. */
  toJSON(): string {
    return `body ${this.#id}`
  }
}

interface Repeated {
  /** How many inputs are carried from step to step; those after them are tables, and then what all steps are given. */
  readonly carried: number
  readonly tables: number
  readonly body: Body
}

const specsOf = (_: readonly Spec[], { body }: Repeated): Spec[] => body.outputs.map((v) => v.spec)

/** The step's outputs for what is carried and row k of each table. */
function stepped(inputs: readonly Tensor[], carried: readonly Tensor[], k: number, attrs: Repeated): Tensor[] {
  const end = attrs.carried + attrs.tables
  const rows = inputs
    .slice(attrs.carried, end)
    .map((t) => t.slice([[k, k + 1], ...t.shape.slice(1).map(() => null)]).reshape(t.shape.slice(1)))
  return attrs.body.of([...carried, ...rows, ...inputs.slice(end)])
}

const loopOp: Op<Repeated> = {
  ...fused<Repeated>("loop", "a step repeated for every row of tables", (inputs, attrs) => {
    let carried: readonly Tensor[] = inputs.slice(0, attrs.carried)
    for (let k = 0; k < inputs[attrs.carried].shape[0]; k++) carried = stepped(inputs, carried, k, attrs)
    return carried
  }),
  spec: specsOf,
}

/** A loop that stays one, as ONNX's `Scan`: what {@link loop} becomes in files. */
const scanOp: Op<Repeated> = {
  name: "scan",
  doc: "a step repeated for every row of tables, as one node",
  spec: specsOf,
  grad: () => {
    throw new Error("scan: loops are differentiated before they are written")
  },
  onnx: (emit, inputs, { attrs: { carried, tables, body } }) => {
    const own = carried + tables
    const outside = new Map(body.inputs.slice(own).map((v, i) => [v, inputs[own + i]]))
    const graph = emit.graph(body.inputs.slice(0, own), outside, body.outputs)
    return emit.nodes(carried, "Scan", inputs.slice(0, own), { body: graph, num_scan_inputs: tables })
  },
  host: (inputs, { inputs: values, attrs: { carried, tables, body } }) => {
    const order = topological(body.outputs)
    let state = inputs.slice(0, carried)
    for (let k = 0; k < values[carried].spec.shape[0]; k++) {
      const rows = inputs.slice(carried, carried + tables).map((table, i) => {
        const size = sizeOf(values[carried + i].spec.shape.slice(1))
        return table.subarray(k * size, (k + 1) * size)
      })
      const given = [...state, ...rows, ...inputs.slice(carried + tables)]
      const known = new Map(body.inputs.map((v, i) => [v, given[i]]))
      for (const node of order) {
        if (node.op.leaf === "input") continue
        const results = node.op.host(
          node.inputs.map((v) => known.get(v)!),
          node,
        )
        for (const [i, v] of node.outputs.entries()) known.set(v, results[i])
      }
      state = body.outputs.map((v) => known.get(v)!)
    }
    return state
  },
}

/**
 * Repeats a step: `carried = step(carried, row)` for each row of the tables in turn, from `first`; gives what is carried
 * at the end. Tables `[steps, ...]` have one row a step; what is carried keeps its dtypes and shapes. The step is traced
 * once and may use any tensor from outside it, which is the same in every step: so are random numbers that are drawn in
 * it (draw them outside, as a table). A program that runs here is the steps one after another, and so is its gradient;
 * an exported one holds the step once, in ONNX's `Scan`.
 *
 * @example
 * const [y] = loop([x], [constant([0.5, 0.25])], ([y], [rate]) => [y.sub(slope(y).mul(rate))])
 *
 * @throws UsageError where tables differ in length or have no row, where the step changes a dtype or a shape, and
 * where it assigns a variable.
 */
export function loop(
  first: readonly Tensor[],
  tables: readonly Tensor[],
  step: (carried: readonly Tensor[], row: readonly Tensor[]) => readonly Tensor[],
): Tensor[] {
  const steps = tables[0]?.shape[0]
  if (first.length === 0 || steps === undefined || steps < 1 || isSymbolic(steps))
    throw new UsageError(
      `loop: got ${first.length} tensors to carry and tables ${shapesOf(tables)}, expected one or more of each, with a row for every step`,
    )
  if (tables.some((t) => t.shape[0] !== steps))
    throw new UsageError(`loop: got tables ${shapesOf(tables)}, expected as many rows in all of them`)
  const stand = (name: string, { dtype, shape }: Spec): Tensor => placeholder(name, { dtype, shape })
  const carried = first.map((t, i) => stand(`carried${i}`, t.value.spec))
  const row = tables.map((t, i) => stand(`row${i}`, { dtype: t.dtype, shape: t.shape.slice(1) }))
  const assigned = new Map<Variable, Tensor>()
  const next = within({ training: isTraining(), assigned }, () => step(carried, row))
  for (const { name } of assigned.keys())
    throw new UsageError(`loop: the step assigns ${name}; carry it, and assign it after the loop`)
  for (const [i, { dtype, shape }] of first.entries()) {
    const got = next[i]
    if (got === undefined || next.length > first.length || got.dtype !== dtype || !sameShape(got.shape, shape)) {
      const all = next.map((t) => `${t.dtype} ${formatShape(t.shape)}`).join(", ")
      throw new UsageError(
        `loop: the step gives ${all || "nothing"}, expected what it carries: ${first.map((t) => `${t.dtype} ${formatShape(t.shape)}`).join(", ")}`,
      )
    }
  }
  const own = [...carried, ...row].map((t) => t.value)
  const { outside, body } = closed(
    own,
    next.map((t) => t.value),
  )
  const attrs = { carried: first.length, tables: tables.length, body }
  return applyAll(loopOp, [...first, ...tables, ...outside.map((v) => first[0].derive(v))], attrs)
}

function shapesOf(tensors: readonly Tensor[]): string {
  return tensors.length === 0 ? "none" : tensors.map((t) => formatShape(t.shape)).join(", ")
}

/** A graph in which values from outside are inputs too: all that is used but does not depend on the given ones. */
function closed(
  own: readonly Value[],
  outputs: readonly Value[],
): { readonly outside: readonly Value[]; readonly body: Body } {
  const inside = new Set<Node>(own.map((v) => v.node))
  const stands = new Map<Value, Value>()
  const use = (v: Value): void => {
    if (inside.has(v.node) || v.node.op.leaf === "constant" || stands.has(v)) return
    stands.set(v, placeholder("outside", v.spec).value)
  }
  for (const node of topological(outputs)) {
    if (!node.inputs.some((v) => inside.has(v.node))) continue
    inside.add(node)
    for (const v of node.inputs) use(v)
  }
  for (const v of outputs) use(v)
  const done = rewrite(outputs, (node) =>
    node.outputs.some((v) => stands.has(v)) ? node.outputs.map((v) => stands.get(v) ?? v) : undefined,
  )
  const body = new Body(
    [...own, ...stands.values()],
    outputs.map((v) => done.get(v)!),
  )
  return { outside: [...stands.keys()], body }
}

/** How a file keeps loops: the composition of `loop`, whose step `simpler` makes smaller. */
export function kept(
  simpler: (inputs: readonly Value[], outputs: readonly Value[]) => readonly Value[],
): (inputs: readonly Tensor[], attrs: never) => readonly Tensor[] {
  return (inputs, attrs) => {
    const { body, ...counts } = attrs as Repeated
    return applyAll(scanOp, inputs, { ...counts, body: new Body(body.inputs, simpler(body.inputs, body.outputs)) })
  }
}

/** The first step of a loop in place of all: enough to see which ops a program holds. */
export function once(inputs: readonly Tensor[], attrs: never): readonly Tensor[] {
  return stepped(inputs, inputs.slice(0, (attrs as Repeated).carried), 0, attrs)
}
