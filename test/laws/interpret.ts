/** A function of tensors run by the reference interpreter: compile without rounding, for tests. */
import type { NdArray } from "../../src/engine/array.ts"
import { evaluate } from "../../src/engine/evaluate.ts"
import type { Node } from "../../src/engine/graph.ts"
import type { Tensor, Variable } from "../../src/engine/tensor.ts"
import { type Graph, type TraceOptions, trace } from "../../src/engine/trace.ts"

/**
 * `fn` as a synchronous function of arrays to the list of its results, in float64 whatever the dtypes say. As a compiled
 * function does, it reads variables when it runs and writes those it assigns. It is traced once.
 */
export function interpret<A extends readonly Tensor[]>(
  fn: (...inputs: A) => readonly Tensor[],
  options: TraceOptions = {},
): (...inputs: { readonly [K in keyof A]: NdArray }) => NdArray<"float64">[] {
  let graph: Graph | undefined
  return (...inputs) => {
    const arrays = inputs as readonly NdArray[]
    graph ??= trace(
      fn as never,
      arrays.map(({ dtype, shape }) => ({ dtype, shape })),
      options,
    ).graph
    const given = new Map(graph.inputs.map((v, i) => [v.node, arrays[i]]))
    const leaves = (node: Node): NdArray | undefined =>
      given.get(node) ?? (node.attrs as { readonly variable?: Variable }).variable?.initial
    const values = evaluate([...graph.outputs, ...graph.assigned.values()], leaves)
    const written = values.slice(graph.outputs.length)
    for (const [i, variable] of [...graph.assigned.keys()].entries()) variable.initial = written[i]
    return values.slice(0, graph.outputs.length)
  }
}
