/** `tweedie train`: a recipe becomes a run folder. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import type { Command } from "commander"
import { loader } from "../data/loader.ts"
import { last } from "../diffusion/samplers/sampler.ts"
import { configure, engineOptions } from "../engine/runtime.ts"
import { writeFileAtomic } from "../io/atomic.ts"
import { encodePng, type Raster } from "../io/png.ts"
import type { CommonOptions, Experiment, SampleRequest } from "../recipes/recipe.ts"
import { loadCheckpoint, saveCheckpoint } from "../train/checkpoint.ts"
import { NotFiniteError, type Training, train as trainLoop } from "../train/loop.ts"
import { createRun, isRun, logRecord, type RunConfig, readRun } from "../train/run.ts"
import { writeExport } from "./export.ts"
import { MisuseError } from "./flags.ts"
import { terminalPicture } from "./picture.ts"
import { clock, Progress } from "./progress.ts"
import { freeFolder, optionsOf, readConfigFile, recipeOf } from "./runs.ts"

/** Flags of the verb itself; the rest are the recipe's. */
export interface TrainFlags {
  readonly recipe?: string
  readonly out?: string
  readonly resume?: string
  readonly config?: string
  readonly threads?: string
  readonly sampleEvery?: string
  readonly checkpointEvery?: string
  readonly json?: boolean
  readonly dryRun?: boolean
  readonly [option: string]: unknown
}

/** Reads a whole number from a flag. */
function whole(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0 || text.trim() === "")
    throw new MisuseError(`${name}: got ${text}, expected a whole number from 0`)
  return value
}

/** Describes the verb's own flags. */
export function trainFlags(command: Command): Command {
  return command
    .option("--recipe <name>", "what to train (see `tweedie recipes`)")
    .option("--out <folder>", "run folder to make (default: runs/<recipe>)")
    .option("--resume <folder>", "go on with a run; flags may change its options")
    .option("--config <file>", "options from a JSON file; flags win over it")
    .option("--threads <number>", "threads of the engine (default: all processors)")
    .option("--sample-every <steps>", "updates between pictures (default: a tenth of all)")
    .option("--checkpoint-every <steps>", "updates between checkpoints (default: a tenth of all)")
    .option("--json", "one JSON object a line instead of a progress bar")
    .option("--dry-run", "print what would be done, and stop")
}

interface Plan {
  readonly config: RunConfig
  readonly options: CommonOptions
  readonly experiment: Experiment
  readonly folder: string
  readonly resume: boolean
}

async function planned(flags: TrainFlags): Promise<Plan> {
  if (flags.threads !== undefined) configure({ threads: Math.max(1, whole("--threads", flags.threads, 1)) })
  const file = flags.config === undefined ? {} : await readConfigFile(flags.config)
  const before = flags.resume === undefined ? undefined : await readRun(flags.resume)
  if (before !== undefined && flags.recipe !== undefined && flags.recipe !== before.recipe) {
    throw new MisuseError(`--resume ${flags.resume}: the run is of recipe ${before.recipe}, not ${flags.recipe}`)
  }
  const { recipe: fileRecipe, ...fileOptions } = file as { recipe?: string }
  const name = before?.recipe ?? flags.recipe ?? fileRecipe
  if (name === undefined)
    throw new MisuseError("train: which recipe? give --recipe <name> (`tweedie recipes` lists them)")
  const recipe = recipeOf(name)
  const options = optionsOf(recipe, flags, { ...before?.options, ...fileOptions })
  const folder = flags.resume ?? flags.out ?? (await freeFolder(name))
  if (flags.resume === undefined && (await isRun(folder))) {
    throw new MisuseError(
      `--out ${folder}: there is a run already (go on with --resume ${folder}, or name another folder)`,
    )
  }
  const config: RunConfig = {
    recipe: name,
    options: options as unknown as Record<string, unknown>,
    versions: { tweedie: await ownVersion(), node: process.version },
    threads: engineOptions().threads,
  }
  return { config, options, experiment: recipe.build(options as never), folder, resume: before !== undefined }
}

/** This package's version. */
export async function ownVersion(): Promise<string> {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8")
  return (JSON.parse(text) as { version: string }).version
}

