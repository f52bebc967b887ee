/** Comparison, logic, choice and change of dtype. */
import type { Dtype } from "../array.ts"
import { apply, expectDtype, floats, type Importer, numbers, type Op, opsets, primitive } from "../graph.ts"
import { elementName, elements } from "../onnx/element.ts"
import { broadcastShapes, broadcastStrides, walk } from "../shape.ts"
import type { Tensor } from "../tensor.ts"
import { type BinaryOptions, family, type None, none, type Operand, operands } from "./pointwise.ts"

const { unary, binary, ops, importers } = family()

// The results are booleans: no gradient.
const noGradient = (): readonly [null, null] => [null, null]
const compared: BinaryOptions = { output: "bool" }

/** Whether a = b. */
export const equal: (a: Operand, b: Operand) => Tensor = binary(
  "Equal",
  "a = b",
  (a, b) => Number(a === b),
  noGradient,
  {
    ...compared,
    dtypes: [...numbers, "bool"],
  },
)

/** Whether a > b. */
export const greater: (a: Operand, b: Operand) => Tensor = binary(
  "Greater",
  "a > b",
  (a, b) => Number(a > b),
  noGradient,
  compared,
)

/** Whether a >= b. */
export const greaterEqual: (a: Operand, b: Operand) => Tensor = binary(
  "GreaterOrEqual",
  "a >= b",
  (a, b) => Number(a >= b),
  noGradient,
  compared,
)

/** Whether a < b. */
export const less: (a: Operand, b: Operand) => Tensor = binary(
  "Less",
  "a < b",
  (a, b) => Number(a < b),
  noGradient,
  compared,
)

/** Whether a <= b. */
export const lessEqual: (a: Operand, b: Operand) => Tensor = binary(
  "LessOrEqual",
  "a <= b",
  (a, b) => Number(a <= b),
  noGradient,
  compared,
)

/** Logical conjunction of booleans. */
export const logicalAnd: (a: Tensor, b: Tensor) => Tensor = binary(
  "And",
  "a and b",
  (a, b) => Number(a !== 0 && b !== 0),
  noGradient,
  {
    dtypes: ["bool"],
  },
)

/** Logical disjunction of booleans. */
export const logicalOr: (a: Tensor, b: Tensor) => Tensor = binary(
  "Or",
  "a or b",
  (a, b) => Number(a !== 0 || b !== 0),
  noGradient,
  {
    dtypes: ["bool"],
  },
)

/** Logical negation of booleans. */
export const logicalNot: (x: Tensor) => Tensor = unary(
  "Not",
  "not x",
  (x) => Number(x === 0),
  () => null,
  { dtypes: ["bool"], opsets: [1, opsets[1]] },
)

/** Whether x is not a number. */
export const isNan: (x: Tensor) => Tensor = unary(
  "IsNaN",
  "x is NaN",
  (x) => Number(Number.isNaN(x)),
  () => null,
  {
    output: "bool",
  },
)

const whereOp = primitive<None>({
  name: "where",
  doc: "a where the condition holds, b elsewhere",
  spec: ([c, a, b]) => {
    expectDtype("where", [c], ["bool"])
    const dtype = expectDtype("where", [a, b])
    return { dtype, shape: broadcastShapes("where", broadcastShapes("where", c.shape, a.shape), b.shape) }
  },
  grad: (g, [c, a, b]) => [null, where(c, g, 0).sumTo(a.shape), where(c, 0, g).sumTo(b.shape)],
  onnx: (emit, [c, a, b], node) => {
    if (node.outputs[0].spec.dtype !== "bool") return emit.node("Where", [c, a, b])
    // ONNX Runtime has no Where of booleans.
    return emit.node("Or", [emit.node("And", [c, a]), emit.node("And", [emit.node("Not", [c]), b])])
  },
  host: ([c, a, b], node) => {
    const { shape } = node.outputs[0].spec
    const [sc, sa, sb] = node.inputs.map((v) => broadcastStrides(v.spec.shape, shape))
    const out = new Float64Array(shape.reduce((n, d) => n * d, 1))
    walk(shape, sc, (at, i) => {
      out[i] = c[at]
    })
    const other = new Float64Array(out.length)
    walk(shape, sb, (at, i) => {
      other[i] = b[at]
    })
    walk(shape, sa, (at, i) => {
      out[i] = out[i] !== 0 ? a[at] : other[i]
    })
    return out
  },
})

/** `a` where the boolean condition holds, `b` elsewhere; all three broadcast. No gradient leaks from the branch not taken. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  return apply(whereOp, [condition, ...operands("where", a, b)], none)
}

const castOp = primitive<{ readonly dtype: Dtype }>({
  name: "cast",
  doc: "the same values in another dtype",
  spec: ([x], { dtype }) => ({ dtype, shape: x.shape }),
  grad: (g, [x]) => [floats.includes(x.dtype) && floats.includes(g.dtype) ? g.cast(x.dtype) : null],
  onnx: (emit, [x], node) => emit.node("Cast", [x], { to: castCodes[node.attrs.dtype] }),
  host: ([x], node) => {
    if (node.attrs.dtype === "bool") return x.map((v) => Number(v !== 0))
    return node.attrs.dtype.startsWith("int") ? x.map(Math.trunc) : x
  },
  simplify: (node) => (node.inputs[0].spec.dtype === node.attrs.dtype ? node.inputs[0] : undefined),
})

/** ONNX's codes of our dtypes, for the attribute of Cast. */
const castCodes: Readonly<Record<Dtype, number>> = { float32: 1, float64: 11, int32: 6, int64: 7, bool: 9 }

/** The same values in another dtype: floats become integers by truncation, booleans 0 or 1. */
export function cast(x: Tensor, dtype: Dtype): Tensor {
  return x.dtype === dtype ? x : apply(castOp, [x], { dtype })
}

/** All records of this file. */
export const compareOps: readonly Op[] = [...ops, whereOp, castOp]

/** ONNX operators read as these ops. */
export const compareImporters: readonly Importer[] = [
  ...importers,
  {
    type: "Where",
    read: (site) => apply(whereOp, [site.input(0), site.input(1), site.input(2)], none),
  },
  {
    type: "Cast",
    read: (site) => {
      const code = site.int("to", 0)
      // To eight-bit floats a cast may saturate or not; to what can be read, it makes no difference.
      site.int("saturate", 1)
      site.text("round_mode", "up")
      const element = elements.get(code) ?? site.fail(`casts to ${elementName(code)}, which cannot be held`)
      return cast(site.input(0), element.dtype)
    },
  },
  {
    type: "CastLike",
    read: (site) => {
      site.int("saturate", 1)
      return cast(site.input(0), site.input(1).dtype)
    },
  },
]
