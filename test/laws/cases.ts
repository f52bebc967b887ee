/** The op law table: one or more rows for every op, each a function and inputs where it is smooth. */
import { array, fromNumbers, type NdArray, sizeOf } from "../../src/engine/array.ts"
import { lowerTriangle, oneHot } from "../../src/engine/create.ts"
import * as activation from "../../src/engine/fused/activation.ts"
import { attention, linear } from "../../src/engine/fused/attention.ts"
import { loop } from "../../src/engine/fused/loop.ts"
import { batchNorm, groupNorm, layerNorm } from "../../src/engine/fused/normalize.ts"
import { avgPool2d, maxPool2d, upsampleConv2d } from "../../src/engine/fused/pool.ts"
import * as along from "../../src/engine/ops/along.ts"
import * as c from "../../src/engine/ops/compare.ts"
import { type ConvOptions, conv1d, conv2d, conv3d, convTranspose2d } from "../../src/engine/ops/conv.ts"
import * as e from "../../src/engine/ops/elementwise.ts"
import { gather, takeAlong } from "../../src/engine/ops/gather.ts"
import { matmul } from "../../src/engine/ops/matmul.ts"
import * as m from "../../src/engine/ops/movement.ts"
import * as r from "../../src/engine/ops/reduce.ts"
import { blockSum, upsample } from "../../src/engine/ops/resize.ts"
import * as sl from "../../src/engine/ops/slice.ts"
import { logSoftmax, softmax } from "../../src/engine/ops/softmax.ts"
import { Generator } from "../../src/engine/random.ts"
import { constant, type Tensor } from "../../src/engine/tensor.ts"

export interface Case {
  readonly name: string
  readonly inputs: readonly NdArray[]
  readonly fn: (...inputs: Tensor[]) => Tensor
  /** Whether the op has a gradient to check. */
  readonly smooth: boolean
}

const cases: Case[] = []
const random = new Generator(7)

/** Distinct values well away from 0, from each other and from integers: no kink lies within a finite difference. */
function spread(shape: readonly number[], low: number, high: number): NdArray<"float32"> {
  const n = sizeOf(shape)
  const order = random.permutation(n)
  const step = (high - low) / n
  return fromNumbers(
    "float32",
    shape,
    Float64Array.from(order, (k) => low + (k + 0.5 + 0.2 * random.uniform(-1, 1)) * step + 0.0137),
  )
}

type Input = readonly number[] | NdArray
const float = (x: Input): NdArray => (Array.isArray(x) ? spread(x, -1.9, 2.1) : (x as NdArray))
const positive = (shape: readonly number[]): NdArray => spread(shape, 0.3, 2.4)
const ints = (...values: number[]): NdArray => array("int32", [values.length], Int32Array.from(values))
const bools = (shape: readonly number[]): NdArray =>
  fromNumbers(
    "bool",
    shape,
    Array.from({ length: sizeOf(shape) }, () => random.integer(2)),
  )

function row(name: string, inputs: readonly Input[], fn: (...inputs: Tensor[]) => Tensor, smooth = true): void {
  cases.push({ name, inputs: inputs.map(float), fn, smooth })
}

