/** ONNX's Einsum as transposes, sums and one matrix product for each further operand. */
import { fromNumbers, sizeOf } from "../array.ts"
import type { Importer, ImportSite } from "../graph.ts"
import { gather } from "../ops/gather.ts"
import { matmul } from "../ops/matmul.ts"
import { transpose } from "../ops/movement.ts"
import { constant, type Tensor } from "../tensor.ts"

/** A tensor whose axes have labels, none of them twice. */
interface Labelled {
  readonly x: Tensor
  readonly labels: readonly string[]
}

/** `ab...c` as labels; the axes of the dots are numbered from the back, so that they meet as in broadcasting. */
function labelsOf(site: ImportSite, term: string, dots: number): string[] {
  if (!/^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(term)) site.fail(`equation has the term ${JSON.stringify(term)}`)
  const [before, after] = term.includes("...") ? term.split("...") : [term, undefined]
  const middle = after === undefined ? [] : Array.from({ length: dots }, (_, i) => String(dots - i))
  return [...before, ...middle, ...(after ?? "")]
}

/** The diagonal along two axes of one label, which goes to the back. */
function diagonal(site: ImportSite, x: Tensor, labels: readonly string[]): Labelled {
  const second = labels.findIndex((label, i) => labels.indexOf(label) < i)
  if (second < 0) return { x, labels }
  const first = labels.indexOf(labels[second])
  const n = x.shape[first]
  if (x.shape[second] !== n) site.fail(`label ${labels[first]} stands for ${n} and ${x.shape[second]}`)
  const rest = labels.map((_, i) => i).filter((i) => i !== first && i !== second)
  const flat = transpose(x, [...rest, first, second]).reshape([...rest.map((i) => x.shape[i]), n * n])
  const places = Array.from({ length: n }, (_, k) => k * (n + 1))
  const y = gather(flat, constant(fromNumbers("int32", [n], places)), rest.length)
  return diagonal(site, y, [...rest.map((i) => labels[i]), labels[first]])
}

/** Axes whose labels nobody wants any more are summed over. */
function summed({ x, labels }: Labelled, wanted: readonly string[]): Labelled {
  const axes = labels.map((_, i) => i).filter((i) => !wanted.includes(labels[i]))
  return axes.length === 0 ? { x, labels } : { x: x.sum({ axes }), labels: labels.filter((l) => wanted.includes(l)) }
}

/** Axes in the order of the given labels, those of size 1 among the dots repeated to the size they meet. */
function ordered({ x, labels }: Labelled, order: readonly string[], sizes: ReadonlyMap<string, number>): Tensor {
  const placed = transpose(
    x,
    order.map((l) => labels.indexOf(l)),
  )
  return placed.broadcastTo(order.map((l) => sizes.get(l)!))
}

/** The product of two, summed over what they share and nobody wants. */
function product(a: Labelled, b: Labelled, wanted: readonly string[], sizes: ReadonlyMap<string, number>): Labelled {
  const [left, right] = [summed(a, [...wanted, ...b.labels]), summed(b, [...wanted, ...a.labels])]
  const shared = left.labels.filter((l) => right.labels.includes(l))
  const [kept, inner] = [shared.filter((l) => wanted.includes(l)), shared.filter((l) => !wanted.includes(l))]
  const rows = left.labels.filter((l) => !shared.includes(l))
  const columns = right.labels.filter((l) => !shared.includes(l))
  const count = (labels: readonly string[]): number => sizeOf(labels.map((l) => sizes.get(l)!))
  const batch = kept.map((l) => sizes.get(l)!)
  const x = ordered(left, [...kept, ...rows, ...inner], sizes).reshape([...batch, count(rows), count(inner)])
  const y = ordered(right, [...kept, ...inner, ...columns], sizes).reshape([...batch, count(inner), count(columns)])
  const labels = [...kept, ...rows, ...columns]
  return { x: matmul(x, y).reshape(labels.map((l) => sizes.get(l)!)), labels }
}

function readEinsum(site: ImportSite): Tensor {
  const equation = site.text("equation", "").replace(/\s/g, "")
  const [from, to, ...more] = equation.split("->")
  const terms = from.split(",")
  if (more.length > 0 || terms.length !== site.inputs.length) {
    site.fail(`equation is ${JSON.stringify(equation)} for ${site.inputs.length} inputs`)
  }
  const sizes = new Map<string, number>()
  const operands = terms.map((term, i): Labelled => {
    const x = site.input(i)
    const dots = x.rank - term.replace("...", "").length
    const labels = labelsOf(site, term, dots)
    if (labels.length !== x.rank) site.fail(`term ${JSON.stringify(term)} is of ${x.rank} axes`)
    for (const [axis, label] of labels.entries()) {
      const [known, own] = [sizes.get(label), x.shape[axis]]
      const isDot = /\d/.test(label)
      if (known === undefined || (isDot && known === 1)) sizes.set(label, own)
      else if (known !== own && !(isDot && own === 1)) site.fail(`label ${label} stands for ${known} and ${own}`)
    }
    return diagonal(site, x, labels)
  })
  const dots = [...sizes.keys()].filter((l) => /\d/.test(l)).sort((a, b) => Number(b) - Number(a))
  const all = operands.flatMap((o) => o.labels)
  // Without an arrow, what occurs once is wanted, in the order of the alphabet.
  const once = [...new Set(all)].filter((l) => !/\d/.test(l) && terms.join("").split(l).length === 2).sort()
  const output = to === undefined ? [...dots, ...once] : labelsOf(site, to, dots.length)
  const unknown = output.find((l, i) => !sizes.has(l) || output.indexOf(l) < i)
  if (unknown !== undefined) site.fail(`equation is ${JSON.stringify(equation)}: ${unknown} is no label of the result`)
  const result = operands.reduce((a, b, i) =>
    product(a, b, [...output, ...operands.slice(i + 1).flatMap((o) => o.labels)], sizes),
  )
  return ordered(summed(result, output), output, sizes)
}

/** Einstein's sums. */
export const einsumImporters: readonly Importer[] = [{ type: "Einsum", opsets: [12, 28], read: readEinsum }]
