/** What `tweedie train` is asked to do: flags, a configuration file and a run to go on with become one plan. */
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { resolve } from "node:path"
import type { Command } from "commander"
import { configure, engineOptions } from "../engine/runtime.ts"
import type { CommonOptions, Experiment } from "../recipes/recipe.ts"
import { isRun, type RunConfig, readRun } from "../train/run.ts"
import { MisuseError } from "./flags.ts"
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
  readonly keep?: string
  readonly json?: boolean
  readonly dryRun?: boolean
  readonly [option: string]: unknown
}

/** Describes the verb's own flags. */
export function trainFlags(command: Command): Command {
  return command
    .option("--recipe <name>", "what to train (see `tweedie recipes`)")
    .option("--out <folder>", "run folder to make (default: runs/<recipe>)")
    .option("--resume <folder>", "go on with a run; flags may change its options")
    .option("--config <file>", "options from a JSON file, such as config.json of a run; flags win over it")
    .option("--threads <number>", "threads of the engine (default: all processors, or those the run began with)")
    .option("--sample-every <steps>", "updates between pictures (default: a tenth of all)")
    .option("--checkpoint-every <steps>", "updates between checkpoints (default: a tenth of all)")
    .option("--keep <number>", "newest checkpoints to keep; the best is kept too (default: 2)")
    .option("--json", "one JSON object a line instead of a progress bar")
    .option("--dry-run", "print what would be done, and stop")
}

/** Reads a whole number from a flag. */
export function whole(name: string, text: string | undefined, fallback: number, least = 0): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < least || text.trim() === "")
    throw new MisuseError(`${name}: got ${text}, expected a whole number from ${least}`)
  return value
}

/** What a training is going to be. */
export interface Plan {
  readonly config: RunConfig
  readonly options: CommonOptions
  readonly experiment: Experiment
  readonly folder: string
  /** The configuration of the run that goes on. */
  readonly before?: RunConfig
  readonly sampleEvery: number
  readonly checkpointEvery: number
  readonly keep: number
}

/** Reads everything there is to read before work begins. */
export async function planned(flags: TrainFlags): Promise<Plan> {
  const file = flags.config === undefined ? {} : await readConfigFile(flags.config)
  const before = flags.resume === undefined ? undefined : await readRun(flags.resume)
  if (before !== undefined && flags.recipe !== undefined && flags.recipe !== before.recipe) {
    throw new MisuseError(`--resume ${flags.resume}: the run is of recipe ${before.recipe}, not ${flags.recipe}`)
  }
  if (flags.resume !== undefined && flags.out !== undefined)
    throw new MisuseError("--out and --resume: a run goes on in its own folder (give one of the two)")
  const { recipe: fileRecipe, ...fileOptions } = file as { recipe?: string }
  const name = before?.recipe ?? flags.recipe ?? fileRecipe
  if (name === undefined)
    throw new MisuseError("train: which recipe? give --recipe <name> (`tweedie recipes` lists them)")
  const recipe = recipeOf(name)
  const asked = optionsOf(recipe, flags, { ...before?.options, ...fileOptions })
  const complete: CommonOptions = (await recipe.complete?.(asked as never)) ?? asked
  // The run may be gone on with from another folder.
  const paths = Object.entries(complete).filter(([key, v]) => ["dataDir", "autoencoder"].includes(key) && v)
  const options: CommonOptions = {
    ...complete,
    ...Object.fromEntries(paths.map(([key, path]) => [key, resolve(path as string)])),
  }
  // The same number of threads gives the same bits.
  const threads = whole("--threads", flags.threads, before?.threads ?? engineOptions().threads, 1)
  if (threads > 1024) throw new MisuseError(`--threads: got ${threads}, expected at most 1024`)
  configure({ threads })
  const folder = flags.resume ?? flags.out ?? (await freeFolder(name))
  if (flags.resume === undefined && (await isRun(folder))) {
    throw new MisuseError(
      `--out ${folder}: there is a run already (go on with --resume ${folder}, or name another folder)`,
    )
  }
  const tenth = Math.max(1, Math.ceil(options.steps / 10))
  return {
    config: {
      recipe: name,
      options: options as unknown as Record<string, unknown>,
      versions: await versions(),
      threads,
    },
    options,
    experiment: recipe.build(options as never),
    folder,
    ...(before !== undefined && { before }),
    sampleEvery: whole("--sample-every", flags.sampleEvery, tenth),
    checkpointEvery: whole("--checkpoint-every", flags.checkpointEvery, tenth),
    keep: whole("--keep", flags.keep, 2, 1),
  }
}

/** Versions that decide what is computed. */
export async function versions(): Promise<Readonly<Record<string, string>>> {
  const runtime = createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string }
  return { tweedie: await ownVersion(), node: process.version, onnxruntime: runtime.version }
}

/** This package's version. */
export async function ownVersion(): Promise<string> {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8")
  return (JSON.parse(text) as { version: string }).version
}

/** What is no longer as it was when a run began, and may change its last bits: one line each. */
export function changesSince(before: RunConfig, now: RunConfig): string[] {
  const was = { ...before.versions, threads: String(before.threads) } as Readonly<Record<string, string>>
  const is = { ...now.versions, threads: String(now.threads) } as Readonly<Record<string, string>>
  return Object.keys(is)
    .filter((key) => was[key] !== is[key])
    .map(
      (key) =>
        `${key} was ${was[key] ?? "unknown"} when this run was last begun and is ${is[key]}: results may differ in their last digits`,
    )
}
