/** Graph to ONNX: leaves become inputs and initializers, every other node what its record writes. */
import type { Dtype, NdArray } from "./array.ts"
import { Writer } from "./emitter.ts"
import { topological, type Value } from "./graph.ts"
import type { OnnxModel } from "./onnx/model.ts"
import { UsageError } from "./shape.ts"
import type { Variable } from "./tensor.ts"
import { type Graph, roots } from "./trace.ts"

/** Variables of one dtype laid end to end in one buffer: every input and output of a run costs, however small. */
export interface Layout {
  readonly name: string
  readonly dtype: Dtype
  readonly size: number
  readonly places: ReadonlyMap<Variable, number>
}

/** What `lower` is told besides the graph. */
export interface LowerOptions {
  /** Where each variable lives: in packed buffers that are inputs (and, if assigned, outputs) of the program. */
  readonly layouts?: readonly Layout[]
  /** Values of variables that are written into the file instead, by name. */
  readonly initializers?: ReadonlyMap<Variable, { readonly name: string; readonly value: NdArray }>
  readonly inputNames?: readonly string[]
  readonly outputNames?: readonly string[]
  /** Writes constants as nodes, so that the initializers of the file are its variables and nothing else. */
  readonly constantNodes?: boolean
  readonly metadata?: ReadonlyMap<string, string>
}

/** A program as ONNX, and the names under which it is run. */
export interface Lowered {
  readonly model: OnnxModel
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Random leaves and their input names. */
  readonly randoms: ReadonlyMap<Value, string>
  /** For each layout that is read, its input; for each that is written, its output. */
  readonly stateInputs: ReadonlyMap<Layout, string>
  readonly stateOutputs: ReadonlyMap<Layout, string>
}

/** Key of the metadata that lists the variables of our own files which are not trained. */
export const buffersKey = "tweedie.buffers"

/** Writes a graph without fused ops. */
export function lower(graph: Graph, options: LowerOptions = {}): Lowered {
  const { layouts = [], initializers = new Map() } = options
  const reserved = [...initializers.values()].map((i) => i.name)
  const writer = new Writer(
    [...(options.inputNames ?? []), ...(options.outputNames ?? []), ...reserved],
    options.constantNodes ?? false,
  )
  const names = new Map<Value, string>()
  const randoms = new Map<Value, string>()
  const stateInputs = new Map<Layout, string>()
  const stateOutputs = new Map<Layout, string>()
  for (const [i, v] of graph.inputs.entries()) names.set(v, writer.input(options.inputNames?.[i] ?? `x${i}`, v.spec))

  const readVariable = (variable: Variable): string => {
    const stored = initializers.get(variable)
    if (stored !== undefined) return writer.initializer(stored.name, stored.value)
    const layout = layouts.find((l) => l.places.has(variable))
    if (layout === undefined) throw new Error(`lower: variable ${variable.name} has no place`)
    let packed = stateInputs.get(layout)
    if (packed === undefined) {
      packed = writer.input(layout.name, { dtype: layout.dtype, shape: [layout.size] })
      stateInputs.set(layout, packed)
    }
    const start = layout.places.get(variable)!
    const size = variable.initial.data.length
    writer.scope = "variable"
    const flat =
      size === layout.size
        ? packed
        : writer.node("Slice", [packed, writer.ints([start]), writer.ints([start + size]), writer.ints([0])])
    return writer.reshape(flat, variable.shape)
  }

  for (const node of topological(roots(graph))) {
    if (node.op.leaf === "input") {
      if (!names.has(node.outputs[0]))
        throw new UsageError("a program uses a tensor of another program; pass it as an argument")
    } else if (node.op.leaf === "random") {
      const name = writer.input(`random${randoms.size}`, node.outputs[0].spec)
      names.set(node.outputs[0], name)
      randoms.set(node.outputs[0], name)
    } else if (node.op.leaf === "variable") {
      names.set(node.outputs[0], readVariable((node.attrs as { variable: Variable }).variable))
    } else writer.write(node, names)
  }

  const outputs = graph.outputs.map((v, i) => writer.output(names.get(v)!, v.spec, options.outputNames?.[i]))
  for (const layout of layouts) {
    const written = [...layout.places.keys()].some((v) => graph.assigned.has(v))
    if (!written) continue
    writer.scope = "state"
    const parts = [...layout.places]
      .sort((a, b) => a[1] - b[1])
      .map(([variable]) => {
        const next = graph.assigned.get(variable)
        return writer.node("Reshape", [
          next === undefined ? readVariable(variable) : names.get(next)!,
          writer.ints([-1]),
        ])
      })
    const whole = parts.length === 1 ? parts[0] : writer.node("Concat", parts, { axis: 0 })
    stateOutputs.set(layout, writer.output(whole, { dtype: layout.dtype, shape: [layout.size] }))
  }
  const inputs = graph.inputs.map((v) => names.get(v)!)
  return { model: writer.model(options.metadata), inputs, outputs, randoms, stateInputs, stateOutputs }
}
