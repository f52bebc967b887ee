/** `tweedie eval`: how good a run's model is, in figures; of likelihoods here, of images in measure.ts. */
import { z } from "zod"
import type { OdeLikelihoodStep } from "../diffusion/likelihood-ode.ts"
import type { BoundStep, Measured } from "../diffusion/likelihood-table.ts"
import { configure } from "../engine/runtime.ts"
import type { ErrorStep } from "../recipes/figures.ts"
import { grouped, whole } from "../recipes/options.ts"
import { expectOnly } from "./draw.ts"
import { MisuseError, readOptions } from "./flags.ts"
import { heldOutOf } from "./given.ts"
import { Interrupt } from "./interrupt.ts"
import { type MeasureFlags, type MeasureWord, measureOptions, measureRun, measureWords } from "./measure.ts"
import { checkpointOption, dataOption, engineOption, seedOption } from "./options.ts"
import { Progress } from "./progress.ts"
import { loadRun } from "./runs.ts"
import { Voice } from "./voice.ts"

/** Options of the verb. */
export const evalOptions = z.strictObject({
  metric: z
    .array(z.enum(["bpd", "flow", "error", ...measureWords]))
    .min(1)
    .optional()
    .describe(
      "bpd: bits a dimension by the variational bound, with a table by time; flow: by the probability flow; error: how far images are from what they should be, of autoencoders, of latents and of small images made large; or any of fid,kid,is,pr,mmd: images it draws beside real ones (pr is precision,recall,density,coverage) (default: the first of these that the run has)",
    ),
  count: whole(1, 10_000_000).default(1000).describe("samples of the held-out data to judge on, or images to draw"),
  batch: whole(1, 65_536).optional().describe("evaluations made at once"),
  ...seedOption("noise and times"),
  ...dataOption,
  ...checkpointOption,
  ...engineOption,
  json: z.boolean().default(false).describe("one JSON object a line instead of a progress bar and a table"),
  ...grouped("Likelihood and error:", {
    draws: whole(1, 100_000)
      .default(4)
      .describe(
        "of bpd: times drawn for each sample, besides the first; as many as there are makes the sum over times exact. Of error: samples for each small image",
      ),
    form: z
      .enum(["denoising", "consistency"])
      .default("denoising")
      .describe("of bpd: two forms of the same bound; the second has more variance"),
    unclipped: z.boolean().default(false).describe("of bpd: let x0 leave [-1, 1], as training on the bound does"),
    rows: whole(1, 100_000).default(20).describe("of bpd: rows of the table, ranges of times, at most"),
    probes: whole(1, 1000).default(1).describe("of flow: random directions of the trace, where it is not exact"),
    tolerance: z.number().positive().max(0.1).default(1e-5).describe("of flow: tolerance of the solver"),
  }),
  ...measureOptions,
})

/** Flags that one metric on held-out data reads, and no other. */
const own: Readonly<Record<string, readonly string[]>> = {
  bpd: ["draws", "form", "unclipped", "rows"],
  flow: ["probes", "tolerance"],
  error: ["draws"],
}

type Single = "bpd" | "flow" | "error"
const isSingle = (word: Single | MeasureWord): word is Single => word in own

/** Which metric there is one of, or which measures there are some of. */
function askedOf(words: readonly (Single | MeasureWord)[]): Single | readonly MeasureWord[] {
  const single = words.find(isSingle)
  if (single !== undefined && words.length > 1)
    throw new MisuseError(
      `--metric: got ${words.join(",")}, expected ${single} alone, or some of ${measureWords.join(", ")}`,
    )
  return single ?? words.filter((word): word is MeasureWord => !isSingle(word))
}

/** Refuses flags that other metrics read. */
function expectRead(metric: Single | readonly MeasureWord[], flags: Readonly<Record<string, unknown>>): void {
  const all: Readonly<Record<string, readonly string[]>> = { ...own, images: Object.keys(measureOptions) }
  const mine = all[typeof metric === "string" ? metric : "images"]
  const others = Object.values(all).flat()
  expectOnly(
    flags,
    (key) => mine.includes(key) || !others.includes(key),
    (flag) => `${flag}: the metric ${typeof metric === "string" ? metric : metric.join(",")} does not read it`,
  )
}

/** A mean over samples; one sample tells nothing of its error. */
const figure = ({ bits, error }: Measured, done: number): string =>
  `${bits.toFixed(4)}${done > 1 ? ` ± ${error.toFixed(4)}` : ""}`

/** What figures are means over. */
const meanOver = (done: number): string =>
  done > 1 ? `means over ${done} samples ± standard errors` : "one sample, which tells nothing of the error"

