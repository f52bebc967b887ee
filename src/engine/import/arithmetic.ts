/** ONNX arithmetic, logic and reductions that are compositions of our ops, and nodes that pass their input on. */
import { filled } from "../create.ts"
import type { Importer, ImportSite } from "../graph.ts"
import { equal, less, logicalNot, logicalOr, where } from "../ops/compare.ts"
import { abs, exp, log, sqrt, stopGradient } from "../ops/elementwise.ts"
import { max, type ReduceOptions, readReduce, sum } from "../ops/reduce.ts"
import { normalizeAxes } from "../shape.ts"
import type { Tensor } from "../tensor.ts"
import { constantOf } from "./site.ts"

const all = (site: ImportSite): Tensor[] => site.inputs.map((_, i) => site.input(i))
const total = (site: ImportSite): Tensor => all(site).reduce((a, b) => a.add(b))

const reduced = (type: string, fn: (x: Tensor, options: ReduceOptions) => Tensor): Importer => ({
  type,
  read: (site) => fn(site.input(0), readReduce(site)),
})

/** ln sum e^x, stable for large x. */
function logSumExp(x: Tensor, options: ReduceOptions): Tensor {
  const axes = normalizeAxes("reduceLogSumExp", options.axes, x.rank)
  // The logarithm of an empty sum: there is no largest element.
  if (axes.some((a) => x.shape[a] === 0)) return log(sum(x, options))
  const largest = stopGradient(max(x, { ...options, keepDims: true }))
  // An infinity minus itself would be no number.
  const top = where(less(abs(largest), Number.POSITIVE_INFINITY), largest, 0)
  const y = log(sum(exp(x.sub(top)), options))
  return y.add(top.reshape(y.shape))
}

/** Nothing is dropped: what is read is the network as it answers, not as it trains. */
function readDropout(site: ImportSite): Tensor[] {
  site.float("ratio", 0.5)
  site.int("seed", 0)
  const mode = site.inputs[2]
  if (mode && !(constantOf(mode)?.data[0] === 0) && site.constant(1)?.[0] !== 0) {
    site.fail("is in training mode; export the network for inference")
  }
  const x = site.input(0)
  return site.node.outputs.length > 1 ? [x, filled(x.shape, 1, "bool")] : [x]
}

function readInfinite(site: ImportSite): Tensor {
  const x = site.input(0)
  const [above, below] = [equal(x, Number.POSITIVE_INFINITY), equal(x, Number.NEGATIVE_INFINITY)]
  const [wantsAbove, wantsBelow] = [site.int("detect_positive", 1) !== 0, site.int("detect_negative", 1) !== 0]
  if (wantsAbove && wantsBelow) return logicalOr(above, below)
  if (!wantsAbove && !wantsBelow) site.fail("detects neither positive nor negative infinities")
  return wantsAbove ? above : below
}

/** Arithmetic. */
export const arithmeticImporters: readonly Importer[] = [
  { type: "Identity", read: (site) => site.input(0) },
  { type: "Dropout", read: readDropout },
  { type: "Sum", read: total },
  { type: "Mean", read: (site) => total(site).div(site.inputs.length) },
  { type: "Xor", read: (site) => logicalNot(equal(site.input(0), site.input(1))) },
  { type: "IsInf", read: readInfinite },
  reduced("ReduceL1", (x, options) => sum(abs(x), options)),
  reduced("ReduceL2", (x, options) => sqrt(sum(x.square(), options))),
  reduced("ReduceSumSquare", (x, options) => sum(x.square(), options)),
  reduced("ReduceLogSum", (x, options) => log(sum(x, options))),
  reduced("ReduceLogSumExp", logSumExp),
]
