/** Convolution layers with PyTorch's names, layouts and initial values. */
import { type ConvOptions, conv1d, conv2d, conv3d, convTranspose2d } from "../engine/ops/conv.ts"
import { UsageError } from "../engine/shape.ts"
import { type Tensor, Variable } from "../engine/tensor.ts"
import { fanInUniform, uniform } from "./init.ts"

/** Geometry of a convolution layer, and whether it has a bias. */
export interface ConvLayerOptions extends ConvOptions {
  /** Whether it adds a bias; default true. */
  readonly bias?: boolean
}

/** Size of a kernel: one number for every spatial axis, or one for each. */
export type KernelSize = number | readonly number[]

interface Parameters {
  readonly weight: Variable
  readonly bias: Variable | null
}

/** Weight and bias as PyTorch makes them: both uniform within 1 / sqrt(inputs of one output). */
function parametersOf(
  where: string,
  [first, second]: readonly [number, number],
  outputs: number,
  kernel: readonly number[],
  hasBias: boolean,
): Parameters {
  const shape = [first, second, ...kernel]
  if (!shape.every((n) => Number.isInteger(n) && n >= 1)) {
    throw new UsageError(
      `${where}: a weight of shape [${shape.join(", ")}] cannot be (channels and kernel are whole numbers from 1)`,
    )
  }
  const weight = new Variable(fanInUniform(shape))
  const fanIn = weight.initial.data.length / first
  return { weight, bias: hasBias ? new Variable(uniform([outputs], 1 / Math.sqrt(fanIn))) : null }
}

function divided(where: string, what: string, channels: number, groups: number): number {
  if (channels % groups !== 0)
    throw new UsageError(`${where}: ${channels} ${what} channels do not divide into ${groups} groups`)
  return channels / groups
}

function kernelOf(where: string, rank: number, size: KernelSize): readonly number[] {
  const sizes = typeof size === "number" ? new Array<number>(rank).fill(size) : size
  if (sizes.length !== rank) throw new UsageError(`${where}: kernel has ${sizes.length} sizes, expected ${rank}`)
  return sizes
}

function forwardConv(
  where: string,
  rank: number,
  inputs: number,
  outputs: number,
  kernel: KernelSize,
  { bias = true, groups = 1 }: ConvLayerOptions,
): Parameters {
  divided(where, "output", outputs, groups)
  const shape = [outputs, divided(where, "input", inputs, groups)] as const
  return parametersOf(where, shape, outputs, kernelOf(where, rank, kernel), bias)
}

/**
 * {@link conv1d} as a layer, for `[batch, in, length]`; weight `[out, in / groups, k]` and bias `[out]`, both uniform within
 * 1 / sqrt(k in / groups) at first, as PyTorch's.
 *
 * @throws UsageError for channels that do not divide into the groups, and for sizes that are no whole numbers from 1.
 */
export class Conv1d {
  readonly weight: Variable
  readonly bias: Variable | null
  readonly options: ConvOptions

  constructor(inputs: number, outputs: number, kernel: KernelSize, options: ConvLayerOptions = {}) {
    const { weight, bias } = forwardConv("Conv1d", 1, inputs, outputs, kernel, options)
    this.weight = weight
    this.bias = bias
    this.options = options
  }

  forward(x: Tensor): Tensor {
    return conv1d(x, this.weight, this.bias, this.options)
  }
}

/** {@link conv2d} as a layer, for `[batch, in, height, width]`; weight `[out, in / groups, kh, kw]`. Else as {@link Conv1d}. */
export class Conv2d {
  readonly weight: Variable
  readonly bias: Variable | null
  readonly options: ConvOptions

  constructor(inputs: number, outputs: number, kernel: KernelSize, options: ConvLayerOptions = {}) {
    const { weight, bias } = forwardConv("Conv2d", 2, inputs, outputs, kernel, options)
    this.weight = weight
    this.bias = bias
    this.options = options
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.options)
  }
}

/**
 * {@link conv3d} as a layer, for `[batch, in, depth, height, width]`; weight `[out, in / groups, kd, kh, kw]`. Else as
 * {@link Conv1d}.
 */
export class Conv3d {
  readonly weight: Variable
  readonly bias: Variable | null
  readonly options: ConvOptions

  constructor(inputs: number, outputs: number, kernel: KernelSize, options: ConvLayerOptions = {}) {
    const { weight, bias } = forwardConv("Conv3d", 3, inputs, outputs, kernel, options)
    this.weight = weight
    this.bias = bias
    this.options = options
  }

  forward(x: Tensor): Tensor {
    return conv3d(x, this.weight, this.bias, this.options)
  }
}

/** Geometry of a transposed convolution; `outputPadding` (below the stride) picks among the sizes a stride may give. */
export interface ConvTransposeLayerOptions extends ConvLayerOptions {
  readonly outputPadding?: number
}

/**
 * {@link convTranspose2d} as a layer, for `[batch, in, height, width]`; weight `[in, out / groups, kh, kw]` and bias `[out]`,
 * both uniform within 1 / sqrt(kh kw out / groups) at first, as PyTorch's. Else as
 * {@link Conv1d}.
 */
export class ConvTranspose2d {
  readonly weight: Variable
  readonly bias: Variable | null
  readonly options: ConvTransposeLayerOptions

  constructor(inputs: number, outputs: number, kernel: KernelSize, options: ConvTransposeLayerOptions = {}) {
    const where = "ConvTranspose2d"
    const { bias: hasBias = true, groups = 1 } = options
    divided(where, "input", inputs, groups)
    const shape = [inputs, divided(where, "output", outputs, groups)] as const
    const { weight, bias } = parametersOf(where, shape, outputs, kernelOf(where, 2, kernel), hasBias)
    this.weight = weight
    this.bias = bias
    this.options = options
  }

  forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, this.bias, this.options)
  }
}
