/** Tensors from nothing: ranges, fills, random numbers. */
import { type Dtype, fromNumbers, sizeOf } from "./array.ts"
import { makeNode } from "./graph.ts"
import { cumSum } from "./ops/along.ts"
import { equal } from "./ops/compare.ts"
import { minimum } from "./ops/elementwise.ts"
import { type Distribution, random as randomOp } from "./ops/leaf.ts"
import { expectSizes, isSymbolic, UsageError } from "./shape.ts"
import { constant, Tensor } from "./tensor.ts"

let made = 0

function random(distribution: Distribution, shape: readonly number[]): Tensor {
  expectSizes("random", shape)
  // The id keeps two draws apart and orders them: the k-th draw of a trace is stream k.
  return new Tensor(makeNode(randomOp, [], { distribution, shape, id: made++ }).outputs[0])
}

/** Uniform numbers on [0, 1), float32, drawn anew at each run from the program's generator. */
export function randomUniform(shape: readonly number[]): Tensor {
  return random("uniform", shape)
}

/** Standard normal numbers, float32, drawn anew at each run from the program's generator. */
export function randomNormal(shape: readonly number[]): Tensor {
  return random("normal", shape)
}

/**
 * Uniform integers (int32) from 0 to `n - 1`, drawn anew at each run.
 *
 * @throws UsageError when n is no whole number from 1 to 2^24.
 */
export function randomInteger(shape: readonly number[], n: number): Tensor {
  if (!(Number.isInteger(n) && n >= 1 && n <= 2 ** 24))
    throw new UsageError(`randomInteger: got ${n}, expected a whole number from 1 to 2^24`)
  // The largest uniform below 1 times n may round to n in float32.
  return minimum(randomUniform(shape).mul(n), n - 1).cast("int32")
}

/** A tensor of one repeated number. */
export function filled(shape: readonly number[], value: number, dtype: Dtype = "float32"): Tensor {
  return constant(value, dtype).broadcastTo(shape)
}

/** The numbers `0, 1, ..., n - 1`. */
export function arange(n: number, dtype: Dtype = "int32"): Tensor {
  if (isSymbolic(n)) return cumSum(filled([n], 1, dtype), 0).sub(1)
  return constant(
    fromNumbers(
      dtype,
      [n],
      Array.from({ length: n }, (_, i) => i),
    ),
  )
}

/** One-hot rows: integers `[...]` to `[..., classes]`, 1 at the index and 0 elsewhere. An index outside gives zeros alone. */
export function oneHot(indices: Tensor, classes: number, dtype: Dtype = "float32"): Tensor {
  return equal(indices.reshape([...indices.shape, 1]), arange(classes, indices.dtype)).cast(dtype)
}

/** The lower triangle, as a boolean mask `[rows, columns]`: true where column <= row + offset. */
export function lowerTriangle(rows: number, columns: number = rows, offset = 0): Tensor {
  const values = new Float64Array(sizeOf([rows, columns]))
  for (let i = 0; i < values.length; i++) values[i] = Number(i % columns <= Math.floor(i / columns) + offset)
  return constant(fromNumbers("bool", [rows, columns], values))
}
