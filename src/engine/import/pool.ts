/** ONNX poolings: those that are ours as ours, the others as a reduction over the positions of the window. */
import { array, ranges, sizeOf } from "../array.ts"
import { avgPool2d, maxPool2d } from "../fused/pool.ts"
import type { Importer, ImportSite } from "../graph.ts"
import { abs, maximum, sqrt } from "../ops/elementwise.ts"
import { max, mean } from "../ops/reduce.ts"
import { pad, slice } from "../ops/slice.ts"
import { constant, type Tensor } from "../tensor.ts"
import { expectSize } from "./site.ts"
import { readWindows, type Windows } from "./window.ts"

interface Pool extends Windows {
  readonly sizes: readonly number[]
  readonly out: readonly number[]
}

function readPool(site: ImportSite): Pool {
  const sizes = site.input(0).shape.slice(2)
  const kernel = site.ints("kernel_shape") ?? site.fail("has no kernel_shape")
  const window = readWindows(site, sizes, kernel)
  const isCeil = site.int("ceil_mode", 0) !== 0
  const { strides, dilations, low, high } = window
  const out = sizes.map((n, i) => {
    const room = n + low[i] + high[i] - dilations[i] * (kernel[i] - 1) - 1
    const steps = (isCeil ? Math.ceil : Math.floor)(room / strides[i])
    // A last window that would start in the padding behind the input is left out.
    return steps * strides[i] >= n + low[i] ? steps : steps + 1
  })
  if (out.some((n) => n < 1)) site.fail(`the window [${kernel.join(", ")}] is larger than the padded input`)
  // Each position of a window becomes an op, unless the pooling is one of ours.
  expectSize(site, sizeOf(kernel), "the window", 1024)
  return { ...window, sizes, out }
}

/** Size, stride and padding where a pooling is square, undilated and ends with its last whole window. */
function square({ kernel, strides, dilations, low, high, sizes, out }: Pool) {
  const [size, stride, padding] = [kernel[0], strides[0], low[0]]
  const same = (list: readonly number[], n: number): boolean => list.every((v) => v === n)
  const isWhole = sizes.every((n, i) => out[i] === Math.floor((n + 2 * padding - size) / stride) + 1)
  const isSquare = same(kernel, size) && same(strides, stride) && same([...low, ...high], padding)
  if (kernel.length !== 2 || !isSquare || !same(dilations, 1) || !isWhole || 2 * padding > size) return undefined
  return { size, stride, padding }
}

/** The input at each position of the window, as arrays of the output's shape; `value` fills the padding. */
function taps(x: Tensor, { kernel, strides, dilations, low, sizes, out }: Pool, value: number): Tensor[] {
  const ends = out.map((n, i) => (n - 1) * strides[i] + dilations[i] * (kernel[i] - 1) + 1)
  const behind = ends.map((end, i) => Math.max(0, end - low[i] - sizes[i]))
  const padded = pad(x, [[0, 0], [0, 0], ...low.map((l, i) => [l, behind[i]] as const)], value)
  return Array.from({ length: sizeOf(kernel) }, (_, k) => {
    const at = placeOf(k, kernel).map((p, i) => p * dilations[i])
    return slice(padded, [null, null, ...at.map((a, i) => [a, a + (out[i] - 1) * strides[i] + 1, strides[i]] as const)])
  })
}

/** Index of each axis for the k-th element. */
function placeOf(k: number, shape: readonly number[]): number[] {
  const place: number[] = []
  let rest = k
  for (const n of [...shape].reverse()) {
    place.unshift(rest % n)
    rest = Math.floor(rest / n)
  }
  return place
}

/** How many elements each window averages over: the input's, and its padding's where that counts. */
function counts({ kernel, strides, dilations, low, high, sizes, out }: Pool, countsPadding: boolean): Float64Array {
  const along = out.map((n, i) =>
    Array.from({ length: n }, (_, o) => {
      let count = 0
      for (let k = 0; k < kernel[i]; k++) {
        const at = o * strides[i] + k * dilations[i] - low[i]
        if (countsPadding ? at < sizes[i] + high[i] : at >= 0 && at < sizes[i]) count++
      }
      return count
    }),
  )
  return Float64Array.from({ length: sizeOf(out) }, (_, k) =>
    placeOf(k, out).reduce((product, o, i) => product * along[i][o], 1),
  )
}

function readMax(site: ImportSite): Tensor {
  const x = site.input(0)
  if (site.int("storage_order", 0) !== 0) site.fail("storage_order is 1, expected 0")
  const pool = readPool(site)
  const plain = square(pool)
  if (plain !== undefined) return maxPool2d(x, plain.size, plain)
  return taps(x, pool, ranges[x.dtype][0]).reduce((a, b) => maximum(a, b))
}

function readAverage(site: ImportSite): Tensor {
  const x = site.input(0)
  const countsPadding = site.int("count_include_pad", 0) !== 0
  const pool = readPool(site)
  const plain = square(pool)
  if (plain !== undefined && (countsPadding || plain.padding === 0)) return avgPool2d(x, plain.size, plain)
  expectSize(site, sizeOf(pool.out), "the output")
  const shares = counts(pool, countsPadding).map((n) => 1 / n)
  const share = constant(array("float64", [1, 1, ...pool.out], shares), x.dtype)
  return taps(x, pool, 0)
    .reduce((a, b) => a.add(b))
    .mul(share)
}

/** The p-norm of each window. */
function readNorm(site: ImportSite): Tensor {
  const x = site.input(0)
  const pool = readPool(site)
  const p = site.int("p", 2)
  if (!(p >= 1)) site.fail(`p is ${p}, expected a number from 1`)
  const total = taps(power(x, p), pool, 0).reduce((a, b) => a.add(b))
  return p === 2 ? sqrt(total) : total.pow(1 / p)
}

const power = (x: Tensor, p: number): Tensor => (p === 2 ? x.square() : abs(x).pow(p))

function readGlobalNorm(site: ImportSite): Tensor {
  const x = site.input(0)
  const p = site.int("p", 2)
  if (!(p >= 1)) site.fail(`p is ${p}, expected a number from 1`)
  const total = power(x, p).sum({ axes: spatial(x), keepDims: true })
  return p === 2 ? sqrt(total) : total.pow(1 / p)
}

const spatial = (x: Tensor): number[] => x.shape.map((_, i) => i).slice(2)

/** Poolings. */
export const poolImporters: readonly Importer[] = [
  { type: "MaxPool", read: readMax },
  { type: "AveragePool", read: readAverage },
  {
    type: "GlobalAveragePool",
    read: (site) => mean(site.input(0), { axes: spatial(site.input(0)), keepDims: true }),
  },
  { type: "LpPool", read: readNorm },
  { type: "GlobalLpPool", read: readGlobalNorm },
  { type: "GlobalMaxPool", read: (site) => max(site.input(0), { axes: spatial(site.input(0)), keepDims: true }) },
]
