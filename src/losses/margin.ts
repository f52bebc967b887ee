/** Losses that ask for a margin: hinge, and pairs and triplets of embeddings. */
import { equal, greater, where } from "../engine/ops/compare.ts"
import { minimum, pow, relu, sqrt } from "../engine/ops/elementwise.ts"
import { formatShape, sameShape, UsageError } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import { expectAlike, expectNumber, type ReductionOptions, reduced } from "./reduction.ts"

/** Options of {@link hingeLoss}. */
export interface HingeOptions extends ReductionOptions {
  /** Squares each loss, which makes it smooth at the margin. */
  readonly squared?: boolean
}

/**
 * Hinge loss max(0, 1 - y x) of outputs x and targets y = 1 or -1 of one shape: 0 once the output is right by a margin
 * of 1 (notes 003, definition 3.71). At the kink y x = 1 the gradient is 0. `multiMarginLoss` is that of several classes.
 *
 * @throws UsageError when shapes or dtypes differ.
 */
export function hingeLoss(
  input: Tensor,
  target: Tensor,
  { squared = false, reduction = "mean" }: HingeOptions = {},
): Tensor {
  expectAlike("hingeLoss", input, target)
  const values = relu(input.mul(target).neg().add(1))
  return reduced("hingeLoss", squared ? values.square() : values, reduction)
}

/** The square root, with gradient 0 at 0. */
function root(x: Tensor): Tensor {
  const above = greater(x, 0)
  return where(above, sqrt(where(above, x, 1)), 0)
}

/** Length of the last axis in the p-norm. */
function norm(d: Tensor, p: number): Tensor {
  if (p === 1) return d.abs().sum({ axes: -1 })
  if (p === 2) return root(d.square().sum({ axes: -1 }))
  if (p === Infinity) return d.abs().max({ axes: -1 })
  return pow(pow(d.abs(), p).sum({ axes: -1 }), 1 / p)
}

function expectVectors(name: string, x: Tensor): void {
  if (x.rank === 0) throw new UsageError(`${name}: input is one number, expected vectors [..., features]`)
}

function expectMargin(name: string, margin: number): void {
  expectNumber(name, "margin", margin, margin > 0 && margin < Infinity, "a finite number above 0")
}

/** Options of {@link tripletMarginLoss}. */
export interface TripletMarginOptions extends ReductionOptions {
  /** By how much the negative is to be further away than the positive. */
  readonly margin?: number
  /** The norm: from 1 to Infinity. */
  readonly p?: number
  /** Added to every difference, as torch does. */
  readonly eps?: number
  /** Whether to take the distance from the positive to the negative where that is the smaller. Source: Balntas et al. 2016. */
  readonly swap?: boolean
}

/**
 * max(d(a, p) - d(a, n) + margin, 0) for anchors, positives and negatives [..., features] of one shape, where d is the
 * p-norm of the difference + eps: torch.nn.TripletMarginLoss. {@link tripletLoss} takes squared distances.
 *
 * @throws UsageError when shapes or dtypes differ, or margin, p or eps are out of bounds.
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  { margin = 1, p = 2, eps = 1e-6, swap = false, reduction = "mean" }: TripletMarginOptions = {},
): Tensor {
  const name = "tripletMarginLoss"
  expectTriplet(name, anchor, positive, negative, margin)
  expectNumber(name, "p", p, p >= 1, "a number from 1")
  expectNumber(name, "eps", eps, eps >= 0 && eps < Infinity, "a finite number from 0")
  const distance = (a: Tensor, b: Tensor): Tensor => norm(a.sub(b).add(eps), p)
  const apart = distance(anchor, negative)
  const far = swap ? minimum(apart, distance(positive, negative)) : apart
  return reduced(name, relu(distance(anchor, positive).sub(far).add(margin)), reduction)
}

function expectTriplet(name: string, anchor: Tensor, positive: Tensor, negative: Tensor, margin: number): void {
  expectAlike(name, anchor, positive, "positive")
  expectAlike(name, anchor, negative, "negative")
  expectVectors(name, anchor)
  expectMargin(name, margin)
}

/** Options of {@link tripletLoss} and {@link contrastiveLoss}. */
export interface MarginOptions extends ReductionOptions {
  readonly margin?: number
}

