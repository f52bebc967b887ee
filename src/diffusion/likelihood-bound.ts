/** The variational bound of a trained model, term by term, in nats and bits, with error bars. */
import { array, type NdArray, sizeOf } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { fillNormal, fold, Generator, keyOf } from "../engine/random.ts"
import type { Tensor, Variable } from "../engine/tensor.ts"
import type { Denoiser, Network, Variance } from "./denoiser.ts"
import { type BoundStep, rangesOf, Sums } from "./likelihood-table.ts"
import { consistencyTerms, denoisingTerms, priorTerm } from "./likelihood-terms.ts"
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
  /** Class labels, one a sample, for networks that take them. */
  readonly labels?: Int32Array
  /** Evaluations made at once. */
  readonly batch?: number
  /** The noise of sample i depends on the seed and i alone. */
  readonly seed?: number
  /** Averaged weights to use in place of the network's own: `ema.replace`. */
  readonly replace?: (variable: Variable) => Variable
  readonly signal?: AbortSignal
}

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
    labels,
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
  if (labels !== undefined && labels.length !== count)
    throw new RangeError(`bound: got ${labels.length} labels for ${count} samples, expected one each`)
  const key = fold(keyOf(seed), boundStream)
  const terms = form === "denoising" ? denoisingTerms : consistencyTerms
  const run = compile(
    ((x0: Tensor, t: Tensor, noise: Tensor, y?: Tensor) =>
      terms(model, x0, t, noise, { clip, variance, bins, labels: y })) as (...inputs: Tensor[]) => Tensor,
    replace === undefined ? {} : { replace },
  )
  const noises = form === "denoising" ? 1 : 3
  const read = (i: number, out: Float32Array): void => {
    for (let k = 0; k < size; k++) out[k] = Number(x.data[i * size + k])
  }
  /** Terms of jobs (a sample, a time, and which draw it is), in their order. */
  const evaluated = async (jobs: readonly Job[], together: number): Promise<Float64Array> => {
    const found = new Float64Array(jobs.length)
    for (let start = 0; start < jobs.length; start += together) {
      signal?.throwIfAborted()
      const part = jobs.slice(start, start + together)
      const x0 = new Float32Array(together * size)
      const noise = new Float32Array(together * noises * size)
      const times = new Int32Array(together).fill(1)
      const classes = new Int32Array(together)
      for (const [k, { i, t, draw }] of part.entries()) {
        read(i, x0.subarray(k * size, (k + 1) * size))
        fillNormal(noise.subarray(k * noises * size, (k + 1) * noises * size), fold(key, i, draw))
        times[k] = t
        if (labels !== undefined) classes[k] = labels[i]
      }
      const { data } = await run(
        array("float32", [together, ...model.shape], x0),
        array("int32", [together], times),
        array("float32", [together, noises, ...model.shape], noise),
        ...(labels === undefined ? [] : [array("int32", [together], classes)]),
      )
      for (const [k, { i, t }] of part.entries()) {
        const nats = Number(data[k])
        if (!Number.isFinite(nats))
          throw new RangeError(
            `bound: the term of time ${t} is ${nats} for sample ${i} (are data and weights finite, and the variance not 0?)`,
          )
        found[start + k] = nats
      }
    }
    return found
  }
  try {
    const exact = draws === "all" || draws >= steps - 1
    const perItem = exact ? steps : 1 + (draws as number)
    const together = Math.min(batch, count * perItem)
    const proposal = exact || steps === 1 ? undefined : await pilot(process, evaluated, Math.min(count, 8), together)
    const sums = new Sums(rangesOf(steps, rows === "all" ? steps : rows), size)
    const group = Math.max(1, Math.floor(together / perItem))
    for (let start = 0; start < count; start += group) {
      const jobs: Job[] = []
      for (let i = start; i < Math.min(count, start + group); i++) {
        jobs.push({ i, t: 1, draw: 1, weight: 1 })
        if (exact) for (let t = 2; t <= steps; t++) jobs.push({ i, t, draw: t, weight: 1 })
        else if (proposal !== undefined) jobs.push(...proposal.draw(i, draws as number, new Generator(fold(key, i, 0))))
      }
      const found = await evaluated(jobs, together)
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
