/** A function run once on stand-ins becomes a graph: its inputs, outputs, and what it assigns. */
import { rewrite, type Spec, topological, type Value } from "./graph.ts"
import { UsageError } from "./shape.ts"
import { placeholder, Tensor, type Variable, within } from "./tensor.ts"

/** A program as data. */
export interface Graph {
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  /** Variables written at the end of a run, with their new values. */
  readonly assigned: ReadonlyMap<Variable, Value>
}

/** Nested lists and records whose leaves are of one type. */
export type Tree<T> = T | readonly Tree<T>[] | { readonly [key: string]: Tree<T> }

/** Whether the program trains (dropout drops, batch normalisation uses the batch) or evaluates. */
export interface TraceOptions {
  /** Training mode: dropout drops, and batch normalisation uses the batch. Default false. */
  readonly training?: boolean
  /** Variables to read (and write) in place of others: how averaged weights are sampled from. */
  readonly replace?: (variable: Variable) => Variable
}

/**
 * Traces `fn` on stand-ins of the given specs; returns the graph and the result with its tensors in place.
 *
 * @throws UsageError when the function returns anything but tensors in lists and plain records (a promise, say).
 */
export function trace<R>(
  fn: (...inputs: never[]) => R,
  specs: readonly Tree<Spec>[],
  { training = false, replace }: TraceOptions = {},
): { readonly graph: Graph; readonly result: R } {
  const inputs: Value[] = []
  const stand = (spec: Spec, path: string): Tensor => {
    const t = placeholder(path, spec)
    inputs.push(t.value)
    return t
  }
  const assigned = new Map<Variable, Tensor>()
  const args = specs.map((s, i) => mapTree(s, isSpec, stand, `x${i}`))
  const result = within({ training, assigned }, () => fn(...(args as never[])))
  const outputs: Value[] = []
  mapTree(result as Tree<Tensor>, isTensor, (t) => outputs.push(t.value), "y")
  const updates = new Map([...assigned].map(([v, t]) => [v, t.value]))
  const graph = { inputs, outputs, assigned: updates }
  return { graph: replace === undefined ? graph : substituted(graph, replace), result }
}

/** The graph with every variable replaced. */
function substituted(graph: Graph, replace: (variable: Variable) => Variable): Graph {
  const done = rewrite(roots(graph), (node) =>
    node.op.leaf === "variable" ? [replace((node.attrs as { variable: Variable }).variable).value] : undefined,
  )
  return {
    inputs: graph.inputs,
    outputs: graph.outputs.map((v) => done.get(v)!),
    assigned: new Map([...graph.assigned].map(([v, t]) => [replace(v), done.get(t)!])),
  }
}

/** Whether a leaf of a tree is a spec. */
export function isSpec(x: unknown): x is Spec {
  return typeof x === "object" && x !== null && "dtype" in x && Array.isArray((x as Spec).shape)
}

/** Whether a leaf of a tree is a tensor. */
export function isTensor(x: unknown): x is Tensor {
  return x instanceof Tensor
}

/** The same tree with every leaf replaced; `path` names leaves by where they are (`x0.image`). */
export function mapTree<T, U>(
  tree: Tree<T>,
  isLeaf: (x: unknown) => x is T,
  map: (leaf: T, path: string) => U,
  path = "",
): Tree<U> {
  if (isLeaf(tree)) return map(tree, path)
  if (Array.isArray(tree)) return tree.map((t, i) => mapTree(t as Tree<T>, isLeaf, map, `${path}.${i}`))
  if (isRecord(tree)) {
    return Object.fromEntries(
      Object.entries(tree).map(([key, t]) => [key, mapTree(t as Tree<T>, isLeaf, map, `${path}.${key}`)]),
    )
  }
  throw new UsageError(
    `a program's arguments and results are tensors in lists and records; got ${String(tree)} at ${path}`,
  )
}

/** Whether a value is a plain object: promises, maps and the like would look empty. */
function isRecord(x: unknown): x is object {
  if (typeof x !== "object" || x === null) return false
  const parent: unknown = Object.getPrototypeOf(x)
  return parent === null || parent === Object.prototype
}

/** Every output of a graph: what the caller gets and what is assigned. */
export function roots(graph: Graph): Value[] {
  return [...graph.outputs, ...graph.assigned.values()]
}

/** Variables a graph reads or writes, in the order of first use. */
export function variablesOf(graph: Graph): Variable[] {
  const found = new Set<Variable>()
  for (const node of topological(roots(graph))) {
    if (node.op.leaf === "variable") found.add((node.attrs as { variable: Variable }).variable)
  }
  for (const variable of graph.assigned.keys()) found.add(variable)
  return [...found]
}

/** Random leaves of a graph in the order in which they were drawn. */
export function randomsOf(graph: Graph): Value[] {
  return topological(roots(graph))
    .filter((n) => n.op.leaf === "random")
    .sort((a, b) => (a.attrs as { id: number }).id - (b.attrs as { id: number }).id)
    .map((n) => n.outputs[0])
}
