/** The linear conjugate gradient method, for quadratics and symmetric systems. */
import type { Arrayable } from "../engine/array.ts"
import { type Real, real, squareMatrixOf, symmetricOf, vectorOf } from "../linalg/matrix.ts"
import { type Objective, quadratic } from "./objective.ts"
import { type Context, evaluated, type Method, MinimizeError, type Point, product } from "./routine.ts"
import { minimize } from "./run.ts"
import { along, dot, minus, norm, times } from "./vector.ts"

/**
 * The linear conjugate gradient method, for a function whose Hessian is one and the same matrix H everywhere: exact
 * steps along directions with p.H q = 0, which end after at most n steps where H is positive definite, and sooner where
 * its eigenvalues are few. Where it meets a direction with p.H p <= 0 there is no minimum and it stops with
 * "negative curvature": on a saddle neither this method nor steepest descent works (notes 003, figure 13).
 * Hestenes and Stiefel 1952.
 */
export function linearCg(): Method {
  return {
    name: "linearCg",
    *run(start: Point, context: Context) {
      let point = start
      let direction = times(-1, start.gradient)
      while (norm(point.gradient) > 0) {
        const hp = yield* product(context, point.x, direction)
        const bend = dot(direction, hp)
        if (!(bend > 0)) return "negative curvature"
        const g = point.gradient
        const rate = dot(g, g) / bend
        point = yield* evaluated(along(point.x, rate, direction))
        direction = along(times(-1, point.gradient), dot(point.gradient, point.gradient) / dot(g, g), direction)
        yield { ...point, rate }
      }
      return "stuck"
    },
  }
}

/** Options of {@link solveCg}. */
export interface SolveCgOptions {
  /** Length of b - A x at the end, relative to b's. */
  readonly tolerance?: number
  /** Steps at most; default 10 n, since rounding makes directions less than conjugate. */
  readonly maxSteps?: number
}

/**
 * Solves A x = b for a symmetric positive definite A [n, n] and b [n] by {@link linearCg}, the minimum of
 * x.A x / 2 - b.x. A may also be a function that multiplies by A.
 *
 * @throws MinimizeError where A is not positive definite along a direction that was met, or steps do not suffice.
 */
export function solveCg(
  a: Arrayable | ((v: Float64Array) => Float64Array),
  b: Arrayable,
  { tolerance = 1e-10, maxSteps }: SolveCgOptions = {},
): Real {
  const right = vectorOf("solveCg", b, "right-hand side")
  const n = right.length
  if (norm(right) === 0) return real([n], new Float64Array(n))
  let objective: Objective
  if (typeof a === "function") {
    objective = {
      value: (x) => dot(x, a(x)) / 2 - dot(right, x),
      gradient: (x) => minus(a(x), right),
      product: (_, v) => a(v),
    }
  } else {
    squareMatrixOf("solveCg", a)
    const { rows, data } = symmetricOf("solveCg", a)
    if (rows !== n) throw new RangeError(`solveCg: matrix is [${rows}, ${rows}], right-hand side has ${n} entries`)
    objective = quadratic(real([n, n], data), real([n], right))
  }
  const found = minimize(objective, new Float64Array(n), {
    method: linearCg(),
    tolerance: tolerance * norm(right),
    maxSteps: maxSteps ?? 10 * n,
  })
  if (!found.isConverged) {
    const why =
      found.reason === "negative curvature"
        ? "the matrix is not positive definite"
        : `the residual is ${found.gradientNorm} after ${found.step} steps`
    throw new MinimizeError(`solveCg: ${why} (use linalg's solve)`)
  }
  return real([n], found.x)
}
