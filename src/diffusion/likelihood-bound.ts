/** The variational bound of a trained model, term by term, in nats and bits, with error bars. */
import { array, type NdArray, sizeOf } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { equal, where } from "../engine/ops/compare.ts"
import { fillNormal, fold, Generator, keyOf } from "../engine/random.ts"
import { constant, type Tensor, type Variable } from "../engine/tensor.ts"
import type { Denoiser, Network, Variance } from "./denoiser.ts"
import { klOf, logNormal, perSample, type ReverseStep, reverseStep } from "./denoiser-reverse.ts"
import { gaussianKl } from "./likelihood.ts"
import { discretised } from "./likelihood-discrete.ts"
import type { Process } from "./process.ts"

/** Options of {@link bound}. */
export interface BoundOptions {
  /**
   * Times drawn for each sample, besides t = 1, which each is asked for; `all` takes each of the T times. Times are drawn
   * in proportion to how large the terms are, which a first look at a few samples tells.
   */
  readonly draws?: number | "all"
  /**
   * Two forms of the same bound: `denoising` compares each reverse step with the posterior, `consistency` each state with
   * the forward step into it and the reverse step into it. The first has less variance. Source: Luo 2022, equations 43 and 58.
   */
  readonly form?: "denoising" | "consistency"
  /** Values a number of the data can have, evenly spaced over [-1, 1]: 256 for images, unless given; `null` for data that are real numbers. */
  readonly bins?: number | null
  /** Variance of the reverse steps; the denoiser's unless given. */
  readonly variance?: Variance
  /** Bound on |x0|; the denoiser's unless given. */
  readonly clip?: number | null
  /** Rows of the table, at most: ranges of times that grow; each time by itself with `all`. */
  readonly rows?: number | "all"
  /** Evaluations made at once. */
  readonly batch?: number
  /** The noise of sample i depends on the seed and i alone. */
  readonly seed?: number
  /** Averaged weights to use in place of the network's own: `ema.replace`. */
  readonly replace?: (variable: Variable) => Variable
  readonly signal?: AbortSignal
}

/** A figure and the standard error of its mean over samples. */
export interface Measured {
  /** Nats a sample. */
  readonly nats: number
  /** Bits a dimension. */
  readonly bits: number
  /** Standard error of `bits`; 0 for what is known exactly for each sample is still the spread between samples. */
  readonly error: number
}

/** A term, or the sum of the terms of the times `from` ... `to`. */
export interface BoundRow extends Measured {
  readonly from: number
  readonly to: number
}

/** The bound so far. */
export interface BoundStep {
  /** Samples done. */
  readonly done: number
  readonly count: number
  /** Minus the bound on log p(x0): what is to be small. */
  readonly total: Measured
  /** L_0 = -E log p(x0 | x_1). */
  readonly reconstruction: Measured
  /** L_T = KL(q(x_T | x0) || p(x_T)), which no training changes. */
  readonly prior: Measured
  /** The sum of L_1 ... L_(T - 1): of the steps from T ... 2. */
  readonly diffusion: Measured
  /** The step from t to t - 1 for t = 1 ... T, or ranges of t: each row is a sum over its times. Row t = 1 is L_0. */
  readonly rows: readonly BoundRow[]
}

const log2 = Math.log(2)

/**
 * Minus the variational bound on log p(x0) of samples `[count, ...shape]`:
 * L_T + sum over t >= 2 of E KL(q(x_(t - 1) | x_t, x0) || p(x_(t - 1) | x_t)) - E log p(x0 | x_1),
 * yielded after every batch. Images are taken as bytes in [-1, 1] and the result is a bound in bits on what a lossless code
 * needs for them; for real numbers (`bins: null`, the default for points) it is one on minus a log density.
 *
 * The sum over times is estimated by times drawn from a distribution q over them, each term over its q: without bias, and
 * with error bars over samples. Source: Ho et al. 2020, equation 5; Nichol and Dhariwal 2021, section 2.2; Luo 2022.
 *
 * @example for await (const { total } of bound(model, test.x)) console.log(`${total.bits} +- ${total.error}`)
 * @throws RangeError when the samples are none, not of the model's shape, or an option makes no sense.
 */
