/** Host arrays: typed data with a shape. This file knows nothing else of the engine. */

/** Element types of the engine. `int32` is the index type users meet; `int64` appears only where ONNX demands it. */
export type Dtype = "float32" | "float64" | "int32" | "int64" | "bool"

/** Least and largest finite numbers of each dtype, of `int64` those that are exact on the host. */
export const ranges: Readonly<Record<Dtype, readonly [least: number, largest: number]>> = {
  float32: [-3.4028234663852886e38, 3.4028234663852886e38],
  float64: [-Number.MAX_VALUE, Number.MAX_VALUE],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  bool: [0, 1],
}

/** The typed array that holds each dtype; `bool` is one byte an element, 0 or 1. */
export interface DataOf {
  float32: Float32Array
  float64: Float64Array
  int32: Int32Array
  int64: BigInt64Array
  bool: Uint8Array
}

/** The data of an array of any dtype. */
export type Data = DataOf[Dtype]

/** A dense row-major array on the host. Immutable by convention: whoever makes one gives it away. */
export interface NdArray<D extends Dtype = Dtype> {
  readonly dtype: D
  readonly shape: readonly number[]
  readonly data: DataOf[D]
}

/** Nested JavaScript numbers, as people write them: `[[1, 2], [3, 4]]`. */
export type Nested = number | boolean | readonly Nested[]

/** Anything that {@link asArray} turns into an array. */
export type Arrayable = NdArray | Nested | Float32Array | Float64Array | Int32Array

const constructors = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as const

/** Bytes of one element. */
export const bytesOf: Readonly<Record<Dtype, number>> = { float32: 4, float64: 8, int32: 4, int64: 8, bool: 1 }

/** Number of elements of a shape: the product of its sizes, 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1
  for (const n of shape) size *= n
  return size
}

/** New zeroed storage for `size` elements. */
export function allocate<D extends Dtype>(dtype: D, size: number): DataOf[D] {
  return new constructors[dtype](size) as DataOf[D]
}

/**
 * An array over existing data, which is not copied.
 *
 * @throws RangeError when the shape does not hold exactly the elements of `data`.
 */
export function array<D extends Dtype>(dtype: D, shape: readonly number[], data: DataOf[D]): NdArray<D> {
  if (sizeOf(shape) !== data.length) {
    throw new RangeError(`array: shape [${shape.join(", ")}] holds ${sizeOf(shape)} elements, data has ${data.length}`)
  }
  return { dtype, shape, data }
}

/** Array of zeros. */
export function zeros<D extends Dtype = "float32">(shape: readonly number[], dtype: D = "float32" as D): NdArray<D> {
  return { dtype, shape, data: allocate(dtype, sizeOf(shape)) }
}

/** Array of one repeated value. */
export function full<D extends Dtype = "float32">(
  shape: readonly number[],
  value: number,
  dtype: D = "float32" as D,
): NdArray<D> {
  return fromNumbers(dtype, shape, new Float64Array(sizeOf(shape)).fill(value))
}

/** Array of the given dtype from plain numbers; integers are truncated, booleans are `value !== 0`. */
export function fromNumbers<D extends Dtype>(
  dtype: D,
  shape: readonly number[],
  values: ArrayLike<number>,
): NdArray<D> {
  if (sizeOf(shape) !== values.length) {
    throw new RangeError(
      `array: shape [${shape.join(", ")}] holds ${sizeOf(shape)} elements, data has ${values.length}`,
    )
  }
  const size = values.length
  if (dtype === "int64") {
    const data = new BigInt64Array(size)
    for (let i = 0; i < size; i++) data[i] = BigInt(Math.trunc(values[i]))
    return { dtype, shape, data: data as DataOf[D] }
  }
  if (dtype === "bool") {
    const data = new Uint8Array(size)
    for (let i = 0; i < size; i++) data[i] = values[i] === 0 ? 0 : 1
    return { dtype, shape, data: data as DataOf[D] }
  }
  return { dtype, shape, data: constructors[dtype as "float32"].from(values) as DataOf[D] }
}

/** Values as plain doubles; a float64 array is returned as it is, without a copy. */
export function toNumbers(a: NdArray): Float64Array {
  if (a.dtype === "float64") return a.data as Float64Array
  if (a.dtype === "int64") {
    const out = new Float64Array(a.data.length)
    for (let i = 0; i < out.length; i++) out[i] = Number(a.data[i])
    return out
  }
  return Float64Array.from(a.data as Float32Array)
}

/** The same values in another dtype; returns `a` itself where nothing changes. */
export function castArray<D extends Dtype>(a: NdArray, dtype: D): NdArray<D> {
  return a.dtype === dtype ? (a as NdArray<D>) : fromNumbers(dtype, a.shape, toNumbers(a))
}

/** Text that tells small arrays apart, 0 and -0 included; undefined for arrays of more than 64 elements. */
export function textOf({ dtype, shape, data }: NdArray): string | undefined {
  if (data.length > 64) return undefined
  return `${dtype}[${shape}]${Array.from(data as ArrayLike<number>, (v) => (Object.is(v, -0) ? "-0" : v)).join(",")}`
}

/** Whether a value is an {@link NdArray}. */
export function isArray(x: unknown): x is NdArray {
  return (
    typeof x === "object" && x !== null && "dtype" in x && "shape" in x && "data" in x && ArrayBuffer.isView(x.data)
  )
}

/**
 * Array from what people have at hand: a number, nested lists, a typed array (taken as one axis) or an array.
 * Numbers become float32, booleans bool, unless `dtype` says otherwise.
 *
 * @throws RangeError when nested lists are ragged.
 */
export function asArray(x: Arrayable, dtype?: Dtype): NdArray {
  if (isArray(x)) return dtype === undefined ? x : castArray(x, dtype)
  if (x instanceof Float32Array) return castArray({ dtype: "float32", shape: [x.length], data: x }, dtype ?? "float32")
  if (x instanceof Float64Array) return castArray({ dtype: "float64", shape: [x.length], data: x }, dtype ?? "float64")
  if (x instanceof Int32Array) return castArray({ dtype: "int32", shape: [x.length], data: x }, dtype ?? "int32")
  const shape: number[] = []
  for (let at: Nested = x; typeof at === "object"; at = at[0] as Nested) {
    shape.push(at.length)
    if (at.length === 0) break
  }
  const values: number[] = []
  let isBool = true
  const visit = (at: Nested, depth: number): void => {
    if (typeof at === "object") {
      if (at.length !== shape[depth])
        throw new RangeError(`array: ragged lists at depth ${depth} (${at.length} and ${shape[depth]})`)
      for (const item of at) visit(item, depth + 1)
      return
    }
    if (depth !== shape.length) throw new RangeError(`array: ragged lists at depth ${depth}`)
    if (typeof at !== "boolean") isBool = false
    values.push(Number(at))
  }
  visit(x, 0)
  return fromNumbers(dtype ?? (isBool && values.length > 0 ? "bool" : "float32"), shape, values)
}

/** Values as nested JavaScript lists, for printing and tests. */
export function toNested(a: NdArray): Nested {
  const values = toNumbers(a)
  const build = (depth: number, offset: number): Nested => {
    if (depth === a.shape.length) return a.dtype === "bool" ? values[offset] !== 0 : values[offset]
    const step = sizeOf(a.shape.slice(depth + 1))
    return Array.from({ length: a.shape[depth] }, (_, i) => build(depth + 1, offset + i * step))
  }
  return build(0, 0)
}
