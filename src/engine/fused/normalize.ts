/** Normalisations: centre, divide by the standard deviation, scale, shift. The variance is that of centred values. */
import { apply, applyAll, type Op } from "../graph.ts"
import { formatShape, sameShape, UsageError } from "../shape.ts"
import type { Tensor } from "../tensor.ts"
import { fused } from "./fused.ts"

interface Norm {
  readonly eps: number
}

/** x centred and scaled to unit variance over the given axes. */
function standardised(x: Tensor, axes: readonly number[], eps: number): Tensor {
  // E[x^2] - E[x]^2 would lose all digits where the mean is large against the spread.
  const centred = x.sub(x.mean({ axes, keepDims: true }))
  return centred.div(centred.square().mean({ axes, keepDims: true }).add(eps).sqrt())
}

/** A vector [channels] as [1, channels, 1, ...]. */
function perChannel(v: Tensor, rank: number): Tensor {
  return v.reshape(Array.from({ length: rank }, (_, i) => (i === 1 ? v.shape[0] : 1)))
}

/** Refuses a scale and shift of another shape: broadcasting would take them and give a result of another shape. */
function expectAffine(where: string, x: Tensor, affine: Affine | undefined, expected: readonly number[]): void {
  for (const [name, v] of Object.entries({ weight: affine?.weight, bias: affine?.bias })) {
    if (v !== undefined && !sameShape(v.shape, expected)) {
      throw new UsageError(
        `${where}: ${name} is ${formatShape(v.shape)}, expected ${formatShape(expected)} (input ${formatShape(x.shape)})`,
      )
    }
  }
}

interface Affine {
  readonly weight: Tensor
  readonly bias: Tensor
}

const groupNormOp = fused<Norm & { readonly groups: number }>(
  "groupNorm",
  "normalisation over groups of channels and all positions of each sample",
  ([x, weight, bias], { groups, eps }) => {
    const [batch, channels, ...spatial] = x.shape
    if (!(Number.isInteger(groups) && groups >= 1 && channels % groups === 0)) {
      throw new UsageError(
        `groupNorm: ${channels} channels do not divide into ${groups} groups (input ${formatShape(x.shape)})`,
      )
    }
    const size = spatial.reduce((n, d) => n * d, channels / groups)
    const y = standardised(x.reshape([batch, groups, size]), [2], eps).reshape(x.shape)
    return weight === undefined ? y : y.mul(perChannel(weight, x.rank)).add(perChannel(bias, x.rank))
  },
)

const layerNormOp = fused<Norm & { readonly axes: number }>(
  "layerNorm",
  "normalisation over the last axes of each sample",
  ([x, weight, bias], { axes, eps }) => {
    const last = Array.from({ length: axes }, (_, i) => x.rank - axes + i)
    const y = standardised(x, last, eps)
    return weight === undefined ? y : y.mul(weight).add(bias)
  },
)

const batchNormOp = fused<Norm>(
  "batchNorm",
  "normalisation over the batch and all positions of each channel; also gives the mean and the biased variance",
  ([x, weight, bias], { eps }) => {
    const axes = x.shape.map((_, i) => i).filter((i) => i !== 1)
    const mean = x.mean({ axes, keepDims: true })
    const centred = x.sub(mean)
    const variance = centred.square().mean({ axes, keepDims: true })
    const y = centred.div(variance.add(eps).sqrt())
    const channels = [x.shape[1]]
    return [
      y.mul(perChannel(weight, x.rank)).add(perChannel(bias, x.rank)),
      mean.reshape(channels),
      variance.reshape(channels),
    ]
  },
)

/**
 * Group normalisation of `[batch, channels, ...]`: (x - mean) / sqrt(variance + eps) weight + bias, where mean and (biased)
 * variance are over the channels of a group and all positions of one sample. Weight and bias are `[channels]`, or left out
 * both. Of the shape of x.
 * Source: Wu and He 2018.
 *
 * @throws UsageError when the channels do not divide into the groups, or weight and bias are of another shape.
 */
export function groupNorm(
  x: Tensor,
  groups: number,
  affine?: { readonly weight: Tensor; readonly bias: Tensor },
  eps = 1e-5,
): Tensor {
  expectAffine("groupNorm", x, affine, x.shape.slice(1, 2))
  return apply(groupNormOp, affine === undefined ? [x] : [x, affine.weight, affine.bias], { groups, eps })
}

/**
 * Layer normalisation: (x - mean) / sqrt(variance + eps) weight + bias, where mean and (biased) variance are over the last
 * `axes` axes. Weight and bias are of the shape of those axes, or left out both. Of the shape of x.
 * Source: Ba et al. 2016.
 *
 * @throws UsageError when x has not as many axes, or weight and bias are of another shape.
 */
export function layerNorm(
  x: Tensor,
  axes = 1,
  affine?: { readonly weight: Tensor; readonly bias: Tensor },
  eps = 1e-5,
): Tensor {
  if (!(Number.isInteger(axes) && axes >= 1 && axes <= x.rank))
    throw new UsageError(`layerNorm: got ${axes} axes, expected from 1 to all of ${formatShape(x.shape)}`)
  expectAffine("layerNorm", x, affine, x.shape.slice(-axes))
  return apply(layerNormOp, affine === undefined ? [x] : [x, affine.weight, affine.bias], { axes, eps })
}

/**
 * Batch normalisation of `[batch, channels, ...]`: y = (x - mean) / sqrt(variance + eps) weight + bias, where mean and
 * biased variance, `[channels]` each, are over the batch and all positions, and are given back. Weight and bias are
 * `[channels]`. It knows no running statistics: `BatchNorm2d` of `tweedie/nn` keeps them. Source: Ioffe and Szegedy 2015.
 *
 * @throws UsageError when weight or bias is of another shape.
 */
export function batchNorm(
  x: Tensor,
  affine: { readonly weight: Tensor; readonly bias: Tensor },
  eps = 1e-5,
): { readonly y: Tensor; readonly mean: Tensor; readonly variance: Tensor } {
  expectAffine("batchNorm", x, affine, x.shape.slice(1, 2))
  const [y, mean, variance] = applyAll(batchNormOp, [x, affine.weight, affine.bias], { eps })
  return { y, mean, variance }
}

/** All records of this file. */
export const normalizeOps: readonly Op[] = [groupNormOp, layerNormOp, batchNormOp] as readonly Op[]
