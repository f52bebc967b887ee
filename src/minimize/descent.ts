/** Gradient descent, with its ways to choose the step, and with momentum. */
import { extremes } from "./lanczos.ts"
import { type Context, evaluated, type Method, MinimizeError, type Point, product, type Routine } from "./routine.ts"
import { along, dot, minus, norm, times } from "./vector.ts"
import { armijo, type WolfeOptions, wolfe, wolfeOptions } from "./wolfe.ts"

/** Options of {@link gradientDescent}. */
export interface DescentOptions extends WolfeOptions {
  /**
   * A number is the step itself. `"lipschitz"` is 1/L, L the largest curvature (in size) of the Hessian at the start: the
   * Lipschitz constant of a quadratic's gradient. `"armijo"` halves until the value has fallen enough, and begins at
   * twice the last step; `"wolfe"` searches for the strong Wolfe conditions; `"exact"` is g.g / g.H g, which is the
   * minimum along the line where f is quadratic.
   */
  readonly rate?: number | "lipschitz" | "armijo" | "wolfe" | "exact"
  /** Share of the last move that is added to the next (Polyak's heavy ball), in [0, 1); for fixed steps. */
  readonly momentum?: number
}

/** The multiple of the gradient tried first, before the function's scale is known: a move of length `first` at most. */
export function firstRate(gradient: Float64Array, first: number): number {
  return Math.min(first, first / norm(gradient))
}

/**
 * Gradient descent: x <- x - rate grad f(x) + momentum (x - the x before).
 *
 * On an L-smooth function bounded below, steps of 1/L decrease it by at least |grad f|^2 / (2 L) each; notes 004 §2 say
 * such steps converge where f is Lipschitz, without saying that L is the gradient's and that a bound below is needed
 * (docs/errata/optimisation.md).
 *
 * @throws MinimizeError when a fixed step makes the value or gradient infinite or NaN.
 */
export function gradientDescent({ rate = "armijo", momentum = 0, ...line }: DescentOptions = {}): Method {
  const name = "gradientDescent"
  const options = wolfeOptions(name, line)
  const isFixed = typeof rate === "number" || rate === "lipschitz"
  if (typeof rate === "number" && !(rate > 0 && rate < Number.POSITIVE_INFINITY))
    throw new RangeError(`${name}: got rate ${rate}, expected a positive number`)
  if (!(momentum >= 0 && momentum < 1))
    throw new RangeError(`${name}: got momentum ${momentum}, expected a number from 0, below 1`)
  if (momentum > 0 && !isFixed)
    throw new RangeError(`${name}: momentum ${momentum} needs a fixed step, got rate "${rate}" (give a number)`)

  function* fixed(start: Point, step: number): Routine<never> {
    let before = start.x
    let point = start
    while (true) {
      const moved = minus(point.x, before)
      before = point.x
      point = yield* evaluated(along(along(point.x, -step, point.gradient), momentum, moved))
      if (point.value === Number.POSITIVE_INFINITY)
        throw new MinimizeError(`${name}: steps of ${step} made the value or gradient infinite (lower the rate)`)
      yield { ...point, rate: step }
    }
  }

  return {
    name,
    *run(start: Point, context: Context) {
      if (typeof rate === "number") return yield* fixed(start, rate)
      if (rate === "lipschitz") {
        const { least, most } = yield* extremes(context, start.x)
        const L = Math.max(Math.abs(least), Math.abs(most))
        if (L === 0) throw new MinimizeError(`${name}: the Hessian at the start is 0, so 1/L is infinite (give a rate)`)
        return yield* fixed(start, 1 / L)
      }
      let point = start
      let first = firstRate(start.gradient, options.first)
      while (norm(point.gradient) > 0) {
        const direction = times(-1, point.gradient)
        if (rate === "exact") {
          const g = point.gradient
          const bend = dot(g, yield* product(context, point.x, g))
          if (!(bend > 0)) return "negative curvature"
          const step = dot(g, g) / bend
          point = yield* evaluated(along(point.x, step, direction))
          yield { ...point, rate: step }
          continue
        }
        const search = rate === "armijo" ? armijo : wolfe
        const found: (Point & { rate: number }) | undefined = yield* search(context, point, direction, {
          ...options,
          first,
        })
        if (found === undefined) return "stuck"
        first = 2 * found.rate
        const { x, value, gradient } = found
        point = { x, value, gradient }
        yield { ...point, rate: found.rate }
      }
      return "stuck"
    },
  }
}
