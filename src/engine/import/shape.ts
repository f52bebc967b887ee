/** ONNX operators that make constants, or ask for shapes: known while reading, so no op of ours is left of them. */
import { array, type Dtype, fromNumbers, type NdArray } from "../array.ts"
import { arange, filled } from "../create.ts"
import type { Importer, ImportSite } from "../graph.ts"
import { codeOf, elementName, elements } from "../onnx/element.ts"
import { elementsOf, isSymbolic } from "../shape.ts"
import { constant, type Tensor } from "../tensor.ts"
import { expectSize } from "./site.ts"

/** Sizes, which may be multiples of a symbolic batch: arithmetic on them stays plain arithmetic. */
function sizes(values: readonly number[]): NdArray {
  return array("int64", [values.length], BigInt64Array.from(values, BigInt))
}

function readShape(site: ImportSite): Tensor {
  const { shape } = site.input(0)
  const end = site.attribute("end")
  const last = end === undefined ? shape.length : site.int("end", 0)
  return constant(sizes(shape.slice(site.int("start", 0), last)))
}

function readSize(site: ImportSite): Tensor {
  const { unit, batches, rest } = elementsOf(site.input(0).shape)
  const size = unit ** batches * rest
  if (!Number.isSafeInteger(size)) site.fail("the number of elements depends on the square of the batch size")
  return constant(fromNumbers("int64", [], [size]))
}

const scalar = (dtype: Dtype, value: number): NdArray => fromNumbers(dtype, [], [value])

function readConstant(site: ImportSite): Tensor {
  const names = ["value", "value_float", "value_floats", "value_int", "value_ints"]
  for (const value of names.map((name) => site.attribute(name))) {
    if (value === undefined) continue
    if ("tensor" in value) return constant(value.tensor)
    if ("float" in value) return constant(scalar("float32", value.float))
    if ("floats" in value) return constant(fromNumbers("float32", [value.floats.length], value.floats))
    if ("int" in value) return constant(scalar("int64", value.int))
    if ("ints" in value) return constant(sizes(value.ints))
  }
  return site.fail(`has none of ${names.join(", ")}`)
}

function readFill(site: ImportSite): Tensor {
  const value = site.attribute("value")
  if (value !== undefined && !("tensor" in value)) return site.fail("value is no tensor")
  const { dtype, data } = value?.tensor ?? scalar("float32", 0)
  if (data.length !== 1) site.fail(`value holds ${data.length} numbers, expected one`)
  const shape = site.constant(0) ?? site.fail("has no shape")
  return filled(shape, Number(data[0]), dtype)
}

/** start, start + delta, ... below limit; the limit may be the symbolic batch. */
function readRange(site: ImportSite): Tensor {
  const [start, limit, delta] = [0, 1, 2].map((i) => site.constant(i)?.[0] ?? site.fail("lacks an input"))
  const { dtype } = site.input(0)
  site.int("stash_type", 1)
  if (delta === 0) site.fail("delta is 0")
  const count = Math.max(0, Math.ceil((limit - start) / delta))
  if (isSymbolic(count)) return arange(count, dtype).mul(delta).add(start)
  expectSize(site, count, "the range")
  return constant(
    fromNumbers(
      dtype,
      [count],
      Array.from({ length: count }, (_, i) => start + i * delta),
    ),
  )
}

function readEye(site: ImportSite): Tensor {
  const x = site.input(0)
  const [rows, columns] = x.shape
  if (x.rank !== 2) site.fail(`the input has ${x.rank} axes, expected 2`)
  const code = site.int("dtype", codeOf[x.dtype])
  const { dtype } = elements.get(code) ?? site.fail(`dtype is ${elementName(code)}, which cannot be held`)
  expectSize(site, rows * columns, "the matrix")
  const offset = site.int("k", 0)
  const values = Array.from({ length: rows * columns }, (_, i) =>
    Number((i % columns) - Math.floor(i / columns) === offset),
  )
  return constant(fromNumbers(dtype, [rows, columns], values))
}

/** Constants and shapes. */
export const shapeImporters: readonly Importer[] = [
  { type: "Shape", read: readShape },
  { type: "Size", read: readSize },
  { type: "Constant", read: readConstant },
  { type: "ConstantOfShape", read: readFill },
  { type: "Range", read: readRange },
  { type: "EyeLike", read: readEye },
]
