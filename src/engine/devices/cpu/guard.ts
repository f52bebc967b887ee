/** Values that are exact only while a number stays below 0: the program tells, and then runs another way. */
import { apply, type Op, rewrite, type Value } from "../../graph.ts"
import { lessEqual, logicalNot } from "../../ops/compare.ts"
import { concat } from "../../ops/movement.ts"
import { Tensor } from "../../tensor.ts"
import { type Graph, roots } from "../../trace.ts"

const guardOp: Op<object> = {
  name: "cpu.guard",
  doc: "the first of two values, to be trusted where no element of the second is above 0",
  spec: ([x]) => [x],
  grad: () => [],
  onnx: (_, [x]) => [x],
  host: ([x]) => [x],
}

/** `x`, to be trusted only where no element of `risk` is above 0, or NaN. */
export function guarded(x: Tensor, risk: Tensor): Tensor {
  // The largest of numbers of which one is NaN may be any of them.
  const isRisky = logicalNot(lessEqual(risk, 0)).cast(x.dtype)
  return apply(guardOp, [x, isRisky.max().reshape([1])], {})
}

/** The program with the largest of all risks as one output more, where it has any. */
export function withGuard(graph: Graph): { readonly graph: Graph; readonly isGuarded: boolean } {
  const risks = new Set<Value>()
  const done = rewrite(roots(graph), (node) => {
    if (node.op.name !== guardOp.name) return undefined
    risks.add(node.inputs[1])
    return [node.inputs[0]]
  })
  if (risks.size === 0) return { graph, isGuarded: false }
  const worst = concat([...risks].map((v) => new Tensor(v))).max().value
  const outputs = [...graph.outputs.map((v) => done.get(v)!), worst]
  const assigned = new Map([...graph.assigned].map(([variable, v]) => [variable, done.get(v)!]))
  return { graph: { inputs: graph.inputs, outputs, assigned }, isGuarded: true }
}
