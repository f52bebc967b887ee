// Statistics, the arithmetic of a program, and the rate at which the runtime multiplies matrices.
import { compile, Variable } from "../dist/index.js"

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
export const least = (values) => Math.min(...values)
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Largest memory this process has held, in MB. */
export const peakRss = () => process.resourceUsage().maxRSS / 1024

const product = (numbers) => numbers.reduce((n, d) => n * d, 1)

/** Floating-point operations of a node: two for each product of a convolution or matrix product; the rest is not counted. */
const operations = {
  // [batch, out, ...] times the products of one output element.
  conv: ([, w], y) => 2 * product(y) * product(w.slice(1)),
  // As many as the convolution whose input gradient it is: one for each element of the output gradient.
  convInput: ([g, w]) => 2 * product(g) * product(w.slice(1)),
  convKernel: ([, g], w) => 2 * product(g) * product(w.slice(1)),
  matmul: ([a], y, { transposeA }) => 2 * product(y) * (transposeA ? a.at(-2) : a.at(-1)),
}

/** Nominal operations of a program: what its graph says, whatever a device saves. */
export function operationsOf({ outputs, assigned }) {
  const seen = new Set()
  const stack = [...outputs, ...assigned.values()].map((v) => v.node)
  let total = 0
  while (stack.length > 0) {
    const node = stack.pop()
    if (seen.has(node)) continue
    seen.add(node)
    const count = operations[node.op.name]
    if (count !== undefined) {
      total += count(
        node.inputs.map((v) => v.spec.shape),
        node.outputs[0].spec.shape,
        node.attrs,
      )
    }
    stack.push(...node.inputs.map((v) => v.node))
  }
  return total
}

/**
 * Operations a second of one large matrix product in the runtime, best of `tries`. The factors are variables of two
 * roles: each fills a buffer of the runtime's by itself, so nothing is copied. The result is reduced, for outputs cost.
 */
export async function matmulPeak(tries = 12) {
  const [m, k, n] = [1024, 4096, 1024]
  const fill = (rows, columns, role) =>
    new Variable(
      {
        dtype: "float32",
        shape: [rows, columns],
        data: Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i)),
      },
      { role },
    )
  const [a, b] = [fill(m, k, "parameter"), fill(k, n, "buffer")]
  const multiply = compile(() => a.matmul(b).max())
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < tries; i++) {
    const start = performance.now()
    await multiply()
    best = Math.min(best, performance.now() - start)
  }
  await multiply.dispose()
  return (2 * m * k * n) / (best / 1000)
}
