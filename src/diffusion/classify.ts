/** The diffusion classifier: which class makes a sample most likely, by the bound of a conditional denoiser. */
import { array, type NdArray, sizeOf } from "../engine/array.ts"
import { compile } from "../engine/compile.ts"
import { fillNormal, fold, Generator, type Key, keyOf } from "../engine/random.ts"
import type { Tensor, Variable } from "../engine/tensor.ts"
import { chancesOf, Race } from "./classify-race.ts"
import { type Denoiser, preserving } from "./denoiser.ts"
import { perSample } from "./denoiser-reverse.ts"
import { denoisingTerms } from "./likelihood-terms.ts"
import type { Process } from "./process.ts"

/** Options of {@link classify}. */
export interface ClassifyOptions {
  /** Labels 0 ... classes - 1 are tried. */
  readonly classes: number
  /** Pairs of a time and noise drawn for each sample in each round, the same for all classes that are left. */
  readonly draws?: number
  /** Rounds, at most; after each, classes that are hopelessly behind are left out. */
  readonly rounds?: number
  /** A class is left out when it is more than this many nats behind the best, beyond three standard errors; never for Infinity. */
  readonly margin?: number
  /**
   * `bound` weighs errors as the variational bound does, which makes chances of the results. `uniform` is the plain mean
   * of || eps - eps_hat ||^2 over times, which can only rank.
   */
  readonly weight?: "bound" | "uniform"
  /**
   * The first time whose term counts, with `bound`: from 2 on the classes of x_(from - 1) are told, of which finer detail
   * than its noise is no evidence. The first terms are large and of detail that tells little of a class, so where a
   * network is not near perfect its errors there outweigh all else. 1 is the whole bound, which points have unless given;
   * images have the first time at which sigma is more than half of the signal.
   */
  readonly from?: number
  /** Whether all classes see the same times and noise. Without it the noise does not cancel, and many more draws are needed. */
  readonly shared?: boolean
  /** Chances of the classes beforehand, `[classes]`; the same for all unless given. */
  readonly prior?: ArrayLike<number>
  /** As in `bound`: 256 for images, `null` for points, unless given. */
  readonly bins?: number | null
  /** Evaluations made at once. */
  readonly batch?: number
  /** Times and noise of sample i depend on the seed and i, and on what the first samples tell of which times matter. */
  readonly seed?: number
  /** Averaged weights to use in place of the network's own: `ema.replace`. */
  readonly replace?: (variable: Variable) => Variable
  readonly signal?: AbortSignal
}

/** Classes so far. */
export interface ClassifyStep {
  /** Samples done. */
  readonly done: number
  readonly count: number
  /** The likeliest class of each sample that is done. */
  readonly labels: Int32Array
  /** p(c | x) of each, `[done, classes]`; a class that was left out has what it had then. */
  readonly chances: NdArray<"float64">
  /** Evaluations of the network for each sample, on average, with those that found which times matter. */
  readonly evaluations: number
}

/** One evaluation. */
interface Job {
  readonly i: number
  readonly label: number
  readonly t: number
  readonly key: Key
}

/**
 * p(c | x) proportional to p(c) exp(ELBO_c(x)), for samples `[count, ...shape]` in [-1, 1], yielded after every few:
 * minus the ELBO is L_0 and the sum over t of the weighted errors lambda_t E || eps - eps_hat(x_t, t, c) ||^2, and L_T is
 * the same for all classes. (The notes 001 print the softmax of minus the unweighted mean, which only ranks.) Times are
 * drawn where the errors differ most between classes, as the first samples tell, each weighed by the inverse of its
 * chance; all classes share them and the noise, so that what they have in common cancels.
 * Source: Li et al. 2023, equations 7 to 10 and algorithm 2; Clark and Jaini 2023.
 *
 * @throws RangeError when samples or options make no sense.
 */
