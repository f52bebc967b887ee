/** Values and finite differences in float64, for the notes on calculus. */
import { array, type NdArray, toNumbers } from "../../src/engine/array.ts"
import { hostValue } from "../../src/engine/evaluate.ts"
import { fillNormal, keyOf } from "../../src/engine/random.ts"
import { constant, type Tensor } from "../../src/engine/tensor.ts"

/** A float64 constant: what the notes' x, A, b are here. */
export function real(values: Parameters<typeof constant>[0]): Tensor {
  return constant(values, "float64")
}

/** Standard normal numbers that a seed fixes. */
export function normals(seed: number, ...shape: number[]): Tensor {
  const data = new Float64Array(shape.reduce((n, d) => n * d, 1))
  return constant(array("float64", shape, fillNormal(data, keyOf(seed))))
}

/** The numbers of a tensor, by the reference interpreter. */
export function valuesOf(t: Tensor): number[] {
  return [...toNumbers(hostValue(t))]
}

/** The largest difference of two tensors of one shape. */
export function distance(a: Tensor, b: Tensor): number {
  if (a.shape.join() !== b.shape.join())
    throw new RangeError(`distance: shapes [${a.shape.join(", ")}] and [${b.shape.join(", ")}] differ`)
  const other = valuesOf(b)
  return valuesOf(a).reduce((worst, v, i) => Math.max(worst, Math.abs(v - other[i])), 0)
}

/** Central differences of every element of fn(x) by every element of x: the Jacobian `[...y, ...x]`, to about 1e-9. */
export function differences(fn: (x: Tensor) => Tensor, x: Tensor): Tensor {
  const at = hostValue(x) as NdArray<"float64">
  const h = 1e-5
  const moved = (i: number, step: number): number[] => {
    const data = Float64Array.from(at.data)
    data[i] += step
    return valuesOf(fn(constant(array("float64", at.shape, data))))
  }
  const columns = Array.from(at.data, (_, i) => {
    const [up, down] = [moved(i, h), moved(i, -h)]
    return up.map((v, k) => (v - down[k]) / (2 * h))
  })
  const rows = columns[0].flatMap((_, k) => columns.map((column) => column[k]))
  const shape = [...fn(x).shape, ...at.shape]
  return constant(array("float64", shape, Float64Array.from(rows)))
}
