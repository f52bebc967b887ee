/** A classifier of another tool made one's own: its trunk with a new last layer, or the whole of it. */
import type { Spec } from "../engine/graph.ts"
import { type ImportedProgram, importOnnx } from "../engine/import.ts"
import type { OnnxNode } from "../engine/onnx/model.ts"
import { logSoftmax, softmax } from "../engine/ops/softmax.ts"
import { batchSize, formatShape, UsageError } from "../engine/shape.ts"
import { placeholder, type Tensor, type Variable } from "../engine/tensor.ts"
import { Linear } from "./linear.ts"

/** Options of {@link ImportedClassifier}. */
export interface TransferOptions {
  /** Classes of a new last layer; the file keeps its own unless they are given. */
  readonly classes?: number
  /** Name of the value that a new last layer takes; by default what the file's own last linear layer takes. */
  readonly cut?: string
  /** Sizes by the names the file has for them, as `importOnnx` takes them. */
  readonly sizes?: Readonly<Record<string, number>>
}

/** Where a file's own last layer begins and ends, and what the file does with its logits before it answers. */
interface LastLayer {
  readonly features: string
  readonly logits: string
  readonly tail: ((x: Tensor) => Tensor) | undefined
}

/**
 * A classifier read from an ONNX file, to be trained on: its trunk under the file's names, and a last layer, which is new
 * (linear, `head.weight` [classes, width] and `head.bias`) where `classes` is given. A module: `variables`, `freeze` and
 * `train` take it. Normalisation and dropout are as in inference; running statistics stay as they are.
 *
 * @example
 * const model = seeded(0, () => new ImportedClassifier(await readFile("net.onnx"), { classes: 5 }))
 * for (const v of model.trunk.values()) v.trainable = false
 * const objective: Objective = {
 *   variables: variables(model),
 *   loss: ({ x, y }) => ({ total: crossEntropyLoss(model.forward(x), y!) }),
 * }
 * await exportOnnx((x) => model.answer(x), [model.input], { variables: variables(model) })
 * @throws UsageError as `importOnnx` does; where the file has not one input and an answer [batch, classes]; where its last
 * layer is not linear and `cut` does not say where the trunk ends.
 */
export class ImportedClassifier {
  /** What goes in; the first axis is the batch. */
  readonly input: Spec & { readonly name: string }
  /** The file's name for its answer. */
  readonly output: string
  readonly classes: number
  /** The value at which the trunk ends. */
  readonly cut: string
  /** Features of it that a last layer sees. */
  readonly width: number
  /** What the file says about itself. */
  readonly metadata: ReadonlyMap<string, string>
  /** Parameters and buffers of the trunk. */
  readonly trunk: ReadonlyMap<string, Variable>
  /** Parameters of the last layer. */
  readonly head: ReadonlyMap<string, Variable>
  readonly #program: ImportedProgram
  readonly #layer: Linear | undefined
  readonly #last: LastLayer | undefined

