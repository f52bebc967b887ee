/** Roots of systems of equations by Newton's method. */
import type { Feed } from "../engine/compile.ts"
import type { Tensor } from "../engine/tensor.ts"
import { LinAlgError, real } from "../linalg/matrix.ts"
import { solve } from "../linalg/solve.ts"
import { type Arrays, type System, systemOf } from "./program.ts"
import { MinimizeError } from "./routine.ts"
import { allFinite, along, norm, times } from "./vector.ts"

/** Options of {@link newtonRoot} and {@link solveSystem}. */
export interface SystemOptions {
  /** Length of f(x) at which a root counts as found; default 1e-12. */
  readonly tolerance?: number
  /** Steps at most; default 100. */
  readonly maxSteps?: number
  /** Halves a step until it makes |f| smaller: farther starts converge. Without, the default, the steps are Newton's own. */
  readonly damped?: boolean
}

/** One step towards a root of a system. */
export interface SystemStep<X = Float64Array> {
  /** Steps done; the first record, 0, is the start. */
  readonly step: number
  readonly x: X
  /** f(x), [m]. */
  readonly value: Float64Array
  /** Its Euclidean length. */
  readonly residual: number
  /** Share of the full step that was taken; 0 at the start. */
  readonly rate: number
}

/** Where a search for a root ended. */
export interface SystemRoot<X = Float64Array> extends SystemStep<X> {
  readonly isConverged: boolean
}

/** A system, its start as a vector, and the way back to what the user gave. */
export interface Located {
  readonly system: System
  readonly flat: Float64Array
  readonly unpack: (flat: Float64Array) => unknown
}

/** What a problem and its start are, told apart. */
export function systemAt<T>(
  where: string,
  problem: System | ((x: T) => Tensor),
  start: ArrayLike<number> | Feed<T>,
): Located {
  if (typeof problem !== "function")
    return { system: problem, flat: Float64Array.from(start as ArrayLike<number>), unpack: (flat) => flat }
  const system = systemOf(where, problem, start as Feed<T>)
  return { system, flat: system.layout.start, unpack: system.layout.unpack }
}

/** f(x) checked to be finite; its length. */
export function valueAt(where: string, system: System, x: Float64Array): { value: Float64Array; residual: number } {
  const value = system.value(x)
  if (!allFinite(value) || !allFinite(x))
    throw new MinimizeError(
      `${where}: the function is not finite at [${x.slice(0, 4).join(", ")}] (start elsewhere, or damp)`,
    )
  return { value, residual: norm(value) }
}

/**
 * Newton's method for f(x) = 0, as many equations as unknowns, step by step: x <- x - J^-1 f(x), J the Jacobian; for one
 * equation x - f(x) / f'(x) (notes 003, D3.13). Near a root with an invertible J the number of right digits doubles with
 * every step; at a multiple root, where J is singular, it only gains a constant share.
 *
 * The function is a {@link System}, or one of a tensor or a tree of tensors, differentiated by the engine.
 *
 * @throws LinAlgError where J is singular at an iterate; MinimizeError where f is not finite; RangeError where the
 * equations are not as many as the unknowns.
 */
export function newtonRoot(
  problem: System,
  start: ArrayLike<number>,
  options?: SystemOptions,
): Generator<SystemStep, SystemRoot>
export function newtonRoot<T>(
  problem: (x: T) => Tensor,
  start: Feed<T>,
  options?: SystemOptions,
): Generator<SystemStep<Arrays<T>>, SystemRoot<Arrays<T>>>
export function newtonRoot<T>(
  problem: System | ((x: T) => Tensor),
  start: ArrayLike<number> | Feed<T>,
  options: SystemOptions = {},
): Generator<SystemStep<unknown>, SystemRoot<unknown>> {
  return newtonSteps("newtonRoot", systemAt("newtonRoot", problem, start), options)
}

/** {@link newtonRoot} for whoever calls it, by whose name errors go. */
export function* newtonSteps(
  where: string,
  { system, flat, unpack }: Located,
  { tolerance = 1e-12, maxSteps = 100, damped = false }: SystemOptions,
): Generator<SystemStep<unknown>, SystemRoot<unknown>> {
  const n = flat.length
  let x = flat
  let { value, residual } = valueAt(where, system, x)
  if (value.length !== n)
    throw new RangeError(
      `${where}: ${value.length} equations of ${n} unknowns, expected as many (leastSquares takes more)`,
    )
  let record = { step: 0, x: unpack(x), value, residual, rate: 0 }
  yield record
  while (residual > tolerance && record.step < maxSteps) {
    const direction = times(-1, stepOf(where, system.jacobian(x), value, x))
    let rate = 1
    let next = along(x, rate, direction)
    if (damped) {
      // |f|^2 / 2 has the slope -|f|^2 along Newton's direction.
      const isWorse = (at: Float64Array): boolean => {
        const length = norm(system.value(at))
        return !(length * length <= (1 - 2e-4 * rate) * residual * residual)
      }
      while (rate > 2 ** -40 && isWorse(next)) {
        rate /= 2
        next = along(x, rate, direction)
      }
      if (rate <= 2 ** -40) break
    }
    // The step is below the last digit of x: this is as near as numbers come.
    if (next.every((v, i) => v === x[i])) break
    x = next
    ;({ value, residual } = valueAt(where, system, x))
    record = { step: record.step + 1, x: unpack(x), value, residual, rate }
    yield record
  }
  return { ...record, isConverged: residual <= tolerance }
}

function stepOf(where: string, jacobian: Float64Array, value: Float64Array, x: Float64Array): Float64Array {
  const n = x.length
  try {
    return solve(real([n, n], jacobian), real([n], value)).data
  } catch (cause) {
    if (!(cause instanceof LinAlgError)) throw cause
    throw new LinAlgError(
      `${where}: the Jacobian is singular at [${x.slice(0, 4).join(", ")}${n > 4 ? ", ..." : ""}], so there is no step (start elsewhere)`,
      { cause },
    )
  }
}

/**
 * A root of a system by {@link newtonRoot}, and whether it was found (`isConverged`): |f(x)| within the tolerance.
 *
 * @example solveSystem((x: Tensor) => x.square().sub(2), 1).x.data[0] // 1.4142135623730951
 * @throws as {@link newtonRoot} does; not where the steps run out.
 */
export function solveSystem(problem: System, start: ArrayLike<number>, options?: SystemOptions): SystemRoot
export function solveSystem<T>(
  problem: (x: T) => Tensor,
  start: Feed<T>,
  options?: SystemOptions,
): SystemRoot<Arrays<T>>
export function solveSystem<T>(
  problem: System | ((x: T) => Tensor),
  start: ArrayLike<number> | Feed<T>,
  options: SystemOptions = {},
): SystemRoot<unknown> {
  const steps = newtonSteps("solveSystem", systemAt("solveSystem", problem, start), options)
  let next = steps.next()
  while (next.done !== true) next = steps.next()
  return next.value
}
