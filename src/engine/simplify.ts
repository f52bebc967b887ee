/** Graph to smaller equal graph: fused ops expanded, equal nodes merged, constants folded. Names no op. */
import { castArray, type NdArray, sizeOf, textOf } from "./array.ts"
import { attributesText, makeNode, type Node, type Op, rebuilt, topological, type Value } from "./graph.ts"
import { constant as constantOp } from "./ops/leaf.ts"
import { isSymbolic } from "./shape.ts"
import { Tensor } from "./tensor.ts"
import type { Graph } from "./trace.ts"

/** Other tensors with the same values as an op's outputs, or `undefined` where there is nothing better than the op. */
export type Composition = (inputs: readonly Tensor[], attrs: never) => readonly Tensor[] | undefined

/** The same outputs without fused ops, and with ops composed otherwise where a device knows how, by their names. */
export function expand(outputs: readonly Value[], compositions: ReadonlyMap<string, Composition> = new Map()): Value[] {
  const done = new Map<Value, Value>()
  const compose = (op: Op, inputs: readonly Tensor[], attrs: object): readonly Tensor[] | undefined =>
    compositions.get(op.name)?.(inputs, attrs as never) ?? op.expand?.(inputs, attrs)
  const visit = (roots: readonly Value[]): void => {
    for (const node of topological(roots, (n) => done.has(n.outputs[0]))) {
      const inputs = node.inputs.map((v) => done.get(v)!)
      const tensors = inputs.map((v) => new Tensor(v))
      const results = compose(node.op, tensors, node.attrs)
      if (results !== undefined) {
        // The composition may hold fused ops itself. Its inputs are done already and stand for themselves.
        for (const v of inputs) done.set(v, v)
        visit(results.map((t) => t.value))
        for (const [i, v] of node.outputs.entries()) done.set(v, done.get(results[i].value)!)
      } else {
        const next = rebuilt(node, inputs)
        for (const [i, v] of node.outputs.entries()) {
          done.set(v, next.outputs[i])
          done.set(next.outputs[i], next.outputs[i])
        }
      }
    }
  }
  visit(outputs)
  return outputs.map((v) => done.get(v)!)
}

/** Constants no larger than this are computed while the graph is made rather than at each run. */
const foldLimit = 4096

/** The smaller graph; `compositions` are a device's own, by the names of ops. */
export function simplify(graph: Graph, compositions?: ReadonlyMap<string, Composition>): Graph {
  const variables = [...graph.assigned.keys()]
  const all = expand([...graph.outputs, ...graph.assigned.values()], compositions)
  const roots = merged(all)
  return {
    inputs: graph.inputs,
    outputs: roots.slice(0, graph.outputs.length),
    assigned: new Map(variables.map((v, i) => [v, roots[graph.outputs.length + i]])),
  }
}

function merged(outputs: readonly Value[]): Value[] {
  const ids = new Map<Node, number>()
  const known = new Map<string, Node>()
  const done = new Map<Value, Value>()
  /** The first node equal to this one, whose inputs are already the first of their kind. */
  const first = (node: Node): Node => {
    if (ids.has(node)) return node
    const key = node.op.leaf === undefined || node.op.leaf === "constant" ? keyOf(node, ids) : undefined
    const before = key === undefined ? undefined : known.get(key)
    if (before !== undefined) return before
    ids.set(node, ids.size)
    if (key !== undefined) known.set(key, node)
    return node
  }
  for (const node of topological(outputs)) {
    const inputs = node.inputs.map((v) => done.get(v)!)
    let next = rebuilt(node, inputs)
    next = folded(next) ?? next
    const simpler = next.op.simplify?.(next)
    if (simpler !== undefined) {
      done.set(node.outputs[0], first(simpler.node).outputs[simpler.index])
      continue
    }
    next = first(next)
    for (const [i, v] of node.outputs.entries()) done.set(v, next.outputs[i])
  }
  return outputs.map((v) => done.get(v)!)
}

function keyOf(node: Node, ids: ReadonlyMap<Node, number>): string | undefined {
  if (node.op.leaf === "constant") {
    return textOf((node.attrs as { array: NdArray }).array)
  }
  return `${node.op.name}(${node.inputs.map((v) => `${ids.get(v.node)}.${v.index}`)})${attributesText(node.attrs)}`
}

function folded(node: Node): Node | undefined {
  if (
    node.op.leaf !== undefined ||
    node.op.expand !== undefined ||
    node.inputs.length === 0 ||
    node.outputs.length !== 1
  )
    return undefined
  const { dtype, shape } = node.outputs[0].spec
  if (shape.some(isSymbolic) || sizeOf(shape) > foldLimit) return undefined
  if (!node.inputs.every((v) => v.node.op.leaf === "constant" && sizeOf(v.spec.shape) <= foldLimit)) return undefined
  const values = node.inputs.map((v) => v.node.op.host([], v.node)[0])
  const [result] = node.op.host(values, node)
  return makeNode(constantOp, [], { array: castArray({ dtype: "float64", shape, data: result }, dtype) })
}
