/** ONNX normalisations read as ours. */
import { groupNorm, layerNorm } from "../fused/normalize.ts"
import type { Importer, ImportSite } from "../graph.ts"
import { equal, where } from "../ops/compare.ts"
import { abs, reciprocal, sqrt } from "../ops/elementwise.ts"
import { mean, sum } from "../ops/reduce.ts"
import { pad, slice } from "../ops/slice.ts"
import { normalizeAxes, normalizeAxis, sameShape } from "../shape.ts"
import type { Tensor } from "../tensor.ts"
import { expectSize } from "./site.ts"

/** A vector [channels] as [1, channels, 1, ...]. */
function perChannel(v: Tensor, rank: number): Tensor {
  return v.reshape(Array.from({ length: rank }, (_, i) => (i === 1 ? -1 : 1)))
}

/** By the running statistics, as networks are exported. */
function readBatch(site: ImportSite): Tensor {
  const [x, weight, bias, center, variance] = [0, 1, 2, 3, 4].map((i) => site.input(i))
  if (site.int("training_mode", 0) !== 0) site.fail("training_mode is 1; export the network for inference")
  if (site.int("spatial", 1) !== 1) site.fail("spatial is 0, expected 1: one mean for each channel")
  site.float("momentum", 0.9)
  const scale = weight.div(variance.add(site.float("epsilon", 1e-5)).sqrt())
  const shift = bias.sub(center.mul(scale))
  return x.mul(perChannel(scale, x.rank)).add(perChannel(shift, x.rank))
}

function readGroup(site: ImportSite): Tensor {
  const [x, weight, bias] = [0, 1, 2].map((i) => site.input(i))
  const groups = site.int("num_groups", 0)
  if (!(groups >= 1)) site.fail(`num_groups is ${groups}, expected a number from 1`)
  site.int("stash_type", 1)
  const eps = site.float("epsilon", 1e-5)
  if (site.opset >= 21) return groupNorm(x, groups, { weight, bias }, eps)
  // Until operator set 21, weight and bias were one number a group.
  const channels = x.shape[1]
  const spread = (v: Tensor): Tensor =>
    v
      .reshape([groups, 1])
      .broadcastTo([groups, channels / groups])
      .reshape([channels])
  if (channels % groups !== 0) site.fail(`${channels} channels do not divide into ${groups} groups`)
  return groupNorm(x, groups, { weight: spread(weight), bias: spread(bias) }, eps)
}

function readLayer(site: ImportSite): Tensor[] {
  const [x, weight] = [site.input(0), site.input(1)]
  const bias = site.inputs[2]
  const first = normalizeAxis("layerNorm", site.int("axis", -1), x.rank)
  const eps = site.float("epsilon", 1e-5)
  site.int("stash_type", 1)
  const last = x.shape.slice(first)
  const isPlain = bias && sameShape(weight.shape, last) && sameShape(bias.shape, last)
  const normal = (): Tensor => layerNorm(x, last.length, undefined, eps).mul(weight)
  const y = isPlain ? layerNorm(x, last.length, { weight, bias }, eps) : bias ? normal().add(bias) : normal()
  if (site.node.outputs.length === 1) return [y]
  const axes = x.shape.map((_, i) => i).slice(first)
  const center = mean(x, { axes, keepDims: true })
  const spread = mean(x.sub(center).square(), { axes, keepDims: true }).add(eps)
  return [y, center, reciprocal(sqrt(spread))]
}

function readRms(site: ImportSite): Tensor {
  const x = site.input(0)
  const first = normalizeAxis("rmsNorm", site.int("axis", -1), x.rank)
  const axes = x.shape.map((_, i) => i).slice(first)
  site.int("stash_type", 1)
  const size = mean(x.square(), { axes, keepDims: true }).add(site.float("epsilon", 1e-5))
  return x.div(size.sqrt()).mul(site.input(1))
}

/** By the squares of neighbouring channels. Source: Krizhevsky et al. 2012, section 3.3. */
function readLocal(site: ImportSite): Tensor {
  const x = site.input(0)
  const size = site.int("size", 0)
  if (x.rank < 2 || !(size >= 1)) site.fail("expected an input of two axes or more, and a size from 1")
  expectSize(site, size, "the window", 1024)
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)]
  const widths = x.shape.map((_, i) => (i === 1 ? ([before, after] as const) : ([0, 0] as const)))
  const squares = pad(x.square(), widths)
  const channels = x.shape[1]
  const sums = Array.from({ length: size }, (_, k) => slice(squares, [null, [k, k + channels]]))
  const total = sums.reduce((a, b) => a.add(b)).mul(site.float("alpha", 1e-4) / size)
  return x.div(total.add(site.float("bias", 1)).pow(site.float("beta", 0.75)))
}

/** By the norm along an axis; what has none stays 0. */
function readNorm(site: ImportSite): Tensor {
  const x = site.input(0)
  const axes = normalizeAxis("lpNormalization", site.int("axis", -1), x.rank)
  const p = site.int("p", 2)
  if (p !== 1 && p !== 2) site.fail(`p is ${p}, expected 1 or 2`)
  const total = sum(p === 1 ? abs(x) : x.square(), { axes, keepDims: true })
  const isZero = equal(total, 0)
  const safe = where(isZero, 1, total)
  return where(isZero, 0, x.div(p === 1 ? safe : sqrt(safe)))
}

function readMeanVariance(site: ImportSite): Tensor {
  const x = site.input(0)
  const axes = normalizeAxes("meanVarianceNormalization", site.ints("axes") ?? [0, 2, 3], x.rank)
  const centred = x.sub(mean(x, { axes, keepDims: true }))
  return centred.div(sqrt(mean(centred.square(), { axes, keepDims: true })).add(1e-9))
}

/** Normalisations. */
export const normalizeImporters: readonly Importer[] = [
  { type: "BatchNormalization", buffers: [3, 4], read: readBatch },
  {
    type: "InstanceNormalization",
    read: (site) => {
      const [x, weight, bias] = [0, 1, 2].map((i) => site.input(i))
      return groupNorm(x, x.shape[1], { weight, bias }, site.float("epsilon", 1e-5))
    },
  },
  { type: "GroupNormalization", opsets: [18, 28], read: readGroup },
  { type: "LayerNormalization", opsets: [17, 28], read: readLayer },
  { type: "LRN", read: readLocal },
  { type: "LpNormalization", read: readNorm },
  { type: "MeanVarianceNormalization", opsets: [9, 28], read: readMeanVariance },
  { type: "RMSNormalization", opsets: [23, 28], read: readRms },
]
