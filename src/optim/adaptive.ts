/** RMSprop, Adagrad and Adadelta: steps divided by the size of past gradients. */
import { maximum } from "../engine/ops/elementwise.ts"
import { expectOption, type Optimizer, type OptimizerOptions, optimizer } from "./optimizer.ts"

/** Options of {@link rmsprop}. */
export interface RmspropOptions extends OptimizerOptions {
  /** Decay of the running mean of squared gradients; default 0.99. */
  readonly alpha?: number
  /** Added to the root; default 1e-8. */
  readonly eps?: number
  /** Share of the last step that is kept; default 0. */
  readonly momentum?: number
  /** Divides by the standard deviation instead of the root mean square; default false. */
  readonly centered?: boolean
}

/**
 * RMSprop: v <- alpha v + (1 - alpha) g^2, p <- p - lr g / (sqrt(v) + eps). PyTorch's form, eps outside the root
 * (the notes put it inside, and print the norm of the gradient for its square). Source: Tieleman and Hinton 2012.
 */
export function rmsprop({
  lr = 0.01,
  alpha = 0.99,
  eps = 1e-8,
  momentum = 0,
  centered = false,
  ...options
}: RmspropOptions = {}): Optimizer {
  expectOption("rmsprop", "alpha", alpha, 0, 1)
  expectOption("rmsprop", "eps", eps)
  expectOption("rmsprop", "momentum", momentum)
  return optimizer("rmsprop", { lr, ...options }, ({ parameter, gradient, rate, weightDecay, slot }) => {
    const g = weightDecay === 0 ? gradient : gradient.add(parameter.mul(weightDecay))
    const v = slot("v")
    const next = v.mul(alpha).add(g.square().mul(1 - alpha))
    v.assign(next)
    let spread = next
    if (centered) {
      const mean = slot("mean")
      const nextMean = mean.mul(alpha).add(g.mul(1 - alpha))
      mean.assign(nextMean)
      // The variance of a steady gradient is 0, which rounding may miss on the wrong side of the root.
      spread = maximum(next.sub(nextMean.square()), 0)
    }
    const direction = g.div(spread.sqrt().add(eps))
    if (momentum === 0) return parameter.sub(direction.mul(rate))
    const velocity = slot("momentum")
    const moved = velocity.mul(momentum).add(direction)
    velocity.assign(moved)
    return parameter.sub(moved.mul(rate))
  })
}

/** Options of {@link adagrad}. */
export interface AdagradOptions extends OptimizerOptions {
  /** How fast the learning rate falls; default 0. */
  readonly lrDecay?: number
  /** What the sum of squares starts at; default 0. */
  readonly initial?: number
  /** Added to the root; default 1e-10. */
  readonly eps?: number
}

/**
 * Adagrad: s <- s + g^2, p <- p - lr g / (sqrt(s) + eps), the learning rate falling as 1 / (1 + (step - 1) lrDecay).
 * Each element has its own sum (the notes print the norm of the gradient for its square). Source: Duchi et al. 2011.
 */
export function adagrad({
  lr = 0.01,
  lrDecay = 0,
  initial = 0,
  eps = 1e-10,
  ...options
}: AdagradOptions = {}): Optimizer {
  expectOption("adagrad", "lrDecay", lrDecay)
  expectOption("adagrad", "initial", initial)
  expectOption("adagrad", "eps", eps)
  return optimizer("adagrad", { lr, ...options }, ({ parameter, gradient, rate, weightDecay, step, slot }) => {
    const g = weightDecay === 0 ? gradient : gradient.add(parameter.mul(weightDecay))
    const sum = slot("sum", initial)
    const next = sum.add(g.square())
    sum.assign(next)
    const falling = lrDecay === 0 ? rate : rate.div(step.sub(1).mul(lrDecay).add(1).cast(parameter.dtype))
    return parameter.sub(g.mul(falling).div(next.sqrt().add(eps)))
  })
}

/** Options of {@link adadelta}. */
export interface AdadeltaOptions extends OptimizerOptions {
  /** Decay of the running means of squared gradients and of squared steps; default 0.9. */
  readonly rho?: number
  /** Added to both means before their roots; default 1e-6. */
  readonly eps?: number
}

/**
 * Adadelta: v <- rho v + (1 - rho) g^2, d = sqrt(u + eps) / sqrt(v + eps) g, u <- rho u + (1 - rho) d^2, p <- p - lr d.
 * The ratio of the two roots has the parameter's unit, so there is no learning rate to choose: `lr` is 1, and only scales.
 * (The notes take it for RMSprop, which has no u.) Source: Zeiler 2012.
 */
export function adadelta({ lr = 1, rho = 0.9, eps = 1e-6, ...options }: AdadeltaOptions = {}): Optimizer {
  expectOption("adadelta", "rho", rho, 0, 1)
  expectOption("adadelta", "eps", eps)
  return optimizer("adadelta", { lr, ...options }, ({ parameter, gradient, rate, weightDecay, slot }) => {
    const g = weightDecay === 0 ? gradient : gradient.add(parameter.mul(weightDecay))
    const [v, u] = [slot("v"), slot("u")]
    const nextV = v.mul(rho).add(g.square().mul(1 - rho))
    v.assign(nextV)
    const step = u.add(eps).sqrt().div(nextV.add(eps).sqrt()).mul(g)
    u.assign(u.mul(rho).add(step.square().mul(1 - rho)))
    return parameter.sub(step.mul(rate))
  })
}
