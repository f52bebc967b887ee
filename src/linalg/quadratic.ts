/** Quadratic functions q(x) = x^T A x + b^T x + c: critical points, contours, curvature, Taylor's second order. */

import type { Arrayable } from "../engine/array.ts"
import { dotAt, gemv, largest } from "./blas.ts"
import { type Definiteness, definiteness } from "./definite.ts"
import { eigenRows } from "./eigh.ts"
import { lstsq } from "./lstsq.ts"
import { eps, LinAlgError, matrixOf, type Real, real, symmetricOf, vectorOf } from "./matrix.ts"
import { plainNorm } from "./norm.ts"

interface Form {
  readonly n: number
  readonly a: Float64Array
}

function formOf(where: string, a: Arrayable): Form {
  matrixOf(where, a)
  const { rows: n, data } = symmetricOf(where, a)
  return { n, a: data }
}

/** x^T A x for a symmetric A [n, n] and a vector x [n]. */
export function quadraticForm(a: Arrayable, x: Arrayable): number {
  const f = formOf("quadraticForm", a)
  const v = vectorOf("quadraticForm", x, "vector", f.n)
  const av = new Float64Array(f.n)
  gemv(f.n, f.n, f.a, 0, f.n, v, 0, av, 0)
  return dotAt(v, 0, av, 0, f.n)
}

/** What a function with this Hessian (or 2 A, for a quadratic) has at a critical point. */
export type CriticalKind = "minimum" | "maximum" | "saddle" | "valley" | "ridge" | "flat"

const kinds: Readonly<Record<Definiteness, CriticalKind>> = {
  "positive definite": "minimum",
  "positive semidefinite": "valley",
  "negative definite": "maximum",
  "negative semidefinite": "ridge",
  indefinite: "saddle",
  zero: "flat",
}

/** What {@link criticalPoint} gives. */
export interface CriticalPoint {
  /** Where the gradient 2 A x + b vanishes, [n]; of many such points the one nearest to the origin. */
  readonly point: Real
  readonly kind: CriticalKind
  /** Whether it is the only one: A is invertible. */
  readonly isUnique: boolean
}

/**
 * Critical point of q(x) = x^T A x + b^T x + c, A symmetric [n, n], b [n]: x = -A^-1 b / 2, a minimum, maximum or
 * saddle by the definiteness of A (notes 000 §2.8.1). Where A is singular there are critical points exactly if b lies
 * in its range, which the seed narrows to b = 0: A = diag(1, 0), b = (2, 0) has all of (-1, t).
 *
 * @throws LinAlgError where there is none: b has a part outside the range of A.
 */
export function criticalPoint(a: Arrayable, b: Arrayable): CriticalPoint {
  const f = formOf("criticalPoint", a)
  const right = vectorOf("criticalPoint", b, "linear term", f.n)
  const { x, rank } = lstsq(real([f.n, f.n], f.a), real([f.n], right))
  const missing = new Float64Array(f.n)
  gemv(f.n, f.n, f.a, 0, f.n, x.data, 0, missing, 0)
  for (let i = 0; i < f.n; i++) missing[i] -= right[i]
  const noise = Math.sqrt(eps) * plainNorm(right, 2)
  if (rank < f.n && plainNorm(missing, 2) > noise)
    throw new LinAlgError(
      "criticalPoint: the linear term has a part outside the matrix's range, so no point is critical",
    )
  return {
    point: real(
      [f.n],
      x.data.map((v) => v / -2),
    ),
    kind: kinds[definiteness(real([f.n, f.n], f.a))],
    isUnique: rank === f.n,
  }
}

/** What {@link curvature} gives. */
export interface Curvature {
  readonly kind: CriticalKind
  /** Unit direction of the largest second derivative u^T H u, [n], and that derivative. */
  readonly up: Real
  readonly most: number
  /** Unit direction of the smallest second derivative, [n], and that derivative. */
  readonly down: Real
  readonly least: number
}

/**
 * The Hessian test at a critical point: directions u, v of the extreme second derivatives of t -> f(x + t u). If one is
 * positive and one negative the point is a saddle (notes 003, R3.15).
 */
