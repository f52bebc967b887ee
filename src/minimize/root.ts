/** Roots of a function of one number, between two points at which its signs differ: bisection and Brent's method. */
import { MinimizeError } from "./routine.ts"

/** Options of {@link findRoot} and its iterators. */
export interface RootOptions {
  /** Width of the bracket at which a root counts as found; it is never asked to be below a few last digits of the root. */
  readonly tolerance?: number
  readonly maxSteps?: number
}

/** One step of a search between two points. */
export interface Bracket {
  /** Steps done; the first record, 0, is what was given. */
  readonly step: number
  /** The better guess, and the function there. */
  readonly x: number
  readonly value: number
  /** The ends of the interval that holds a root. */
  readonly low: number
  readonly high: number
  readonly evaluations: number
}

function checked(where: string, f: (x: number) => number): (x: number) => number {
  return (x) => {
    const value = f(x)
    if (Number.isNaN(value)) throw new MinimizeError(`${where}: the function is NaN at ${x}, expected a number`)
    return value
  }
}

function ends(where: string, f: (x: number) => number, low: number, high: number): [number, number] {
  if (!(Number.isFinite(low) && Number.isFinite(high) && low < high))
    throw new RangeError(`${where}: got the interval [${low}, ${high}], expected finite numbers, the smaller first`)
  const [below, above] = [f(low), f(high)]
  if (below * above > 0 || Math.sign(below) === Math.sign(above)) {
    if (below === 0) return [below, above]
    throw new RangeError(
      `${where}: the function is ${below} at ${low} and ${above} at ${high}, expected different signs (widen the interval)`,
    )
  }
  return [below, above]
}

/** The least width that doubles around x can tell. */
function width(tolerance: number, x: number): number {
  return Math.max(tolerance, 4 * 2 ** -52 * Math.abs(x))
}

/**
 * Bisection: halves the interval [low, high] and keeps the half at whose ends the signs of f differ. One binary digit a
 * step, whatever f is; of a jump it finds the place.
 *
 * @throws RangeError where the signs at the ends agree; MinimizeError where f is NaN.
 */
export function* bisection(
  fn: (x: number) => number,
  low: number,
  high: number,
  { tolerance = 0, maxSteps = 2000 }: RootOptions = {},
): Generator<Bracket> {
  const f = checked("bisection", fn)
  const [below, above] = ends("bisection", f, low, high)
  let evaluations = 2
  let [x, value] = Math.abs(below) <= Math.abs(above) ? [low, below] : [high, above]
  yield { step: 0, x, value, low, high, evaluations }
  const sign = Math.sign(below)
  for (let step = 1; step <= maxSteps && value !== 0 && high - low > width(tolerance, x); step++) {
    x = low / 2 + high / 2
    // Subnormal ends round their middle onto one of them.
    if (x <= low || x >= high) return
    value = f(x)
    evaluations++
    if (Math.sign(value) === sign) low = x
    else high = x
    yield { step, x, value, low, high, evaluations }
  }
}

/**
 * Brent's method: a step by inverse quadratic interpolation or the secant where it stays well inside the interval and
 * shrinks fast enough, a bisection otherwise: as sure as bisection, and fast near a simple root. Brent 1973, chapter 4.
 *
 * @throws RangeError where the signs at the ends agree; MinimizeError where f is NaN.
 */
export function* brent(
  fn: (x: number) => number,
  low: number,
  high: number,
  { tolerance = 0, maxSteps = 2000 }: RootOptions = {},
): Generator<Bracket> {
  const f = checked("brent", fn)
  let [fa, fb] = ends("brent", f, low, high)
  // b is the best guess, a the one before, and the root lies between b and c.
  let [a, b] = [low, high]
  let [c, fc] = [a, fa]
  let last = b - a
  let before = last
  let evaluations = 2
  for (let step = 0; step <= maxSteps; step++) {
    if (Math.abs(fc) < Math.abs(fb)) {
      ;[a, b, c] = [b, c, b]
      ;[fa, fb, fc] = [fb, fc, fb]
    }
    yield { step, x: b, value: fb, low: Math.min(b, c), high: Math.max(b, c), evaluations }
    const least = width(tolerance, b) / 2
    const half = (c - b) / 2
    if (fb === 0 || Math.abs(half) <= least) return
    let move = half
    let isInterpolated = false
    if (Math.abs(before) >= least && Math.abs(fa) > Math.abs(fb)) {
      const s = fb / fa
      let [p, q] = [2 * half * s, 1 - s]
      if (a !== c) {
        const [u, r] = [fa / fc, fb / fc]
        p = s * (2 * half * u * (u - r) - (b - a) * (r - 1))
        q = (u - 1) * (r - 1) * (s - 1)
      }
      if (p > 0) q = -q
      else p = -p
      isInterpolated = 2 * p < Math.min(3 * half * q - Math.abs(least * q), Math.abs(before * q))
      if (isInterpolated) move = p / q
    }
    before = isInterpolated ? last : half
    last = move
    ;[a, fa] = [b, fb]
    b += Math.abs(move) > least ? move : Math.sign(half) * least
    fb = f(b)
    evaluations++
    if (Math.sign(fb) === Math.sign(fc)) {
      ;[c, fc] = [a, fa]
      last = b - a
      before = last
    }
  }
}

/** The last record of a search between two points, and whether the root is found. */
export interface Root extends Bracket {
  readonly isConverged: boolean
}

/**
 * A root of f between low and high, at which its signs differ, by {@link brent} (or {@link bisection}).
 *
 * @example findRoot((x) => x * x - 2, 0, 2).x // 1.4142135623730951
 * @throws RangeError where the signs at the ends agree; MinimizeError where f is NaN.
 */
export function findRoot(
  f: (x: number) => number,
  low: number,
  high: number,
  { method = brent, ...options }: RootOptions & { readonly method?: typeof brent } = {},
): Root {
  let last: Bracket | undefined
  for (const bracket of method(f, low, high, options)) last = bracket
  const found = last!
  const isNarrow = found.high - found.low <= width(options.tolerance ?? 0, found.x)
  return { ...found, isConverged: found.value === 0 || isNarrow }
}
