/** What metrics ask of their arguments: labels, scores and weights of one length, and nothing that is not a number. */
import type { Arrayable } from "../engine/array.ts"
import { asArray, isArray, toNumbers } from "../engine/array.ts"
import { observations } from "../stats/check.ts"

/** The option of every metric that averages over examples. */
export interface WeightOptions {
  /** One weight an example, from 0; all 1 by default. */
  readonly weights?: ArrayLike<number>
}

/** Refuses lists of different lengths. */
export function expectLength(name: string, what: string, values: ArrayLike<unknown>, count: number): void {
  if (values.length !== count) {
    throw new RangeError(`${name}: ${what} has ${values.length} entries, target has ${count}, expected as many`)
  }
}

/** Weights as doubles: all 1 where none are given. @throws RangeError for a negative one, or when all are 0. */
export function weightsOf(name: string, weights: ArrayLike<number> | undefined, count: number): Float64Array {
  if (weights === undefined) return new Float64Array(count).fill(1)
  expectLength(name, "weights", weights, count)
  const out = observations(name, "weights", weights)
  const bad = out.findIndex((w) => w < 0)
  if (bad >= 0) throw new RangeError(`${name}: weights[${bad}] is ${out[bad]}, expected a number from 0`)
  if (out.every((w) => w === 0)) throw new RangeError(`${name}: all weights are 0, expected one above 0`)
  return out
}

/** Finite numbers of a list. @throws RangeError when it is empty or holds another. */
export function numbersOf(name: string, what: string, values: ArrayLike<number>): Float64Array {
  return observations(name, what, values)
}

/** A list with an entry for each target. */
export function besideTarget(name: string, what: string, values: ArrayLike<number>, count: number): Float64Array {
  expectLength(name, what, values, count)
  return observations(name, what, values)
}

/** Which targets are the positive label. @throws RangeError when there are more than two labels. */
export function positives(name: string, target: ArrayLike<number>, positive: number): Uint8Array {
  const labels = numbersOf(name, "target", target)
  const out = new Uint8Array(labels.length)
  let other: number | undefined
  for (let i = 0; i < out.length; i++) {
    if (labels[i] === positive) out[i] = 1
    else if (other === undefined) other = labels[i]
    else if (labels[i] !== other) {
      throw new RangeError(
        `${name}: target holds ${other} and ${labels[i]} beside the positive ${positive}, expected two labels (pass positive, or use oneVsRest)`,
      )
    }
  }
  return out
}

/** A table [examples, classes] as doubles. */
export interface Table {
  readonly rows: number
  readonly columns: number
  readonly data: Float64Array
}

/** A finite table with a row for each of `count` examples. @throws RangeError for another shape. */
export function tableOf(name: string, what: string, values: Arrayable, count: number): Table {
  const a = asArray(values, "float64")
  if (a.shape.length !== 2 || a.shape[0] !== count) {
    throw new RangeError(`${name}: ${what} is [${a.shape.join(", ")}], expected [${count}, classes]`)
  }
  return { rows: count, columns: a.shape[1], data: observations(name, what, toNumbers(a)) }
}

/** A finite list with an entry for each of `count` examples, from an array of one axis or plain numbers. */
export function listOf(name: string, what: string, values: Arrayable, count: number): Float64Array {
  const a = asArray(values, "float64")
  if (a.shape.length !== 1) throw new RangeError(`${name}: ${what} is [${a.shape.join(", ")}], expected [${count}]`)
  return besideTarget(name, what, toNumbers(a), count)
}

/** Whether values are a table of rows, not one list. */
export function isTable(values: Arrayable): boolean {
  if (isArray(values)) return values.shape.length === 2
  return Array.isArray(values) && Array.isArray(values[0])
}

/** Class numbers 0 ... classes - 1, one for each row. @throws RangeError at the first that is none. */
export function classNumbers(name: string, target: ArrayLike<number>, classes: number): Float64Array {
  const labels = numbersOf(name, "target", target)
  const bad = labels.findIndex((y) => !(Number.isInteger(y) && y >= 0 && y < classes))
  if (bad >= 0) {
    throw new RangeError(`${name}: target[${bad}] is ${labels[bad]}, expected a class number from 0 to ${classes - 1}`)
  }
  return labels
}

/** Mean of values under weights. */
export function weightedMean(values: ArrayLike<number>, weights: Float64Array): number {
  let sum = 0
  let total = 0
  for (let i = 0; i < weights.length; i++) {
    sum += weights[i] * values[i]
    total += weights[i]
  }
  return sum / total
}
