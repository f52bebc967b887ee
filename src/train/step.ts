/** One training step as one program: forward, gradient, clipping, optimizer, average. */
import type { Batch } from "../data/dataset.ts"
import { type Arrayable, full, type NdArray, toNumbers, zeros } from "../engine/array.ts"
import { type Compiled, compile } from "../engine/compile.ts"
import { gradients } from "../engine/grad.ts"
import { write } from "../engine/state.ts"
import { pending, type Tensor, Variable } from "../engine/tensor.ts"
import { clipByGlobalNorm, globalNorm } from "../optim/clip.ts"
import type { Ema } from "../optim/ema.ts"
import type { Optimizer } from "../optim/optimizer.ts"
import type { Objective, TensorBatch } from "./objective.ts"

/** What a step is made of. */
export interface StepOptions {
  readonly optimizer: Optimizer
  readonly ema: Ema | null
  /** Bound on the global norm of the gradient; none for `null`. */
  readonly clip: number | null
  /** Batches whose gradients are averaged before each update. */
  readonly accumulate: number
  readonly seed: number
  readonly profile?: string
}

/** What one step tells. */
export interface StepResult {
  readonly loss: number
  readonly gradientNorm: number
  readonly terms: Readonly<Record<string, number>>
}

type Outputs = { readonly loss: Tensor; readonly norm: Tensor; readonly terms: Readonly<Record<string, Tensor>> }
type Program = Compiled<[TensorBatch, Tensor, Tensor], Outputs>

/** The compiled step of an objective, with its accumulated gradients where there are several batches an update. */
export class TrainStep {
  /** Gradients summed since the last update. */
  readonly accumulated: ReadonlyMap<string, Variable>
  readonly #gather: Program
  readonly #update: Program
  readonly #every: number
  #calls = 0

  constructor(objective: Objective, { optimizer, ema, clip, accumulate, seed, profile }: StepOptions) {
    const parameters = new Map([...objective.variables].filter(([, v]) => v.trainable))
    if (parameters.size === 0) throw new RangeError("train: the model has no trainable parameters (all are frozen)")
    const wrt = [...parameters.values()]
    const accumulated = new Map<string, Variable>()
    if (accumulate > 1) {
      for (const [path, p] of parameters) {
        accumulated.set(path, new Variable(zeros(p.shape, p.dtype), { role: "slot", name: `gradient.${path}` }))
      }
    }
    const sums = [...accumulated.values()]
    const forward = (
      batch: TensorBatch,
    ): { loss: Tensor; terms: Readonly<Record<string, Tensor>>; grads: Tensor[] } => {
      const { total, terms = {} } = objective.loss(batch)
      const grads = gradients(total, wrt)
      return { loss: total, terms, grads: accumulate > 1 ? grads.map((g, i) => g.add(sums[i])) : grads }
    }
    const gather = (batch: TensorBatch): Outputs => {
      const { loss, terms, grads } = forward(batch)
      for (const [i, g] of grads.entries()) sums[i].assign(g)
      return { loss, terms, norm: globalNorm(grads) }
    }
    const update = (batch: TensorBatch, rate: Tensor, decay: Tensor): Outputs => {
      const { loss, terms, grads } = forward(batch)
      const mean = accumulate > 1 ? grads.map((g) => g.mul(1 / accumulate)) : grads
      const norm = globalNorm(mean)
      optimizer.update(parameters, clip === null ? mean : clipByGlobalNorm(mean, clip, norm), rate)
      ema?.update(decay)
      for (const sum of sums) sum.assign(pending(sum).mul(0))
      return { loss, terms, norm }
    }
    this.accumulated = accumulated
    this.#every = accumulate
    this.#gather = compile(gather as never, { training: true, seed }) as Program
    this.#update = compile(update as never, {
      training: true,
      seed,
      ...(profile !== undefined && { profile }),
    }) as Program
  }

  /** Batches taken so far: with the seed, the state of the generator. */
  get calls(): number {
    return this.#calls
  }
  set calls(n: number) {
    this.#calls = n
  }

  /** Takes one batch; every `accumulate`-th call updates the parameters. */
  async run({ x, y }: Batch, rate: number, decay: number): Promise<StepResult> {
    const program = (this.#calls + 1) % this.#every === 0 ? this.#update : this.#gather
    program.runs = this.#calls++
    const batch = (y === undefined ? { x } : { x, y }) as { x: Arrayable; y: Arrayable }
    const scalar = (v: number): NdArray => full([], v, "float64")
    const { loss, norm, terms } = await program(batch as never, scalar(rate), scalar(decay))
    const number = (a: NdArray): number => toNumbers(a)[0]
    return {
      loss: number(loss),
      gradientNorm: number(norm),
      terms: Object.fromEntries(Object.entries(terms).map(([k, v]) => [k, number(v)])),
    }
  }

  /** Goes on as after so many batches, without the gradients gathered since the last update. */
  async restart(calls: number): Promise<void> {
    this.#calls = calls
    await write(new Map([...this.accumulated.values()].map((v) => [v, zeros(v.shape, v.dtype)])))
  }

  /** Ends profiling of the update; gives the name of the profile file. */
  profile(): Promise<string> {
    return this.#update.profile()
  }

  async dispose(): Promise<void> {
    await this.#gather.dispose()
    await this.#update.dispose()
  }
}
