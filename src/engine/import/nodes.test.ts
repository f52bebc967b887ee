/** Every operator that can be read, in files of one node: ours gives what ONNX Runtime gives for the file itself. */
import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { type Dtype, fromNumbers, type NdArray, sizeOf, toNumbers } from "../array.ts"
import { compile } from "../compile.ts"
import { importOnnx, readableOperators } from "../import.ts"
import type { AttributeValue, OnnxNode } from "../onnx/model.ts"
import { writeModel } from "../onnx/write.ts"
import { Generator } from "../random.ts"
import { LocalRoom } from "../session.ts"

type Attributes = Readonly<Record<string, number | string | readonly number[] | AttributeValue>>

/** An operand: given at each run, or fixed in the file. */
type Operand = NdArray | { readonly fixed: NdArray } | null

interface Case {
  readonly name: string
  readonly type: string
  readonly operands: readonly Operand[]
  readonly attributes: Attributes
  readonly opset: number
  readonly outputs: number
}

const random = new Generator(11)
const cases: Case[] = []

function row(name: string, operands: readonly Operand[], attributes: Attributes = {}, opset = 17, outputs = 1): void {
  cases.push({ name, type: name.split(",")[0], operands, attributes, opset, outputs })
}

const float = (...shape: number[]): NdArray =>
  fromNumbers(
    "float32",
    shape,
    Array.from({ length: sizeOf(shape) }, () => random.uniform(-2, 2)),
  )
const positive = (...shape: number[]): NdArray =>
  fromNumbers(
    "float32",
    shape,
    Array.from({ length: sizeOf(shape) }, () => random.uniform(0.5, 2)),
  )
const of = (dtype: Dtype, values: readonly number[], shape: readonly number[] = [values.length]): NdArray =>
  fromNumbers(dtype, shape, values)
const ints = (...values: number[]): NdArray => of("int64", values)
const bools = (...values: number[]): NdArray => of("bool", values)
const fixed = (array: NdArray): Operand => ({ fixed: array })
const tensor = (array: NdArray): AttributeValue => ({ tensor: array })
const number = (float: number): AttributeValue => ({ float })
const far = Number.MAX_SAFE_INTEGER

for (const type of "Abs Neg Sign Exp Sin Cos Tanh Atan Sigmoid Softplus Erf Relu Floor Ceil Round Reciprocal Softsign HardSwish Sinh Cosh Identity".split(
  " ",
))
  row(type, [float(3, 4)])
for (const type of ["Log", "Sqrt"]) row(type, [positive(3, 4)])
for (const type of "Add Sub Mul Div Max Min Greater GreaterOrEqual Less LessOrEqual Equal Mean Sum".split(" "))
  row(
    type,
    type === "Equal" || !/Greater|Less/.test(type)
      ? [float(3, 4), type === "Equal" ? float(3, 4) : positive(4)]
      : [float(3, 4), float(4)],
  )
