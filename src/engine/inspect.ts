/** Programs as people look at them: a listing, a picture, a summary, and where the time of a run goes. */
import { type NdArray, toNumbers } from "./array.ts"
import type { Compiled } from "./compile.ts"
import { type Node, type Spec, topological, type Value } from "./graph.ts"
import { formatShape, formatSize, UsageError } from "./shape.ts"
import type { Variable } from "./tensor.ts"
import { type Graph, roots, type Tree, variablesOf } from "./trace.ts"

/** Constants of at most this many numbers are written out. */
const shownNumbers = 8

const typeOf = ({ dtype, shape }: Spec): string => `${dtype} ${formatShape(shape)}`

/** Short names: those of inputs and variables, numbers for what is computed, the numbers themselves for small constants. */
class Names {
  readonly #names = new Map<Value, string>()
  readonly #taken = new Set<string>()
  #count = 0

  constructor(graph: Graph) {
    for (const v of graph.inputs) this.#name(v, (v.node.attrs as { name: string }).name)
    for (const node of topological(roots(graph))) for (const v of node.outputs) if (!this.#names.has(v)) this.#own(v)
    for (const variable of graph.assigned.keys()) if (!this.#names.has(variable.value)) this.#own(variable.value)
  }

  of(value: Value): string {
    return this.#names.get(value)!
  }

  #own(value: Value): void {
    const { op, attrs } = value.node
    if (op.leaf === "variable") this.#name(value, (attrs as { variable: Variable }).variable.name)
    else if (op.leaf === "input") this.#name(value, (attrs as { name: string }).name)
    else if (op.leaf === "constant" && value.spec.shape.length === 0) this.#names.set(value, numbersOf(value.node)[0])
    else this.#name(value, `${op.leaf === "constant" ? "c" : op.leaf === "random" ? "r" : "v"}${++this.#count}`)
  }

  #name(value: Value, wanted: string): void {
    let name = wanted
    for (let i = 1; this.#taken.has(name); i++) name = `${wanted}.${i}`
    this.#taken.add(name)
    this.#names.set(value, name)
  }
}

/** Numbers of a constant as text, as many digits as its dtype holds. */
function numbersOf(node: Node): string[] {
  const { array } = node.attrs as { array: NdArray }
  return [...toNumbers(array)].map((n) => (array.dtype === "float32" ? String(Number(n.toPrecision(7))) : String(n)))
}

/** An attribute as text: sizes that are multiples of the batch by name. */
function show(value: unknown): string {
  if (typeof value === "number") return formatSize(value)
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`
  if (typeof value === "object" && value !== null) return `{${settingsOf(value).join(", ")}}`
  return String(value)
}

function settingsOf(attrs: object): string[] {
  return Object.entries(attrs).map(([key, value]) => `${key}=${show(value)}`)
}

function lineOf(node: Node, names: Names): string {
  const results = node.outputs.map((v) => names.of(v)).join(", ")
  const types = node.outputs.map((v) => typeOf(v.spec)).join(", ")
  if (node.op.leaf === "constant") {
    const size = node.outputs[0].spec.shape.reduce((n, d) => n * d, 1)
    return `${results} = constant${size <= shownNumbers ? `(${numbersOf(node).join(", ")})` : ""}: ${types}`
  }
  if (node.op.leaf === "random") {
    const { distribution } = node.attrs as { distribution: string }
    return `${results} = random(${distribution}): ${types}`
  }
  const inputs = node.inputs.map((v) => names.of(v))
  return `${results} = ${node.op.name}(${[...inputs, ...settingsOf(node.attrs)].join(", ")}): ${types}`
}

/**
 * A program as text: its inputs and variables, a line for each node in the order of a run, its outputs, and what it
 * assigns.
 *
 * @example
 * inspect.text(run.graph({ dtype: "float32", shape: [8, 2] }))
 * // input x0: float32 [8, 2]
 * // variable weight: float32 [3, 2]
 * // v1 = matmul(x0, weight, transposeA=false, transposeB=true): float32 [8, 3]
 * // output v1
 */
export function text(graph: Graph): string {
  const names = new Names(graph)
  const isShown = ({ op, outputs }: Node): boolean =>
    op.leaf !== "input" && op.leaf !== "variable" && !(op.leaf === "constant" && outputs[0].spec.shape.length === 0)
  return [
    ...graph.inputs.map((v) => `input ${names.of(v)}: ${typeOf(v.spec)}`),
    ...variablesOf(graph).map((v) => `variable ${names.of(v.value)}: ${typeOf(v.value.spec)}`),
    ...topological(roots(graph))
      .filter(isShown)
      .map((node) => lineOf(node, names)),
    ...graph.outputs.map((v) => `output ${names.of(v)}`),
    ...[...graph.assigned].map(([variable, v]) => `assign ${names.of(variable.value)} <- ${names.of(v)}`),
  ].join("\n")
}

/** The text of a compiled function's program for inputs of the given specs, simplified, below one line that counts. */
export function describe(
  compiled: Pick<Compiled<readonly unknown[], unknown>, "graph">,
  specs: readonly Tree<Spec>[],
): string {
  const graph = compiled.graph(...specs)
  const computed = topological(roots(graph)).filter((n) => n.op.leaf === undefined)
  const variables = variablesOf(graph)
  const numbers = variables.reduce((n, v) => n + v.initial.data.length, 0)
  const held = `${variables.length} variables of ${numbers} numbers`
  return `${computed.length} nodes, ${held}, ${graph.assigned.size} assigned\n${text(graph)}`
}

const quoted = (s: string): string => `"${s.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`

/**
 * A program as a picture, in the language of Graphviz (`dot -Tsvg`): inputs are ellipses, variables filled boxes, ops
 * boxes; an edge says the shape of what flows along it. `label` gives a node another text, or leaves it out of the
 * picture (`null`).
 */
export function toDot(graph: Graph, { label }: { readonly label?: (node: Node) => string | null } = {}): string {
  const names = new Names(graph)
  const ids = new Map<Node, string>()
  const lines: string[] = []
  const titleOf = (node: Node): string => {
    const { leaf, name } = node.op
    return leaf === undefined || leaf === "random" ? name : names.of(node.outputs[0])
  }
  const styles = { input: "shape=ellipse", constant: "shape=plaintext", random: "shape=ellipse, style=dashed" }
  for (const node of topological(roots(graph))) {
    const title = label === undefined ? titleOf(node) : label(node)
    if (title === null) continue
    const id = `n${ids.size}`
    ids.set(node, id)
    const { leaf } = node.op
    const style =
      leaf === "variable" ? 'shape=box, style=filled, fillcolor="#e8eef7"' : leaf ? styles[leaf] : "shape=box"
    lines.push(`  ${id} [label=${quoted(title)}, ${style}]`)
    for (const v of node.inputs) {
      const from = ids.get(v.node)
      if (from !== undefined) lines.push(`  ${from} -> ${id} [label=${quoted(formatShape(v.spec.shape))}]`)
    }
  }
  const end = (v: Value, name: string, title: string): void => {
    const from = ids.get(v.node)
    if (from === undefined) return
    lines.push(`  ${name} [label=${quoted(title)}, shape=ellipse, penwidth=2]`)
    lines.push(`  ${from} -> ${name} [label=${quoted(formatShape(v.spec.shape))}]`)
  }
  for (const [i, v] of graph.outputs.entries()) end(v, `y${i}`, graph.outputs.length === 1 ? "output" : `output ${i}`)
  for (const [i, [variable, v]] of [...graph.assigned].entries()) end(v, `a${i}`, `${names.of(variable.value)} <-`)
  return `digraph program {\n  rankdir=TB\n  node [fontname="sans-serif"]\n${lines.join("\n")}\n}\n`
}

/** Time spent in all nodes of one op of ours. */
export interface Timing {
  /** Our op; `runtime` for what ONNX Runtime added itself. */
  readonly op: string
  /** The ONNX operators it was written as. */
  readonly operators: readonly string[]
  /** Nodes a run. */
  readonly nodes: number
  /** Mean over the runs. */
  readonly milliseconds: number
  /** Part of the time of all nodes, 0 to 1. */
  readonly share: number
}

interface Event {
  readonly cat?: unknown
  readonly name?: unknown
  readonly dur?: unknown
  readonly args?: { readonly op_name?: unknown }
}

/**
 * Where the time of a run goes, the largest part first, from the text of the profile that {@link Compiled.profile}
 * names. The first run, which also prepares memory, is left out where there are several.
 *
 * @example
 * const run = compile(fn, { profile: "step" })
 * for (let i = 0; i < 10; i++) await run(x)
 * console.log(timingTable(timings(await readFile(await run.profile(), "utf8"))))
 *
 * @throws UsageError when the text is no profile of ONNX Runtime, or no run is in it.
 */
export function timings(profile: string): Timing[] {
  const all = eventsOf(profile)
  const ends = all.map((e, i) => (e.cat === "Session" && e.name === "model_run" ? i : -1)).filter((i) => i >= 0)
  if (ends.length === 0) throw new UsageError("timings: the profile holds no run; run the program before it is ended")
  const events = ends.length > 1 ? all.slice(ends[0] + 1) : all
  const runs = Math.max(1, ends.length - 1)
  const rows = new Map<string, { operators: Set<string>; nodes: number; micros: number }>()
  for (const { cat, name, dur, args } of events) {
    if (cat !== "Node" || typeof name !== "string" || !name.endsWith("_kernel_time") || typeof dur !== "number")
      continue
    const op = /^([^/]+)\/[^/]*$/.exec(name)?.[1] ?? "runtime"
    const row = rows.get(op) ?? { operators: new Set(), nodes: 0, micros: 0 }
    row.operators.add(String(args?.op_name ?? "?"))
    row.nodes++
    row.micros += dur
    rows.set(op, row)
  }
  const total = [...rows.values()].reduce((sum, r) => sum + r.micros, 0)
  return [...rows]
    .map(([op, { operators, nodes, micros }]) => ({
      op,
      operators: [...operators].sort(),
      nodes: nodes / runs,
      milliseconds: micros / runs / 1000,
      share: total === 0 ? 0 : micros / total,
    }))
    .sort((a, b) => b.milliseconds - a.milliseconds)
}

/** Events of a Chrome trace. */
function eventsOf(profile: string): Event[] {
  const refuse = (): never => {
    throw new UsageError("timings: expected the text of a profile of ONNX Runtime (a JSON list of events)")
  }
  let events: unknown
  try {
    events = JSON.parse(profile)
  } catch {
    return refuse()
  }
  if (!Array.isArray(events) || !events.every((e) => typeof e === "object" && e !== null)) return refuse()
  return events as Event[]
}

/** Timings as a table of text: one line an op, and a last one for all of them. */
export function timingTable(rows: readonly Timing[]): string {
  const total = rows.reduce((sum, r) => sum + r.milliseconds, 0)
  const nodes = rows.reduce((sum, r) => sum + r.nodes, 0)
  const lines = [
    ["op", "ms", "share", "nodes", "ONNX"],
    ...rows.map((r) => [r.op, r.milliseconds.toFixed(3), percent(r.share), String(r.nodes), r.operators.join(" ")]),
    ["all", total.toFixed(3), percent(rows.length > 0 ? 1 : 0), String(nodes), ""],
  ]
  const widths = [0, 1, 2, 3].map((i) => Math.max(...lines.map((l) => l[i].length)))
  return lines
    .map((l) => l.map((cell, i) => (i === 0 ? cell.padEnd(widths[0]) : i < 4 ? cell.padStart(widths[i]) : cell)))
    .map((l) => l.join("  ").trimEnd())
    .join("\n")
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`
}