export async function* classify(
  own: Denoiser,
  x: NdArray,
  {
    classes,
    draws = 16,
    rounds = 8,
    margin = 5,
    weight = "bound",
    from: first,
    shared = true,
    prior,
    bins = own.shape.length === 3 ? 256 : null,
    batch = Math.max(64, Math.floor(16_384 / sizeOf(own.shape))),
    seed = 0,
    replace,
    signal,
  }: ClassifyOptions,
): AsyncGenerator<ClassifyStep> {
  const count = x.shape[0] ?? 0
  if (x.shape.slice(1).join() !== own.shape.join() || count === 0)
    throw new RangeError(`classify: got samples [${x.shape.join(", ")}], expected [count, ${own.shape.join(", ")}]`)
  for (const [name, value] of Object.entries({ classes, draws, rounds, batch }))
    if (!(Number.isInteger(value) && value >= 1))
      throw new RangeError(`classify: got ${name} ${value}, expected a whole number from 1`)
  if (!(margin >= 0)) throw new RangeError(`classify: got margin ${margin}, expected a number from 0`)
  const before = logPrior(prior, classes)
  const model = preserving(own)
  const from = first ?? (model.shape.length === 3 ? firstNoisy(model.process) : 1)
  if (!(Number.isInteger(from) && from >= 1 && from <= model.process.steps))
    throw new RangeError(`classify: got from ${from}, expected a time from 1 to ${model.process.steps}`)
  const { process } = model
  const size = sizeOf(model.shape)
  const key = fold(keyOf(seed), classifyStream)
  const { clip, variance } = model
  const program = compile(
    (x0: Tensor, t: Tensor, noise: Tensor, labels: Tensor) => {
      if (weight === "bound") return denoisingTerms(model, x0, t, noise, { clip, variance, bins, labels })
      const eps = noise.reshape(x0.shape)
      const { eps: found } = model.at(process.noised(x0, eps, t), t, labels)
      return perSample(eps.sub(found).square())
    },
    replace === undefined ? {} : { replace },
  )
  let asked = 0
  const evaluated = async (jobs: readonly Job[]): Promise<Float64Array> => {
    const found = new Float64Array(jobs.length)
    asked += jobs.length
    for (let start = 0; start < jobs.length; start += batch) {
      signal?.throwIfAborted()
      const part = jobs.slice(start, start + batch)
      const x0 = new Float32Array(batch * size)
      const noise = new Float32Array(batch * size)
      const times = new Int32Array(batch).fill(1)
      const labels = new Int32Array(batch)
      for (const [k, { i, label, t, key: own }] of part.entries()) {
        for (let j = 0; j < size; j++) x0[k * size + j] = Number(x.data[i * size + j])
        fillNormal(noise.subarray(k * size, (k + 1) * size), own)
        times[k] = t
        labels[k] = label
      }
      const { data } = await program(
        array("float32", [batch, ...model.shape], x0),
        array("int32", [batch], times),
        array("float32", [batch, 1, ...model.shape], noise),
        array("int32", [batch], labels),
      )
      for (const [k, { i, t, label }] of part.entries()) {
        found[start + k] = Number(data[k])
        if (!Number.isFinite(found[start + k]))
          throw new RangeError(
            `classify: the term of time ${t} is ${found[start + k]} for sample ${i}, class ${label} (are data and weights finite, and the variance not 0?)`,
          )
      }
    }
    return found
  }
  const all = Array.from({ length: classes }, (_, label) => label)
  /** Jobs of one draw: one for each class. */
  const drawn = (i: number, labels: readonly number[], t: number, draw: number): Job[] =>
    labels.map((label) => ({ i, label, t, key: shared ? fold(key, i, draw) : fold(key, i, draw, 1 + label) }))
  try {
    const timing =
      weight === "uniform"
        ? evenly(process)
        : await telling({ from, to: process.steps }, Math.min(count, 8), (at, samples) =>
            evaluated(at.flatMap((t) => Array.from({ length: samples }, (_, i) => drawn(i, all, t, -t)).flat())).then(
              (found) => ({ found, classes }),
            ),
          )
    const labels = new Int32Array(count)
    const chances = new Float64Array(count * classes)
    const group = Math.max(1, Math.ceil((32 * batch) / (classes * draws)))
    for (let start = 0; start < count; start += group) {
      const races = Array.from(
        { length: Math.min(group, count - start) },
        (_, k) => new Race(start + k, classes, margin),
      )
      for (let round = 0; round < rounds; round++) {
        const jobs: Job[] = []
        const open = races.filter((race) => round === 0 || race.isOpen)
        if (open.length === 0) break
        const plans = open.map((race) => {
          const times = timing.draw(draws, new Generator(fold(key, race.sample, 0, round)))
          for (const [d, t] of times.entries()) jobs.push(...drawn(race.sample, race.left, t, 1 + round * draws + d))
          return times
        })
        const found = await evaluated(jobs)
        let at = 0
        for (const [k, race] of open.entries()) {
          for (const t of plans[k]) {
            const n = race.left.length
            race.add(found.subarray(at, at + n), timing.weight(t))
            at += n
          }
          race.prune()
        }
      }
      for (const race of races) {
        const p = chancesOf(race.behind(), before)
        chances.set(p, race.sample * classes)
        labels[race.sample] = p.indexOf(Math.max(...p))
      }
      const done = start + races.length
      yield {
        done,
        count,
        labels: labels.slice(0, done),
        chances: array("float64", [done, classes], chances.slice(0, done * classes)),
        evaluations: asked / done,
      }
    }
  } finally {
    await program.dispose()
  }
}

