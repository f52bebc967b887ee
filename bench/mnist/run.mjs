/** What the scripts of this folder share: their flags, the run they look at, a journal of what is done, and tables. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { loadRun } from "../../dist/cli/runs.js"
import { last } from "../../dist/diffusion/index.js"
import { array, configure } from "../../dist/index.js"

/** Flags of every script, those of one with their defaults, the trained run, and where pictures and figures go. */
export async function opened(own = {}) {
  const common = { count: "1000", seed: "1", threads: "1", out: "docs/images" }
  const { values: flags, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      "data-dir": { type: "string" },
      ...Object.fromEntries(
        Object.entries({ ...common, ...own }).map(([name, value]) => [name, { type: "string", default: value }]),
      ),
    },
  })
  const folder = positionals[0] ?? "runs/mnist-labels"
  configure({ threads: Number(flags.threads) })
  const { config, experiment, step } = await loadRun(folder)
  const dataDir = flags["data-dir"] ?? config.options.dataDir
  mkdirSync(flags.out, { recursive: true })
  return {
    flags,
    experiment,
    step,
    dataDir,
    count: Number(flags.count),
    seed: Number(flags.seed),
    /** Writes figures beside the pictures, as JSON. */
    keep: (name, figures) => writeFileSync(join(flags.out, name), `${JSON.stringify(figures, null, 1)}\n`),
    place: (name) => join(flags.out, name),
  }
}

/** The last step of a request, with the seconds it took. */
export async function drawn(experiment, request) {
  const began = performance.now()
  const { x, evaluations } = await last(experiment.sample(request))
  return { x, evaluations, seconds: (performance.now() - began) / 1000 }
}

/** Lines of JSON that are found again when a script is run again: it may be stopped at any time. */
export class Journal {
  #file
  #lines

  constructor(file) {
    this.#file = file
    mkdirSync(dirname(file), { recursive: true })
    const text = existsSync(file) ? readFileSync(file, "utf8") : ""
    // A line that was cut off is not there, and what comes next is not part of it.
    if (text !== "" && !text.endsWith("\n")) appendFileSync(file, "\n")
    this.#lines = text.split("\n").flatMap((line) => {
      try {
        return [JSON.parse(line)]
      } catch {
        return []
      }
    })
  }

  /** The line that has all of these values. */
  find(key) {
    return this.#lines.find((line) => Object.entries(key).every(([name, value]) => line[name] === value))
  }

  /** What was done for a key: found, or made now and written. */
  async did(key, make) {
    const known = this.find(key)
    if (known !== undefined) return known
    const line = { ...key, ...(await make()) }
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`)
    this.#lines.push(line)
    console.error(JSON.stringify(line))
    return line
  }
}

/** A table in Markdown. */
export function markdown(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")
}

/** Rows of an array of images, as an array. */
export function rowsOf(x, rows) {
  const size = x.data.length / x.shape[0]
  const data = new Float32Array(rows.length * size)
  for (const [i, row] of rows.entries()) data.set(x.data.subarray(row * size, (row + 1) * size), i * size)
  return array("float32", [rows.length, ...x.shape.slice(1)], data)
}

/** Arrays of images, one after the other. */
export function joined(parts) {
  const data = new Float32Array(parts.reduce((n, { data }) => n + data.length, 0))
  let at = 0
  for (const part of parts) {
    data.set(part.data, at)
    at += part.data.length
  }
  return array("float32", [parts.reduce((n, { shape }) => n + shape[0], 0), ...parts[0].shape.slice(1)], data)
}

export const mean = (list) => list.reduce((sum, v) => sum + v, 0) / list.length

/** 0 ... n - 1. */
export const upTo = (n) => Array.from({ length: n }, (_, i) => i)
