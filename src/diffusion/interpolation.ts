/** Between samples: from a middle step on, and along the sphere of noise. */
import { array, type NdArray, sizeOf } from "../engine/array.ts"
import { fillNormal, fold, keyOf } from "../engine/random.ts"
import { Denoiser } from "./denoiser.ts"
import type { SamplerOptions } from "./samplers/sampler.ts"

/** Options of {@link partway}. */
export interface PartwayOptions {
  /** How much is made anew: 1 is all, near 0 almost nothing. The time begun at is that share of T. */
  readonly strength?: number
  /** As the sampler's: give it the same. */
  readonly seed?: number
}

/** A denoiser for what is left to do, and the options by which a sampler begins there. */
export interface Partway {
  readonly model: Denoiser
  readonly options: Required<Pick<SamplerOptions, "count" | "seed" | "noise">>
}

/**
 * Sampling that begins at a middle step with given samples `[count, ...shape]`, noised: image-to-image. The denoiser is
 * the same on a process that ends at that time, so any sampler's steps are spaced over what is left.
 * Source: Meng et al. 2022 (SDEdit), algorithm 1.
 *
 * @example const { model: rest, options } = partway(model, images, { strength: 0.6 })
 * @example for await (const { images } of ddim(rest, { ...options, steps: 30 })) show(images)
 * @throws RangeError when the samples do not fit or the strength is not above 0 and at most 1.
 */
export function partway(
  model: Denoiser,
  x: NdArray<"float32">,
  { strength = 0.5, seed = 0 }: PartwayOptions = {},
): Partway {
  if (x.shape.slice(1).join() !== model.shape.join())
    throw new RangeError(`partway: got samples [${x.shape.join(", ")}], expected [count, ${model.shape.join(", ")}]`)
  if (!(strength > 0 && strength <= 1))
    throw new RangeError(`partway: got strength ${strength}, expected a number above 0 and at most 1`)
  const { network, predict, clip, sigmaData, variance, firstStd } = model
  const time = Math.max(1, Math.round(strength * model.process.steps))
  const process = model.process.upTo(time)
  const [signal, sigma] = [process.signal(time), process.sigma(time)]
  // What samplers multiply their first noise by.
  const start = Math.hypot(signal, sigma)
  const size = sizeOf(model.shape)
  const key = keyOf(seed)
  const noise = (sample: number, question: number): Float32Array => {
    const out = fillNormal(new Float32Array(size), fold(key, sample, question))
    if (question === 0)
      for (let i = 0; i < size; i++) out[i] = (signal * x.data[sample * size + i] + sigma * out[i]) / start
    return out
  }
  const rest = new Denoiser(network, process, { predict, clip, sigmaData, variance, firstStd })
  return { model: rest, options: { count: x.shape[0], seed, noise } }
}

/** Options of {@link arcs}. */
export interface ArcOptions {
  /** Samples a row. */
  readonly length: number
  readonly seed?: number
  /** Noise at the ends of rows, `[ends, ...shape]` with two for each row, in place of the seed's: what `invert` finds. */
  readonly ends?: NdArray<"float32">
}

/**
 * The first noise of samples that come in rows of `length`: at the ends of each row noise of its own, and between them
 * points of the arc from one to the other ({@link slerp}). For samplers that draw no other noise.
 *
 * @example ddim(model, { count: 24, noise: arcs(model.shape, { length: 8 }) }) // three rows
 * @throws RangeError when a row has fewer than two, or no ends of its own among those given.
 */
export function arcs(
  shape: readonly number[],
  { length, seed = 0, ends }: ArcOptions,
): (sample: number, question: number) => Float32Array {
  if (!(Number.isInteger(length) && length >= 2))
    throw new RangeError(`arcs: got rows of ${length}, expected a whole number from 2`)
  if (ends !== undefined && ends.shape.slice(1).join() !== shape.join())
    throw new RangeError(`arcs: got ends [${ends.shape.join(", ")}], expected [ends, ${shape.join(", ")}]`)
  const key = keyOf(seed)
  const size = sizeOf(shape)
  const end = (k: number): NdArray<"float32"> => {
    if (ends === undefined) return array("float32", [size], fillNormal(new Float32Array(size), fold(key, k, 0)))
    if (k >= ends.shape[0])
      throw new RangeError(
        `arcs: got ${ends.shape[0]} ends, expected two for each row (row ${Math.floor(k / 2)} has none)`,
      )
    return array("float32", [size], ends.data.slice(k * size, (k + 1) * size))
  }
  return (sample, question) => {
    if (question !== 0)
      throw new RangeError("arcs: the sampler draws fresh noise (use ddim, a solver or the probability flow)")
    const row = Math.floor(sample / length)
    return slerp(end(2 * row), end(2 * row + 1), (sample % length) / (length - 1)).data
  }
}

/**
 * The arc from a to b (numbers of one sample, or of rows that are each taken by themselves, `[count, ...]`), at `weight` 0
 * a and at 1 b: sin((1 - w) theta) / sin theta a + sin(w theta) / sin theta b, with theta the angle between the two. Noise
 * keeps its length on it, which the straight line shortens. Where the two are nearly parallel it is the straight line.
 * Source: Shoemake 1985; Song et al. 2021 (DDIM), equation 67.
 *
 * @throws RangeError when shapes differ or a row is zero or not finite.
 */
export function slerp(a: NdArray<"float32">, b: NdArray<"float32">, weight: number): NdArray<"float32"> {
  if (a.shape.join() !== b.shape.join() || a.shape.length === 0)
    throw new RangeError(`slerp: got shapes [${a.shape.join(", ")}] and [${b.shape.join(", ")}], expected the same`)
  const rows = a.shape.length === 1 ? 1 : a.shape[0]
  const size = a.data.length / rows
  const out = new Float32Array(a.data.length)
  for (let r = 0; r < rows; r++) {
    let [aa, bb, ab] = [0, 0, 0]
    for (let i = r * size; i < (r + 1) * size; i++) {
      aa += a.data[i] ** 2
      bb += b.data[i] ** 2
      ab += a.data[i] * b.data[i]
    }
    const lengths = Math.sqrt(aa * bb)
    if (!(lengths > 0 && lengths < Number.POSITIVE_INFINITY))
      throw new RangeError(`slerp: row ${r} is zero or not finite, expected a direction`)
    const theta = Math.acos(Math.min(1, Math.max(-1, ab / lengths)))
    const sine = Math.sin(theta)
    const isFlat = sine < 1e-6
    const [p, q] = isFlat
      ? [1 - weight, weight]
      : [Math.sin((1 - weight) * theta) / sine, Math.sin(weight * theta) / sine]
    for (let i = r * size; i < (r + 1) * size; i++) out[i] = p * a.data[i] + q * b.data[i]
  }
  return array("float32", a.shape, out)
}
