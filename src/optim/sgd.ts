/** Stochastic gradient descent with momentum. */
import { equal, where } from "../engine/ops/compare.ts"
import { constant } from "../engine/tensor.ts"
import { expectOption, type Optimizer, type OptimizerOptions, optimizer } from "./optimizer.ts"

/** Options of {@link sgd}. */
export interface SgdOptions extends OptimizerOptions {
  /** Share of the velocity that is kept; default 0. */
  readonly momentum?: number
  /** Takes the gradient where the momentum will have carried the parameter; default false. */
  readonly nesterov?: boolean
  /** Share of the gradient that the velocity is not given, but at the first step; default 0. */
  readonly dampening?: number
}

/**
 * Gradient descent: v <- momentum v + (1 - dampening) g, p <- p - lr v; with `nesterov`, p <- p - lr (g + momentum v).
 * PyTorch's form: the learning rate multiplies the velocity as it is used, and the first velocity is g itself. At a
 * constant rate it makes the steps of the notes' forms, v <- momentum v + lr g and the heavy ball. Source: Polyak 1964;
 * with `nesterov`, Sutskever et al. 2013, whose parameter is the one looked ahead to.
 *
 * @throws RangeError for options out of range, and for `nesterov` without momentum or with dampening.
 */
export function sgd({ momentum = 0, nesterov = false, dampening = 0, ...options }: SgdOptions = {}): Optimizer {
  expectOption("sgd", "momentum", momentum)
  if (!Number.isFinite(dampening)) throw new RangeError(`sgd: dampening is ${dampening}, expected a finite number`)
  if (nesterov && (momentum <= 0 || dampening !== 0))
    throw new RangeError("sgd: nesterov needs a momentum above 0 and no dampening")
  return optimizer("sgd", options, ({ parameter, gradient, rate, weightDecay, step, slot }) => {
    const g = weightDecay === 0 ? gradient : gradient.add(parameter.mul(weightDecay))
    if (momentum === 0) return parameter.sub(g.mul(rate))
    const velocity = slot("momentum")
    const one = constant(1, parameter.dtype)
    const share = dampening === 0 ? 1 : where(equal(step, 1), one, one.mul(1 - dampening))
    const next = velocity.mul(momentum).add(g.mul(share))
    velocity.assign(next)
    return parameter.sub((nesterov ? g.add(next.mul(momentum)) : next).mul(rate))
  })
}
