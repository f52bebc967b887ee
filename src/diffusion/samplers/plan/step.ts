/** A question of a plan as part of a program: all that differs from question to question is a tensor. */
import { sizeOf } from "../../../engine/array.ts"
import { maximum } from "../../../engine/ops/elementwise.ts"
import { concat } from "../../../engine/ops/movement.ts"
import type { Tensor } from "../../../engine/tensor.ts"
import type { Denoiser } from "../../denoiser.ts"
import { type Limit, limited } from "./limit.ts"
import type { Ask, Plan } from "./plan.ts"

/** What samples are conditioned on. */
export interface Told {
  /** Classes `[batch]`, int32. */
  readonly labels?: Tensor
  /** What the network is given besides, `[batch, ...]`. */
  readonly given?: Tensor
}

/** A question. */
export interface Question extends Told {
  /** `[buffers, batch, ...shape]`. */
  readonly kept: Tensor
  /** Fresh noise `[batch, ...shape]`, where the plan has any. */
  readonly z: Tensor | null
  /** `[batch]`. */
  readonly t: Tensor
  /** {@link weightsOf} `[buffers + 8]`. */
  readonly weights: Tensor
  /** {@link rowsOf} `[buffers, buffers + 3]`. */
  readonly rows: Tensor
}

/** What a question gives. */
export interface Stepped {
  /** What is kept, `[buffers, batch * size]`. */
  readonly next: Tensor
  /** `[batch, ...shape]`. */
  readonly x0: Tensor
}

/** Whether all times are whole, and may be int32. */
export function hasWholeTimes({ asks }: Plan): boolean {
  return asks.every((ask) => Number.isInteger(ask.time))
}

/** Whether a question uses fresh noise. */
export function isNoisy(ask: Ask): boolean {
  return ask.input.isRandom || ask.next.some((form) => form.isRandom)
}

/** Weights of the input (buffers, noise), of x0 and eps (input, output), of the range, of the adaption: `buffers + 8`. */
export function weightsOf({ input, reading, range, isAdapted }: Ask, buffers: number): Float32Array {
  const { least, most } = range ?? { least: 0, most: 0 }
  const z = input.weights[buffers + 2]
  return Float32Array.of(
    ...input.weights.slice(0, buffers),
    z,
    ...reading.x0,
    ...reading.eps,
    least,
    most,
    isAdapted ? 1 : 0,
  )
}

/** Weights of what is kept next: for each buffer those of the buffers, of x0, eps and noise, `buffers (buffers + 3)`. */
export function rowsOf({ next }: Ask): Float32Array {
  return Float32Array.from(next.flatMap((form) => [...form.weights]))
}

/** How any question of a plan is asked. */
export function stepOf(
  { network, process, shape }: Denoiser,
  { buffers, asks, clock }: Plan,
  limit: Limit,
): (question: Question) => Stepped {
  const size = sizeOf(shape)
  const isRead = asks.some((ask) => ask.range !== undefined || ask.isVarianceRead)
  const isRange = asks.some((ask) => ask.range !== undefined)
  const isAdapted = asks.some((ask) => ask.isAdapted)
  return ({ kept, z, t, weights, rows, labels, given }) => {
    const batch = kept.shape[1]
    const flat = batch * size
    const before = kept.reshape([buffers, flat])
    const line = (x: Tensor): Tensor => x.reshape([1, flat])
    const [ofKept, ofNoise, readings] = weights.split([buffers, 1, 7])
    const [x0In, x0Out, epsIn, epsOut, least, most, adapts] = readings.split(7).map((v) => v.reshape([]))
    const parts = z === null ? before : concat([before, line(z)])
    const input = (z === null ? ofKept : concat([ofKept, ofNoise]))
      .reshape([1, -1])
      .matmul(parts)
      .reshape([batch, ...shape])
    const answer = network.forward(input, clock === "process" ? process.told(t) : t, labels, given)
    const isWide = answer.shape[1] === 2 * shape[0] && shape[0] !== undefined
    const [output, read] = isWide ? answer.split(2, 1) : [answer, undefined]
    const x0 = limited(input.mul(x0In).add(output.mul(x0Out)), limit)
    let eps = input.mul(epsIn).add(output.mul(epsOut))
    let noise = z
    if (isRead) {
      if (read === undefined)
        throw new RangeError(
          `sampler: the network gives ${answer.shape[1]} channels for ${shape[0]}, expected twice as many for a learned variance (variance small)`,
        )
      // In the last step no noise is added, whatever is read.
      const spread = isRange
        ? read.add(1).mul(0.5).mul(most.sub(least)).add(least).mul(0.5).exp()
        : maximum(read, 0).sqrt()
      if (z !== null) noise = z.mul(spread)
    }
    if (isAdapted && z !== null && noise !== null) {
      const norm = (x: Tensor): Tensor =>
        x
          .reshape([batch, size])
          .square()
          .sum({ axes: [1], keepDims: true })
          .sqrt()
      const quotient = norm(z).div(maximum(norm(eps), 1e-12))
      const r = quotient
        .sub(1)
        .mul(adapts)
        .add(1)
        .reshape([batch, ...shape.map(() => 1)])
      eps = eps.mul(r).mul(r)
      noise = noise.mul(r)
    }
    const all = concat([before, line(x0), line(eps), ...(noise === null ? [] : [line(noise)])])
    const used = noise === null ? rows.slice([null, [0, buffers + 2]]) : rows
    return { next: used.matmul(all), x0 }
  }
}
