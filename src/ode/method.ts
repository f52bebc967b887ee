/** What the solvers of differential equations share: records of steps, and what a method is. */
import type { Request } from "./tableau.ts"

/** The equation cannot be followed further: a slope that is no number, or steps that shrink to nothing. */
export class OdeError extends Error {
  override readonly name = "OdeError"
}

/** Where an integration has come to. */
export interface Reached {
  /** Steps done; the first record, 0, is the start. */
  readonly step: number
  readonly t: number
  /** The state, from which the next step is taken: not to be changed. */
  readonly y: Float64Array
  /** Length of this step, negative where time runs back; 0 at the start. */
  readonly h: number
  /** Size of the step's error in units of the tolerance, at most 1; 0 for methods that do not look. */
  readonly error: number
  /** Slopes asked for so far. */
  readonly evaluations: number
  /** Steps that were tried and not taken, so far. */
  readonly rejected: number
  /** The state between the last record's time and this one's; needs `dense` where steps are fixed. */
  readonly at: (t: number) => Float64Array
}

/** What a method is given. */
export interface Problem {
  readonly from: number
  readonly to: number
  readonly start: Float64Array
  /** States in the batch: how many equal parts the state has that may be judged on their own. */
  readonly samples: number
  /** Whether every record must answer `at`. */
  readonly dense: boolean
}

/** A solver with its options: what `integrate` and `solve` take. */
export interface Method {
  readonly name: string
  /** Asks for slopes and yields where it has come to, until the end. */
  run(problem: Problem): Generator<Request | Reached, void, Float64Array>
}

/** Whether an item of a run is a step, and not a slope that is asked for. */
export function isReached(item: Request | Reached): item is Reached {
  return "step" in item
}

/** A slope checked to have the state's size. */
export function checkedSlope(where: string, slope: Float64Array, n: number): Float64Array {
  if (slope.length !== n)
    throw new RangeError(`${where}: the slope has ${slope.length} elements, the state has ${n} (f gives dy/dt)`)
  return slope
}

/** A function of time between two times. */
export function between(from: number, to: number, state: (share: number) => Float64Array): (t: number) => Float64Array {
  return (t) => {
    const share = to === from ? 0 : (t - from) / (to - from)
    if (!(share >= -1e-9 && share <= 1 + 1e-9))
      throw new RangeError(`at: got t ${t}, expected one between ${from} and ${to} (the step's ends)`)
    return state(share)
  }
}