export async function* bound(
  model: Denoiser<Network>,
  x: NdArray,
  {
    draws = 4,
    form = "denoising",
    bins = model.shape.length === 3 ? 256 : null,
    variance = model.variance,
    clip = model.clip,
    rows = draws === "all" ? "all" : 20,
    batch = Math.max(64, Math.floor(16_384 / sizeOf(model.shape))),
    seed = 0,
    replace,
    signal,
  }: BoundOptions = {},
): AsyncGenerator<BoundStep> {
  const { process } = model
  const steps = process.steps
  const count = x.shape[0] ?? 0
  const size = sizeOf(model.shape)
  if (x.shape.slice(1).join() !== model.shape.join() || count === 0)
    throw new RangeError(`bound: got samples [${x.shape.join(", ")}], expected [count, ${model.shape.join(", ")}]`)
  const numbers = { batch, ...(draws !== "all" && { draws }), ...(rows !== "all" && { rows }) }
  for (const [name, value] of Object.entries(numbers)) {
    if (!(Number.isInteger(value) && Number(value) >= 1))
      throw new RangeError(`bound: got ${name} ${value}, expected a whole number from 1`)
  }
  const key = fold(keyOf(seed), boundStream)
  const run = compile(
    (x0: Tensor, t: Tensor, noise: Tensor) =>
      form === "denoising"
        ? denoisingTerms(model, x0, t, noise, { clip, variance, bins })
        : consistencyTerms(model, x0, t, noise, { clip, variance, bins }),
    replace === undefined ? {} : { replace },
  )
  const noises = form === "denoising" ? 1 : 3
  const read = (i: number, out: Float32Array): void => {
    for (let k = 0; k < size; k++) out[k] = Number(x.data[i * size + k])
  }
  /** Terms of jobs (a sample, a time, and which draw it is), in their order. */
  const terms = async (jobs: readonly Job[], together: number): Promise<Float64Array> => {
    const found = new Float64Array(jobs.length)
    for (let start = 0; start < jobs.length; start += together) {
      signal?.throwIfAborted()
      const part = jobs.slice(start, start + together)
      const x0 = new Float32Array(together * size)
      const noise = new Float32Array(together * noises * size)
      const times = new Int32Array(together).fill(1)
      for (const [k, { i, t, draw }] of part.entries()) {
        read(i, x0.subarray(k * size, (k + 1) * size))
        fillNormal(noise.subarray(k * noises * size, (k + 1) * noises * size), fold(key, i, draw))
        times[k] = t
      }
      const { data } = await run(
        array("float32", [together, ...model.shape], x0),
        array("int32", [together], times),
        array("float32", [together, noises, ...model.shape], noise),
      )
      for (let k = 0; k < part.length; k++) found[start + k] = Number(data[k])
    }
    return found
  }
  try {
    const exact = draws === "all" || draws >= steps - 1
    const perItem = exact ? steps : 1 + (draws as number)
    const together = Math.min(batch, count * perItem)
    const proposal = exact || steps === 1 ? undefined : await pilot(process, terms, Math.min(count, 8), together)
    const sums = new Sums(rangesOf(steps, rows === "all" ? steps : rows), size)
    const group = Math.max(1, Math.floor(together / perItem))
    for (let start = 0; start < count; start += group) {
      const jobs: Job[] = []
      for (let i = start; i < Math.min(count, start + group); i++) {
        jobs.push({ i, t: 1, draw: 1, weight: 1 })
        if (exact) for (let t = 2; t <= steps; t++) jobs.push({ i, t, draw: t, weight: 1 })
        else if (proposal !== undefined) jobs.push(...proposal.draw(i, draws as number, new Generator(fold(key, i, 0))))
      }
      const found = await terms(jobs, together)
      let at = 0
      const item = new Float32Array(size)
      while (at < jobs.length) {
        const { i } = jobs[at]
        read(i, item)
        sums.begin(priorTerm(process, item, form))
        for (; at < jobs.length && jobs[at].i === i; at++) sums.add(jobs[at].t, jobs[at].weight * found[at])
        sums.end()
      }
      yield sums.step(count)
    }
  } finally {
    await run.dispose()
  }
}

/** Keeps the noise of a bound apart from that of samples with the same seed. */
const boundStream = 0x626f756e

/** One evaluation: the term of time t for sample i with its `draw`-th noise, to be counted `weight` times. */
interface Job {
  readonly i: number
  readonly t: number
  readonly draw: number
  readonly weight: number
}

interface TermOptions {
  readonly clip: number | null
  readonly variance: Variance
  readonly bins: number | null
}

/** Noise k of `[batch, noises, ...shape]`. */
const noiseOf = (noise: Tensor, k: number, x0: Tensor): Tensor => noise.slice([null, [k, k + 1]]).reshape(x0.shape)

/** One of two `[batch, ...]` by whether t is 1. */
function byTime(t: Tensor, first: Tensor, later: Tensor): Tensor {
  const isFirst = equal(t, constant(1, "int32"))
  return where(isFirst.reshape([...t.shape, ...first.shape.slice(1).map(() => 1)]), first, later)
}