row("Max, three", [float(3, 1), float(4), float(3, 4)])
row("Sum, three", [float(3, 1), float(4), float(3, 4)])
row("Mean, three", [float(3, 1), float(4), float(3, 4)])
row("Min, integers", [ints(1, 5, 3), ints(2)])
row("Div, integers", [ints(-7, 7, 9), ints(2)])
row("Mod, integers", [ints(-7, 7, -6, 6), ints(3, -3, 3, -3)])
row("Mod, as C", [float(6), positive(6)], { fmod: 1 })
row("Pow", [positive(3, 4), float(4)])
row("Pow, integer exponent", [float(3, 4), fixed(ints(3))])
for (const type of ["And", "Or", "Xor"]) row(type, [bools(0, 0, 1, 1), bools(0, 1, 0, 1)])
row("Not", [bools(0, 1)])
row("Equal, integers", [ints(1, 2, 3), ints(1, 5, 3)])
row("IsNaN", [of("float32", [1, Number.NaN, Number.POSITIVE_INFINITY])])
const extremes = of("float32", [1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
row("IsInf", [extremes])
row("IsInf, positive alone", [extremes], { detect_negative: 0 })
row("IsInf, negative alone", [extremes], { detect_positive: 0 })
row("Where", [bools(1, 0, 1), float(3), float(2, 1)])
row("Cast, to integers", [float(5)], { to: 7 })
row("Cast, to booleans", [of("float32", [0, 1, -2])], { to: 9 })
row("Cast, of booleans", [bools(0, 1)], { to: 1 })
row("CastLike", [float(4), ints(1)])

row("Clip", [float(3, 4), fixed(of("float32", [-0.5], [])), fixed(of("float32", [1], []))])
row("Clip, above alone", [float(3, 4), null, fixed(of("float32", [1], []))])
row("Clip, attributes", [float(3, 4)], { min: number(-0.5), max: number(1) }, 7)
row("LeakyRelu", [float(3, 4)])
row("LeakyRelu, slope", [float(3, 4)], { alpha: number(0.3) })
row("PRelu", [float(2, 3, 4), fixed(float(3, 1))])
row("ThresholdedRelu", [float(3, 4)], { alpha: number(0.7) })
row("Elu", [float(3, 4)], { alpha: number(0.5) })
row("Celu", [float(3, 4)], { alpha: number(0.5) })
row("Selu", [float(3, 4)])
row("HardSigmoid", [float(3, 4)])
row("HardSigmoid, sixths", [float(3, 4)], { alpha: number(1 / 6), beta: number(0.5) })
row("Mish", [float(3, 4)], {}, 18)
row("Gelu", [float(3, 4)], {}, 20)
row("Gelu, tanh", [float(3, 4)], { approximate: "tanh" }, 20)
row("Swish", [float(3, 4)], { alpha: number(1.5) }, 24)
row("Swish, plain", [float(3, 4)], {}, 24)
row("Shrink", [float(3, 4)], { bias: number(0.2), lambd: number(0.7) })
row("Softmax", [float(2, 3, 4)])
row("Softmax, axis", [float(2, 3, 4)], { axis: 1 })
row("Softmax, coerced", [float(2, 3, 4)], {}, 11)
row("LogSoftmax", [float(2, 3, 4)], { axis: 0 })
row("LogSoftmax, coerced", [float(2, 3, 4)], { axis: 1 }, 9)
row("Dropout", [float(3, 4)], { ratio: number(0.3) }, 11)
row("Dropout, inputs", [float(3, 4), fixed(of("float32", [0.3], [])), fixed(of("bool", [0], []))], { seed: 3 })

for (const type of ["Asin", "Acos", "Atanh"]) row(type, [of("float32", [-0.9, -0.2, 0, 0.4, 0.8])])
for (const type of ["Tan", "Asinh"]) row(type, [of("float32", [-40.2, -1.2, 0, 0.4, 1.3])])
row("Acosh", [of("float32", [1.1, 2, 30])])
row("LRN", [float(2, 5, 3, 2)], { size: 3, alpha: number(0.3), beta: number(0.6), bias: number(1.5) })
row("LpNormalization", [float(3, 4)])
row("LpNormalization, sums", [float(3, 4)], { axis: 0, p: 1 })
row("MeanVarianceNormalization", [float(2, 3, 4, 2)])
row("LpPool", [float(2, 3, 6, 5)], { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 1, 1] })
row("LpPool, cubes", [float(2, 3, 6)], { kernel_shape: [2], p: 3 })
row("GlobalLpPool", [float(2, 3, 4, 5)])
row("GlobalLpPool, sums", [float(2, 3, 4)], { p: 1 })
row("Hardmax", [float(3, 4)])
row("Hardmax, coerced", [float(2, 3, 4)], { axis: 1 }, 11)
row("Einsum", [float(2, 3, 4), float(2, 4, 5)], { equation: "bij,bjk->bik" })
row("Einsum, three", [float(3, 4), float(4, 5), float(5)], { equation: "ij, jk, k" })
row("Einsum, dots", [float(2, 5, 3, 4), float(2, 5, 4, 6)], { equation: "...ij,...jk->k...i" })
row("Einsum, diagonal", [float(3, 4, 3)], { equation: "iji->ji" })
row("Einsum, outer", [float(3), float(4)], { equation: "i,j->ji" })

row("MatMul", [float(2, 3, 4), float(4, 5)])
row("MatMul, vectors", [float(4), float(4)])
row("Gemm", [float(3, 4), float(4, 5), float(5)])
row("Gemm, all settings", [float(4, 3), float(5, 4), float(3, 1)], {
  transA: 1,
  transB: 1,
  alpha: number(0.5),
  beta: number(2),
})
row("Gemm, no bias", [float(3, 4), fixed(float(5, 4))], { transB: 1 })

const conv = (...x: number[]) => [float(2, ...x), fixed(float(4, x[0], ...x.slice(1).map(() => 3)))]
row("Conv", [...conv(3, 5, 6), fixed(float(4))], { kernel_shape: [3, 3], pads: [1, 0, 2, 1], strides: [2, 1] })
row("Conv, one axis", conv(3, 7), { dilations: [2] })
row("Conv, three axes", conv(2, 4, 4, 4), { pads: [1, 1, 1, 1, 1, 1] })
row("Conv, groups", [float(1, 4, 5, 5), fixed(float(6, 2, 3, 3))], { group: 2 })
row("Conv, same upper", conv(3, 6, 5), { auto_pad: "SAME_UPPER", strides: [2, 2] })
row("Conv, same lower", conv(3, 6, 5), { auto_pad: "SAME_LOWER", strides: [2, 2] })
row("Conv, valid", conv(3, 6, 5), { auto_pad: "VALID" })
const up = (...x: number[]) => [float(2, ...x), fixed(float(x[0], 4, ...x.slice(1).map(() => 3)))]
row("ConvTranspose", [...up(3, 4, 5), fixed(float(4))], { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 0] })
row("ConvTranspose, one axis", up(3, 6), { strides: [3], pads: [1, 0] })
row("ConvTranspose, three axes", up(2, 2, 3, 2), { strides: [2, 1, 2] })
row("ConvTranspose, plain", up(3, 4, 4), {})
row("ConvTranspose, dilation", up(3, 4, 4), { dilations: [2, 2], strides: [2, 2] })
row("ConvTranspose, groups", [float(2, 4, 3, 3), fixed(float(4, 2, 2, 2))], { group: 2, strides: [2, 2] })
row("ConvTranspose, output shape", up(3, 4, 4), { strides: [2, 2], output_shape: [8, 7] })
row("ConvTranspose, same upper", up(3, 4, 4), { strides: [2, 2], auto_pad: "SAME_UPPER" })
row("ConvTranspose, same lower", up(3, 4, 4), { strides: [2, 2], auto_pad: "SAME_LOWER" })

