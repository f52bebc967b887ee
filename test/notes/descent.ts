/** Descents in float64, step by step, for the notes on optimisation. */
import { full, type NdArray, toNumbers } from "../../src/engine/array.ts"
import { gradients } from "../../src/engine/grad.ts"
import { fillNormal, fold, keyOf } from "../../src/engine/random.ts"
import { constant, type Tensor, Variable } from "../../src/engine/tensor.ts"
import { rateAt } from "../../src/optim/curves.ts"
import type { Optimizer } from "../../src/optim/optimizer.ts"
import { interpret } from "../laws/interpret.ts"

/** What is descended, and how. */
export interface Descent {
  readonly optimizer: Optimizer
  readonly start: readonly number[]
  readonly steps: number
  /** Standard deviation of noise added to every element of the gradient. */
  readonly noise?: number
  /** Called inside the program after the update, with the `decay` of the step: averages are kept here. */
  readonly after?: (parameter: Variable, decay: Tensor) => void
  readonly decay?: (step: number) => number
  /** Learning rate of a step, in place of the optimizer's own curve. */
  readonly rate?: (step: number) => number
}

/** The parameter before the first step and after every step. */
export function descend(
  loss: (p: Tensor) => Tensor,
  { optimizer, start, steps, noise = 0, after, decay = () => 0, rate = (step) => rateAt(optimizer.lr, step) }: Descent,
): number[][] {
  const parameter = new Variable(constantOf(start))
  const run = interpret((rate: Tensor, share: Tensor, z: Tensor) => {
    const value = loss(parameter)
    const [g] = gradients(value, [parameter])
    optimizer.update(new Map([["p", parameter]]), [noise === 0 ? g : g.add(z.mul(noise))], rate)
    after?.(parameter, share)
    return [value]
  })
  const path = [[...start]]
  for (let step = 0; step < steps; step++) {
    const z = new Float64Array(noise === 0 ? 1 : start.length)
    if (noise !== 0) fillNormal(z, fold(keyOf(5), step))
    const scalar = (v: number): NdArray => full([], v, "float64")
    run(scalar(rate(step)), scalar(decay(step)), { dtype: "float64", shape: [z.length], data: z })
    path.push([...toNumbers(parameter.initial)])
  }
  return path
}

function constantOf(values: readonly number[]): NdArray {
  return { dtype: "float64", shape: [values.length], data: Float64Array.from(values) }
}

/** 1/2 sum of curvatures times squares: a quadratic whose axes are the coordinates. */
export function bowl(...curvatures: number[]): (p: Tensor) => Tensor {
  return (p) => p.square().mul(constant(curvatures, "float64")).sum().mul(0.5)
}

/** The first step after which every element stays within `near` of 0. */
export function settled(path: readonly (readonly number[])[], near: number): number {
  return path.findLastIndex((p) => p.some((v) => !(Math.abs(v) < near))) + 1
}

/** Mean of squares: the variance of replicas around a minimum at 0. */
export function spread(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v * v, 0) / values.length
}
