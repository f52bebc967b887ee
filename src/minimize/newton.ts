/** Newton's method, as it is and made safe: the Hessian changed where it does not curve up. */
import { LinAlgError, real } from "../linalg/matrix.ts"
import { solve } from "../linalg/solve.ts"
import { type Context, evaluated, hessian, type Method, MinimizeError, type Point } from "./routine.ts"
import { along, times } from "./vector.ts"
import { type WolfeOptions, wolfe, wolfeOptions } from "./wolfe.ts"

/** Options of {@link newton}. */
export interface NewtonOptions extends WolfeOptions {
  /**
   * `"cholesky"` adds to the diagonal of a Hessian that is not positive definite as much as its factorisation needs,
   * and searches along the direction; `"none"` is the method as the notes have it: full steps to wherever the gradient
   * vanishes, saddles and maxima included.
   */
  readonly safeguard?: "cholesky" | "none"
}

/** What {@link modifiedCholesky} gives: A + diag(added) = L diag(d) L^T. */
export interface ModifiedCholesky {
  /** Unit lower triangular [n, n]. */
  readonly l: Float64Array
  /** Positive, [n]. */
  readonly d: Float64Array
  /** What was added to each diagonal entry, [n]; zeros where A is well positive definite. */
  readonly added: Float64Array
}

/**
 * The factors of a symmetric A [n, n] with as much added to its diagonal as makes it safely positive definite, and
 * nothing where it is so already; no entry of L sqrt(d) grows beyond a bound set by A. Gill, Murray and Wright 1981,
 * §4.4.2.2, without their interchanges.
 */
export function modifiedCholesky(a: Float64Array): ModifiedCholesky {
  const n = Math.round(Math.sqrt(a.length))
  if (n === 0 || n * n !== a.length)
    throw new RangeError(`modifiedCholesky: got ${a.length} entries, expected n n of a square matrix`)
  let [onDiagonal, off] = [0, 0]
  for (let i = 0; i < n; i++) {
    onDiagonal = Math.max(onDiagonal, Math.abs(a[i * n + i]))
    for (let j = 0; j < i; j++) off = Math.max(off, Math.abs(a[i * n + j]))
  }
  const eps = 2 ** -52
  const least = eps * Math.max(onDiagonal + off, 1)
  const bound = Math.max(onDiagonal, off / Math.sqrt(Math.max(1, n * n - 1)), eps)
  const l = new Float64Array(n * n)
  const d = new Float64Array(n)
  const added = new Float64Array(n)
  /** Entries L_ij d_j below the pivots that are done. */
  const c = a.slice()
  for (let j = 0; j < n; j++) {
    let theta = 0
    for (let i = j + 1; i < n; i++) theta = Math.max(theta, Math.abs(c[i * n + j]))
    const pivot = c[j * n + j]
    d[j] = Math.max(Math.abs(pivot), (theta * theta) / bound, least)
    added[j] = d[j] - pivot
    l[j * n + j] = 1
    for (let i = j + 1; i < n; i++) l[i * n + j] = c[i * n + j] / d[j]
    for (let i = j + 1; i < n; i++) for (let k = j + 1; k <= i; k++) c[i * n + k] -= l[i * n + j] * c[k * n + j]
  }
  return { l, d, added }
}

/** x with L diag(d) L^T x = b. */
function solveFactors({ l, d }: ModifiedCholesky, b: Float64Array): Float64Array {
  const n = b.length
  const x = b.slice()
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) x[i] -= l[i * n + j] * x[j]
  for (let i = 0; i < n; i++) x[i] /= d[i]
  for (let i = n - 1; i >= 0; i--) for (let j = i + 1; j < n; j++) x[i] -= l[j * n + i] * x[j]
  return x
}

/**
 * Newton's method: x <- x - H^-1 grad f(x), H the Hessian at x (notes 003, D3.14, R3.14). Its caveats (R3.16) are those
 * of `safeguard: "none"`: it needs an invertible Hessian, and goes to the nearest stationary point of any kind, as the
 * derivation from Taylor's formula finds a stationary point of the model, a minimum only where the Hessian is positive
 * definite. The default changes such Hessians by {@link modifiedCholesky} and searches along the direction.
 *
 * @throws LinAlgError without safeguard, where the Hessian is singular; MinimizeError where a step leaves the domain.
 */
export function newton({ safeguard = "cholesky", ...options }: NewtonOptions = {}): Method {
  const name = "newton"
  const line = wolfeOptions(name, options)
  return {
    name,
    *run(start: Point, context: Context) {
      const n = start.x.length
      let point = start
      while (true) {
        const h = yield* hessian(context, point.x)
        if (safeguard === "none") {
          const direction = step(h, point, n)
          point = yield* evaluated(along(point.x, 1, direction))
          if (point.value === Number.POSITIVE_INFINITY)
            throw new MinimizeError(`${name}: a full step made the value or gradient infinite (use the safeguard)`)
          yield { ...point, rate: 1 }
          continue
        }
        const direction = times(-1, solveFactors(modifiedCholesky(h), point.gradient))
        const found = yield* wolfe(context, point, direction, line)
        if (found === undefined) return "stuck"
        const { x, value, gradient, rate } = found
        point = { x, value, gradient }
        yield { ...point, rate }
      }
    },
  }
}

function step(h: Float64Array, point: Point, n: number): Float64Array {
  try {
    return times(-1, solve(real([n, n], h), real([n], point.gradient)).data)
  } catch (cause) {
    if (!(cause instanceof LinAlgError)) throw cause
    throw new LinAlgError(
      `newton: the Hessian is singular at [${point.x.slice(0, 4).join(", ")}${n > 4 ? ", ..." : ""}], so there is no step (use safeguard "cholesky")`,
      { cause },
    )
  }
}