for (const type of ["MaxPool", "AveragePool"]) {
  row(type, [float(2, 3, 6, 4)], { kernel_shape: [2, 2], strides: [2, 2] })
  row(`${type}, overlapping`, [float(2, 3, 7, 7)], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })
  row(`${type}, uneven`, [float(2, 3, 7, 8)], { kernel_shape: [3, 2], strides: [1, 2], pads: [1, 0, 0, 1] })
  row(`${type}, one axis`, [float(2, 3, 9)], { kernel_shape: [4], strides: [3] })
  row(`${type}, three axes`, [float(1, 2, 4, 4, 4)], { kernel_shape: [2, 2, 2], strides: [2, 2, 2] })
  row(`${type}, ceiling`, [float(1, 2, 6, 8)], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 })
  row(`${type}, padded ceiling`, [float(1, 2, 6, 7)], {
    kernel_shape: [3, 3],
    strides: [2, 3],
    pads: [1, 1, 1, 1],
    ceil_mode: 1,
  })
  row(`${type}, same`, [float(1, 2, 6, 7)], { kernel_shape: [3, 3], strides: [2, 2], auto_pad: "SAME_UPPER" })
}
row("MaxPool, dilation", [float(1, 2, 8, 8)], { kernel_shape: [3, 3], dilations: [2, 2] })
row("AveragePool, padding counts", [float(1, 2, 7, 7)], {
  kernel_shape: [3, 3],
  strides: [2, 2],
  pads: [1, 1, 1, 1],
  count_include_pad: 1,
})
row("AveragePool, uneven padding counts", [float(1, 2, 6, 7)], {
  kernel_shape: [3, 3],
  strides: [2, 2],
  pads: [1, 0, 0, 2],
  count_include_pad: 1,
})
row("AveragePool, dilation", [float(1, 2, 8, 8)], { kernel_shape: [3, 3], dilations: [2, 2] }, 19)
row("GlobalAveragePool", [float(2, 3, 4, 5)])
row("GlobalMaxPool", [float(2, 3, 4, 5)])

