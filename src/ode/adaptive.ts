/** Dormand's and Prince's pair of orders 5 and 4, which chooses its steps. */
import { between, type Method, OdeError, type Reached } from "./method.ts"
import { combined, denseWeights, dormandPrince, errorWeights, stages } from "./tableau.ts"

/** Options of {@link rk45}. */
export interface AdaptiveOptions {
  /** Relative tolerance of a step's error; default 1e-3. */
  readonly rtol?: number
  /** Absolute tolerance of a step's error, for all elements or each; default 1e-6. */
  readonly atol?: number | ArrayLike<number>
  /** Length of the first step; estimated unless given. */
  readonly firstStep?: number
  /** Longest step; no bound unless given. */
  readonly maxStep?: number
  /** Steps at most, those that were rejected included; default 100,000. */
  readonly maxSteps?: number
  /**
   * Whose error is held to 1: the root mean square over `"all"` elements, or that of the worst `"sample"` of the batch,
   * so that no sample is sacrificed to the others. Steps are shared either way. Default `"all"`.
   */
  readonly norm?: "all" | "sample"
}

/** Root mean square of values in units of scales, of the whole or the worst of equal parts. */
function sizeOf(values: Float64Array, scale: (i: number) => number, parts: number): number {
  const n = values.length / parts
  let worst = 0
  for (let p = 0; p < parts; p++) {
    let sum = 0
    for (let i = p * n; i < (p + 1) * n; i++) sum += (values[i] / scale(i)) ** 2
    // Not a maximum by comparison: NaN must come through.
    const size = Math.sqrt(sum / n)
    if (!(size <= worst)) worst = size
  }
  return worst
}

/**
 * The Runge-Kutta pair of orders 5 and 4 of Dormand and Prince 1980, with steps held to
 * error = |e / (atol + rtol max(|y|, |y'|))| <= 1 by a proportional-integral controller: the next step is
 * 0.9 error^-0.17 (the last error)^0.04 times this one, between a fifth and ten times (Gustafsson 1991, with the
 * constants of Hairer, Nørsett and Wanner 1993, §IV.2). Six slopes a step; between steps a polynomial of order 4.
 * For problems that are not stiff. Defaults are those of SciPy's solve_ivp.
 *
 * @throws OdeError where a slope at the start is not finite, steps shrink below what t can tell, or there are too many.
 * RangeError for tolerances and steps out of range.
 */
