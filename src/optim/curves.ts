/** Learning-rate curves: functions of the step, counted from 0. */

/** The same rate at every step. */
export function lrConstant(lr: number): (step: number) => number {
  return () => lr
}

/** Rises linearly from lr / (steps + 1) over `steps` steps, then follows `after` (its step counted from there). */
export function lrWarmup(after: (step: number) => number, steps: number): (step: number) => number {
  return (step) => (step < steps ? (after(0) * (step + 1)) / (steps + 1) : after(step - steps))
}

function expectSteps(where: string, steps: number): void {
  if (!(steps >= 1 && Number.isFinite(steps)))
    throw new RangeError(`${where}: got ${steps} steps, expected a finite number from 1`)
}

/** Half a cosine from `lr` at step 0 to `final` (0) at `steps`, where it stays. Source: Loshchilov and Hutter 2017. */
export function lrCosine(
  lr: number,
  { steps, final = 0 }: { readonly steps: number; readonly final?: number },
): (step: number) => number {
  expectSteps("lrCosine", steps)
  return (step) => final + 0.5 * (lr - final) * (1 + Math.cos(Math.PI * Math.min(1, step / steps)))
}

/** lr factor^floor(step / every): multiplied by `factor` (0.1) after every `every` steps. */
export function lrStep(
  lr: number,
  { every, factor = 0.1 }: { readonly every: number; readonly factor?: number },
): (step: number) => number {
  expectSteps("lrStep", every)
  return (step) => lr * factor ** Math.floor(step / every)
}

/**
 * lr / (1 + step)^power. With a power above 1/2 and up to 1 it meets the conditions of Robbins and Monro 1951: the rates
 * sum to infinity, their squares do not. (The notes name 1 / sqrt(t), whose squares do sum to infinity, as an example.)
 */
export function lrInverse(lr: number, { power = 1 }: { readonly power?: number } = {}): (step: number) => number {
  return (step) => lr / (1 + step) ** power
}

/** The rate of a step, for a number or a curve. */
export function rateAt(lr: number | ((step: number) => number), step: number): number {
  return typeof lr === "number" ? lr : lr(step)
}
