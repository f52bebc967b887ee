/** A question of a plan as one compiled program, whose weights are inputs: nothing is traced anew from step to step. */
import { array, type NdArray, sizeOf } from "../../../engine/array.ts"
import { compile } from "../../../engine/compile.ts"
import { maximum } from "../../../engine/ops/elementwise.ts"
import { concat } from "../../../engine/ops/movement.ts"
import type { Tensor, Variable } from "../../../engine/tensor.ts"
import type { Denoiser } from "../../denoiser.ts"
import { type Limit, limited } from "./limit.ts"
import type { Ask, Plan } from "./plan.ts"

/** What a program is made for. */
export interface ProgramOptions {
  readonly limit: Limit
  readonly replace?: ((variable: Variable) => Variable) | undefined
}

/** What a question gives. */
export interface Answered {
  /** What is kept, `[buffers, rows, ...shape]`. */
  readonly kept: Float32Array
  /** x0, `[rows, ...shape]`. */
  readonly x0: Float32Array
}

/** What rows of samples are conditioned on. */
export interface Condition {
  readonly labels?: NdArray<"int32">
  readonly given?: NdArray<"float32">
}

/** Asks the network for rows of samples. */
export interface Program {
  ask(ask: Ask, kept: Float32Array, z: Float32Array, rows: number, condition: Condition): Promise<Answered>
  dispose(): Promise<void>
}

/** The program of a plan. Times are int32 where all of them are whole, else float32. */
export function programOf(model: Denoiser, plan: Plan, { limit, replace }: ProgramOptions): Program {
  const { buffers, asks, clock } = plan
  const { shape } = model
  const size = sizeOf(shape)
  const isWhole = asks.every((ask) => Number.isInteger(ask.time))
  const isRead = asks.some((ask) => ask.range !== undefined || ask.isVarianceRead)
  const isRange = asks.some((ask) => ask.range !== undefined)
  const isAdapted = asks.some((ask) => ask.isAdapted)

  /** Weights: of the input (buffers, noise), of x0 and eps (input, output), of the range, of the adaption; then rows. */
  const step = (
    kept: Tensor,
    z: Tensor,
    t: Tensor,
    w: Tensor,
    rows: Tensor,
    { labels, given }: { readonly labels?: Tensor; readonly given?: Tensor },
  ): [Tensor, Tensor] => {
    const batch = z.shape[0]
    const flat = batch * size
    const [ofInput, readings] = w.split([buffers + 1, 7])
    const [x0In, x0Out, epsIn, epsOut, least, most, adapts] = readings.split(7).map((v) => v.reshape([]))
    const parts = concat([kept.reshape([buffers, flat]), z.reshape([1, flat])])
    const input = ofInput
      .reshape([1, buffers + 1])
      .matmul(parts)
      .reshape([batch, ...shape])
    const answer = model.network.forward(input, clock === "process" ? model.process.told(t) : t, labels, given)
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
      noise = z.mul(
        isRange ? read.add(1).mul(0.5).mul(most.sub(least)).add(least).mul(0.5).exp() : maximum(read, 0).sqrt(),
      )
    }
    if (isAdapted) {
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
    const all = concat([kept.reshape([buffers, flat]), ...[x0, eps, noise].map((x) => x.reshape([1, flat]))])
    return [rows.matmul(all), x0]
  }

  const compiled = compile(step, replace === undefined ? {} : { replace })
  return {
    async ask(ask, kept, z, rows, condition) {
      const inputs = [
        array("float32", [buffers, rows, ...shape], kept),
        array("float32", [rows, ...shape], z),
        isWhole
          ? array("int32", [rows], new Int32Array(rows).fill(ask.time))
          : array("float32", [rows], new Float32Array(rows).fill(ask.time)),
        array("float32", [buffers + 8], weightsOf(ask, buffers)),
        array("float32", [buffers, buffers + 3], Float32Array.from(ask.next.flatMap((form) => [...form.weights]))),
      ]
      const [next, x0] = await compiled(...(inputs as [NdArray, NdArray, NdArray, NdArray, NdArray]), condition)
      return { kept: next.data as Float32Array, x0: x0.data as Float32Array }
    },
    dispose: () => compiled.dispose(),
  }
}

function weightsOf({ input, reading, range, isAdapted }: Ask, buffers: number): Float32Array {
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
