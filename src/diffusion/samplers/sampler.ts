/** What samplers share: seeded noise by sample, batches of one size, and the loop over a plan's questions. */
import { array, type NdArray, sizeOf } from "../../engine/array.ts"
import { fillNormal, fold, keyOf } from "../../engine/random.ts"
import type { Variable } from "../../engine/tensor.ts"
import type { Denoiser } from "../denoiser.ts"
import { checkLimit, type Threshold } from "./plan/limit.ts"
import { type Plan, stepsOf } from "./plan/plan.ts"
import { type Condition, programOf } from "./plan/program.ts"
import { isNoisy } from "./plan/step.ts"

/** Options all samplers share. */
export interface SamplerOptions {
  /** How many samples to make; default 16. */
  readonly count?: number
  /** Sample i depends on the seed and i alone, whatever the batch; default 0. */
  readonly seed?: number
  /** Samples made at once: 64 images, or as many points as make 16,384 numbers, unless given. */
  readonly batch?: number
  /** Class labels, one a sample, for networks that take them. */
  readonly labels?: Int32Array
  /** What samples are conditioned on besides, one row a sample or one for all, for networks that take it: `[count or 1, ...]`. */
  readonly given?: NdArray<"float32">
  /** Averaged weights to use in place of the network's own: `ema.replace`. */
  readonly replace?: (variable: Variable) => Variable
  /** Stops before the next question to the network: the iteration throws the reason of the abort. */
  readonly signal?: AbortSignal
  /** Bound on |x0|, or none: the denoiser's unless given. */
  readonly clip?: number | null
  /** Dynamic thresholding of x0, in place of `clip`: {@link Threshold}. */
  readonly threshold?: Threshold | null
  /**
   * Standard normal noise in place of the seed's: for sample i, of the first sample (question 0) or of the network's
   * question k = 1, 2, ...
   */
  readonly noise?: (sample: number, question: number) => ArrayLike<number>
}

/** One step of sampling. */
export interface SampleStep {
  /** Steps done, from 1 to `steps`. */
  readonly step: number
  readonly steps: number
  /** How often the network was asked so far, for each sample. */
  readonly evaluations: number
  /** The time that has been reached, 0 at the end. */
  readonly time: number
  /** The samples so far, `[count, ...shape]`. */
  readonly x: NdArray<"float32">
  /** The clean samples predicted at this step, `[count, ...shape]`. */
  readonly x0: NdArray<"float32">
  /** The samples as images in [0, 1]: x / 2 + 1/2, bounded. */
  readonly images: NdArray<"float32">
}

/** Options with what was not given filled in. */
export interface Sampling extends SamplerOptions {
  readonly count: number
  readonly batch: number
  readonly clip: number | null
  /** Standard normal noise of a sample for a question. */
  readonly draw: (out: Float32Array, sample: number, question: number) => void
}

/**
 * Options checked and filled in for a denoiser.
 *
 * @throws RangeError for counts, labels and bounds that make no sense.
 */
export function samplingOf(model: Denoiser, options: SamplerOptions): Sampling {
  const { count = 16, seed = 0, labels, clip = model.clip, threshold, noise } = options
  const { batch = Math.max(64, Math.floor(16_384 / sizeOf(model.shape))) } = options
  for (const [name, value] of Object.entries({ count, batch })) {
    if (!(Number.isInteger(value) && value >= 1))
      throw new RangeError(`sampler: got ${name} ${value}, expected a whole number from 1`)
  }
  if (labels !== undefined && labels.length !== count)
    throw new RangeError(`sampler: got ${labels.length} labels for ${count} samples, expected one each`)
  const { given } = options
  if (given !== undefined && given.shape[0] !== count && given.shape[0] !== 1)
    throw new RangeError(`sampler: got ${given.shape[0]} rows given for ${count} samples, expected one each, or one`)
  checkLimit({ clip, threshold })
  const key = keyOf(seed)
  const draw = (out: Float32Array, sample: number, question: number): void => {
    if (noise === undefined) fillNormal(out, fold(key, sample, question))
    else {
      const given = noise(sample, question)
      if (given.length !== out.length)
        throw new RangeError(`sampler: got ${given.length} numbers of noise for a sample, expected ${out.length}`)
      out.set(given)
    }
  }
  return { ...options, count, batch: Math.min(batch, count), clip, draw }
}

