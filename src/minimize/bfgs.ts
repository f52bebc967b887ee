/** Quasi-Newton methods: BFGS, which learns the inverse Hessian, and L-BFGS, which keeps its last steps instead. */
import { firstRate } from "./descent.ts"
import type { Context, Method, Point } from "./routine.ts"
import { along, dot, minus, multiply, times } from "./vector.ts"
import { type Trial, type WolfeOptions, wolfe, wolfeOptions } from "./wolfe.ts"

function pairOf(where: string, h: Float64Array, s: Float64Array, y: Float64Array): number {
  const n = s.length
  if (y.length !== n || h.length !== n * n)
    throw new RangeError(
      `${where}: got a matrix of ${h.length} entries, a step of ${n} and a change of the gradient of ${y.length}, expected n n, n and n`,
    )
  const ys = dot(y, s)
  if (!(ys > 0))
    throw new RangeError(
      `${where}: y.s is ${ys}, expected a positive number (a line search by Wolfe's conditions gives one)`,
    )
  return ys
}

/**
 * The BFGS update of an approximate Hessian H [n, n]: H + y y^T / (y.s) - H s s^T H / (s.H s), with the step s [n] and the
 * change y [n] of the gradient. The result maps s to y (the secant equation) and is positive definite where H is.
 * (Notes 003, D3.15.)
 *
 * @throws RangeError where y.s is not positive: no positive definite matrix maps s to y.
 */
export function bfgsUpdate(h: Float64Array, s: Float64Array, y: Float64Array): Float64Array {
  const ys = pairOf("bfgsUpdate", h, s, y)
  const n = s.length
  const hs = multiply(h, s)
  const shs = dot(s, hs)
  return h.map((v, at) => {
    const [i, j] = [Math.floor(at / n), at % n]
    return v + (y[i] * y[j]) / ys - (hs[i] * hs[j]) / shs
  })
}

/**
 * The BFGS update of an approximate inverse Hessian G [n, n]: (I - s y^T / (y.s)) G (I - y s^T / (y.s)) + s s^T / (y.s),
 * the inverse of {@link bfgsUpdate} of G's inverse; it maps y to s. Nocedal and Wright 2006, equation 6.17.
 *
 * @throws RangeError where y.s is not positive.
 */
export function bfgsInverse(g: Float64Array, s: Float64Array, y: Float64Array): Float64Array {
  const ys = pairOf("bfgsInverse", g, s, y)
  const n = s.length
  const gy = multiply(g, y)
  const own = (1 + dot(y, gy) / ys) / ys
  return g.map((v, at) => {
    const [i, j] = [Math.floor(at / n), at % n]
    return v - (s[i] * gy[j] + gy[i] * s[j]) / ys + own * s[i] * s[j]
  })
}

function identity(n: number, scale: number): Float64Array {
  const out = new Float64Array(n * n)
  for (let i = 0; i < n; i++) out[i * n + i] = scale
  return out
}

/** Whether a pair tells of upward curvature beyond rounding. */
function isCurved(s: Float64Array, y: Float64Array): boolean {
  return dot(y, s) > 2 ** -52 * Math.sqrt(dot(s, s) * dot(y, y))
}

/**
 * BFGS with a line search by the strong Wolfe conditions: x <- x - a G grad f(x), G an inverse Hessian learnt from the
 * steps. It starts as the identity and, before its first update, takes the scale y.s / y.y that the first step shows.
 * Keeps n^2 numbers. (Notes 003, D3.15; Nocedal and Wright 2006, algorithm 6.1.)
 */
export function bfgs(options: WolfeOptions = {}): Method {
  const name = "bfgs"
  const line = wolfeOptions(name, options)
  return {
    name,
    *run(start: Point, context: Context) {
      const n = start.x.length
      let point = start
      let g: Float64Array | undefined
      while (true) {
        const direction = g === undefined ? times(-1, point.gradient) : times(-1, multiply(g, point.gradient))
        const first = g === undefined ? firstRate(point.gradient, line.first) : line.first
        const found: Trial | undefined = yield* wolfe(context, point, direction, { ...line, first })
        if (found === undefined) {
          if (g === undefined) return "stuck"
          // What was learnt may be spoilt by rounding: begin again once.
          g = undefined
          continue
        }
        const s = minus(found.x, point.x)
        const y = minus(found.gradient, point.gradient)
        if (isCurved(s, y)) g = bfgsInverse(g ?? identity(n, dot(y, s) / dot(y, y)), s, y)
        const { x, value, gradient } = found
        point = { x, value, gradient }
        yield { ...point, rate: found.rate }
      }
    },
  }
}

/** Options of {@link lbfgs}. */
export interface LbfgsOptions extends WolfeOptions {
  /** Steps remembered. */
  readonly memory?: number
}

/**
 * Limited-memory BFGS: the direction BFGS would take had it seen the last `memory` steps only, from those steps, by the
 * two loops of Nocedal 1980. Keeps 2 n `memory` numbers, so n may be a network's. (Liu and Nocedal 1989.)
 */
export function lbfgs({ memory = 10, ...options }: LbfgsOptions = {}): Method {
  const name = "lbfgs"
  const line = wolfeOptions(name, options)
  if (!(Number.isInteger(memory) && memory >= 1))
    throw new RangeError(`${name}: got memory ${memory}, expected a whole number from 1`)
  return {
    name,
    *run(start: Point, context: Context) {
      let point = start
      let pairs: { readonly s: Float64Array; readonly y: Float64Array; readonly ys: number }[] = []
      while (true) {
        let direction = times(-1, point.gradient)
        const shares: number[] = []
        for (const { s, y, ys } of pairs.toReversed()) {
          const share = dot(s, direction) / ys
          shares.unshift(share)
          direction = along(direction, -share, y)
        }
        const last = pairs.at(-1)
        if (last !== undefined) direction = times(last.ys / dot(last.y, last.y), direction)
        for (const [i, { s, y, ys }] of pairs.entries())
          direction = along(direction, shares[i] - dot(y, direction) / ys, s)
        const first = last === undefined ? firstRate(point.gradient, line.first) : line.first
        const found: Trial | undefined = yield* wolfe(context, point, direction, { ...line, first })
        if (found === undefined) {
          if (pairs.length === 0) return "stuck"
          pairs = []
          continue
        }
        const s = minus(found.x, point.x)
        const y = minus(found.gradient, point.gradient)
        if (isCurved(s, y)) pairs = [...pairs, { s, y, ys: dot(y, s) }].slice(-memory)
        const { x, value, gradient } = found
        point = { x, value, gradient }
        yield { ...point, rate: found.rate }
      }
    },
  }
}
