/** Exact optimal transport between finite masses. */

import type { Arrayable } from "../engine/array.ts"
import { LinAlgError, matrixOf, type Real, real } from "../linalg/matrix.ts"
import { integer } from "../stats/check.ts"
import { pick, submatrix, weighted } from "./part.ts"
import { networkSimplex } from "./simplex.ts"

/** The masses, and how long to try. */
export interface OptimalTransportOptions {
  /** Mass at each row [n] and column [m] of the cost, at least 0, of equal sum; by default shared out evenly. */
  source?: ArrayLike<number>
  target?: ArrayLike<number>
  /** Most pivots of the simplex; about 15 a point are usual. */
  maxPivots?: number
}

/** What {@link optimalTransport} gives. */
export interface OptimalTransport {
  /** Mass moved from i to j, [n, m]; row sums are the source, column sums the target. */
  readonly plan: Real
  /** Sum of plan times cost, the least there is. */
  readonly cost: number
  /**
   * Dual prices [n] and [m]: u_i + v_j <= cost_ij, equal where mass moves, so sum source u + sum target v = cost proves
   * the plan optimal. u_i is also how fast the cost grows with the mass at i, up to a constant that v gives back.
   */
  readonly u: Float64Array
  readonly v: Float64Array
  readonly pivots: number
}

/** Masses are moved as whole numbers of a sum from this to twice this, so that none is lost and ties are ties. */
const units = 2 ** 51

/** Masses, and their sum. */
interface Masses {
  readonly mass: Float64Array
  readonly sum: number
}

function massesOf(name: string, masses: ArrayLike<number>, count: number): Masses {
  if (masses.length !== count) {
    throw new RangeError(
      `optimalTransport: ${name} has ${masses.length} masses, expected ${count}, one for each ${name === "source" ? "row" : "column"} of the cost`,
    )
  }
  const mass = Float64Array.from(masses)
  let sum = 0
  for (let i = 0; i < count; i++) {
    if (!(mass[i] >= 0 && mass[i] < Infinity))
      throw new RangeError(`optimalTransport: ${name}[${i}] is ${masses[i]}, expected a finite number of at least 0`)
    sum += mass[i]
  }
  if (!(sum > 0 && sum < Infinity))
    throw new RangeError(`optimalTransport: ${name} adds up to ${sum}, expected a finite number above 0`)
  return { mass, sum }
}

/**
 * Both sides' masses in whole numbers of 2^-51 of `unit`, a power of two that fits their sum, so whole masses stay what
 * they are; what rounding leaves over is added one by one.
 */
function wholeOf(a: Masses, b: Masses): { supply: Float64Array; demand: Float64Array; unit: number } {
  const unit = 2 ** Math.floor(Math.log2(a.sum))
  const supply = a.mass.map((v) => Math.round((v / unit) * units))
  const ratio = a.sum / b.sum
  const demand = b.mass.map((v) => Math.round(((v * ratio) / unit) * units))
  const [left, right] = [supply, demand].map((side) => side.reduce((sum, v) => sum + v, 0))
  const small = left < right ? supply : demand
  for (let missing = Math.abs(left - right), i = 0; missing > 0; i = (i + 1) % small.length) {
    if (small[i] === 0) continue
    small[i]++
    missing--
  }
  return { supply, demand, unit }
}

/**
 * The cheapest way to turn one distribution of mass into another: the plan t >= 0 of least sum t_ij cost_ij with
 * t 1_m = source and t^T 1_n = target (notes 003, definition 3.74, have the two vectors of ones exchanged), by the
 * network simplex. With distances to the power p as cost, the p-Wasserstein distance is the root cost^(1/p), which the
 * notes leave out; {@link wasserstein} does both.
 *
 * Masses need not add up to 1; they are exact to 2^-51 of their sum, the prices to 2^-46 of the largest cost.
 *
 * @param cost [n, m], finite, of any sign.
 * @throws RangeError for masses that do not fit, are negative or differ in their sums by more than 1e-9 of them;
 * LinAlgError when `maxPivots` did not suffice.
 */
export function optimalTransport(
  cost: Arrayable,
  { source, target, maxPivots }: OptimalTransportOptions = {},
): OptimalTransport {
  const { rows: n, cols: m, data: c } = matrixOf("optimalTransport", cost, "cost")
  const total = source === undefined ? (target === undefined ? 1 : undefined) : undefined
  const given = target === undefined ? undefined : massesOf("target", target, m)
  const a = massesOf("source", source ?? new Float64Array(n).fill((total ?? given?.sum ?? 1) / n), n)
  const b = given ?? massesOf("target", new Float64Array(m).fill(a.sum / m), m)
  if (Math.abs(a.sum - b.sum) > 1e-9 * a.sum) {
    throw new RangeError(
      `optimalTransport: source adds up to ${a.sum}, target to ${b.sum}, expected the same (divide each by its sum)`,
    )
  }
  const { supply, demand, unit } = wholeOf(a, b)
  const from = weighted(supply)
  const to = weighted(demand)
  const [rows, columns] = [from.length, to.length]
  const limit = integer("optimalTransport", "maxPivots", maxPivots ?? 2000 * (rows + columns), 1)
  const cut = submatrix(c, m, from, to)
  const basis = networkSimplex(rows, columns, cut, pick(supply, from), pick(demand, to), limit)
  if (basis === undefined)
    throw new LinAlgError(`optimalTransport: no optimum after ${limit} pivots (allow more with maxPivots)`)
  const plan = new Float64Array(n * m)
  let sum = 0
  const put = (i: number, j: number, flow: number): void => {
    const at = from[i] * m + to[j]
    plan[at] = (flow / units) * unit
    sum += plan[at] * c[at]
  }
  const { flow, parent } = basis
  for (let i = 0; i < rows; i++) if (flow[i] > 0) put(i, parent[i] - rows, flow[i])
  for (let j = 0; j < columns; j++) if (flow[rows + j] > 0) put(parent[rows + j], j, flow[rows + j])
  return { plan: real([n, m], plan), cost: sum, ...pricesOf(n, m, c, from, basis.u), pivots: basis.pivots }
}

/** Prices of every row and column from those of the rows with mass: v_j the least cost_ij - u_i, then u likewise. */
function pricesOf(
  n: number,
  m: number,
  c: Float64Array,
  from: Int32Array,
  known: Float64Array,
): { u: Float64Array; v: Float64Array } {
  const v = new Float64Array(m).fill(Infinity)
  for (let k = 0; k < from.length; k++) {
    const at = from[k] * m
    for (let j = 0; j < m; j++) v[j] = Math.min(v[j], c[at + j] - known[k])
  }
  const u = new Float64Array(n).fill(Infinity)
  for (let i = 0; i < n; i++) {
    let low = Infinity
    for (let j = 0; j < m; j++) low = Math.min(low, c[i * m + j] - v[j])
    u[i] = low
  }
  return { u, v }
}
