/** Jacobians and Hessians: gradients of every element of an output, as programs. */
import { fromNumbers } from "./array.ts"
import { differentiate, grad } from "./grad.ts"
import { floats } from "./graph.ts"
import { stack } from "./ops/movement.ts"
import { formatShape, isSymbolic, UsageError } from "./shape.ts"
import { constant, type Tensor } from "./tensor.ts"

type Arguments<A extends readonly Tensor[]> = (...inputs: A) => Tensor

/**
 * The Jacobian of a function with respect to its first argument, as a function of the same arguments:
 * J[i..., j...] = d y[i...] / d x[j...], of shape `[...y, ...x]`. This is the numerator layout, in which
 * J of f(g(x)) is J_f J_g; the notes declare its transpose (denominator layout), in which the order is the other way
 * round. One backward pass an element of y: meant for small outputs.
 *
 * @example compile(jacobian((x: Tensor) => x.square()))([1, 2, 3]) // [[2, 0, 0], [0, 4, 0], [0, 0, 6]]
 * @throws UsageError when an argument or the output is not a float, or a size is not known.
 */
export function jacobian<A extends readonly [Tensor, ...Tensor[]]>(fn: Arguments<A>): Arguments<A> {
  return (...inputs) => {
    const [x] = inputs
    const y = fn(...inputs)
    for (const [what, t] of [
      ["argument", x],
      ["output", y],
    ] as const) {
      if (!floats.includes(t.dtype)) throw new UsageError(`jacobian: the ${what} is ${t.dtype}, expected a float`)
      if (t.shape.some(isSymbolic))
        throw new UsageError(`jacobian: the ${what} is ${formatShape(t.shape)}, expected sizes that are known`)
    }
    const flat = y.reshape([-1])
    const rows = Array.from({ length: flat.shape[0] }, (_, i) => {
      const unit = new Float64Array(flat.shape[0])
      unit[i] = 1
      const [row] = differentiate([flat], [constant(fromNumbers(y.dtype, flat.shape, unit))], [x])
      return (row ?? constant(0, x.dtype).broadcastTo(x.shape)).reshape([-1])
    })
    return stack(rows).reshape([...y.shape, ...x.shape])
  }
}

/**
 * The Hessian of a scalar function with respect to its first argument, as a function of the same arguments:
 * H[i..., j...] = d^2 f / d x[i...] d x[j...], of shape `[...x, ...x]`, symmetric. The gradient is differentiated once for
 * every element of x.
 *
 * @throws UsageError as {@link jacobian} and when the function's value is not a scalar.
 */
export function hessian<A extends readonly [Tensor, ...Tensor[]]>(fn: Arguments<A>): Arguments<A> {
  return jacobian(grad(fn))
}
