/** Sorting a million scores in a fraction of a second, with the place each came from. */

/** Where the sign and exponent of a double lie among its two 32-bit words. */
const front: number = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0

/**
 * Places of the values from the largest to the smallest, equal ones in the order they came (0 and -0 are equal). A radix
 * sort of the bits of the doubles, 11 at a time from the last, in time proportional to the number of values.
 */
export function fallingOrder(values: Float64Array): Uint32Array {
  const n = values.length
  // Adding 0 makes -0 a 0.
  const words = new Uint32Array(values.map((v) => v + 0).buffer)
  const keys = new Uint32Array(2 * n)
  for (let i = 0; i < n; i++) {
    const high = words[2 * i + front]
    // As unsigned numbers, the bits of positive doubles rise and those of negative ones fall; here all are to fall.
    const flip = high >>> 31 === 0 ? 0x7fffffff : 0
    keys[2 * i + 1] = (flip === 0 ? high : high ^ flip) >>> 0
    keys[2 * i] = (flip === 0 ? words[2 * i + 1 - front] : ~words[2 * i + 1 - front]) >>> 0
  }
  let order = new Uint32Array(n)
  for (let i = 0; i < n; i++) order[i] = i
  let next = new Uint32Array(n)
  const starts = new Uint32Array(2049)
  for (const [word, shift] of digits) {
    starts.fill(0)
    for (let i = word; i < 2 * n; i += 2) starts[((keys[i] >>> shift) & 2047) + 1]++
    if (starts.includes(n)) continue
    for (let d = 1; d < 2049; d++) starts[d] += starts[d - 1]
    for (let i = 0; i < n; i++) next[starts[(keys[2 * order[i] + word] >>> shift) & 2047]++] = order[i]
    const held = order
    order = next
    next = held
  }
  return order
}

/** The 11-bit digits of a key from the last: which word, and how far to shift. */
const digits: readonly (readonly [number, number])[] = [
  [0, 0],
  [0, 11],
  [0, 22],
  [1, 0],
  [1, 11],
  [1, 22],
]
