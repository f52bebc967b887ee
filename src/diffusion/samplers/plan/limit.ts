/** Bounds on the predicted x0: a fixed one, or one by the sample's own largest values. */
import { fromNumbers } from "../../../engine/array.ts"
import { greater, lessEqual, where } from "../../../engine/ops/compare.ts"
import { maximum, minimum } from "../../../engine/ops/elementwise.ts"
import { constant, type Tensor } from "../../../engine/tensor.ts"

/** Dynamic thresholding. */
export interface Threshold {
  /** Share of a sample's values whose absolute values lie within the bound; 0.995 unless given. */
  readonly ratio?: number
  /** The bound is at most this; 1, which is the same as a fixed bound of 1, unless given. */
  readonly max?: number
}

/** How x0 is bounded: thresholding if there is one, else a fixed bound if there is one. */
export interface Limit {
  readonly clip: number | null
  readonly threshold?: Threshold | null | undefined
}

/** @throws RangeError for a ratio outside [0, 1], or a bound that is not above 0. */
export function checkLimit({ clip, threshold }: Limit): void {
  if (clip !== null && !(clip > 0))
    throw new RangeError(`sampler: got clip ${clip}, expected a number above 0, or null`)
  if (threshold == null) return
  const { ratio = 0.995, max = 1 } = threshold
  if (!(ratio >= 0 && ratio <= 1 && max > 0 && max < Number.POSITIVE_INFINITY))
    throw new RangeError(
      `sampler: got a threshold of ratio ${ratio} and max ${max}, expected a ratio from 0 to 1 and a max above 0`,
    )
}

/** x0 `[batch, ...shape]` within its bound. */
export function limited(x0: Tensor, { clip, threshold }: Limit): Tensor {
  if (threshold == null) return clip === null ? x0 : minimum(maximum(x0, -clip), clip)
  return thresholded(x0, threshold)
}

/**
 * Dynamic thresholding of `[batch, ...shape]`: with s the quantile of |x0| of each sample, but from 1 to `max` (where
 * `max` is below 1, `max`), x0 is clipped to [-s, s] and divided by s.
 * Source: Saharia et al. 2022 (Imagen), section 2.3.
 */
export function thresholded(x0: Tensor, { ratio = 0.995, max = 1 }: Threshold = {}): Tensor {
  const batch = x0.shape[0]
  const flat = x0.reshape([batch, -1])
  const s = minimum(maximum(rowQuantile(flat.abs(), ratio), 1), max)
  return minimum(maximum(flat, s.neg()), s).div(s).reshape(x0.shape)
}

/**
 * The quantile of each row of `[batch, n]` of numbers from 0 up, `[batch, 1]`: between its two neighbours by linear
 * interpolation, as NumPy's. The neighbours are found by halving the range of the row 40 times and counting.
 */
export function rowQuantile(x: Tensor, ratio: number): Tensor {
  const n = x.shape[1]
  const place = ratio * (n - 1)
  const rank = Math.floor(place)
  const most = x.max({ axes: [1], keepDims: true })
  const huge = constant(fromNumbers("float32", [1, 1], [3e38]))
  const counted = (bound: Tensor): Tensor =>
    lessEqual(x, bound)
      .cast("float32")
      .sum({ axes: [1], keepDims: true })
  // Below `low` lie at most `rank` values, up to `high` more than that.
  let [low, high] = [most.mul(0).sub(1), most]
  for (let i = 0; i < 40; i++) {
    const middle = low.add(high).mul(0.5)
    const isEnough = greater(counted(middle), rank)
    ;[low, high] = [where(isEnough, low, middle), where(isEnough, middle, high)]
  }
  const found = where(greater(x, low), x, huge).min({ axes: [1], keepDims: true })
  const after = where(greater(x, found), x, huge).min({ axes: [1], keepDims: true })
  const next = where(greater(counted(found), rank + 1), found, minimum(after, most))
  return found.add(next.sub(found).mul(place - rank))
}

/** {@link limited} of rows on the host, for samples of `size` numbers. */
export function limitRows(x0: Float64Array, size: number, { clip, threshold }: Limit): Float64Array {
  if (threshold == null) return clip === null ? x0 : x0.map((v) => Math.min(clip, Math.max(-clip, v)))
  const { ratio = 0.995, max = 1 } = threshold
  const out = x0.slice()
  for (let start = 0; start < x0.length; start += size) {
    const row = out.subarray(start, start + size)
    const sorted = row.map(Math.abs).sort()
    const place = ratio * (size - 1)
    const low = Math.floor(place)
    const high = Math.min(size - 1, low + 1)
    const s = Math.min(max, Math.max(1, sorted[low] + (sorted[high] - sorted[low]) * (place - low)))
    for (let i = 0; i < size; i++) row[i] = Math.min(s, Math.max(-s, row[i])) / s
  }
  return out
}
