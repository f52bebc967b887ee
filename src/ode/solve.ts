/** Differential equations followed step by step, and to their end: on the host, or where slopes are promised. */
import { array, castArray, type NdArray, sizeOf, toNumbers } from "../engine/array.ts"
import { formatShape } from "../engine/shape.ts"
import { rk45 } from "./adaptive.ts"
import { checkedSlope, isReached, type Method, type Problem, type Reached } from "./method.ts"

/** The right-hand side f(t, y) of dy/dt = f(t, y). It must not change y. */
export type Slope = (t: number, y: Float64Array) => ArrayLike<number>

/** A right-hand side whose answer is promised: `y` and the slope are of one shape, `[batch, ...]`. */
export type AsyncSlope = (t: number, y: NdArray) => Promise<NdArray> | NdArray

/** From when to when; the first may be the later. */
export type Span = readonly [from: number, to: number]

/** Options of {@link integrate}. */
export interface IntegrateOptions {
  /** Default {@link rk45}. */
  readonly method?: Method
  /** Whether every step can tell the states between its ends; methods with given steps then take one slope more. */
  readonly dense?: boolean
}

/** Options of {@link solve}. */
export interface SolveOptions {
  /** Default {@link rk45}. */
  readonly method?: Method
  /** Times at which the state is wanted, along the span; only its end unless given. */
  readonly times?: ArrayLike<number>
}

/** One step; see {@link Reached}. */
export type OdeStep<Y = Float64Array> = Omit<Reached, "y" | "at"> & {
  readonly y: Y
  readonly at: (t: number) => Y
}

/** Where an integration ended, and what was wanted on the way. */
export interface Solution<Y = Float64Array> {
  /** The times at which states are given. */
  readonly times: Float64Array
  /** The states, one a time. */
  readonly states: readonly Y[]
  /** The last state, at the end of the span. */
  readonly y: Y
  /** Steps taken. */
  readonly steps: number
  /** Slopes asked for. */
  readonly evaluations: number
  /** Steps tried and thrown away; 0 for methods with given steps. */
  readonly rejected: number
}

function checkedSpan([from, to]: Span): Span {
  if (!(Number.isFinite(from) && Number.isFinite(to)) || from === to)
    throw new RangeError(`integrate: got the span [${from}, ${to}], expected two different finite times`)
  return [from, to]
}

function problemOf(span: Span, start: Float64Array, samples: number, dense: boolean): Problem {
  const [from, to] = checkedSpan(span)
  if (start.length === 0 || !start.every(Number.isFinite))
    throw new RangeError(
      `integrate: the start is [${start.slice(0, 8).join(", ")}], expected finite numbers, at least one`,
    )
  return { from, to, start, samples, dense }
}

/**
 * Follows dy/dt = f(t, y) from y at the span's first time to its second, forward or back: yields the start and every step.
 *
 * @example for (const { t, y } of integrate((t, y) => [-y[0]], [0, 1], [1])) console.log(t, y[0])
 * @throws RangeError for a span or start that is none; OdeError as the methods say.
 */
export function* integrate(
  f: Slope,
  span: Span,
  y: ArrayLike<number>,
  { method = rk45(), dense = false }: IntegrateOptions = {},
): Generator<OdeStep> {
  const start = Float64Array.from(y)
  const run = method.run(problemOf(span, start, 1, dense))
  let next = run.next()
  while (next.done !== true) {
    if (isReached(next.value)) {
      yield next.value
      next = run.next(start)
    } else {
      const slope = Float64Array.from(f(next.value.t, next.value.y))
      next = run.next(checkedSlope(method.name, slope, start.length))
    }
  }
}

/** States at wanted times, gathered from steps. */
class Wanted<Y> {
  readonly times: Float64Array
  readonly states: Y[] = []
  readonly #sign: number

