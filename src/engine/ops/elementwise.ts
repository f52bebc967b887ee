/** Arithmetic and functions of each element. One line an op: ONNX operator, value, gradient. */
import type { Dtype } from "../array.ts"
import {
  apply,
  floats,
  type Importer,
  type ImportSite,
  type Node,
  numbers,
  type Op,
  primitive,
  type Value,
} from "../graph.ts"
import type { Tensor } from "../tensor.ts"
import { cast, equal, greater, greaterEqual, less, logicalAnd, logicalNot, where } from "./compare.ts"
import { family, type None, none, type Operand } from "./pointwise.ts"

const { unary, binary, ops, importers } = family()

/** ONNX's Max and Min take any number of inputs. */
const readAll = (site: ImportSite, call: (a: Tensor, b: Tensor) => Tensor): Tensor =>
  site.inputs.map((_, i) => site.input(i)).reduce(call)

/** The value of a constant scalar input, where it is one: what local simplifications look at. */
function scalarOf(value: Value): number | undefined {
  const { op, attrs } = value.node
  if (op.leaf !== "constant" || value.spec.shape.length > 0) return undefined
  return Number((attrs as { array: { data: ArrayLike<number | bigint> } }).array.data[0])
}

/** `a` where `b` is the op's neutral scalar (and the other way round, if it commutes). */
function neutral(identity: number, commutes: boolean): (node: Node<None>) => Value | undefined {
  return (node) => {
    const [a, b] = node.inputs
    if (scalarOf(b) === identity) return a
    if (commutes && scalarOf(a) === identity) return b
    return undefined
  }
}

// Arithmetic

/**
 * Sum, a + b. As for all functions of two tensors here, shapes broadcast as NumPy's do, both have one dtype, and a number is
 * taken as a constant of the other's.
 *
 * @throws UsageError when shapes do not broadcast or dtypes differ.
 */
export const add: (a: Operand, b: Operand) => Tensor = binary(
  "Add",
  "a + b",
  (a, b) => a + b,
  (g) => [g, g],
  {
    simplify: neutral(0, true),
  },
)

/** Difference, a - b. */
export const sub: (a: Operand, b: Operand) => Tensor = binary(
  "Sub",
  "a - b",
  (a, b) => a - b,
  (g, _, b) => [g, g.sumTo(b.shape).neg()],
  {
    simplify: neutral(0, false),
  },
)

/** Product, a b. */
export const mul: (a: Operand, b: Operand) => Tensor = binary(
  "Mul",
  "a * b",
  (a, b) => a * b,
  (g, a, b) => [g.mul(b), g.mul(a)],
  { simplify: neutral(1, true) },
)

/** Quotient, a / b; for integers truncated toward zero. */
export const div: (a: Operand, b: Operand) => Tensor = binary(
  "Div",
  "a / b",
  (a, b) => a / b,
  // Reduced to the shape of the divisor before the rest is done.
  (g, _, b, y) => [g.div(b), g.mul(y).sumTo(b.shape).div(b).neg()],
  { simplify: neutral(1, false) },
)

/** The exponent b - 1 of the slope b a^(b - 1), but 0 where a and b are 0: the slope there is 0, not 0 times infinity. */
function oneLess(a: Tensor, b: Tensor): Operand {
  const exponent = scalarOf(b.value)
  return exponent === undefined ? where(logicalAnd(equal(a, 0), equal(b, 0)), 0, b.sub(1)) : exponent - 1
}

/**
 * Power, a ^ b. Its gradient with respect to a is 0 where a and b are 0, as that of any power of exponent 0; with respect
 * to the exponent it is a^b ln a, taken as 0 where a <= 0. A constant exponent costs nothing extra.
 */
export const pow: (a: Operand, b: Operand) => Tensor = binary(
  "Pow",
  "a ^ b",
  (a, b) => a ** b,
  (g, a, b, y) => [
    scalarOf(b.value) === 0 ? null : g.mul(b).mul(pow(a, oneLess(a, b))),
    g.mul(y).mul(where(greater(a, 0), log(where(greater(a, 0), a, 1)), 0)),
  ],
  {
    dtypes: floats,
    simplify: neutral(1, false),
    // ONNX lets the exponent have a dtype of its own; integers are exact to 2^53.
    read: (site, call) => {
      const { dtype } = site.input(0)
      const among: Dtype = floats.includes(dtype) ? dtype : "float64"
      return cast(call(cast(site.input(0), among), cast(site.input(1), among)), dtype)
    },
  },
)

/** The larger of two; where they are equal the gradient is shared in halves. */
export const maximum: (a: Operand, b: Operand) => Tensor = binary(
  "Max",
  "max(a, b)",
  (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b)),
  (g, a, b) => [g.mul(share(a, b)), g.mul(share(b, a))],
  { read: readAll },
)

/** The smaller of two; where they are equal the gradient is shared in halves. */
export const minimum: (a: Operand, b: Operand) => Tensor = binary(
  "Min",
  "min(a, b)",
  (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.min(a, b)),
  (g, a, b) => [g.mul(share(b, a)), g.mul(share(a, b))],
  { read: readAll },
)

/** 1 where a > b, one half where equal, 0 elsewhere. */
function share(a: Tensor, b: Tensor): Tensor {
  return greater(a, b).cast(a.dtype).add(greaterEqual(a, b).cast(a.dtype)).mul(0.5)
}

