/** How training draws times: uniformly, one from each part of the range, or where the loss is large. */
import { zeros } from "../engine/array.ts"
import { arange, lowerTriangle, randomInteger, randomUniform } from "../engine/create.ts"
import { cumSum } from "../engine/ops/along.ts"
import { equal, less, where } from "../engine/ops/compare.ts"
import { maximum, minimum, mod } from "../engine/ops/elementwise.ts"
import { gather, scatterAdd } from "../engine/ops/gather.ts"
import { pending, type Tensor, Variable } from "../engine/tensor.ts"
import type { Process } from "./process.ts"

/**
 * How times are drawn: `uniform`, each by itself; `stratified`, one from each of `batch` equal parts of the range, which is
 * uniform with less variance (Kingma et al. 2021, appendix I.1); or `loss-aware`, in proportion to the root mean square of
 * the last ten losses of each time, each loss then weighed by the inverse, so that its mean stays the same
 * (Nichol and Dhariwal 2021, section 3.3).
 */
export type Times = "uniform" | "stratified" | "loss-aware"

/** Times of a batch. */
export interface Drawn {
  /** `[batch]`: int32 whole times, or float32 where the process is continuous. */
  readonly t: Tensor
  /** What the losses are to be multiplied by, `[batch]`; nothing is 1. */
  readonly weight?: Tensor
  /** Tells the losses of the batch, `[batch]`, before weights. */
  readonly learn?: (losses: Tensor) => void
}

/** A way to draw times, with what it remembers. */
export interface TimeDraw {
  readonly variables: ReadonlyMap<string, Variable>
  draw(batch: number): Drawn
}

/** Uniform numbers on [0, 1), `[batch]`: each by itself, or one from each of `batch` equal parts. */
export function uniforms(batch: number, times: "uniform" | "stratified"): Tensor {
  if (times === "uniform") return randomUniform([batch])
  return mod(randomUniform([1]).add(arange(batch, "float32").mul(1 / batch)), 1)
}

/**
 * Draws the times of a process: whole ones from 1 to T, or any from the earliest to T where it is continuous.
 *
 * @throws RangeError for `loss-aware` times of a process in continuous time, which are too many to remember.
 */
export function timeDraw(process: Process, times: Times): TimeDraw {
  const { steps } = process
  if (times === "loss-aware") {
    if (process.isContinuous)
      throw new RangeError("times: loss-aware draws among whole times, and the process is continuous (use stratified)")
    return lossAware(steps)
  }
  const { earliest } = process.levels
  return {
    variables: new Map(),
    draw: (batch) => {
      if (process.isContinuous)
        return {
          t: uniforms(batch, times)
            .mul(steps - earliest)
            .add(earliest),
        }
      if (times === "uniform") return { t: randomInteger([batch], steps).add(1) }
      return {
        t: minimum(uniforms(batch, times).mul(steps), steps - 1)
          .cast("int32")
          .add(1),
      }
    },
  }
}

/** Options of {@link lossAware}. */
export interface LossAwareOptions {
  /** Losses remembered of each time. */
  readonly history?: number
  /** Share of draws that stays uniform. */
  readonly uniform?: number
}

/**
 * Times in proportion to the root mean square of the last losses of each, once every time has `history` of them; uniform
 * until then. What it remembers are two buffers, which training saves with the model.
 * Source: Nichol and Dhariwal's `LossSecondMomentResampler`.
 */
export function lossAware(steps: number, { history = 10, uniform = 0.001 }: LossAwareOptions = {}): TimeDraw {
  const losses = new Variable(zeros([steps * history]), { role: "buffer", name: "times.losses" })
  const counts = new Variable(zeros([steps]), { role: "buffer", name: "times.counts" })
  return {
    variables: new Map([
      ["times.losses", losses],
      ["times.counts", counts],
    ]),
    draw: (batch) => {
      const [seen, known] = [pending(losses), pending(counts)]
      const size = seen
        .reshape([steps, history])
        .square()
        .mean({ axes: [1] })
        .sqrt()
      const total = maximum(size.sum(), 1e-30)
      const aware = size
        .div(total)
        .mul(1 - uniform)
        .add(uniform / steps)
      const isReady = less(known.min(), history).cast("float32")
      // 1 where some time still lacks losses.
      const chances = isReady.mul(1 / steps).add(isReady.neg().add(1).mul(aware))
      const upTo = cumSum(chances, 0)
      const u = randomUniform([batch]).mul(upTo.slice([[steps - 1, steps]]))
      const index = minimum(
        less(upTo.reshape([1, steps]), u.reshape([batch, 1]))
          .cast("float32")
          .sum({ axes: [1] }),
        steps - 1,
      ).cast("int32")
      return {
        t: index.add(1),
        weight: gather(chances, index, 0).mul(steps).pow(-1),
        learn: (found) => {
          // A time may come several times: its k-th loss goes to the k-th slot after those it has, of the last ten.
          const same = equal(index.reshape([batch, 1]), index.reshape([1, batch])).cast("float32")
          const before = same.mul(lowerTriangle(batch, batch, -1).cast("float32")).sum({ axes: [1] })
          const all = same.sum({ axes: [1] })
          const kept = less(all.sub(before), history + 0.5).cast("float32")
          const slot = mod(gather(known, index, 0).add(before), history)
          const place = index.mul(history).add(slot.cast("int32"))
          const put = (values: Tensor): Tensor => scatterAdd(values.mul(kept), place, 0, steps * history)
          const isNew = put(kept.mul(0).add(1))
          losses.assign(where(less(isNew, 0.5), seen, put(found)))
          // Counts stop growing where float32 would no longer tell them apart; only their rest matters then.
          const next = known.add(scatterAdd(kept.mul(0).add(1), index, 0, steps))
          counts.assign(where(less(next, 2 ** 22), next, mod(next, history).add(history)))
        },
      }
    },
  }
}
