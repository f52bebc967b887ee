/** The bound as a table: sums over samples for each range of times, with error bars. */

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
  /** Terms drawn of these times, over all samples: where there are none, the figures are 0 and say nothing. */
  readonly draws: number
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

/** Ranges of times for the table: every time, or ranges that grow, the first of t = 1 alone. */
export function rangesOf(steps: number, rows: number): [from: number, to: number][] {
  if (rows >= steps) return Array.from({ length: steps }, (_, k) => [k + 1, k + 1])
  if (rows === 1) return [[1, steps]]
  const last = Math.max(1, rows - 2)
  const ends = [...new Set(Array.from({ length: last + 1 }, (_, k) => Math.round(2 * (steps / 2) ** (k / last))))]
  if (rows === 2) ends.splice(0, ends.length, steps)
  return [[1, 1], ...ends.map((end, k): [number, number] => [k === 0 ? 2 : ends[k - 1] + 1, end])]
}

/** Sums over samples: of every row, of the prior, of the whole and of their squares. */
export class Sums {
  readonly #ranges: readonly (readonly [number, number])[]
  readonly #size: number
  readonly #sums: Float64Array
  readonly #squares: Float64Array
  readonly #now: Float64Array
  readonly #draws: Float64Array
  #done = 0

  /** One sum for each row, then the prior, the total, and all rows but the first. */
  constructor(ranges: readonly (readonly [number, number])[], size: number) {
    this.#ranges = ranges
    this.#size = size
    this.#sums = new Float64Array(ranges.length + 3)
    this.#squares = new Float64Array(ranges.length + 3)
    this.#now = new Float64Array(ranges.length + 3)
    this.#draws = new Float64Array(ranges.length)
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
    this.#draws[low]++
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
      rows: this.#ranges.map(([from, to], k) => ({ from, to, draws: this.#draws[k], ...at(k) })),
    }
  }
}
