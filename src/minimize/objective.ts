/** Functions to minimise as plain functions of Float64Array, and the quadratic ones. */
import type { Arrayable } from "../engine/array.ts"
import { squareMatrixOf, symmetricOf, vectorOf } from "../linalg/matrix.ts"
import type { Answer, Ask, Context, Evaluated } from "./routine.ts"
import { dot, minus, multiply } from "./vector.ts"

/**
 * A function on the host, of a vector x [n]. Arrays it is given must not be changed, and those it gives must be fresh.
 * What it cannot say is found from differences of its gradient.
 */
export interface Objective {
  value(x: Float64Array): number
  /** The gradient at x, [n]. */
  gradient(x: Float64Array): Float64Array
  /** Value and gradient at once, where they share work. */
  evaluate?(x: Float64Array): Evaluated
  /** The Hessian at x, [n, n] row by row, symmetric. */
  hessian?(x: Float64Array): Float64Array
  /** The Hessian at x times v, [n]. */
  product?(x: Float64Array, v: Float64Array): Float64Array
  /** Relative error of values; 2^-52 unless given. Line searches do not look for decreases below it. */
  readonly precision?: number
}

/** As {@link Objective}, with answers that are promised: a program that runs elsewhere. */
export interface AsyncObjective {
  evaluate(x: Float64Array): Promise<Evaluated>
  hessian?(x: Float64Array): Promise<Float64Array>
  product?(x: Float64Array, v: Float64Array): Promise<Float64Array>
  readonly precision?: number
}

/** What methods are told of a function before they ask. */
export function contextOf({ hessian, product, precision = 2 ** -52 }: Objective | AsyncObjective): Context {
  return { precision, hasHessian: hessian !== undefined, hasProduct: product !== undefined }
}

/** The answer of a function on the host. */
export function answer(objective: Objective, ask: Ask): Answer {
  switch (ask.want) {
    case "value":
      return objective.value(ask.x)
    case "gradient":
      return objective.evaluate?.(ask.x) ?? { value: objective.value(ask.x), gradient: objective.gradient(ask.x) }
    case "hessian":
      return objective.hessian!(ask.x)
    case "product":
      return objective.product!(ask.x, ask.v)
  }
}

/** The answer of a function elsewhere. */
export async function answerLater(objective: AsyncObjective, ask: Ask): Promise<Answer> {
  switch (ask.want) {
    case "value":
      return (await objective.evaluate(ask.x)).value
    case "gradient":
      return objective.evaluate(ask.x)
    case "hessian":
      return objective.hessian!(ask.x)
    case "product":
      return objective.product!(ask.x, ask.v)
  }
}

/**
 * The quadratic x.A x / 2 - b.x + c with a symmetric A [n, n] and b [n] (0 unless given): gradient A x - b, Hessian A.
 *
 * @throws RangeError where A is not square and symmetric, or b not of its size.
 */
export function quadratic(
  a: Arrayable,
  b?: Arrayable,
  c = 0,
): Required<Pick<Objective, "hessian" | "product">> & Objective {
  squareMatrixOf("quadratic", a)
  const { rows: n, data } = symmetricOf("quadratic", a)
  const right = b === undefined ? new Float64Array(n) : vectorOf("quadratic", b, "linear term", n)
  return {
    value: (x) => dot(x, multiply(data, x)) / 2 - dot(right, x) + c,
    gradient: (x) => minus(multiply(data, x), right),
    evaluate: (x) => {
      const ax = multiply(data, x)
      return { value: dot(x, ax) / 2 - dot(right, x) + c, gradient: minus(ax, right) }
    },
    hessian: () => data.slice(),
    product: (_, v) => multiply(data, v),
  }
}
