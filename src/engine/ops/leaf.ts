/** The four kinds of leaf: what a program is given instead of computing. */
import { castArray, type NdArray, toNumbers } from "../array.ts"
import type { Op, Spec } from "../graph.ts"
import type { Variable } from "../tensor.ts"

function leaf<A extends object>(
  kind: "input" | "constant" | "random" | "variable",
  doc: string,
  spec: (attrs: A) => Spec,
): Op<A> {
  return {
    name: kind,
    doc,
    leaf: kind,
    spec: (_, attrs) => [spec(attrs)],
    grad: () => [],
    onnx: () => {
      throw new Error(`${kind}: leaves are written by the lowering, not by their record`)
    },
    host: () => {
      throw new Error(`${kind}: the value of a leaf is given, not computed`)
    },
  }
}

/** A value the caller gives at each run. */
export const input: Op<{ readonly name: string; readonly spec: Spec }> = leaf(
  "input",
  "A value the caller gives at each run.",
  (a) => a.spec,
)

/** A value fixed when the program is traced. */
export const constant: Op<{ readonly array: NdArray }> = {
  ...leaf<{ readonly array: NdArray }>("constant", "A value fixed when the program is traced.", (a) => ({
    dtype: a.array.dtype,
    shape: a.array.shape,
  })),
  onnx: (emit, _, node) => [emit.constant(node.attrs.array)],
  host: (_, node) => [toNumbers(castArray(node.attrs.array, "float64"))],
}

/** How a random leaf is distributed. */
export type Distribution = "uniform" | "normal"

/** Numbers the runtime draws anew at each run from the program's seeded generator. */
export const random: Op<{
  readonly distribution: Distribution
  readonly shape: readonly number[]
  readonly id: number
}> = leaf("random", "Numbers drawn anew at each run: uniform on [0, 1) or standard normal.", (a) => ({
  dtype: "float32",
  shape: a.shape,
}))

/** A value with a name that outlives the run: parameter, buffer or optimizer slot. */
export const variable: Op<{ readonly variable: Variable; readonly spec: Spec }> = leaf(
  "variable",
  "A named value that outlives the run and may be assigned.",
  (a) => a.spec,
)
