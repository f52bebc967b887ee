/** What a minimiser is inside: a routine that asks for values and yields moves, the same for answers now or promised. */
import { allFinite, along, minus, multiply, norm, times } from "./vector.ts"

/** Value and gradient at one point. */
export interface Evaluated {
  readonly value: number
  readonly gradient: Float64Array
}

/** A point with its value and gradient. */
export interface Point extends Evaluated {
  readonly x: Float64Array
}

/** What a routine asks of the function: its value alone, with its gradient, its Hessian, or that times a vector. */
export type Ask =
  | { readonly want: "value" | "gradient" | "hessian"; readonly x: Float64Array }
  | { readonly want: "product"; readonly x: Float64Array; readonly v: Float64Array }

/** The answer to an {@link Ask}: a number, a value with its gradient, or a vector (a Hessian row by row). */
export type Answer = number | Evaluated | Float64Array

/** A step that a method has taken. */
export interface Move extends Point {
  /** Multiple of the method's direction that was taken (the radius, where a region is trusted). */
  readonly rate: number
}

/** A computation that asks. */
export type Asking<R> = Generator<Ask, R, Answer>

/** A computation that asks, and moves on the way. */
export type Routine<R> = Generator<Ask | Move, R, Answer>

/**
 * Why a method stopped by itself: no step along its direction makes the value smaller in this precision, or the function
 * curves downward where the method needs it to curve up.
 */
export type Ending = "stuck" | "negative curvature"

/** What a method knows of the function before it asks. */
export interface Context {
  /** Relative error of values: 2^-52 in float64. */
  readonly precision: number
  readonly hasHessian: boolean
  readonly hasProduct: boolean
}

/** A minimiser with its options: what `iterate` and `minimize` take. */
export interface Method {
  readonly name: string
  /** Moves from the start until nothing more can be done. */
  run(start: Point, context: Context): Routine<Ending>
}

/** The search cannot go on: the function has no minimum, no number, or what was asked of it is impossible. */
export class MinimizeError extends Error {
  override readonly name = "MinimizeError"
}

/** Value and gradient at x; where either is no number the value is Infinity, so that a line search steps back. */
export function* evaluated(x: Float64Array): Asking<Point> {
  const { value, gradient } = (yield { want: "gradient", x }) as Evaluated
  if (value === Number.NEGATIVE_INFINITY) {
    throw new MinimizeError("minimize: the value fell to -Infinity, so there is no minimum (bound the function below)")
  }
  return { x, value: Number.isFinite(value) && allFinite(gradient) ? value : Number.POSITIVE_INFINITY, gradient }
}

/** The value at x, Infinity where it is no number. */
export function* valued(x: Float64Array): Asking<number> {
  const value = (yield { want: "value", x }) as number
  return Number.isNaN(value) ? Number.POSITIVE_INFINITY : value
}

/** Length of a step for differences of gradients: the cube root of the precision, in units of the point's own size. */
function apart(context: Context, x: Float64Array, v: Float64Array): number {
  return (context.precision ** (1 / 3) * Math.max(1, norm(x))) / norm(v)
}

/** The Hessian at x times v: asked for, or a central difference of gradients where the function cannot say. */
export function* product(context: Context, x: Float64Array, v: Float64Array): Asking<Float64Array> {
  if (norm(v) === 0) return v.slice()
  if (context.hasProduct) return finite("Hessian-vector product", (yield { want: "product", x, v }) as Float64Array)
  if (context.hasHessian) return multiply(yield* hessian(context, x), v)
  const h = apart(context, x, v)
  const ahead = yield* evaluated(along(x, h, v))
  const behind = yield* evaluated(along(x, -h, v))
  return finite("Hessian-vector product", times(1 / (2 * h), minus(ahead.gradient, behind.gradient)))
}

/** The Hessian [n, n] at x, symmetric: asked for, or column by column. */
export function* hessian(context: Context, x: Float64Array): Asking<Float64Array> {
  if (context.hasHessian) return finite("Hessian", (yield { want: "hessian", x }) as Float64Array)
  const n = x.length
  const out = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    const unit = new Float64Array(n)
    unit[i] = 1
    out.set(yield* product(context, x, unit), i * n)
  }
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++) out[i * n + j] = out[j * n + i] = (out[i * n + j] + out[j * n + i]) / 2
  return out
}

function finite(what: string, a: Float64Array): Float64Array {
  if (allFinite(a)) return a
  throw new MinimizeError(`minimize: the ${what} holds ${a.find((v) => !Number.isFinite(v))}, expected finite numbers`)
}
