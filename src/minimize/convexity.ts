/** Checks of convexity on random segments: of functions, by three conditions, and of sets. */
import { Generator } from "../engine/random.ts"
import type { Tensor } from "../engine/tensor.ts"
import { curvatureAt } from "./curvature.ts"
import type { Objective } from "./objective.ts"
import { program } from "./program.ts"
import { MinimizeError } from "./routine.ts"
import { dot, minus } from "./vector.ts"

/** A box to look in, and how closely. */
export interface BoxOptions {
  /** Lowest and highest corner, [n] each. */
  readonly low: ArrayLike<number>
  readonly high: ArrayLike<number>
  /** Segments looked at. */
  readonly segments?: number
  readonly seed?: number
}

/** What {@link convexity} saw. */
export interface Convexity {
  /** Least gap t f(x) + (1 - t) f(y) - f(t x + (1 - t) y): below 0 where a chord passes below the function. */
  readonly chord: number
  /** Least gap f(y) - f(x) - grad f(x).(y - x): below 0 where a tangent passes above the function. */
  readonly tangent: number
  /** Smallest eigenvalue of a Hessian. */
  readonly curvature: number
  /** No condition was broken beyond rounding: evidence for a convex function. `false` is a proof against one. */
  readonly isConvex: boolean
  /** Every chord lay above the function by more than rounding. */
  readonly isStrict: boolean
}

function* segmentsOf(
  where: string,
  { low, high, segments = 200, seed = 0 }: BoxOptions,
): globalThis.Generator<readonly [Float64Array, Float64Array, number]> {
  const n = low.length
  if (n === 0 || high.length !== n)
    throw new RangeError(`${where}: corners have ${n} and ${high.length} numbers, expected as many, at least one`)
  for (let i = 0; i < n; i++) {
    if (!(Number.isFinite(low[i]) && Number.isFinite(high[i]) && low[i] < high[i]))
      throw new RangeError(`${where}: axis ${i} goes from ${low[i]} to ${high[i]}, expected finite numbers that rise`)
  }
  if (!(Number.isInteger(segments) && segments >= 1))
    throw new RangeError(`${where}: got ${segments} segments, expected a whole number from 1`)
  const random = new Generator(seed)
  const draw = (): Float64Array => Float64Array.from(low, (from, i) => random.uniform(from, high[i]))
  for (let k = 0; k < segments; k++) yield [draw(), draw(), random.uniform(0.05, 0.95)]
}

function between(x: Float64Array, y: Float64Array, share: number): Float64Array {
  return x.map((v, i) => share * v + (1 - share) * y[i])
}

/**
 * Looks for breaches of convexity of a function on random segments in a box: of the definition (chords lie above), of
 * the first-order condition (tangents lie below) and of the second-order one (no negative curvature). Notes 004 §2 print
 * the last as f' >= 0; it is f'' >= 0, and x^2 at -1 tells them apart. They also say that a strictly convex function has
 * a global minimum; it has at most one, and e^x has none.
 *
 * A function of tensors takes one tensor [n].
 *
 * @throws MinimizeError where the function is not finite in the box.
 */
export function convexity(problem: Objective | ((x: Tensor) => Tensor), options: BoxOptions): Convexity {
  const objective: Objective =
    typeof problem === "function" ? program(problem, Float64Array.from(options.low)) : problem
  const value = (x: Float64Array): number => {
    const found = objective.value(x)
    if (!Number.isFinite(found))
      throw new MinimizeError(`convexity: the value at [${x.join(", ")}] is ${found}, expected a finite number`)
    return found
  }
  let [chord, tangent, curvature] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  let [isConvex, isStrict] = [true, true]
  for (const [x, y, share] of segmentsOf("convexity", options)) {
    const [fx, fy] = [value(x), value(y)]
    const fm = value(between(x, y, share))
    const slope = objective.gradient(x)
    const rise = dot(slope, minus(y, x))
    const bend = curvatureAt(objective, x)
    const noise =
      64 * (objective.precision ?? 2 ** -52) * Math.max(Math.abs(fx), Math.abs(fy), Math.abs(fm), Math.abs(rise))
    const above = share * fx + (1 - share) * fy - fm
    const below = fy - fx - rise
    chord = Math.min(chord, above)
    tangent = Math.min(tangent, below)
    curvature = Math.min(curvature, bend.least)
    // Differences of gradients, where there is no Hessian, leave about this much.
    const blur = objective.hessian === undefined && objective.product === undefined ? 1e-5 : 1e-10
    if (above < -noise || below < -noise || bend.least < -blur * Math.max(1, Math.abs(bend.most))) isConvex = false
    if (!(above > noise)) isStrict = false
  }
  return { chord, tangent, curvature, isConvex, isStrict: isConvex && isStrict }
}

/**
 * Whether a set looks convex: points of segments between members that were found in the box are members too. `false` is
 * a proof against, `true` is evidence.
 *
 * @throws MinimizeError where fewer than two members were found in the box.
 */
export function isConvexSet(contains: (x: Float64Array) => boolean, options: BoxOptions): boolean {
  const members: Float64Array[] = []
  const shares: number[] = []
  for (const [x, y, share] of segmentsOf("isConvexSet", options)) {
    for (const point of [x, y]) {
      if (!contains(point)) continue
      members.push(point)
      shares.push(share)
    }
  }
  if (members.length < 2)
    throw new MinimizeError(
      `isConvexSet: found ${members.length} members in the box, expected two (shrink the box to the set)`,
    )
  // Every member with a few that follow it.
  return members.every((x, i) =>
    [1, 2, 3].every((k) => contains(between(x, members[(i + k) % members.length], shares[i]))),
  )
}
