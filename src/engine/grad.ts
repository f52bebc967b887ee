/** Reverse-mode differentiation: new nodes of the same ops, appended to the program that is differentiated. */
import { type Differentiate, floats, type Node, topological, type Value } from "./graph.ts"
import { formatShape, UsageError } from "./shape.ts"
import { constant, Tensor } from "./tensor.ts"

/** Gradients of a weighted sum of outputs; every rule is asked of the record, which may itself differentiate. */
export const differentiate: Differentiate = (outputs, seeds, wrt) => {
  const order = topological(outputs.map((t) => t.value))
  const needed = dependents(order, new Set(wrt.map((t) => t.value)))
  const parts = new Map<Value, Tensor[]>()
  const accumulate = (value: Value, g: Tensor): void => {
    const before = parts.get(value)
    if (before === undefined) parts.set(value, [g])
    else before.push(g)
  }
  const total = (value: Value): Tensor | null => {
    const all = parts.get(value)
    if (all === undefined) return null
    if (all.length > 1) parts.set(value, [added(all)])
    return parts.get(value)![0]
  }
  for (const [i, t] of outputs.entries()) if (seeds[i] !== null) accumulate(t.value, seeds[i]!)
  for (const node of order.reverse()) {
    if (node.op.leaf !== undefined || !needed.has(node)) continue
    const own = node.outputs.map(total)
    if (own.every((g) => g === null)) continue
    const inputGrads = node.op.grad({
      grads: own,
      inputs: node.inputs.map((v) => new Tensor(v)),
      outputs: node.outputs.map((v) => new Tensor(v)),
      attrs: node.attrs,
      differentiate,
    })
    for (const [i, g] of inputGrads.entries()) {
      if (g !== null && needed.has(node.inputs[i].node)) accumulate(node.inputs[i], g)
    }
  }
  return wrt.map((t) => total(t.value))
}

/** The sum of what a value owes to each of its uses. */
function added(all: readonly Tensor[]): Tensor {
  const { op } = all[0].value.node
  const better = all.every((t) => t.value.node.op === op) ? op.sum?.(all) : undefined
  return better ?? all.reduce((a, b) => a.add(b))
}

/** Nodes on a path from the values asked about: all others need no gradient. */
function dependents(order: readonly Node[], wrt: ReadonlySet<Value>): Set<Node> {
  const needed = new Set<Node>()
  for (const node of order) {
    if (node.outputs.some((v) => wrt.has(v)) || node.inputs.some((v) => needed.has(v.node))) needed.add(node)
  }
  return needed
}

/**
 * Gradients of a scalar with respect to tensors or variables of its program, each of the shape of its tensor;
 * zeros where the scalar does not depend on it.
 *
 * @throws UsageError when `loss` is not a scalar or a tensor is not a float.
 */
export function gradients(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  if (loss.shape.length > 0) {
    throw new UsageError(
      `gradients: got a loss of shape ${formatShape(loss.shape)}, expected a scalar (take its sum or mean)`,
    )
  }
  for (const t of wrt) {
    if (!floats.includes(t.dtype)) throw new UsageError(`gradients: cannot differentiate with respect to ${t.dtype}`)
  }
  return differentiate([loss], [loss.like(1)], wrt).map(
    (g, i) => g ?? constant(0, wrt[i].dtype).broadcastTo(wrt[i].shape),
  )
}

type Arguments<A extends readonly Tensor[]> = (...inputs: A) => Tensor

/**
 * The gradient of a scalar function with respect to its first argument, as a function of the same arguments. It is
 * traced like any other, so `grad(grad(f))` works.
 */
export function grad<A extends readonly [Tensor, ...Tensor[]]>(fn: Arguments<A>): Arguments<A> {
  return (...inputs) => valueAndGrad(fn)(...inputs)[1]
}

/** As {@link grad}, giving the value too: `[value, gradient]`. */
export function valueAndGrad<A extends readonly [Tensor, ...Tensor[]]>(
  fn: Arguments<A>,
): (...inputs: A) => [Tensor, Tensor] {
  return (...inputs) => {
    const loss = fn(...inputs)
    return [loss, gradients(loss, [inputs[0]])[0]]
  }
}
