/** Seeded generators. Threefry-2x32 is a counter cipher: any number of the stream is had without the ones before it. */

/** A generator's identity: two 32-bit words. */
export type Key = readonly [number, number]

/** The two words of the last block. A pair as a result would be an object for each, which is slower than the rounds. */
let left = 0
let right = 0

/** Sets {@link left} and {@link right} to one block. Written out, for a loop over rounds takes three times as long. */
function mix(k0: number, k1: number, x0: number, x1: number): void {
  const k2 = k0 ^ k1 ^ 0x1bd11bda
  let a = (x0 + k0) | 0
  let b = (x1 + k1) | 0
  a = (a + b) | 0
  b = ((b << 13) | (b >>> 19)) ^ a
  a = (a + b) | 0
  b = ((b << 15) | (b >>> 17)) ^ a
  a = (a + b) | 0
  b = ((b << 26) | (b >>> 6)) ^ a
  a = (a + b) | 0
  b = ((b << 6) | (b >>> 26)) ^ a
  a = (a + k1) | 0
  b = (b + k2 + 1) | 0
  a = (a + b) | 0
  b = ((b << 17) | (b >>> 15)) ^ a
  a = (a + b) | 0
  b = ((b << 29) | (b >>> 3)) ^ a
  a = (a + b) | 0
  b = ((b << 16) | (b >>> 16)) ^ a
  a = (a + b) | 0
  b = ((b << 24) | (b >>> 8)) ^ a
  a = (a + k2) | 0
  b = (b + k0 + 2) | 0
  a = (a + b) | 0
  b = ((b << 13) | (b >>> 19)) ^ a
  a = (a + b) | 0
  b = ((b << 15) | (b >>> 17)) ^ a
  a = (a + b) | 0
  b = ((b << 26) | (b >>> 6)) ^ a
  a = (a + b) | 0
  b = ((b << 6) | (b >>> 26)) ^ a
  a = (a + k0) | 0
  b = (b + k1 + 3) | 0
  a = (a + b) | 0
  b = ((b << 17) | (b >>> 15)) ^ a
  a = (a + b) | 0
  b = ((b << 29) | (b >>> 3)) ^ a
  a = (a + b) | 0
  b = ((b << 16) | (b >>> 16)) ^ a
  a = (a + b) | 0
  b = ((b << 24) | (b >>> 8)) ^ a
  a = (a + k1) | 0
  b = (b + k2 + 4) | 0
  a = (a + b) | 0
  b = ((b << 13) | (b >>> 19)) ^ a
  a = (a + b) | 0
  b = ((b << 15) | (b >>> 17)) ^ a
  a = (a + b) | 0
  b = ((b << 26) | (b >>> 6)) ^ a
  a = (a + b) | 0
  b = ((b << 6) | (b >>> 26)) ^ a
  left = (a + k2) >>> 0
  right = (b + k0 + 5) >>> 0
}

/**
 * One Threefry-2x32 block of 20 rounds: two 32-bit words from a key and a counter.
 * Bit for bit the generator of JAX. Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
 */
export function threefry(key: Key, x0: number, x1: number): [number, number] {
  mix(key[0] | 0, key[1] | 0, x0, x1)
  return [left, right]
}

/** Key of a seed: its high and low 32 bits. Seeds are integers from 0 to 2^53 - 1. */
export function keyOf(seed: number): Key {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new RangeError(`seed: got ${seed}, expected an integer from 0 to 2^53 - 1`)
  return [Math.floor(seed / 4294967296) >>> 0, seed >>> 0]
}

/** A new key that depends on `key` and every number of `data`, in order: streams derived this way are independent. */
export function fold(key: Key, ...data: readonly number[]): Key {
  let at = key
  for (const d of data) at = threefry(at, Math.floor(d / 4294967296) >>> 0, d >>> 0)
  return at
}

const twoTo24 = 2 ** -24

/** Fills with uniforms on [0, 1), 24 random bits each. */
export function fillUniform<T extends Float32Array | Float64Array>(out: T, key: Key): T {
  const n = out.length
  const [k0, k1] = [key[0] | 0, key[1] | 0]
  for (let i = 0; i < n; i += 2) {
    mix(k0, k1, 0, i >>> 1)
    out[i] = (left >>> 8) * twoTo24
    if (i + 1 < n) out[i + 1] = (right >>> 8) * twoTo24
  }
  return out
}

/** Fills with standard normals, by Box and Muller's transform of two uniforms (the radius uses 32 bits: |z| < 6.7). */
export function fillNormal<T extends Float32Array | Float64Array>(out: T, key: Key): T {
  const n = out.length
  const [k0, k1] = [key[0] | 0, key[1] | 0]
  for (let i = 0; i < n; i += 2) {
    mix(k0, k1, 0, i >>> 1)
    const radius = Math.sqrt(-2 * Math.log((left + 0.5) / 4294967296))
    const angle = (right / 4294967296) * 2 * Math.PI
    out[i] = radius * Math.cos(angle)
    if (i + 1 < n) out[i + 1] = radius * Math.sin(angle)
  }
  return out
}

/** A sequential generator over one key, for host code that draws one number at a time. */
export class Generator {
  readonly key: Key
  /** Blocks of the cipher used so far. Normals come in pairs, so the second of the last two may be held besides. */
  position = 0
  #spare: number | undefined

  constructor(seed: number | Key = 0) {
    this.key = typeof seed === "number" ? keyOf(seed) : seed
  }

  /** Next 32 random bits as an unsigned integer. */
  bits(): number {
    return threefry(this.key, 1, this.position++)[0]
  }

  /** Next uniform on [low, high), 53 random bits. */
  uniform(low = 0, high = 1): number {
    const [a, b] = threefry(this.key, 1, this.position++)
    return low + (high - low) * (((a >>> 5) * 67108864 + (b >>> 6)) / 9007199254740992)
  }

  /** Next normal of the given mean and standard deviation. */
  normal(mean = 0, std = 1): number {
    let z = this.#spare
    this.#spare = undefined
    if (z === undefined) {
      const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
      const angle = 2 * Math.PI * this.uniform()
      z = radius * Math.cos(angle)
      this.#spare = radius * Math.sin(angle)
    }
    return mean + std * z
  }

  /** Next integer from 0 to `n - 1`, without the bias of a remainder. */
  integer(n: number): number {
    if (!(Number.isInteger(n) && n >= 1 && n <= 4294967296))
      throw new RangeError(`integer: got ${n}, expected a whole number from 1 to 2^32`)
    const limit = 4294967296 - (4294967296 % n)
    for (;;) {
      const bits = this.bits()
      if (bits < limit) return bits % n
    }
  }

  /** A random order of 0 ... n-1 (Fisher and Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i)
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      const held = order[i]
      order[i] = order[j]
      order[j] = held
    }
    return order
  }
}
