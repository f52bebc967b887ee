/** Minima, maxima and saddles under equality constraints: stationary points of the Lagrangian, by Newton's method. */
import { array, castArray } from "../engine/array.ts"
import type { Feed } from "../engine/compile.ts"
import { gradients } from "../engine/grad.ts"
import type { Tensor } from "../engine/tensor.ts"
import { definiteness } from "../linalg/definite.ts"
import { real } from "../linalg/matrix.ts"
import { matmul } from "../linalg/product.ts"
import { nullSpace } from "../linalg/subspace.ts"
import { type Arrays, program, systemOf } from "./program.ts"
import { newtonSteps } from "./system.ts"

/** Options of {@link stationary}. */
export interface StationaryOptions {
  /** Length of the Lagrangian's gradient at which a point counts as found; default 1e-10. */
  readonly tolerance?: number
  /** Steps at most; default 100. */
  readonly maxSteps?: number
  /** Multipliers at the start, one a constraint; zeros unless given. */
  readonly multipliers?: ArrayLike<number>
}

/** A stationary point under constraints. */
export interface Stationary<X> {
  readonly x: X
  readonly value: number
  /** gamma, one a constraint: how fast the stationary value changes with the constant c of that constraint. */
  readonly multipliers: Float64Array
  /**
   * What f has there along the constraints, by the Lagrangian's Hessian on their tangents; "flat" where that cannot tell,
   * "isolated" where the constraints leave no tangent.
   */
  readonly kind: "minimum" | "maximum" | "saddle" | "flat" | "isolated"
  /** Length of the gradient of the Lagrangian by x and gamma. */
  readonly residual: number
  readonly steps: number
  readonly isConverged: boolean
}

/**
 * A point where f is stationary subject to g(x) = c: a root of the gradient of L(x, gamma) = f(x) - gamma.(g(x) - c),
 * whose Jacobian is the KKT matrix, by Newton's method with damping. `constraint` gives g(x) - c, a tensor of any shape.
 *
 * Notes 004 §2 write the maximum of f as stationarity of L; that is a necessary condition only, for minima and saddles
 * alike, which is why the kind is told.
 *
 * @example stationary((x: Tensor) => x.square().sum(), (x: Tensor) => x.sum().sub(1), [0, 0]) // [1/2, 1/2], multiplier 1
 * @throws LinAlgError where the KKT matrix is singular at an iterate, as where constraints repeat each other.
 * MinimizeError where a value is not finite.
 */
export function stationary<T>(
  fn: (x: T) => Tensor,
  constraint: (x: T) => Tensor,
  start: Feed<T>,
  { tolerance = 1e-10, maxSteps = 100, multipliers }: StationaryOptions = {},
): Stationary<Arrays<T>> {
  const f = program(fn, start)
  const g = systemOf("stationary", constraint, start)
  const { layout } = f
  const n = layout.start.length
  const m = g.value(layout.start).length
  const first = new Float64Array(n + m)
  first.set(layout.start)
  if (multipliers !== undefined) {
    if (multipliers.length !== m)
      throw new RangeError(`stationary: got ${multipliers.length} multipliers for ${m} constraints, expected one each`)
    first.set(Float64Array.from(multipliers), n)
  }
  const slope = (both: Tensor): Tensor => {
    const [x, gamma] = both.split([n, m])
    const tree = layout.tensors(x)
    const lagrangian = fn(tree).sub(constraint(tree).reshape([m]).mul(gamma).sum())
    return gradients(lagrangian, [both])[0]
  }
  const kkt = systemOf("stationary", slope, castArray(array("float64", [n + m], first), layout.dtype))
  const located = { system: kkt, flat: first, unpack: (flat: Float64Array) => flat }
  const steps = newtonSteps("stationary", located, { tolerance, maxSteps, damped: true })
  let next = steps.next()
  while (next.done !== true) next = steps.next()
  const { residual, step, isConverged } = next.value
  const both = next.value.x as Float64Array
  const x = both.slice(0, n)
  const matrix = kkt.jacobian(both)
  const hessian = new Float64Array(n * n)
  for (let i = 0; i < n; i++) hessian.set(matrix.subarray(i * (n + m), i * (n + m) + n), i * n)
  return {
    x: layout.unpack(x),
    value: f.value(x),
    multipliers: both.slice(n),
    kind: kindOf(n, m, hessian, g.jacobian(x)),
    residual,
    steps: step,
    isConverged,
  }
}

/** Second-order conditions: the sign of the Hessian on the tangents of the constraints. */
function kindOf(n: number, m: number, hessian: Float64Array, jacobian: Float64Array): Stationary<unknown>["kind"] {
  const z = nullSpace(real([m, n], jacobian))
  if (z.shape[1] === 0) return "isolated"
  const k = z.shape[1]
  const zt = real([k, n], new Float64Array(k * n))
  for (let i = 0; i < n; i++) for (let j = 0; j < k; j++) zt.data[j * n + i] = z.data[i * k + j]
  const reduced = matmul(matmul(zt, real([n, n], hessian)), z)
  for (let i = 0; i < k; i++)
    for (let j = 0; j < i; j++)
      reduced.data[i * k + j] = reduced.data[j * k + i] = (reduced.data[i * k + j] + reduced.data[j * k + i]) / 2
  const sign = definiteness(reduced, { tolerance: 1e-9 * Math.max(...hessian.map(Math.abs)) })
  if (sign === "positive definite") return "minimum"
  if (sign === "negative definite") return "maximum"
  return sign === "indefinite" ? "saddle" : "flat"
}
