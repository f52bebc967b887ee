/** Activations that are compositions of primitives. */
import { apply, expectDtype, floats, type Op } from "../graph.ts"
import { greater, where } from "../ops/compare.ts"
import { erf, exp, sigmoid, softplus, tanh } from "../ops/elementwise.ts"
import type { Tensor } from "../tensor.ts"
import { fused } from "./fused.ts"

interface None {
  readonly [key: string]: never
}
interface Slope {
  readonly slope: number
}

function activation<A extends object>(name: string, doc: string, fn: (x: Tensor, attrs: A) => Tensor): Op<A> {
  return fused<A>(name, doc, ([x], attrs) => {
    expectDtype(name, [x.value.spec], floats)
    return fn(x, attrs)
  })
}

const siluOp = activation<None>("silu", "x * sigmoid(x)", (x) => x.mul(sigmoid(x)))
const geluOp = activation<None>("gelu", "x * Phi(x)", (x) => x.mul(erf(x.mul(Math.SQRT1_2)).add(1)).mul(0.5))
const geluTanhOp = activation<None>("geluTanh", "GELU by its tanh approximation", (x) =>
  tanh(x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI)))
    .add(1)
    .mul(x)
    .mul(0.5),
)
const leakyReluOp = activation<Slope>("leakyRelu", "x, or slope * x below 0", (x, { slope }) =>
  where(greater(x, 0), x, x.mul(slope)),
)
const eluOp = activation<Slope>("elu", "x, or slope * (e^x - 1) below 0", (x, { slope }) => {
  const above = greater(x, 0)
  // The exponent is held at 0 where it is not used: an overflow there would reach the gradient as 0 * infinity.
  return where(
    above,
    x,
    exp(where(above, 0, x))
      .sub(1)
      .mul(slope),
  )
})
const mishOp = activation<None>("mish", "x * tanh(softplus(x))", (x) => x.mul(tanh(softplus(x))))

/** SiLU or swish, x * sigmoid(x). */
export function silu(x: Tensor): Tensor {
  return apply(siluOp, [x], {})
}

/** GELU, x * Phi(x); `approximate` uses the tanh form. Source: Hendrycks and Gimpel 2016. */
export function gelu(x: Tensor, { approximate = false }: { readonly approximate?: boolean } = {}): Tensor {
  return apply(approximate ? geluTanhOp : geluOp, [x], {})
}

/** Leaky rectifier: x above 0, slope * x below; the gradient at 0 is the slope. */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  return apply(leakyReluOp, [x], { slope })
}

/** Exponential linear unit: x above 0, alpha (e^x - 1) below; the gradient at 0 is alpha. */
export function elu(x: Tensor, alpha = 1): Tensor {
  return apply(eluOp, [x], { slope: alpha })
}

/** Mish, x * tanh(softplus(x)). */
export function mish(x: Tensor): Tensor {
  return apply(mishOp, [x], {})
}

/** All records of this file. */
export const activationOps: readonly Op[] = [siluOp, geluOp, geluTanhOp, leakyReluOp, eluOp, mishOp] as readonly Op[]
