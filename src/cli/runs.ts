/** What the verbs share about runs: building a recipe, finding a free folder, loading trained weights. */
import { readFile, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { write } from "../engine/state.ts"
import { recipes } from "../recipes/index.ts"
import type { CommonOptions, Experiment, Recipe } from "../recipes/recipe.ts"
import { isRun, type RunConfig, readRun } from "../train/run.ts"
import { loadWeights } from "../train/weights.ts"
import { MisuseError, readOptions } from "./flags.ts"
import { Voice } from "./voice.ts"

/** The recipe of that name. */
export function recipeOf(name: string): Recipe {
  const recipe = recipes.get(name)
  if (recipe === undefined) throw new MisuseError(`unknown recipe ${name}; there are ${[...recipes.keys()].join(", ")}`)
  return recipe
}

/** A recipe's options, checked. */
export function optionsOf(
  recipe: Recipe,
  flags: Readonly<Record<string, unknown>>,
  file: Readonly<Record<string, unknown>> = {},
): CommonOptions {
  return readOptions(recipe.options, flags, file) as unknown as CommonOptions
}

/** `runs/<name>`, or with the next free number behind it. */
export async function freeFolder(name: string): Promise<string> {
  for (let i = 1; ; i++) {
    const folder = join("runs", i === 1 ? name : `${name}-${i}`)
    if (!(await isRun(folder))) return folder
  }
}

/** A configuration file: a JSON object of options, or what a run folder has (config.json) and `--dry-run` prints. */
export async function readConfigFile(path: string): Promise<Record<string, unknown>> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new MisuseError(`--config ${path}: cannot be read (${error.code})`)
  })
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) {
      const { recipe, options } = value
      return isObject(options) ? { recipe, ...options } : value
    }
  } catch (error) {
    throw new MisuseError(`--config ${path}: not JSON (${(error as Error).message.replace(/\s+/g, " ")})`)
  }
  throw new MisuseError(`--config ${path}: expected a JSON object of options`)
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Which checkpoint is meant: a step, `best` or `last`. */
function wanted(at: string | undefined): number | "best" | "last" | undefined {
  if (at === undefined || at === "last" || at === "best") return at
  if (/^\d+$/.test(at)) return Number(at)
  throw new MisuseError(`--at: got ${at}, expected last, best or the step of a checkpoint`)
}

/** A trained run: its experiment with the averaged weights of a checkpoint. */
export async function loadRun(
  folder: string,
  { at, voice = new Voice(false) }: { readonly at?: string | undefined; readonly voice?: Voice } = {},
): Promise<{ readonly config: RunConfig; readonly experiment: Experiment; readonly step: number }> {
  const config = await readRun(folder)
  const recipe = recipeOf(config.recipe)
  const experiment = recipe.build(optionsOf(recipe, {}, config.options) as never)
  const { step, values } = await loadWeights(folder, { at: wanted(at), warn: (line) => voice.warn(line) })
  for (const [name, variable] of experiment.variables) {
    const value = values.get(name)
    if (value === undefined) throw new MisuseError(`${folder}: the checkpoint of step ${step} has no ${name}`)
    await write(new Map([[variable, value]]))
  }
  return { config, experiment, step }
}

/** Refuses a file whose folder is not there, before work begins that it is to hold. */
export async function expectFolder(flag: string, file: string): Promise<void> {
  const folder = dirname(file)
  const found = await stat(folder).catch(() => undefined)
  if (!found?.isDirectory()) throw new MisuseError(`${flag} ${file}: there is no folder ${folder} (make it first)`)
  if (
    await stat(file).then(
      (s) => s.isDirectory(),
      () => false,
    )
  )
    throw new MisuseError(`${flag} ${file}: that is a folder, expected the name of a file`)
}

/** Whether there is a file or folder of that name. */
export function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** A number of bytes as people say it: `1.3 MB`. */
export function sizeText(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"]
  let rank = 0
  for (; bytes >= 1000 && rank < units.length - 1; rank++) bytes /= 1000
  return `${rank === 0 ? bytes : bytes.toFixed(1)} ${units[rank]}`
}
