/** Normalisation in few passes over memory: statistics by pooling and dot products, scale and shift in one. */
import { sizeOf } from "../../array.ts"
import { apply, type Op, primitive } from "../../graph.ts"
import { reciprocal } from "../../ops/elementwise.ts"
import { concat } from "../../ops/movement.ts"
import type { Composition } from "../../simplify.ts"
import type { Tensor } from "../../tensor.ts"
import { depthwise } from "./blind.ts"
import { blockedDomain, channels, plain, sameOrder } from "./blocks.ts"
import { partsOf, slices } from "./concat.ts"
import { guarded } from "./guard.ts"
import type { Rule } from "./layout.ts"

/** Which of the optional inputs of {@link affine} are there, and what is applied to the result. */
export interface Affine {
  readonly factor: boolean
  readonly shift: boolean
  readonly sum: boolean
  readonly activation: "" | "Sigmoid"
}

const logistic = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)))

/** Inputs of an affine node by what they are. */
function namedInputs<T>(
  inputs: readonly T[],
  { factor, shift, sum }: Affine,
): { x: T; factor?: T; shift?: T; sum?: T } {
  let next = 1
  return {
    x: inputs[0],
    ...(factor && { factor: inputs[next++] }),
    ...(shift && { shift: inputs[next++] }),
    ...(sum && { sum: inputs[next++] }),
  }
}

/** `x [batch, channels, h, w]` times a factor and plus a shift `[batch, channels]`, plus a tensor like x, in one pass. */
export const affine: Op<Affine> = primitive<Affine>({
  name: "cpu.affine",
  doc: "a factor and a shift for each channel of each sample, and a tensor added",
  spec: ([x]) => x,
  grad: () => [],
  onnx: (emit, names, node) => {
    const { x, factor, shift, sum } = namedInputs(names, node.attrs)
    const [batch, count] = node.outputs[0].spec.shape
    const perChannel = (v: string): string => emit.node("Reshape", [v, emit.ints([batch, count, 1, 1])])
    let y = x
    if (factor !== undefined) y = emit.node("Mul", [y, perChannel(factor)])
    if (shift !== undefined) y = emit.node("Add", [y, perChannel(shift)])
    if (sum !== undefined) y = emit.node("Add", [y, sum])
    return node.attrs.activation === "" ? y : emit.node(node.attrs.activation, [y])
  },
  host: (inputs, node) => {
    const { x, factor, shift, sum } = namedInputs(inputs, node.attrs)
    const area = sizeOf(node.outputs[0].spec.shape.slice(2))
    return x.map((v, i) => {
      const c = Math.floor(i / area)
      const y = v * (factor?.[c] ?? 1) + (shift?.[c] ?? 0) + (sum?.[i] ?? 0)
      return node.attrs.activation === "" ? y : logistic(y)
    })
  },
})

const affineRule: Rule = (node) => {
  const attrs = node.attrs as Affine
  const { shape } = node.outputs[0].spec
  const vectors = [attrs.factor, attrs.shift].filter(Boolean).map(() => plain)
  return {
    needs: ["same", ...vectors, ...(attrs.sum ? (["same"] as const) : []), "same"],
    accepts: ([order]) => order.length === 0 || sameOrder(order, channels),
    onnx: (emit, names) => {
      const { x, ...parts } = namedInputs(names, attrs)
      const { activation } = attrs
      return [depthwise(emit, shape, x, { ...parts, ...(activation !== "" && { activation }) })]
    },
  }
}

/** Optional parts of {@link scaled}. */
interface Parts {
  readonly factor?: Tensor | null
  readonly shift?: Tensor | null
  readonly sum?: Tensor | null
  readonly activation?: Affine["activation"]
}

/** {@link affine} of the parts that are there. */
export function scaled(x: Tensor, { factor = null, shift = null, sum = null, activation = "" }: Parts): Tensor {
  const inputs = [x, factor, shift, sum].filter((t) => t !== null)
  return apply(affine, inputs, { factor: factor !== null, shift: shift !== null, sum: sum !== null, activation })
}

/** Sum over the pixels of the product of two `[batch, channels, h, w]`: `[batch, channels]`. */
export const dot: Op<object> = primitive<object>({
  name: "cpu.dot",
  doc: "sum over pixels of a product",
  spec: ([x]) => ({ dtype: x.dtype, shape: x.shape.slice(0, 2) }),
  grad: () => [],
  onnx: (emit, [x, y]) => emit.node("ReduceSum", [emit.node("Mul", [x, y]), emit.ints([2, 3])], { keepdims: 0 }),
  host: ([x, y], node) => {
    const area = sizeOf(node.inputs[0].spec.shape.slice(2))
    const out = new Float64Array(x.length / area)
    for (let i = 0; i < x.length; i++) out[Math.floor(i / area)] += x[i] * y[i]
    return out
  },
})

const dotRule: Rule = (node) => {
  const [batch, count, height, width] = node.inputs[0].spec.shape
  return {
    needs: ["same", "same", plain],
    accepts: ([order]) => order.length === 0 || sameOrder(order, channels),
    onnx: (emit, [x, y]) => {
      // A depthwise convolution whose kernel is the other factor reads both once and writes next to nothing.
      const image = emit.node("Reshape", [x, emit.ints([1, batch * count, height, width])])
      const kernel = emit.node("Reshape", [y, emit.ints([batch * count, 1, height, width])])
      const attributes = { group: batch * count, kernel_shape: [height, width] }
      const sums = emit.node("Conv", [image, kernel], attributes, blockedDomain)
      return [emit.node("Reshape", [sums, emit.ints([batch, count])])]
    },
  }
}

/** Reductions over the pixels of each channel. */
export const overPixels: { readonly axes: readonly number[] } = { axes: [2, 3] }

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
  if (area > 1 && isShift(b)) return { x: a, shift: b.reshape(x.shape.slice(0, 2)) }
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

/** Rules of the ops of this file. */
export const normRules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  [affine.name, affineRule],
  [dot.name, dotRule],
])
