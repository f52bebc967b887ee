/** Newton's method by conjugate gradients, for many unknowns: along a line, and within a region that is trusted. */
import { type Asking, type Context, evaluated, type Method, type Point, product } from "./routine.ts"
import { along, dot, norm, times } from "./vector.ts"
import { type WolfeOptions, wolfe, wolfeOptions } from "./wolfe.ts"

/** A direction, and the Hessian's product with it. */
interface Direction {
  readonly p: Float64Array
  readonly hp: Float64Array
  readonly isAtEdge: boolean
}

/** The positive t at which |p + t d| is the radius. */
function toEdge(p: Float64Array, d: Float64Array, radius: number): number {
  const [a, b, c] = [dot(d, d), dot(p, d), dot(p, p) - radius * radius]
  const root = Math.sqrt(Math.max(0, b * b - a * c))
  return b > 0 ? -c / (b + root) : (root - b) / a
}

/**
 * An approximate minimum of g.p + p.H p / 2 over |p| <= radius: conjugate gradients from 0 that stop when the residual is
 * min(1/2, sqrt|g|) of the gradient, at the edge, and at negative curvature, which is followed to the edge; without an
 * edge what there is by then is taken, the gradient's own direction if nothing. (Steihaug 1983.)
 */
function* truncated(context: Context, { x, gradient: g }: Point, radius: number): Asking<Direction> {
  const length = norm(g)
  const enough = Math.min(0.5, Math.sqrt(length)) * length
  let p: Float64Array = new Float64Array(x.length)
  let hp: Float64Array = new Float64Array(x.length)
  let residual = g
  let d = times(-1, g)
  for (let k = 0; k < 2 * x.length + 10; k++) {
    const hd = yield* product(context, x, d)
    const bend = dot(d, hd)
    const square = dot(residual, residual)
    const rate = square / bend
    if (!(bend > 0) || norm(along(p, rate, d)) >= radius) {
      if (radius < Number.POSITIVE_INFINITY) {
        const t = toEdge(p, d, radius)
        return { p: along(p, t, d), hp: along(hp, t, hd), isAtEdge: true }
      }
      return k === 0 ? { p: d, hp: hd, isAtEdge: false } : { p, hp, isAtEdge: false }
    }
    p = along(p, rate, d)
    hp = along(hp, rate, hd)
    residual = along(residual, rate, hd)
    if (norm(residual) <= enough) break
    d = along(times(-1, residual), dot(residual, residual) / square, d)
  }
  return { p, hp, isAtEdge: false }
}

/**
 * Newton's method with its direction found by conjugate gradients from Hessian-vector products alone, and searched by the
 * strong Wolfe conditions: for many unknowns. Nocedal and Wright 2006, algorithm 7.1.
 */
export function newtonCg(options: WolfeOptions = {}): Method {
  const name = "newtonCg"
  const line = wolfeOptions(name, options)
  return {
    name,
    *run(start: Point, context: Context) {
      let point = start
      while (norm(point.gradient) > 0) {
        const { p } = yield* truncated(context, point, Number.POSITIVE_INFINITY)
        const found = yield* wolfe(context, point, p, line)
        if (found === undefined) return "stuck"
        const { x, value, gradient, rate } = found
        point = { x, value, gradient }
        yield { ...point, rate }
      }
      return "stuck"
    },
  }
}

/** Options of {@link trustRegion}. */
export interface TrustOptions {
  /** Radius of the region at the start. */
  readonly radius?: number
  readonly maxRadius?: number
}

/**
 * A trust region: the quadratic model is minimised within a radius by conjugate gradients from Hessian-vector products; the
 * radius grows where the model foretold the decrease and shrinks where it did not. It follows negative curvature away
 * from saddles. A move's `rate` is the radius. Nocedal and Wright 2006, algorithms 4.1 and 7.2.
 */
export function trustRegion({ radius = 1, maxRadius = 1000 }: TrustOptions = {}): Method {
  const name = "trustRegion"
  if (!(radius > 0 && radius <= maxRadius && maxRadius < Number.POSITIVE_INFINITY))
    throw new RangeError(`${name}: got radius ${radius} of at most ${maxRadius}, expected 0 < radius <= maxRadius`)
  return {
    name,
    *run(start: Point, context: Context) {
      let point = start
      let trusted = radius
      while (norm(point.gradient) > 0) {
        const { p, hp, isAtEdge } = yield* truncated(context, point, trusted)
        // Both changes are let be off by the values' own rounding, so that they still agree where it is all there is.
        const noise = 10 * context.precision * Math.abs(point.value)
        const foretold = -(dot(point.gradient, p) + dot(p, hp) / 2) + noise
        const next = yield* evaluated(along(point.x, 1, p))
        const ratio = (point.value - next.value + noise) / foretold
        const used = trusted
        if (!(ratio >= 0.25)) trusted = 0.25 * norm(p)
        else if (ratio > 0.75 && isAtEdge) trusted = Math.min(2 * trusted, maxRadius)
        if (ratio > 0.1) {
          point = next
          yield { ...point, rate: used }
        } else if (trusted <= context.precision * norm(point.x) || trusted === 0) return "stuck"
      }
      return "stuck"
    },
  }
}
