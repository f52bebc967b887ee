/** Minimisation step by step, and to its end. */
import type { Feed } from "../engine/compile.ts"
import type { Tensor } from "../engine/tensor.ts"
import { bfgs } from "./bfgs.ts"
import { type AsyncObjective, answer, answerLater, contextOf, type Objective } from "./objective.ts"
import { type Arrays, compiled, program } from "./program.ts"
import {
  type Answer,
  type Ask,
  type Context,
  type Ending,
  evaluated,
  type Method,
  type Move,
  type Point,
} from "./routine.ts"
import { allFinite, norm } from "./vector.ts"

/** Options of {@link iterate} and {@link minimize}. */
export interface MinimizeOptions {
  /** Default {@link bfgs}. */
  readonly method?: Method
  /** Length of the gradient at which the search has converged; default 1e-8. */
  readonly tolerance?: number
  /** Steps at most; default 1000. */
  readonly maxSteps?: number
}

/** As {@link MinimizeOptions}, for searches that others may stop. */
export interface MinimizeAsyncOptions extends MinimizeOptions {
  readonly signal?: AbortSignal
}

/** One step of a search. */
export interface Step<X = Float64Array> {
  /** Steps done; the first record, 0, is the start. */
  readonly step: number
  readonly x: X
  readonly value: number
  readonly gradient: X
  /** Euclidean length of the gradient. */
  readonly gradientNorm: number
  /** Multiple of the method's direction that was taken; 0 at the start. */
  readonly rate: number
  /** Values and gradients asked for so far; one asked for with the other counts once. */
  readonly evaluations: number
  /** Hessians, and their products with vectors, asked for so far. */
  readonly curvatures: number
}

/** Where a search ended. */
export interface Minimum<X = Float64Array> extends Step<X> {
  /** Whether the gradient came within the tolerance. */
  readonly isConverged: boolean
  /** What ended it: the gradient's tolerance, the number of steps, or the method by itself. */
  readonly reason: "gradient" | "steps" | Ending
}

/** The whole search as one computation that asks for values and yields steps. */
function* search(
  start: Float64Array,
  context: Context,
  { method = bfgs(), tolerance = 1e-8, maxSteps = 1000 }: MinimizeOptions,
): Generator<Ask | Step, Minimum, Answer> {
  if (!(tolerance >= 0)) throw new RangeError(`minimize: got tolerance ${tolerance}, expected a number from 0`)
  if (!(maxSteps >= 0)) throw new RangeError(`minimize: got maxSteps ${maxSteps}, expected a whole number from 0`)
  if (start.length === 0 || !allFinite(start))
    throw new RangeError(
      `minimize: the start is [${start.slice(0, 8).join(", ")}], expected finite numbers, at least one`,
    )
  let [evaluations, curvatures] = [0, 0]
  const record = (step: number, { x, value, gradient }: Point, rate: number): Step => {
    const gradientNorm = norm(gradient)
    return { step, x, value, gradient, gradientNorm, rate, evaluations, curvatures }
  }
  const count = (ask: Ask): Ask => {
    if (ask.want === "value" || ask.want === "gradient") evaluations++
    else curvatures++
    return ask
  }

  evaluations = 1
  const first = yield* evaluated(start)
  if (first.gradient.length !== start.length)
    throw new RangeError(`minimize: the gradient has ${first.gradient.length} elements, the start has ${start.length}`)
  if (!(first.value < Number.POSITIVE_INFINITY)) {
    throw new RangeError(
      "minimize: the value or gradient at the start is not finite (start where the function is defined)",
    )
  }
  let step = record(0, first, 0)
  yield step
  const moves = method.run(first, context)
  while (true) {
    if (step.gradientNorm <= tolerance) return { ...step, isConverged: true, reason: "gradient" }
    if (step.step >= maxSteps) return { ...step, isConverged: false, reason: "steps" }
    // What is sent where a move was yielded is never read.
    let next = moves.next(0)
    while (next.done !== true && "want" in next.value) next = moves.next(yield count(next.value))
    if (next.done === true) return { ...step, evaluations, curvatures, isConverged: false, reason: next.value }
    step = record(step.step + 1, next.value as Move, (next.value as Move).rate)
    yield step
  }
}

/** Steps with their vectors as the user's tree. */
function shown<X, S extends Step>(
  step: S,
  unpack: (flat: Float64Array) => X,
): Omit<S, "x" | "gradient"> & { x: X; gradient: X } {
  return { ...step, x: unpack(step.x), gradient: unpack(step.gradient) }
}

/**
 * Minimises a function step by step: yields the start and every step, and ends at the tolerance, after `maxSteps`, or
 * where the method can do no more. The function is an {@link Objective} on vectors, or any function of a tensor or a tree
 * of tensors to a scalar, which is interpreted in float64 (see {@link iterateAsync} for programs of many operations).
 *
 * @example for (const { x, value } of iterate((x: Tensor) => x.sub(3).square().sum(), [0, 0])) console.log(value)
 * @throws RangeError where the start is empty or the function not finite there; MinimizeError as the methods say.
 */
