/** The race of classes for one sample: sums of paired draws, and which classes are out of it. */

/** Standard errors that a class must be behind, beyond the margin, to be left out. */
const sure = 3

/** One sample's classes. What is added is lower for better ones. */
export class Race {
  readonly sample: number
  readonly #margin: number
  /** Draws of the classes that are left, one list a class. */
  #draws: number[][]
  #left: number[]
  /** How far behind the best each class was when it was left out. */
  readonly #out: Float64Array

  constructor(sample: number, classes: number, margin: number) {
    this.sample = sample
    this.#margin = margin
    this.#left = Array.from({ length: classes }, (_, c) => c)
    this.#draws = this.#left.map(() => [])
    this.#out = new Float64Array(classes)
  }

  /** Classes that are left. */
  get left(): readonly number[] {
    return this.#left
  }

  /** Whether there is still a choice. */
  get isOpen(): boolean {
    return this.#left.length > 1
  }

  /** Takes one draw of every class that is left, in their order. */
  add(terms: ArrayLike<number>, weight: number): void {
    for (const [k, list] of this.#draws.entries()) list.push(weight * terms[k])
  }

  /** The place of the best class among those that are left. */
  #best(): number {
    const means = this.#draws.map(mean)
    return means.indexOf(Math.min(...means))
  }

  /** Leaves out the classes that are too far behind; the best stays. */
  prune(): void {
    const best = this.#draws[this.#best()]
    const kept: number[] = []
    for (const [k, own] of this.#draws.entries()) {
      const apart = own.map((v, d) => v - best[d])
      const behind = mean(apart)
      const n = apart.length
      const error = Math.sqrt(apart.reduce((s, v) => s + (v - behind) ** 2, 0) / (n * Math.max(1, n - 1)))
      // One draw says nothing of its error.
      if (n > 1 && behind - sure * error > this.#margin) this.#out[this.#left[k]] = behind
      else kept.push(k)
    }
    this.#left = kept.map((k) => this.#left[k])
    this.#draws = kept.map((k) => this.#draws[k])
  }

  /** How far each class is behind the best, 0 for it. */
  behind(): Float64Array {
    const result = this.#out.slice()
    const least = mean(this.#draws[this.#best()])
    for (const [k, c] of this.#left.entries()) result[c] = mean(this.#draws[k]) - least
    return result
  }
}

function mean(list: readonly number[]): number {
  return list.reduce((a, b) => a + b, 0) / list.length
}

/** Chances in proportion to exp(log prior - behind). */
export function chancesOf(behind: Float64Array, logPrior: Float64Array): Float64Array {
  const logs = behind.map((v, c) => logPrior[c] - v)
  const top = Math.max(...logs)
  const p = logs.map((v) => Math.exp(v - top))
  const total = p.reduce((a, b) => a + b, 0)
  return p.map((v) => v / total)
}
