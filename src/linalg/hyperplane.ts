/** Hyperplanes w.x = b: distances and projections. */

import type { Arrayable } from "../engine/array.ts"
import { dotAt } from "./blas.ts"
import { type Real, real, vectorOf } from "./matrix.ts"
import { plainNorm } from "./norm.ts"

/** The points x with w.x = b: an affine set of dimension n - 1, a subspace only if b = 0 (notes 003, D3.2: always). */
export interface Hyperplane {
  /** w, [n], not zero. */
  readonly normal: Real
  readonly offset: number
}

/**
 * The hyperplane {x: w.x = b}, or, given a `point` p on it, {x: w.(x - p) = 0} (notes 000 eq 2.2.7-9, where b has the
 * other sign).
 *
 * @throws RangeError where the normal is zero.
 */
export function hyperplane(normal: Arrayable, through: number | { point: Arrayable }): Hyperplane {
  const w = vectorOf("hyperplane", normal, "normal")
  if (plainNorm(w, 2) === 0) throw new RangeError("hyperplane: normal is zero, expected a vector with a direction")
  const offset =
    typeof through === "number"
      ? through
      : dotAt(w, 0, vectorOf("hyperplane", through.point, "point", w.length), 0, w.length)
  if (!Number.isFinite(offset)) throw new RangeError(`hyperplane: offset is ${offset}, expected a finite number`)
  return { normal: real([w.length], w.slice()), offset }
}

/** Signed distance (w.x - b) / ||w|| of a point [n]: positive on the side the normal points to. */
export function distanceTo(plane: Hyperplane, x: Arrayable): number {
  const w = plane.normal.data
  const v = vectorOf("distanceTo", x, "point", w.length)
  return (dotAt(w, 0, v, 0, w.length) - plane.offset) / plainNorm(w, 2)
}

/** The point of the hyperplane nearest to x [n]: x - distance w / ||w||. */
export function nearestOn(plane: Hyperplane, x: Arrayable): Real {
  const w = plane.normal.data
  const v = vectorOf("nearestOn", x, "point", w.length)
  const step = distanceTo(plane, real([w.length], v)) / plainNorm(w, 2)
  return real(
    [w.length],
    Float64Array.from(v, (c, i) => c - step * w[i]),
  )
}

/**
 * Signed distance (c2 - c1) / ||w|| from w.x = c1 to w.x = c2 along the normal; its size is the gap, so w.x - b = -1 and
 * w.x - b = 1 are 2 / ||w|| apart. Notes 003, R3.5 end with the opposite sign.
 */
export function gapBetween(normal: Arrayable, c1: number, c2: number): number {
  const length = plainNorm(vectorOf("gapBetween", normal, "normal"), 2)
  if (length === 0) throw new RangeError("gapBetween: normal is zero, expected a vector with a direction")
  const gap = (c2 - c1) / length
  if (!Number.isFinite(gap)) throw new RangeError(`gapBetween: offsets are ${c1} and ${c2}, expected finite numbers`)
  return gap
}
