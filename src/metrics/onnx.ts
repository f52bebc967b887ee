/** Features from a user's network: any ONNX file of operators we know. */
import { array, fromNumbers, type NdArray, sizeOf } from "../engine/array.ts"
import { type Compiled, compile } from "../engine/compile.ts"
import { type ImportOptions, importOnnx } from "../engine/import.ts"
import { matmul } from "../engine/ops/matmul.ts"
import { concat } from "../engine/ops/movement.ts"
import { softmax } from "../engine/ops/softmax.ts"
import { formatShape, isSymbolic, UsageError } from "../engine/shape.ts"
import { constant, type Tensor } from "../engine/tensor.ts"
import { type FeatureNetwork, fingerprint } from "./network.ts"

/** How an ONNX file is read as features. */
export interface OnnxFeatureOptions extends ImportOptions {
  /** Printed with every number; by default `onnx` and a fingerprint of the file. */
  readonly name?: string
  /** Output that holds the features, [batch, features] or [batch, features, 1, 1]; the first by default. */
  readonly output?: string
  /** Output that holds class probabilities, or logits, where the file has one. */
  readonly probabilities?: string
  readonly logits?: string
  /** What black and white are to the network, before mean and std: [0, 1] for torchvision's, [-1, 1] by default. */
  readonly range?: readonly [black: number, white: number]
  /** Subtracted from, and divided into, each channel: one number, or one a channel. */
  readonly mean?: number | readonly number[]
  readonly std?: number | readonly number[]
  /**
   * What to do with images of another size than the file asks for: refuse them (default), or resize them by a triangle
   * filter that averages when it shrinks. Numbers depend on it.
   */
  readonly resize?: "bilinear"
}

/**
 * Weights [outputs, inputs] of linear interpolation between pixel centres; when it shrinks the triangle is widened to
 * one output pixel, so that nothing is skipped (Pillow's rule, and torch's with antialias).
 */
export function resizeWeights(inputs: number, outputs: number): NdArray<"float32"> {
  const ratio = inputs / outputs
  const reach = Math.max(1, ratio)
  const data = new Float64Array(outputs * inputs)
  for (let o = 0; o < outputs; o++) {
    const center = (o + 0.5) * ratio
    const row = data.subarray(o * inputs, (o + 1) * inputs)
    for (let i = 0; i < inputs; i++) row[i] = Math.max(0, 1 - Math.abs(i + 0.5 - center) / reach)
    const total = row.reduce((a, b) => a + b, 0)
    for (let i = 0; i < inputs; i++) row[i] /= total
  }
  return fromNumbers("float32", [outputs, inputs], data)
}

/** One number a channel, as a constant [1, channels, 1, 1]. */
function perChannel(what: string, value: number | readonly number[], channels: number): Tensor {
  const list = typeof value === "number" ? new Array<number>(channels).fill(value) : value
  if (list.length !== channels || !list.every((v) => Number.isFinite(v) && (what === "mean" || v > 0))) {
    throw new UsageError(
      `onnxFeatures: ${what} is [${list.join(", ")}], expected ${channels} finite numbers${what === "std" ? " above 0" : ""}, one a channel`,
    )
  }
  return constant(fromNumbers("float32", [1, channels, 1, 1], list))
}

/** Images [batch, channels, height, width] in [-1, 1] as the network wants them. */
function adapted(
  images: Tensor,
  wanted: readonly number[],
  { range = [-1, 1], mean = 0, std = 1, resize }: OnnxFeatureOptions,
): Tensor {
  const [channels, ...size] = wanted
  let x = images
  if (x.shape[1] !== channels) {
    if (x.shape[1] !== 1)
      throw new UsageError(`onnxFeatures: images have ${x.shape[1]} channels, the file expects ${channels}`)
    x = concat(new Array<Tensor>(channels).fill(x), 1)
  }
  const [height, width] = x.shape.slice(2)
  if (height !== size[0] || width !== size[1]) {
    if (resize === undefined) {
      throw new UsageError(
        `onnxFeatures: images are ${height} x ${width}, the file expects ${size.join(" x ")} (resize: "bilinear" resizes them)`,
      )
    }
    x = matmul(matmul(constant(resizeWeights(height, size[0])), x), constant(resizeWeights(width, size[1])).transpose())
  }
  const [black, white] = range
  return x
    .add(1)
    .mul((white - black) / 2)
    .add(black)
    .sub(perChannel("mean", mean, channels))
    .div(perChannel("std", std, channels))
}

