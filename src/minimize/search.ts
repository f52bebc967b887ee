/** One line search for whoever has a direction. */
import { type At, asked, type Problem } from "./curvature.ts"
import { evaluated, MinimizeError } from "./routine.ts"
import { armijo, type Trial, type WolfeOptions, wolfe, wolfeOptions } from "./wolfe.ts"

/** Options of {@link lineSearch}. */
export interface LineSearchOptions extends WolfeOptions {
  /** The strong Wolfe conditions, or Armijo's alone by halving. */
  readonly condition?: "wolfe" | "armijo"
}

/** What {@link lineSearch} gives: the step and the point it leads to, with value, gradient and slope along the line. */
export type LineSearch = Trial

/**
 * A step a along a direction p [n] of descent that satisfies the strong Wolfe conditions
 * f(x + a p) <= f(x) + c1 a p.grad f(x) and |p.grad f(x + a p)| <= c2 |p.grad f(x)|, or the first of them alone
 * (Armijo's). The notes (003, D3.15) leave c1 and c2 open: 1e-4 and 0.9, Nocedal and Wright's for quasi-Newton methods.
 *
 * @throws MinimizeError where the direction does not descend, or no step does in this precision.
 */
export function lineSearch<T>(
  problem: Problem<T>,
  x: At<T>,
  direction: ArrayLike<number>,
  { condition = "wolfe", ...options }: LineSearchOptions = {},
): LineSearch {
  const line = wolfeOptions("lineSearch", options)
  const p = Float64Array.from(direction)
  return asked(problem, x, function* (context, at) {
    if (p.length !== at.length)
      throw new RangeError(`lineSearch: the direction has ${p.length} elements, the point has ${at.length}`)
    const from = yield* evaluated(at)
    const found = yield* (condition === "wolfe" ? wolfe : armijo)(context, from, p, line)
    if (found === undefined)
      throw new MinimizeError("lineSearch: no step along the direction decreases the value (is it one of descent?)")
    return found
  })
}
