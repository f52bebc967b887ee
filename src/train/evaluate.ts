/** The loss on items that are not trained on: the same items and the same noise each time, so that losses compare. */
import type { Dataset } from "../data/dataset.ts"
import { loader } from "../data/loader.ts"
import { type Arrayable, toNumbers } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import type { Tensor, Variable } from "../engine/tensor.ts"
import type { Objective, TensorBatch } from "./objective.ts"

/** How {@link evaluator} evaluates. */
export interface EvaluatorOptions {
  /** Items a batch, default 128 (all that are evaluated where those are fewer). */
  readonly batch?: number
  /** Most items an evaluation, default 4096: the first of a random order. */
  readonly items?: number
  /** Seed of that order and of the noise. */
  readonly seed?: number
  /** Averaged weights in place of trained ones. */
  readonly replace?: (variable: Variable) => Variable
}

/** An evaluation that can be repeated as the weights change. */
export interface Evaluator {
  /** Mean loss of an item. */
  loss(): Promise<number>
  dispose(): Promise<void>
}

/**
 * Measures an objective's loss on a data set, with dropout off: two calls with the same weights give the same number. Items
 * beyond whole batches are left out, so that one program serves.
 */
export function evaluator(
  objective: Objective,
  dataset: Dataset,
  { batch = 128, items = 4096, seed = 0, replace }: EvaluatorOptions = {},
): Evaluator {
  const size = Math.min(batch, items, dataset.length)
  const batches = Math.max(1, Math.floor(Math.min(items, dataset.length) / size))
  const stream = loader(dataset, { batch: size, seed })
  const start = stream.state()
  const program = compile((b: TensorBatch): Tensor => objective.loss(b).total, {
    seed,
    ...(replace !== undefined && { replace }),
  })
  return {
    loss: async () => {
      stream.restore(start)
      program.runs = 0
      let sum = 0
      for (let k = 0; k < batches; k++) {
        await stream.prepare()
        const { x, y } = stream.next()
        const fed = (y === undefined ? { x } : { x, y }) as { x: Arrayable; y: Arrayable }
        sum += toNumbers(await program(fed as never))[0]
      }
      return sum / batches
    },
    dispose: () => program.dispose(),
  }
}
