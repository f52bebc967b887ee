/** Cross-entropy of several classes, from log-probabilities or from logits. */
import { arange } from "../engine/create.ts"
import { floats } from "../engine/graph.ts"
import { equal, less, logicalNot, where } from "../engine/ops/compare.ts"
import { relu } from "../engine/ops/elementwise.ts"
import { gather, takeAlong } from "../engine/ops/gather.ts"
import { logSoftmax } from "../engine/ops/softmax.ts"
import { formatShape, sameShape, UsageError } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import {
  classWeights,
  expectAlike,
  expectNumber,
  type Reduction,
  type ReductionOptions,
  reduced,
  type Weights,
} from "./reduction.ts"

/** Options of {@link nllLoss}. */
export interface NllOptions extends ReductionOptions {
  /** Factor of each class, [classes]; the mean divides by the sum of the factors of the targets. */
  readonly weight?: Weights
  /** Targets of this number count for nothing, not even in the mean. */
  readonly ignoreIndex?: number
}

/** Where the classes are: axis 1, or the only axis of a single example. */
function classAxis(name: string, input: Tensor): number {
  if (input.rank === 0) throw new UsageError(`${name}: input is one number, expected [batch, classes, ...]`)
  return input.rank === 1 ? 0 : 1
}

/** Shape of the targets: the input's without the classes. */
function targetShape(input: Tensor, axis: number): number[] {
  return input.shape.filter((_, i) => i !== axis)
}

/** The value at each target, which of them count, and with what weight. */
function atTargets(
  name: string,
  input: Tensor,
  target: Tensor,
  { weight, ignoreIndex = -100 }: NllOptions,
): { readonly value: Tensor; readonly kept: Tensor; readonly share: Tensor } {
  const axis = classAxis(name, input)
  const classes = input.shape[axis]
  const shape = targetShape(input, axis)
  if (!["int32", "int64"].includes(target.dtype)) {
    throw new UsageError(`${name}: target is ${target.dtype}, expected int32 class numbers`)
  }
  if (!sameShape(target.shape, shape)) {
    throw new UsageError(
      `${name}: target is ${formatShape(target.shape)}, expected ${formatShape(shape)} (input ${formatShape(input.shape)}, classes on axis ${axis})`,
    )
  }
  expectNumber(name, "ignoreIndex", ignoreIndex, Number.isInteger(ignoreIndex), "a whole number")
  const kept = logicalNot(equal(target, ignoreIndex))
  // A negative index would count from the back; moved past the end it is refused when the program runs.
  const index = where(kept, where(less(target, 0), classes, target), 0)
  const along = index.reshape([...shape.slice(0, axis), 1, ...shape.slice(axis)])
  const value = takeAlong(input, along, axis).reshape(shape)
  const share =
    weight === undefined
      ? kept.cast(input.dtype)
      : where(kept, gather(classWeights(name, weight, input, classes), index), 0)
  return { value, kept, share }
}

/** Losses that already hold their weights: the mean divides by what the weights add up to. */
function reducedByShare(name: string, values: Tensor, share: Tensor, reduction: Reduction): Tensor {
  return reduction === "mean" ? values.sum().div(share.sum()) : reduced(name, values, reduction)
}

/**
 * Negative log-likelihood -w[y] x[y] of log-probabilities x [batch, classes, ...] and int32 classes y [batch, ...], or x
 * [classes] and a scalar y: torch.nn.NLLLoss. With weights the mean is sum w[y] l / sum w[y]. It does not take
 * the logarithm and wants log-probabilities (notes 003, function 3.6, say raw scores, and a plain mean).
 * The mean over no targets is NaN, as in PyTorch; a class outside [0, classes) is refused when the program runs.
 *
 * @throws UsageError for a target of another shape or no integer, or weights that are not one a class.
 */
export function nllLoss(input: Tensor, target: Tensor, { reduction = "mean", ...options }: NllOptions = {}): Tensor {
  const { value, share } = atTargets("nllLoss", input, target, options)
  return reducedByShare("nllLoss", value.mul(share).neg(), share, reduction)
}

/** Options of {@link crossEntropyLoss}. */
export interface CrossEntropyOptions extends NllOptions {
  /** Share, from 0 to 1, of the target that is spread evenly over all classes. Source: Szegedy et al. 2016. */
  readonly labelSmoothing?: number
}

