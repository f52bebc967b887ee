/** Exponential moving averages of parameters. */
import { pending, type Tensor, Variable } from "../engine/tensor.ts"

/** Decay of the average by step, counted from 0. */
export type EmaDecay = number | ((step: number) => number)

function expectDecay(where: string, decay: number): void {
  if (!(decay >= 0 && decay <= 1)) throw new RangeError(`${where}: decay is ${decay}, expected from 0 to 1`)
}

/**
 * A decay that grows with age, so that the average does not remember the start: 0 at step 0, then
 * min(decay, (1 + step) / (10 + step)), as diffusers' `EMAModel` without its warm-up.
 * (An average of decay d started at random weights would carry them for about 1 / (1 - d) steps.)
 */
export function emaWarmup(decay = 0.9999): (step: number) => number {
  expectDecay("emaWarmup", decay)
  return (step) => (step <= 0 ? 0 : Math.min(decay, (1 + step) / (10 + step)))
}

/** Inverse-power warm-up: clamp(1 - (1 + step / gamma)^-power, 0, decay), as diffusers' with `use_ema_warmup`. */
export function emaPower({
  decay = 0.9999,
  gamma = 1,
  power = 3 / 4,
}: {
  readonly decay?: number
  readonly gamma?: number
  readonly power?: number
} = {}): (step: number) => number {
  expectDecay("emaPower", decay)
  return (step) => Math.min(decay, Math.max(0, 1 - (1 + step / gamma) ** -power))
}

/**
 * The decay whose average is the plain mean of all parameters since step `start`: (step - start) / (step - start + 1).
 * Noisy iterates around a minimum average to it, at the best rate there is even with long steps (a rate that falls more
 * slowly than 1 / step). Before `start` the average follows the parameters. Source: Polyak and Juditsky 1992.
 */
export function emaPolyak({ start = 0 }: { readonly start?: number } = {}): (step: number) => number {
  return (step) => (step <= start ? 0 : (step - start) / (step - start + 1))
}

/**
 * Averages of a set of parameters: variables of their own, updated inside the training program. They start as the
 * parameters were when the host last knew them; a decay of 0 at the first update makes that of no account.
 */
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

  /**
   * average <- decay average + (1 - decay) parameter, with the parameters' values after this step's update. `decay` is a
   * float scalar; a float64 one keeps the digits of 1 - decay.
   */
  update(decay: Tensor): void {
    const share = decay.neg().add(1)
    for (const [p, average] of this.#of)
      average.assign(average.add(pending(p).sub(average).mul(share.cast(average.dtype))))
  }

  /** The average of a parameter, or the variable itself where it has none. */
  readonly replace = (v: Variable): Variable => this.#of.get(v) ?? v
}