for (const name of [
  "neg",
  "abs",
  "exp",
  "sin",
  "cos",
  "tanh",
  "atan",
  "sigmoid",
  "softplus",
  "erf",
  "relu",
  "reciprocal",
] as const) {
  row(name, [[3, 4]], e[name])
}
for (const name of ["log", "sqrt"] as const) row(name, [positive([3, 4])], e[name])
for (const name of ["sign", "floor", "ceil", "round"] as const) row(name, [[3, 4]], e[name], false)
for (const name of ["add", "sub", "mul", "div", "maximum", "minimum"] as const) {
  row(
    name,
    [
      [3, 4],
      [3, 4],
    ],
    e[name],
  )
  row(
    `${name}, broadcast`,
    [
      [2, 1, 4],
      [3, 1],
    ],
    e[name],
  )
}
row("mod", [positive([3, 4]), positive([4])], e.mod)
row("pow", [positive([3, 4]), [4]], e.pow)
row("pow, constant exponent", [[3, 4]], (x) => e.pow(x, 3))
for (const name of ["equal", "greater", "greaterEqual", "less", "lessEqual"] as const) {
  row(name, [ints(1, 2, 3, 4), ints(1, 3, 2, 4)], (a, b) => c[name](a, b).cast("float32"), false)
}
row("logicalAnd", [bools([6]), bools([6])], (a, b) => c.logicalAnd(a, b).cast("int32"), false)
row("logicalOr", [bools([6]), bools([6])], (a, b) => c.logicalOr(a, b).cast("int32"), false)
row("logicalNot", [bools([6])], (a) => c.logicalNot(a).cast("int32"), false)
row("isNan", [[3]], (x) => c.isNan(e.log(x)).cast("int32"), false)
row("where", [bools([3, 4]), [3, 4], [4]], c.where)
row("where, booleans", [bools([3, 4]), bools([3, 4]), bools([4])], c.where, false)
row("cast to int", [[3, 4]], (x) => x.mul(3).cast("int32"), false)
row("stopGradient", [[3, 4]], (x) => x.mul(e.stopGradient(x)).sub(e.stopGradient(x.mul(x))), false)

row("reshape", [[3, 4]], (x) => m.reshape(x, [2, -1]).mul(x.reshape([2, 6])))
row("transpose", [[2, 3, 4]], (x) => m.transpose(x, [2, 0, 1]))
row("transpose, reversed", [[3, 4]], (x) => x.transpose())
row("broadcastTo", [[3, 1]], (x) => m.broadcastTo(x, [2, 3, 4]))
row("slice", [[4, 5]], (x) =>
  sl.slice(x, [
    [1, 3],
    [0, -1],
  ]),
)
row("slice, steps", [[5, 7]], (x) =>
  sl.slice(x, [
    [null, null, 2],
    [1, 6, 3],
  ]),
)
row("slice, backwards", [[4, 5]], (x) =>
  sl.slice(x, [
    [null, null, -1],
    [3, 0, -2],
  ]),
)
row("flip", [[4, 3]], (x) => sl.flip(x, [1]))
row("pad", [[2, 3]], (x) =>
  sl.pad(
    x,
    [
      [1, 0],
      [2, 1],
    ],
    1.5,
  ),
)
row(
  "concat",
  [
    [2, 3],
    [2, 2],
  ],
  (a, b) => m.concat([a, b], 1),
)
row(
  "stack",
  [
    [2, 3],
    [2, 3],
  ],
  (a, b) => m.stack([a, b], 1),
)
row("split", [[2, 5]], (x) => sl.split(x, [2, 3], 1)[1])
row("gather", [[5, 3], ints(4, 0, 4, -2)], (x, i) => gather(x, i, 0))
row("gather, inner axis", [[2, 5, 3], ints(4, 0, 4)], (x, i) => gather(x, i.reshape([3, 1]), 1))
row("takeAlong", [[3, 4], ints(1, 0, 3)], (x, i) => takeAlong(x, i.reshape([3, 1]), 1))
row("oneHot", [ints(1, 0, 3)], (i) => oneHot(i, 4), false)

for (const name of ["sum", "mean", "max", "min", "prod"] as const) {
  row(`${name}, all`, [positive([2, 3])], (x) => r[name](x))
  row(`${name}, axes`, [positive([2, 3, 4])], (x) => r[name](x, { axes: [0, 2] }))
  row(`${name}, kept`, [positive([2, 3])], (x) => r[name](x, { axes: -1, keepDims: true }).mul(x))
}
const zeros = fromNumbers("float32", [4, 3], [1.5, 0, -2, 0, 3, 0, 0.5, 2, 4, 0, 0, 0])
row("prod, of zeros", [zeros], (x) => r.prod(x, { axes: 1 }))
row("prod, of zeros in several axes", [[2, 3], fromNumbers("float32", [2, 3], [1, 0, 2, 3, -1, 2])], (x, y) =>
  r.prod(m.stack([x, y]), { axes: [0, 2] }),
)
row("prod, of one", [[3, 1]], (x) => r.prod(x, { axes: 1 }))
row("variance", [[3, 5]], (x) => r.variance(x, { axes: 1, ddof: 1 }))
row("argMax", [[3, 5]], (x) => along.argMax(x, 1), false)
row("argMin", [[3, 5]], (x) => along.argMin(x, 0), false)
row("cumSum", [[3, 4]], (x) => along.cumSum(x, 1))
row("cumSum, reversed", [[3, 4]], (x) => along.cumSum(x, 0, { reverse: true }))
row("softmax", [[3, 4]], (x) => softmax(x))
row("softmax, first axis", [[3, 4]], (x) => softmax(x, 0))
row("logSoftmax", [[3, 4]], (x) => logSoftmax(x))

