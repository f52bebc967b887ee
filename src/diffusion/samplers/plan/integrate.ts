/** Many ordinary differential equations at once, each with its own step: Dormand and Prince's method of order 5(4). */

import { dormandPrince, errorWeights } from "../../../ode/tableau.ts"

/** Slopes of `rows` equations at their own times: x and the result are `[rows, size]`. */
export type Slopes = (times: Float64Array, x: Float64Array) => Promise<Float64Array>

/** Options of {@link integrate}. */
export interface IntegrateOptions {
  readonly from: number
  readonly to: number
  /** Relative tolerance of a step. */
  readonly rtol?: number
  /** Absolute tolerance of a step. */
  readonly atol?: number
  /** First step of each equation, changed into the one to try next. */
  readonly widths: Float64Array
  /** Steps that may be tried. */
  readonly most?: number
}

const { c: nodes, a: stages, b: last } = dormandPrince

/**
 * Moves every row of x from one time to another, in place; gives the number of slopes asked for. Every row has its own
 * steps, so none depends on the others; those that have arrived wait.
 * Source: Dormand and Prince 1980; step control as in Hairer, Nørsett and Wanner, chapter II.4.
 *
 * @throws RangeError when tolerances are not above 0, or more steps would be needed than may be tried.
 */
export async function integrate(
  slopes: Slopes,
  x: Float64Array,
  { from, to, rtol = 1e-5, atol = 1e-5, widths, most = 10_000 }: IntegrateOptions,
): Promise<number> {
  if (!(rtol > 0 && atol > 0))
    throw new RangeError(`integrate: got rtol ${rtol} and atol ${atol}, expected numbers above 0`)
  const rows = widths.length
  const size = x.length / rows
  const way = Math.sign(to - from)
  const times = new Float64Array(rows).fill(from)
  let asked = 0
  const ask = (at: Float64Array, y: Float64Array): Promise<Float64Array> => {
    asked++
    return slopes(at, y)
  }
  if (way === 0) return asked
  let first: Float64Array | null = null
  for (let tried = 0; times.some((t) => t !== to); tried++) {
    if (tried === most)
      throw new RangeError(`integrate: ${most} steps were not enough (larger tolerances, or a smoother network)`)
    const h = times.map((t, r) => (Math.abs(to - t) <= widths[r] * 1.0001 ? to - t : way * widths[r]))
    const k: Float64Array[] = [first ?? (await ask(times, x))]
    for (let s = 1; s < stages.length; s++) {
      const y = combined(x, h, k, stages[s], size)
      k.push(
        await ask(
          times.map((t, r) => t + nodes[s] * h[r]),
          y,
        ),
      )
    }
    const next = combined(x, h, k, last, size)
    k.push(
      await ask(
        times.map((t, r) => t + h[r]),
        next,
      ),
    )
    const off = combined(new Float64Array(x.length), h, k, errorWeights, size)
    const slope: Float64Array = k[0].slice()
    for (let r = 0; r < rows; r++) {
      if (h[r] === 0) continue
      let sum = 0
      for (let i = r * size; i < (r + 1) * size; i++)
        sum += (off[i] / (atol + rtol * Math.max(Math.abs(x[i]), Math.abs(next[i])))) ** 2
      const error = Math.sqrt(sum / size)
      if (!Number.isFinite(error))
        throw new RangeError("integrate: a slope is not finite (a network gave NaN or infinity)")
      const factor = error === 0 ? 5 : Math.min(5, Math.max(0.2, 0.9 * error ** -0.2))
      if (error <= 1) {
        const isEnd = h[r] === to - times[r]
        times[r] = isEnd ? to : times[r] + h[r]
        x.set(next.subarray(r * size, (r + 1) * size), r * size)
        // The last slope of a step is the first of the next.
        slope.set(k[6].subarray(r * size, (r + 1) * size), r * size)
        // A step cut short by the end says nothing of how long one may be.
        widths[r] = isEnd ? Math.max(widths[r], Math.abs(h[r]) * factor) : Math.abs(h[r]) * factor
      } else widths[r] = Math.abs(h[r]) * Math.min(1, factor)
    }
    first = slope
  }
  return asked
}

/** x + h (weights of the slopes), row by row. */
function combined(
  x: Float64Array,
  h: Float64Array,
  k: readonly Float64Array[],
  weights: readonly number[],
  size: number,
): Float64Array {
  const out = x.slice()
  for (const [s, w] of weights.entries()) {
    if (w === 0) continue
    for (let r = 0; r < h.length; r++) {
      const factor = w * h[r]
      if (factor !== 0) for (let i = r * size; i < (r + 1) * size; i++) out[i] += factor * k[s][i]
    }
  }
  return out
}
