/** What the verbs share about runs: building a recipe, finding a free folder, loading trained weights. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { write } from "../engine/state.ts"
import { recipes } from "../recipes/index.ts"
import type { CommonOptions, Experiment, Recipe } from "../recipes/recipe.ts"
import { checkpointSteps, loadCheckpoint } from "../train/checkpoint.ts"
import { isRun, type RunConfig, readRun } from "../train/run.ts"
import { MisuseError, readOptions } from "./flags.ts"

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

/** A configuration file: a JSON object of options. */
export async function readConfigFile(path: string): Promise<Record<string, unknown>> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new MisuseError(`--config ${path}: cannot be read (${error.code})`)
  })
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (error) {
    throw new MisuseError(`--config ${path}: not JSON (${(error as Error).message})`)
  }
  throw new MisuseError(`--config ${path}: expected a JSON object of options`)
}

/** A trained run: its experiment with the averaged weights of its newest checkpoint. */
export async function loadRun(
  folder: string,
): Promise<{ readonly config: RunConfig; readonly experiment: Experiment; readonly step: number }> {
  const config = await readRun(folder)
  const recipe = recipeOf(config.recipe)
  const experiment = recipe.build(optionsOf(recipe, {}, config.options) as never)
  const step = (await checkpointSteps(folder)).at(-1)
  const state = await loadCheckpoint(folder, step)
  for (const [name, variable] of experiment.variables) {
    const value = state.ema?.get(name) ?? state.model.get(name)
    if (value === undefined) throw new MisuseError(`${folder}: the checkpoint of step ${state.step} has no ${name}`)
    await write(new Map([[variable, value]]))
  }
  return { config, experiment, step: state.step }
}