const channel = (n: number): Operand => fixed(float(n))
row("BatchNormalization", [float(2, 3, 4, 4), channel(3), channel(3), channel(3), fixed(positive(3))], {
  epsilon: number(1e-3),
})
row("BatchNormalization, flat", [float(2, 3), channel(3), channel(3), channel(3), fixed(positive(3))], {}, 9)
row("InstanceNormalization", [float(2, 3, 4, 4), channel(3), channel(3)], { epsilon: number(1e-3) })
row("GroupNormalization", [float(2, 4, 3, 3), channel(4), channel(4)], { num_groups: 2 }, 21)
row("GroupNormalization, numbers a group", [float(2, 4, 3, 3), channel(2), channel(2)], { num_groups: 2 }, 18)
row("LayerNormalization", [float(2, 3, 4), channel(4), channel(4)])
row("LayerNormalization, two axes", [float(2, 3, 4), fixed(float(3, 4)), fixed(float(3, 4))], {
  axis: 1,
  epsilon: number(1e-3),
})
row("LayerNormalization, no bias", [float(2, 3, 4), channel(4)])
row("RMSNormalization", [float(2, 3, 4), channel(4)], {}, 23)

for (const type of "ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSum ReduceLogSumExp".split(
  " ",
)) {
  row(type, [positive(2, 3, 4)])
  row(`${type}, axes as input`, [positive(2, 3, 4), fixed(ints(1, -1))], { keepdims: 0 }, 18)
  row(`${type}, axes as attribute`, [positive(2, 3, 4)], { axes: [-1], keepdims: 1 }, 11)
}
row(
  "ReduceLogSumExp, infinities",
  [of("float32", [-Infinity, -Infinity, Infinity, 1, -Infinity, 1], [3, 2]), fixed(ints(1))],
  {},
  18,
)
row("ReduceSum, no axes, left alone", [positive(2, 3)], { noop_with_empty_axes: 1 })
row("ArgMax", [float(3, 5)], { axis: -1 })
row("ArgMin", [float(3, 5)], { keepdims: 0 })
row("CumSum", [float(3, 4), fixed(of("int64", [1], []))])
row("CumSum, exclusive from the end", [float(3, 4), fixed(of("int64", [-2], []))], { exclusive: 1, reverse: 1 })

