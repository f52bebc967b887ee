/** The run folder (Node only): what was asked for, what happened, what came of it. */
import { appendFile, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { writeFileAtomic } from "../io/atomic.ts"
import { makeFolders } from "./disk.ts"

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

/** Makes the folder of a run and those in it, with its parents; nothing says yet that it is a run. */
export async function makeRunFolder(folder: string): Promise<void> {
  for (const part of ["samples", "checkpoints"]) await makeFolders(join(folder, part))
}

/** Makes a run folder, with its parents. */
export async function createRun(folder: string, config: RunConfig): Promise<void> {
  await makeRunFolder(folder)
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
  return parseRun(text, join(folder, "config.json"))
}

/**
 * What a run's `config.json` says.
 *
 * @throws RangeError `where: ...` when the text is not JSON or not the configuration of a run.
 */
export function parseRun(text: string, where = "config.json"): RunConfig {
  let config: unknown
  try {
    config = JSON.parse(text)
  } catch (error) {
    throw new RangeError(`${where}: not JSON (${oneLine((error as Error).message)})`)
  }
  const { recipe, options, versions, threads } = (isObject(config) ? config : {}) as Partial<RunConfig>
  const isThreads = Number.isInteger(threads) && threads! >= 1 && threads! <= 1024
  if (typeof recipe !== "string" || !isObject(options) || !isObject(versions) || !isThreads)
    throw new RangeError(`${where}: not the configuration of a run (recipe, options, versions, threads)`)
  return config as RunConfig
}

/** Errors of JSON quote the text, its line ends included. */
const oneLine = (text: string): string => text.replace(/\s+/g, " ")

function isObject(x: unknown): boolean {
  return typeof x === "object" && x !== null && !Array.isArray(x)
}

const logOf = (folder: string): string => join(folder, "log.jsonl")

/** Adds a record to the run's log, one JSON object a line. */
export function logRecord(folder: string, record: Readonly<Record<string, unknown>>): Promise<void> {
  return appendFile(logOf(folder), `${JSON.stringify(record)}\n`)
}

/** The records of a run's log; a line that a crash cut short is left out. */
export async function readLog(folder: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(logOf(folder), "utf8").catch(() => "")
  return text.split("\n").flatMap((line) => {
    try {
      const record: unknown = JSON.parse(line)
      return typeof record === "object" && record !== null ? [record as Record<string, unknown>] : []
    } catch {
      return []
    }
  })
}

/** Takes what came after a step out of the log: training goes on from there and will write it again. */
export async function cutLog(folder: string, step: number): Promise<void> {
  const kept = (await readLog(folder)).filter((record) => !(Number(record["step"]) > step))
  await writeFileAtomic(logOf(folder), kept.map((record) => `${JSON.stringify(record)}\n`).join(""))
}
