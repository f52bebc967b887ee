/** `tweedie/optim`: optimizers inside programs, learning-rate curves, clipping, averaging. */
export { type AdamOptions, adam, adamW } from "./adam.ts"
export {
  type AdadeltaOptions,
  type AdagradOptions,
  adadelta,
  adagrad,
  type RmspropOptions,
  rmsprop,
} from "./adaptive.ts"
export { clipByGlobalNorm, clipByValue, globalNorm } from "./clip.ts"
export { lrConstant, lrCosine, lrInverse, lrStep, lrWarmup } from "./curves.ts"
export { Ema, type EmaDecay, emaPolyak, emaPower, emaWarmup } from "./ema.ts"
export { type Group, type Optimizer, type OptimizerOptions, optimizer, type Rate, type Site } from "./optimizer.ts"
export { type SgdOptions, sgd } from "./sgd.ts"
