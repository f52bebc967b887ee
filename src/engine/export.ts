/** A traced function as an ONNX file that runs anywhere, for any batch size where a spec leaves it open. */
import { isArray, type NdArray, toNumbers } from "./array.ts"
import { kept, once } from "./fused/loop.ts"
import { type Node, type Spec, topological, type Value } from "./graph.ts"
import { buffersKey, lower } from "./lower.ts"
import { writeModel } from "./onnx/write.ts"
import { batchSize, formatShape, formatSize, isSymbolic, otherBatchSize, sizeAt, UsageError } from "./shape.ts"
import { type Composition, expand, simplify } from "./simplify.ts"
import { read } from "./state.ts"
import type { Tensor, Variable } from "./tensor.ts"
import { isSpec, isTensor, mapTree, type Tree, trace, variablesOf } from "./trace.ts"

/** Options of {@link exportOnnx}. */
export interface ExportOptions {
  /** Names of the inputs in the order of the specs; by default where they stand among the arguments, `x0`, `x1.t`. */
  readonly inputNames?: readonly string[]
  /** Names of the outputs in their order; by default where they stand in the result, `y`, `y.mean`. */
  readonly outputNames?: readonly string[]
  /** Names of the initializers that hold the variables, as `variables` of a module gives them; others keep their own. */
  readonly variables?: ReadonlyMap<string, Variable>
  /** What the file says about itself. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Train or evaluate: whether dropout drops and batch normalisation uses the batch. */
  readonly training?: boolean
}

/**
 * The ONNX file (operator set 18, standard operators only) of a function of tensors, with the present values of the
 * variables it uses as initializers. Where a spec has a {@link batchSize}, that axis is symbolic in the file, which then
 * runs for every batch size.
 *
 * @example await exportOnnx((x, t) => unet.forward(x, t), [
 *   { dtype: "float32", shape: [batchSize, 1, 28, 28] },
 *   { dtype: "int32", shape: [batchSize] },
 * ], { inputNames: ["x", "t"], outputNames: ["eps"], variables: variables(unet) })
 *
 * @throws UsageError when the program draws random numbers or assigns variables, when names repeat, or when a constant,
 * a shape or the choice of ops depends on a batch size that is left open.
 */
export async function exportOnnx(
  fn: (...inputs: never[]) => Tree<Tensor>,
  specs: readonly Tree<Spec>[],
  { inputNames, outputNames, variables = new Map(), metadata = {}, training = false }: ExportOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const traced = trace(fn, specs, { training })
  const { graph } = traced
  for (const variable of graph.assigned.keys()) {
    throw new UsageError(`exportOnnx: the program assigns ${variable.name}; export a function that only computes`)
  }
  if (topological(graph.outputs).some((n) => n.op.leaf === "random")) {
    throw new UsageError("exportOnnx: the program draws random numbers; make them an input, or trace it for evaluation")
  }
  if (graph.inputs.some((v) => v.spec.shape.some(isSymbolic))) {
    const others = specs.map((s) => mapTree(s, isSpec, withOther))
    compare(
      ...([graph, trace(fn, others, { training }).graph].map((g) => expand(g.outputs, glanced)) as [Value[], Value[]]),
    )
  }

  const simpler = simplify(graph, repeating)
  const used = variablesOf(simpler)
  const names = initializerNames(used, variables)
  const inputs = namesOf("input", inputNames, graph.inputs.length, () =>
    graph.inputs.map((v) => (v.node.attrs as { name: string }).name),
  )
  const outputs = namesOf("output", outputNames, graph.outputs.length, () => {
    const paths: string[] = []
    mapTree(traced.result, isTensor, (_, path) => paths.push(path), "y")
    return paths
  })
  const twice = repeated([...inputs, ...outputs, ...names])
  if (twice !== undefined) throw new UsageError(`exportOnnx: two values are named ${JSON.stringify(twice)}`)

  const values = await read(used)
  const { model } = lower(simpler, {
    initializers: new Map(used.map((v, i) => [v, { name: names[i], value: values[i] }])),
    inputNames: inputs,
    outputNames: outputs,
    constantNodes: true,
    metadata: new Map([...Object.entries(metadata), ...buffersEntry(used, names)]),
  })
  return writeModel(model)
}

/** Files hold the step of a loop once. */
const repeating: ReadonlyMap<string, Composition> = new Map([
  ["loop", kept((inputs, outputs) => simplify({ inputs, outputs, assigned: new Map() }, repeating).outputs)],
])

