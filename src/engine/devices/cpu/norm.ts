/** Group normalisation in few passes over memory: statistics by pooling and dot products, scale and shift in one. */
import { apply } from "../../graph.ts"
import { reciprocal } from "../../ops/elementwise.ts"
import { concat } from "../../ops/movement.ts"
import { sameShape } from "../../shape.ts"
import type { Composition } from "../../simplify.ts"
import type { Tensor } from "../../tensor.ts"
import { dot, overPixels, scaled } from "./affine.ts"
import { partsOf, slices } from "./concat.ts"
import { guarded } from "./guard.ts"

/** An image without its own mean, and what of its mean was left by rounding. */
interface Centred {
  readonly x: Tensor
  readonly mean: Tensor
  readonly rest: Tensor
  readonly squares: Tensor
}

/**
 * Centring by channel before squares are taken: E[x^2] - E[x]^2 would lose all digits where the mean is large against
 * the spread, and so would scaling x instead of what is left of it.
 */
function centred(x: Tensor): Centred {
  const mean = x.mean(overPixels)
  const moved = scaled(x, { shift: mean.neg() })
  return { x: moved, mean, rest: moved.mean(overPixels), squares: apply(dot, [moved, moved], {}) }
}

interface GroupNorm {
  readonly groups: number
  readonly eps: number
}

/** What forward and backward share. */
interface Statistics {
  /** The images, each channel of each moved by some number. */
  readonly parts: readonly Tensor[]
  /** Inverse standard deviation `[batch, groups, 1]`. */
  readonly inverse: Tensor
  /** What the pixels of each part lack to be distances from the group's mean: `[batch, groups, each]`. */
  readonly offset: Tensor
  /** Elements of a group. */
  readonly count: number
}

/** A constant added to each channel of each sample, which a normalisation need not write out: `x + shift`. */
function unshifted(x: Tensor): { readonly x: Tensor; readonly shift: Tensor | null } {
  const { op, inputs } = x.value.node
  if (op.name !== "add") return { x, shift: null }
  const [a, b] = inputs.map((v) => x.derive(v))
  const isShift = (t: Tensor): boolean =>
    t.rank === 4 && t.shape[0] === x.shape[0] && t.shape[1] === x.shape[1] && t.shape[2] === 1 && t.shape[3] === 1
  const area = x.shape[2] * x.shape[3]
  // A map that is repeated too is not all of x.
  if (area > 1 && sameShape(a.shape, x.shape) && isShift(b)) return { x: a, shift: b.reshape(x.shape.slice(0, 2)) }
  return { x, shift: null }
}

/** How the statistics of groups are found. */
type Estimate = (x: Tensor, attrs: GroupNorm) => Statistics

/** What the two ways share: sources without their shifts, and channels' numbers of all parts in groups. */
function prepared(x: Tensor, groups: number) {
  const [batch, count, height, width] = x.shape
  const sources = partsOf(x).map(unshifted)
  const area = height * width
  const grouped = (list: readonly Tensor[]): Tensor => concat(list, 1).reshape([batch, groups, count / groups])
  const isShifted = sources.some((s) => s.shift !== null)
  const zeros = (t: Tensor): Tensor => t.like(0).broadcastTo(t.shape.slice(0, 2))
  const shifts = isShifted ? grouped(sources.map((s) => s.shift ?? zeros(s.x))) : null
  return { parts: sources.map((s) => s.x), shifts, grouped, area, count: (count / groups) * area }
}

const along = { axes: 2, keepDims: true }

/** Two passes: exact whatever the mean is. */
const careful: Estimate = (x, { groups, eps }) => {
  const { parts, shifts, grouped, area, count } = prepared(x, groups)
  const moved = parts.map(centred)
  const rest = grouped(moved.map((c) => c.rest))
  const own = grouped(moved.map((c) => c.mean))
  const means = shifts === null ? own : own.add(shifts)
  // The mean of a group is found in two steps too: the first leaves a rounding error as large as the mean is.
  const distance = means.sub(means.mean(along)).add(rest)
  const between = distance.sub(distance.mean(along))
  const squares = grouped(moved.map((c) => c.squares))
  const within = squares
    .sub(rest.square().mul(area))
    .mean(along)
    .mul(1 / area)
  const variance = within.add(between.square().mean(along))
  const inverse = reciprocal(variance.add(eps).sqrt())
  return { parts: moved.map((c) => c.x), inverse, offset: between.sub(rest), count }
}

/** Squares of the mean over the variance up to which E[x^2] - E[x]^2 keeps five digits. */
const trusted = 100

