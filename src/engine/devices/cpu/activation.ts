/** Activations that the runtime computes in one pass, and their slopes. */
import { apply, type Op, primitive } from "../../graph.ts"
import { elementwiseOps, erf, sigmoid } from "../../ops/elementwise.ts"
import type { Composition } from "../../simplify.ts"
import type { Tensor } from "../../tensor.ts"
import { type Affine, affine } from "./affine.ts"
import { alike } from "./blind.ts"
import { joined, partsOf, slices } from "./concat.ts"
import type { Rule } from "./layout.ts"

/** Operators that ONNX Runtime adds to the standard ones. */
export const extraDomain = "com.microsoft"

const erfOp = elementwiseOps.find((op) => op.name === "erf")!

/** SiLU in one pass. */
export const silu: Op<object> = primitive<object>({
  name: "cpu.silu",
  doc: "x * sigmoid(x)",
  spec: ([x]) => x,
  grad: () => [],
  onnx: (emit, [x]) => emit.node("QuickGelu", [x], { alpha: { float: 1 } }, extraDomain),
  host: ([x]) => x.map((v) => (v >= 0 ? v / (1 + Math.exp(-v)) : (v * Math.exp(v)) / (1 + Math.exp(v)))),
})

/** sigmoid(-x), from what x was scaled from where that is known: then x itself need not be kept. */
function complement(x: Tensor): Tensor {
  const { op, attrs, inputs } = x.value.node
  const { activation, factor, shift, sum } = attrs as Affine
  if (op.name !== affine.name || activation !== "" || !factor || sum) return sigmoid(x.neg())
  const [from, ...vectors] = inputs.map((v) => x.derive(v))
  return apply(affine, [from, ...vectors.map((v) => v.neg())], { factor, shift, sum, activation: "Sigmoid" })
}

const forward: Composition = ([x]) =>
  x.dtype === "float32" ? [joined(partsOf(x).map((p) => apply(silu, [p], {})))] : undefined

/** The slope is s + y (1 - s) with y the value and s the sigmoid: 1 + n (y - 1) with n = 1 - s, one pass less. */
const backward: Composition = ([x, g]) => {
  if (x.dtype !== "float32") return undefined
  const parts = partsOf(x)
  const slopes = slices(g, parts)
  const grads = parts.map((p, i) => {
    const y = apply(silu, [p], {})
    return slopes[i].mul(y.sub(1).mul(complement(p)).add(1))
  })
  return [joined(grads)]
}

const gelu: Op<object> = primitive<object>({
  name: "cpu.gelu",
  doc: "x * Phi(x)",
  spec: ([x]) => x,
  grad: () => [],
  onnx: (emit, [x]) => emit.node("Gelu", [x], {}, extraDomain),
  host: ([x], node) => {
    const { inputs } = node
    const [phi] = erfOp.host([x.map((v) => v * Math.SQRT1_2)], { ...node, op: erfOp, inputs, attrs: {} })
    return x.map((v, i) => (v * (1 + phi[i])) / 2)
  },
})

const geluForward: Composition = ([x]) => (x.dtype === "float32" ? [apply(gelu, [x], {})] : undefined)

/** The slope is Phi(x) + x phi(x): with u = x / sqrt(2), (1 + erf(u)) / 2 + u exp(-u^2) / sqrt(pi). */
const geluBackward: Composition = ([x, g]) => {
  if (x.dtype !== "float32") return undefined
  const u = x.mul(Math.SQRT1_2)
  const bell = x
    .like(-Math.log(Math.PI) / 2)
    .sub(u.square())
    .exp()
  return [erf(u).mul(0.5).add(u.mul(bell)).add(0.5).mul(g)]
}

/** Compositions of activations. */
export const activationCompositions: ReadonlyMap<string, Composition> = new Map<string, Composition>([
  ["silu", forward],
  ["silu.grad", backward],
  ["gelu", geluForward],
  ["gelu.grad", geluBackward],
])

/** Rules of the ops of this file. */
export const activationRules: ReadonlyMap<string, Rule> = new Map<string, Rule>([[silu.name, alike]])
