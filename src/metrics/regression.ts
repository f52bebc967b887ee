/** How far predicted numbers are from true ones. */
import { fraction } from "../stats/check.ts"
import { besideTarget, numbersOf, type WeightOptions, weightedMean, weightsOf } from "./labels.ts"

interface Pair {
  readonly y: Float64Array
  /** target - predicted. */
  readonly error: Float64Array
  readonly w: Float64Array
}

function pairOf(
  name: string,
  target: ArrayLike<number>,
  predicted: ArrayLike<number>,
  { weights }: WeightOptions,
): Pair {
  const y = numbersOf(name, "target", target)
  const p = besideTarget(name, "predicted", predicted, y.length)
  return { y, error: y.map((v, i) => v - p[i]), w: weightsOf(name, weights, y.length) }
}

const squares = (x: Float64Array): Float64Array => x.map((v) => v * v)

/** Mean squared distance from the mean. */
function spread(x: Float64Array, w: Float64Array): number {
  const center = weightedMean(x, w)
  return weightedMean(squares(x.map((v) => v - center)), w)
}

/** Mean absolute error, mean |y - p|. @throws RangeError for lists that do not fit each other, or what is no number. */
export function mae(target: ArrayLike<number>, predicted: ArrayLike<number>, options: WeightOptions = {}): number {
  const { error, w } = pairOf("mae", target, predicted, options)
  return weightedMean(error.map(Math.abs), w)
}

/** Mean squared error, mean (y - p)^2. @throws as {@link mae}. */
export function mse(target: ArrayLike<number>, predicted: ArrayLike<number>, options: WeightOptions = {}): number {
  const { error, w } = pairOf("mse", target, predicted, options)
  return weightedMean(squares(error), w)
}

/** Root of the mean squared error: in the unit of the target. @throws as {@link mae}. */
export function rmse(target: ArrayLike<number>, predicted: ArrayLike<number>, options: WeightOptions = {}): number {
  const { error, w } = pairOf("rmse", target, predicted, options)
  return Math.sqrt(weightedMean(squares(error), w))
}

function shareOf(name: string, part: number, whole: number): number {
  if (whole === 0) throw new RangeError(`${name}: the targets are all equal, expected some variance to explain`)
  return 1 - part / whole
}

/**
 * Coefficient of determination R^2 = 1 - mean (y - p)^2 / variance of y: 1 for no error, 0 for the mean of y, below
 * 0 for worse than that.
 *
 * @throws RangeError as {@link mae}, and when all targets are equal.
 */
export function r2(target: ArrayLike<number>, predicted: ArrayLike<number>, options: WeightOptions = {}): number {
  const { y, error, w } = pairOf("r2", target, predicted, options)
  return shareOf("r2", weightedMean(squares(error), w), spread(y, w))
}

/**
 * Explained variance, 1 - variance of y - p / variance of y: R^2 that forgives a constant error.
 *
 * @throws RangeError as {@link mae}, and when all targets are equal.
 */
export function explainedVariance(
  target: ArrayLike<number>,
  predicted: ArrayLike<number>,
  options: WeightOptions = {},
): number {
  const { y, error, w } = pairOf("explainedVariance", target, predicted, options)
  return shareOf("explainedVariance", spread(error, w), spread(y, w))
}

/**
 * Mean absolute percentage error, mean |y - p| / |y|, as a share (1 is 100 %).
 *
 * @throws RangeError as {@link mae}, and for a target of 0, of which there is no percentage.
 */
export function mape(target: ArrayLike<number>, predicted: ArrayLike<number>, options: WeightOptions = {}): number {
  const { y, error, w } = pairOf("mape", target, predicted, options)
  const zero = y.indexOf(0)
  if (zero >= 0) throw new RangeError(`mape: target[${zero}] is 0, expected no 0 (use mae)`)
  return weightedMean(
    error.map((e, i) => Math.abs(e / y[i])),
    w,
  )
}

/** Options of {@link pinball}. */
export interface PinballOptions extends WeightOptions {
  /** Which quantile was predicted, strictly between 0 and 1. */
  readonly quantile?: number
}

/**
 * Pinball loss of a predicted q-quantile, mean max(q (y - p), (q - 1)(y - p)): least where a share q of targets lies below
 * p. With q = 1/2 it is half of {@link mae}. Source: Koenker and Bassett 1978.
 *
 * @throws RangeError as {@link mae}, and for q outside (0, 1).
 */
export function pinball(
  target: ArrayLike<number>,
  predicted: ArrayLike<number>,
  { quantile = 0.5, ...options }: PinballOptions = {},
): number {
  const q = fraction("pinball", "quantile", quantile)
  const { error, w } = pairOf("pinball", target, predicted, options)
  return weightedMean(
    error.map((e) => Math.max(q * e, (q - 1) * e)),
    w,
  )
}
