/** Methods whose steps are given: Euler, midpoint, Heun, RK4. */
import { between, type Method, OdeError, type Reached } from "./method.ts"
import { eulerTableau, heunTableau, midpointTableau, rk4Tableau, stages, type Tableau } from "./tableau.ts"

/** Options of the methods with given steps. */
export interface FixedOptions {
  /** Equal steps over the whole span; default 100. */
  readonly steps?: number
  /** Every time at which a step ends, the last one the end of the span; in place of `steps`. */
  readonly grid?: ArrayLike<number>
}

/** The times of the steps, the start included. */
function timesOf(name: string, from: number, to: number, { steps, grid }: FixedOptions): Float64Array {
  if (grid !== undefined && steps !== undefined)
    throw new RangeError(`${name}: got both steps and a grid, expected one of them`)
  if (grid === undefined) {
    const count = steps ?? 100
    return Float64Array.from({ length: count + 1 }, (_, i) => (i === count ? to : from + ((to - from) * i) / count))
  }
  const times = Float64Array.of(from, ...Array.from(grid))
  const sign = Math.sign(to - from)
  for (let i = 1; i < times.length; i++) {
    if (!(sign * (times[i] - times[i - 1]) > 0))
      throw new RangeError(
        `${name}: the grid goes from ${times[i - 1]} to ${times[i]}, expected times from ${from} to ${to}`,
      )
  }
  if (times.at(-1) !== to)
    throw new RangeError(`${name}: the grid ends at ${times.at(-1)}, expected the span's end ${to}`)
  return times
}

/** Cubic through states and slopes at both ends of a step: of order 4, so it costs no method here its own. */
function hermite(
  y0: Float64Array,
  y1: Float64Array,
  f0: Float64Array,
  f1: Float64Array,
  h: number,
): (share: number) => Float64Array {
  return (s) => {
    const [a, b, c, d] = [(1 + 2 * s) * (1 - s) ** 2, s * s * (3 - 2 * s), h * s * (1 - s) ** 2, h * s * s * (s - 1)]
    return y0.map((v, i) => a * v + b * y1[i] + c * f0[i] + d * f1[i])
  }
}

function fixed(tableau: Tableau, options: FixedOptions): Method {
  const { name } = tableau
  if (options.steps !== undefined && !(Number.isInteger(options.steps) && options.steps >= 1))
    throw new RangeError(`${name}: got ${options.steps} steps, expected a whole number from 1`)
  return {
    name,
    *run({ from, to, start, dense }) {
      const times = timesOf(name, from, to, options)
      const last = times.length - 1
      let y = start
      let evaluations = 0
      const record = (step: number, y: Float64Array, h: number, at: Reached["at"]): Reached => ({
        step,
        t: times[step],
        y,
        h,
        error: 0,
        evaluations,
        rejected: 0,
        at,
      })
      yield record(
        0,
        y,
        0,
        between(from, from, () => start.slice()),
      )
      let slope: Float64Array | undefined
      for (let step = 1; step <= last; step++) {
        const [t, h] = [times[step - 1], times[step] - times[step - 1]]
        if (slope === undefined) {
          slope = yield { t, y }
          evaluations++
        }
        const first: Float64Array = slope
        const { next } = yield* stages(tableau, t, y, h, first)
        evaluations += tableau.b.length - 1
        if (!next.every(Number.isFinite))
          throw new OdeError(`${name}: the state is no longer finite at t = ${times[step]} (take smaller steps)`)
        slope = undefined
        let at: Reached["at"] = () => {
          throw new RangeError(`${name}: a step has states between its ends with \`dense: true\` only`)
        }
        if (dense) {
          const end = yield { t: times[step], y: next }
          evaluations++
          at = between(t, times[step], hermite(y, next, first, end, h))
          slope = end
        }
        y = next
        yield record(step, y, h, at)
      }
    },
  }
}

/**
 * Euler's method, of order 1: y + h f(t, y), one slope a step. 100 steps unless said otherwise. (Notes 003, E58.)
 *
 * @throws RangeError for steps that are no whole number from 1; where it runs, for both steps and a grid, or a grid that does
 * not go on to the span's end; OdeError where the state is no longer finite.
 */
export function euler(options: FixedOptions = {}): Method {
  return fixed(eulerTableau, options)
}

/** The explicit midpoint method, of order 2: y + h f(t + h/2, y + h/2 f(t, y)), two slopes a step. Else as {@link euler}. */
export function midpoint(options: FixedOptions = {}): Method {
  return fixed(midpointTableau, options)
}

/**
 * Heun's method, the explicit trapezoidal rule, of order 2: y + h/2 (k1 + k2) with k1 = f(t, y) and k2 = f(t + h, y + h k1),
 * two slopes a step. Else as {@link euler}.
 */
export function heun(options: FixedOptions = {}): Method {
  return fixed(heunTableau, options)
}

/**
 * The classical Runge-Kutta method, of order 4: y + h/6 (k1 + 2 k2 + 2 k3 + k4) with k1 = f(t, y), k2 = f(t + h/2, y + h/2 k1),
 * k3 = f(t + h/2, y + h/2 k2) and k4 = f(t + h, y + h k3), four slopes a step. Else as {@link euler}. (Notes 003, D3.107.)
 */
export function rk4(options: FixedOptions = {}): Method {
  return fixed(rk4Tableau, options)
}