export function curvature(hessian: Arrayable): Curvature {
  const f = formOf("curvature", hessian)
  const kind = kinds[definiteness(real([f.n, f.n], f.a))]
  const { values, rows } = eigenRows("curvature", f.n, f.a)
  const last = f.n - 1
  return {
    kind,
    up: real([f.n], rows.slice(last * f.n)),
    most: values[last],
    down: real([f.n], rows.slice(0, f.n)),
    least: values[0],
  }
}

/** What {@link contourAxes} gives. */
export interface ContourAxes {
  /** Semi-axis level / (2 |lambda_i|) of each direction, [n]. */
  readonly lengths: Real
  /** Eigenvalue of each direction, ascending, [n]. */
  readonly values: Real
  /** Unit directions as columns, [n, n]. */
  readonly directions: Real
}

/**
 * Principal semi-axes of the ellipsoid on which the gradient of q(x) = x^T A x + b^T x has length `level`, around the
 * critical point: d = sum d_i v_i lies on it where sum 4 lambda_i^2 d_i^2 / level^2 = 1. Notes 000 eq 2.8.16 print
 * sum d_i^2 / (4 lambda_i^2) = 1.
 *
 * @throws LinAlgError where A is singular: the contour is not bounded.
 */
export function contourAxes(a: Arrayable, level = 1): ContourAxes {
  const f = formOf("contourAxes", a)
  if (!(level > 0 && Number.isFinite(level)))
    throw new RangeError(`contourAxes: level is ${level}, expected a positive number`)
  const { values, rows } = eigenRows("contourAxes", f.n, f.a)
  const noise = f.n * eps * largest(values)
  const lengths = values.map((v, i) => {
    if (Math.abs(v) <= noise)
      throw new LinAlgError(`contourAxes: eigenvalue ${i} is zero, so the contour is not bounded`)
    return level / (2 * Math.abs(v))
  })
  const directions = new Float64Array(f.n * f.n)
  for (let i = 0; i < f.n; i++) for (let j = 0; j < f.n; j++) directions[j * f.n + i] = rows[i * f.n + j]
  return { lengths: real([f.n], lengths), values: real([f.n], values), directions: real([f.n, f.n], directions) }
}

/**
 * Second-order Taylor value f + g.d + d^T H d / 2 at a displacement d [n], from value, gradient [n] and Hessian [n, n].
 * Its error is O(||d||^3). Notes 000 eq 2.8.18 leave out the half: for x^2 from 0 to 1 it gives 2.
 */
export function taylor2(value: number, gradient: Arrayable, hessian: Arrayable, displacement: Arrayable): number {
  const f = formOf("taylor2", hessian)
  const g = vectorOf("taylor2", gradient, "gradient", f.n)
  const d = vectorOf("taylor2", displacement, "displacement", f.n)
  if (!Number.isFinite(value)) throw new RangeError(`taylor2: value is ${value}, expected a finite number`)
  return value + dotAt(g, 0, d, 0, f.n) + quadraticForm(real([f.n, f.n], f.a), real([f.n], d)) / 2
}

/**
 * The height h for which h exp(x^T A x) integrates to 1 over R^n, A negative definite [n, n]: sqrt(det(-A) / pi^n). For
 * A = -S^-1 / 2 it is the normal density's 1 / sqrt((2 pi)^n det S). Notes 000 §2.8.2 put A for S in the latter.
 *
 * @throws LinAlgError where A is not negative definite: the integral diverges.
 */
export function gaussianHeight(a: Arrayable): number {
  const f = formOf("gaussianHeight", a)
  const { values } = eigenRows("gaussianHeight", f.n, f.a)
  const noise = f.n * eps * largest(values)
  let log = 0
  for (const v of values) {
    if (!(v < -noise))
      throw new LinAlgError(`gaussianHeight: eigenvalue ${v} is not negative, so exp(x^T A x) has no finite integral`)
    log += Math.log(-v / Math.PI)
  }
  return Math.exp(log / 2)
}