/** Runs a plan over all samples, and yields where its steps end. Mistakes are told at once. */
export function runPlan(model: Denoiser, plan: Plan, options: SamplerOptions): AsyncGenerator<SampleStep> {
  return follow(model, plan, samplingOf(model, options))
}

async function* follow(
  model: Denoiser,
  plan: Plan,
  { count, batch: rows, labels, given, replace, signal, clip, threshold, draw }: Sampling,
): AsyncGenerator<SampleStep> {
  const { buffers, asks } = plan
  const size = sizeOf(model.shape)
  const steps = stepsOf(plan)
  // By batch, then by what is kept; the last batch is filled up, since a new shape would mean a new session.
  const starts = Array.from({ length: Math.ceil(count / rows) }, (_, i) => i * rows)
  const kept: Float32Array[] = starts.map(() => new Float32Array(buffers * rows * size))
  const x0 = new Float32Array(count * size)
  for (const [b, start] of starts.entries())
    for (let i = 0; i < Math.min(rows, count - start); i++) {
      const row = kept[b].subarray(i * size, (i + 1) * size)
      draw(row, start + i, 0)
      if (plan.start !== 1) for (let j = 0; j < size; j++) row[j] *= plan.start
    }
  const program = programOf(model, plan, { limit: { clip, threshold }, replace })
  try {
    let step = 0
    for (const [k, ask] of asks.entries()) {
      signal?.throwIfAborted()
      const isRandom = isNoisy(ask)
      for (const [b, start] of starts.entries()) {
        const used = Math.min(rows, count - start)
        const z = new Float32Array(rows * size)
        if (isRandom) for (let i = 0; i < used; i++) draw(z.subarray(i * size, (i + 1) * size), start + i, k + 1)
        const answered = await program.ask(ask, kept[b], z, rows, conditionOf({ labels, given }, start, rows))
        kept[b] = answered.kept
        x0.set(answered.x0.subarray(0, used * size), start * size)
      }
      if (ask.reached === null) continue
      const x = new Float32Array(count * size)
      for (const [b, start] of starts.entries())
        x.set(kept[b].subarray(0, Math.min(rows, count - start) * size), start * size)
      if (ask.shown !== undefined && ask.shown !== 1) for (let i = 0; i < x.length; i++) x[i] *= ask.shown
      step++
      yield stepOf(model, { step, steps, evaluations: k + 1, time: ask.reached, count }, x, x0.slice())
    }
  } finally {
    await program.dispose()
  }
}

/** A step's record. */
export function stepOf(
  { shape }: Denoiser,
  { count, ...told }: { step: number; steps: number; evaluations: number; time: number; count: number },
  x: Float32Array,
  x0: Float32Array,
): SampleStep {
  const now = array("float32", [count, ...shape], x)
  return { ...told, x: now, x0: array("float32", [count, ...shape], x0), images: toImages(now) }
}

/** What the samples from `start` on are conditioned on, the last one repeated to fill the rows. */
export function conditionOf(
  { labels, given }: { readonly labels?: Int32Array | undefined; readonly given?: NdArray<"float32"> | undefined },
  start: number,
  rows: number,
): Condition {
  return {
    ...(labels !== undefined && { labels: labelRows(labels, start, rows) }),
    ...(given !== undefined && { given: givenRows(given, start, rows) }),
  }
}

function givenRows(given: NdArray<"float32">, start: number, rows: number): NdArray<"float32"> {
  const [count, ...shape] = given.shape
  const size = sizeOf(shape)
  const data = new Float32Array(rows * size)
  for (let i = 0; i < rows; i++) {
    const from = Math.min(start + i, count - 1) * size
    data.set(given.data.subarray(from, from + size), i * size)
  }
  return array("float32", [rows, ...shape], data)
}

/** Labels of the samples from `start` on, the last one repeated to fill the rows. */
function labelRows(labels: Int32Array, start: number, rows: number): NdArray<"int32"> {
  return array(
    "int32",
    [rows],
    Int32Array.from({ length: rows }, (_, i) => labels[Math.min(start + i, labels.length - 1)]),
  )
}

/** Samples in [-1, 1] as images in [0, 1]. */
export function toImages(x: NdArray<"float32">): NdArray<"float32"> {
  return array(
    "float32",
    x.shape,
    x.data.map((v) => Math.min(1, Math.max(0, v / 2 + 0.5))),
  )
}

/** The last step of a sampler: its result. */
export async function last<T>(steps: AsyncIterable<T>): Promise<T> {
  let result: T | undefined
  for await (const step of steps) result = step
  return result as T
}