/** The table of the bound: what each range of times costs. */
export function boundTable({ rows, prior, total, done }: BoundStep): string {
  const lines: [string, string, string][] = [["time", "bits/dim", "nats"]]
  for (const row of rows) {
    const name = row.to === 1 ? "1 (L_0)" : row.from === row.to ? `${row.from}` : `${row.from} ... ${row.to}`
    lines.push(row.draws > 0 ? [name, figure(row, done), row.nats.toFixed(3)] : [name, "-", "-"])
  }
  for (const [name, sum] of [["end (L_T)", prior] as const, ["total", total] as const])
    lines.push([name, figure(sum, done), sum.nats.toFixed(3)])
  const widths = [0, 1, 2].map((k) => Math.max(...lines.map((l) => l[k].length)))
  const text = lines.map((l) => `  ${l[0].padEnd(widths[0])}  ${l[1].padStart(widths[1])}  ${l[2].padStart(widths[2])}`)
  const empty = rows.some(({ draws }) => draws === 0) ? "\n(-: no time drawn; give more --count, or fewer --rows)" : ""
  return `${text.join("\n")}\n(${meanOver(done)})${empty}\n`
}

/** The likelihood by the probability flow in words. */
function flowLine({ total, done, evaluations }: OdeLikelihoodStep): string {
  return `${figure(total, done)} bits/dim, ${total.nats.toFixed(3)} nats (${meanOver(done)}, ${evaluations} evaluations each)\n`
}

/** Figures by name, a line each. */
function figureLines({ figures, done }: ErrorStep): string {
  const width = Math.max(...Object.keys(figures).map((name) => name.length))
  const lines = Object.entries(figures).map(([name, v]) => `  ${name.padEnd(width)}  ${v.toFixed(4)}`)
  return `${lines.join("\n")}\n(of ${done} samples; errors on a scale of 0 to 1, ratios in decibels)\n`
}

/** Runs the verb. Resolves to the exit code. */
export async function evaluateRun(folder: string, flags: Readonly<Record<string, unknown>>): Promise<number> {
  const o = readOptions(evalOptions, flags)
  if (o.threads !== undefined) configure({ threads: o.threads })
  const asked = o.metric && askedOf(o.metric)
  if (asked !== undefined) expectRead(asked, flags)
  if (typeof asked === "object") return measureRun(folder, asked, o as MeasureFlags, flags)
  const { config, experiment, step } = await loadRun(folder, { at: o.at, voice: new Voice(o.json) })
  const { metrics } = experiment
  const metric = asked ?? metrics[0]
  if (asked === undefined) expectRead(metric, flags)
  if (!metrics.includes(metric))
    throw new MisuseError(
      `--metric: got ${metric}, a run of ${config.recipe} like this is judged by ${metrics.join(" or ")}`,
    )
  const { x } = await heldOutOf(experiment, o)
  const stop = new Interrupt()
  stop.listen()
  const bar = new Progress("eval", o.count)
  const began = performance.now()
  let found: BoundStep | OdeLikelihoodStep | ErrorStep | undefined
  try {
    const { draws, form, rows, batch, seed, probes, tolerance } = o
    const options = { seed, signal: stop.signal, ...(batch !== undefined && { batch }) }
    const steps =
      metric === "error"
        ? experiment.error!(x, { draws, seed, signal: stop.signal })
        : metric === "bpd"
          ? experiment.bound(x, { draws, form, rows, ...(o.unclipped && { clip: null }), ...options })
          : experiment.likelihood(x, { probes, rtol: tolerance, atol: tolerance, ...options })
    for await (const at of steps) {
      found = at
      const { done, count } = at
      const told = "total" in at ? at.total : at.figures
      if (o.json) process.stdout.write(`${JSON.stringify({ event: "progress", done, count, ...told })}\n`)
      else bar.update(done, "total" in at ? `${figure(at.total, done)} bits/dim` : "")
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    stop.release()
    if (!o.json) bar.end()
  }
  const seconds = (performance.now() - began) / 1000
  if (found !== undefined) {
    const { form, draws, unclipped, probes, tolerance, seed } = o
    const told = metric === "bpd" ? { form, draws, unclipped } : metric === "flow" ? { probes, tolerance } : { draws }
    const record = { recipe: config.recipe, step, metric, ...told, seed, seconds }
    if (o.json) process.stdout.write(`${JSON.stringify({ event: "done", ...record, ...found, each: undefined })}\n`)
    else
      process.stdout.write(
        "figures" in found ? figureLines(found) : "rows" in found ? boundTable(found) : flowLine(found),
      )
  }
  return stop.signal.aborted ? 130 : 0
}