export function iterate(
  problem: Objective,
  start: ArrayLike<number>,
  options?: MinimizeOptions,
): Generator<Step, Minimum>
export function iterate<T>(
  problem: (x: T) => Tensor,
  start: Feed<T>,
  options?: MinimizeOptions,
): Generator<Step<Arrays<T>>, Minimum<Arrays<T>>>
export function* iterate<T>(
  problem: Objective | ((x: T) => Tensor),
  start: ArrayLike<number> | Feed<T>,
  options: MinimizeOptions = {},
): Generator<Step<unknown>, Minimum<unknown>> {
  const { objective, flat, unpack } = prepared(problem, start)
  const routine = search(flat, contextOf(objective), options)
  let next = routine.next()
  while (next.done !== true) {
    if ("want" in next.value) {
      next = routine.next(answer(objective, next.value))
    } else {
      yield shown(next.value, unpack)
      next = routine.next(0)
    }
  }
  return shown(next.value, unpack)
}

/** A function and a start as vectors, and the way back. */
export function prepared<T>(
  problem: Objective | ((x: T) => Tensor),
  start: ArrayLike<number> | Feed<T>,
): {
  readonly objective: Objective
  readonly flat: Float64Array
  readonly unpack: (flat: Float64Array) => unknown
} {
  if (typeof problem !== "function")
    return { objective: problem, flat: Float64Array.from(start as ArrayLike<number>), unpack: (flat) => flat }
  const objective = program(problem, start as Feed<T>)
  return { objective, flat: objective.layout.start, unpack: objective.layout.unpack }
}

/**
 * Minimises a function, as {@link iterate}, and gives where it ended. The default method is {@link bfgs}.
 *
 * @example minimize((x: Tensor) => x.sub(3).square().sum(), [0, 0]).x // [3, 3]
 */
export function minimize(problem: Objective, start: ArrayLike<number>, options?: MinimizeOptions): Minimum
export function minimize<T>(problem: (x: T) => Tensor, start: Feed<T>, options?: MinimizeOptions): Minimum<Arrays<T>>
export function minimize<T>(
  problem: Objective | ((x: T) => Tensor),
  start: ArrayLike<number> | Feed<T>,
  options: MinimizeOptions = {},
): Minimum<unknown> {
  const steps = iterate(problem as (x: T) => Tensor, start as Feed<T>, options)
  let next = steps.next()
  while (next.done !== true) next = steps.next()
  return next.value
}

/**
 * As {@link iterate}, for functions whose answers are promised: an {@link AsyncObjective}, or a function of tensors, which
 * is compiled and run by ONNX Runtime in the dtype of the start, while vectors of the search are float64.
 *
 * @throws the signal's reason when it is aborted, between evaluations.
 */
export function iterateAsync(
  problem: AsyncObjective,
  start: ArrayLike<number>,
  options?: MinimizeAsyncOptions,
): AsyncGenerator<Step, Minimum>
export function iterateAsync<T>(
  problem: (x: T) => Tensor,
  start: Feed<T>,
  options?: MinimizeAsyncOptions,
): AsyncGenerator<Step<Arrays<T>>, Minimum<Arrays<T>>>
export async function* iterateAsync<T>(
  problem: AsyncObjective | ((x: T) => Tensor),
  start: ArrayLike<number> | Feed<T>,
  { signal, ...options }: MinimizeAsyncOptions = {},
): AsyncGenerator<Step<unknown>, Minimum<unknown>> {
  signal?.throwIfAborted()
  const own = typeof problem === "function" ? compiled(problem, start as Feed<T>) : undefined
  const objective = own ?? (problem as AsyncObjective)
  const unpack: (flat: Float64Array) => unknown = own?.layout.unpack ?? ((flat) => flat)
  const flat = own?.layout.start ?? Float64Array.from(start as ArrayLike<number>)
  const routine = search(flat, contextOf(objective), options)
  try {
    let next = routine.next()
    while (next.done !== true) {
      signal?.throwIfAborted()
      if ("want" in next.value) {
        next = routine.next(await answerLater(objective, next.value))
      } else {
        yield shown(next.value, unpack)
        next = routine.next(0)
      }
    }
    return shown(next.value, unpack)
  } finally {
    await own?.dispose()
  }
}

/** As {@link minimize}, for functions whose answers are promised, and as {@link iterateAsync}. */
export function minimizeAsync(
  problem: AsyncObjective,
  start: ArrayLike<number>,
  options?: MinimizeAsyncOptions,
): Promise<Minimum>
export function minimizeAsync<T>(
  problem: (x: T) => Tensor,
  start: Feed<T>,
  options?: MinimizeAsyncOptions,
): Promise<Minimum<Arrays<T>>>
export async function minimizeAsync<T>(
  problem: AsyncObjective | ((x: T) => Tensor),
  start: ArrayLike<number> | Feed<T>,
  options: MinimizeAsyncOptions = {},
): Promise<Minimum<unknown>> {
  const steps = iterateAsync(problem as (x: T) => Tensor, start as Feed<T>, options)
  let next = await steps.next()
  while (next.done !== true) next = await steps.next()
  return next.value
}
