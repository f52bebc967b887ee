/** Batch normalisation in few passes over memory, like that of groups. */
import { apply } from "../../graph.ts"
import { reciprocal } from "../../ops/elementwise.ts"
import type { Composition } from "../../simplify.ts"
import type { Tensor } from "../../tensor.ts"
import { dot, overPixels, scaled } from "./affine.ts"

interface BatchNorm {
  readonly eps: number
}

/** What forward and backward share; vectors are `[channels]`. */
function statisticsOf(x: Tensor, eps: number) {
  const [batch, channels, height, width] = x.shape
  const area = height * width
  const overBatch = (t: Tensor): Tensor => t.mean({ axes: 0 })
  const each = (v: Tensor): Tensor => v.reshape([1, channels]).broadcastTo([batch, channels])
  const mean = overBatch(x.mean(overPixels))
  // Squares are those of centred values: E[x^2] - E[x]^2 would lose all digits where the mean is large.
  const moved = scaled(x, { shift: each(mean.neg()) })
  const rest = overBatch(moved.mean(overPixels))
  const squares = overBatch(apply(dot, [moved, moved], {})).mul(1 / area)
  const variance = squares.sub(rest.square())
  return { each, area, count: batch * area, mean, moved, rest, variance, inverse: reciprocal(variance.add(eps).sqrt()) }
}

const isFit = (x: Tensor): boolean => x.rank === 4 && x.dtype === "float32"

const forward: Composition = ([x, weight, bias], { eps }: BatchNorm) => {
  if (!isFit(x)) return undefined
  const { each, mean, moved, rest, variance, inverse } = statisticsOf(x, eps)
  const factor = inverse.mul(weight)
  const y = scaled(moved, { factor: each(factor), shift: each(bias.sub(factor.mul(rest))) })
  return [y, mean.add(rest), variance]
}

interface GradientAttrs {
  readonly attrs: BatchNorm
  readonly inputs: number
  readonly seeded: readonly boolean[]
  readonly live: readonly number[]
}

const backward: Composition = (all, { attrs, inputs, seeded, live }: GradientAttrs) => {
  const [x, weight] = all
  // Statistics that the loss itself depends on are rare, and left to the composition.
  if (!isFit(x) || seeded[1] || seeded[2]) return undefined
  const g = all[inputs]
  const { each, area, count, moved, rest, inverse } = statisticsOf(x, attrs.eps)
  const sums = g.mean(overPixels).sum({ axes: 0 }).mul(area)
  // Sums of the slope times the normalised value.
  const aligned = apply(dot, [g, moved], {}).sum({ axes: 0 }).sub(rest.mul(sums)).mul(inverse)
  const factor = inverse.mul(weight)
  const slant = factor
    .mul(inverse)
    .mul(aligned)
    .mul(-1 / count)
  const level = factor
    .mul(sums)
    .mul(-1 / count)
    .sub(slant.mul(rest))
  const grads = [
    () => scaled(g, { factor: each(factor), sum: scaled(moved, { factor: each(slant), shift: each(level) }) }),
    () => aligned,
    () => sums,
  ]
  return live.map((i) => grads[i]())
}

/** Compositions of batch normalisation. */
export const batchNormCompositions: ReadonlyMap<string, Composition> = new Map<string, Composition>([
  ["batchNorm", forward],
  ["batchNorm.grad", backward],
])
