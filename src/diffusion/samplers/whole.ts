/** A sampler as one function of tensors, with its steps inside: what is exported as one file. */
import { array } from "../../engine/array.ts"
import { filled } from "../../engine/create.ts"
import { loop } from "../../engine/fused/loop.ts"
import { gather } from "../../engine/ops/gather.ts"
import { concat } from "../../engine/ops/movement.ts"
import { formatShape, UsageError } from "../../engine/shape.ts"
import { constant, type Tensor } from "../../engine/tensor.ts"
import type { Denoiser } from "../denoiser.ts"
import { checkLimit, type Limit } from "./plan/limit.ts"
import type { Plan } from "./plan/plan.ts"
import { hasWholeTimes, isNoisy, rowsOf, stepOf, type Told, weightsOf } from "./plan/step.ts"

/** Options of {@link wholeSampler}. */
export interface WholeOptions extends Partial<Limit>, Told {}

/** The questions of a plan that noise is drawn for: 0 is the first sample, k = 1, 2, ... the network's question k. */
export function drawsOf({ asks }: Plan): number[] {
  return [0, ...asks.flatMap((ask, k) => (isNoisy(ask) ? [k + 1] : []))]
}

/**
 * The samples `[batch, ...shape]` that a plan makes of standard normal noise `[draws, batch, ...shape]`, one row for each
 * of {@link drawsOf}. Everything that a sampler does is in it, as one {@link loop} over the plan's questions, so that
 * an exported program is noise in, samples out.
 *
 * @example
 * const plan = plans.ddim(model, { steps: 50 })
 * await exportOnnx((noise: Tensor) => wholeSampler(model, plan, noise), [
 *   { dtype: "float32", shape: [drawsOf(plan).length, batchSize, ...model.shape] },
 * ])
 *
 * @throws UsageError for noise of another shape, and RangeError for a bound that makes no sense.
 */
export function wholeSampler(
  model: Denoiser,
  plan: Plan,
  noise: Tensor,
  { clip = model.clip, threshold, ...told }: WholeOptions = {},
): Tensor {
  const { buffers, asks, start } = plan
  const draws = drawsOf(plan)
  const [rows, batch, ...shape] = noise.shape
  if (rows !== draws.length || batch === undefined || shape.join() !== model.shape.join())
    throw new UsageError(
      `wholeSampler: got noise ${formatShape(noise.shape)}, expected [${[draws.length, "batch", ...model.shape].join(", ")}]`,
    )
  checkLimit({ clip, threshold })
  const step = stepOf(model, plan, { clip, threshold })
  const first = noise.slice([[0, 1]]).mul(start)
  const kept = buffers === 1 ? first : concat([first, filled([buffers - 1, batch, ...shape], 0)])
  const dtype = hasWholeTimes(plan) ? "int32" : "float32"
  const table = (width: readonly number[], of: (ask: Plan["asks"][number]) => Float32Array): Tensor =>
    constant(array("float32", [asks.length, ...width], Float32Array.from(asks.flatMap((ask) => [...of(ask)]))))
  const tables = [
    constant(asks.map((ask) => ask.time)).cast(dtype),
    table([buffers + 8], (ask) => weightsOf(ask, buffers)),
    table([buffers, buffers + 3], rowsOf),
    // A question without noise weighs it 0.
    constant(asks.map((_, k) => Math.max(0, draws.indexOf(k + 1)))).cast("int32"),
  ]
  const [last] = loop([kept], tables, ([now], [time, weights, mixture, draw]) => {
    const z = draws.length === 1 ? null : gather(noise, draw)
    const t = time.reshape([1]).broadcastTo([batch])
    const { next } = step({ kept: now, z, t, weights, rows: mixture, ...told })
    return [next.reshape(now.shape)]
  })
  const x = last.slice([[0, 1]]).reshape([batch, ...shape])
  const { shown = 1 } = asks[asks.length - 1]
  return shown === 1 ? x : x.mul(shown)
}
