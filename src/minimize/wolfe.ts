/** Line searches: a step that satisfies the strong Wolfe conditions, and backtracking to Armijo's condition. */
import { type Asking, type Context, evaluated, type Point, valued } from "./routine.ts"
import { allFinite, along, dot, norm } from "./vector.ts"

/** Constants of the line searches. */
export interface WolfeOptions {
  /** Share of the decrease that the slope promises: f(x + a p) <= f(x) + c1 a p.grad f(x). */
  readonly c1?: number
  /** Share of the slope that may be left: |p.grad f(x + a p)| <= c2 |p.grad f(x)|. */
  readonly c2?: number
  /** The step tried first. */
  readonly first?: number
  /** Evaluations before it takes what it has. */
  readonly maxEvaluations?: number
}

/** A point on the line: x + rate p, and the slope along p there. */
export interface Trial extends Point {
  readonly rate: number
  readonly slope: number
}

/** The constants with their defaults, checked. */
export function wolfeOptions(
  where: string,
  { c1 = 1e-4, c2 = 0.9, first = 1, maxEvaluations = 60 }: WolfeOptions,
): Required<WolfeOptions> {
  if (!(c1 > 0 && c1 < c2 && c2 < 1))
    throw new RangeError(`${where}: got c1 ${c1} and c2 ${c2}, expected 0 < c1 < c2 < 1`)
  if (!(first > 0 && first < Number.POSITIVE_INFINITY))
    throw new RangeError(`${where}: got a first step of ${first}, expected a positive number`)
  if (!(Number.isInteger(maxEvaluations) && maxEvaluations >= 1))
    throw new RangeError(`${where}: got maxEvaluations ${maxEvaluations}, expected a whole number from 1`)
  return { c1, c2, first, maxEvaluations }
}

/** Where the cubic through values and slopes of two points is least; NaN where it has no minimum. */
function cubicLeast(a: Trial, b: Trial): number {
  const d1 = a.slope + b.slope - (3 * (a.value - b.value)) / (a.rate - b.rate)
  const d2 = Math.sign(b.rate - a.rate) * Math.sqrt(d1 * d1 - a.slope * b.slope)
  return b.rate - ((b.rate - a.rate) * (b.slope + d2 - d1)) / (b.slope - a.slope + 2 * d2)
}

/**
 * A step along a direction of descent that satisfies the strong Wolfe conditions: steps grow until a bracket holds one,
 * then the bracket shrinks by cubic interpolation, kept away from its ends and halved where that stalls. Where the
 * promised decrease is below what values can show, a rounding error of the value is forgiven and slopes decide.
 * Gives undefined where the direction does not descend or no step does. Nocedal and Wright 2006, algorithms 3.5 and 3.6.
 */
export function* wolfe(
  context: Context,
  from: Point,
  direction: Float64Array,
  options: Required<WolfeOptions>,
): Asking<Trial | undefined> {
  const { c1, c2, first, maxEvaluations } = options
  const start: Trial = { ...from, rate: 0, slope: dot(from.gradient, direction) }
  if (!(start.slope < 0)) return undefined
  const noise = 4 * context.precision * Math.abs(from.value)
  const isEnough = ({ rate, value }: Trial): boolean => {
    const promised = c1 * rate * start.slope
    return value <= from.value + promised + (-promised < noise ? noise : 0)
  }
  const isFlat = ({ slope }: Trial): boolean => Math.abs(slope) <= -c2 * start.slope
  let left = maxEvaluations
  function* at(rate: number): Asking<Trial> {
    left--
    const point = yield* evaluated(along(from.x, rate, direction))
    const slope = allFinite(point.gradient) ? dot(point.gradient, direction) : Number.NaN
    return { ...point, rate, slope }
  }

  let low = start
  let high: Trial | undefined
  for (let rate = first; left > 0 && high === undefined; ) {
    const trial = yield* at(rate)
    if (isEnough(trial) && isFlat(trial)) return trial
    if (!isEnough(trial) || (low !== start && trial.value >= low.value)) {
      high = trial
    } else if (trial.slope >= 0) {
      high = low
      low = trial
    } else {
      const reach = trial.rate - low.rate
      const guess = cubicLeast(low, trial)
      rate = trial.rate + Math.min(Math.max(Number.isNaN(guess) ? 0 : guess - trial.rate, 1.1 * reach), 4 * reach)
      low = trial
    }
  }

  const size = norm(direction)
  const smallest = context.precision * Math.max(norm(from.x), Number.MIN_VALUE)
  let widths = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  while (high !== undefined && left > 0) {
    const width: number = high.rate - low.rate
    if (Math.abs(width) * size <= smallest) break
    // The interpolation may creep: two rounds must take a third off.
    const isSlow = Math.abs(width) > 0.66 * widths[0]
    widths = [widths[1], Math.abs(width)]
    const guess =
      isSlow || high.value === Number.POSITIVE_INFINITY ? Number.NaN : (cubicLeast(low, high) - low.rate) / width
    const trial: Trial = yield* at(
      low.rate + width * (guess > 0 && guess < 1 ? Math.min(Math.max(guess, 0.1), 0.9) : 0.5),
    )
    if (isEnough(trial) && isFlat(trial)) return trial
    if (!isEnough(trial) || trial.value >= low.value) {
      high = trial
    } else {
      if (trial.slope * width >= 0) high = low
      low = trial
    }
  }
  return low === start ? undefined : low
}

/**
 * The first of first, first / 2, first / 4 ... that satisfies f(x + a p) <= f(x) + c1 a p.grad f(x); undefined where the
 * direction does not descend or no step does. Only values are asked for until one is accepted. (Armijo 1966.)
 */
export function* armijo(
  context: Context,
  from: Point,
  direction: Float64Array,
  { c1, first, maxEvaluations }: Required<WolfeOptions>,
): Asking<Trial | undefined> {
  const slope = dot(from.gradient, direction)
  if (!(slope < 0)) return undefined
  const smallest = context.precision * norm(from.x)
  for (let [rate, left] = [first, maxEvaluations]; left > 0 && rate * norm(direction) > smallest; rate /= 2, left--) {
    const x = along(from.x, rate, direction)
    if ((yield* valued(x)) <= from.value + c1 * rate * slope) {
      const point = yield* evaluated(x)
      if (point.value < Number.POSITIVE_INFINITY) return { ...point, rate, slope: dot(point.gradient, direction) }
    }
  }
  return undefined
}