row("Reshape", [float(2, 3, 4), fixed(ints(0, -1))])
row("Flatten", [float(2, 3, 4)])
row("Flatten, axis 0", [float(2, 3, 4)], { axis: 0 })
row("Flatten, axis 2", [float(2, 3, 4)], { axis: 2 })
row("Transpose", [float(2, 3, 4)])
row("Transpose, perm", [float(2, 3, 4)], { perm: [1, 2, 0] })
row("Expand", [float(3, 1), fixed(ints(2, 1, 4))])
row("Tile", [float(2, 3), fixed(ints(2, 3))])
row("Squeeze", [float(1, 3, 1, 2), fixed(ints(-2))])
row("Squeeze, all", [float(1, 3, 1, 2)])
row("Squeeze, attribute", [float(1, 3, 1, 2)], { axes: [0] }, 11)
row("Unsqueeze", [float(3, 2), fixed(ints(0, -1))])
row("Unsqueeze, attribute", [float(3, 2)], { axes: [1] }, 11)
row("Concat", [float(2, 3), float(2, 1)], { axis: -1 })
row("Split", [float(2, 6)], { axis: 1 }, 17, 3)
row("Split, sizes", [float(2, 6), fixed(ints(1, 2, 3))], { axis: -1 }, 17, 3)
row("Split, sizes as attribute", [float(2, 6)], { axis: 1, split: [2, 4] }, 11, 2)
row("Split, a smaller last piece", [float(2, 7)], { axis: 1, num_outputs: 3 }, 18, 3)
row("Slice", [float(4, 6), fixed(ints(1, 0)), fixed(ints(far, -1)), fixed(ints(0, 1)), fixed(ints(2, 3))])
row("Slice, backwards", [float(4, 6), fixed(ints(-1)), fixed(ints(-far)), fixed(ints(1)), fixed(ints(-2))])
row("Slice, attributes", [float(4, 6)], { starts: [1, -3], ends: [3, far], axes: [0, 1] }, 9)
row("Pad", [float(2, 3), fixed(ints(1, 0, 0, 2)), fixed(of("float32", [1.5], []))])
row("Pad, cropping", [float(4, 5), fixed(ints(-1, 1, 0, -2))])
row("Pad, attributes", [float(2, 3)], { pads: [0, 1, 1, 0], value: number(2) }, 10)
row("Pad, axes", [float(2, 3, 4), fixed(ints(1, 2)), null, fixed(ints(-2))], {}, 18)
row("Pad, reflect", [float(2, 4, 5), fixed(ints(0, 3, 1, 0, 2, 4))], { mode: "reflect" })
row("Pad, edge", [float(2, 4), fixed(ints(1, 2, 0, 3))], { mode: "edge" })
row("Pad, wrap", [float(2, 4), fixed(ints(1, 2, 0, 3))], { mode: "wrap" }, 19)
row("DepthToSpace", [float(2, 8, 2, 3)], { blocksize: 2 })
row("DepthToSpace, CRD", [float(2, 8, 2, 3)], { blocksize: 2, mode: "CRD" })
row("SpaceToDepth", [float(2, 2, 4, 6)], { blocksize: 2 })
row("Trilu", [float(2, 3, 4)])
row("Trilu, lower", [float(3, 3), fixed(of("int64", [-1], []))], { upper: 0 })

row("Gather", [float(4, 3), ints(3, -1, 0)])
row("Gather, axis", [float(4, 3), of("int32", [2, 0, 1, 1], [2, 2])], { axis: 1 })
row("GatherElements", [float(3, 4), of("int64", [0, 2, -1, 1], [1, 4])], { axis: 0 })
row("GatherND", [float(3, 4, 2), of("int64", [0, 1, -1, 3], [2, 2])])
row("GatherND, whole rows", [float(3, 4), of("int64", [2, 0], [2, 1])])
row("ScatterND", [float(4, 3), of("int64", [2, 0], [2, 1]), float(2, 3)])
row("ScatterND, adding", [float(4, 3), of("int64", [2, 1, 2, 1], [2, 2]), float(2)], { reduction: "add" }, 16)
row("ScatterElements", [float(3, 3), of("int64", [1, 0, 2, 0, 2, 1], [2, 3]), float(2, 3)])
row("ScatterElements, adding", [float(3, 3), of("int64", [1, 0, 0, 1], [2, 2]), float(2, 2)], {
  axis: 1,
  reduction: "add",
})
row("OneHot", [ints(1, -1, 0), fixed(of("int64", [4], [])), fixed(of("float32", [-1, 2]))])
row("OneHot, first axis", [ints(1, 2, 0), fixed(ints(3)), fixed(of("float32", [0, 1]))], { axis: 0 })

