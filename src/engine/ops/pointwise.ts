/** How ops that act on each element alone are made: one call an op, with NumPy broadcasting. */
import { type Dtype, ranges } from "../array.ts"
import {
  apply,
  type Emitter,
  expectDtype,
  floats,
  type Importer,
  type ImportSite,
  makeNode,
  type Node,
  numbers,
  type Op,
  primitive,
  type Value,
} from "../graph.ts"
import { broadcastShapes, broadcastStrides, sameShape, UsageError, walk } from "../shape.ts"
import type { Tensor } from "../tensor.ts"

/** What elementwise functions take: a number means a constant of the other operand's dtype. */
export type Operand = Tensor | number

/** Attributes of an op that has none. */
export interface None {
  readonly [key: string]: never
}

/** The attributes of an op that has none. */
export const none: None = {}

/** What a unary op may have besides the plain case. */
export interface UnaryOptions {
  readonly dtypes?: readonly Dtype[]
  readonly output?: Dtype
  /** Operator sets it can be read in, where they are others than those of most. */
  readonly opsets?: readonly [number, number]
  /** Lowering, where it is not one ONNX node of the op's own name. */
  readonly onnx?: (emit: Emitter, x: string, node: Node<None>) => string
}

/** What a binary op may have besides the plain case. */
export interface BinaryOptions {
  readonly dtypes?: readonly Dtype[]
  readonly output?: Dtype
  readonly onnx?: (emit: Emitter, a: string, b: string) => string
  readonly simplify?: (node: Node<None>) => Value | undefined
  /** Reading, where the ONNX operator of the same name takes more than this op does. */
  readonly read?: (site: ImportSite, call: (a: Tensor, b: Tensor) => Tensor) => Tensor
}

/** Makers of unary and binary ops, and the records and importers they made. */
export interface Family {
  unary(
    onnxType: string,
    doc: string,
    host: (x: number) => number,
    grad: (g: Tensor, x: Tensor, y: Tensor) => Tensor | null,
    options?: UnaryOptions,
  ): (x: Tensor) => Tensor
  binary(
    onnxType: string,
    doc: string,
    host: (a: number, b: number) => number,
    grad: (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => readonly [Tensor | null, Tensor | null],
    options?: BinaryOptions,
  ): (a: Operand, b: Operand) => Tensor
  readonly ops: readonly Op[]
  readonly importers: readonly Importer[]
}

/** A family of elementwise ops; its records are named as their ONNX operators are, in camel case. */
export function family(): Family {
  const ops: Op[] = []
  const importers: Importer[] = []

  function unary(
    onnxType: string,
    doc: string,
    host: (x: number) => number,
    grad: (g: Tensor, x: Tensor, y: Tensor) => Tensor | null,
    options: UnaryOptions = {},
  ): (x: Tensor) => Tensor {
    const name = onnxType[0].toLowerCase() + onnxType.slice(1)
    const op = primitive<None>({
      name,
      doc,
      spec: ([x]) => {
        const dtype = expectDtype(name, [x], options.dtypes ?? floats)
        return { dtype: options.output ?? dtype, shape: x.shape }
      },
      grad: (g, [x], y) => [grad(g, x, y)],
      onnx: (emit, [x], node) => (options.onnx ? options.onnx(emit, x, node) : emit.node(onnxType, [x])),
      host: ([x]) => x.map(host),
    })
    ops.push(op)
    const { opsets } = options
    importers.push({ type: onnxType, ...(opsets && { opsets }), read: (site) => apply(op, [site.input(0)], none) })
    return (x) => apply(op, [x], none)
  }

  function binary(
    onnxType: string,
    doc: string,
    host: (a: number, b: number) => number,
    grad: (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => readonly [Tensor | null, Tensor | null],
    options: BinaryOptions = {},
  ): (a: Operand, b: Operand) => Tensor {
    const name = onnxType[0].toLowerCase() + onnxType.slice(1)
    const op = primitive<None>({
      name,
      doc,
      spec: (inputs) => {
        const dtype = expectDtype(name, inputs, options.dtypes ?? numbers)
        return { dtype: options.output ?? dtype, shape: broadcastShapes(name, inputs[0].shape, inputs[1].shape) }
      },
      grad: (g, [a, b], y) => {
        const [da, db] = grad(g, a, b, y)
        return [da?.sumTo(a.shape) ?? null, db?.sumTo(b.shape) ?? null]
      },
      onnx: (emit, [a, b]) => (options.onnx ? options.onnx(emit, a, b) : emit.node(onnxType, [a, b])),
      host: ([a, b], node) => {
        const out = zipHost(a, b, node, host)
        return node.outputs[0].spec.dtype.startsWith("int") ? out.map(Math.trunc) : out
      },
      simplify: (node) => {
        const lean = withoutRepeats(node)
        return options.simplify?.(lean) ?? (lean === node ? undefined : lean.outputs[0])
      },
    })
    ops.push(op)
    const call = (a: Tensor, b: Tensor): Tensor => apply(op, [a, b], none)
    const { read } = options
    importers.push({ type: onnxType, read: (site) => (read ? read(site, call) : call(site.input(0), site.input(1))) })
    return (a, b) => apply(op, operands(name, a, b), none)
  }

  return { unary, binary, ops, importers }
}

/** The node without repetitions of an operand that the op makes itself, since the other has the full shape. */
function withoutRepeats(node: Node<None>): Node<None> {
  const { shape } = node.outputs[0].spec
  const inputs = [...node.inputs]
  for (const [i, v] of inputs.entries()) {
    if (v.node.op.repeats !== true || !sameShape(inputs[1 - i].spec.shape, shape)) continue
    inputs[i] = v.node.inputs[0]
  }
  return inputs.every((v, i) => v === node.inputs[i]) ? node : makeNode(node.op, inputs, node.attrs)
}

function zipHost(a: Float64Array, b: Float64Array, node: Node, f: (a: number, b: number) => number): Float64Array {
  const { shape } = node.outputs[0].spec
  const [left, right] = node.inputs.map((v) => v.spec.shape)
  if (sameShape(left, right)) return a.map((x, i) => f(x, b[i]))
  let total = 1
  for (const n of shape) total *= n
  const offsets = new Int32Array(total)
  walk(shape, broadcastStrides(right, shape), (at, out) => {
    offsets[out] = at
  })
  const out = new Float64Array(total)
  walk(shape, broadcastStrides(left, shape), (at, i) => {
    out[i] = f(a[at], b[offsets[i]])
  })
  return out
}

/** Both operands as tensors. */
export function operands(where: string, a: Operand, b: Operand): [Tensor, Tensor] {
  if (typeof a !== "number") return [a, typeof b === "number" ? numberLike(where, a, b) : b]
  if (typeof b === "number") throw new UsageError(`${where}: got two numbers, expected at least one tensor`)
  return [numberLike(where, b, a), b]
}

/** Refuses a number that would become another one in a tensor's dtype; floats round. */
export function expectNumber(where: string, { dtype }: Tensor, value: number): void {
  const [least, largest] = ranges[dtype]
  if (!dtype.startsWith("float") && !(Number.isInteger(value) && value >= least && value <= largest)) {
    throw new UsageError(
      `${where}: got ${value} for a tensor of ${dtype}, expected a whole number from ${least} to ${largest} (cast the tensor to a float)`,
    )
  }
}

/** A number as a constant of a tensor's dtype. */
function numberLike(where: string, tensor: Tensor, value: number): Tensor {
  expectNumber(where, tensor, value)
  return tensor.like(value)
}
