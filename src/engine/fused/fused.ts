/** Fused ops: names for compositions. Shape, gradient, lowering and value all come from the composition itself. */
import { applyAll, type Differentiate, floats, type GradientSite, type Op, rewrite, type Spec } from "../graph.ts"
import { placeholder, type Tensor } from "../tensor.ts"

type Expand<A extends object> = (inputs: readonly Tensor[], attrs: A) => Tensor | readonly Tensor[]

function listOf(result: Tensor | readonly Tensor[]): readonly Tensor[] {
  return Array.isArray(result) ? result : [result as Tensor]
}

function standIns(specs: readonly Spec[]): Tensor[] {
  return specs.map((spec, i) => placeholder(`x${i}`, spec))
}

/**
 * The record of a fused op. It stays one node through differentiation, so that a device which knows its name may do
 * better; every other pass sees the composition. Its gradient is again a fused op, named `<name>.grad`.
 */
export function fused<A extends object>(name: string, doc: string, expand: Expand<A>): Op<A> {
  let gradient: Op<GradientAttrs<A>> | undefined
  const op: Op<A> = {
    name,
    doc,
    expand: (inputs, attrs) => listOf(expand(inputs, attrs)),
    spec: (specs, attrs) => listOf(expand(standIns(specs), attrs)).map((t) => t.value.spec),
    grad: (site) => {
      gradient ??= gradientOf(op, site.differentiate)
      return differentiated(op, gradient, site)
    },
    onnx: () => unexpanded(name),
    host: () => unexpanded(name),
  }
  return op
}

interface GradientAttrs<A> {
  readonly attrs: A
  /** How many of the inputs are those of the differentiated op; the rest are gradients of its outputs. */
  readonly inputs: number
  /** Which outputs the loss depends on. */
  readonly seeded: readonly boolean[]
  /** Which inputs have a gradient. */
  readonly live: readonly number[]
}

function gradientOf<A extends object>(op: Op<A>, differentiate: Differentiate): Op<GradientAttrs<A>> {
  return fused(`${op.name}.grad`, `gradient of ${op.name}`, (all, { attrs, inputs, seeded, live }) => {
    // One input may depend on another (a layer used twice: its second input on its weight). What it owes to that one
    // is for the rules of the nodes between them to say, so here every input stands for itself.
    const stands = standIns(all.map((t) => t.value.spec))
    const xs = stands.slice(0, inputs)
    const seeds = stands.slice(inputs)
    let next = 0
    const weights = seeded.map((has) => (has ? seeds[next++] : null))
    const grads = differentiate(op.expand!(xs, attrs), weights, xs)
    const found = live.map((i) => grads[i]!.value)
    const given = new Map(stands.map((t, i) => [t.value.node, [all[i].value]]))
    const done = rewrite(found, (node) => given.get(node))
    return found.map((v) => all[0].derive(done.get(v)!))
  })
}

function differentiated<A extends object>(
  op: Op<A>,
  gradient: Op<GradientAttrs<A>>,
  { grads, inputs, attrs, differentiate }: GradientSite<A>,
): (Tensor | null)[] {
  const xs = standIns(inputs.map((t) => t.value.spec))
  const ys = op.expand!(xs, attrs)
  const weights = grads.map((g) => g && placeholder("g", g.value.spec))
  const found = differentiate(ys, weights, xs)
  const live = inputs.map((_, i) => i).filter((i) => found[i] !== null && floats.includes(inputs[i].dtype))
  if (live.length === 0) return inputs.map(() => null)
  const seeds = grads.filter((g) => g !== null)
  const seeded = grads.map((g) => g !== null)
  const out = applyAll(gradient, [...inputs, ...seeds], { attrs, inputs: inputs.length, seeded, live })
  return inputs.map((_, i) => (live.includes(i) ? out[live.indexOf(i)] : null))
}

function unexpanded(name: string): never {
  throw new Error(`${name}: a fused op reached a pass that should have been given its composition`)
}
