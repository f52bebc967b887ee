/** The training loop: batches in, reports out. */
import type { Batch } from "../data/dataset.ts"
import type { Loader, LoaderState } from "../data/loader.ts"
import type { NdArray } from "../engine/array.ts"
import { formatShape, sameShape } from "../engine/shape.ts"
import { read, write } from "../engine/state.ts"
import type { Variable } from "../engine/tensor.ts"
import { adamW } from "../optim/adam.ts"
import { rateAt } from "../optim/curves.ts"
import { Ema, type EmaDecay, emaWarmup } from "../optim/ema.ts"
import type { Optimizer } from "../optim/optimizer.ts"
import type { Objective } from "./objective.ts"
import { TrainStep } from "./step.ts"

/** Options of {@link train}. */
export interface TrainOptions {
  /** Default: AdamW with a learning rate of 1e-3. */
  readonly optimizer?: Optimizer
  /** Updates to make; endless unless given. */
  readonly steps?: number
  /** Decay of the averaged weights (a number gets a warm-up), or `null` for none; default 0.999. */
  readonly ema?: EmaDecay | null
  /** Bound on the global norm of the gradient, or `null` for none; default 1. */
  readonly clip?: number | null
  /** Batches an update, whose gradients are averaged; default 1. */
  readonly accumulate?: number
  /** Seed of noise and dropout; default 0. */
  readonly seed?: number
  /** Stops before the next update: the iteration throws the reason of the abort. */
  readonly signal?: AbortSignal
  /** Prefix of a profile file, which {@link Training.profile} ends. */
  readonly profile?: string
}

/** What is known after a step. */
export interface Report {
  /** Updates made so far. */
  readonly step: number
  /** Whole passes over the data so far. */
  readonly epoch: number
  /** The loss before the update, a mean over its batches. */
  readonly loss: number
  /** Parts of the loss that the objective names, likewise. */
  readonly terms: Readonly<Record<string, number>>
  /** Euclidean norm of the whole gradient before it was clipped. */
  readonly gradientNorm: number
  /** The learning rate of this update. */
  readonly lr: number
  /** Seconds this step took, waiting for data included. */
  readonly seconds: number
  /** Samples this step used. */
  readonly samples: number
}

/** Everything needed to go on as if training had never stopped. */
export interface TrainState {
  readonly step: number
  readonly loader: LoaderState
  /** Everything the objective calls a variable, by name. */
  readonly model: ReadonlyMap<string, NdArray>
  /** What the optimizer remembers, and gradients gathered for the next update. */
  readonly optimizer: ReadonlyMap<string, NdArray>
  /** Averaged weights by name, or `null` where nothing is averaged. */
  readonly ema: ReadonlyMap<string, NdArray> | null
}

/** A training under way: iterate it to make it go on; break or abort to stop it. */
export interface Training extends AsyncIterable<Report> {
  /** Averaged weights in place of trained ones, for sampling: `ddim(model, { replace: training.average })`. */
  readonly average: (v: Variable) => Variable
  /** Averaged weights by name, or `null` without averaging. */
  readonly ema: Ema | null
  /** A copy of all that is needed to go on, as of the last step done. */
  state(): Promise<TrainState>
  /**
   * Goes back to a saved state, which a later iteration goes on from.
   *
   * @throws RangeError where it is of another model or optimizer; nothing is written then.
   */
  restore(state: TrainState): Promise<void>
  /** Gives the model its averaged weights, as the end of the last step does; for a training that was left before. */
  finish(): Promise<void>
  /** Ends profiling; gives the name of the profile file. */
  profile(): Promise<string>
  /** Frees the programs. Parameters stay. */
  dispose(): Promise<void>
}

/** The loss, a term of it or the norm of the gradient is no finite number: training stops after that step. */
export class NotFiniteError extends Error {
  override readonly name = "NotFiniteError"
}

/** The next batch; a fault waits until somebody asks. */
function nextOf(loader: Loader): Promise<Batch> {
  const batch = loader.prepare().then(() => loader.next())
  batch.catch(() => undefined)
  return batch
}

/**
 * Trains an objective on a loader's batches. The next batch is prepared while a step runs. When the last step is done
 * the model holds the averaged weights (with `ema: null`, the trained ones).
 *
 * @example for await (const { step, loss } of train(simple(model), loader(await mnist()))) console.log(step, loss)
 * @throws RangeError when the steps or the batches an update are out of range, or nothing is trainable.
 * @throws NotFiniteError when the loss, a term of it or the gradient's norm becomes NaN or infinite; the parameters are then
 * those after that step.
 */
