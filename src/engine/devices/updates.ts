/** Updates that are the same arithmetic for many variables are made at once, on all of their elements as one vector. */
import { sizeOf } from "../array.ts"
import { makeNode, type Node, type Op, rebuilt, topological, type Value } from "../graph.ts"
import { elementwiseOps } from "../ops/elementwise.ts"
import { concat } from "../ops/movement.ts"
import { reduceOps } from "../ops/reduce.ts"
import { sameShape } from "../shape.ts"
import { Tensor, type Variable } from "../tensor.ts"
import { type Graph, roots } from "../trace.ts"

/** The program with its updates joined. */
export interface Joined {
  readonly graph: Graph
  /** Variables that are read and written together, in that order, where they lie so. */
  readonly together: readonly (readonly Variable[])[]
}

const elementwise: ReadonlySet<string> = new Set(elementwiseOps.map((op) => op.name))
const sumOp = reduceOps.find((op) => op.name === "reduceSum")!

/** Fewer than these are left alone. */
const fewest = 3

/** Elements of one vector, unless a variable alone has more: longer ones would leave the caches after each operator. */
const most = 2 ** 20

const isScalar = (v: Value): boolean => sizeOf(v.spec.shape) === 1

/** Whether a node treats each element of its result alone, its operands being like it or single numbers. */
function isElementwise({ op, inputs, outputs }: Node): boolean {
  const { shape } = outputs[0].spec
  return elementwise.has(op.name) && inputs.every((v) => sameShape(v.spec.shape, shape) || isScalar(v))
}

/** Values of the same role in the updates of different variables, in the order of the variables. */
type Lanes = readonly Value[]

/** Joins lanes into vectors; lanes that were joined before are found again. */
class Joiner {
  readonly #known = new Map<Value, { readonly lanes: Lanes; readonly joined: Value }[]>()
  /** For values joined as they are: with which others, and where among all such values. */
  readonly places = new Map<Value, { readonly group: Lanes; readonly rank: number }>()

  join(lanes: Lanes): Value {
    const known = this.#known.get(lanes[0]) ?? []
    this.#known.set(lanes[0], known)
    const before = known.find((k) => k.lanes.length === lanes.length && k.lanes.every((v, i) => v === lanes[i]))
    if (before !== undefined) return before.joined
    const joined = this.#computed(lanes) ?? this.#laid(lanes)
    known.push({ lanes, joined })
    return joined
  }

  /** The same op on the joined operands, where it is the same op in every lane. */
  #computed(lanes: Lanes): Value | undefined {
    const [{ op, inputs, attrs }] = lanes.map((v) => v.node)
    const isAlike = (v: Value): boolean =>
      v.node.op === op && v.node.inputs.length === inputs.length && isElementwise(v.node)
    if (!lanes.every(isAlike) || lanes.every(isScalar)) return undefined
    const key = JSON.stringify(attrs)
    if (!lanes.every((v) => JSON.stringify(v.node.attrs) === key)) return undefined
    const operands = inputs.map((_, k) => lanes.map((v) => v.node.inputs[k]))
    const isShared = operands.map((all) => isScalar(all[0]) && all.every((v) => v === all[0]))
    const isOwn = operands.map((all) => all.every((v, i) => sameShape(v.spec.shape, lanes[i].spec.shape)))
    if (!operands.every((_, k) => isShared[k] || isOwn[k])) return undefined
    const joined = operands.map((all, k) => (isShared[k] ? new Tensor(all[0]).reshape([]).value : this.join(all)))
    return makeNode(op, joined, attrs).outputs[0]
  }

  #laid(lanes: Lanes): Value {
    for (const v of lanes) if (!this.places.has(v)) this.places.set(v, { group: lanes, rank: this.places.size })
    return concat(lanes.map((v) => new Tensor(v).reshape([sizeOf(v.spec.shape)]))).value
  }
}

