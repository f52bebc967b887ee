/** Difference operators and sampling on grids, each with its adjoint: gradient and divergence, interpolation and splatting. */

import { type Arrayable, sizeOf } from "../engine/array.ts"
import { finite, type Real, real, realOf, show } from "./matrix.ts"

/** What lies outside the grid: the other side of it, or zeros. */
export type Boundary = "periodic" | "zero"

function spacingOf(where: string, spacing: number): number {
  if (!(spacing > 0 && Number.isFinite(spacing)))
    throw new RangeError(`${where}: spacing is ${spacing}, expected a positive number`)
  return spacing
}

/** Adds to out, along the axis, `factor` times the next entry of f (shift 1) or the one before (shift -1). */
function addShifted(
  f: Float64Array,
  fAt: number,
  out: Float64Array,
  outAt: number,
  shape: readonly number[],
  axis: number,
  shift: 1 | -1,
  factor: number,
  boundary: Boundary,
): void {
  const step = sizeOf(shape.slice(axis + 1))
  const n = shape[axis]
  const lines = sizeOf(shape.slice(0, axis))
  for (let line = 0; line < lines; line++) {
    for (let k = 0; k < n; k++) {
      const other = (k + shift + n) % n
      if (boundary === "zero" && other !== k + shift) continue
      const to = outAt + (line * n + k) * step
      const from = fAt + (line * n + other) * step
      for (let i = 0; i < step; i++) out[to + i] += factor * f[from + i]
    }
  }
}

/**
 * Forward differences (f[i + 1] - f[i]) / spacing of a grid [...shape] along every axis, [axes, ...shape]. Its adjoint
 * is -{@link divergence} with the same boundary: <grad f, g> = <f, -div g>, which needs the boundary terms to vanish
 * (notes 003, E2, state it without).
 */
export function gradient(
  f: Arrayable,
  { boundary = "periodic", spacing = 1 }: { boundary?: Boundary; spacing?: number } = {},
): Real {
  const x = realOf("gradient", f, "grid")
  const h = spacingOf("gradient", spacing)
  const { shape } = x
  if (shape.length === 0) throw new RangeError("gradient: grid is a number, expected at least one axis")
  const size = x.data.length
  const out = new Float64Array(shape.length * size)
  for (let axis = 0; axis < shape.length; axis++) {
    for (let i = 0; i < size; i++) out[axis * size + i] = -x.data[i] / h
    addShifted(x.data, 0, out, axis * size, shape, axis, 1, 1 / h, boundary)
  }
  return real([shape.length, ...shape], finite("gradient", out))
}

/** Backward differences of a field [axes, ...shape], summed over its axes, [...shape]: minus the adjoint of {@link gradient}. */
export function divergence(
  g: Arrayable,
  { boundary = "periodic", spacing = 1 }: { boundary?: Boundary; spacing?: number } = {},
): Real {
  const x = realOf("divergence", g, "field")
  const h = spacingOf("divergence", spacing)
  const shape = x.shape.slice(1)
  if (shape.length === 0 || x.shape[0] !== shape.length) {
    throw new RangeError(
      `divergence: field has shape ${show(x.shape)}, expected [axes, ...grid] with one component an axis`,
    )
  }
  const size = sizeOf(shape)
  const out = new Float64Array(size)
  for (let axis = 0; axis < shape.length; axis++) {
    for (let i = 0; i < size; i++) out[i] += x.data[axis * size + i] / h
    addShifted(x.data, axis * size, out, 0, shape, axis, -1, -1 / h, boundary)
  }
  return real(shape, finite("divergence", out))
}

