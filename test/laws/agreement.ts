/** How far a function's values and gradients lie apart on the CPU device, on the portable one and in float64. */
import { type NdArray, sizeOf, toNumbers } from "../../src/engine/array.ts"
import { compile } from "../../src/engine/compile.ts"
import { evaluate } from "../../src/engine/evaluate.ts"
import { differentiate } from "../../src/engine/grad.ts"
import { floats } from "../../src/engine/graph.ts"
import { Generator } from "../../src/engine/random.ts"
import { configure } from "../../src/engine/runtime.ts"
import { sameShape } from "../../src/engine/shape.ts"
import { constant, placeholder, type Tensor } from "../../src/engine/tensor.ts"
import { blockedOperators, inBlocksOf } from "./spelled.ts"

type Fn = (...x: Tensor[]) => Tensor

/** Sum of the output under fixed random weights, its gradients, and the gradients of a weighted sum of those. */
function orders(fn: Fn, depth: number): (...x: Tensor[]) => Tensor[] {
  const weighed = (y: Tensor, seed: number): Tensor => {
    const random = new Generator(seed)
    const weights = Float32Array.from({ length: sizeOf(y.shape) }, () => random.uniform(-1, 1))
    return y
      .cast("float32")
      .mul(constant({ dtype: "float32", shape: y.shape, data: weights }))
      .sum()
  }
  return (...x) => {
    const y = fn(...x)
    const results = [y.cast("float32")]
    let loss = weighed(y, 1)
    for (let k = 0; k < depth; k++) {
      const grads = differentiate([loss], [loss.like(1)], x).filter((g, i) => g !== null && floats.includes(x[i].dtype))
      if (grads.length === 0) break
      results.push(...(grads as Tensor[]))
      loss = grads.map((g, i) => weighed(g!, 2 + i)).reduce((a, b) => a.add(b))
    }
    return results
  }
}

async function onDevice(
  device: "cpu" | "portable",
  fn: (...x: Tensor[]) => Tensor[],
  inputs: readonly NdArray[],
): Promise<readonly NdArray[]> {
  configure({ device })
  const run = compile(fn)
  const results = await run(...inputs)
  await run.dispose()
  return results as readonly NdArray[]
}

function reference(fn: (...x: Tensor[]) => Tensor[], inputs: readonly NdArray[]): readonly NdArray[] {
  const stands = inputs.map((a, i) => placeholder(`x${i}`, { dtype: a.dtype, shape: a.shape }))
  const values = new Map(stands.map((t, i) => [t.value.node, inputs[i]]))
  return evaluate(
    fn(...stands).map((t) => t.value),
    (node) => values.get(node),
  )
}

/**
 * The largest difference, relative to the largest expected value (a value that cancels to 0: to the largest of all).
 * Where one is no number and the other is, they are infinitely far apart.
 */
function apart(actual: NdArray, expected: NdArray, all: number): number {
  if (!sameShape(actual.shape, expected.shape)) return Number.POSITIVE_INFINITY
  const [a, b] = [toNumbers(actual), toNumbers(expected)]
  const scale = Math.max(largest(expected), 1e-2 * all, 1e-6)
  let most = 0
  for (const [i, v] of a.entries()) {
    if (Object.is(v, b[i]) || v === b[i]) continue
    const difference = Math.abs(v - b[i]) / scale
    most = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(most, difference)
  }
  return most
}

function largest(of: NdArray): number {
  return toNumbers(of).reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), 0)
}

/** How far apart one result lies. */
export interface Distances {
  /** From the CPU device to float64. */
  readonly cpu: number
  /** From the portable device to float64. */
  readonly portable: number
  /** From the CPU device to the portable one. */
  readonly devices: number
}

/** Distances of the function's value, then of its gradients, up to those of the given order. */
export async function distances(fn: Fn, inputs: readonly NdArray[], depth: number): Promise<Distances[]> {
  const program = orders(fn, depth)
  const cpu = await onDevice("cpu", program, inputs)
  const plain = await onDevice("portable", program, inputs)
  const host = reference(program, inputs)
  const all = Math.max(...host.map(largest))
  return host.map((y, i) => ({
    cpu: apart(cpu[i], y, all),
    portable: apart(plain[i], y, all),
    devices: apart(cpu[i], plain[i], all),
  }))
}

/** The largest distance to float64 of the CPU device's program for blocks of a size that this processor need not have. */
export async function distanceInBlocks(
  block: number,
  fn: Fn,
  inputs: readonly NdArray[],
  depth: number,
): Promise<number> {
  const program = orders(fn, depth)
  const results = await inBlocksOf(block, program, inputs)
  const host = reference(program, inputs)
  const all = Math.max(...host.map(largest))
  return Math.max(...host.map((y, i) => apart(results[i], y, all)))
}

/** Whether the CPU device writes the function or its gradients with blocked operators; else a law of it says nothing of them. */
export function meetsBlocks(block: number, fn: Fn, inputs: readonly NdArray[], depth: number): boolean {
  return blockedOperators(block, orders(fn, depth), inputs) > 0
}