/** To see what depends on the batch size, one step of a loop is enough. */
const glanced: ReadonlyMap<string, Composition> = new Map([["loop", once]])

/** What the file says of variables that are not trained, so that reading it does not make parameters of them. */
function buffersEntry(used: readonly Variable[], names: readonly string[]): [string, string][] {
  const buffers = names.filter((_, i) => !used[i].trainable)
  return buffers.length > 0 ? [[buffersKey, JSON.stringify(buffers)]] : []
}

function namesOf(what: string, given: readonly string[] | undefined, count: number, own: () => string[]): string[] {
  if (given === undefined) return own()
  if (given.length !== count) {
    throw new UsageError(`exportOnnx: got ${given.length} ${what} names, expected ${count}: one for each tensor`)
  }
  return [...given]
}

function repeated(names: readonly string[]): string | undefined {
  return names.find((name, i) => name === "" || names.indexOf(name) < i)
}

/** The name each variable was given (the first, where it was given several), or else its own, numbered if need be. */
function initializerNames(used: readonly Variable[], named: ReadonlyMap<string, Variable>): string[] {
  const names = new Map<Variable, string>()
  for (const [name, variable] of named) if (!names.has(variable)) names.set(variable, name)
  const taken = new Set(names.values())
  return used.map((variable) => {
    const given = names.get(variable)
    if (given !== undefined) return given
    let name = variable.name
    for (let i = 1; taken.has(name); i++) name = `${variable.name}.${i}`
    taken.add(name)
    return name
  })
}

function withOther(spec: Spec): Spec {
  return { dtype: spec.dtype, shape: spec.shape.map((n) => sizeAt(n, otherBatchSize)) }
}

/**
 * Holds a program traced with one symbolic batch against the same traced with another: whatever differs but in sizes
 * that are multiples of the batch was computed from the batch size while tracing.
 */
function compare(one: readonly Value[], another: readonly Value[]): void {
  const a = topological(one)
  const b = topological(another)
  const places = new Map(b.map((node, i) => [node, i]))
  const alike = (v: Value, w: Value | undefined): boolean =>
    w !== undefined && v.index === w.index && a[places.get(w.node)!] === v.node
  const check = (same: boolean, node: Node): void => {
    if (!same) throw new UsageError(`exportOnnx: which ops are computed depends on the batch size (${node.op.name})`)
  }
  for (const [i, node] of a.entries()) {
    const other = b[i]
    check(other?.op.name === node.op.name && node.inputs.every((v, k) => alike(v, other.inputs[k])), node)
    const difference = node.op.leaf === "variable" || node.op.leaf === "input" ? undefined : differ(node, other)
    if (difference !== undefined) {
      throw new UsageError(
        `exportOnnx: ${difference} depends on the batch size, which the specs leave open; compute it from tensors ` +
          "(a mean for a sum over the batch) or fix the batch size",
      )
    }
  }
  for (const [i, v] of one.entries()) check(alike(v, another[i]), v.node)
}

function differ(a: Node, b: Node): string | undefined {
  if (a.op.leaf === "constant") {
    const [x, y] = [a, b].map((n) => (n.attrs as { array: NdArray }).array)
    if (x === y || (x.shape.join() === y.shape.join() && sameNumbers(toNumbers(x), toNumbers(y)))) return undefined
    const value = x.data.length === 1 ? `${formatSize(Number(x.data[0]))}` : formatShape(x.shape)
    return `the constant ${value}`
  }
  return equalAt(a.attrs, b.attrs) ? undefined : `an attribute of ${a.op.name} (${JSON.stringify(b.attrs)})`
}

function sameNumbers(x: Float64Array, y: Float64Array): boolean {
  for (let i = 0; i < x.length; i++) if (!Object.is(x[i], y[i])) return false
  return true
}

/** Whether two trees of attributes are the same, but for sizes that are multiples of the batch. */
function equalAt(a: unknown, b: unknown): boolean {
  if (typeof a === "number" && typeof b === "number") {
    return Object.is(a, b) || (Math.abs(a) >= batchSize / 2 && sizeAt(a, otherBatchSize) === b)
  }
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) return a === b
  if (isArray(a) || isArray(b)) return a === b
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length &&
    keys.every((k) => equalAt((a as Record<string, unknown>)[k], (b as Record<string, unknown>)[k]))
  )
}