export function rk45({
  rtol = 1e-3,
  atol = 1e-6,
  firstStep,
  maxStep = Number.POSITIVE_INFINITY,
  maxSteps = 100_000,
  norm = "all",
}: AdaptiveOptions = {}): Method {
  const name = "rk45"
  // Below this the pair's own rounding is all there is to see.
  if (!(rtol >= 2e-14 && rtol < 1))
    throw new RangeError(`${name}: got rtol ${rtol}, expected a number from 2e-14, below 1`)
  const least = typeof atol === "number" ? atol : Math.min(...Array.from(atol))
  if (!(least >= 0)) throw new RangeError(`${name}: got atol ${least}, expected numbers from 0`)
  for (const [what, value] of [
    ["firstStep", firstStep ?? 1],
    ["maxStep", maxStep],
    ["maxSteps", maxSteps],
  ] as const) {
    if (!(value > 0)) throw new RangeError(`${name}: got ${what} ${value}, expected a positive number`)
  }
  return {
    name,
    *run({ from, to, start, samples }) {
      const n = start.length
      if (typeof atol !== "number" && atol.length !== n)
        throw new RangeError(`${name}: got ${atol.length} absolute tolerances for ${n} elements, expected one each`)
      const parts = norm === "sample" ? samples : 1
      const sign = Math.sign(to - from)
      const absolute = (i: number): number => (typeof atol === "number" ? atol : atol[i])
      const scaleAt =
        (y: Float64Array, next: Float64Array) =>
        (i: number): number =>
          // With no absolute tolerance an element at 0 has none at all: the smallest number stands for it.
          absolute(i) + rtol * Math.max(Math.abs(y[i]), Math.abs(next[i])) || Number.MIN_VALUE

      let [evaluations, rejected] = [0, 0]
      let [t, y] = [from, start]
      yield { step: 0, t, y, h: 0, error: 0, evaluations, rejected, at: between(t, t, () => start.slice()) }
      let slope = yield { t, y }
      evaluations++
      if (!slope.every(Number.isFinite))
        throw new OdeError(
          `${name}: the slope at the start is ${slope.find((v) => !Number.isFinite(v))}, expected numbers`,
        )

      let h = firstStep ?? 0
      if (firstStep === undefined) {
        // Hairer, Nørsett and Wanner 1993, §II.4: a step whose second derivative, seen by a small Euler step, is harmless.
        const scale = scaleAt(y, y)
        const [d0, d1] = [sizeOf(y, scale, parts), sizeOf(slope, scale, parts)]
        const h0 = Math.min(d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : (0.01 * d0) / d1, Math.abs(to - from))
        const there = yield { t: t + sign * h0, y: combined(y, sign * h0, [1], [slope]) }
        evaluations++
        const d2 = sizeOf(combined(there, -1, [1], [slope]), scale, parts) / h0
        const bend = Math.max(d1, d2)
        const h1 = bend <= 1e-15 ? Math.max(1e-6, h0 * 1e-3) : (0.01 / bend) ** (1 / 5)
        h = Math.min(100 * h0, Number.isNaN(h1) ? h0 : h1)
      }
      h = Math.min(h, maxStep, Math.abs(to - from))

      let before = 1e-4
      let isAfterRejection = false
      let step = 0
      while (t !== to) {
        if (step + rejected >= maxSteps)
          throw new OdeError(`${name}: ${maxSteps} steps reached t = ${t} of ${to} (raise maxSteps or the tolerances)`)
        const smallest = 10 * 2 ** -52 * Math.abs(t)
        if (h < smallest || h === 0)
          throw new OdeError(`${name}: steps shrank to ${h} at t = ${t} (is the problem stiff, or singular there?)`)
        // A last step that would leave a crumb takes it along.
        const isLast = Math.abs(to - t) <= h * (1 + 1e-10)
        const end = isLast ? to : t + sign * h
        const taken = end - t
        const { next, slopes } = yield* stages(dormandPrince, t, y, taken, slope)
        const last = yield { t: end, y: next }
        evaluations += 6
        slopes.push(last)
        const off = combined(new Float64Array(n), taken, errorWeights, slopes)
        const size = sizeOf(off, scaleAt(y, next), parts)
        const error = next.every(Number.isFinite) && last.every(Number.isFinite) ? size : Number.POSITIVE_INFINITY
        if (!(error <= 1)) {
          rejected++
          h = Math.abs(taken) * (error < Number.POSITIVE_INFINITY ? Math.max(0.2, 0.9 * error ** -0.2) : 0.2)
          isAfterRejection = true
          continue
        }
        const factor = error === 0 ? 10 : Math.min(10, Math.max(0.2, 0.9 * error ** -0.17 * before ** 0.04))
        h = Math.min(Math.abs(taken) * (isAfterRejection ? Math.min(1, factor) : factor), maxStep)
        before = Math.max(error, 1e-4)
        isAfterRejection = false
        const record: Reached = {
          step: ++step,
          t: end,
          y: next,
          h: taken,
          error,
          evaluations,
          rejected,
          at: between(t, end, extended(y, next, slopes, taken)),
        }
        ;[t, y, slope] = [end, next, last]
        yield record
      }
    },
  }
}

/** The pair's continuous extension: as exact between the ends as order 4 is. */
function extended(
  y0: Float64Array,
  y1: Float64Array,
  slopes: readonly Float64Array[],
  h: number,
): (share: number) => Float64Array {
  const high = combined(new Float64Array(y0.length), h, denseWeights, slopes)
  const [first, last] = [slopes[0], slopes[slopes.length - 1]]
  return (s) =>
    y0.map((v, i) => {
      const rise = y1[i] - v
      const bend = h * first[i] - rise
      return v + s * (rise + (1 - s) * (bend + s * (rise - h * last[i] - bend + (1 - s) * high[i])))
    })
}
