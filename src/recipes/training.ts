/** What recipes train with: AdamW under a warm-up and a cosine, and averaged weights. */
import { adamW } from "../optim/adam.ts"
import { lrCosine, lrWarmup } from "../optim/curves.ts"
import { emaWarmup } from "../optim/ema.ts"
import type { Experiment } from "./recipe.ts"

/** Optimizer and average as the options of a training ask for them. */
export function trained(o: {
  readonly steps: number
  readonly lr: number
  readonly warmup: number
  readonly ema: number
}): Pick<Experiment, "optimizer" | "ema"> {
  const warmup = Math.min(o.warmup, Math.floor(o.steps / 10))
  const lr = lrWarmup(lrCosine(o.lr, { steps: Math.max(1, o.steps - warmup) }), warmup)
  return { optimizer: adamW({ lr, weightDecay: 0 }), ema: emaWarmup(o.ema) }
}
