/** Initial values of parameters, PyTorch's by default, from one generator that a seed fixes. */
import { array, type NdArray, sizeOf, zeros } from "../engine/array.ts"
import { Generator } from "../engine/random.ts"

let source = new Generator(0)

/**
 * Builds modules whose initial values follow from the seed alone. Outside of it they come from one generator of seed 0, so
 * they depend on what was built before.
 *
 * @example const model = seeded(0, () => new UNet({ channels: 1, size: 28 }))
 */
export function seeded<R>(seed: number, build: () => R): R {
  const outer = source
  source = new Generator(seed)
  try {
    return build()
  } finally {
    source = outer
  }
}

/** How many values may still be made without being drawn; `undefined` where values are drawn. */
let room: number | undefined

/**
 * Builds modules whose random values are zero, for those that are given others at once: nothing is drawn, and no more
 * than `limit` values are made room for.
 *
 * @throws RangeError when the modules need more.
 */
export function unfilled<R>(limit: number, build: () => R): R {
  const outer = room
  room = limit
  try {
    return build()
  } finally {
    room = outer
  }
}

function unfilledOf(shape: readonly number[]): NdArray<"float32"> | undefined {
  if (room === undefined) return undefined
  room -= sizeOf(shape)
  if (!(room >= 0)) throw new RangeError("unfilled: the modules need more values than there are")
  return zeros(shape)
}

/** Uniform values on [-bound, bound), of variance bound^2 / 3, from the generator of {@link seeded}. */
export function uniform(shape: readonly number[], bound: number): NdArray<"float32"> {
  const empty = unfilledOf(shape)
  if (empty !== undefined) return empty
  return array(
    "float32",
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => source.uniform(-bound, bound)),
  )
}

/** Normal values of mean 0 and standard deviation `std`, from the generator of {@link seeded}. */
export function normal(shape: readonly number[], std: number): NdArray<"float32"> {
  const empty = unfilledOf(shape)
  if (empty !== undefined) return empty
  return array(
    "float32",
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => source.normal(0, std)),
  )
}

/** Inputs of one output of a weight `[out, in, ...]`. */
function fanIn(shape: readonly number[]): number {
  return sizeOf(shape.slice(1))
}

/**
 * PyTorch's default for linear and convolution weights: uniform within 1 / sqrt(fan in), so of variance 1 / (3 fan in).
 * (There it is written `kaiming_uniform_(a=sqrt(5))`.)
 */
export function fanInUniform(shape: readonly number[]): NdArray<"float32"> {
  return uniform(shape, 1 / Math.sqrt(fanIn(shape)))
}

/** LeCun's uniform initialisation: variance 1 / fan in, which keeps the variance of linear units. Source: LeCun et al. 1998. */
export function lecunUniform(shape: readonly number[]): NdArray<"float32"> {
  return uniform(shape, Math.sqrt(3 / fanIn(shape)))
}

/** He's uniform initialisation: variance 2 / fan in, for rectifiers. Source: He et al. 2015. */
export function heUniform(shape: readonly number[]): NdArray<"float32"> {
  return uniform(shape, Math.sqrt(6 / fanIn(shape)))
}

/** Glorot's uniform initialisation: variance 2 / (fan in + fan out). Source: Glorot and Bengio 2010. */
export function glorotUniform(shape: readonly number[]): NdArray<"float32"> {
  const fanOut = shape[0] * sizeOf(shape.slice(2))
  return uniform(shape, Math.sqrt(6 / (fanIn(shape) + fanOut)))
}
