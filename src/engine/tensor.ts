/** The value users hold while tracing: arithmetic, reductions and shape methods. Everything else is a function. */
import { type Arrayable, asArray, castArray, type Dtype, fromNumbers, type NdArray } from "./array.ts"
import { makeNode, type Spec, type Value } from "./graph.ts"
import { cast } from "./ops/compare.ts"
import * as elementwise from "./ops/elementwise.ts"
import { constant as constantOp, input as inputOp, variable as variableOp } from "./ops/leaf.ts"
import { type MatmulOptions, matmul } from "./ops/matmul.ts"
import * as movement from "./ops/movement.ts"
import type { Operand } from "./ops/pointwise.ts"
import * as reduce from "./ops/reduce.ts"
import { type Range, slice, split } from "./ops/slice.ts"
import { formatShape, sameShape, UsageError } from "./shape.ts"

/**
 * A value of a program being written. It has a shape and a dtype, and gets its numbers when the program runs. A method does
 * what the function of its name does, where `tweedie` exports one.
 */
export class Tensor {
  /** The node output this tensor stands for. */
  readonly value: Value

  constructor(value: Value) {
    this.value = value
  }

  get shape(): readonly number[] {
    return this.value.spec.shape
  }

  get dtype(): Dtype {
    return this.value.spec.dtype
  }

  get rank(): number {
    return this.value.spec.shape.length
  }

  /** Another tensor of the same program: how ops make results without knowing this class. */
  derive(value: Value): Tensor {
    return new Tensor(value)
  }

  /** A constant scalar of this tensor's dtype. */
  like(value: number): Tensor {
    return constant(value, this.dtype)
  }

  add(other: Operand): Tensor {
    return elementwise.add(this, other)
  }
  sub(other: Operand): Tensor {
    return elementwise.sub(this, other)
  }
  mul(other: Operand): Tensor {
    return elementwise.mul(this, other)
  }
  div(other: Operand): Tensor {
    return elementwise.div(this, other)
  }
  pow(other: Operand): Tensor {
    return elementwise.pow(this, other)
  }
  neg(): Tensor {
    return elementwise.neg(this)
  }
  /** x x, element by element. */
  square(): Tensor {
    return elementwise.mul(this, this)
  }
  abs(): Tensor {
    return elementwise.abs(this)
  }
  exp(): Tensor {
    return elementwise.exp(this)
  }
  log(): Tensor {
    return elementwise.log(this)
  }
  sqrt(): Tensor {
    return elementwise.sqrt(this)
  }
  matmul(other: Tensor, options?: MatmulOptions): Tensor {
    return matmul(this, other, options)
  }
  /** The same values in another dtype: floats become integers by truncation, booleans 0 or 1. */
  cast(dtype: Dtype): Tensor {
    return cast(this, dtype)
  }

  sum(options?: reduce.ReduceOptions): Tensor {
    return reduce.sum(this, options)
  }
  mean(options?: reduce.ReduceOptions): Tensor {
    return reduce.mean(this, options)
  }
  max(options?: reduce.ReduceOptions): Tensor {
    return reduce.max(this, options)
  }
  min(options?: reduce.ReduceOptions): Tensor {
    return reduce.min(this, options)
  }
  /** Summed over the axes along which `shape` would have to be repeated to give this shape. */
  sumTo(shape: readonly number[]): Tensor {
    return reduce.sumTo(this, shape)
  }

  reshape(shape: readonly number[]): Tensor {
    return movement.reshape(this, shape)
  }
  /** Axes from `start` on as one. */
  flatten(start = 0): Tensor {
    return movement.reshape(this, [...this.shape.slice(0, start), -1])
  }
  transpose(axes?: readonly number[]): Tensor {
    return movement.transpose(this, axes)
  }
  broadcastTo(shape: readonly number[]): Tensor {
    return movement.broadcastTo(this, shape)
  }
  slice(ranges: readonly (Range | null)[]): Tensor {
    return slice(this, ranges)
  }
  split(sizes: number | readonly number[], axis?: number): Tensor[] {
    return split(this, sizes, axis)
  }

  toString(): string {
    return `Tensor(${this.dtype} ${formatShape(this.shape)})`
  }
}

/** What a variable is to the training loop. */
export type Role = "parameter" | "buffer" | "slot"

/** Options of {@link Variable}. */
export interface VariableOptions {
  /** `parameter` (trained), `buffer` (kept, as running statistics), `slot` (an optimizer's). */
  readonly role?: Role
  /** Name for messages; state dictionaries name variables by where they are found. */
  readonly name?: string
}

/**
 * A tensor whose value outlives the run: parameter, buffer or optimizer slot. Its value is read when a program runs,
 * not when it is traced; {@link Variable.assign} inside a program writes it at the end of each run.
 */
export class Variable extends Tensor {
  readonly role: Role
  name: string
  /** Whether optimizers may change it. Only parameters start as trainable. */
  trainable: boolean
  /** The value last known to the host: what it started with, or what was last read or written. */
  initial: NdArray

  constructor(initial: Arrayable, { role = "parameter", name = role }: VariableOptions = {}) {
    const array = asArray(initial)
    const spec = { dtype: array.dtype, shape: array.shape }
    const attrs: { variable: Variable | undefined; spec: Spec } = { variable: undefined, spec }
    super(makeNode(variableOp, [], attrs as { variable: Variable; spec: Spec }).outputs[0])
    attrs.variable = this
    this.role = role
    this.name = name
    this.trainable = role === "parameter"
    this.initial = array
  }

  /** Writes `next` into the variable when the program being traced has run; until then reads give the old value. */
  assign(next: Tensor): void {
    if (next.dtype !== this.dtype || !sameShape(next.shape, this.shape)) {
      throw new UsageError(
        `assign: ${this.name} is ${this.dtype} ${formatShape(this.shape)}, got ${next.dtype} ${formatShape(next.shape)}`,
      )
    }
    if (current === undefined)
      throw new UsageError(`assign: ${this.name} is assigned outside a program; use write for a value at hand`)
    current.assigned.set(this, next)
  }
}

/** What a trace collects besides its outputs, and what it is told. */
export interface Context {
  /** Train or evaluate: what dropout and batch normalisation ask. */
  readonly training: boolean
  readonly assigned: Map<Variable, Tensor>
}

let current: Context | undefined

/** Runs `fn` as part of the given trace. Traces may nest; they are synchronous. */
export function within<R>(context: Context, fn: () => R): R {
  const outer = current
  current = context
  try {
    return fn()
  } finally {
    current = outer
  }
}

/** Whether the program being traced is for training; false outside a trace. */
export function isTraining(): boolean {
  return current?.training ?? false
}

/** What a variable will be when the program being traced has run: the value assigned so far, or itself. */
export function pending(variable: Variable): Tensor {
  return current?.assigned.get(variable) ?? variable
}

/** A tensor with a fixed value; numbers are float32 unless said otherwise. */
export function constant(value: Arrayable, dtype?: Dtype): Tensor {
  const array = typeof value === "number" ? fromNumbers(dtype ?? "float32", [], [value]) : asArray(value, dtype)
  return new Tensor(
    makeNode(constantOp, [], { array: dtype === undefined ? array : castArray(array, dtype) }).outputs[0],
  )
}

/** A leaf the caller fills at each run. */
export function placeholder(name: string, spec: Spec): Tensor {
  return new Tensor(makeNode(inputOp, [], { name, spec }).outputs[0])
}