/**
 * Cross-entropy of logits x: {@link nllLoss} of their log-softmax along the class axis, torch.nn.CrossEntropyLoss.
 * x is [batch, classes, ...] (or [classes]); targets are int32 class numbers [batch, ...], or probabilities of the shape
 * and dtype of x, where the loss is -sum w t log softmax(x) and its mean divides by the number of examples. With two
 * classes it is the binary cross-entropy of the difference of the logits.
 *
 * @throws UsageError for targets of another shape, `ignoreIndex` with probabilities, or smoothing outside [0, 1].
 */
export function crossEntropyLoss(
  input: Tensor,
  target: Tensor,
  { reduction = "mean", labelSmoothing = 0, ...options }: CrossEntropyOptions = {},
): Tensor {
  const name = "crossEntropyLoss"
  expectNumber(name, "labelSmoothing", labelSmoothing, labelSmoothing >= 0 && labelSmoothing <= 1, "a number in [0, 1]")
  const axis = classAxis(name, input)
  const classes = input.shape[axis]
  const logs = logSoftmax(input, axis)
  const alongClasses = (v: Tensor): Tensor => v.reshape([classes, ...input.shape.slice(axis + 1).map(() => 1)])
  const factors =
    options.weight === undefined ? undefined : alongClasses(classWeights(name, options.weight, input, classes))
  const spread = factors === undefined ? logs : logs.mul(factors)
  if (floats.includes(target.dtype)) {
    expectAlike(name, input, target)
    if (options.ignoreIndex !== undefined) {
      throw new UsageError(
        `${name}: ignoreIndex is ${options.ignoreIndex}, which probabilities cannot have (leave it out)`,
      )
    }
    const mixed = labelSmoothing === 0 ? target : target.mul(1 - labelSmoothing).add(labelSmoothing / classes)
    return reduced(name, spread.mul(mixed).sum({ axes: axis }).neg(), reduction)
  }
  const { value, kept, share } = atTargets(name, logs, target, options)
  const plain = value.mul(share)
  const values =
    labelSmoothing === 0
      ? plain
      : plain.mul(1 - labelSmoothing).add(where(kept, spread.sum({ axes: axis }), 0).mul(labelSmoothing / classes))
  return reducedByShare(name, values.neg(), share, reduction)
}

/** Options of {@link multiMarginLoss}. */
export interface MultiMarginOptions extends ReductionOptions {
  /** By how much the right class is to lead. */
  readonly margin?: number
  /** Power of each part. */
  readonly p?: 1 | 2
  /** Factor of each class, [classes]; the mean divides by the number of examples. */
  readonly weight?: Weights
}

/**
 * Hinge loss of several classes, w[y] sum over c != y of max(0, margin - x[y] + x[c])^p / classes, for outputs x [batch,
 * classes] and int32 classes y [batch] (or [classes] and a scalar): torch.nn.MultiMarginLoss. The gradient at the kink is
 * 0. Source: Weston and Watkins 1999.
 *
 * @throws UsageError for targets of another shape, p other than 1 or 2, or weights that are not one a class.
 */
export function multiMarginLoss(
  input: Tensor,
  target: Tensor,
  { margin = 1, p = 1, weight, reduction = "mean" }: MultiMarginOptions = {},
): Tensor {
  const name = "multiMarginLoss"
  if (input.rank > 2) {
    throw new UsageError(`${name}: input is ${formatShape(input.shape)}, expected [batch, classes] or [classes]`)
  }
  expectNumber(name, "p", p, p === 1 || p === 2, "1 or 2")
  expectNumber(name, "margin", margin, Number.isFinite(margin), "a finite number")
  const axis = classAxis(name, input)
  const classes = input.shape[axis]
  const one = [...target.shape, 1]
  const { value, share } = atTargets(name, input, target, {
    ...(weight !== undefined && { weight }),
    ignoreIndex: classes,
  })
  const behind = relu(input.sub(value.reshape(one)).add(margin))
  const others = where(equal(target.reshape(one), arange(classes, target.dtype)), 0, p === 1 ? behind : behind.square())
  return reduced(name, others.sum({ axes: axis }).mul(share).div(classes), reduction)
}
