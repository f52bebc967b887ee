/** Convolution layers with PyTorch's names, layouts and initial values. */
import { type ConvOptions, conv1d, conv2d, conv3d, convTranspose2d } from "../engine/ops/conv.ts"
import { type Tensor, Variable } from "../engine/tensor.ts"
import { lecunUniform, uniform } from "./init.ts"

/** Geometry of a convolution layer, and whether it has a bias. */
export interface ConvLayerOptions {
  readonly stride?: number
  readonly padding?: number
  readonly dilation?: number
  readonly groups?: number
  readonly bias?: boolean
}

function biasOf(outputs: number, weight: Variable, has: boolean): Variable | null {
  const fanIn = weight.shape.slice(1).reduce((n, d) => n * d, 1)
  return has ? new Variable(uniform([outputs], 1 / Math.sqrt(fanIn))) : null
}

/** 1-D convolution of `[batch, in, length]`; weight `[out, in / groups, k]`. */
export class Conv1d {
  readonly weight: Variable
  readonly bias: Variable | null
  readonly options: ConvOptions

  constructor(
    inputs: number,
    outputs: number,
    kernel: number,
    { bias = true, groups = 1, ...options }: ConvLayerOptions = {},
  ) {
    this.weight = new Variable(lecunUniform([outputs, inputs / groups, kernel]))
    this.bias = biasOf(outputs, this.weight, bias)
    this.options = { ...options, groups }
  }

  forward(x: Tensor): Tensor {
    return conv1d(x, this.weight, this.bias, this.options)
  }
}

/** 2-D convolution of `[batch, in, height, width]`; weight `[out, in / groups, k, k]`. */
export class Conv2d {
  readonly weight: Variable
  readonly bias: Variable | null
  readonly options: ConvOptions

  constructor(
    inputs: number,
    outputs: number,
    kernel: number,
    { bias = true, groups = 1, ...options }: ConvLayerOptions = {},
  ) {
    this.weight = new Variable(lecunUniform([outputs, inputs / groups, kernel, kernel]))
    this.bias = biasOf(outputs, this.weight, bias)
    this.options = { ...options, groups }
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.options)
  }
}

/** 3-D convolution of `[batch, in, depth, height, width]`; weight `[out, in / groups, k, k, k]`. */
export class Conv3d {
  readonly weight: Variable
  readonly bias: Variable | null
  readonly options: ConvOptions

  constructor(
    inputs: number,
    outputs: number,
    kernel: number,
    { bias = true, groups = 1, ...options }: ConvLayerOptions = {},
  ) {
    this.weight = new Variable(lecunUniform([outputs, inputs / groups, kernel, kernel, kernel]))
    this.bias = biasOf(outputs, this.weight, bias)
    this.options = { ...options, groups }
  }

  forward(x: Tensor): Tensor {
    return conv3d(x, this.weight, this.bias, this.options)
  }
}

/** 2-D transposed convolution of `[batch, in, height, width]`; weight `[in, out / groups, k, k]`. */
export class ConvTranspose2d {
  readonly weight: Variable
  readonly bias: Variable | null
  readonly options: ConvOptions & { readonly outputPadding: number }

  constructor(
    inputs: number,
    outputs: number,
    kernel: number,
    {
      bias = true,
      groups = 1,
      outputPadding = 0,
      ...options
    }: ConvLayerOptions & { readonly outputPadding?: number } = {},
  ) {
    this.weight = new Variable(lecunUniform([inputs, outputs / groups, kernel, kernel]))
    this.bias = biasOf(outputs, this.weight, bias)
    this.options = { ...options, groups, outputPadding }
  }

  forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, this.bias, this.options)
  }
}