row("Constant", [], { value: tensor(float(2, 3)) })
row("Constant, numbers", [], { value_floats: { floats: [1, 2.5] } })
row("Constant, integers", [], { value_ints: [3, 4] })
row("Constant, a number", [], { value_float: number(2.5) })
row("ConstantOfShape", [fixed(ints(2, 3))])
row("ConstantOfShape, integers", [fixed(ints(2))], { value: tensor(ints(7)) })
row("Shape", [float(2, 3, 4)])
row("Shape, part", [float(2, 3, 4)], { start: 1, end: -1 })
row("Size", [float(2, 3, 4)])
row("Range", [fixed(of("int64", [1], [])), fixed(of("int64", [9], [])), fixed(of("int64", [3], []))])
row("Range, downwards", [
  fixed(of("float32", [1], [])),
  fixed(of("float32", [-1], [])),
  fixed(of("float32", [-0.3], [])),
])
row("EyeLike", [float(3, 4)], { k: 1 })

const scales = (...values: number[]): Operand => fixed(of("float32", values))
const resize = (mode: string, rule: string, nearest_mode = "floor") => ({
  mode,
  coordinate_transformation_mode: rule,
  ...(mode === "nearest" && { nearest_mode }),
})
for (const rule of ["asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel"]) {
  row(
    `Resize, nearest, ${rule}`,
    [float(1, 2, 4, 5), null, scales(1, 1, 2, 2)],
    resize("nearest", rule, "round_prefer_floor"),
  )
  row(`Resize, nearest, ${rule}, down`, [float(1, 2, 6, 5), null, scales(1, 1, 0.5, 0.7)], resize("nearest", rule))
  // Aligned corners need whole sizes: of others, runtimes make different things.
  const width = rule === "align_corners" ? 6 : 5
  row(`Resize, linear, ${rule}`, [float(1, 2, 4, width), null, scales(1, 1, 2, 1.5)], resize("linear", rule))
  row(`Resize, cubic, ${rule}`, [float(1, 2, 4, width), null, scales(1, 1, 2, 1.5)], resize("cubic", rule))
}
row("Resize, sizes", [float(1, 2, 4, 4), null, null, fixed(ints(1, 2, 12, 12))], resize("nearest", "asymmetric"))
row("Resize, linear to sizes", [float(1, 2, 4, 4), null, null, fixed(ints(1, 2, 7, 3))], resize("linear", "half_pixel"))
row("Resize, axes", [float(1, 2, 4, 4), null, scales(3, 2)], { ...resize("nearest", "half_pixel"), axes: [2, 3] }, 18)
row("Resize, ceiling", [float(1, 2, 3, 4), null, scales(1, 1, 2, 2)], resize("nearest", "half_pixel", "ceil"))
row("Resize, defaults", [float(1, 2, 3, 4), null, scales(1, 1, 2, 3)])
row("Resize, first form", [float(1, 2, 3, 4), scales(1, 1, 2, 2)], {}, 10)
row("Upsample", [float(1, 2, 3, 4), scales(1, 1, 2, 2)], {}, 9)
row("Upsample, attribute", [float(1, 2, 3, 4)], { scales: { floats: [1, 1, 3, 3] } }, 7)
row("Upsample, linear", [float(1, 2, 3, 4), scales(1, 1, 2, 2)], { mode: "linear" }, 9)

