/** Nonlinear least squares by the methods of Levenberg and Marquardt, and of Gauss and Newton. */
import type { Feed } from "../engine/compile.ts"
import type { Tensor } from "../engine/tensor.ts"
import { lstsq } from "../linalg/lstsq.ts"
import { real } from "../linalg/matrix.ts"
import type { Arrays, System } from "./program.ts"
import { MinimizeError } from "./routine.ts"
import { systemAt, valueAt } from "./system.ts"
import { allFinite, along, dot, norm, times } from "./vector.ts"

/** Options of {@link leastSquares}. */
export interface LeastSquaresOptions {
  /** Length of the gradient J^T r at which the search has converged. */
  readonly tolerance?: number
  readonly maxSteps?: number
  /** Damping at the start, in units of the largest diagonal entry of J^T J; 0 is Gauss and Newton's method throughout. */
  readonly damping?: number
}

/** Where {@link leastSquares} ended. */
export interface LeastSquaresFit<X = Float64Array> {
  readonly step: number
  readonly x: X
  /** Residuals r(x), [m]. */
  readonly residuals: Float64Array
  /** |r|^2 / 2. */
  readonly value: number
  /** Length of J^T r. */
  readonly gradientNorm: number
  readonly isConverged: boolean
}

/**
 * Nonlinear least squares: x that minimises |r(x)|^2 / 2 for a vector r [m] of at least n residuals. Each step solves
 * min |J p + r|^2 + damping |p|^2; the damping falls where the model foretold the decrease and rises where it did not
 * (Levenberg 1944, Marquardt 1963, with Nielsen's 1999 rule). With `damping: 0`, Gauss and Newton's method.
 *
 * @throws MinimizeError where r is not finite at the start; RangeError where residuals are fewer than unknowns.
 */
export function leastSquares(problem: System, start: ArrayLike<number>, options?: LeastSquaresOptions): LeastSquaresFit
export function leastSquares<T>(
  problem: (x: T) => Tensor,
  start: Feed<T>,
  options?: LeastSquaresOptions,
): LeastSquaresFit<Arrays<T>>
export function leastSquares<T>(
  problem: System | ((x: T) => Tensor),
  start: ArrayLike<number> | Feed<T>,
  { tolerance = 1e-10, maxSteps = 200, damping = 1e-3 }: LeastSquaresOptions = {},
): LeastSquaresFit<unknown> {
  if (!(damping >= 0)) throw new RangeError(`leastSquares: got damping ${damping}, expected a number from 0`)
  const { system, flat, unpack } = systemAt("leastSquares", problem, start)
  const n = flat.length
  let x = flat
  let { value: r } = valueAt("leastSquares", system, x)
  const m = r.length
  if (m < n) throw new RangeError(`leastSquares: ${m} residuals of ${n} unknowns, expected at least as many`)
  let j = system.jacobian(x)
  const gradient = (): Float64Array => {
    const g = new Float64Array(n)
    for (let i = 0; i < m; i++) for (let k = 0; k < n; k++) g[k] += j[i * n + k] * r[i]
    return g
  }
  let g = gradient()
  let scale = 0
  for (let k = 0; k < n; k++) {
    let square = 0
    for (let i = 0; i < m; i++) square += j[i * n + k] ** 2
    scale = Math.max(scale, square)
  }
  let lambda = damping * scale
  let growth = 2
  let step = 0
  for (; step < maxSteps && norm(g) > tolerance; step++) {
    // The damped system as a taller one, which keeps the digits that J^T J would lose.
    const tall = new Float64Array((m + n) * n)
    tall.set(j)
    for (let k = 0; k < n; k++) tall[(m + k) * n + k] = Math.sqrt(lambda)
    const right = new Float64Array(m + n)
    right.set(times(-1, r))
    const p = lstsq(real([m + n, n], tall), real([m + n], right)).x.data
    const next = along(x, 1, p)
    const residuals = system.value(next)
    const decrease = (dot(r, r) - dot(residuals, residuals)) / 2
    const foretold = (lambda * dot(p, p) - dot(g, p)) / 2
    if (lambda === 0 || decrease > 0) {
      if (!allFinite(residuals))
        throw new MinimizeError("leastSquares: a full step made the residuals infinite or NaN (give a damping)")
      x = next
      r = residuals
      j = system.jacobian(x)
      g = gradient()
      lambda *= Math.max(1 / 3, 1 - (2 * (decrease / foretold) - 1) ** 3)
      growth = 2
    } else {
      lambda *= growth
      growth *= 2
      // A step that is below the last digit of x changes nothing any more.
      if (norm(p) <= 2 ** -52 * norm(x)) break
    }
  }
  const gradientNorm = norm(g)
  return {
    step,
    x: unpack(x),
    residuals: r,
    value: dot(r, r) / 2,
    gradientNorm,
    isConverged: gradientNorm <= tolerance,
  }
}
