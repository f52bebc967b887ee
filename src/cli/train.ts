/** `tweedie train`: a recipe becomes a run folder. */
import { join } from "node:path"
import { type Dataset, split } from "../data/dataset.ts"
import { FetchError } from "../data/fetch.ts"
import { loader } from "../data/loader.ts"
import { last } from "../diffusion/samplers/sampler.ts"
import { writeFileAtomic } from "../io/atomic.ts"
import { encodePng, type Raster } from "../io/png.ts"
import type { SampleRequest } from "../recipes/recipe.ts"
import {
  bestOf,
  type CheckpointNote,
  checkpointNotes,
  checkpointSteps,
  loadCheckpoint,
  recoverCheckpoints,
  saveCheckpoint,
} from "../train/checkpoint.ts"
import { type Evaluator, evaluator } from "../train/evaluate.ts"
import { type EventLog, openEvents } from "../train/events.ts"
import { lockRun } from "../train/lock.ts"
import { NotFiniteError, type Training, train as trainLoop } from "../train/loop.ts"
import { createRun, cutLog, isRun, logRecord, makeRunFolder } from "../train/run.ts"
import { exportedFiles, writeExport } from "./export.ts"
import { MisuseError } from "./flags.ts"
import { givenOf } from "./given.ts"
import { Interrupt } from "./interrupt.ts"
import { terminalPicture } from "./picture.ts"
import { changesSince, type Plan, planned, type TrainFlags } from "./plan.ts"
import { clock, Progress } from "./progress.ts"
import { exists, sizeText } from "./runs.ts"
import { Voice } from "./voice.ts"

/** Runs the verb. Resolves to the exit code. */
export async function train(flags: TrainFlags): Promise<number> {
  const plan = await planned(flags)
  const { config, options, experiment, before, folder } = plan
  const voice = new Voice(flags.json === true)
  if (flags.dryRun) {
    process.stdout.write(`${JSON.stringify({ folder, ...config }, null, 2)}\n`)
    return 0
  }
  for (const change of before === undefined ? [] : changesSince(before, config)) voice.warn(change)
  const data = await experiment
    .data((line) => voice.say(line, { event: "data", message: line }))
    .catch((error: Error) => {
      throw error instanceof FetchError ? error : new MisuseError(error.message)
    })
  if (data.about !== undefined) voice.say(data.about, { event: "data", message: data.about })
  const parts: Parts = options.validation > 0 ? split(data, options) : { train: data }
  if (parts.train.length < options.batch) {
    throw new MisuseError(
      `--batch: got ${options.batch}, there are ${parts.train.length} samples to train on (give --batch ${parts.train.length} or less)`,
    )
  }
  const release = await opened(plan)
  try {
    return await run(plan, parts, flags, voice)
  } finally {
    await release()
  }
}

/** Makes the folder and takes its lock. */
async function opened({ folder, before, config }: Plan): Promise<() => Promise<void>> {
  const flag = before === undefined ? "--out" : "--resume"
  const isMisuse = (error: unknown): boolean => !["ENOSPC", "EDQUOT", "EIO"].includes(codeOf(error) ?? "")
  try {
    await makeRunFolder(folder)
    const release = await lockRun(folder)
    if (before !== undefined) await recoverCheckpoints(folder)
    else if (await isRun(folder)) {
      await release()
      throw new MisuseError(`there is a run already (go on with --resume ${folder}, or name another folder)`)
    } else await createRun(folder, config)
    return release
  } catch (cause) {
    const message = `${flag} ${folder}: ${(cause as Error).message}`
    throw isMisuse(cause) ? new MisuseError(message, { cause }) : new Error(message, { cause })
  }
}

/** The items that are trained on, and those that are not. */
interface Parts {
  readonly train: Dataset
  readonly validation?: Dataset
}

