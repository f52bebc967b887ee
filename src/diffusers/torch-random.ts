/** PyTorch's random numbers on the CPU: the same seed gives the same numbers. */
import { array, type NdArray, sizeOf } from "../engine/array.ts"

const words = 624
const middle = 397

/** Normal numbers come in blocks of this many uniform ones. */
const block = 16

/**
 * PyTorch's CPU generator, the Mersenne twister: uniform and whole numbers bit for bit, normal ones to float32's
 * rounding of logarithm, sine and cosine. Source: Matsumoto and Nishimura 1998; the ways to draw are those of PyTorch 2.
 */
export class TorchGenerator {
  readonly #state = new Uint32Array(words)
  #at = words
  /** The second of two normals that were drawn together, kept for the next single draw. */
  #spare: number | undefined

  /** @param seed a whole number as `torch.manual_seed` takes it; its low 32 bits count */
  constructor(seed: number | bigint = 0) {
    if (typeof seed === "number" && !Number.isSafeInteger(seed))
      throw new RangeError(`TorchGenerator: got seed ${seed}, expected a whole number (a bigint beyond 2^53)`)
    const state = this.#state
    state[0] = Number(BigInt.asUintN(32, BigInt(seed)))
    for (let i = 1; i < words; i++) {
      const before = state[i - 1] ^ (state[i - 1] >>> 30)
      state[i] = Math.imul(1812433253, before) + i
    }
  }

  /** Next 32 random bits as an unsigned integer. */
  bits(): number {
    if (this.#at === words) this.#refill()
    let y = this.#state[this.#at++]
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }

  #refill(): void {
    const state = this.#state
    for (let i = 0; i < words; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % words] & 0x7fffffff)
      state[i] = state[(i + middle) % words] ^ (y >>> 1) ^ ((y & 1) === 0 ? 0 : 0x9908b0df)
    }
    this.#at = 0
  }

  /** Next uniform on [0, 1) of 53 bits, as a double is drawn. */
  #double(): number {
    const high = this.bits()
    return ((high & 0x1fffff) * 4294967296 + this.bits()) / 9007199254740992
  }

  /** `torch.rand`: uniform on [0, 1), 24 bits each. */
  rand(shape: readonly number[]): NdArray<"float32"> {
    return array("float32", shape, this.#uniform(sizeOf(shape)))
  }

  #uniform(count: number): Float32Array {
    const out = new Float32Array(count)
    for (let i = 0; i < count; i++) out[i] = (this.bits() & 0xffffff) * 2 ** -24
    return out
  }

  /**
   * `torch.randn` of float32: Box and Muller's transform, of 16 uniform numbers at a time from 16 numbers on, with
   * 53-bit ones for fewer.
   */
  randn(shape: readonly number[]): NdArray<"float32"> {
    const count = sizeOf(shape)
    if (count < block)
      return array(
        "float32",
        shape,
        Float32Array.from({ length: count }, () => this.#normal()),
      )
    const out = this.#uniform(count)
    const whole = count - (count % block)
    for (let start = 0; start < whole; start += block) transform(out, start)
    if (whole !== count) {
      // The last 16 are drawn again, so that they are a whole block.
      out.set(this.#uniform(block), count - block)
      transform(out, count - block)
    }
    return array("float32", shape, out)
  }

  #normal(): number {
    const spare = this.#spare
    this.#spare = undefined
    if (spare !== undefined) return spare
    const [first, second] = [this.#double(), this.#double()]
    const radius = Math.sqrt(-2 * Math.log1p(-second))
    const angle = 2 * Math.PI * first
    this.#spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }

  /**
   * `torch.randint(low, high, shape)` as int32.
   *
   * @throws RangeError when the bounds are no whole numbers of 32 bits, low below high.
   */
  randint(low: number, high: number, shape: readonly number[]): NdArray<"int32"> {
    const range = high - low
    if (!(Number.isInteger(low) && Number.isInteger(high) && low >= -(2 ** 31) && high <= 2 ** 31 && range >= 1))
      throw new RangeError(`randint: got bounds ${low} and ${high}, expected whole numbers of 32 bits, low below high`)
    const data = new Int32Array(sizeOf(shape))
    for (let i = 0; i < data.length; i++) data[i] = low + this.#below(range)
    return array("int32", shape, data)
  }

  /** A whole number below `range`: a remainder of 32 bits, of 64 for ranges that would make the bias felt. */
  #below(range: number): number {
    if (range < 2 ** 28) return this.bits() % range
    const high = BigInt(this.bits())
    return Number(((high << 32n) | BigInt(this.bits())) % BigInt(range))
  }

  /** `torch.randperm(n)` as int32. */
  randperm(n: number): NdArray<"int32"> {
    if (!(Number.isInteger(n) && n >= 0 && n < 2 ** 28))
      throw new RangeError(`randperm: got ${n}, expected a whole number from 0 to 2^28 - 1`)
    const order = Int32Array.from({ length: n }, (_, i) => i)
    for (let i = 0; i < n - 1; i++) {
      const j = i + (this.bits() % (n - i))
      const held = order[i]
      order[i] = order[j]
      order[j] = held
    }
    return array("int32", [n], order)
  }
}

/** Sixteen uniform numbers as normal ones: the first eight with the last eight, in float32. */
function transform(out: Float32Array, start: number): void {
  const f = Math.fround
  const turn = f(2 * Math.PI)
  for (let j = start; j < start + block / 2; j++) {
    const radius = f(Math.sqrt(f(-2 * f(Math.log(1 - out[j])))))
    const angle = f(turn * out[j + block / 2])
    out[j] = radius * f(Math.cos(angle))
    out[j + block / 2] = radius * f(Math.sin(angle))
  }
}

/**
 * The noise that a pipeline of diffusers draws, for a sampler's `noise`: numbers of the given sample for the first
 * sample (question 0) and for each later question, from one generator for all samples, or from one each.
 *
 * @param seed one seed: every draw is of all samples at once, so a sample depends on how many there are; or one a sample
 * @param count how many samples there are
 * @param shape of one sample
 */
export function torchNoise(
  seed: number | bigint | readonly (number | bigint)[],
  count: number,
  shape: readonly number[],
): (sample: number, question: number) => Float32Array {
  const isOne = !Array.isArray(seed)
  const seeds = (isOne ? [seed] : seed) as readonly (number | bigint)[]
  // One generator in a list draws for all samples, as diffusers has it.
  const isShared = isOne || seeds.length === 1
  if (!isShared && seeds.length !== count)
    throw new RangeError(`torchNoise: got ${seeds.length} seeds for ${count} samples, expected one, or one each`)
  const size = sizeOf(shape)
  const generators = seeds.map((s) => new TorchGenerator(s))
  const drawn = isShared ? [-1] : seeds.map(() => -1)
  const held: Float32Array[] = []
  return (sample, question) => {
    if (!(Number.isInteger(sample) && sample >= 0 && sample < count))
      throw new RangeError(`torchNoise: got sample ${sample}, expected one of ${count}`)
    const stream = isShared ? 0 : sample
    if (question < drawn[stream])
      throw new RangeError(`torchNoise: got question ${question} after ${drawn[stream]}: a stream does not go back`)
    if (question > drawn[stream]) {
      held[stream] = generators[stream].randn(isShared ? [count, ...shape] : [1, ...shape]).data
      drawn[stream] = question
    }
    return isShared ? held[0].slice(sample * size, (sample + 1) * size) : held[stream].slice()
  }
}
