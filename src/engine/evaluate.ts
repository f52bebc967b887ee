/** The reference interpreter: every op's plain float64 meaning, one node after another. The oracle of the tests. */
import { array, castArray, type NdArray, toNumbers } from "./array.ts"
import { type Node, topological, type Value } from "./graph.ts"
import { expand } from "./simplify.ts"
import type { Tensor } from "./tensor.ts"

/** Values of leaves: inputs, variables and random draws; constants know their own. */
export type Leaves = (node: Node) => NdArray | undefined

/**
 * The given graph outputs as a function of leaves: prepared once, for whoever asks for their float64 values often.
 *
 * @throws Error, when asked, for a leaf that has no value.
 */
export function evaluator(outputs: readonly Value[]): (leaves?: Leaves) => NdArray<"float64">[] {
  const roots = expand(outputs)
  const order = topological(roots)
  return (leaves = () => undefined) => {
    const results = new Map<Value, Float64Array>()
    for (const node of order) {
      const given = node.op.leaf === undefined ? undefined : leaves(node)
      if (given !== undefined) {
        results.set(node.outputs[0], toNumbers(given))
        continue
      }
      if (node.op.leaf !== undefined && node.op.leaf !== "constant")
        throw new Error(`evaluate: ${node.op.leaf} leaf has no value`)
      const values = node.op.host(
        node.inputs.map((v) => results.get(v)!),
        node,
      )
      for (const [i, v] of node.outputs.entries()) results.set(v, values[i])
    }
    return roots.map((v) => array("float64", v.spec.shape, results.get(v)!))
  }
}

/**
 * Values of the given graph outputs in float64.
 *
 * @throws Error when a leaf has no value.
 */
export function evaluate(outputs: readonly Value[], leaves?: Leaves): NdArray<"float64">[] {
  return evaluator(outputs)(leaves)
}

/** Value of a tensor that depends on constants and variables alone, on the host, in float64 rounded to its dtype. */
export function hostValue(tensor: Tensor): NdArray {
  const [value] = evaluate([tensor.value], ({ op, attrs }) =>
    op.leaf === "variable" ? (attrs as { variable: { initial: NdArray } }).variable.initial : undefined,
  )
  return castArray(value, tensor.dtype)
}