/** Laplacian of a grid [...shape]: neighbours minus twice the middle along every axis, over spacing^2. Its own adjoint. */
export function laplacian(
  f: Arrayable,
  { boundary = "periodic", spacing = 1 }: { boundary?: Boundary; spacing?: number } = {},
): Real {
  const x = realOf("laplacian", f, "grid")
  const h = spacingOf("laplacian", spacing)
  const { shape } = x
  if (shape.length === 0) throw new RangeError("laplacian: grid is a number, expected at least one axis")
  const out = x.data.map((v) => (-2 * shape.length * v) / (h * h))
  for (let axis = 0; axis < shape.length; axis++) {
    addShifted(x.data, 0, out, 0, shape, axis, 1, 1 / (h * h), boundary)
    addShifted(x.data, 0, out, 0, shape, axis, -1, 1 / (h * h), boundary)
  }
  return real(shape, finite("laplacian", out))
}

interface Points {
  readonly count: number
  readonly data: Float64Array
}

function pointsOf(where: string, points: Arrayable, shape: readonly number[]): Points {
  const p = realOf(where, points, "points")
  const axes = shape.length
  if (p.shape.length !== 2 || p.shape[1] !== axes)
    throw new RangeError(
      `${where}: points have shape ${show(p.shape)}, expected [count, ${axes}] for a grid ${show(shape)}`,
    )
  for (let i = 0; i < p.data.length; i++) {
    const last = shape[i % axes] - 1
    const v = p.data[i]
    if (v < 0 || v > last)
      throw new RangeError(`${where}: point ${Math.floor(i / axes)} has coordinate ${v}, expected 0 to ${last}`)
  }
  return { count: p.shape[0], data: p.data }
}

/** Calls back with the flat place and the weight of each of the 2^axes grid points around a point. */
function corners(
  shape: readonly number[],
  p: Float64Array,
  at: number,
  each: (flat: number, weight: number) => void,
): void {
  const axes = shape.length
  for (let corner = 0; corner < 2 ** axes; corner++) {
    let flat = 0
    let weight = 1
    for (let axis = 0; axis < axes; axis++) {
      const low = Math.min(Math.floor(p[at + axis]), Math.max(0, shape[axis] - 2))
      const share = p[at + axis] - low
      const isHigh = (corner >> axis) & 1
      weight *= isHigh ? share : 1 - share
      flat = flat * shape[axis] + low + isHigh
    }
    if (weight !== 0) each(flat, weight)
  }
}

/** Multilinear interpolation of a grid [...shape] at points [count, axes] in grid coordinates, [count]. */
export function interpolate(f: Arrayable, points: Arrayable): Real {
  const x = realOf("interpolate", f, "grid")
  if (x.shape.length < 1 || x.shape.length > 8)
    throw new RangeError(`interpolate: grid has shape ${show(x.shape)}, expected 1 to 8 axes`)
  const p = pointsOf("interpolate", points, x.shape)
  const out = new Float64Array(p.count)
  for (let i = 0; i < p.count; i++) {
    corners(x.shape, p.data, i * x.shape.length, (flat, weight) => {
      out[i] += weight * x.data[flat]
    })
  }
  return real([p.count], out)
}

/**
 * Splatting: spreads values [count] at points [count, axes] over a grid of the given shape, each to the grid points
 * around it. The adjoint of {@link interpolate}: <f at p, v> = <f, splat(v, p)>; the sum of the values is kept.
 */
export function splat(values: Arrayable, points: Arrayable, shape: readonly number[]): Real {
  if (
    shape.length < 1 ||
    shape.length > 8 ||
    shape.some((n) => !(Number.isInteger(n) && n > 0)) ||
    sizeOf(shape) > 2 ** 28
  )
    throw new RangeError(`splat: grid shape is ${show(shape)}, expected 1 to 8 positive sizes, 2^28 points at most`)
  const p = pointsOf("splat", points, shape)
  const v = realOf("splat", values, "values")
  if (v.shape.length !== 1 || v.data.length !== p.count)
    throw new RangeError(`splat: values have shape ${show(v.shape)}, expected [${p.count}], one for each point`)
  const out = new Float64Array(sizeOf(shape))
  for (let i = 0; i < p.count; i++) {
    corners(shape, p.data, i * shape.length, (flat, weight) => {
      out[flat] += weight * v.data[i]
    })
  }
  return real(shape, finite("splat", out))
}
