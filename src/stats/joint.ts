/** Joint laws of finitely many discrete variables as tables: marginals, conditionals, independence, Bayes' rule. */

import { type Arrayable, array, asArray, type NdArray, sizeOf, toNumbers, zeros } from "../engine/array.ts"
import { integer, observations, probabilities } from "./check.ts"
import { klDivergence } from "./information.ts"

/** A joint law: one axis a variable, one entry a combination of their values; entries add up to 1. */
export type JointTable = NdArray<"float64">

/**
 * A joint table from nested lists or an array, checked and scaled to add up to exactly 1.
 *
 * @throws RangeError when an entry is negative or NaN, or when they do not add up to 1 within 1e-9.
 */
export function jointTable(table: Arrayable): JointTable {
  const a = asArray(table, "float64")
  if (a.shape.length === 0) throw new RangeError("jointTable: table is a number, expected at least one axis")
  return array("float64", a.shape, probabilities("jointTable", "table", toNumbers(a)))
}

function checkAxes(where: string, axes: readonly number[], rank: number): void {
  axes.forEach((axis, i) => {
    if (!(Number.isInteger(axis) && axis >= 0 && axis < rank)) {
      throw new RangeError(`${where}: axis ${axis}, expected an integer from 0 to ${rank - 1}`)
    }
    if (axes.indexOf(axis) !== i) throw new RangeError(`${where}: axis ${axis} is named twice`)
  })
}

/** The index of a flat position along every axis. */
function unravel(position: number, shape: readonly number[]): number[] {
  const out = new Array<number>(shape.length)
  let left = position
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    out[axis] = left % shape[axis]
    left = Math.floor(left / shape[axis])
  }
  return out
}

function positionOf(index: readonly number[], axes: readonly number[], shape: readonly number[]): number {
  let position = 0
  for (const axis of axes) position = position * shape[axis] + index[axis]
  return position
}

/**
 * The marginal law of the variables `axes`, in that order: the others summed out (the sum rule).
 *
 * @throws RangeError for an axis that is not there or named twice.
 */
export function marginal(table: JointTable, axes: readonly number[]): JointTable {
  checkAxes("marginal", axes, table.shape.length)
  const out = zeros(
    axes.map((axis) => table.shape[axis]),
    "float64",
  )
  for (let i = 0; i < table.data.length; i++) {
    out.data[positionOf(unravel(i, table.shape), axes, table.shape)] += table.data[i]
  }
  return out
}

/**
 * The law of the other variables given that those in `axes` take the values `at`: p(x | y) = p(x, y) / p(y).
 *
 * @throws RangeError for axes or values that are not there, or a condition of probability 0.
 */
export function conditional(table: JointTable, axes: readonly number[], at: readonly number[]): JointTable {
  const { shape } = table
  checkAxes("conditional", axes, shape.length)
  if (at.length !== axes.length) throw new RangeError(`conditional: got ${at.length} values for ${axes.length} axes`)
  axes.forEach((axis, i) => {
    if (!(Number.isInteger(at[i]) && at[i] >= 0 && at[i] < shape[axis])) {
      throw new RangeError(
        `conditional: value ${at[i]} of axis ${axis}, expected an integer from 0 to ${shape[axis] - 1}`,
      )
    }
  })
  const rest = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis))
  const out = zeros(
    rest.map((axis) => shape[axis]),
    "float64",
  )
  let evidence = 0
  for (let i = 0; i < table.data.length; i++) {
    const index = unravel(i, shape)
    if (!axes.every((axis, k) => index[axis] === at[k])) continue
    evidence += table.data[i]
    out.data[positionOf(index, rest, shape)] = table.data[i]
  }
  if (evidence === 0) {
    throw new RangeError(`conditional: axes [${axes.join(", ")}] have the values [${at.join(", ")}] with probability 0`)
  }
  for (let i = 0; i < out.data.length; i++) out.data[i] /= evidence
  return out
}

/**
 * How far two groups of variables are from independent given a third: the largest
 * |p(a, b | c) - p(a | c) p(b | c)| over all values with p(c) > 0. It is 0 exactly where they are independent.
 *
 * @throws RangeError for axes that are not there or named twice.
 */