/** What kind of update of a variable of the given shape a value is: its arithmetic to a small depth. */
function kindOf(v: Value, shape: readonly number[], ids: Map<Value, number>, depth = 3): string {
  if (!sameShape(v.spec.shape, shape)) {
    if (!ids.has(v)) ids.set(v, ids.size)
    return `#${ids.get(v)}`
  }
  if (v.node.op.leaf === "variable") return "v"
  if (depth === 0 || !isElementwise(v.node)) return "."
  return `${v.node.op.name}(${v.node.inputs.map((u) => kindOf(u, shape, ids, depth - 1))})`
}

/** Variables that an update reads element by element. */
function variablesIn(v: Value): Variable[] {
  return topological([v], (node) => node.op.leaf === undefined && !isElementwise(node))
    .filter((node) => node.op.leaf === "variable")
    .map((node) => (node.attrs as { variable: Variable }).variable)
}

/** The number that occurs most often; an update may read other variables besides its own, but those differ. */
function mostFrequent(numbers: readonly number[]): number | undefined {
  const counts = new Map<number, number>()
  for (const n of numbers) counts.set(n, (counts.get(n) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0]
}

/** An update of a variable. */
interface Update {
  readonly variable: Variable
  readonly next: Value
  /** Where it belongs among the others. */
  readonly rank: number
  /** Values that one of its own was joined with before. */
  readonly group?: Lanes | undefined
}

/** Updates in the order of their ranks, in parts that make one vector each. */
function vectors(updates: readonly Update[]): Update[][] {
  const parts: Update[][] = []
  let size = 0
  let group: Lanes | undefined
  for (const update of [...updates].sort((a, b) => a.rank - b.rank)) {
    const own = sizeOf(update.variable.shape)
    if (parts.length === 0 || update.group !== group || (group === undefined && size + own > most)) {
      parts.push([])
      size = 0
    }
    parts.at(-1)!.push(update)
    size += own
    group = update.group
  }
  return parts
}

/** Joins equal updates of float32 variables. `placeOf` tells where variables lie that have a place, as increasing numbers. */
export function joinUpdates(graph: Graph, placeOf: (variable: Variable) => number | undefined): Joined {
  const joiner = new Joiner()
  const ids = new Map<Value, number>()
  const families = new Map<string, [Variable, Value][]>()
  for (const [variable, next] of graph.assigned) {
    // A variable without axes is like the numbers that all updates share.
    if (variable.dtype !== "float32" || variable.rank === 0) continue
    const kind = `${variable.role} ${kindOf(next, variable.shape, ids)}`
    families.set(kind, [...(families.get(kind) ?? []), [variable, next]])
  }
  const assigned = new Map(graph.assigned)
  const together: Variable[][] = []
  const isParameters = ([first]: [Variable, Value][]): number => (first[0].role === "parameter" ? 0 : 1)
  for (const family of [...families.values()].sort((a, b) => isParameters(a) - isParameters(b))) {
    if (family.length < fewest) continue
    const updates = family.map(([variable, next], i): Update => {
      const known = [variable, ...variablesIn(next)]
        .map((v) => joiner.places.get(v.value))
        .filter((p) => p !== undefined)
      const rank = mostFrequent(known.map((p) => p.rank))
      if (rank === undefined) return { variable, next, rank: placeOf(variable) ?? i }
      return { variable, next, rank, group: known.find((p) => p.rank === rank)!.group }
    })
    for (const part of vectors(updates)) {
      together.push(part.map((u) => u.variable))
      const whole = new Tensor(joiner.join(part.map((u) => u.next)))
      let at = 0
      for (const { variable, next } of part) {
        const { shape } = next.spec
        const size = sizeOf(shape)
        assigned.set(variable, whole.slice([[at, at + size]]).reshape(shape).value)
        at += size
      }
    }
  }
  return { graph: joinSums({ ...graph, assigned }, joiner), together }
}

/** Sums over many gradients, as of the norm of all of them, as sums over the joined vectors. */
function joinSums(graph: Graph, joiner: Joiner): Graph {
  const all = roots(graph)
  const nodes = topological(all)
  const uses = new Map<Value, number>()
  for (const v of [...nodes.flatMap((n) => n.inputs), ...all]) uses.set(v, (uses.get(v) ?? 0) + 1)
  const isSum = (v: Value): boolean =>
    v.node.op.name === "add" && isScalar(v) && v.spec.dtype === "float32" && v.node.inputs.every(isScalar)
  const inner = new Set(
    nodes.filter((n) => isSum(n.outputs[0])).flatMap((n) => n.inputs.filter((v) => uses.get(v) === 1)),
  )
  const done = new Map<Value, Value>()
  const visit = (node: Node): void => {
    if (done.has(node.outputs[0])) return
    const next = rebuilt(
      node,
      node.inputs.map((v) => done.get(v)!),
    )
    for (const [i, v] of node.outputs.entries()) done.set(v, next.outputs[i])
  }
  for (const node of nodes) {
    const [v] = node.outputs
    const joined = isSum(v) && !inner.has(v) ? joinedSum(v, joiner, (u) => isSum(u) && inner.has(u)) : undefined
    if (joined === undefined) {
      visit(node)
      continue
    }
    for (const before of topological([joined], (n) => done.has(n.outputs[0]))) visit(before)
    done.set(v, done.get(joined)!)
  }
  return {
    inputs: graph.inputs,
    outputs: graph.outputs.map((v) => done.get(v)!),
    assigned: new Map([...graph.assigned].map(([variable, v]) => [variable, done.get(v)!])),
  }
}

/** A sum of numbers, of which many are sums over tensors that were joined, or `undefined` where they are few. */
function joinedSum(root: Value, joiner: Joiner, isInner: (v: Value) => boolean): Value | undefined {
  const terms: Value[] = []
  const stack = [root]
  while (stack.length > 0) {
    const v = stack.pop()!
    if (v === root || isInner(v)) stack.push(...v.node.inputs)
    else terms.push(v)
  }
  const groups = new Map<Lanes, { readonly from: Value; readonly of: Value }[]>()
  const rest: Value[] = []
  for (const term of terms) {
    const from = joinedIn(term, joiner)
    const group = from && joiner.places.get(from)!.group
    if (group === undefined) rest.push(term)
    else groups.set(group, [...(groups.get(group) ?? []), { from: from!, of: term.node.inputs[0] }])
  }
  const sums: Value[] = []
  for (const [group, members] of groups) {
    if (members.length !== group.length) return undefined
    // Two lanes may hold the same value: each takes one of the terms made from it.
    const sorted = group.map(
      (v) =>
        members.splice(
          Math.max(
            0,
            members.findIndex((m) => m.from === v),
          ),
          1,
        )[0].of,
    )
    sums.push(makeNode(sumOp as Op, [joiner.join(sorted)], { axes: [0], keepDims: false }).outputs[0])
  }
  if (terms.length < fewest || sums.length === 0) return undefined
  return [...sums, ...rest]
    .map((v) => new Tensor(v).reshape([]))
    .reduce((a, b) => a.add(b))
    .reshape(root.spec.shape).value
}

/** What the tensor that a number is the sum of was computed from and is joined with others, if that is so. */
function joinedIn(term: Value, joiner: Joiner): Value | undefined {
  const { op, inputs, attrs } = term.node
  const { axes } = attrs as { readonly axes: readonly number[] }
  // A sum in blocks bears the same name, but not the same attributes.
  if (op !== sumOp || axes.length !== inputs[0].spec.shape.length) return undefined
  let at = inputs[0]
  while (!joiner.places.has(at)) {
    if (!isElementwise(at.node)) return undefined
    at = at.node.inputs[0]
  }
  return at
}
