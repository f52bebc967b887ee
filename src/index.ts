/** `tweedie`: the engine. Programs, gradients, and running them. */
export {
  type Arrayable,
  array,
  asArray,
  type Dtype,
  fromNumbers,
  full,
  type NdArray,
  toNested,
  zeros,
} from "./engine/array.ts"
export { type Compiled, type CompileOptions, compile } from "./engine/compile.ts"
export { arange, filled, lowerTriangle, oneHot, randomInteger, randomNormal, randomUniform } from "./engine/create.ts"
export { type ExportOptions, exportOnnx } from "./engine/export.ts"
export { elu, gelu, leakyRelu, mish, silu } from "./engine/fused/activation.ts"
export { attention, linear } from "./engine/fused/attention.ts"
export { loop } from "./engine/fused/loop.ts"
export { batchNorm, groupNorm, layerNorm } from "./engine/fused/normalize.ts"
export { avgPool2d, maxPool2d, upsampleConv2d } from "./engine/fused/pool.ts"
export { grad, gradients, valueAndGrad } from "./engine/grad.ts"
export { type ImportedProgram, type ImportOptions, importOnnx } from "./engine/import.ts"
export * as inspect from "./engine/inspect.ts"
export { hessian, jacobian } from "./engine/jacobian.ts"
export { matmulLarge } from "./engine/large.ts"
export { argMax, argMin, cumSum } from "./engine/ops/along.ts"
export {
  equal,
  greater,
  greaterEqual,
  isNan,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  where,
} from "./engine/ops/compare.ts"
export { type ConvOptions, conv1d, conv2d, conv3d, convTranspose2d } from "./engine/ops/conv.ts"
export {
  abs,
  add,
  atan,
  ceil,
  cos,
  div,
  erf,
  exp,
  floor,
  log,
  maximum,
  minimum,
  mod,
  mul,
  neg,
  pow,
  reciprocal,
  relu,
  round,
  sigmoid,
  sign,
  sin,
  softplus,
  sqrt,
  stopGradient,
  sub,
  tanh,
} from "./engine/ops/elementwise.ts"
export { gather, takeAlong } from "./engine/ops/gather.ts"
export { matmul } from "./engine/ops/matmul.ts"
export { broadcastTo, concat, reshape, stack, transpose } from "./engine/ops/movement.ts"
export { max, mean, min, prod, type ReduceOptions, sum, variance } from "./engine/ops/reduce.ts"
export { blockSum, upsample } from "./engine/ops/resize.ts"
export { flip, pad, type Range, slice, split } from "./engine/ops/slice.ts"
export { logSoftmax, softmax } from "./engine/ops/softmax.ts"
export { Generator } from "./engine/random.ts"
export { configure, type EngineOptions } from "./engine/runtime.ts"
export { batchSize, UsageError } from "./engine/shape.ts"
export { read, write } from "./engine/state.ts"
export { constant, isTraining, Tensor, Variable } from "./engine/tensor.ts"
