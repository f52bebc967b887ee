/** Wasserstein barycenters of images: Sinkhorn's iterations whose kernel is a separable blur. */

import type { Arrayable } from "../engine/array.ts"
import { block, gemm } from "../linalg/gemm.ts"
import { type Real, real, realOf, show } from "../linalg/matrix.ts"
import { integer, positive } from "../stats/check.ts"
import { sharesOf } from "../stats/points.ts"

/** Weights of the images, how sharp, and when to stop. */
export interface ImageBarycenterOptions {
  /** Weight of each image, divided by their sum; all equal when left out. */
  weights?: ArrayLike<number>
  /** Epsilon; a pixel's squared distance is in units of the longer side, so 0.004 blurs by 4.5 % of it. */
  regularization?: number
  /** Take the blur out again (Janati et al. 2020), so that the barycenter of equal images is that image. */
  isDebiased?: boolean
  /** Stop when the plans disagree on the barycenter, and a step changes it, by no more than this share of its mass. */
  tolerance?: number
  maxIterations?: number
}

/** What {@link imageBarycenter} gives. */
export interface ImageBarycenter {
  /** [height, width], at least 0, sum 1. */
  readonly image: Real
  readonly iterations: number
  /** The larger of the plans' disagreement (weighted mean of sum |their other marginal - barycenter|) and the last change. */
  readonly error: number
  readonly hasConverged: boolean
}

/** Below this a blurred pixel counts as this: its true value underflows, and so does what follows from it. */
const least = 1e-300

/** Steps of the debiasing factor to one of the plans: more bring little, fewer slow the whole down. */
const inner = 3

/**
 * The barycenter of images [count, height, width] (each divided by its sum) in the geometry of entropic transport with
 * squared distances: the image of least sum w_k OT(image_k, image), by iterated Bregman projections with the kernel
 * exp(-d^2 / epsilon) applied as two one-dimensional products (Benamou et al. 2015; Solomon et al. 2015). A stack of
 * circles has a circle as barycenter, their mean is a stain. A height of 1 makes it a barycenter of histograms; two
 * images with weights (1 - t, t) the displacement interpolation.
 *
 * @throws RangeError for another shape, a negative pixel, an image of no mass, and options out of range.
 */
export function imageBarycenter(
  images: Arrayable,
  {
    weights,
    regularization = 0.004,
    isDebiased = true,
    tolerance = 1e-6,
    maxIterations = 1000,
  }: ImageBarycenterOptions = {},
): ImageBarycenter {
  const where = "imageBarycenter"
  const { shape, data } = realOf(where, images, "images")
  if (shape.length !== 3)
    throw new RangeError(`${where}: images have shape ${show(shape)}, expected [count, height, width]`)
  const [count, height, width] = shape
  positive(where, "regularization", regularization)
  positive(where, "tolerance", tolerance)
  integer(where, "maxIterations", maxIterations, 1)
  const shares = sharesOf(where, "weights", weights, count)
  const size = height * width
  const masses = Array.from({ length: count }, (_, k) =>
    sharesOf(where, `images[${k}]`, data.subarray(k * size, (k + 1) * size), size),
  )
  const blur = blurOf(height, width, regularization)

  const u = masses.map(() => new Float64Array(size))
  const v = masses.map(() => new Float64Array(size).fill(1))
  const blurred = masses.map(() => new Float64Array(size))
  const sharpen = new Float64Array(size).fill(1)
  const scratch = new Float64Array(size)
  const image = new Float64Array(size)
  let before = new Float64Array(size)
  for (let iterations = 1; ; iterations++) {
    image.fill(0)
    for (let k = 0; k < count; k++) {
      blur(v[k], scratch)
      for (let i = 0; i < size; i++) u[k][i] = masses[k][i] / Math.max(scratch[i], least)
      blur(u[k], blurred[k])
      for (let i = 0; i < size; i++) {
        if (blurred[k][i] < least) blurred[k][i] = least
        image[i] += shares[k] * Math.log(blurred[k][i])
      }
    }
    let sum = 0
    for (let i = 0; i < size; i++) {
      image[i] = sharpen[i] * Math.exp(image[i])
      sum += image[i]
    }
    let error = 0
    for (let k = 0; k < count; k++) {
      for (let i = 0; i < size; i++) {
        error += shares[k] * Math.abs(v[k][i] * blurred[k][i] - image[i])
        v[k][i] = image[i] / blurred[k][i]
      }
    }
    let change = 0
    for (let i = 0; i < size; i++) change += Math.abs(image[i] - before[i])
    before = image.slice()
    error = Math.max(error, change) / sum
    for (let k = 0; k < (isDebiased ? inner : 0); k++) {
      blur(sharpen, scratch)
      for (let i = 0; i < size; i++) sharpen[i] = Math.sqrt((sharpen[i] * image[i]) / Math.max(scratch[i], least))
    }
    if (error <= tolerance || iterations === maxIterations) {
      for (let i = 0; i < size; i++) image[i] /= sum
      return { image: real([height, width], image), iterations, error, hasConverged: error <= tolerance }
    }
  }
}

/** The product with exp(-d^2 / epsilon), d the distance of two pixels in units of the longer side, axis by axis. */
function blurOf(height: number, width: number, epsilon: number): (from: Float64Array, to: Float64Array) => void {
  const unit = Math.max(1, Math.max(height, width) - 1)
  const axis = (n: number): Float64Array =>
    Float64Array.from({ length: n * n }, (_, at) =>
      Math.exp(-((((at % n) - Math.floor(at / n)) / unit) ** 2) / epsilon),
    )
  const down = axis(height)
  const across = axis(width)
  const half = new Float64Array(height * width)
  return (from, to) => {
    half.fill(0)
    gemm(height, width, width, 1, block(from, 0, width), block(across, 0, width), block(half, 0, width))
    to.fill(0)
    gemm(height, width, height, 1, block(down, 0, height), block(half, 0, width), block(to, 0, width))
  }
}