/** Keeps this noise apart from that of samples and bounds with the same seed. */
const classifyStream = 0x636c6173

function logPrior(prior: ArrayLike<number> | undefined, classes: number): Float64Array {
  if (prior === undefined) return new Float64Array(classes)
  if (prior.length !== classes || !Array.from(prior).every((p) => p >= 0 && p <= 1))
    throw new RangeError(`classify: got a prior of [${Array.from(prior).join(", ")}], expected ${classes} chances`)
  return Float64Array.from(prior, Math.log)
}

/** The first time at which sigma is more than half of the signal. */
function firstNoisy(process: Process): number {
  for (let t = 1; t < process.steps; t++) if (process.sigma(t) > 0.5 * process.signal(t)) return t
  return process.steps
}

/** How times are drawn, and what a term of each counts: the sum over times is the mean over draws of terms so weighed. */
interface Timing {
  draw(count: number, random: Generator): number[]
  weight(t: number): number
}

/** Every time alike: the result is a mean over times. */
function evenly({ steps }: Process): Timing {
  return {
    draw: (count, random) => {
      const shift = random.uniform()
      return Array.from({ length: count }, (_, d) => 1 + Math.min(steps - 1, Math.floor(((d + shift) / count) * steps)))
    },
    weight: () => 1,
  }
}

/** Times in proportion to how much the terms of classes differ, which a look at a few samples tells; a tenth uniformly. */
async function telling(
  { from, to: T }: { readonly from: number; readonly to: number },
  samples: number,
  terms: (times: readonly number[], samples: number) => Promise<{ found: Float64Array; classes: number }>,
): Promise<Timing> {
  const at = [...new Set(Array.from({ length: 25 }, (_, k) => Math.round(from * (T / from) ** (k / 24))))].filter(
    (t) => t <= T,
  )
  const { found, classes } = await terms(at, samples)
  const sizes = at.map((_, k) => {
    let sum = 0
    for (let i = 0; i < samples; i++) {
      const own = found.subarray((k * samples + i) * classes, (k * samples + i + 1) * classes)
      const mean = own.reduce((a, b) => a + b, 0) / classes
      for (const v of own) sum += (v - mean) ** 2
    }
    return Math.log(Math.sqrt(sum / (samples * classes)) + 1e-12)
  })
  const q = new Float64Array(T + 1)
  let k = 0
  for (let t = from; t <= T; t++) {
    while (k < at.length - 2 && at[k + 1] < t) k++
    const share = at.length === 1 ? 0 : (Math.log(t) - Math.log(at[k])) / (Math.log(at[k + 1]) - Math.log(at[k]))
    q[t] = Math.exp(at.length === 1 ? sizes[0] : sizes[k] + share * (sizes[k + 1] - sizes[k]))
  }
  const total = q.reduce((a, b) => a + b, 0)
  const upTo = new Float64Array(T + 1)
  for (let t = from; t <= T; t++) {
    q[t] = (0.9 * q[t]) / total + 0.1 / (T - from + 1)
    upTo[t] = upTo[t - 1] + q[t]
  }
  return {
    draw: (count, random) => {
      const shift = random.uniform()
      return Array.from({ length: count }, (_, d) => {
        const u = ((d + shift) / count) * upTo[T]
        let [low, high] = [from, T]
        while (low < high) {
          const middle = (low + high) >> 1
          if (upTo[middle] > u) high = middle
          else low = middle + 1
        }
        return low
      })
    },
    weight: (t) => 1 / q[t],
  }
}
