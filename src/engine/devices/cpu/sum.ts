/** Additions that an op before them does in passing: a convolution or a scaling adds a tensor at no cost. */
import { makeNode, type Node, type Op, rebuilt, topological, type Value } from "../../graph.ts"
import { sameShape } from "../../shape.ts"
import { type Graph, roots } from "../../trace.ts"
import { type Affine, affine } from "./affine.ts"
import { convolution, type Extras } from "./conv.ts"

/** The graph with additions folded into the convolutions and scalings whose results they add to. */
export function foldSums(graph: Graph): Graph {
  const all = roots(graph)
  const uses = new Map<Value, number>()
  const count = (v: Value): void => void uses.set(v, (uses.get(v) ?? 0) + 1)
  const nodes = topological(all)
  for (const node of nodes) for (const v of node.inputs) count(v)
  for (const v of all) count(v)

  const done = new Map<Value, Value>()
  /** `v + other` without an addition, where `v` is used for nothing else. */
  const absorbed = (v: Value, other: Value): Value | undefined => {
    const { op, attrs, inputs } = v.node
    if (op.name !== convolution.name && op.name !== affine.name) return undefined
    const { sum, activation } = attrs as Extras & Partial<Affine>
    if (activation !== undefined && activation !== "") return undefined
    if (!sum) return makeNode(op as Op, [...inputs, other], { ...attrs, sum: true }).outputs[0]
    const rest = inputs[inputs.length - 1]
    if (!isOnce.has(rest)) return undefined
    const inner = absorbed(rest, other)
    return inner && rebuilt(v.node, [...inputs.slice(0, -1), inner]).outputs[0]
  }
  /** New values that stand for old ones with a single use. */
  const isOnce = new Set<Value>()
  const place = (old: Value, value: Value): void => {
    done.set(old, value)
    if (uses.get(old) === 1) isOnce.add(value)
  }
  for (const node of nodes) {
    const inputs = node.inputs.map((v) => done.get(v)!)
    const folded = foldedSum(node, inputs, isOnce, absorbed)
    if (folded !== undefined) {
      place(node.outputs[0], folded)
      continue
    }
    const next = rebuilt(node, inputs)
    for (const [i, v] of node.outputs.entries()) place(v, next.outputs[i])
  }
  return {
    inputs: graph.inputs,
    outputs: graph.outputs.map((v) => done.get(v)!),
    assigned: new Map([...graph.assigned].map(([variable, v]) => [variable, done.get(v)!])),
  }
}

function foldedSum(
  node: Node,
  inputs: readonly Value[],
  isOnce: ReadonlySet<Value>,
  absorbed: (v: Value, other: Value) => Value | undefined,
): Value | undefined {
  if (node.op.name !== "add" || inputs[0] === inputs[1]) return undefined
  const { shape } = node.outputs[0].spec
  if (!inputs.every((v) => sameShape(v.spec.shape, shape))) return undefined
  // The later of two is computed on top of the earlier: it is the one that takes the other in.
  const [a, b] = inputs
  return (isOnce.has(b) ? absorbed(b, a) : undefined) ?? (isOnce.has(a) ? absorbed(a, b) : undefined)
}
