/** What an optimizer is: a rule for one parameter, and slots that remember. It runs inside the training program. */
import { type Dtype, full, type NdArray } from "../engine/array.ts"
import { write } from "../engine/state.ts"
import { constant, type Tensor, Variable } from "../engine/tensor.ts"

/** A learning rate: one number, or a curve over steps counted from 0. */
export type Rate = number | ((step: number) => number)

/** Parameters whose path matches get their own factor of the learning rate or weight decay; the first match counts. */
export interface Group {
  readonly match: RegExp
  /** Factor of the learning rate. */
  readonly scale?: number
  readonly weightDecay?: number
}

/** Options all optimizers share. */
export interface OptimizerOptions {
  readonly lr?: Rate
  readonly weightDecay?: number
  readonly groups?: readonly Group[]
}

/** One parameter at one step, as a rule sees it. */
export interface Site {
  readonly parameter: Tensor
  readonly gradient: Tensor
  readonly rate: Tensor
  readonly weightDecay: number
  /** How many steps were made, this one included: a float64 scalar, so that powers of it are exact enough. */
  readonly step: Tensor
  /** The parameter's slot of that name, which starts at `initial` (0). */
  slot(name: string, initial?: number): Variable
}

/** Updates parameters from gradients, as part of the program being traced. */
export interface Optimizer {
  readonly name: string
  readonly lr: Rate
  /** Assigns every parameter its next value. `rate` is a float32 scalar: the learning rate of this step. */
  update(parameters: ReadonlyMap<string, Variable>, gradients: readonly Tensor[], rate: Tensor): void
  /** Everything it remembers, by name: `m.conv1.weight`, `step`. Complete once the first update was traced. */
  slots(): ReadonlyMap<string, Variable>
  /** Gives it the memory of another run; slots not made yet start with it. */
  restore(memory: ReadonlyMap<string, NdArray>): Promise<void>
}

/** An optimizer from the rule that gives a parameter's next value. */
export function optimizer(
  name: string,
  { lr = 1e-3, weightDecay = 0, groups = [] }: OptimizerOptions,
  rule: (site: Site) => Tensor,
): Optimizer {
  const slots = new Map<string, Variable>()
  let remembered: ReadonlyMap<string, NdArray> = new Map()
  const slot = (name: string, dtype: Dtype, shape: readonly number[], initial: number): Variable => {
    const before = slots.get(name)
    if (before !== undefined) return before
    const made = new Variable(remembered.get(name) ?? full(shape, initial, dtype), { role: "slot", name })
    slots.set(name, made)
    return made
  }
  return {
    name,
    lr,
    slots: () => slots,
    restore: (memory) => {
      remembered = memory
      return write(new Map([...slots].flatMap(([key, v]) => (memory.has(key) ? [[v, memory.get(key)!] as const] : []))))
    },
    update: (parameters, gradients, rate) => {
      const count = slot("step", "float64", [], 0)
      const step = count.add(1)
      count.assign(step)
      for (const [i, [path, parameter]] of [...parameters].entries()) {
        const group = groups.find((g) => g.match.test(path))
        const next = rule({
          parameter,
          gradient: gradients[i],
          rate: group?.scale === undefined ? rate : rate.mul(group.scale),
          weightDecay: group?.weightDecay ?? weightDecay,
          step,
          slot: (key, initial = 0) => slot(`${key}.${path}`, parameter.dtype, parameter.shape, initial),
        })
        parameter.assign(next)
      }
    },
  }
}

/** 1 - decay^step as float32: how much of its weight a running mean that started at zero has by now. */
export function biasCorrection(decay: number, step: Tensor): Tensor {
  return constant(1, "float64").sub(constant(decay, "float64").pow(step)).cast("float32")
}