export function train(
  objective: Objective,
  loader: Loader,
  {
    optimizer = adamW({ lr: 1e-3 }),
    steps = Number.POSITIVE_INFINITY,
    ema = 0.999,
    clip = 1,
    accumulate = 1,
    seed = 0,
    signal,
    profile,
  }: TrainOptions = {},
): Training {
  if (!(steps >= 0)) throw new RangeError(`train: got ${steps} steps, expected a number from 0`)
  if (!(Number.isInteger(accumulate) && accumulate >= 1))
    throw new RangeError(`train: accumulate is ${accumulate}, expected a whole number of batches from 1`)
  const parameters = new Map([...objective.variables].filter(([, v]) => v.trainable))
  const average = ema === null ? null : new Ema(parameters)
  const decay = typeof ema === "number" ? emaWarmup(ema) : ema
  const program = new TrainStep(objective, {
    optimizer,
    ema: average,
    clip,
    accumulate,
    seed,
    ...(profile !== undefined && { profile }),
  })
  let step = 0
  let position = loader.state()

  const finish = async (): Promise<void> => {
    if (average === null) return
    const values = await read([...average.averages.values()])
    await write(new Map([...parameters.values()].map((p, i) => [p, values[i]])))
  }

  async function* run(): AsyncGenerator<Report> {
    if (step >= steps) return
    // A batch prepared but never used, when the iteration was left, comes again.
    loader.restore(position)
    let coming = nextOf(loader)
    while (step < steps) {
      const started = performance.now()
      const lr = rateAt(optimizer.lr, step)
      let samples = 0
      let loss = 0
      let gradientNorm = 0
      const terms: Record<string, number> = {}
      signal?.throwIfAborted()
      let used = position
      try {
        for (let k = 0; k < accumulate; k++) {
          const batch = await coming
          const running = program.run(batch, lr, decay === null ? 0 : decay(step))
          samples += batch.x.shape[0]
          used = loader.state()
          // The worker computes; meanwhile the next batch is made here. A fault of it is told where it is needed: this
          // step counts.
          coming = nextOf(loader)
          await Promise.allSettled([running, coming])
          const result = await running
          loss += result.loss / accumulate
          gradientNorm = result.gradientNorm
          for (const [name, value] of Object.entries(result.terms))
            terms[name] = (terms[name] ?? 0) + value / accumulate
        }
      } catch (error) {
        // Its batches come again. Where this fails too, the first fault says more.
        await program.restart(step * accumulate).catch(() => undefined)
        throw error
      }
      position = used
      step++
      const watched = { ...terms, loss, "norm of the gradient": gradientNorm }
      const culprit = Object.entries(watched).find(([, v]) => !Number.isFinite(v))
      if (culprit !== undefined) {
        throw new NotFiniteError(
          `train: ${culprit[0]} became ${culprit[1]} at step ${step} (lower the learning rate or clip the gradient)`,
        )
      }
      yield {
        step,
        epoch: position.epoch,
        loss,
        terms,
        gradientNorm,
        lr,
        seconds: (performance.now() - started) / 1000,
        samples,
      }
    }
    await finish()
  }

  /** What variables become by saved values, where those are of this model. */
  const matched = (
    what: string,
    to: ReadonlyMap<string, Variable>,
    from: ReadonlyMap<string, NdArray>,
  ): Map<Variable, NdArray> => {
    const missing = [...to.keys()].find((name) => !from.has(name))
    if (missing !== undefined)
      throw new RangeError(`restore: the saved ${what} has no ${missing}; it is of another model`)
    for (const [name, { shape }] of to) {
      const saved = from.get(name)!
      if (!sameShape(saved.shape, shape)) {
        throw new RangeError(
          `restore: ${name} is ${formatShape(saved.shape)} in the saved ${what}, ${formatShape(shape)} here: the network is another (keep its options when a run goes on)`,
        )
      }
    }
    return new Map([...to].map(([name, v]) => [v, from.get(name)!]))
  }
  const valuesOf = async (found: ReadonlyMap<string, Variable>): Promise<Map<string, NdArray>> => {
    const values = await read([...found.values()])
    return new Map([...found.keys()].map((name, i) => [name, values[i]]))
  }
  const memory = (): Map<string, Variable> =>
    new Map([...optimizer.slots(), ...[...program.accumulated].map(([path, v]) => [`gradient.${path}`, v] as const)])

  return {
    [Symbol.asyncIterator]: run,
    average: (v) => average?.replace(v) ?? v,
    ema: average,
    state: async () => ({
      step,
      loader: position,
      model: await valuesOf(objective.variables),
      optimizer: await valuesOf(memory()),
      ema: average === null ? null : await valuesOf(average.averages),
    }),
    restore: async (state) => {
      const gradientsOf = new Map([...program.accumulated].map(([path, v]) => [`gradient.${path}`, v] as const))
      const values = [
        matched("model", objective.variables, state.model),
        // Where nothing was averaged so far, the average begins with the weights as they are.
        average === null ? new Map() : matched("averages", average.averages, state.ema ?? state.model),
        matched("gradients", gradientsOf, state.optimizer),
      ]
      // Loader and optimizer refuse what is of another data set or model too: nothing is written before all was looked at.
      const before = loader.state()
      loader.restore(state.loader)
      loader.restore(before)
      await optimizer.restore(state.optimizer)
      await write(new Map(values.flatMap((part) => [...part])))
      step = state.step
      program.calls = state.step * accumulate
      loader.restore(state.loader)
      position = state.loader
    },
    finish,
    profile: () => program.profile(),
    dispose: () => program.dispose(),
  }
}