/**
 * max(|a - p|^2 - |a - n|^2 + margin, 0) for embeddings [..., features] of anchors, positives of their class and
 * negatives of another (notes 003, definition 3.70). Outside the margin value and gradient are 0. Source: Schroff et
 * al. 2015, "FaceNet".
 *
 * @throws UsageError when shapes or dtypes differ, or the margin is not above 0.
 */
export function tripletLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  { margin = 1, reduction = "mean" }: MarginOptions = {},
): Tensor {
  expectTriplet("tripletLoss", anchor, positive, negative, margin)
  const squared = (a: Tensor, b: Tensor): Tensor => a.sub(b).square().sum({ axes: -1 })
  return reduced("tripletLoss", relu(squared(anchor, positive).sub(squared(anchor, negative)).add(margin)), reduction)
}

/** Refuses targets that are not one for each pair. */
function expectPairs(name: string, a: Tensor, b: Tensor, target: Tensor): void {
  expectAlike(name, a, b, "the other")
  expectVectors(name, a)
  if (!sameShape(target.shape, a.shape.slice(0, -1))) {
    throw new UsageError(
      `${name}: target is ${formatShape(target.shape)}, expected one for each pair: ${formatShape(a.shape.slice(0, -1))}`,
    )
  }
}

/**
 * y d^2 / 2 + (1 - y) max(0, margin - d)^2 / 2 for pairs [..., features] at the Euclidean distance d, whose targets y
 * [...] are 1 for a pair of one kind and 0 for two kinds (any dtype): like pairs are drawn together, others pushed to the
 * margin. Where d is 0 the gradient is 0. Source: Hadsell et al. 2006, who write 1 - y for our y.
 *
 * @throws UsageError when shapes or dtypes differ, or the margin is not above 0.
 */
export function contrastiveLoss(
  a: Tensor,
  b: Tensor,
  target: Tensor,
  { margin = 1, reduction = "mean" }: MarginOptions = {},
): Tensor {
  const name = "contrastiveLoss"
  expectPairs(name, a, b, target)
  expectMargin(name, margin)
  const y = target.cast(a.dtype)
  const d = norm(a.sub(b), 2)
  const near = a.sub(b).square().sum({ axes: -1 }).mul(y)
  const far = relu(d.neg().add(margin)).square().mul(y.neg().add(1))
  return reduced(name, near.add(far).mul(0.5), reduction)
}

/** Keeps the cosine of a zero vector from 0 / 0; torch's constant is a float32. */
const tiny: number = Math.fround(1e-12)

/**
 * 1 - cos(a, b) where the target is 1, max(0, cos(a, b) - margin) where it is -1, for pairs [..., features] and targets
 * [...] (any dtype); other targets give 0. torch.nn.CosineEmbeddingLoss, whose cosine is a.b / sqrt((a.a + 1e-12)(b.b +
 * 1e-12)); the margin, by default 0, lies in [-1, 1].
 *
 * @throws UsageError when shapes or dtypes differ, or the margin is outside [-1, 1].
 */
export function cosineEmbeddingLoss(
  a: Tensor,
  b: Tensor,
  target: Tensor,
  { margin = 0, reduction = "mean" }: MarginOptions = {},
): Tensor {
  const name = "cosineEmbeddingLoss"
  expectPairs(name, a, b, target)
  expectNumber(name, "margin", margin, margin >= -1 && margin <= 1, "a number in [-1, 1]")
  const dot = (u: Tensor, v: Tensor): Tensor => u.mul(v).sum({ axes: -1 })
  const cosine = dot(a, b).div(sqrt(dot(a, a).add(tiny).mul(dot(b, b).add(tiny))))
  const unlike = where(equal(target, -1), relu(cosine.sub(margin)), 0)
  return reduced(name, where(equal(target, 1), cosine.neg().add(1), unlike), reduction)
}
