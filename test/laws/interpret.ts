/** A function of tensors run by the reference interpreter: compile without rounding, for tests. */
import type { NdArray } from "../../src/engine/array.ts"
import { evaluate } from "../../src/engine/evaluate.ts"
import type { Node } from "../../src/engine/graph.ts"
import type { Tensor, Variable } from "../../src/engine/tensor.ts"
import { type Graph, type TraceOptions, trace } from "../../src/engine/trace.ts"

/**
 * `fn` as a synchronous function of arrays to the list of its results, in float64 whatever the dtypes say. As a compiled
 * function does, it reads variables when it runs and writes those it assigns, and is traced once for each input spec.
 */
export function interpret<A extends readonly Tensor[]>(
  fn: (...inputs: A) => readonly Tensor[],
  options: TraceOptions = {},
): (...inputs: { readonly [K in keyof A]: NdArray }) => NdArray<"float64">[] {
  const graphs = new Map<string, Graph>()
  return (...inputs) => {
    const arrays = inputs as readonly NdArray[]
    const specs = arrays.map(({ dtype, shape }) => ({ dtype, shape }))
    const id = JSON.stringify(specs)
    const graph = graphs.get(id) ?? trace(fn as never, specs, options).graph
    graphs.set(id, graph)
    const given = new Map(graph.inputs.map((v, i) => [v.node, arrays[i]]))
    const leaves = (node: Node): NdArray | undefined =>
      given.get(node) ?? (node.attrs as { readonly variable?: Variable }).variable?.initial
    const values = evaluate([...graph.outputs, ...graph.assigned.values()], leaves)
    const written = values.slice(graph.outputs.length)
    for (const [i, variable] of [...graph.assigned.keys()].entries()) variable.initial = written[i]
    return values.slice(0, graph.outputs.length)
  }
}
