/** An ONNX file as a program of ours: traced, differentiated and trained like any other. */
import { array, castArray, type NdArray, sizeOf } from "./array.ts"
import { evaluate } from "./evaluate.ts"
import { floats, type Importer, opsets, type Spec } from "./graph.ts"
import { activationImporters } from "./import/activation.ts"
import { arithmeticImporters } from "./import/arithmetic.ts"
import { convImporters } from "./import/conv.ts"
import { einsumImporters } from "./import/einsum.ts"
import { indexingImporters } from "./import/indexing.ts"
import { layoutImporters } from "./import/layout.ts"
import { normalizeImporters } from "./import/normalize.ts"
import { poolImporters } from "./import/pool.ts"
import { resizeImporters } from "./import/resize.ts"
import { shapeImporters } from "./import/shape.ts"
import { constantOf, describeNode, Site } from "./import/site.ts"
import { buffersKey } from "./lower.ts"
import type { OnnxModel, OnnxNode, OnnxValue } from "./onnx/model.ts"
import { readModel } from "./onnx/read.ts"
import { alongImporters } from "./ops/along.ts"
import { compareImporters } from "./ops/compare.ts"
import { elementwiseImporters } from "./ops/elementwise.ts"
import { gatherImporters } from "./ops/gather.ts"
import { matmulImporters } from "./ops/matmul.ts"
import { movementImporters } from "./ops/movement.ts"
import { reduceImporters } from "./ops/reduce.ts"
import { sliceImporters } from "./ops/slice.ts"
import { softmaxImporters } from "./ops/softmax.ts"
import { batchSize, formatShape, isSymbolic, UsageError } from "./shape.ts"
import { constant, type Tensor, Variable } from "./tensor.ts"

/** Options of {@link importOnnx}. */
export interface ImportOptions {
  /** Sizes by the names the file has for them, where it leaves others than the batch open (`{ height: 32 }`). */
  readonly sizes?: Readonly<Record<string, number>>
  /**
   * Names of values within the file that are wanted instead of its outputs: the network cut there. What only the rest
   * needs, inputs and variables among it, is left out.
   */
  readonly outputs?: readonly string[]
  /** Whether the first axis of every input is the batch also where the file fixes its size. */
  readonly openBatch?: boolean
}

/** An ONNX file read as a program. */
export interface ImportedProgram {
  /** Dtype and shape of each input; an open first axis is the symbolic {@link batchSize}. */
  readonly inputs: Readonly<Record<string, Spec>>
  readonly outputs: readonly string[]
  /** The nodes that are read, in order: where a network can be cut. */
  readonly nodes: readonly OnnxNode[]
  /** The file's float initializers by name, with their values: parameters, which are trainable, and buffers. */
  readonly variables: ReadonlyMap<string, Variable>
  /** A program is a module of `tweedie/nn`: its parameters are listed, frozen, saved and loaded by the file's names. */
  readonly children: () => Iterable<readonly [string, Variable]>
  /** What the file says about itself. */
  readonly metadata: ReadonlyMap<string, string>
  /**
   * The outputs for the given inputs, as part of the program being traced.
   *
   * @throws UsageError when an input is missing, unknown or misshapen, and for what a node asks that is not supported.
   */
  readonly call: (inputs: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>
}

/** All importers by operator; an operator that changed its meaning has several. */
const importers = new Map<string, Importer[]>()
for (const importer of [
  ...compareImporters,
  ...elementwiseImporters,
  ...movementImporters,
  ...sliceImporters,
  ...gatherImporters,
  ...matmulImporters,
  ...reduceImporters,
  ...alongImporters,
  ...softmaxImporters,
  ...activationImporters,
  ...arithmeticImporters,
  ...convImporters,
  ...einsumImporters,
  ...indexingImporters,
  ...layoutImporters,
  ...normalizeImporters,
  ...poolImporters,
  ...resizeImporters,
  ...shapeImporters,
]) {
  importers.set(importer.type, [...(importers.get(importer.type) ?? []), importer])
}

/** Names of the operators that can be read. */
export const readableOperators: readonly string[] = [...importers.keys()].sort()

/**
 * Reads an ONNX file (operator sets 7 to 28) as a program. What it computes is made of the library's own ops, so it can
 * be compiled, differentiated, trained and exported again. Dropout and batch normalisation are read as in inference.
 *
 * Float initializers become variables, but for settings of operators (bounds, scales) and, in files of other tools,
 * scalars: those are nearly always constants of the network. Running statistics become buffers. Float16 and bfloat16
 * are read as float32, small integers as int32.
 *
 * @example
 * const net = importOnnx(await readFile("net.onnx"))
 * const run = compile(net.call)
 * const { logits } = await run({ x: image })
 *
 * @throws UsageError for operators that are not known, with the node, the operator and the operator set; for open sizes
 * other than the batch; and for graphs whose nodes do not follow from one another.
 * @throws RangeError for bytes that are no ONNX file.
 */
export function importOnnx(
  bytes: Uint8Array,
  { sizes = {}, outputs: wanted, openBatch = false }: ImportOptions = {},
): ImportedProgram {
  const model = readModel(bytes)
  const { graph } = model
  const outputs = wanted ?? graph.outputs.map((v) => v.name)
  const all = graph.inputs.filter((v) => !graph.initializers.has(v.name))
  const steps = neededSteps(model, all, outputs)
  const used = new Set([...steps.flatMap((s) => s.node.inputs), ...outputs])
  const given = wanted === undefined ? all : all.filter((v) => used.has(v.name))
  const { variables, constants } = leavesOf(model, steps, used)
  const inputs = specsOf(given, sizes, openBatch)
  const call: ImportedProgram["call"] = (feeds) => {
    const values = new Map<string, Tensor>([...constants, ...variables])
    for (const [name, tensor] of accepted(given, inputs, feeds)) values.set(name, tensor)
    for (const step of steps) run(step, values)
    return Object.fromEntries(outputs.map((name) => [name, values.get(name)!]))
  }
  const nodes = steps.map((s) => s.node)
  return { inputs, outputs, nodes, variables, children: () => variables, metadata: model.metadata, call }
}

/** A node with the importer that reads it. */
interface Step {
  readonly node: OnnxNode
  readonly importer: Importer
  readonly opset: number
}

/** The nodes that the outputs need, in the file's order, which must be one in which they can run. */
function neededSteps(
  { graph, opsets: sets }: OnnxModel,
  given: readonly OnnxValue[],
  outputs: readonly string[],
): Step[] {
  const known = new Set([...given.map((v) => v.name), ...graph.initializers.keys()])
  for (const node of graph.nodes) {
    const opset = sets.get(node.domain)
    const fail = (message: string): never => {
      throw new UsageError(`${describeNode(node, opset)}: ${message}`)
    }
    for (const name of node.inputs) {
      if (name !== "" && !known.has(name)) fail(`input ${JSON.stringify(name)} is not made by any node before it`)
    }
    for (const name of node.outputs) {
      if (name === "") continue
      if (known.has(name)) fail(`output ${JSON.stringify(name)} is made twice`)
      known.add(name)
    }
  }
  const wanted = new Set(outputs)
  for (const name of wanted) {
    if (!known.has(name)) throw new UsageError(`importOnnx: output ${JSON.stringify(name)} is not made by any node`)
  }
  const steps: Step[] = []
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue
    for (const name of node.inputs) wanted.add(name)
    steps.push(stepOf(node, sets.get(node.domain)))
  }
  return steps.reverse()
}