async function run(plan: Plan, { train: plain, validation }: Parts, flags: TrainFlags, voice: Voice): Promise<number> {
  const { config, options, experiment, folder, before } = plan
  const data = experiment.augmented?.(plain) ?? plain
  const seen = validation ?? plain
  const stop = new Interrupt()
  const training = trainLoop(experiment.objective, loader(data, { batch: options.batch, seed: options.seed }), {
    optimizer: experiment.optimizer,
    ema: experiment.ema,
    steps: options.steps,
    seed: options.seed,
    clip: options.clip,
    signal: stop.signal,
  })
  const evaluation =
    validation &&
    evaluator(experiment.objective, validation, {
      batch: options.batch,
      seed: options.seed,
      replace: training.average,
    })
  try {
    let done = 0
    const isNew = before === undefined || (await checkpointSteps(folder)).length === 0
    if (isNew) await experiment.begin?.()
    if (before !== undefined) {
      if (isNew) voice.warn(`${folder} has no checkpoint yet: beginning from the first step`)
      else {
        const state = await loadCheckpoint(folder, { warn: (line) => voice.warn(line) })
        await training.restore(state)
        done = state.step
      }
      if (done > options.steps)
        throw new MisuseError(
          `--steps: got ${options.steps}, and ${folder} has made ${done} (give ${done} to end it there, or more)`,
        )
      if (done === options.steps && (await isFinished(plan)))
        throw new MisuseError(`${folder} has made its ${options.steps} steps; give more with --steps`)
      await cutLog(folder, done)
      await createRun(folder, config)
    }
    const parameters = [...experiment.variables.values()].reduce((n, v) => n + v.initial.data.length, 0)
    voice.say(
      `${config.recipe}: ${parameters.toLocaleString("en")} parameters, ${data.length.toLocaleString("en")} samples, ` +
        (before === undefined ? `into ${folder}` : `on from step ${done} in ${folder}`),
      { event: "start", recipe: config.recipe, folder, parameters, samples: data.length, step: done },
    )
    stop.listen()
    const events = await openEvents(folder, { from: done }).catch((error: unknown) => {
      throw withComfort(error, folder, done)
    })
    const end = await loop(plan, training, { evaluation, events, seen, done, voice, signal: stop.signal })
    if (end !== "done") return 130
    const picture = await finish(plan, training, seen).catch((error: unknown) => {
      throw withComfort(error, folder, options.steps)
    })
    const notes = await checkpointNotes(folder)
    const bytes = notes.reduce((sum, note) => sum + note.bytes, 0)
    voice.say(`samples: ${join(folder, "samples.png")}`)
    voice.say(`checkpoints: ${notes.map((n) => n.step).join(", ")} (${sizeText(bytes)} in all)`)
    voice.tell({ event: "done", folder, samples: join(folder, "samples.png"), checkpointBytes: bytes })
    if (!flags.json && process.stdout.isTTY)
      process.stdout.write(`${terminalPicture(picture, Math.min(120, process.stdout.columns ?? 80))}\n`)
    return 0
  } finally {
    stop.release()
    await evaluation?.dispose()
    await training.dispose()
  }
}

/** Whether the end of a run was reached, its files included. */
async function isFinished({ experiment, folder }: Plan): Promise<boolean> {
  const files = [...exportedFiles(experiment, folder), join(folder, "samples.png")]
  return (await Promise.all(files.map(exists))).every(Boolean)
}

/** What goes with a training: who measures it, who is told, and who may stop it. */
interface Watch {
  readonly evaluation: Evaluator | undefined
  readonly events: EventLog
  /** Data that pictures may be made of. */
  readonly seen: Dataset
  /** Steps made before. */
  readonly done: number
  readonly voice: Voice
  readonly signal: AbortSignal
}

