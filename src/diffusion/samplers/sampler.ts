/** What samplers share: seeded noise by sample, batches of one size, and the compiled step they all run. */
import { array, type NdArray, sizeOf } from "../../engine/array.ts"
import { type Compiled, compile } from "../../engine/compile.ts"
import { fillNormal, fold, type Key, keyOf } from "../../engine/random.ts"
import type { Tensor, Variable } from "../../engine/tensor.ts"
import type { Denoiser } from "../denoiser.ts"

/** Options all samplers share. */
export interface SamplerOptions {
  /** How many samples to make. */
  readonly count?: number
  /** How many network evaluations; all times of the process unless said otherwise. */
  readonly steps?: number
  /** Sample i depends on the seed and i alone, whatever the batch. */
  readonly seed?: number
  /** Samples made at once: 64 images, or as many points as make 16,384 numbers, unless given. */
  readonly batch?: number
  /** Class labels, one a sample, for networks that take them. */
  readonly labels?: Int32Array
  /** Averaged weights to use in place of the network's own: `ema.replace`. */
  readonly replace?: (variable: Variable) => Variable
  readonly signal?: AbortSignal
}

/** One step of sampling. */
export interface SampleStep {
  /** Steps done, from 1 to `steps`. */
  readonly step: number
  readonly steps: number
  /** The time that has been reached, 0 at the end. */
  readonly time: number
  /** The samples so far, `[count, ...shape]`. */
  readonly x: NdArray<"float32">
  /** The clean samples predicted at this step, `[count, ...shape]`. */
  readonly x0: NdArray<"float32">
  /** The samples as images in [0, 1]: x / 2 + 1/2, bounded. */
  readonly images: NdArray<"float32">
}

/** How one step combines what it has: x' = x0Weight x0 + xtWeight xt + epsWeight eps + noise z. */
export interface StepWeights {
  readonly x0: number
  readonly xt: number
  readonly eps: number
  readonly noise: number
}

/** `count` times from T down to 1, evenly spaced: the ends of equal parts of 1 ... T. */
export function respaced(total: number, count: number): number[] {
  if (!(Number.isInteger(count) && count >= 1 && count <= total)) {
    throw new RangeError(`sampler: got ${count} steps, expected a whole number from 1 to ${total}`)
  }
  return Array.from({ length: count }, (_, i) => Math.round(((count - i) * total) / count))
}

type Inputs = [Tensor, Tensor, Tensor, Tensor, Tensor | null]

/**
 * Runs steps over all samples. `weights(t, s)` says how a step from time t to s combines its parts; x0 is clipped as
 * the denoiser says, and eps is the one that belongs to the clipped x0.
 */
export async function* runSampler(
  model: Denoiser,
  weights: (t: number, s: number) => StepWeights,
  {
    count = 16,
    steps = model.process.steps,
    seed = 0,
    batch = Math.max(64, Math.floor(16_384 / sizeOf(model.shape))),
    labels,
    replace,
    signal,
  }: SamplerOptions,
): AsyncGenerator<SampleStep> {
  for (const [name, value] of Object.entries({ count, batch })) {
    if (!(Number.isInteger(value) && value >= 1))
      throw new RangeError(`sampler: got ${name} ${value}, expected a whole number from 1`)
  }
  if (labels !== undefined && labels.length !== count)
    throw new RangeError(`sampler: got ${labels.length} labels for ${count} samples, expected one each`)
  const times = [...respaced(model.process.steps, steps), 0]
  const size = sizeOf(model.shape)
  const rows = Math.min(batch, count)
  const key = keyOf(seed)
  const x = new Float32Array(count * size)
  for (let i = 0; i < count; i++) fillNormal(x.subarray(i * size, (i + 1) * size), fold(key, i, 0))
  const x0 = new Float32Array(count * size)
  const step = compileStep(model, replace)
  try {
    for (let k = 1; k <= steps; k++) {
      signal?.throwIfAborted()
      const [t, s] = [times[k - 1], times[k]]
      const w = weights(t, s)
      for (let start = 0; start < count; start += rows) {
        const used = Math.min(rows, count - start)
        const z = noise(key, k, start, rows, size, w.noise !== 0)
        const inputs = [
          rowsOf(x, start, rows, model.shape),
          array("float32", [rows, ...model.shape], z),
          array("int32", [rows], new Int32Array(rows).fill(t)),
          array("float32", [4], Float32Array.of(w.x0, w.xt, w.eps, w.noise)),
        ] as const
        const label = labels && labelRows(labels, start, rows)
        const [next, clean] = await (step as Compiled<Tensor[], [Tensor, Tensor]>)(...inputs, ...(label ? [label] : []))
        x.set((next.data as Float32Array).subarray(0, used * size), start * size)
        x0.set((clean.data as Float32Array).subarray(0, used * size), start * size)
      }
      const shape = [count, ...model.shape]
      const now = array("float32", shape, x.slice())
      yield { step: k, steps, time: s, x: now, x0: array("float32", shape, x0.slice()), images: toImages(now) }
    }
  } finally {
    await step.dispose()
  }
}

function compileStep(model: Denoiser, replace?: (v: Variable) => Variable): Compiled<Inputs, [Tensor, Tensor]> {
  const step = (xt: Tensor, z: Tensor, t: Tensor, w: Tensor, labels: Tensor | null): [Tensor, Tensor] => {
    const at = model.at(xt, t, labels ?? undefined)
    const x0 = at.clipped(model.clip)
    const [signal, sigma] = [(i: number) => model.process.signal(i), (i: number) => model.process.sigma(i)]
    const eps = xt.sub(x0.mul(model.process.at(signal, t, xt.rank))).div(model.process.at(sigma, t, xt.rank))
    const [a, b, c, d] = w.split(4).map((v) => v.reshape([]))
    return [x0.mul(a).add(xt.mul(b)).add(eps.mul(c)).add(z.mul(d)), x0]
  }
  return compile(step as (...inputs: Inputs) => [Tensor, Tensor], replace === undefined ? {} : { replace })
}

/** Noise of step k for the samples from `start` on: row i is the stream of sample i. */
function noise(key: Key, k: number, start: number, rows: number, size: number, needed: boolean): Float32Array {
  const z = new Float32Array(rows * size)
  if (needed) for (let i = 0; i < rows; i++) fillNormal(z.subarray(i * size, (i + 1) * size), fold(key, start + i, k))
  return z
}

/** Rows of samples; the last batch is filled up, since a new shape would mean a new session. */
function rowsOf(x: Float32Array, start: number, rows: number, shape: readonly number[]): NdArray<"float32"> {
  const size = sizeOf(shape)
  const out = new Float32Array(rows * size)
  out.set(x.subarray(start * size, Math.min(x.length, (start + rows) * size)))
  return array("float32", [rows, ...shape], out)
}

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
