/** A plan followed on the host, in float64, with any function in place of a network: what a sampler does, to look at. */
import { type Limit, limitRows } from "./limit.ts"
import type { Ask, Plan } from "./plan.ts"

/** What a plan is followed with. */
export interface Following extends Partial<Limit> {
  /** Standard normal noise for the first sample (question 0) and for question k = 1, 2, ... */
  readonly noise: (question: number) => ArrayLike<number>
  /** The network's answer to an input, both flat, at the plan's time (the network's own: counted from 0). */
  readonly network: (x: Float64Array, time: number) => ArrayLike<number>
  /** Numbers of one sample, for what is done sample by sample; all unless given. */
  readonly size?: number
}

/** What is known after a question. */
export interface Followed {
  readonly ask: Ask
  /** The sample, in the plan's own scale. */
  readonly x: Float64Array
  readonly x0: Float64Array
}

/** Follows a plan question by question. */
export function* follow(
  { buffers, start, asks, clock }: Plan,
  { noise, network, clip = null, threshold, size }: Following,
): Generator<Followed> {
  const first = Float64Array.from(noise(0), (v) => v * start)
  const n = first.length
  const rowSize = size ?? n
  let kept: Float64Array[] = Array.from({ length: buffers }, (_, i) => (i === 0 ? first : new Float64Array(n)))
  for (const [k, ask] of asks.entries()) {
    const isNoisy = ask.input.isRandom || ask.next.some((form) => form.isRandom)
    let z = isNoisy ? Float64Array.from(noise(k + 1)) : new Float64Array(n)
    const sum = (weights: Float64Array, parts: readonly Float64Array[]): Float64Array => {
      const out = new Float64Array(n)
      for (const [i, part] of parts.entries())
        if (weights[i] !== 0) for (let j = 0; j < n; j++) out[j] += weights[i] * part[j]
      return out
    }
    const blank = new Float64Array(n)
    const input = sum(ask.input.weights, [...kept, blank, blank, z])
    const answer = Float64Array.from(network(input, clock === "process" ? ask.time - 1 : ask.time))
    const { x0: read, eps: readEps } = ask.reading
    // A network with a learned variance gives twice as much for each sample.
    const isWide = answer.length === 2 * n
    const output = isWide ? halves(answer, rowSize, 0) : answer
    const x0 = limitRows(sum(Float64Array.from(read), [input, output]), rowSize, { clip, threshold })
    let eps = sum(Float64Array.from(readEps), [input, output])
    const { range } = ask
    if (range !== undefined || ask.isVarianceRead) {
      if (!isWide) throw new RangeError("follow: the network gives no variance, expected twice as many numbers")
      const variance = halves(answer, rowSize, 1)
      z = z.map((v, i) => {
        if (range === undefined) return v * Math.sqrt(Math.max(0, variance[i]))
        return v * Math.exp(0.5 * (range.least + ((variance[i] + 1) / 2) * (range.most - range.least)))
      })
    }
    if (ask.isAdapted) {
      const norm = (x: Float64Array, row: number): number =>
        Math.hypot(...x.subarray(row * rowSize, (row + 1) * rowSize))
      const r = Float64Array.from({ length: n / rowSize }, (_, i) => norm(z, i) / Math.max(1e-12, norm(eps, i)))
      const at = (i: number): number => r[Math.floor(i / rowSize)]
      eps = eps.map((v, i) => v * at(i) ** 2)
      z = z.map((v, i) => v * at(i))
    }
    const symbols = [...kept, x0, eps, z]
    kept = ask.next.map((form) => sum(form.weights, symbols))
    yield { ask, x: kept[0], x0 }
  }
}

function halves(x: Float64Array, size: number, half: 0 | 1): Float64Array {
  return x.filter((_, i) => Math.floor(i / size) % 2 === half)
}