function stepOf(node: OnnxNode, opset: number | undefined): Step {
  const fail = (message: string): never => {
    throw new UsageError(`${describeNode(node, opset)}: ${message}`)
  }
  const candidates = node.domain === "" ? (importers.get(node.type) ?? []) : []
  if (candidates.length === 0) fail("the operator is not known; expected standard operators of inference")
  if (opset === undefined) return fail("the file does not say which operator set it uses")
  const ranges = candidates.map((c) => c.opsets ?? opsets)
  const importer = candidates.find((_, i) => opset >= ranges[i][0] && opset <= ranges[i][1])
  if (importer === undefined) {
    const sets = ranges.map(([from, to]) => `${from} to ${to}`).join(", ")
    return fail(`the operator is known in operator sets ${sets} (convert the file with onnx.version_converter)`)
  }
  return { node, importer, opset }
}

/** Initializers as variables where they can be trained, and as constants. */
function leavesOf(
  { graph, producer, metadata }: OnnxModel,
  steps: readonly Step[],
  used: ReadonlySet<string>,
): { readonly variables: Map<string, Variable>; readonly constants: Map<string, Tensor> } {
  const settings = new Set<string>()
  const buffers = new Set(buffersOf(metadata))
  for (const { node, importer } of steps) {
    for (const i of importer.settings ?? []) settings.add(node.inputs[i])
    for (const i of importer.buffers ?? []) buffers.add(node.inputs[i])
  }
  // In our own files constants are nodes.
  const isOurs = producer === "tweedie"
  const variables = new Map<string, Variable>()
  const constants = new Map<string, Tensor>()
  for (const [name, value] of graph.initializers) {
    if (!used.has(name)) continue
    const isVariable = floats.includes(value.dtype) && !settings.has(name) && (isOurs || value.shape.length > 0)
    if (!isVariable) constants.set(name, constant(value))
    else variables.set(name, new Variable(value, { name, role: buffers.has(name) ? "buffer" : "parameter" }))
  }
  return { variables, constants }
}

function buffersOf(metadata: ReadonlyMap<string, string>): string[] {
  try {
    const names: unknown = JSON.parse(metadata.get(buffersKey) ?? "[]")
    return Array.isArray(names) ? names.map(String) : []
  } catch {
    return []
  }
}