export function dependence(
  table: JointTable,
  a: readonly number[],
  b: readonly number[],
  given: readonly number[] = [],
): number {
  checkAxes("dependence", [...a, ...b, ...given], table.shape.length)
  const { shape } = table
  const joint = marginal(table, [...given, ...a, ...b])
  const sizes = [given, a, b].map((axes) => sizeOf(axes.map((axis) => shape[axis])))
  const [nc, na, nb] = sizes
  let worst = 0
  for (let c = 0; c < nc; c++) {
    const block = joint.data.subarray(c * na * nb, (c + 1) * na * nb)
    const evidence = block.reduce((sum, v) => sum + v, 0)
    if (evidence === 0) continue
    const pa = new Float64Array(na)
    const pb = new Float64Array(nb)
    block.forEach((v, i) => {
      pa[Math.floor(i / nb)] += v / evidence
      pb[i % nb] += v / evidence
    })
    block.forEach((v, i) => {
      worst = Math.max(worst, Math.abs(v / evidence - pa[Math.floor(i / nb)] * pb[i % nb]))
    })
  }
  return worst
}

/** A posterior and what it took to normalise it. */
export interface Posterior {
  /** P(reason | observation), one entry a reason. */
  readonly posterior: Float64Array
  /** P(observation). */
  readonly evidence: number
}

/**
 * Bayes' rule P(R | O) = P(O | R) P(R) / P(O) with P(O) = sum P(O | R) P(R) (notes 003, definition 2.4, print it
 * upside down).
 *
 * @throws RangeError for a prior that does not add up to 1, likelihoods that are negative or do not match it, or an
 * observation of probability 0.
 */
export function bayes(prior: ArrayLike<number>, likelihood: ArrayLike<number>): Posterior {
  const p = probabilities("bayes", "prior", prior)
  const l = observations("bayes", "likelihood", likelihood)
  if (l.length !== p.length)
    throw new RangeError(`bayes: got ${p.length} priors and ${l.length} likelihoods, expected as many`)
  let evidence = 0
  for (let i = 0; i < p.length; i++) {
    if (l[i] < 0) throw new RangeError(`bayes: likelihood[${i}] is ${l[i]}, expected at least 0`)
    evidence += p[i] * l[i]
  }
  if (!(evidence > 0)) throw new RangeError("bayes: the observation has probability 0 under every reason")
  return { posterior: p.map((v, i) => (v * l[i]) / evidence), evidence }
}

/**
 * The mutual information of two groups of variables, KL(p(a, b) || p(a) p(b)) in nats: 0 exactly where they are
 * independent, and unlike correlation for no other reason.
 *
 * @throws RangeError for axes that are not there or named twice.
 */
export function mutualInformation(table: JointTable, a: readonly number[] = [0], b: readonly number[] = [1]): number {
  checkAxes("mutualInformation", [...a, ...b], table.shape.length)
  const joint = marginal(table, [...a, ...b])
  const pa = marginal(table, a).data
  const pb = marginal(table, b).data
  const apart = joint.data.map((_, i) => pa[Math.floor(i / pb.length)] * pb[i % pb.length])
  return Math.max(0, klDivergence(joint.data, apart))
}

/**
 * The joint table of two samples cut into `bins` classes of equal counts each, [bins, bins].
 *
 * @throws RangeError for samples that do not pair up, fewer values than bins, or a NaN.
 */
export function binnedTable(x: ArrayLike<number>, y: ArrayLike<number>, bins = 16): JointTable {
  integer("binnedTable", "bins", bins, 1)
  const a = observations("binnedTable", "x", x, bins)
  const b = observations("binnedTable", "y", y, bins)
  if (a.length !== b.length)
    throw new RangeError(`binnedTable: x has ${a.length} values, y has ${b.length}, expected as many`)
  const classes = [a, b].map((values) => {
    const out = new Int32Array(values.length)
    Array.from(values.keys())
      .sort((i, j) => values[i] - values[j])
      .forEach((at, rank) => {
        out[at] = Math.floor((rank * bins) / values.length)
      })
    return out
  })
  const out = zeros([bins, bins], "float64")
  for (let i = 0; i < a.length; i++) out.data[classes[0][i] * bins + classes[1][i]] += 1 / a.length
  return out
}
