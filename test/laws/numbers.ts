/** Values and slopes of programs of constants, in float64, for tests of losses. */
import { asArray, type Nested } from "../../src/engine/array.ts"
import { gradients } from "../../src/engine/grad.ts"
import { constant, type Tensor } from "../../src/engine/tensor.ts"
import { interpret } from "./interpret.ts"

/** A tensor of float64 constants. */
export const real = (x: Nested): Tensor => constant(asArray(x, "float64"))
/** A tensor of int32 constants. */
export const int = (x: Nested): Tensor => constant(asArray(x, "int32"))
/** Numbers of a tensor of constants, in float64. */
// Adding 0 makes -0 a 0.
export const valuesOf = (t: Tensor): number[] => [...interpret(() => [t])()[0].data].map((v) => v + 0)
/** The first of them. */
export const numberOf = (t: Tensor): number => valuesOf(t)[0]
/** Numbers of the gradient of `fn` at x. */
export const slopeAt = (x: Nested, fn: (x: Tensor) => Tensor): number[] => {
  const [g] = interpret((at: Tensor) => gradients(fn(at), [at]))(asArray(x, "float64"))
  return [...g.data].map((v) => v + 0)
}
/** Central differences of `fn` at x. */
export const differencesAt = (x: readonly number[], fn: (x: Tensor) => Tensor, h = 1e-5): number[] =>
  x.map((_, i) => {
    const moved = (by: number): number => numberOf(fn(real(x.map((v, j) => (i === j ? v + by : v)))))
    return (moved(h) - moved(-h)) / (2 * h)
  })
/** The largest difference of two lists. */
export const near = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((v, i) => Math.abs(v - b[i])))
/** Losses that are added up. */
export const sum: { readonly reduction: "sum" } = { reduction: "sum" }
/** Losses one by one. */
export const none: { readonly reduction: "none" } = { reduction: "none" }