/** Trains until all steps are made, the validation loss rises, or somebody says stop. */
async function loop(
  plan: Plan,
  training: Training,
  { evaluation, events, seen, done, voice, signal }: Watch,
): Promise<"done" | "stopped"> {
  const { options, folder, sampleEvery, checkpointEvery } = plan
  const bar = new Progress("train", options.steps, { start: done })
  const began = performance.now()
  const seconds = (): number => (performance.now() - began) / 1000
  let average = Number.NaN
  let saved = done
  let best = bestOf(await checkpointNotes(folder))
  const save = async (withLoss: boolean): Promise<CheckpointNote> => {
    const validation = withLoss ? await evaluation?.loss() : undefined
    const note = await saveCheckpoint(folder, await training.state(), {
      keep: plan.keep,
      ...(validation !== undefined && { validation }),
    })
    saved = note.step
    if (validation !== undefined) {
      await logRecord(folder, { step: note.step, validation })
      await events.add({ step: note.step, scalars: { validation } })
      if (bestOf([...(best ? [best] : []), note]) === note) best = note
    }
    voice.tell({ event: "checkpoint", ...note })
    return note
  }
  /** Makes steps; true where the end is reached, be it early. */
  const steps = async (): Promise<boolean> => {
    for await (const report of training) {
      const { step, epoch, loss, terms, gradientNorm, lr } = report
      average = Number.isNaN(average) ? loss : 0.98 * average + 0.02 * loss
      const isLast = step === options.steps
      if (!voice.isJson) bar.update(step, `loss ${average.toFixed(4)}`)
      if (step % 10 === 0 || isLast) {
        const record = { step, epoch, loss, average, ...terms, gradientNorm, lr }
        await logRecord(folder, { ...record, seconds: seconds() })
        await events.add({ step, scalars: { loss, ...terms, gradientNorm, lr } })
        voice.tell({ event: "step", ...record })
      }
      if (isLast || (checkpointEvery > 0 && step % checkpointEvery === 0)) {
        await save(true)
        if (!isLast && options.patience > 0 && best !== undefined && step - best.step >= options.patience) {
          bar.end()
          const lowest = best.validation?.toFixed(4)
          voice.say(`stopped at step ${step}: the validation loss was lowest, ${lowest}, at step ${best.step}`, {
            event: "early",
            step,
            best: best.step,
            validation: best.validation,
          })
          return true
        }
      }
      if (!isLast && sampleEvery > 0 && step % sampleEvery === 0) {
        const file = join("samples", `step-${step}.png`)
        const picture = await preview(plan, file, { most: 25, seen, replace: training.average })
        await events.add({ step, images: { samples: picture } })
      }
      if (signal.aborted && !isLast) return false
    }
    return true
  }
  try {
    const isDone = await steps().catch((error: Error) => {
      if (signal.aborted && error.name === "AbortError") return false
      throw error
    })
    bar.end()
    if (isDone) return "done"
    const { step } = await training.state()
    if (step > saved) await save(false)
    const resume = `npx tweedie train --resume ${folder}`
    const how = step > 0 ? `go on with: ${resume}` : "nothing was trained yet; begin again"
    voice.always(`stopped at step ${step} after ${clock(seconds())}; ${how}`, { event: "stopped", step, resume })
    return "stopped"
  } catch (error) {
    bar.end()
    throw withComfort(error, folder, saved)
  }
}

/** The system's name of what went wrong, of an error or of what caused it. */
function codeOf(error: unknown): string | undefined {
  const { code, cause } = error as { code?: string; cause?: { code?: string } }
  return code ?? cause?.code
}

/** An error with what is left: the checkpoint that it did not touch, and how to go on. */
function withComfort(error: unknown, folder: string, saved: number): unknown {
  const left =
    saved > 0 ? `the checkpoint of step ${saved} in ${folder} is untouched` : `no checkpoint had been written yet`
  const { message, cause } = error as Error
  if (error instanceof NotFiniteError) return new Error(`${message}; ${left}`, { cause: error })
  const reason = codeOf(error)
  if (reason === undefined) return error
  const cure = reason === "ENOSPC" || reason === "EDQUOT" ? "free some space" : "mend that"
  return new Error(`${message}; ${left} (${cure}, then go on with: npx tweedie train --resume ${folder})`, { cause })
}

/** Draws samples into the run folder, in at most so many steps; made of `seen` where there are no held-out data. */
async function preview(
  { experiment, options, folder }: Plan,
  file: string,
  { most = 50, seen, replace }: { readonly most?: number; readonly seen: Dataset } & Pick<SampleRequest, "replace">,
): Promise<Raster> {
  const { previewCount: count, classes } = experiment
  const given = await givenOf(experiment, count, seen)
  const samples = experiment.sample({
    count,
    // Some of every class, in order.
    ...(classes > 0 && { labels: Int32Array.from({ length: count }, (_, i) => Math.floor((i * classes) / count)) }),
    sampler: "ddim",
    seed: options.seed,
    // A process may have fewer times than that.
    steps: Math.min(most, experiment.defaultSteps("ddim")),
    ...(given !== undefined && { given }),
    ...(replace !== undefined && { replace }),
  })
  const picture = experiment.picture(await last(samples), given)
  await writeFileAtomic(join(folder, file), encodePng(picture))
  return picture
}

/** The end of a run: samples and files of the averaged weights; those of the best checkpoint where losses tell. */
async function finish(plan: Plan, training: Training, seen: Dataset): Promise<Raster> {
  const best = bestOf(await checkpointNotes(plan.folder))
  if (best !== undefined) await training.restore(await loadCheckpoint(plan.folder, { step: best.step }))
  await training.finish()
  const picture = await preview(plan, "samples.png", { seen })
  await writeExport(plan.experiment, plan.folder)
  return picture
}
