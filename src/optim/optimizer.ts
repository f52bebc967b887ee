/** What an optimizer is: a rule for one parameter, and slots that remember. It runs inside the training program. */
import { castArray, type Dtype, full, type NdArray } from "../engine/array.ts"
import { sameShape } from "../engine/shape.ts"
import { write } from "../engine/state.ts"
import { constant, type Tensor, Variable } from "../engine/tensor.ts"

/** A learning rate: one number, or a curve over steps counted from 0. */
export type Rate = number | ((step: number) => number)

/** Parameters whose path matches have a learning rate and a weight decay of their own; the first match counts. */
export interface Group {
  /** Tested on paths such as `conv1.weight`. */
  readonly match: RegExp
  /** Factor of the learning rate; default 1. */
  readonly scale?: number
  /** Its weight decay; the optimizer's unless given. */
  readonly weightDecay?: number
}

/** Options all optimizers share. */
export interface OptimizerOptions {
  /** Learning rate; default 1e-3, for `rmsprop` and `adagrad` 0.01, for `adadelta` 1. */
  readonly lr?: Rate
  /** Factor of the parameter that is added to its gradient, but for `adamW`; default 0, for `adamW` 0.01. */
  readonly weightDecay?: number
  /** Exceptions by path; none unless given. */
  readonly groups?: readonly Group[]
}

/** One parameter at one step, as a rule sees it. */
export interface Site {
  readonly parameter: Tensor
  readonly gradient: Tensor
  /** The learning rate of this step for this parameter: a scalar of the parameter's dtype. */
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
  /** Assigns every parameter its next value. `rate` is a scalar of any float dtype: the learning rate of this step. */
  update(parameters: ReadonlyMap<string, Variable>, gradients: readonly Tensor[], rate: Tensor): void
  /** Everything it remembers, by name: `m.conv1.weight`, `step`. Complete once the first update was traced. */
  slots(): ReadonlyMap<string, Variable>
  /**
   * Gives it the memory of another run; slots not made yet start with it.
   *
   * @throws RangeError when a slot that is in use is missing or of another shape; nothing is changed then.
   */
  restore(memory: ReadonlyMap<string, NdArray>): Promise<void>
}

/** Refuses an option outside [low, high): PyTorch's own bounds, beyond which updates are NaN or grow without end. */
export function expectOption(where: string, option: string, value: number, low = 0, high = Infinity): void {
  if (!(value >= low && value < high)) {
    const bounds = high === Infinity ? `a finite number from ${low}` : `from ${low} to below ${high}`
    throw new RangeError(`${where}: ${option} is ${value}, expected ${bounds}`)
  }
}

/**
 * An optimizer from the rule that gives a parameter's next value.
 *
 * @example optimizer("signSgd", { lr: 1e-4 }, ({ parameter, gradient, rate }) => parameter.sub(sign(gradient).mul(rate)))
 * @throws RangeError for a negative learning rate, weight decay or factor, or one that is no number.
 */
export function optimizer(
  name: string,
  { lr = 1e-3, weightDecay = 0, groups = [] }: OptimizerOptions,
  rule: (site: Site) => Tensor,
): Optimizer {
  if (typeof lr === "number") expectOption(name, "lr", lr)
  expectOption(name, "weightDecay", weightDecay)
  for (const group of groups) {
    expectOption(name, `scale of group ${group.match}`, group.scale ?? 1)
    expectOption(name, `weightDecay of group ${group.match}`, group.weightDecay ?? 0)
  }
  const slots = new Map<string, Variable>()
  let remembered: ReadonlyMap<string, NdArray> = new Map()
  const recalled = (
    memory: ReadonlyMap<string, NdArray>,
    slot: string,
    dtype: Dtype,
    shape: readonly number[],
  ): NdArray | undefined => {
    const value = memory.get(slot)
    if (value === undefined || sameShape(value.shape, shape)) return value && castArray(value, dtype)
    throw new RangeError(
      `${name}: remembered ${slot} is [${value.shape.join(", ")}], expected [${shape.join(", ")}]; it is of another model`,
    )
  }
  const slot = (key: string, dtype: Dtype, shape: readonly number[], initial: number): Variable => {
    const before = slots.get(key)
    if (before !== undefined) return before
    const made = new Variable(recalled(remembered, key, dtype, shape) ?? full(shape, initial, dtype), {
      role: "slot",
      name: key,
    })
    slots.set(key, made)
    return made
  }
  return {
    name,
    lr,
    slots: () => slots,
    restore: async (memory) => {
      const missing = [...slots.keys()].find((key) => !memory.has(key))
      if (missing !== undefined)
        throw new RangeError(`${name}: the memory has no ${missing}; it is of another optimizer or model`)
      const values = new Map([...slots].map(([key, v]) => [v, recalled(memory, key, v.dtype, v.shape)!]))
      remembered = memory
      await write(values)
    },
    update: (parameters, gradients, rate) => {
      if (gradients.length !== parameters.size)
        throw new RangeError(`${name}: got ${gradients.length} gradients for ${parameters.size} parameters`)
      const count = slot("step", "float64", [], 0)
      const step = count.add(1)
      count.assign(step)
      for (const [i, [path, parameter]] of [...parameters].entries()) {
        const group = groups.find((g) => path.search(g.match) >= 0)
        const next = rule({
          parameter,
          gradient: gradients[i],
          rate: (group?.scale === undefined ? rate : rate.mul(group.scale)).cast(parameter.dtype),
          weightDecay: group?.weightDecay ?? weightDecay,
          step,
          slot: (key, initial = 0) => slot(`${key}.${path}`, parameter.dtype, parameter.shape, initial),
        })
        parameter.assign(next)
      }
    },
  }
}

/** 1 - decay^step: how much of its weight a running mean that started at zero has by now. */
export function biasCorrection(decay: number, { step, parameter }: Site): Tensor {
  return constant(1, "float64").sub(constant(decay, "float64").pow(step)).cast(parameter.dtype)
}