/** Runs the verb. Resolves to the exit code. */
export async function train(flags: TrainFlags): Promise<number> {
  const plan = await planned(flags)
  const { config, options, experiment, folder, resume } = plan
  const say = (text: string): void => void (flags.json ? undefined : process.stderr.write(`${text}\n`))
  if (flags.dryRun) {
    process.stdout.write(`${JSON.stringify({ folder, ...config }, null, 2)}\n`)
    return 0
  }
  const data = await experiment.data().catch((error: Error) => {
    throw new MisuseError(error.message)
  })
  const stop = new AbortController()
  const training = trainLoop(experiment.objective, loader(data, { batch: options.batch, seed: options.seed }), {
    optimizer: experiment.optimizer,
    ema: experiment.ema,
    steps: options.steps,
    seed: options.seed,
    clip: (options as unknown as { clip: number }).clip,
    signal: stop.signal,
  })
  let done = 0
  if (resume) {
    const state = await loadCheckpoint(folder)
    await training.restore(state)
    done = state.step
    if (done >= options.steps)
      throw new MisuseError(`${folder} has made its ${options.steps} steps; give more with --steps`)
  }
  await createRun(folder, config)
  const count = [...experiment.variables.values()].reduce((n, v) => n + v.initial.data.length, 0)
  say(
    `${config.recipe}: ${count.toLocaleString("en")} parameters, ${data.length.toLocaleString("en")} samples, into ${folder}`,
  )

  const onInterrupt = (): void => {
    if (stop.signal.aborted) process.exit(130)
    stop.abort()
  }
  process.on("SIGINT", onInterrupt)
  process.on("SIGTERM", onInterrupt)
  try {
    const code = await loop(plan, training, done, flags, stop.signal)
    if (code !== 0) return code
    const picture = await finish(plan)
    say(`samples: ${join(folder, "samples.png")}`)
    if (flags.json)
      process.stdout.write(`${JSON.stringify({ event: "done", folder, samples: join(folder, "samples.png") })}\n`)
    else if (process.stdout.isTTY)
      process.stdout.write(`${terminalPicture(picture, Math.min(120, process.stdout.columns ?? 80))}\n`)
    return 0
  } finally {
    process.off("SIGINT", onInterrupt)
    process.off("SIGTERM", onInterrupt)
    await training.dispose()
  }
}

async function loop(
  plan: Plan,
  training: Training,
  done: number,
  flags: TrainFlags,
  signal: AbortSignal,
): Promise<number> {
  const { options, folder } = plan
  const tenth = Math.max(1, Math.ceil(options.steps / 10))
  const sampleEvery = whole("--sample-every", flags.sampleEvery, tenth)
  const checkpointEvery = whole("--checkpoint-every", flags.checkpointEvery, tenth)
  const bar = new Progress("train", options.steps, { start: done })
  const began = performance.now()
  let loss = Number.NaN
  let saved = done
  try {
    for await (const report of training) {
      loss = Number.isNaN(loss) ? report.loss : 0.98 * loss + 0.02 * report.loss
      const { step } = report
      const isLast = step === options.steps
      if (!flags.json) bar.update(step, `loss ${loss.toFixed(4)}`)
      if (step % 10 === 0 || isLast) {
        const record = {
          step,
          epoch: report.epoch,
          loss: report.loss,
          average: loss,
          ...report.terms,
          gradientNorm: report.gradientNorm,
          lr: report.lr,
        }
        await logRecord(folder, { ...record, seconds: (performance.now() - began) / 1000 })
        if (flags.json) process.stdout.write(`${JSON.stringify({ event: "step", ...record })}\n`)
      }
      if (isLast || (checkpointEvery > 0 && step % checkpointEvery === 0)) {
        await saveCheckpoint(folder, await training.state())
        saved = step
      }
      if (!isLast && sampleEvery > 0 && step % sampleEvery === 0)
        await preview(plan, join("samples", `step-${step}.png`), { steps: 25, replace: training.average })
      if (signal.aborted && !isLast) break
    }
  } catch (error) {
    if (!signal.aborted) {
      bar.end()
      if (error instanceof NotFiniteError) {
        throw new Error(`${error.message}; the checkpoint of step ${saved} in ${folder} is untouched`)
      }
      throw error
    }
  }
  bar.end()
  if (!signal.aborted) return 0
  const state = await training.state()
  if (state.step > 0) await saveCheckpoint(folder, state)
  process.stderr.write(
    `stopped at step ${state.step} after ${clock((performance.now() - began) / 1000)}; go on with: npx tweedie train --resume ${folder}\n`,
  )
  return 130
}

/** Draws samples into the run folder. */
async function preview(
  { experiment, options, folder }: Plan,
  file: string,
  { steps, replace }: { readonly steps: number; readonly replace?: SampleRequest["replace"] },
): Promise<Raster> {
  const { previewCount: count, classes } = experiment
  const samples = experiment.sample({
    count,
    // Some of every class, in order.
    ...(classes > 0 && { labels: Int32Array.from({ length: count }, (_, i) => Math.floor((i * classes) / count)) }),
    sampler: "ddim",
    seed: options.seed,
    // A process may have fewer times than that.
    steps: Math.min(steps, experiment.defaultSteps("ddim")),
    ...(replace !== undefined && { replace }),
  })
  const picture = experiment.picture((await last(samples)).x)
  await writeFileAtomic(join(folder, file), encodePng(picture))
  return picture
}

/** The end of a run: samples and files of the averaged weights, which the model holds now. */
async function finish(plan: Plan): Promise<Raster> {
  const picture = await preview(plan, "samples.png", { steps: 50 })
  await writeExport(plan.experiment, plan.folder)
  return picture
}
