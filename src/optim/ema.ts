/** Exponential moving averages of parameters. */
import { pending, type Tensor, Variable } from "../engine/tensor.ts"

/** Decay of the average by step, counted from 0. */
export type EmaDecay = number | ((step: number) => number)

/**
 * A decay that grows with age, so that the average does not remember the start: min(decay, (1 + step) / (10 + step)).
 * (An average of decay d started at random weights would carry them for about 1 / (1 - d) steps.)
 */
export function emaWarmup(decay = 0.9999): (step: number) => number {
  return (step) => Math.min(decay, (1 + step) / (10 + step))
}

/** Inverse-power warm-up: clamp(1 - (1 + step / gamma)^-power, 0, decay), as diffusers'. */
export function emaPower({
  decay = 0.9999,
  gamma = 1,
  power = 3 / 4,
}: {
  readonly decay?: number
  readonly gamma?: number
  readonly power?: number
} = {}): (step: number) => number {
  return (step) => Math.min(decay, Math.max(0, 1 - (1 + step / gamma) ** -power))
}

/** Averages of a set of parameters: variables of their own, updated inside the training program. */
export class Ema {
  readonly averages: ReadonlyMap<string, Variable>
  readonly #of: ReadonlyMap<Variable, Variable>

  constructor(parameters: ReadonlyMap<string, Variable>) {
    const averages = new Map<string, Variable>()
    for (const [path, p] of parameters)
      averages.set(path, new Variable(p.initial, { role: "slot", name: `ema.${path}` }))
    this.averages = averages
    this.#of = new Map([...parameters].map(([path, p]) => [p, averages.get(path)!]))
  }

  /** average <- decay average + (1 - decay) parameter, with the parameters' values after this step's update. */
  update(decay: Tensor): void {
    const share = decay.neg().add(1)
    for (const [p, average] of this.#of) average.assign(average.add(pending(p).sub(average).mul(share)))
  }

  /** The average of a parameter, or the variable itself where it has none. */
  readonly replace = (v: Variable): Variable => this.#of.get(v) ?? v
}
