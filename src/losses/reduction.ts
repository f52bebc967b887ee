/** From the loss of each element to the loss: mean, sum or none; and what all losses ask of their inputs. */

import { expectDtype, floats } from "../engine/graph.ts"
import { broadcastShapes, formatShape, sameShape, UsageError } from "../engine/shape.ts"
import type { Tensor } from "../engine/tensor.ts"
import { constant } from "../engine/tensor.ts"

/** What is done with the losses of the elements: their mean, their sum, or nothing. */
export type Reduction = "mean" | "sum" | "none"

/** The option every loss has. */
export interface ReductionOptions {
  /** Default `mean`, as in PyTorch (notes 003, example 30 and functions 3.1-3.4, call a loss a sum over the batch). */
  readonly reduction?: Reduction
}

/** Weights as a tensor of the input's dtype, or as plain numbers. */
export type Weights = Tensor | readonly number[]

/** The mean, the sum or the values themselves. @throws UsageError for another word. */
export function reduced(name: string, values: Tensor, reduction: Reduction): Tensor {
  if (reduction === "mean") return values.mean()
  if (reduction === "sum") return values.sum()
  if (reduction === "none") return values
  throw new UsageError(`${name}: reduction is ${JSON.stringify(reduction)}, expected "mean", "sum" or "none"`)
}

/** Refuses inputs that are not floats of one dtype and one shape: broadcasting a target is nearly always a mistake. */
export function expectAlike(name: string, input: Tensor, target: Tensor, what = "target"): void {
  expectDtype(name, [input.value.spec, target.value.spec], floats)
  if (!sameShape(input.shape, target.shape)) {
    throw new UsageError(
      `${name}: input is ${formatShape(input.shape)} and ${what} ${formatShape(target.shape)}, expected one shape (reshape one of them)`,
    )
  }
}

/** Weights as a tensor like `input`. */
export function weightsLike(name: string, weight: Weights, input: Tensor): Tensor {
  const tensor = isNumbers(weight) ? constant(weight, input.dtype) : weight
  expectDtype(`${name}: weight`, [input.value.spec, tensor.value.spec])
  return tensor
}

function isNumbers(weight: Weights): weight is readonly number[] {
  return Array.isArray(weight)
}

/** One weight for each class. @throws UsageError for another shape. */
export function classWeights(name: string, weight: Weights, input: Tensor, classes: number): Tensor {
  const tensor = weightsLike(name, weight, input)
  if (!sameShape(tensor.shape, [classes])) {
    throw new UsageError(
      `${name}: weight is ${formatShape(tensor.shape)}, expected one number for each of ${classes} classes`,
    )
  }
  return tensor
}

/** Values times weights that broadcast to them. @throws UsageError when the weights would make them larger. */
export function weighted(name: string, values: Tensor, weight: Weights | undefined): Tensor {
  if (weight === undefined) return values
  const tensor = weightsLike(name, weight, values)
  const shape = broadcastShapes(`${name}: weight`, tensor.shape, values.shape)
  if (!sameShape(shape, values.shape)) {
    throw new UsageError(
      `${name}: weight ${formatShape(tensor.shape)} does not broadcast to the losses ${formatShape(values.shape)}`,
    )
  }
  return values.mul(tensor)
}

/** Refuses a number outside its bounds. */
export function expectNumber(name: string, option: string, value: number, isRight: boolean, wanted: string): void {
  if (!isRight) throw new UsageError(`${name}: ${option} is ${value}, expected ${wanted}`)
}