row(
  "matmul",
  [
    [3, 4],
    [4, 2],
  ],
  (a, b) => matmul(a, b),
)
row(
  "matmul, both transposed",
  [
    [4, 3],
    [2, 4],
  ],
  (a, b) => matmul(a, b, { transposeA: true, transposeB: true }),
)
row(
  "matmul, first transposed",
  [
    [2, 4, 3],
    [2, 4, 2],
  ],
  (a, b) => matmul(a, b, { transposeA: true }),
)
row(
  "matmul, second transposed",
  [
    [2, 3, 4],
    [2, 2, 4],
  ],
  (a, b) => matmul(a, b, { transposeB: true }),
)
row(
  "matmul, batch by matrix",
  [
    [2, 3, 4],
    [4, 2],
  ],
  (a, b) => matmul(a, b),
)
row(
  "matmul, broadcast",
  [
    [2, 1, 3, 4],
    [3, 4, 2],
  ],
  (a, b) => matmul(a, b),
)
row("matmul, vectors", [[4], [4]], (a, b) => matmul(a, b))

const conv = (options: ConvOptions) => (x: Tensor, w: Tensor, b?: Tensor) => conv2d(x, w, b ?? null, options)
row("conv2d", [[2, 3, 5, 4], [2, 3, 3, 3], [2]], conv({ padding: 1 }))
row(
  "conv2d, no padding",
  [
    [2, 2, 5, 5],
    [3, 2, 2, 3],
  ],
  conv({}),
)
row(
  "conv2d, stride",
  [
    [2, 2, 6, 5],
    [2, 2, 3, 3],
  ],
  conv({ stride: 2, padding: 1 }),
)
row(
  "conv2d, uneven padding",
  [
    [1, 2, 4, 4],
    [2, 2, 3, 3],
  ],
  conv({
    stride: 2,
    padding: [
      [0, 1],
      [0, 1],
    ],
  }),
)
row(
  "conv2d, stride that leaves rows over",
  [
    [1, 2, 7, 8],
    [2, 2, 2, 2],
  ],
  conv({ stride: 3 }),
)
row(
  "conv2d, dilation",
  [
    [1, 2, 7, 7],
    [2, 2, 3, 3],
  ],
  conv({ dilation: 2, padding: 1 }),
)
row(
  "conv2d, stride and dilation",
  [
    [1, 2, 8, 7],
    [2, 2, 2, 3],
  ],
  conv({ dilation: [1, 2], stride: [2, 1], padding: 2 }),
)
row("conv2d, groups", [[2, 4, 4, 4], [6, 2, 3, 3], [6]], conv({ groups: 2, padding: 1 }))
row(
  "conv2d, depthwise stride",
  [
    [1, 3, 6, 6],
    [3, 1, 3, 3],
  ],
  conv({ groups: 3, stride: 2, padding: 1 }),
)
row("conv2d, 1x1", [[2, 3, 4, 4], [5, 3, 1, 1], [5]], conv({}))
row(
  "conv2d, padding beyond the kernel",
  [
    [1, 1, 3, 3],
    [1, 1, 2, 2],
  ],
  conv({ padding: 2 }),
)
row("conv1d", [[2, 3, 7], [4, 3, 3], [4]], (x, w, b) => conv1d(x, w, b, { stride: 2, padding: 1 }))
row(
  "conv3d",
  [
    [1, 2, 4, 3, 3],
    [2, 2, 2, 2, 2],
  ],
  (x, w) => conv3d(x, w, null, { padding: 1, stride: 2 }),
)
row("convTranspose2d", [[2, 3, 3, 4], [3, 2, 3, 3], [2]], (x, w, b) =>
  convTranspose2d(x, w, b, { stride: 2, padding: 1, outputPadding: 1 }),
)
row(
  "convTranspose2d, groups",
  [
    [1, 4, 3, 3],
    [4, 2, 2, 2],
  ],
  (x, w) => convTranspose2d(x, w, null, { groups: 2, stride: 2 }),
)

