/** The probability flow solved to a tolerance, by adaptive steps of order 5. */
import { array, sizeOf } from "../../engine/array.ts"
import { compile } from "../../engine/compile.ts"
import type { Tensor } from "../../engine/tensor.ts"
import type { Denoiser } from "../denoiser.ts"
import { symbols } from "./plan/form.ts"
import { type Grid, gridOf, levelAt, timeAt } from "./plan/grid.ts"
import { integrate, type Slopes } from "./plan/integrate.ts"
import { limited } from "./plan/limit.ts"
import { noisiest } from "./plan/path.ts"
import { clockOf, question } from "./plan/plan.ts"
import { conditionOf, type SamplerOptions, type SampleStep, type Sampling, samplingOf, stepOf } from "./sampler.ts"

/** Options of {@link probabilityFlow}. */
export interface FlowOptions extends SamplerOptions {
  /** How many points of the way are told; between them the solver takes the steps it needs. */
  readonly steps?: number
  /** Relative tolerance of the solver's steps. */
  readonly rtol?: number
  /** Absolute tolerance of the solver's steps. */
  readonly atol?: number
  /** Where it ends: with the denoised sample, or at the process's first time. */
  readonly final?: "zero" | "first"
  /** The largest sigma / signal: noisier levels are left out. */
  readonly sigmaMax?: number | null
}

/**
 * The ordinary differential equation whose solutions have the process's distribution at every time: with y = x / signal
 * and r = sigma / signal, dy / dlog r = y - x0(y, r), from the noisiest level to that of time 1, and there x0; down to 80,
 * where the flow is straight, in one step unless `sigmaMax` is given. Every sample has its own steps. `evaluations` counts
 * how often the network was asked for the batch that needed most.
 * Source: Song et al. 2021 (score SDE), equation 13; Karras et al. 2022, equation 3.
 */
export function probabilityFlow(
  model: Denoiser,
  { steps = 10, rtol = 1e-5, atol = 1e-5, final = "zero", sigmaMax, ...options }: FlowOptions = {},
): AsyncGenerator<SampleStep> {
  if (!(Number.isInteger(steps) && steps >= 1 && steps <= 1e6))
    throw new RangeError(`probabilityFlow: got ${steps} steps, expected a whole number from 1`)
  if (!(rtol > 0 && atol > 0))
    throw new RangeError(`probabilityFlow: got rtol ${rtol} and atol ${atol}, expected numbers above 0`)
  // Its two moves are the straight one and the way, or halves of the way.
  const grid = gridOf(model.process, {
    steps: 2,
    spacing: "exponential",
    final: "first",
    sigmaMax,
    straightTo: sigmaMax === undefined ? noisiest : undefined,
  })
  return flow(model, { grid, steps, rtol, atol, final }, samplingOf(model, options))
}

interface Way {
  readonly grid: Grid
  readonly steps: number
  readonly rtol: number
  readonly atol: number
  readonly final: "zero" | "first"
}

async function* flow(
  model: Denoiser,
  { grid, steps, rtol, atol, final }: Way,
  { count, batch: rows, labels, given, replace, signal, clip, threshold, draw }: Sampling,
): AsyncGenerator<SampleStep> {
  const { process, shape } = model
  const isTold = clockOf(model, grid) === "network"
  const [sample] = symbols(1).kept
  const size = sizeOf(shape)
  const ask = compile(
    (x: Tensor, t: Tensor, w: Tensor, { labels, given }: { readonly labels?: Tensor; readonly given?: Tensor }) => {
      const [ofX, ofOutput] = w.split(2, 1).map((v) => v.reshape([x.shape[0], ...shape.map(() => 1)]))
      const answer = model.network.forward(x, isTold ? t : process.told(t), labels, given)
      const output = answer.shape[1] === 2 * shape[0] ? answer.split(2, 1)[0] : answer
      return limited(x.mul(ofX).add(output.mul(ofOutput)), { clip, threshold })
    },
    replace === undefined ? {} : { replace },
  )
  /** x0 of rows of y, at each row's log r. */
  const clean = async (start: number, at: Float64Array, y: Float64Array): Promise<Float64Array> => {
    signal?.throwIfAborted()
    const levels = Array.from(at, (l) => levelAt(process, timeAt(process, Math.exp(l))))
    const x = new Float32Array(rows * size)
    const questions = levels.map((l) => question(model, grid, l, sample))
    for (let i = 0; i < x.length; i++) {
      const row = Math.floor(i / size)
      x[i] = y[i] * levels[row].signal * questions[row].input.weights[0]
    }
    const w = questions.flatMap((q) => q.reading.x0)
    const told = Float32Array.from(questions, (q) => q.time)
    const x0 = await ask(
      array("float32", [rows, ...shape], x),
      array("float32", [rows], told),
      array("float32", [rows, 2], Float32Array.from(w)),
      conditionOf({ labels, given }, start, rows),
    )
    return Float64Array.from(x0.data as Float32Array)
  }
  const starts = Array.from({ length: Math.ceil(count / rows) }, (_, i) => i * rows)
  const { moves, straight = 0 } = grid
  const [{ from: first }, { from: begin }] = [moves[0], moves[straight]]
  const [most, least] = [begin, levelAt(process, 1)].map(({ ratio }) => Math.log(ratio))
  const scale = (begin.ratio * Math.hypot(first.signal, first.sigma)) / first.sigma
  const y = starts.map((start) => {
    const z = new Float32Array(rows * size)
    for (let i = 0; i < Math.min(rows, count - start); i++) draw(z.subarray(i * size, (i + 1) * size), start + i, 0)
    return Float64Array.from(z, (v) => v * scale)
  })
  const widths = starts.map(() => new Float64Array(rows).fill(0.1))
  const asked = starts.map(() => straight)
  try {
    if (straight > 0)
      for (const [b, start] of starts.entries()) {
        const x0 = await clean(start, new Float64Array(rows).fill(most), y[b])
        for (let i = 0; i < x0.length; i++) y[b][i] += (1 - begin.ratio / first.ratio) * x0[i]
      }
    for (let step = 1; step <= steps; step++) {
      const [from, to] = [step - 1, step].map((k) => most + ((least - most) * k) / steps)
      const isLast = step === steps
      const level = isLast ? levelAt(process, 1) : levelAt(process, timeAt(process, Math.exp(to)))
      const x = new Float32Array(count * size)
      const x0 = new Float32Array(count * size)
      for (const [b, start] of starts.entries()) {
        const slopes: Slopes = async (at, now) => (await clean(start, at, now)).map((v, i) => now[i] - v)
        asked[b] += await integrate(slopes, y[b], { from, to, rtol, atol, widths: widths[b] })
        const denoised = await clean(start, new Float64Array(rows).fill(Math.log(level.ratio)), y[b])
        asked[b]++
        const used = Math.min(rows, count - start) * size
        x0.set(denoised.subarray(0, used), start * size)
        const shown = isLast && final === "zero" ? denoised : y[b].map((v) => v * level.signal)
        x.set(shown.subarray(0, used), start * size)
      }
      const time = isLast ? (final === "zero" ? 0 : 1) : level.time
      yield stepOf(model, { step, steps, evaluations: Math.max(...asked), time, count }, x, x0)
    }
  } finally {
    await ask.dispose()
  }
}