/** The denoising form at one x_t, `[batch]`. */
function denoisingTerms(model: Denoiser, x0: Tensor, t: Tensor, noise: Tensor, options: TermOptions): Tensor {
  const xt = model.process.noised(x0, noiseOf(noise, 0, x0), t)
  return boundTerms(model.process, x0, xt, t, reverseStep(model, xt, t, options), options.bins)
}

/**
 * The term of each time in nats, `[batch]`: KL(q(x_(t - 1) | x_t, x0) || p(x_(t - 1) | x_t)) for t >= 2, and
 * -log p(x0 | x_1) for t = 1.
 */
export function boundTerms(
  process: Process,
  x0: Tensor,
  xt: Tensor,
  t: Tensor,
  step: ReverseStep,
  bins: number | null,
): Tensor {
  const first = reconstruction(x0, step, bins)
  if (process.steps === 1) return first
  const table = (f: (t: number) => number): Tensor => process.at((i) => f(Math.max(2, i)), t, x0.rank)
  const mean = x0
    .mul(table((i) => process.posterior(i).x0Weight))
    .add(xt.mul(table((i) => process.posterior(i).xtWeight)))
  const logVariance = table((i) => Math.log(process.posterior(i).variance))
  return byTime(t, first, klOf({ mean, logVariance }, step))
}

/**
 * The consistency form at one path, `[batch]`: log q(x_(t - 1) | x_(t - 2)) - log p(x_(t - 1) | x_t) for t >= 2, and
 * -log p(x0 | x_1) for t = 1.
 */
function consistencyTerms(model: Denoiser, x0: Tensor, t: Tensor, noise: Tensor, options: TermOptions): Tensor {
  const { process } = model
  const [before, into, after] = [0, 1, 2].map((k) => noiseOf(noise, k, x0))
  const start = process.noised(x0, before, t)
  if (process.steps === 1) return reconstruction(x0, reverseStep(model, start, t, options), options.bins)
  const table = (f: (t: number) => number): Tensor => process.at((i) => f(Math.max(2, i)), t, x0.rank)
  const walk = (x: Tensor, z: Tensor, back: number): Tensor =>
    x
      .mul(table((i) => process.kernel(i - back).signal))
      .add(z.mul(table((i) => Math.sqrt(process.kernel(i - back).variance))))
  const past = x0.mul(table((i) => process.signal(i - 2))).add(before.mul(table((i) => process.sigma(i - 2))))
  const middle = walk(past, into, 1)
  const xt = byTime(t, start, walk(middle, after, 0))
  const step = reverseStep(model, xt, t, options)
  const forward = into
    .square()
    .add(table((i) => Math.log(2 * Math.PI * process.kernel(i - 1).variance)))
    .mul(-0.5)
  const later = perSample(forward).sub(logNormal(middle, step.mean, step.logVariance))
  return byTime(t, reconstruction(x0, step, options.bins), later)
}

/** -log p(x0 | x_1), `[batch]`: of the bin of each number, or of its density for `null`. */
function reconstruction(x0: Tensor, { mean, logVariance }: ReverseStep, bins: number | null): Tensor {
  if (bins === null) return logNormal(x0, mean, logVariance).neg()
  return perSample(discretised(x0, mean, logVariance.mul(0.5), { bins })).neg()
}

/**
 * L_T in nats of one sample: KL(q(x_T | x0) || p(x_T)) with p(x_T) = N(0, sigma_T^2), or N(0, 1) where variance is
 * preserved. In the consistency form q is q(x_T | x_(T - 1)), on average over x_(T - 1).
 */
export function priorTerm(
  process: Process,
  x0: ArrayLike<number>,
  form: "denoising" | "consistency" = "denoising",
): number {
  const T = process.steps
  const prior = process.levels.preserving ? 1 : process.sigma(T) ** 2
  const mean = Float64Array.from(x0, (v) => process.signal(T) * v)
  const variance = process.sigma(T) ** 2
  const apart = gaussianKl({ mean, variance }, { mean: new Float64Array(mean.length), variance: prior })
  if (form === "denoising" || T === 1) return apart
  // The same mean square, but the entropy of one kernel instead of that of all of them.
  const { variance: beta } = process.kernel(T)
  return apart + (mean.length / 2) * Math.log(variance / beta)
}

/** Times drawn in proportion to a guess of how large their terms are. */
interface Proposal {
  draw(i: number, draws: number, random: Generator): Job[]
}