  constructor(bytes: Uint8Array, { classes, cut, sizes = {} }: TransferOptions = {}) {
    const whole = importOnnx(bytes, { sizes, openBatch: true })
    this.output = whole.outputs[0] ?? fail("the file has no outputs")
    this.metadata = whole.metadata
    this.#last = cut === undefined || classes === undefined ? lastLayer(whole) : undefined
    this.cut = cut ?? this.#last!.features
    const trunk = importOnnx(bytes, { sizes, outputs: [this.cut], openBatch: true })
    const keeps = { sizes, outputs: [this.cut, ...(this.#last ? [this.#last.logits] : [])], openBatch: true }
    this.#program = classes === undefined ? importOnnx(bytes, keeps) : trunk
    const names = Object.keys(this.#program.inputs)
    if (names.length !== 1) fail(`the file has the inputs ${JSON.stringify(names)}, expected one`)
    const spec = this.#program.inputs[names[0]]
    this.input = { name: names[0], dtype: spec.dtype, shape: spec.shape }

    const stand = placeholder("x", spec)
    const features = this.features(stand)
    this.width = features.shape[1]
    this.#layer = classes === undefined ? undefined : new Linear(this.width, classes)
    const { shape } = this.forward(stand)
    if (shape.length !== 2 || shape[0] !== batchSize) {
      fail(`${JSON.stringify(this.#last?.logits ?? this.cut)} is ${formatShape(shape)}, expected [batch, classes]`)
    }
    this.classes = shape[1]
    const all = this.#program.variables
    this.trunk = new Map([...all].filter(([name]) => trunk.variables.has(name)))
    this.head =
      this.#layer === undefined
        ? new Map([...all].filter(([name]) => !this.trunk.has(name)))
        : named(this.#layer, this.trunk)
  }

  /** Features [batch, width] of samples: what the last layer sees. Maps of features are averaged over their places. */
  features(x: Tensor): Tensor {
    const value = this.#program.call({ [this.input.name]: x })[this.cut]
    const flat = value.rank === 4 ? value.mean({ axes: [2, 3] }) : value
    if (flat.rank === 2 && flat.shape[0] === x.shape[0]) return flat
    return fail(
      `${JSON.stringify(this.cut)} is ${formatShape(value.shape)}, expected [batch, features] or [batch, features, height, width] (cut the network elsewhere, or export it with an open batch)`,
    )
  }

  /** Logits [batch, classes] of features, by the last layer alone, where it is new. */
  classify(features: Tensor): Tensor {
    return this.#layer?.forward(features) ?? fail("the last layer is the file's own, expected a new one (give classes)")
  }

  /** Logits of samples, [batch, classes]. */
  forward(x: Tensor): Tensor {
    if (this.#layer !== undefined) return this.#layer.forward(this.features(x))
    return this.#program.call({ [this.input.name]: x })[this.#last!.logits]
  }

  /** What the file answers: logits, or probabilities or their logarithms where the file ends in those. */
  answer(x: Tensor): Tensor {
    const logits = this.forward(x)
    return this.#last?.tail?.(logits) ?? logits
  }

  /** Its variables by name. */
  children(): Iterable<readonly [string, Variable]> {
    return [...this.trunk, ...this.head]
  }
}

function fail(message: string): never {
  throw new UsageError(`importedClassifier: ${message}`)
}

/** A new layer's parameters, under names that the trunk has not. */
function named({ weight, bias }: Linear, trunk: ReadonlyMap<string, Variable>): Map<string, Variable> {
  let name = "head"
  while ([...trunk.keys()].some((key) => key.startsWith(`${name}.`))) name = `new_${name}`
  return new Map([[`${name}.weight`, weight] as const, ...(bias ? [[`${name}.bias`, bias] as const] : [])])
}

/** The last linear layer of a file, looked for from its answer back. */
function lastLayer({ nodes, outputs, variables }: ImportedProgram): LastLayer {
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)))
  /** Whether a value comes of parameters alone: a weight, perhaps transposed. */
  const isWeight = (name: string): boolean => {
    const maker = makers.get(name)
    if (maker === undefined) return variables.has(name)
    return ["Transpose", "Identity", "Reshape", "Cast"].includes(maker.type) && isWeight(maker.inputs[0])
  }
  let at = outputs[0]
  let tail: LastLayer["tail"]
  let logits = at
  for (;;) {
    const node = makers.get(at)
    const [first, second] = node?.inputs ?? []
    if ((node?.type === "Gemm" || node?.type === "MatMul") && isWeight(second) && !isWeight(first)) {
      return { features: first, logits, tail }
    }
    if (node?.type === "Softmax" || node?.type === "LogSoftmax") {
      const { axis = { int: -1 } } = node.attributes
      const isLast = "int" in axis && (axis.int === -1 || axis.int === 1)
      if (tail !== undefined || logits !== at || !isLast) return noLinear(at, node)
      tail = node.type === "Softmax" ? softmax : logSoftmax
      at = logits = first
    } else if (node?.type === "Identity" || node?.type === "Dropout") {
      at = first
      // What is only passed on before anything else was done is the logits under another name.
      if (makers.get(at) !== undefined && logits === node.outputs[0]) logits = at
    } else if (node?.type === "Add" && isWeight(second)) at = first
    else if (node?.type === "Add" && isWeight(first)) at = second
    else return noLinear(at, node)
  }
}

function noLinear(at: string, node: OnnxNode | undefined): never {
  const maker = node === undefined ? "given" : `made by ${node.type} (node ${JSON.stringify(node.name)})`
  return fail(
    `${JSON.stringify(at)} is ${maker}, expected the last linear layer (Gemm or MatMul); say where the trunk ends with cut, and how many classes a new layer tells`,
  )
}