/**
 * The features, and class probabilities if it gives them, of a network in an ONNX file whose one input is images
 * [batch, channels, height, width]. Grey images are given to a network of colours as three equal channels; a file with a
 * fixed batch is run as often as needed.
 *
 * @example onnxFeatures(await readFile("inception.onnx"), { range: [0, 1], mean, std, resize: "bilinear", output: "pool3" })
 * @throws UsageError for a file with other inputs, without the named output, or with operators that are not known; and,
 * when it reads, for images that do not fit.
 */
export function onnxFeatures(
  file: Uint8Array,
  options: OnnxFeatureOptions = {},
): FeatureNetwork & { dispose(): Promise<void> } {
  const program = importOnnx(file, options.sizes === undefined ? {} : { sizes: options.sizes })
  const inputs = Object.entries(program.inputs)
  const [input, spec] = inputs[0] ?? ["", { dtype: "bool", shape: [] }]
  if (inputs.length !== 1 || spec.shape.length !== 4 || spec.dtype !== "float32") {
    const found = inputs.map(([name, s]) => `${name} ${s.dtype} ${formatShape(s.shape)}`).join(", ")
    throw new UsageError(
      `onnxFeatures: the file's inputs are ${found || "none"}, expected one float32 [batch, channels, height, width]`,
    )
  }
  const { output = program.outputs[0], probabilities, logits } = options
  for (const name of [output, probabilities, logits]) {
    if (name !== undefined && !program.outputs.includes(name))
      throw new UsageError(`onnxFeatures: the file has no output ${name} (there are ${program.outputs.join(", ")})`)
  }
  const [batch, ...wanted] = spec.shape
  const read = compile((images: Tensor) => {
    const found = program.call({ [input]: adapted(images, wanted, options) })
    const odds = probabilities === undefined ? undefined : found[probabilities]
    const classes = logits === undefined ? odds : softmax(found[logits])
    return { features: found[output], ...(classes !== undefined && { probabilities: classes }) }
  })
  return {
    name: options.name ?? `onnx ${fingerprint([file])}`,
    read: (images) => (isSymbolic(batch) ? read(images) : inParts(read, images, batch)),
    dispose: () => read.dispose(),
  }
}

type Read = Compiled<[Tensor], { features: Tensor; probabilities?: Tensor }>

/** Runs a program of a fixed batch as often as images need, the last time with zeros behind them. */
async function inParts(
  read: Read,
  images: NdArray<"float32">,
  batch: number,
): Promise<{ features: NdArray; probabilities?: NdArray }> {
  const [count, ...item] = images.shape
  const step = sizeOf(item)
  const parts: Awaited<ReturnType<Read>>[] = []
  for (let from = 0; from < count; from += batch) {
    const data = new Float32Array(batch * step)
    data.set(images.data.subarray(from * step, Math.min(count, from + batch) * step))
    parts.push(await read(array("float32", [batch, ...item], data)))
  }
  const joined = (of: readonly NdArray[]): NdArray => {
    const [, ...row] = of[0].shape
    const width = sizeOf(row)
    const data = new Float32Array(count * width)
    for (const [i, part] of of.entries()) {
      const rows = Math.min(batch, count - i * batch)
      data.set((part.data as Float32Array).subarray(0, rows * width), i * batch * width)
    }
    return array("float32", [count, ...row], data)
  }
  const odds = parts.flatMap((p) => (p.probabilities === undefined ? [] : [p.probabilities]))
  return {
    features: joined(parts.map((p) => p.features)),
    ...(odds.length > 0 && { probabilities: joined(odds) }),
  }
}
