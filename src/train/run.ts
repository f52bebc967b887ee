/** The run folder (Node only): what was asked for, what happened, what came of it. */
import { appendFile, mkdir, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { writeFileAtomic } from "../io/atomic.ts"

/** What a run folder says of itself. */
export interface RunConfig {
  readonly recipe: string
  readonly options: Readonly<Record<string, unknown>>
  readonly versions: Readonly<Record<string, string>>
  readonly threads: number
}

/** Whether a folder holds a run. */
export async function isRun(folder: string): Promise<boolean> {
  return stat(join(folder, "config.json")).then(
    (s) => s.isFile(),
    () => false,
  )
}

/** Makes a run folder, with its parents. */
export async function createRun(folder: string, config: RunConfig): Promise<void> {
  await mkdir(join(folder, "samples"), { recursive: true })
  await writeFileAtomic(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`)
}

/**
 * What a run was asked to do.
 *
 * @throws RangeError when the folder is no run.
 */
export async function readRun(folder: string): Promise<RunConfig> {
  const text = await readFile(join(folder, "config.json"), "utf8").catch(() => {
    throw new RangeError(`${folder}: no run here (a run folder holds config.json; \`tweedie train\` makes one)`)
  })
  let config: unknown
  try {
    config = JSON.parse(text)
  } catch (error) {
    throw new RangeError(`${join(folder, "config.json")}: not JSON (${(error as Error).message})`)
  }
  if (
    typeof config !== "object" ||
    config === null ||
    typeof (config as RunConfig).recipe !== "string" ||
    typeof (config as RunConfig).options !== "object"
  ) {
    throw new RangeError(`${join(folder, "config.json")}: not the configuration of a run (it names no recipe)`)
  }
  return config as RunConfig
}

/** Adds a record to the run's log, one JSON object a line. */
export function logRecord(folder: string, record: Readonly<Record<string, unknown>>): Promise<void> {
  return appendFile(join(folder, "log.jsonl"), `${JSON.stringify(record)}\n`)
}
