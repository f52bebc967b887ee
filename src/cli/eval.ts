/** `tweedie eval`: how good a run's model is, in figures. */
import { z } from "zod"
import { range } from "../data/dataset.ts"
import type { BoundStep, Measured } from "../diffusion/likelihood-bound.ts"
import { configure } from "../engine/runtime.ts"
import { MisuseError, readOptions } from "./flags.ts"
import { Progress } from "./progress.ts"
import { loadRun } from "./runs.ts"

/** Options of the verb. */
export const evalOptions = z.strictObject({
  metric: z
    .enum(["bpd"])
    .default("bpd")
    .describe("bpd is the variational bound on the likelihood in bits a dimension, with a table by time"),
  count: z.number().int().min(1).max(10_000_000).default(1000).describe("samples of the held-out data to judge on"),
  draws: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(4)
    .describe("times drawn for each sample, besides the first; as many as there are makes the sum over times exact"),
  form: z
    .enum(["denoising", "consistency"])
    .default("denoising")
    .describe("two forms of the same bound; the second has more variance"),
  rows: z.number().int().min(1).max(100_000).default(20).describe("rows of the table: ranges of times, at most"),
  batch: z.number().int().min(1).max(65_536).optional().describe("evaluations made at once"),
  seed: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0).describe("fixes noise and times"),
  dataDir: z.string().optional().describe("folder of the data set's files; nothing is downloaded into it"),
  threads: z.number().int().min(1).max(1024).optional().describe("threads of the engine (default: all processors)"),
  json: z.boolean().default(false).describe("one JSON object a line instead of a progress bar and a table"),
})

const figure = ({ bits, error }: Measured): string => `${bits.toFixed(4)} ± ${error.toFixed(4)}`

/** The table of the bound: what each range of times costs. */
export function boundTable({ rows, prior, total, done }: BoundStep): string {
  const lines: [string, string, string][] = [["time", "bits/dim", "nats"]]
  for (const row of rows) {
    const name = row.to === 1 ? "1 (L_0)" : row.from === row.to ? `${row.from}` : `${row.from} ... ${row.to}`
    lines.push([name, figure(row), row.nats.toFixed(3)])
  }
  lines.push(["end (L_T)", figure(prior), prior.nats.toFixed(3)], ["total", figure(total), total.nats.toFixed(3)])
  const widths = [0, 1, 2].map((k) => Math.max(...lines.map((l) => l[k].length)))
  const text = lines.map((l) => `  ${l[0].padEnd(widths[0])}  ${l[1].padStart(widths[1])}  ${l[2].padStart(widths[2])}`)
  return `${text.join("\n")}\n(means over ${done} samples ± standard errors)\n`
}

/** Runs the verb. Resolves to the exit code. */
export async function evaluateRun(folder: string, flags: Readonly<Record<string, unknown>>): Promise<number> {
  const o = readOptions(evalOptions, flags)
  if (o.threads !== undefined) configure({ threads: o.threads })
  const { config, experiment, step } = await loadRun(folder)
  const data = await experiment.heldOut(o.dataDir).catch((error: Error) => {
    throw new MisuseError(error.message)
  })
  if (o.count > data.length)
    throw new MisuseError(
      `--count: got ${o.count}, expected at most the ${data.length} held-out samples of ${data.name}`,
    )
  const stop = new AbortController()
  const onInterrupt = (): void => {
    if (stop.signal.aborted) process.exit(130)
    stop.abort()
  }
  process.on("SIGINT", onInterrupt)
  process.on("SIGTERM", onInterrupt)
  const bar = new Progress("eval", o.count)
  const began = performance.now()
  let found: BoundStep | undefined
  try {
    const { draws, form, rows, batch, seed } = o
    const options = { draws, form, rows, seed, signal: stop.signal, ...(batch !== undefined && { batch }) }
    for await (const at of experiment.bound(data.batch(range(o.count)).x, options)) {
      found = at
      const { done, count, total } = at
      if (o.json) process.stdout.write(`${JSON.stringify({ event: "progress", done, count, ...total })}\n`)
      else bar.update(done, `${figure(total)} bits/dim`)
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    process.off("SIGINT", onInterrupt)
    process.off("SIGTERM", onInterrupt)
    if (!o.json) bar.end()
  }
  const seconds = (performance.now() - began) / 1000
  if (found !== undefined) {
    const record = {
      recipe: config.recipe,
      step,
      metric: o.metric,
      form: o.form,
      draws: o.draws,
      seed: o.seed,
      seconds,
    }
    if (o.json) process.stdout.write(`${JSON.stringify({ event: "done", ...record, ...found })}\n`)
    else process.stdout.write(boundTable(found))
  }
  return stop.signal.aborted ? 130 : 0
}
