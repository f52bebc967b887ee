/** Linear forms: what a step makes of its buffers, the network's answer and fresh noise, as weights of each. */

/** A weighted sum of the symbols of a step. Adding forms adds their weights, so formulas can be written as in the papers. */
export class Form {
  /** Of the buffers, then of x0, eps and z. */
  readonly weights: Float64Array

  constructor(weights: Float64Array) {
    this.weights = weights
  }

  /** Whether fresh noise is in it. */
  get isRandom(): boolean {
    return this.weights[this.weights.length - 1] !== 0
  }
}

/** What a step has to work with. */
export interface Symbols {
  /** What was kept from the steps before; the first is the sample. */
  readonly kept: readonly Form[]
  /** The clean sample the network predicts, within its bound. */
  readonly x0: Form
  /** The noise the network predicts, as it says it: not changed by the bound on x0. */
  readonly eps: Form
  /** Fresh standard normal noise. */
  readonly z: Form
}

/** The symbols of a step that keeps `buffers` arrays. */
export function symbols(buffers: number): Symbols {
  const unit = (i: number): Form => new Form(Float64Array.from({ length: buffers + 3 }, (_, j) => (i === j ? 1 : 0)))
  return {
    kept: Array.from({ length: buffers }, (_, i) => unit(i)),
    x0: unit(buffers),
    eps: unit(buffers + 1),
    z: unit(buffers + 2),
  }
}

/** The sum of forms, each times its weight; a weight of 0 leaves its form out. */
export function mix(...terms: readonly (readonly [weight: number, form: Form])[]): Form {
  const weights = new Float64Array(terms[0][1].weights.length)
  for (const [weight, form] of terms)
    if (weight !== 0) for (let i = 0; i < weights.length; i++) weights[i] += weight * form.weights[i]
  return new Form(weights)
}