/** Specs of the inputs. Open first axes are the batch; `2*batch` is a multiple of it. */
function specsOf(
  given: readonly OnnxValue[],
  sizes: Readonly<Record<string, number>>,
  openBatch: boolean,
): Record<string, Spec> {
  const isOpen = (size: number | string): size is string => typeof size === "string" && !Object.hasOwn(sizes, size)
  const batches = new Set(given.flatMap((v) => (v.shape ?? []).slice(0, 1).filter(isOpen)))
  const sizeFor = (size: number | string, input: string): number => {
    if (typeof size === "number") return size
    if (!isOpen(size)) return sizes[size]
    if (batches.has(size) && !size.includes("*")) return batchSize
    const multiple = /^(\d{1,6})\*(\w+)$/.exec(size)
    if (multiple !== null && (multiple[2] === "batch" || batches.has(multiple[2])))
      return Number(multiple[1]) * batchSize
    throw new UsageError(
      `importOnnx: input ${JSON.stringify(input)} leaves the size ${JSON.stringify(size)} open; give it, as in ` +
        `importOnnx(bytes, { sizes: { ${JSON.stringify(size)}: 32 } })`,
    )
  }
  return Object.fromEntries(
    given.map(({ name, dtype, shape }) => {
      if (shape === undefined) {
        throw new UsageError(`importOnnx: input ${JSON.stringify(name)} has no shape in the file, not even a rank`)
      }
      const read = (size: number | string, axis: number): number =>
        openBatch && axis === 0 ? batchSize : sizeFor(size, name)
      return [name, { dtype, shape: shape.map(read) }]
    }),
  )
}

/** The caller's tensors, each checked against its spec; the batch is whatever they say, if they agree. */
function accepted(
  given: readonly OnnxValue[],
  specs: Readonly<Record<string, Spec>>,
  feeds: Readonly<Record<string, Tensor>>,
): [string, Tensor][] {
  const names = given.map((v) => v.name)
  for (const name of Object.keys(feeds)) {
    if (!names.includes(name)) {
      throw new UsageError(`call: there is no input ${JSON.stringify(name)}; the file has ${names.join(", ")}`)
    }
  }
  let batch: number | undefined
  return names.map((name) => {
    if (!Object.hasOwn(feeds, name)) throw new UsageError(`call: input ${JSON.stringify(name)} is missing`)
    const tensor = feeds[name]
    const { dtype, shape } = specs[name]
    const fits = (n: number, i: number): boolean => {
      if (!isSymbolic(n)) return tensor.shape[i] === n
      batch ??= tensor.shape[i] / (n / batchSize)
      return tensor.shape[i] === batch * (n / batchSize)
    }
    if (tensor.dtype !== dtype || tensor.rank !== shape.length || !shape.every(fits)) {
      const got = `${tensor.dtype} ${formatShape(tensor.shape)}`
      throw new UsageError(`call: input ${JSON.stringify(name)} is ${got}, expected ${dtype} ${formatShape(shape)}`)
    }
    return [name, tensor]
  })
}

/** Reads one node: its outputs join the values. */
function run({ node, importer, opset }: Step, values: Map<string, Tensor>): void {
  const inputs = node.inputs.map((name) => (name === "" ? null : values.get(name)!))
  const site = new Site(node, opset, inputs)
  const results = guarded(site, () => {
    const found = importer.read(site)
    const list: readonly (Tensor | null)[] = Array.isArray(found) ? found : [found as Tensor]
    return inputs.every((t) => t === null || constantOf(t) !== undefined) ? list.map((t) => t && folded(t)) : list
  })
  site.finish()
  for (const [i, name] of node.outputs.entries()) {
    if (name === "") continue
    values.set(name, results[i] ?? site.fail(`output ${i} (${JSON.stringify(name)}) is not supported`))
  }
}

/** Faults of ops, told as faults of the node that asked for them. */
function guarded<R>(site: Site, read: () => R): R {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof RangeError)) throw error
    if (error.message.startsWith("importOnnx: ")) throw error
    return site.fail(error.message.replace(/\n {2}at .*$/s, ""))
  }
}

/** Constants no larger than this are computed while reading: shapes, axes and bounds are, however files derive them. */
const foldLimit = 4096

function folded(tensor: Tensor): Tensor {
  const { shape, dtype } = tensor
  if (constantOf(tensor) !== undefined || shape.some(isSymbolic) || sizeOf(shape) > foldLimit) return tensor
  const [value] = evaluate([tensor.value])
  return constant(dtype === "int64" ? integers(value) : castArray(value, dtype))
}

/** Doubles as int64; what means "to the end" stays at the end instead of wrapping around. */
function integers({ shape, data }: NdArray<"float64">): NdArray {
  const end = 2 ** 62
  return array(
    "int64",
    shape,
    BigInt64Array.from(data, (v) => BigInt(Math.min(Math.max(Math.trunc(v), -end), end))),
  )
}