test("every operator that can be read has a row, and a place in the list for users", () => {
  const tried = new Set(cases.map((c) => c.type))
  expect(readableOperators.filter((type) => !tried.has(type))).toEqual([])
  const page = readFileSync(new URL("../../../docs/onnx.md", import.meta.url), "utf8")
  const list = /Operator sets 7 to 28 of:\s+([^#]*?)\s+## /.exec(page)?.[1].split(/,\s+/)
  expect(list).toEqual(readableOperators)
})

function attributeOf(value: Attributes[string]): AttributeValue {
  if (typeof value === "number") return { int: value }
  if (typeof value === "string") return { string: value }
  return Array.isArray(value) ? { ints: value as readonly number[] } : (value as AttributeValue)
}

function fileOf({ type, operands, attributes, opset, outputs }: Case): Uint8Array {
  const named = operands.map((operand, i) => (operand === null ? "" : `x${i}`))
  const results = Array.from({ length: outputs }, (_, i) => `y${i}`)
  const node: OnnxNode = {
    name: "node",
    type,
    domain: "",
    inputs: named,
    outputs: results,
    attributes: Object.fromEntries(Object.entries(attributes).map(([k, v]) => [k, attributeOf(v)])),
  }
  const inputs = operands.flatMap((o, i) =>
    o !== null && "dtype" in o ? [{ name: named[i], dtype: o.dtype, shape: o.shape }] : [],
  )
  const initializers = new Map(
    operands.flatMap((o, i) => (o !== null && "fixed" in o ? [[named[i], o.fixed] as const] : [])),
  )
  // Outputs are stated without a shape; their dtype is what the operator makes of the first operand.
  const dtype = outputDtype(type, operands, attributes)
  const values = results.map((name) => ({ name, dtype, shape: undefined }))
  return writeModel({
    graph: { name: "g", nodes: [node], initializers, inputs, outputs: values },
    opsets: new Map([["", opset]]),
    irVersion: opset < 15 ? 7 : 8,
    producer: "test",
    metadata: new Map(),
  })
}

function outputDtype(type: string, operands: readonly Operand[], attributes: Attributes): Dtype {
  if (/^(Equal|Greater|Less|And|Or|Xor|Not|IsNaN|IsInf)/.test(type)) return "bool"
  if (/^(Shape|Size|ArgM|CastLike)/.test(type)) return "int64"
  if (type === "Cast") return ({ 1: "float32", 7: "int64", 9: "bool" } as const)[attributes["to"] as 1 | 7 | 9]
  if (type === "Constant") return "value_ints" in attributes ? "int64" : "float32"
  if (type === "ConstantOfShape") return "value" in attributes ? "int64" : "float32"
  const operand = operands[type === "Where" ? 1 : type === "OneHot" ? 2 : 0]!
  return "fixed" in operand ? operand.fixed.dtype : operand.dtype
}

const room = new LocalRoom()
let sessions = 0

async function expected(bytes: Uint8Array, feeds: Record<string, NdArray>, outputs: number): Promise<NdArray[]> {
  const session = sessions++
  await room.load(session, bytes, { threads: 1 })
  const fetches = Array.from({ length: outputs }, (_, i) => `y${i}`)
  const results = (await room.run({ session, feeds, reads: {}, writes: {}, fetches }))!
  await room.release(session)
  return results
}

describe.each(cases)("$name (operator set $opset)", (c) => {
  test("is read as ONNX Runtime reads it", async () => {
    const bytes = fileOf(c)
    const feeds = Object.fromEntries(
      c.operands.flatMap((o, i) => (o !== null && "dtype" in o ? [[`x${i}`, o] as const] : [])),
    )
    const run = compile(importOnnx(bytes).call)
    const found = await run(feeds)
    for (const [i, y] of (await expected(bytes, feeds, c.outputs)).entries()) {
      const actual = found[`y${i}`]
      expect([actual.dtype, actual.shape]).toEqual([y.dtype, y.shape])
      const [a, b] = [toNumbers(actual), toNumbers(y)]
      for (const [k, v] of b.entries()) {
        const near = Object.is(a[k], v) || a[k] === v || Math.abs(a[k] - v) <= 2e-5 * Math.max(1, Math.abs(v))
        if (!near) expect.fail(`output ${i}: element ${k} is ${a[k]}, ONNX Runtime gives ${v}`)
      }
    }
    await run.dispose()
  })
})
