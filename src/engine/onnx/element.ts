/** Element types of ONNX tensors: their codes and names in a file, and what they become here. */
import type { Dtype } from "../array.ts"

/** What the file format says of one element type that can be read. */
export interface Element {
  readonly name: string
  /** The dtype that holds every value of it exactly (a uint64 beyond 2^63 - 1 has none, and is refused). */
  readonly dtype: Dtype
  /** Bytes of one element in `raw_data`. */
  readonly width: 1 | 2 | 4 | 8
  /** TensorProto's field for the values where they are not raw. */
  readonly field: number
}

/** TensorProto's fields of numbers: `float_data`, `int32_data`, `int64_data`, `double_data`, `uint64_data`. */
export const numberFields: ReadonlyMap<number, { readonly name: string; readonly wire: 0 | 1 | 5 }> = new Map([
  [4, { name: "float_data", wire: 5 }],
  [5, { name: "int32_data", wire: 0 }],
  [7, { name: "int64_data", wire: 0 }],
  [10, { name: "double_data", wire: 1 }],
  [11, { name: "uint64_data", wire: 0 }],
])

/** Element types by their code in a file (TensorProto.DataType). */
export const elements: ReadonlyMap<number, Element> = new Map<number, Element>([
  [1, { name: "float", dtype: "float32", width: 4, field: 4 }],
  [2, { name: "uint8", dtype: "int32", width: 1, field: 5 }],
  [3, { name: "int8", dtype: "int32", width: 1, field: 5 }],
  [4, { name: "uint16", dtype: "int32", width: 2, field: 5 }],
  [5, { name: "int16", dtype: "int32", width: 2, field: 5 }],
  [6, { name: "int32", dtype: "int32", width: 4, field: 5 }],
  [7, { name: "int64", dtype: "int64", width: 8, field: 7 }],
  [9, { name: "bool", dtype: "bool", width: 1, field: 5 }],
  [10, { name: "float16", dtype: "float32", width: 2, field: 5 }],
  [11, { name: "double", dtype: "float64", width: 8, field: 10 }],
  [12, { name: "uint32", dtype: "int64", width: 4, field: 11 }],
  [13, { name: "uint64", dtype: "int64", width: 8, field: 11 }],
  [16, { name: "bfloat16", dtype: "float32", width: 2, field: 5 }],
])

/** Code in a file of each dtype. */
export const codeOf: Readonly<Record<Dtype, number>> = { float32: 1, int32: 6, int64: 7, bool: 9, float64: 11 }

const foreign: readonly string[] = "float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4 float4e2m1".split(
  " ",
)

/** Name of an element type in messages, also of those that cannot be read. */
export function elementName(code: number): string {
  if (code === 8) return "string"
  if (code === 14) return "complex64"
  if (code === 15) return "complex128"
  return elements.get(code)?.name ?? foreign[code - 17] ?? `element type ${code}`
}

/** The float32 bits of a float16 (IEEE 754 binary16) given as its 16 bits; exact. */
export function halfBits(half: number): number {
  const sign = (half & 0x8000) << 16
  const exponent = (half >>> 10) & 31
  const fraction = half & 1023
  if (exponent === 31) return sign | 0x7f800000 | (fraction << 13)
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13)
  if (fraction === 0) return sign
  // A subnormal: fraction * 2^-24, whose leading one becomes the implicit one of a float32.
  const shift = Math.clz32(fraction) - 21
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 1023) << 13)
}

/** The float32 bits of a bfloat16 given as its 16 bits: they are its upper half. */
export function brainBits(brain: number): number {
  return brain << 16
}