  constructor(span: Span, times: ArrayLike<number> | undefined) {
    const [from, to] = checkedSpan(span)
    this.times = times === undefined ? Float64Array.of(to) : Float64Array.from(times)
    this.#sign = Math.sign(to - from)
    let before = from
    for (const t of this.times) {
      if (!(this.#sign * (t - before) >= 0 && this.#sign * (to - t) >= 0))
        throw new RangeError(`solve: got the time ${t} after ${before}, expected times in order from ${from} to ${to}`)
      before = t
    }
  }

  /** Takes the states that a step has passed. */
  take(step: OdeStep<Y>): void {
    while (this.states.length < this.times.length) {
      const t = this.times[this.states.length]
      if (this.#sign * (step.t - t) < 0) return
      this.states.push(t === step.t ? step.y : step.at(t))
    }
  }

  solution(last: OdeStep<Y>): Solution<Y> {
    const { times, states } = this
    return { times, states, y: last.y, steps: last.step, evaluations: last.evaluations, rejected: last.rejected }
  }
}

/**
 * Solves dy/dt = f(t, y) from y at the span's first time to its second, and gives the state there and at `times`. The default
 * method is {@link rk45}; between its steps states are as exact as order 4 is.
 *
 * @example solve((t, y) => [y[1], -y[0]], [0, Math.PI], [1, 0]).y // about [-1, 0]
 * @throws RangeError for a span, start or times that are none; OdeError as the methods say.
 */
export function solve(
  f: Slope,
  span: Span,
  y: ArrayLike<number>,
  { method = rk45(), times }: SolveOptions = {},
): Solution {
  const wanted = new Wanted<Float64Array>(span, times)
  let last: OdeStep | undefined
  for (const step of integrate(f, span, y, { method, dense: times !== undefined })) {
    wanted.take(step)
    last = step
  }
  return wanted.solution(last!)
}

/**
 * As {@link integrate}, where the right-hand side is a compiled program or anything else that promises its answer. The
 * state is a batch, `[batch, ...]`; it is kept in float64 and handed to f in the dtype it came in.
 *
 * @throws the signal's reason when it is aborted, between slopes.
 */
export async function* integrateAsync(
  f: AsyncSlope,
  span: Span,
  y: NdArray,
  { method = rk45(), dense = false, signal }: IntegrateOptions & { readonly signal?: AbortSignal } = {},
): AsyncGenerator<OdeStep<NdArray>> {
  if (y.dtype !== "float32" && y.dtype !== "float64")
    throw new RangeError(`integrateAsync: the state is ${y.dtype}, expected float32 or float64`)
  const { dtype, shape } = y
  const shown = (flat: Float64Array): NdArray => castArray(array("float64", shape, flat.slice()), dtype)
  const samples = shape.length === 0 ? 1 : shape[0]
  const run = method.run(problemOf(span, toNumbers(y).slice(), samples, dense))
  let next = run.next()
  while (next.done !== true) {
    signal?.throwIfAborted()
    if (isReached(next.value)) {
      const { at, ...step } = next.value
      yield { ...step, y: shown(step.y), at: (t) => shown(at(t)) }
      next = run.next(new Float64Array(0))
    } else {
      const slope = await f(next.value.t, shown(next.value.y))
      if (slope.shape.length !== shape.length || slope.shape.some((size, i) => size !== shape[i]))
        throw new RangeError(
          `${method.name}: the slope is ${formatShape(slope.shape)}, expected the state's ${formatShape(shape)} (f gives dy/dt)`,
        )
      next = run.next(checkedSlope(method.name, toNumbers(slope), sizeOf(shape)))
    }
  }
}

/** As {@link solve}, where the right-hand side promises its answer, as {@link integrateAsync}. */
export async function solveAsync(
  f: AsyncSlope,
  span: Span,
  y: NdArray,
  { method = rk45(), times, signal }: SolveOptions & { readonly signal?: AbortSignal } = {},
): Promise<Solution<NdArray>> {
  const wanted = new Wanted<NdArray>(span, times)
  let last: OdeStep<NdArray> | undefined
  const dense = times !== undefined
  for await (const step of integrateAsync(f, span, y, { method, dense, ...(signal !== undefined && { signal }) })) {
    wanted.take(step)
    last = step
  }
  return wanted.solution(last!)
}
