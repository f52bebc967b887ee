/** `tweedie/nn`: layers, initial values, and the state of modules. */
export { elu, gelu, leakyRelu, mish, silu } from "../engine/fused/activation.ts"
export { avgPool2d, maxPool2d } from "../engine/fused/pool.ts"
export { relu, sigmoid, softplus, tanh } from "../engine/ops/elementwise.ts"
export { upsample } from "../engine/ops/resize.ts"
export { MultiheadAttention, mergeHeads, splitHeads } from "./attention.ts"
export {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvLayerOptions,
  ConvTranspose2d,
  type ConvTransposeLayerOptions,
  type KernelSize,
} from "./conv.ts"
export { fanInUniform, glorotUniform, heUniform, lecunUniform, normal, seeded, uniform } from "./init.ts"
export { Dropout, dropout, type Layer, Sequential } from "./layers.ts"
export { Embedding, Linear, zeroed } from "./linear.ts"
export {
  freeze,
  loadStateDict,
  type Module,
  type NamedChildren,
  parameterCount,
  parameters,
  stateDict,
  tie,
  variables,
} from "./module.ts"
export { BatchNorm2d, GroupNorm, LayerNorm } from "./norm.ts"
export { ImportedClassifier, type TransferOptions } from "./transfer.ts"
