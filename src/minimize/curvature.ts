/** What a function's slopes and curvatures say of how fast it can be minimised: L, mu, their ratio, and the PL constant. */
import type { Feed } from "../engine/compile.ts"
import type { Tensor } from "../engine/tensor.ts"
import { type Definiteness, definiteness } from "../linalg/definite.ts"
import { real } from "../linalg/matrix.ts"
import { type Extremes, extremes, type LanczosOptions } from "./lanczos.ts"
import { answer, contextOf, type Objective } from "./objective.ts"
import { type Asking, type Context, evaluated, hessian, MinimizeError } from "./routine.ts"
import { prepared } from "./run.ts"
import { dot } from "./vector.ts"

/** A function on the host, or one of tensors, whose argument is a T. */
export type Problem<T> = Objective | ((x: T) => Tensor)

/** A point of a {@link Problem}: plain numbers, or what the function of tensors takes. */
export type At<T> = ArrayLike<number> | Feed<T>

/** Runs a computation that asks, on a function on the host. */
export function asked<T, R>(
  problem: Problem<T>,
  at: At<T>,
  routine: (context: Context, x: Float64Array) => Asking<R>,
): R {
  const { objective, flat } = prepared(problem, at)
  const run = routine(contextOf(objective), flat)
  let next = run.next()
  while (next.done !== true) next = run.next(answer(objective, next.value))
  return next.value
}

/**
 * Smallest and largest eigenvalue of the Hessian at a point, by Lanczos's method from Hessian-vector products; exact to
 * rounding where the unknowns are at most `maxProducts`, between the true ones otherwise.
 */
export function curvatureAt<T>(problem: Problem<T>, x: At<T>, options: LanczosOptions = {}): Extremes {
  return asked(problem, x, (context, at) => extremes(context, at, options))
}

/**
 * The Lipschitz constant of the gradient, as far as these points show it: the largest |eigenvalue| of the Hessian at any
 * of them. A lower bound of L over any region that holds them; of a quadratic, L itself. Steps of 1/L decrease an
 * L-smooth function by |grad f|^2 / (2 L) at least.
 */
export function lipschitz<T>(problem: Problem<T>, points: readonly At<T>[], options: LanczosOptions = {}): number {
  return most("lipschitz", points, (x) => {
    const { least, most } = curvatureAt(problem, x, options)
    return Math.max(Math.abs(least), Math.abs(most))
  })
}

/**
 * The constant mu of strong convexity, as far as these points show it: the smallest eigenvalue of the Hessian at any of
 * them. An upper bound of mu over any region that holds them; not positive where the function is not strongly convex.
 */
export function strongConvexity<T>(
  problem: Problem<T>,
  points: readonly At<T>[],
  options: LanczosOptions = {},
): number {
  return -most("strongConvexity", points, (x) => -curvatureAt(problem, x, options).least)
}

function most<P>(where: string, points: readonly P[], of: (x: P) => number): number {
  if (points.length === 0) throw new RangeError(`${where}: got no points, expected at least one`)
  return points.reduce((found, x) => Math.max(found, of(x)), Number.NEGATIVE_INFINITY)
}

/**
 * Condition number of the Hessian at a point, max |lambda| / min |lambda|: about how many steps of gradient descent gain
 * a factor of e. Infinity where the Hessian is singular to rounding; the notes (004 §2) define it for semi-definite
 * Hessians, whose smallest eigenvalue may be 0. Needs a definite Hessian.
 *
 * @throws MinimizeError where the Hessian has eigenvalues of both signs: the smallest in size is then not at an end.
 */
export function conditionAt<T>(problem: Problem<T>, x: At<T>, options: LanczosOptions = {}): number {
  const { least, most } = curvatureAt(problem, x, options)
  const [small, large] = [Math.min(Math.abs(least), Math.abs(most)), Math.max(Math.abs(least), Math.abs(most))]
  if (small <= 1e-14 * large) return Number.POSITIVE_INFINITY
  if (least < 0 && most > 0) {
    throw new MinimizeError(
      `conditionAt: the Hessian has eigenvalues from ${least} to ${most}, expected one sign (use linalg's cond of the Hessian)`,
    )
  }
  return large / small
}

/** The Hessian at a point as plain numbers, [n, n] row by row. */
export function hessianAt<T>(problem: Problem<T>, x: At<T>): Float64Array {
  return asked(problem, x, hessian)
}

/** Definiteness of the Hessian at a point: what kind of stationary point it is, where it is one. */
export function definitenessAt<T>(
  problem: Problem<T>,
  x: At<T>,
  options: { readonly tolerance?: number } = {},
): Definiteness {
  const h = hessianAt(problem, x)
  const n = Math.round(Math.sqrt(h.length))
  return definiteness(real([n, n], h), options)
}

/**
 * The constant mu of the Polyak-Lojasiewicz condition |grad f|^2 / 2 >= mu (f - minimum), as far as these points show it:
 * the least |grad f|^2 / (2 (f - minimum)) at any of them. An upper bound of mu over any region that holds them. Where it
 * holds with mu > 0, steps of 1/L reach f - minimum <= (1 - mu / L)^k of the first, convex or not. (Notes 004 §2.)
 *
 * @param minimum the least value of the function; points at which it is reached say nothing and are passed over.
 * @throws MinimizeError where a value is below `minimum`, or every point reaches it.
 */
export function plConstant<T>(problem: Problem<T>, points: readonly At<T>[], minimum: number): number {
  const found = -most("plConstant", points, (x) => {
    const { value, gradient } = asked(problem, x, (_, at) => evaluated(at))
    if (value < minimum)
      throw new MinimizeError(
        `plConstant: the value ${value} at a point is below the minimum ${minimum} that was given`,
      )
    return value === minimum ? Number.NEGATIVE_INFINITY : -dot(gradient, gradient) / (2 * (value - minimum))
  })
  if (found === Number.POSITIVE_INFINITY)
    throw new MinimizeError("plConstant: every point is a minimum, expected one that is not")
  return found
}