/** Remainder with the sign of the dividend, as C's fmod and JavaScript's `%`. */
export const mod: (a: Operand, b: Operand) => Tensor = binary(
  "Mod",
  "a - b * trunc(a / b)",
  (a, b) => a % b,
  (g, a, b) => [g, g.mul(div(a, b).sub(div(mod(a, b), b))).neg()],
  {
    onnx: (emit, a, b) => emit.node("Mod", [a, b], { fmod: 1 }),
    read: (site, call) => {
      const [a, b] = [site.input(0), site.input(1)]
      const rest = call(a, b)
      if (site.int("fmod", 0) === 1) return rest
      // Otherwise the remainder has the sign of the divisor.
      const isWrong = logicalAnd(logicalNot(equal(rest, 0)), logicalNot(equal(less(rest, 0), less(b, 0))))
      return where(isWrong, rest.add(b), rest)
    },
  },
)

/** Negation, -x. */
export const neg: (x: Tensor) => Tensor = unary(
  "Neg",
  "-x",
  (x) => -x,
  (g) => g.neg(),
  { dtypes: numbers },
)

/** Absolute value; the gradient at 0 is 0. */
export const abs: (x: Tensor) => Tensor = unary("Abs", "|x|", Math.abs, (g, x) => g.mul(sign(x)), { dtypes: numbers })

/** Sign: -1, 0 or 1. */
export const sign: (x: Tensor) => Tensor = unary("Sign", "-1, 0 or 1", Math.sign, () => null, { dtypes: numbers })

/** Reciprocal, 1 / x. */
export const reciprocal: (x: Tensor) => Tensor = unary(
  "Reciprocal",
  "1 / x",
  (x) => 1 / x,
  (g, _, y) => g.mul(y.mul(y)).neg(),
)

// Exponentials, roots, trigonometry

/** Exponential, e^x. */
export const exp: (x: Tensor) => Tensor = unary("Exp", "e^x", Math.exp, (g, _, y) => g.mul(y))

/** Natural logarithm; NaN below 0. */
export const log: (x: Tensor) => Tensor = unary("Log", "ln x", Math.log, (g, x) => g.div(x))

/** Square root; its gradient at 0 is infinite. */
export const sqrt: (x: Tensor) => Tensor = unary("Sqrt", "sqrt(x)", Math.sqrt, (g, _, y) => g.div(y.mul(2)))

/** Sine of radians. */
export const sin: (x: Tensor) => Tensor = unary("Sin", "sin x", Math.sin, (g, x) => g.mul(cos(x)))

/** Cosine of radians. */
export const cos: (x: Tensor) => Tensor = unary("Cos", "cos x", Math.cos, (g, x) => g.mul(sin(x)).neg())

/** Hyperbolic tangent. */
export const tanh: (x: Tensor) => Tensor = unary("Tanh", "tanh x", Math.tanh, (g, _, y) => g.mul(y.mul(y).neg().add(1)))

/** Arctangent, in radians. */
export const atan: (x: Tensor) => Tensor = unary("Atan", "arctan x", Math.atan, (g, x) => g.div(x.mul(x).add(1)))

/** Logistic function, 1 / (1 + e^-x). */
export const sigmoid: (x: Tensor) => Tensor = unary(
  "Sigmoid",
  "1 / (1 + e^-x)",
  (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))),
  (g, _, y) => g.mul(y.mul(y.neg().add(1))),
)

/** Softplus, ln(1 + e^x), stable for large |x|. */
export const softplus: (x: Tensor) => Tensor = unary(
  "Softplus",
  "ln(1 + e^x)",
  (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  (g, x) => g.mul(sigmoid(x)),
)

/** Gauss error function, 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x. */
export const erf: (x: Tensor) => Tensor = unary("Erf", "error function", erfNumber, (g, x) =>
  g.mul(exp(x.mul(x).neg()).mul(2 / Math.sqrt(Math.PI))),
)

/** erf to double precision: its power series below 3, the continued fraction of erfc above. */
function erfNumber(x: number): number {
  const a = Math.abs(x)
  if (Number.isNaN(x)) return x
  if (a > 6) return Math.sign(x)
  if (a < 3) {
    let term = a
    let sum = a
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (2 * a * a) / (2 * n + 1)
      sum += term
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-a * a) * sum
  }
  let fraction = 0
  for (let k = 60; k >= 1; k--) fraction = k / 2 / (a + fraction)
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction))
}

/** Rectifier, max(x, 0); the gradient at 0 is 0. */
export const relu: (x: Tensor) => Tensor = unary(
  "Relu",
  "max(x, 0)",
  (x) => Math.max(x, 0),
  (g, x) => where(greater(x, 0), g, 0),
)

// Rounding: piecewise constant, so no gradient

/** Largest integer not above x. */
export const floor: (x: Tensor) => Tensor = unary("Floor", "largest integer <= x", Math.floor, () => null)

/** Smallest integer not below x. */
export const ceil: (x: Tensor) => Tensor = unary("Ceil", "smallest integer >= x", Math.ceil, () => null)

/** Nearest integer; halves go to the even one, as in NumPy and IEEE 754. */
export const round: (x: Tensor) => Tensor = unary("Round", "nearest integer, halves to even", roundHalfEven, () => null)

function roundHalfEven(x: number): number {
  const low = Math.floor(x)
  if (x - low !== 0.5) return Math.round(x)
  return low % 2 === 0 ? low : low + 1
}

const stopGradientOp = primitive<None>({
  name: "stopGradient",
  doc: "x, a constant to the backward pass",
  spec: ([x]) => x,
  grad: () => [null],
  onnx: (_, [x]) => x,
  host: ([x]) => x,
})

/** x itself, but a constant to the backward pass. */
export function stopGradient(x: Tensor): Tensor {
  return apply(stopGradientOp, [x], none)
}

/** All records of this file. */
export const elementwiseOps: readonly Op[] = [...ops, stopGradientOp]

/** ONNX operators read as these ops. */
export const elementwiseImporters: readonly Importer[] = importers