/** One pass over memory less: right where no mean is large against the spread, which is guarded. */
const quick: Estimate = (x, { groups, eps }) => {
  const { parts, shifts, grouped, area, count } = prepared(x, groups)
  const own = grouped(parts.map((p) => p.mean(overPixels)))
  const squares = grouped(parts.map((p) => apply(dot, [p, p], {}))).mul(1 / area)
  const means = shifts === null ? own : own.add(shifts)
  const moments = shifts === null ? squares : squares.add(shifts.mul(own.mul(2).add(shifts)))
  const mean = means.mean(along)
  const variance = moments.mean(along).sub(mean.square()).add(eps)
  const sizes = shifts === null ? own.square() : own.square().add(shifts.square())
  const inverse = guarded(reciprocal(variance.sqrt()), sizes.sub(variance.mul(trusted)))
  return { parts, inverse, offset: shifts === null ? mean.neg().broadcastTo(means.shape) : shifts.sub(mean), count }
}

const forward =
  (estimate: Estimate): Composition =>
  ([x, weight, bias], attrs: GroupNorm) => {
    if (x.rank !== 4 || x.dtype !== "float32" || x.shape[1] % attrs.groups !== 0) return undefined
    const { groups } = attrs
    const [batch, count] = x.shape
    const { parts, inverse, offset } = estimate(x, attrs)
    const each = [1, groups, count / groups]
    const factor = weight === undefined ? inverse.broadcastTo(offset.shape) : inverse.mul(weight.reshape(each))
    const middle = factor.mul(offset)
    const shift = bias === undefined ? middle : middle.add(bias.reshape(each))
    const [factors, shifts] = [factor, shift].map((t) => slices(t.reshape([batch, count]), partsOf(x)))
    return [
      concat(
        parts.map((p, i) => scaled(p, { factor: factors[i], shift: shifts[i] })),
        1,
      ),
    ]
  }

interface GradientAttrs {
  readonly attrs: GroupNorm
  readonly inputs: number
  readonly live: readonly number[]
}

const backward =
  (estimate: Estimate): Composition =>
  (all, { attrs, inputs, live }: GradientAttrs) => {
    const [x, weight] = all.slice(0, inputs)
    if (x.rank !== 4 || x.dtype !== "float32" || x.shape[1] % attrs.groups !== 0) return undefined
    const g = all[inputs]
    const { groups } = attrs
    const [batch, count] = x.shape
    const whole = [batch, groups, count / groups]
    const { parts, inverse, offset, count: size } = estimate(x, attrs)
    const sources = partsOf(x)
    const slopes = slices(g, sources)
    const area = x.shape[2] * x.shape[3]
    const join = (pick: (i: number) => Tensor): Tensor =>
      concat(
        sources.map((_, i) => pick(i)),
        1,
      ).reshape(whole)
    const sums = join((i) => slopes[i].mean(overPixels).mul(area))
    const products = join((i) => apply(dot, [slopes[i], parts[i]], {}))
    // Sums over pixels of the slope times the normalised value.
    const aligned = products.add(sums.mul(offset)).mul(inverse)
    const scale = weight === undefined ? null : weight.reshape([1, groups, count / groups])
    const weighed = (t: Tensor): Tensor => (scale === null ? t : t.mul(scale))
    const level = weighed(sums)
      .sum(along)
      .mul(inverse)
      .mul(-1 / size)
    const slant = weighed(aligned)
      .sum(along)
      .mul(inverse)
      .mul(inverse)
      .mul(-1 / size)
    const own = weighed(inverse.broadcastTo(whole))
    const flat = (t: Tensor): Tensor[] => slices(t.broadcastTo(whole).reshape([batch, count]), sources)
    const [owns, slants, shifts] = [own, slant, level.add(slant.mul(offset))].map(flat)
    const grads = [
      () =>
        concat(
          sources.map((_, i) => {
            const back = scaled(parts[i], { factor: slants[i], shift: shifts[i] })
            return scaled(slopes[i], { factor: owns[i], sum: back })
          }),
          1,
        ),
      () => aligned.sum({ axes: 0 }).reshape([count]),
      () => sums.sum({ axes: 0 }).reshape([count]),
    ]
    return live.map((i) => grads[i]())
  }

/** Compositions of normalisations, exact for all numbers or quick for ordinary ones. */
export function normCompositions(isCareful: boolean): ReadonlyMap<string, Composition> {
  const estimate = isCareful ? careful : quick
  return new Map<string, Composition>([
    ["groupNorm", forward(estimate)],
    ["groupNorm.grad", backward(estimate)],
  ])
}