row("upsample", [[2, 2, 3, 2]], (x) => upsample(x, 2))
row("blockSum", [[2, 2, 4, 6]], (x) => blockSum(x, 2))
row("maxPool2d", [[2, 2, 4, 6]], (x) => maxPool2d(x))
row("maxPool2d, overlapping", [[1, 2, 5, 5]], (x) => maxPool2d(x, 3, { stride: 2, padding: 1 }))
row("avgPool2d", [[2, 2, 4, 6]], (x) => avgPool2d(x))
row("avgPool2d, overlapping", [[1, 2, 5, 5]], (x) => avgPool2d(x, 3, { stride: 2, padding: 1 }))
row("upsampleConv2d", [[1, 2, 3, 2], [3, 2, 3, 3], [3]], (x, w, b) => upsampleConv2d(x, w, b))

for (const name of ["silu", "gelu", "leakyRelu", "elu", "mish"] as const)
  row(name, [[3, 4]], (x) => activation[name](x))
row("silu of a vector", [[5]], (x) => activation.silu(x))
row("gelu, approximate", [[3, 4]], (x) => activation.gelu(x, { approximate: true }))
row("groupNorm", [[2, 4, 2, 3], [4], [4]], (x, weight, bias) => groupNorm(x, 2, { weight, bias }))
row("groupNorm, plain", [[2, 4, 3]], (x) => groupNorm(x, 1))
row("layerNorm", [[3, 5], [5], [5]], (x, weight, bias) => layerNorm(x, 1, { weight, bias }))
row("layerNorm, two axes", [[2, 3, 4]], (x) => layerNorm(x, 2))
row("batchNorm", [[3, 2, 2, 2], [2], [2]], (x, weight, bias) => batchNorm(x, { weight, bias }).y)
row("batchNorm, variance", [[3, 2, 2], [2], [2]], (x, weight, bias) => batchNorm(x, { weight, bias }).variance)
row(
  "attention",
  [
    [2, 3, 4],
    [2, 5, 4],
    [2, 5, 3],
  ],
  (q, k, v) => attention(q, k, v),
)
row(
  "attention, masked",
  [
    [3, 4],
    [3, 4],
    [3, 2],
  ],
  (q, k, v) =>
    attention(q, k, v, {
      mask: constant([
        [0, -1e9, -1e9],
        [0, 0, -1e9],
        [0, 0, 0],
      ]),
    }),
)
row("linear", [[2, 3, 4], [5, 4], [5]], (x, w, b) => linear(x, w, b))
row("attention, boolean mask", [[3, 4]], (q) => attention(q, q, q, { mask: lowerTriangle(3) }))
// A fused op whose inputs depend on each other: each path to a shared weight counts once.
row("linear, twice by one weight", [[2, 3], [3, 3], [3]], (x, w, b) => linear(e.tanh(linear(x, w, b)), w, b))
row("groupNorm, twice by one weight", [[2, 4, 3], [4], [4]], (x, weight, bias) => {
  const affine = { weight, bias }
  return groupNorm(activation.silu(groupNorm(x, 2, affine)).add(x), 2, affine)
})
row("attention, keys from queries", [[3, 4]], (q) => attention(q, e.sin(q), q.mul(q)))
row("loop, of two that are carried, by two tables", [[3], [3], [3], [2, 3], [2]], (x, v, w, forces, rates) => {
  const [end, speed] = loop([x, v], [forces, rates], ([at, moving], [force, rate]) => {
    const next = moving.add(e.sin(at).mul(w)).add(force.mul(at))
    return [at.add(next.mul(rate)), next]
  })
  return end.mul(speed).add(w)
})
row("loop within a loop", [[2], [3, 2], [2]], (x, outer, inner) => {
  const [y] = loop([x], [outer], ([a], [o]) => loop([a], [inner], ([b], [i]) => [e.tanh(b.mul(o).add(a).add(i))]))
  return y
})

export const opCases: readonly Case[] = cases