/** Looks at a few samples at some times, and takes the root mean square of the terms between them as it is. */
async function pilot(
  process: Process,
  terms: (jobs: readonly Job[], rows: number) => Promise<Float64Array>,
  samples: number,
  rows: number,
): Promise<Proposal> {
  const T = process.steps
  const at = [...new Set(Array.from({ length: 25 }, (_, k) => Math.round(2 * (T / 2) ** (k / 24))))].filter(
    (t) => t <= T,
  )
  const jobs = at.flatMap((t) => Array.from({ length: samples }, (_, i) => ({ i, t, draw: -t, weight: 1 })))
  const found = await terms(jobs, rows)
  const sizes = at.map((_, k) => {
    let sum = 0
    for (let i = 0; i < samples; i++) sum += found[k * samples + i] ** 2
    return Math.log(Math.sqrt(sum / samples) + 1e-12)
  })
  const q = new Float64Array(T + 1)
  let k = 0
  for (let t = 2; t <= T; t++) {
    while (k < at.length - 2 && at[k + 1] < t) k++
    const share = at.length === 1 ? 0 : (Math.log(t) - Math.log(at[k])) / (Math.log(at[k + 1]) - Math.log(at[k]))
    q[t] = Math.exp(at.length === 1 ? sizes[0] : sizes[k] + share * (sizes[k + 1] - sizes[k]))
  }
  const total = q.reduce((a, b) => a + b, 0)
  // A tenth is uniform: no term may be as good as never drawn.
  for (let t = 2; t <= T; t++) q[t] = (0.9 * q[t]) / total + 0.1 / (T - 1)
  const cumulative = new Float64Array(T + 1)
  for (let t = 2; t <= T; t++) cumulative[t] = cumulative[t - 1] + q[t]
  return {
    draw: (i, draws, random) => {
      const shift = random.uniform()
      return Array.from({ length: draws }, (_, d) => {
        const u = ((d + shift) / draws) * cumulative[T]
        let [low, high] = [2, T]
        while (low < high) {
          const middle = (low + high) >> 1
          if (cumulative[middle] > u) high = middle
          else low = middle + 1
        }
        return { i, t: low, draw: T + 1 + d, weight: 1 / (draws * q[low]) }
      })
    },
  }
}

/** Ranges of times for the table: every time, or ranges that grow, the first of t = 1 alone. */
function rangesOf(steps: number, rows: number): [from: number, to: number][] {
  if (rows >= steps) return Array.from({ length: steps }, (_, k) => [k + 1, k + 1])
  if (rows === 1) return [[1, steps]]
  const last = Math.max(1, rows - 2)
  const ends = [...new Set(Array.from({ length: last + 1 }, (_, k) => Math.round(2 * (steps / 2) ** (k / last))))]
  if (rows === 2) ends.splice(0, ends.length, steps)
  return [[1, 1], ...ends.map((end, k): [number, number] => [k === 0 ? 2 : ends[k - 1] + 1, end])]
}

/** Sums over samples: of every row, of the prior, of the whole and of their squares. */
class Sums {
  readonly #ranges: readonly (readonly [number, number])[]
  readonly #size: number
  readonly #sums: Float64Array
  readonly #squares: Float64Array
  readonly #now: Float64Array
  #done = 0

  /** One sum for each row, then the prior, the total, and all rows but the first. */
  constructor(ranges: readonly (readonly [number, number])[], size: number) {
    this.#ranges = ranges
    this.#size = size
    this.#sums = new Float64Array(ranges.length + 3)
    this.#squares = new Float64Array(ranges.length + 3)
    this.#now = new Float64Array(ranges.length + 3)
  }

  begin(prior: number): void {
    this.#now.fill(0)
    this.#now[this.#ranges.length] = prior
  }

  add(t: number, nats: number): void {
    let [low, high] = [0, this.#ranges.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#ranges[middle][1] < t) low = middle + 1
      else high = middle
    }
    this.#now[low] += nats
  }

  end(): void {
    const n = this.#ranges.length
    let later = 0
    for (let k = 1; k < n; k++) later += this.#now[k]
    this.#now[n + 2] = later
    this.#now[n + 1] = later + this.#now[0] + this.#now[n]
    for (const [k, v] of this.#now.entries()) {
      this.#sums[k] += v
      this.#squares[k] += v * v
    }
    this.#done++
  }

  step(count: number): BoundStep {
    const n = this.#ranges.length
    const at = (k: number): Measured => {
      const nats = this.#sums[k] / this.#done
      const variance = Math.max(0, this.#squares[k] / this.#done - nats * nats)
      const unit = this.#size * log2
      return { nats, bits: nats / unit, error: Math.sqrt(variance / Math.max(1, this.#done - 1)) / unit }
    }
    return {
      done: this.#done,
      count,
      total: at(n + 1),
      reconstruction: at(0),
      prior: at(n),
      diffusion: at(n + 2),
      rows: this.#ranges.map(([from, to], k) => ({ from, to, ...at(k) })),
    }
  }
}
