/**
 * The backpropagation graph of a scalar program, built the way it is drawn on paper: a red node for the derivative of
 * every node by every one of its inputs on a way to the loss, then a brown node for the derivative of the loss by every
 * node, which sums over the ways. (The engine's `gradients` does both steps at once.)
 *
 * Run it with Node 22.18 or later: node examples/backpropagation.ts
 */
import { compile, exp, gradients, mul, sin, type Tensor } from "../src/index.ts" // in your project: from "tweedie"

/** A graph by the names of its nodes, and the program that computes its red and brown nodes. */
export interface BackpropagationGraph {
  /** Red: `∂o/∂n` holding the other inputs of o fixed. */
  readonly partials: Readonly<Record<string, Tensor>>
  /** Brown: `dL/dn` over all ways from n to the loss. */
  readonly totals: Readonly<Record<string, Tensor>>
  /** Every arrow, from the node that is needed to the node that needs it. */
  readonly edges: readonly (readonly [from: string, to: string])[]
}

/**
 * The backpropagation graph of `loss`, one of the named scalars. A node whose only way to the loss is one arrow needs no
 * brown node: its red one is already the whole derivative.
 *
 * @throws RangeError when a node on a way to the loss has no name or is no scalar.
 */
export function backpropagation(named: Readonly<Record<string, Tensor>>, loss: string): BackpropagationGraph {
  const nameOf = new Map(Object.entries(named).map(([name, t]) => [t.value.node, name] as const))
  const tensorOf = (name: string): Tensor => named[name]
  const partials: Record<string, Tensor> = {}
  const totals: Record<string, Tensor> = {}
  const edges: [string, string][] = []
  /** The nodes each named node goes into, the last first. */
  const outputs = new Map<string, Set<string>>()
  const order: string[] = []

  // Red: from the loss backward, every arrow n -> o gets a node ∂o/∂n that needs both its ends.
  const visit = (name: string): void => {
    if (order.includes(name)) return
    const o = tensorOf(name)
    const { node } = o.value
    if (o.shape.length > 0) throw new RangeError(`backpropagation: ${name} is of shape [${o.shape}], expected a scalar`)
    const rules = node.op.leaf === undefined ? localDerivatives(o) : []
    for (const [i, { node: input }] of node.inputs.entries()) {
      if (input.op.leaf === "constant") continue
      const n = nameOf.get(input)
      if (n === undefined) throw new RangeError(`backpropagation: ${name} needs a ${input.op.name} that has no name`)
      const red = `∂${name}/∂${n}`
      const slope = rules[i] ?? o.like(0)
      if (partials[red] === undefined) edges.push([n, name], [n, red], [name, red])
      // A node that goes into o twice, as in n * n, is one arrow with the sum of both.
      partials[red] = partials[red] === undefined ? slope : partials[red].add(slope)
      outputs.set(n, (outputs.get(n) ?? new Set()).add(name))
    }
    for (const { node: input } of node.inputs) if (nameOf.has(input)) visit(nameOf.get(input)!)
    order.push(name)
  }
  visit(loss)

  // Brown: from the loss backward, dL/dn needs ∂o/∂n and dL/do of every o that n goes into.
  totals[loss] = tensorOf(loss).like(1)
  const brown = new Map<string, string>()
  for (const n of order.reverse()) {
    const into = [...(outputs.get(n) ?? [])]
    if (into.length === 0) continue
    totals[n] = into.map((o) => mul(totals[o], partials[`∂${o}/∂${n}`])).reduce((a, b) => a.add(b))
    if (into.length === 1 && into[0] === loss) {
      brown.set(n, `∂${loss}/∂${n}`)
      continue
    }
    const total = `d${loss}/d${n}`
    brown.set(n, total)
    for (const o of into) {
      edges.push([`∂${o}/∂${n}`, total])
      if (o !== loss) edges.push([brown.get(o)!, total])
    }
  }
  return { partials, totals, edges }
}

/** Derivatives of a node by each of its inputs, from the op's own gradient rule. */
function localDerivatives(o: Tensor): readonly (Tensor | null)[] {
  const { node } = o.value
  return node.op.grad({
    grads: [o.like(1)],
    inputs: node.inputs.map((v) => o.derive(v)),
    outputs: [o],
    attrs: node.attrs,
    differentiate: () => {
      throw new RangeError(`backpropagation: ${node.op.name} is a composition; write its parts as nodes`)
    },
  })
}

/** The diamond x -> a, b -> L = a b with a = sin x and b = e^x, beside what `gradients` says. */
export async function main(x = 0.5): Promise<string> {
  let edges: BackpropagationGraph["edges"] = []
  const run = compile((x: Tensor) => {
    const [a, b] = [sin(x), exp(x)]
    const L = a.mul(b)
    const graph = backpropagation({ x, a, b, L }, "L")
    edges = graph.edges
    return { partials: graph.partials, totals: graph.totals, engine: gradients(L, [x])[0] }
  })
  const { partials, totals, engine } = await run(x)
  await run.dispose()
  const lines = edges.map(([from, to]) => `${from} -> ${to}`)
  const numbers = Object.entries({ ...partials, "dL/dx": totals.x, "dL/dx by the engine": engine })
  return [...lines, ...numbers.map(([name, value]) => `${name} = ${Number(value.data[0]).toFixed(6)}`)].join("\n")
}

if (process.argv[1] === import.meta.filename) console.log(await main())
